# weir dlq: letters of a dead-letter topic are listed, shown and replayed.
. "$(dirname "$0")/lib.sh"

CONFIG=$T/pay.yaml
python3 - >"$T/letters.jsonl" <<'PY'
import base64, json
def b(text): return base64.b64encode(text.encode()).decode()
letters = [("POISON", "a", 0), ("EMIT_INVALID", "b", 0), ("POISON", "c", 5), ("POISON", "a", 1), ("LARGE", "d", 0), ("LARGE", "e", 0)]
for i, (code, key, times) in enumerate(letters):
    headers = [["type", b("order.placed")], ["weir.dead.topic", b("orders")], ["weir.dead.partition", b("0")],
               ["weir.dead.offset", b(str(100 + i))], ["weir.dead.timestamp", b("1795374788000")],
               ["weir.dead.code", b(code)], ["weir.dead.class", b("reject")], ["weir.dead.text", b("number %d" % i)],
               ["weir.dead.attempts", b("4")], ["weir.dead.time", b(str(1795374788000 + i * 1000))]]
    if code == "EMIT_INVALID":
        headers.append(["weir.dead.where", b("/amount")])
    bare = code == "LARGE"
    if bare:  # its record is at the place that it names; of the second one it is gone
        headers = [h for h in headers if h[0] not in ("weir.dead.topic", "weir.dead.offset", "type")]
        headers += [["weir.dead.topic", b("large")], ["weir.dead.offset", b("0" if key == "d" else "7")], ["weir.dead.lacks", b("9000")]]
    if times:
        headers.append(["weir.replay.count", b(str(times))])
    print(json.dumps({"topic": "pay.dead", "partition": 0, "offset": i, "timestamp": 1795374788000 + i, "key": b(key),
                      "value": None if bare else b('{"n":%d}' % i), "headers": headers}))
    if i < 2:  # of another topic: one that is too large to be replayed, and one behind it
        print(json.dumps({"topic": "pay.huge", "partition": 0, "offset": i, "timestamp": 1795374788000 + i, "key": b(key),
                          "value": b("x" * (2 if i else 20000)), "headers": headers}))
print(json.dumps({"topic": "large", "partition": 0, "offset": 0, "timestamp": 1795374788000, "key": b("d"), "value": b("so large"),
                  "headers": [["type", b("order.placed")]]}))
PY
start_broker --replay "$T/letters.jsonl" --topics pay.dead.audit,pay.huge.audit
broker_fed
cat >"$CONFIG" <<EOT
weir: 1
name: pay
kafka: { bootstrap.servers: "$BROKERS" }
events: { order.placed: { topic: orders } }
errors: { dead_letter: { replay: pay.replay } }
EOT

run "ls" 0 dlq ls -c "$CONFIG"
out_lines 6
out_has "pay.dead/0@1 .*orders/0@101 .*EMIT_INVALID .*key b  /amount: number 1$"
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
run "show a letter that was too large" 0 dlq show 0@4 -c "$CONFIG"
out_has "^value     left out: the letter was too large, and lacks 9000 bytes"
out_has "^record    large/0@0, "
run "nothing was done yet" 1 dlq audit -c "$CONFIG"
run "replay needs --yes" 2 dlq replay -c "$CONFIG"
run "a dry run" 0 dlq replay -c "$CONFIG" --dry-run
err_has "5 letters of pay.dead are written to pay.replay"
run "replay" 0 dlq replay -c "$CONFIG" --code POISON --yes
err_has "2 letters replayed to pay.replay, 1 left for their count$"
run "what was written" 0 record - --topic pay.replay -c "$CONFIG"
out_lines 2
run "they are replayed once" 1 dlq replay -c "$CONFIG" --code POISON --yes --json
out_is '{"replayed":0,"left":1,"gone":0,"refused":0,"done":2,"others":0,"of":1}'
run "replay behind the end" 1 dlq replay -c "$CONFIG" --from pay.dead/0@6 --yes
run "what is done with is left out" 0 dlq ls -c "$CONFIG"
out_lines 4
err_has "4 of 6 letters; 2 were replayed or dropped (--all)"
run "but for --all" 0 dlq ls -c "$CONFIG" --all
out_lines 6
out_has "number 0  \[replayed\]$"
run "one alone, once more" 0 dlq replay 0@0 -c "$CONFIG" --all --yes
err_has "^1 letters replayed"
run "what is too large comes from its place" 0 dlq replay -c "$CONFIG" --code LARGE --yes
err_has "1 letters replayed to pay.replay, 0 left for their count, 1 left without their value, which is gone$"
run "with its value" 0 record - --topic pay.replay -c "$CONFIG"
out_lines 4
cp "$T/out" "$T/written"
is "and what it was" python3 - "$T/written" <<'PY'
import base64, json, sys
r = [r for r in map(json.loads, open(sys.argv[1])) if base64.b64decode(r["key"]) == b"d"]
headers = [(n, base64.b64decode(v).decode()) for n, v in r[0]["headers"]]
names = [n for n, _ in headers]
assert len(r) == 1 and base64.b64decode(r[0]["value"]) == b"so large", r
assert ("type", "order.placed") in headers and ("weir.dead.code", "LARGE") in headers and ("weir.replay.count", "1") in headers, headers
assert "weir.dead.lacks" not in names and len(names) == len(set(names)), names
PY
run "drop needs a reason" 2 dlq drop 0@5 -c "$CONFIG" --yes
err_has "reason"
run "drop needs --yes" 2 dlq drop 0@5 -c "$CONFIG" --reason "it is gone"
run "drop, dry" 0 dlq drop 0@5 -c "$CONFIG" --reason "it is gone" --dry-run
err_has "1 letters of pay.dead are dropped"
run "drop" 0 dlq drop 0@5 -c "$CONFIG" --reason 'it is "gone"' --yes --json
out_is '{"dropped":1,"done":0,"others":0}'
run "it is dropped once" 1 dlq drop 0@5 -c "$CONFIG" --reason "again" --yes
run "by filters" 0 dlq drop -c "$CONFIG" --key c --reason "too often" --yes
run "what is left" 0 dlq ls -c "$CONFIG" --json
out_lines 1
out_has '"code":"EMIT_INVALID",.*"state":"open"}$'
run "what was done" 0 dlq audit -c "$CONFIG"
out_lines 6
out_has 'Z dropped pay.dead/0@5 large/0@7 LARGE  by [^ ]*@.*  reason it is "gone"$'
out_has "Z replayed pay.dead/0@0 orders/0@100 POISON  by .*  to pay.replay$"
run "as JSON" 0 dlq audit -c "$CONFIG" --json
out_is_json
out_has '"action":"dropped","letter":"pay.dead/0@5",.*"record":"large/0@7","code":"LARGE","reason":"it is \\"gone\\"","by":"'
run "letters of another topic" 3 dlq ls -c "$CONFIG" --topic pay.other
run "at a rate" 0 dlq replay -c "$CONFIG" --code EMIT_INVALID --rate 100 --yes --json
out_has '"replayed":1'
sed 's/bootstrap/producer: { message.max.bytes: 10000 }, bootstrap/' "$CONFIG" >"$T/small.yaml"
run "one is too large, the other goes" 1 dlq replay --topic pay.huge --all -c "$T/small.yaml" --yes
err_has "^not replayed: pay.huge/0@0 has 20[0-9]* bytes, which pay.replay does not take (max.message.bytes)$"
err_has "^1 letters replayed to pay.replay, 0 left for their count, 1 left that are too large for it$"
run "and is left" 0 dlq ls --topic pay.huge -c "$CONFIG" --json
out_lines 1
out_has '"place":"pay.huge/0@0".*"state":"open"}$'
run "until it is taken" 0 dlq replay --topic pay.huge -c "$CONFIG" --yes --json
out_is '{"replayed":1,"left":0,"gone":0,"refused":0,"done":1,"others":0,"of":1}'
run "an unknown verb" 2 dlq burn -c "$CONFIG"

# A topic that is shared: another application's letters, and what is no letter.
python3 - >"$T/shared.jsonl" <<'PY'
import base64, json
def b(text): return base64.b64encode(text.encode()).decode()
for i, group in enumerate(["pay", "ship", "ship", None]):
    headers = [["weir.dead.topic", b("orders")], ["weir.dead.partition", b("0")], ["weir.dead.offset", b(str(i))],
               ["weir.dead.timestamp", b("1")], ["weir.dead.code", b("SHARED")], ["weir.dead.group", b(group or "")]]
    print(json.dumps({"topic": "shared.dead", "partition": 0, "offset": i, "timestamp": 1, "key": b(str(i)), "value": b("{}"),
                      "headers": headers if group else []}))
PY
start_broker --replay "$T/shared.jsonl" --topics shared.dead.audit
broker_fed
cat >"$CONFIG" <<EOT
weir: 1
name: pay
kafka: { bootstrap.servers: "$BROKERS" }
errors: { dead_letter: { topic: shared.dead, replay: pay.replay } }
EOT
run "one's own alone" 0 dlq ls -c "$CONFIG"
out_lines 1
err_has "^1 of 4 letters; 2 are other applications' (--group); 1 records are no letters$"
run "another's" 0 dlq ls -c "$CONFIG" --group ship
out_lines 2
run "everybody's" 0 dlq ls -c "$CONFIG" --group '*'
out_lines 3
run "another's letter is not replayed" 1 dlq replay 0@1 -c "$CONFIG" --yes
err_has "^0 letters replayed to pay.replay, 0 left for their count; 1 are other applications' (--group)$"
run "nor dropped" 1 dlq drop 0@1 -c "$CONFIG" --reason x --yes
run "what is no letter is not replayed" 1 dlq replay 0@3 -c "$CONFIG" --yes
err_has "; 1 records are no letters$"
run "but it is shown" 0 dlq show 0@3 -c "$CONFIG"
run "all that is one's own" 0 dlq replay -c "$CONFIG" --yes --json
out_is '{"replayed":1,"left":0,"gone":0,"refused":0,"done":0,"others":2,"of":1}'
sed -i 's/, replay: pay.replay//' "$CONFIG"
run "no topic for it" 2 dlq replay -c "$CONFIG" --yes
err_has "errors.dead_letter.replay"
finish
