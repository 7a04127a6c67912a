# weir validate with Avro: object container files, Avro schemas, records that name a schema of a registry.
. "$(dirname "$0")/lib.sh"
AVRO=$PWD/tests/cli/avro_file.py
cd "$T" || exit 2
avro() { python3 "$AVRO" "$@"; }

# ---- files, by their own schema
for codec in null deflate snappy zstandard xz; do
    avro $codec 1:5 2:6.5 3:-1 >"$codec.avro"
    run "$codec" 0 validate "$codec.avro"
    err_has "^3 documents: 3 valid, 0 invalid$"
done
avro bzip2 1:5 >bzip2.avro
run "a codec that is not known" 1 validate bzip2.avro
out_has '^bzip2.avro: error: the codec bzip2 is none of null.*AVRO_DATA'
printf '{"type":"record","name":"R","fields":[]}' >empty.avsc
printf '{"\\u001b[31mred":1}\n' >escape.jsonl
run "a stranger's control characters" 1 validate --schema empty.avsc escape.jsonl
out_has 'no field \.\[31mred '
"$WEIR" validate - <null.avro >said 2>sum
is "stdin" grep -q '^3 documents: 3 valid' sum
gzip -k null.avro
run "gz" 0 validate null.avro.gz
mkdir folder
cp null.avro xz.avro folder
run "a folder" 0 validate folder
err_has "^6 documents: 6 valid"
avro null 1:5 x 3:1 >bad.avro
run "a value that is none" 1 validate bad.avro
out_has '^bad.avro#2: error: byte 1: .*AVRO_DATA'
err_has "^3 documents: 2 valid, 1 invalid$"
head -c 300 snappy.avro >cut.avro
run "a file that is cut off" 1 validate cut.avro
out_has 'beyond the end of the file'
run "as JSON" 1 validate bad.avro --json
out_is_json
out_has '^{"instance":"bad.avro#1","valid":true}$'
out_has '^{"instance":"bad.avro#2","valid":false,"error":{"code":"AVRO_DATA","where":"byte 1"'
run "as JUnit" 1 validate bad.avro --format junit
out_has 'tests="3" failures="1" errors="0"'
run "no file of Avro's" 1 validate --input avro "$AVRO"
out_has 'no Avro object container file'

# ---- files, by a schema
echo '{"type":"object","properties":{"price":{"minimum":0}}}' >price.json
run "JSON Schema" 1 validate --schema price.json snappy.avro
out_has '^snappy.avro#3: error: /price is -1.0, must be at least 0 \[minimum\]$'
out_has '^    .*"price":-1.0}$'
err_has "^3 documents: 2 valid, 1 invalid$"
field() { printf '{"name":"%s","type":%s%s}' "$1" "$2" "$3"; }
record_of() { printf '{"type":"record","name":"Order","fields":[%s]}' "$1"; }
record_of "$(field id '"double"'),$(field note '"string"' ',"default":""')" >reader.avsc
run "Avro that reads it" 0 validate --schema reader.avsc snappy.avro
record_of "$(field id '"int"'),$(field note '"string"')" >other.avsc
run "Avro that does not" 1 validate --schema other.avsc snappy.avro
out_has '^snappy.avro#1: error: .*AVRO_RESOLUTION'
err_has "^3 documents: 0 valid, 3 invalid$"
echo '{"type":"record"}' >none.avsc
run "no schema" 2 validate --schema none.avsc snappy.avro
err_has "none.avsc:1:1.*AVRO_SCHEMA"

# ---- JSON by an Avro schema
echo '{"id":1}' >1.json
echo '{"id":"x"}' >2.json
run "JSON that can be written" 0 validate --schema reader.avsc 1.json
run "JSON that cannot" 1 validate --schema reader.avsc 2.json
out_has '^2.json:1:7: error: /id: .*AVRO_VALUE'
err_has "^1 documents: 0 valid, 1 invalid$"
run "JSON without a schema" 2 validate 1.json
err_has "names no schema of its own"
run "nothing" 2 validate

# ---- schemas
run "schemas are right" 0 schema check reader.avsc other.avsc price.json
err_has '^3 schemas: 3 valid'
run "a schema is wrong" 2 schema check reader.avsc none.avsc
out_has '^none.avsc:1:1: error: .*AVRO_SCHEMA'
echo '"int"' >int.json
run "an Avro schema by what is in it" 0 schema check int.json
run "… by the option" 2 schema check --type avro price.json

# ---- a registry
mkdir registry
python3 - >registry/7.json <<'PY'
import json
print(json.dumps({"schema": open("reader.avsc").read()}))
PY
echo '{"schemaType":"JSON","schema":"{\"required\":[\"id\"]}"}' >registry/8.json
framed() { # ID BYTES(escapes)
    printf '{"topic":"t","partition":0,"offset":%s,"timestamp":1,"key":null,"value":"%s"}\n' "$1" "$(printf "\\000\\000\\000\\000$2" | base64 -w0)"
}
{
    framed 1 '\007\000\000\000\000\000\000\000\000\002x'
    framed 2 '\007\000'
    framed 3 '\010{"id":3}'
    framed 4 '\010{}'
    framed 5 '\011'
} >r.jsonl
run "by a registry" 1 validate r.jsonl --registry registry
out_has '^t/0@2: error: byte 0: .*AVRO_DATA'
out_has '^t/0@4: error: lacks the property "id" \[required\]$'
out_has '^t/0@5: error: .*REGISTRY_NO_SCHEMA'
err_has "^5 documents: 2 valid, 2 invalid, 1 without a verdict$"
echo '{"properties":{"id":{"maximum":2}}}' >two.json
run "by a registry, and a schema" 1 validate r.jsonl --registry registry --schema two.json
out_has '^t/0@3: error: /id is 3'
run "no registry" 1 validate r.jsonl --schema two.json
out_has '^t/0@1: error: it names a schema of a registry: --registry says where that is \[CDC_AVRO\]$'
{
    cat r.jsonl
    printf '{"topic":"t","partition":2,"offset":9,"timestamp":1,"key":null,"value":"%s"}\n' "$(printf '{"id":1}' | base64 -w0)"
    framed 6 '\010{"id":3}'
} >mixed.jsonl
run "a record that names none, among those of a registry" 1 validate mixed.jsonl --registry registry
out_has '^t/2@9: error: it names no schema of the registry \[CDC_AVRO\]$'
err_has "^7 documents: 3 valid, 2 invalid, 2 without a verdict$"
run "without a registry it is no recording of Avro" 2 validate mixed.jsonl
printf '{"id":1}\n\n{"id":2, "note":7}\n' >lines.jsonl
record_of "$(field id '"int"'),$(field note '"string"' ',"default":""')" >note.avsc
run "a value of a line that does not fit" 1 validate --schema note.avsc lines.jsonl
out_has '^lines.jsonl:3:17: error: /note: '
run "a registry that is not there" 3 validate r.jsonl --registry nowhere
run "a registry that does not answer" 3 validate r.jsonl --registry http://127.0.0.1:1 --timeout 1s
printf 'weir: 1\nname: v\nkafka: { bootstrap.servers: "127.0.0.1:1" }\nregistry: { directory: registry }\n' >c.yaml
run "the config's registry" 1 validate r.jsonl -c c.yaml
err_has "^5 documents: 2 valid"
start_broker --replay r.jsonl
broker_fed
run "a topic by a registry" 1 validate --topic t --brokers "$BROKERS" --registry registry
out_has '^t/0@1: error: byte 0: .*AVRO_DATA'
err_has "^5 records: 2 valid, 2 invalid, 1 without a verdict$"
sed "s#127.0.0.1:1#$BROKERS#" c.yaml >t.yaml
run "a topic by the config's registry" 0 validate --topic t -c t.yaml --until t/0@1
err_has "^1 records: 1 valid"
printf 'weir: 1\nname: v\nkafka: { bootstrap.servers: "127.0.0.1:1" }\nvalidation: [ { event: e, schema: none.avsc } ]\n' >wrong.yaml
run "weir check compiles the schemas of events" 2 check wrong.yaml
err_has 'wrong.yaml:4:35: error: none.avsc:1:1: .*AVRO_SCHEMA'
run "Debezium in Avro" 0 validate "$DATA/types/avro.jsonl.xz" --registry "$DATA/types/avro-schemas"
finish
