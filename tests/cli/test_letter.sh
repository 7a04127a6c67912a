# weir dlq show: a letter is read as what it was (JSON, Avro by the registry, a row), and judged by the config's schemas.
. "$(dirname "$0")/lib.sh"

CONFIG=$T/pay.yaml
mkdir "$T/schemas"
echo '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]}]}' \
    >"$T/schemas/7.json"
cat >"$T/schemas/8.json" <<'EOT'
{"type":"record","name":"CloudEvent","fields":[{"name":"specversion","type":"string"},{"name":"id","type":"string"},
 {"name":"type","type":"string"},{"name":"data","type":["null",{"type":"map","values":"double"}]}]}
EOT
echo '{"type":"object","properties":{"amount":{"type":"number","minimum":1}},"required":["amount"]}' >"$T/order.json"
python3 - >"$T/letters.jsonl" <<'PY'
import base64, json, struct
def b(data): return None if data is None else base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
change = {"before": None, "after": {"id": 1, "amount": 0}, "op": "c", "ts_ms": 1, "source": {
    "connector": "postgresql", "name": "shop", "ts_ms": 1, "snapshot": "false", "db": "d", "schema": "public",
    "table": "items", "txId": 1, "lsn": 100, "sequence": "[\"99\",\"100\"]"}}
cloud = {"specversion": "1.0", "id": "x", "source": "s", "type": "order.placed", "data": {"amount": -2}}
placed = [("type", "order.placed")]
avro_cloud = b"\0\0\0\0\x08\x061.0\x02x\x18order.placed\x02\x02\x0camount" + struct.pack("<d", 0.5) + b"\0"
letters = [
    ("orders", "k", '{"amount":0,"deep":{"list":[1,{"a":null}],"none":[]}}', placed),
    ("orders", "k", '{"amount":5}', placed),
    ("orders", "k", '{"amount":1.50}', [("type", "order.paid")]),
    ("avro", b"\0\0\0\0\x07\x04\0", b"\0\0\0\0\x07\x02\x02\x04hi", []),
    ("avro", b"\xff\xfe", b"\0\0\0\0\x09\x02\x00", []),
    ("orders", None, '{"amount":', placed),
    ("orders", "k", None, placed),
    ("shop.public.items", '{"id":1}', json.dumps(change), []),
    ("orders", "k", json.dumps(cloud), [("content-type", "application/cloudevents+json")]),
    ("orders", "k", avro_cloud, [("content-type", "application/cloudevents+avro")]),
    ("orders", "e\x1b[31m", b"\x1b[2J\xff", [("type", "order.placed"), ("trace", b"\xc2\x9b\x01\xff")]),
    ("orders", "k", avro_cloud[5:], [("content-type", "application/cloudevents+avro"), ("__value_schema_id", avro_cloud[:5])]),
]
for i, (topic, key, value, headers) in enumerate(letters):
    dead = [("weir.dead.topic", topic), ("weir.dead.partition", "0"), ("weir.dead.offset", str(100 + i)),
            ("weir.dead.timestamp", "1795374788000"), ("weir.dead.code", "POISON"), ("weir.dead.class", "reject"),
            ("weir.dead.where", "/amount"), ("weir.dead.text", "why\x1b[5m"), ("weir.dead.attempts", "4"),
            ("weir.dead.group", "pay"), ("weir.dead.time", "1795374788000")]
    print(json.dumps({"topic": "pay.dead", "partition": 0, "offset": i, "timestamp": 1795374788000, "key": b(key),
                      "value": b(value), "headers": [[n, b(v)] for n, v in headers + dead]}))
PY
start_broker --replay "$T/letters.jsonl"
broker_fed
cat >"$CONFIG" <<EOT
weir: 1
name: pay
kafka: { bootstrap.servers: "$BROKERS" }
registry: { directory: "$T/schemas" }
sources: { shop: { connector: postgresql } }
events: { order.placed: { topic: orders, schema: "$T/order.json" } }
validation: [ { table: shop.public.items, schema: "$T/order.json", on_fail: report } ]
EOT
show() { run "$1" 0 dlq show "0@$2" -c "$CONFIG"; }
as_json() { run "$1" 0 dlq show "0@$2" -c "$CONFIG" --json && out_is_json && out_lines 1; }

# ---- by the schema of its type
show "an event that does not fit" 0
out_has '^schema    /amount: the event does not fit .*order.json: minimum: .*\[EVENT_INVALID\]$'
out_has '^where     /amount$'
out_has '^group     pay$'
out_has '^        "a": null$'
out_has '^    "none": \[\]$'
as_json "and as JSON" 0
out_has '"value":{"amount":0,"deep":{"list":\[1,{"a":null}\],"none":\[\]}},"schema":"invalid","complaint":{"code":"EVENT_INVALID","where":"/amount"'
show "one that fits" 1
out_has '^schema    as the config has it now, it fits$'
as_json "which JSON says" 1
out_has '"schema":"fits"}$'
out_lacks complaint
show "a type without a schema" 2
out_lacks '^schema'
out_has '^  "amount": 1.50$'
show "a CloudEvent's data" 8
out_has '^type      order.placed$'
out_has '^schema    /amount: .*EVENT_INVALID'
out_has '^  "specversion": "1.0",$'

show "a CloudEvent's data in Avro" 9
out_has '^type      order.placed$'
out_has '^schema    /amount: the event does not fit .*minimum: .*EVENT_INVALID'
out_has '^    "amount": 0.5$'

show "whose schema a header names" 11
out_has '^schema    /amount: the event does not fit .*minimum: .*EVENT_INVALID'

# ---- Avro
show "Avro" 3
out_has '^key       {"id":2,"note":null}$'
out_has '^  "note": "hi"$'
as_json "and as JSON" 3
out_has '"key_value":{"id":2,"note":null},.*"value":{"id":1,"note":"hi"}'
show "a schema that the registry lacks" 4
out_has '^key       base64 //4=$'
out_has '^value     .*\[REGISTRY_NO_SCHEMA\]$'
out_has '^base64 AAAAAAkCAA==$'
as_json "and as JSON" 4
out_has '"key":null,"key_base64":"//4=","key_value":null,'
out_has '"value":null,"value_base64":"AAAAAAkCAA==","unread":{"code":"REGISTRY_NO_SCHEMA"'
run "its bytes" 0 dlq show 0@4 --raw -c "$CONFIG"
printf '\0\0\0\0\011\002\0' >"$T/bytes"
same "as they are" "$T/out" "$T/bytes"

# ---- what is no event
show "no JSON" 5
out_has '^key       none$'
out_has '^value     1:11: .*\[JSON_SYNTAX\]$'
out_has '^{"amount":$'
out_has '^schema    .*EVENT_INVALID'
show "no value" 6
out_has '^value     none$'
out_lacks '^schema'
run "no bytes" 0 dlq show 0@6 --raw -c "$CONFIG"
out_is ""
show "a stranger's control characters" 10
out_lacks "$(printf '\033')"
out_has '^error     why\.\[5m \[POISON, reject\]$'
out_has '^          trace: \.\.\.$'
out_has '^base64 G1sySv8=$'
as_json "and as JSON" 10
out_has '"headers":\[.*{"name":"trace","value":null,"value_base64":"wpsB/w=="}\]'
run "a list of them" 0 dlq ls -c "$CONFIG"
out_lines 12
out_lacks "$(printf '\033')"
run "as JSON" 0 dlq ls -c "$CONFIG" --json
out_is_json
out_has '"key":null,"key_base64":"//4=","state":"open"}$'

# ---- rows
show "a row that does not fit" 7
out_has '^schema    /amount: the row does not fit .*minimum: .*\[ROW_INVALID\]$'
out_has '^  "op": "c",$'

# ---- a config whose schema is gone
rm "$T/order.json"
show "no schema to judge by" 1
out_has '^schema    no verdict: .*order.json.*\[FILE_UNREADABLE\]$'
out_has '^  "amount": 5$'
as_json "which JSON says" 1
out_has '"schema":"unjudged","complaint":{"code":"FILE_UNREADABLE"'
finish
