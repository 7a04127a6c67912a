# weir validate and weir schema: documents and schemas in files, and every form of a report.
. "$(dirname "$0")/lib.sh"

cd "$T" || exit 2
cat >order.json <<'JSON'
{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["id", "items"],
  "properties": {
    "id": { "type": "integer" },
    "items": { "type": "array", "items": { "$ref": "item.json" } },
    "pay": { "oneOf": [ { "properties": { "kind": { "const": "card" } }, "required": ["kind", "no"] },
                        { "properties": { "kind": { "const": "cash" } }, "required": ["kind"] } ] }
  }
}
JSON
mkdir defs events
cat >item.json <<'JSON'
{ "type": "object", "properties": { "price": { "minimum": 0 }, "sku": { "$ref": "defs/sku.yaml#/sku" } } }
JSON
printf '# the sku\nsku:\n  type: string\n  pattern: ^[A-Z]{3}$\n' >defs/sku.yaml
good='{"id":1,"items":[{"price":5,"sku":"ABC"}]}'
bad='{"id":"x","items":[{"price":-5,"sku":"abc"}],"pay":{"kind":"card"}}'
printf '%s\n%s\n\n{"id":3\n' "$good" "$bad" >o.jsonl
printf 'id: 7\nitems:\n  - price: 3\n  - price: -1   # bad\n    sku: \303\244b\n---\nid: 0x1F\nitems: []\n' >o.yaml
echo "$good" >events/1.json
echo "$good" | gzip >events/2.json.gz
echo "$good" | xz >events/3.jsonl.xz
echo "not looked at" >events/notes.txt

# ---- verdicts
run "valid" 0 validate --schema order.json events/1.json
err_has "^1 documents: 1 valid, 0 invalid$"
out_is ""
run "quiet" 0 validate --schema order.json events/1.json --quiet
silent
run "a folder" 0 validate --schema order.json events
err_has "^3 documents: 3 valid"
echo false >never.json
run "a folder with a slash" 1 validate --schema never.json events/
out_has '^events/[^/]'
run "the first failure" 1 validate --schema order.json o.jsonl
out_has '^o.jsonl:2:7: error: /id is a string, must be integer \[type\]$'
out_has '^    {"id":"x",'
out_has '^          ^$'
out_has '^    schema: order.json:6:11 #/properties/id$'
out_has '^    3 more: --all shows them$'
out_has '^o.jsonl:4:8: error: .*JSON_SYNTAX'
out_lacks minimum
err_has "^3 documents: 1 valid, 1 invalid, 1 without a verdict$"
run "every failure" 1 validate --schema order.json --all o.jsonl
out_has '^o.jsonl:2:29: error: /items/0/price is -5, must be at least 0 \[minimum\]$'
out_has 'item.json:1:46 #/properties/price$'
out_has 'defs/sku.yaml:3:3 #/sku$'
out_has '^    nearest alternative: order.json:8:[0-9]* #/properties/pay/oneOf/0$'
out_has '^      /pay lacks the property "no" \[required\]$'
out_lacks more
run "YAML" 1 validate --schema order.json --all o.yaml
out_has '^o.yaml:4:12: error: /items/1/price is -1'
out_has '^      - price: -1   # bad$'
out_has '^o.yaml:5:10: error: /items/1/sku'
err_has "^2 documents: 1 valid, 1 invalid$"
# What YAML's scalars are, and what JSON has nothing for.
echo '{"const":{"a":[null,true,31,15,-7,0.5,1.0,1e3,".inf","007x","5",null,"x y","5","~",5],"b":{"c":1},"d":{"c":1}}}' >scalars.json
printf 'a: [~, True, 0x1F, 0o17, -07, .5, 1., +1e3, .inf, 007x, "5", !!null "", x y, !!str 5, ! ~, !!int "5"]\nb: &b { c: 1 }\nd: *b\n' >s.yaml
run "YAML's scalars" 0 validate --schema scalars.json s.yaml
printf 'a: 1\nb: 2\na: 3\n' >twice.yaml
run "a key twice" 1 validate --schema scalars.json twice.yaml
out_has '^twice.yaml:3:1: error: the name "a" is there twice \[JSON_DUPLICATE_KEY\]$'
printf 'a: !mine 1\n' >tag.yaml
run "a tag" 1 validate --schema scalars.json tag.yaml
out_has '^tag.yaml:1:4: error: a tag .*YAML_SYNTAX'
printf 'a: [1\nb' >cut.yaml
run "no YAML" 1 validate --schema scalars.json cut.yaml
out_has '^cut.yaml:3:.*YAML_SYNTAX'
printf 'a: &a [*a]\n' >self.yaml
printf -- '- &a x\n- *b\n' >nothing.yaml
run "an alias of nothing" 1 validate --schema scalars.json nothing.yaml
out_has '^nothing.yaml:2:3: error: an alias of nothing'
run "an alias in itself" 1 validate --schema scalars.json self.yaml
{ echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'; for i in 1 2 3 4 5 6 7 8 9; do echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]"; done; } >laughs.yaml
run "aliases that multiply" 1 validate --schema scalars.json laughs.yaml
out_has '^laughs.yaml:.*TOO_LARGE'

"$WEIR" validate --schema order.json <o.jsonl >"$T/out" 2>"$T/err"
name="stdin"
out_has '^(stdin):2:7: error'
printf '{\n "id": 1,\n "items": [5]}\n' | "$WEIR" validate --schema order.json - >"$T/out" 2>"$T/err"
name="stdin, one document"
out_has '^(stdin):3:12: error: /items/0 is an integer, must be object'

# ---- recordings
{ record t 0 k "$good"; record t 1 k -; record t 2 k "$bad"; } >r.jsonl
run "a recording" 1 validate --schema order.json r.jsonl
out_has '^t/0@2: error: /id is a string'
err_has "^2 documents: 1 valid, 1 invalid$"
echo "{\"type\":\"object\"}" >object.json
run "a recording of Debezium" 0 validate --schema object.json "$DATA/types/plain.jsonl.xz"

# ---- topics
{ record t 0 k "$good"; record t 1 k -; record t 2 k "$bad"; record t 3 k "$good"; record t 4 k "$good"; } >r.jsonl
start_broker --replay r.jsonl
broker_fed
run "a topic" 1 validate --schema order.json --topic t --brokers "$BROKERS"
out_has '^t/0@2: error: /id is a string'
err_has "^4 records: 3 valid, 1 invalid$"
run "from an offset" 0 validate --schema order.json --topic t --from t/0@3 --brokers "$BROKERS"
err_has "^2 records: 2 valid"
run "to an offset" 0 validate --schema order.json --topic t --until t/0@2 --brokers "$BROKERS"
err_has "^1 records: 1 valid"
run "from one offset to another" 1 validate --schema order.json --topic t --from t/0@2 --until t/0@4 --brokers "$BROKERS"
err_has "^2 records: 1 valid, 1 invalid"
run "to an offset before the start" 0 validate --schema order.json --topic t --from t/0@3 --until t/0@1 --brokers "$BROKERS"
err_has "^0 records"
run "to a place of another topic" 3 validate --schema order.json --topic t --until u/0@1 --brokers "$BROKERS"
err_has "^weir validate: --until: u/0@1 is not among the topics"
run "to what is neither" 2 validate --schema order.json --topic t --until soon --brokers "$BROKERS"
run "a sample" 0 validate --schema order.json --topic t --sample 4 --brokers "$BROKERS"
err_has "^2 records: 2 valid"
run "a topic by a config" 1 validate --schema order.json --topic t -c "$DATA/bank/bank.yaml" --json
out_is_json
out_has '"instance":"t/0@2","valid":false'
run "from a time" 0 validate --schema order.json --topic t --from 2099-01-01 --brokers "$BROKERS"
err_has "^0 records"
run "a topic that is not there" 3 validate --schema order.json --topic none --brokers "$BROKERS"
run "no broker" 3 validate --schema order.json --topic t --brokers 127.0.0.1:1 --timeout 1s
run "a topic and a file" 2 validate --schema order.json --topic t --brokers "$BROKERS" o.jsonl
run "a place without a topic" 2 validate --schema order.json --from t/0@3 o.jsonl

# ---- forms
run "json" 1 validate --schema order.json --json o.jsonl
out_is_json
out_has '^{"instance":"o.jsonl","line":1,"valid":true}$'
out_has '"evaluationPath":"/properties/items/items/$ref/properties/price","schemaLocation":"file:.*/item.json#/properties/price","instanceLocation":"/items/0/price","line":2,"column":29,"errors":{"minimum":"is -5, must be at least 0"}'
silent
mkdir -p "$T/nothing" && touch "$T/nothing/readme.txt"
run "a folder with nothing to validate" 3 validate --schema order.json "$T/nothing"
err_has "the folder has no file"
run "json-flag" 1 validate --schema order.json --format json-flag o.jsonl
out_has '^{"instance":"o.jsonl","line":2,"valid":false}$'
run "json-hierarchical" 1 validate --schema order.json --format json-hierarchical o.jsonl o.yaml
out_is_json
out_has '"details":\[{"valid":false,"evaluationPath":"","schemaLocation":"file:.*order.json#","instanceLocation":"".*"details":\['
run "junit" 1 validate --schema order.json --format junit --all o.jsonl o.yaml
cp "$T/out" report
is "junit is XML" python3 -c 'import sys, xml.etree.ElementTree as x
r = x.parse(sys.argv[1]).getroot()
assert (r.get("tests"), r.get("failures"), r.get("errors")) == ("5", "2", "1"), r.attrib
assert len(r.findall("testcase")) == 5 and len(r.findall("testcase/failure")) == 6' report
run "sarif" 1 validate --schema order.json --format sarif --all o.jsonl o.yaml
cp "$T/out" report
is "sarif is SARIF" python3 -c 'import json, sys
r = json.load(open(sys.argv[1]))["runs"][0]["results"]
assert len(r) == 7, len(r)
assert r[1]["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 29}' report
run "sarif of what is valid" 0 validate --schema order.json --format sarif events
cp "$T/out" report
is "sarif without results" python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["runs"][0]["results"] == []' report
run "github" 1 validate --schema order.json --format github o.jsonl
out_has '^::error file=o.jsonl,line=2,col=7,title=type::/id is a string, must be integer$'

# ---- schemas
run "no schema" 2 validate o.jsonl
err_has "o.jsonl names no schema of its own: --schema FILE"
run "no schema and no input" 2 validate
err_has "which schema"
run "a schema that is not there" 3 validate --schema none.json o.jsonl
run "an input that is not there" 3 validate --schema order.json none.json events/1.json
err_has "^1 documents: 1 valid"
echo '{"items":{"$ref":"https://example.com/s/item"}}' >remote.json
run "a remote reference" 2 validate --schema remote.json events/1.json
err_has 'remote.json:1:18: no schema is found at: https://example.com/s/item \[SCHEMA_UNRESOLVED\]'
run "a remote reference on disk" 0 validate --schema remote.json --resolve https://example.com/s/="$T" events/1.json
echo '[1,{"price":-3}]' >i.json
run "it is used" 1 validate --schema remote.json --resolve https://example.com/s/="$T" --all i.json
out_has 'i.json:1:13: error: /1/price is -3'

# ---- references over the network, when asked
mkdir web
cp item.json defs/sku.yaml web
cat >serve.py <<'PY'
import functools, http.server, pathlib
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/item.json")
            self.end_headers()
        else:
            super().do_GET()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory="web"))
pathlib.Path("web-port").write_text(f"{server.server_port}\n")
server.serve_forever()
PY
python3 serve.py >web-log 2>&1 &
processes="$processes $!"
until_is "the server's start" 20 test -s web-port
W=http://127.0.0.1:$(cat web-port)
sed 's#defs/sku.yaml\#/sku#sku.yaml\#/sku#' item.json >web/item.json
echo "{\"items\":{\"\$ref\":\"$W/item.json\"}}" >far.json
echo "{\"items\":{\"\$ref\":\"$W/moved\"}}" >moved.json
echo "{\"items\":{\"\$ref\":\"$W/nowhere.json\"}}" >nowhere.json
echo '{"items":{"$ref":"http://127.0.0.1:1/x.json"}}' >nobody.json
run "nothing is fetched unasked" 2 validate --schema far.json i.json
err_has SCHEMA_UNRESOLVED
run "fetched" 1 validate --schema far.json --fetch --all i.json
out_has 'i.json:1:13: error: /1/price is -3'
out_has "schema: $W/item.json:1:[0-9]* #/properties/price"
run "fetched, and moved" 1 validate --schema moved.json --fetch i.json
run "not there" 3 validate --schema nowhere.json --fetch i.json
err_has 'nowhere.json: status 404'
run "nobody answers" 3 validate --schema nobody.json --fetch i.json --timeout 1s
run "a bundle of what is fetched" 0 schema bundle far.json --fetch
out_has '"$id":"http://127'
echo '{"$ref":"item.json"}' >web/x.json
run "what is on disk is not fetched" 1 validate --schema nobody.json --resolve http://127.0.0.1:1/=web --fetch --all i.json
out_has 'i.json:1:13: error: /1/price is -3'

echo '{"type":"integer","format":"ipv4"}' >f.json
echo '1.0' >one.json
echo '"x"' >x.json
run "2020-12 by default" 0 validate --schema f.json one.json
run "draft 4" 1 validate --schema f.json --draft draft4 one.json
echo '{"format":"ipv4"}' >f.json
run "formats are annotations" 0 validate --schema f.json x.json
run "formats are asserted" 1 validate --schema f.json --formats assert x.json
run "an unknown draft" 2 validate --schema f.json --draft draft5 x.json
run "an unknown form" 2 validate --schema f.json --format xml x.json
echo '{"pattern":"^(a+)+$"}' >bomb.json
echo '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"' >a.json
run "no verdict is not valid" 1 validate --schema bomb.json a.json
out_has SCHEMA_LIMIT

run "schema check" 0 schema check order.json item.json
err_has "^2 schemas: 2 valid, 0 invalid$"
echo '{"type":"text","properties":{"a":{"minLength":-1}}}' >bad.json
run "a schema that is none" 2 schema check --all bad.json order.json
out_has '^bad.json:1:47: error: /properties/a/minLength is -1, must be at least 0 \[minimum\]$'
out_has '^bad.json:1:9: error: /type fits none'
err_has "^2 schemas: 1 valid, 1 invalid$"
printf '$defs:\n  x:\n    $ref: "#/nope"\n' >bad.yaml
run "a reference that leads nowhere" 2 schema check bad.yaml
out_has '^bad.yaml:3:11: error: .*SCHEMA_UNRESOLVED'
run "a validation with it" 2 validate --schema bad.json x.json
run "no schema at all" 2 schema check
run "an unknown verb" 2 schema compare order.json

run "schema bundle" 0 schema bundle order.json
cp "$T/out" bundle.json
is "the bundle is JSON" python3 -c 'import json, sys; assert sorted(json.load(open(sys.argv[1]))["$defs"]) == ["defs/sku.yaml", "item.json"]' bundle.json
mkdir alone && mv bundle.json alone/
run "the bundle is right" 0 schema check alone/bundle.json
run "the bundle stands alone" 1 validate --schema alone/bundle.json --format github --all o.jsonl
out_has 'line=2,col=38,title=pattern'
out_has 'line=2,col=29,title=minimum'
# ---- what there is none of, and what is too much --------------------------------------------------
echo '{}' >any.json
for input in "" "--input jsonl" "--input yaml"; do
    # shellcheck disable=SC2086
    run "an empty stdin ${input:-by itself}" 0 validate --schema any.json $input
    err_has "^0 documents"
done
run "an empty stdin that is to be one document" 1 validate --schema any.json --input json
printf '{"a":1}\n{"a":"eleven"}\n{"a":}\n' >sizes.jsonl
run "a line too large" 1 validate --schema any.json sizes.jsonl --max-document 10
out_has '^sizes.jsonl:2:1: error: it is larger than 10 bytes: --max-document SIZE \[TOO_LARGE\]$'
out_has '^sizes.jsonl:3:6: error: .*JSON_SYNTAX'
err_has "^3 documents: 1 valid, 0 invalid, 2 without a verdict$"
run "the place of a line's error, as JSON" 1 validate --schema any.json sizes.jsonl --json
out_has '"line":3,"valid":false,"error":{"code":"JSON_SYNTAX","where":"3:6"'
printf '{"a":1,\n"b":2}' >exact.json
run "as large as may be" 0 validate --schema any.json exact.json --max-document 14
run "larger" 1 validate --schema any.json exact.json --max-document 13
printf 'a: 1\nb: 2\n' >exact.yaml
run "YAML that is larger" 1 validate --schema any.json exact.yaml --max-document 8
out_has 'TOO_LARGE'
run "no size" 2 validate --schema any.json exact.json --max-document 5MB
# ---- weir's own config --------------------------------------------------------------------------
ROOT=$DATA/../..
run "the config's schema is one" 0 schema check "$ROOT/schemas/weir/config.schema.json"
run "and the configs fit it" 0 validate --schema "$ROOT/schemas/weir/config.schema.json" \
    "$ROOT"/tests/cases/config/good-*.yaml "$ROOT"/examples/*/*.yaml
err_has ', 0 invalid$'
finish
