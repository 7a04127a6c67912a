# weir dlq: letters of a dead-letter topic are listed, shown and replayed.
. "$(dirname "$0")/lib.sh"

CONFIG=$T/pay.yaml
python3 - >"$T/letters.jsonl" <<'PY'
import base64, json
def b(text): return base64.b64encode(text.encode()).decode()
for i, (code, key, times) in enumerate([("POISON", "a", 0), ("EMIT_INVALID", "b", 0), ("POISON", "c", 5), ("POISON", "a", 1)]):
    headers = [["type", b("order.placed")], ["weir.dead.topic", b("orders")], ["weir.dead.partition", b("0")],
               ["weir.dead.offset", b(str(100 + i))], ["weir.dead.timestamp", b("1795374788000")],
               ["weir.dead.code", b(code)], ["weir.dead.class", b("reject")], ["weir.dead.text", b("number %d" % i)],
               ["weir.dead.attempts", b("4")], ["weir.dead.time", b(str(1795374788000 + i * 1000))]]
    if times:
        headers.append(["weir.replay.count", b(str(times))])
    print(json.dumps({"topic": "pay.dead", "partition": 0, "offset": i, "timestamp": 1795374788000 + i, "key": b(key),
                      "value": b('{"n":%d}' % i), "headers": headers}))
PY
start_broker --replay "$T/letters.jsonl"
broker_fed
cat >"$CONFIG" <<EOT
weir: 1
name: pay
kafka: { bootstrap.servers: "$BROKERS" }
events: { order.placed: { topic: orders } }
errors: { dead_letter: { replay: pay.replay } }
EOT

run "ls" 0 dlq ls -c "$CONFIG"
out_lines 4
out_has "pay.dead/0@1 .*orders/0@101 .*EMIT_INVALID .*key b .*number 1"
run "ls by code" 0 dlq ls -c "$CONFIG" --code 'POI*' --json
out_lines 3
out_is_json
run "ls by key and time" 0 dlq ls -c "$CONFIG" --key a --since 2026-11-22T19:13:10Z
out_lines 1
run "ls of what is not there" 1 dlq ls -c "$CONFIG" --of payments
run "show" 0 dlq show 0@2 -c "$CONFIG"
out_has "^letter    pay.dead/0@2, written 2026-11-22T19:13:10.000Z$"
out_has "^record    orders/0@102, written 2026-11-22T19:13:08.000Z$"
out_has "^type      order.placed$"
out_has "^error     number 2 \[POISON, reject\]$"
out_has "^replayed  5 times$"
out_has "^headers   type: order.placed$"
out_has '^  "n": 2$'
out_lacks "weir.dead"
out_lacks "^schema"
silent
run "show as JSON" 0 dlq show 0@2 -c "$CONFIG" --json
out_lines 1
out_is_json
out_has '"type":"order.placed",.*"headers":\[{"name":"type","value":"order.placed"}\],"value":{"n":2},"schema":"none"}$'
run "show the bytes" 0 dlq show 0@2 -c "$CONFIG" --raw
printf '{"n":2}' >"$T/bytes"
same "they are as they were" "$T/out" "$T/bytes"
run "show nothing" 2 dlq show -c "$CONFIG"
run "show what is not there" 1 dlq show 0@9 -c "$CONFIG"
err_has "^no letter at pay.dead/0@9$"
run "show a partition that is not there" 3 dlq show 7@0 -c "$CONFIG"
run "show no place" 2 dlq show 0@x -c "$CONFIG"
run "show of another topic" 2 dlq show orders/0@1 -c "$CONFIG"
run "--raw is for show" 2 dlq ls --raw -c "$CONFIG"
run "--raw or --json" 2 dlq show 0@2 --raw --json -c "$CONFIG"
run "replay needs --yes" 2 dlq replay -c "$CONFIG"
run "a dry run" 0 dlq replay -c "$CONFIG" --dry-run
err_has "3 letters of pay.dead are written to pay.replay"
run "replay" 0 dlq replay -c "$CONFIG" --code POISON --yes
err_has "2 letters replayed to pay.replay, 1 left for their count; go on with --from pay.dead/0@4"
run "what was written" 0 record - --topic pay.replay -c "$CONFIG"
out_lines 2
run "replay behind the end" 1 dlq replay -c "$CONFIG" --from pay.dead/0@4 --yes
run "at a rate" 0 dlq replay -c "$CONFIG" --code EMIT_INVALID --rate 100 --yes --json
out_has '"replayed":1'
run "an unknown verb" 2 dlq drop -c "$CONFIG"
sed -i 's/replay: pay.replay/topic: pay.dead/' "$CONFIG"
run "no topic for it" 2 dlq replay -c "$CONFIG" --yes
err_has "errors.dead_letter.replay"
finish
