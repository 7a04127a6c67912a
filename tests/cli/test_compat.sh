# weir schema compat: Avro and JSON Schema, each mode, and its exit codes.
. "$(dirname "$0")/lib.sh"
cd "$T"

field() { printf '{"name":"%s","type":"%s"%s}' "$1" "$2" "$3"; }
record() { printf '{"type":"record","name":"R","fields":[%s]}' "$1"; }
record "$(field a int)" >1.avsc
record "$(field a int),$(field b string ',"default":""')" >2.avsc
record "$(field a long),$(field c string)" >3.avsc
echo '{"type":"object","properties":{"a":{}}}' >1.json
echo '{"type":"object","properties":{"a":{},"b":{"type":"string"}}}' >2.json

run "a default" 0 schema compat 1.avsc 2.avsc
err_has "BACKWARD: compatible"
run "both ways" 0 schema compat 1.avsc 2.avsc --mode full
run "no default" 1 schema compat 2.avsc 3.avsc
out_has "/fields/1  READER_FIELD_MISSING_DEFAULT_VALUE: field c"
out_has "Give the field a default"
err_has "BACKWARD: not compatible"
run "forward" 1 schema compat 2.avsc 3.avsc --mode forward
out_has "2.avsc cannot read all that 3.avsc"
out_has "TYPE_MISMATCH"
record "$(field a int),$(field b string)" >4.avsc
run "the last alone" 0 schema compat 1.avsc 2.avsc 4.avsc
run "every one" 1 schema compat 1.avsc 2.avsc 4.avsc --mode backward-transitive
out_has "4.avsc cannot read all that 1.avsc"
run "as JSON" 1 schema compat 2.avsc 3.avsc --format json
out_has '^{"mode":"BACKWARD","compatible":false,"findings":\[{"reader":"3.avsc","writer":"2.avsc","rule":"READER_FIELD'
run "as JSON, compatible" 0 schema compat 1.avsc 2.avsc --json
out_has '^{"mode":"BACKWARD","compatible":true,"findings":\[\]}$'
run "strict" 1 schema compat 1.json 2.json
out_has "/properties/b  PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
run "lenient" 0 schema compat 1.json 2.json --lenient
echo '{"$ref":"part.json"}' >ref.json
echo '{"type":"integer"}' >part.json
echo '{"type":"string"}' >3.json
run "a reference into a file" 1 schema compat 3.json ref.json
out_has "TYPE_NARROWED: written was \"string\""
rm part.json
run "… that is not there" 1 schema compat 3.json ref.json
out_has "/\$ref  REFERENCE_UNRESOLVED"
echo '{"type":"integer","maximum":5}' >4.json
echo '{"maximum":5,"exclusiveMaximum":true}' >5.json
run "a keyword of another draft" 2 schema compat 4.json 5.json
err_has "5.json:1:"
run "… by its own" 1 schema compat 4.json 5.json --draft draft4
out_has "MAXIMUM_LOWERED: written was 5"
echo '{"oneOf":[{"type":"integer"},{"type":"string"}]}' >6.json
echo '{"oneOf":[{"type":"number"},{"type":["integer","string"]}]}' >7.json
run "branches that overlap" 1 schema compat 6.json 7.json
out_has "/oneOf  SUM_TYPE_OVERLAPS: another branch may match"
run "of two kinds" 2 schema compat 1.json 2.avsc
err_has "not of one kind"
run "one alone" 2 schema compat 1.avsc
run "a mode that is none" 2 schema compat 1.avsc 2.avsc --mode sideways
err_has "none of backward"
echo '{"type":"record"}' >bad.avsc
run "no schema" 2 schema compat 1.avsc bad.avsc
err_has "bad.avsc:1:1"
run "no file" 3 schema compat 1.avsc nowhere.avsc
finish
