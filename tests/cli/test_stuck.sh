# weir stuck ls, release and reject: keys that are parked, by the topic itself.
. "$(dirname "$0")/lib.sh"

CONFIG=$T/pay.yaml
python3 - >"$T/parked.jsonl" <<'PY'
import base64, json
def b(text): return base64.b64encode(text.encode(errors="surrogateescape")).decode()
notes = [("parked", "orders/0/o17", 17), ("follower", "orders/0/o17", 20), ("parked", "orders/1", 3),
         ("follower", "orders/0/o17", 20), ("follower", "orders/0/o17", 25), ("parked", "users/0/u1", 5), ("release", "users/0/u1", None),
         ("last", "users/0/u1", 5), ("done", "orders/0/nobody", 9), ("parked", "odd/0/\udcff", 1), ("follower", "odd/0/\udcff", 2)]
for i, (what, key, offset) in enumerate(notes):
    headers = [["trace", b("x")], ["weir.parked.what", b(what)], ["weir.parked.time", b("1795374788000")]]
    if offset is not None:
        headers += [["weir.parked.offset", b(str(offset))], ["weir.parked.timestamp", b("1795374780000")]]
    if key.startswith("odd") and what == "follower":
        headers += [["weir.parked.lacks", b("5000000")]]
    if what == "parked":
        headers += [["weir.parked.code", b("POISON")], ["weir.parked.text", b("it is bad")], ["weir.parked.attempts", b("4")]]
    print(json.dumps({"topic": "pay.parked", "partition": 0, "offset": i, "timestamp": 1795374788000 + i, "key": b(key),
                      "value": b("{}"), "headers": headers}))
print(json.dumps({"topic": "pay.parked", "partition": 0, "offset": 90, "timestamp": 1795374789000, "key": None, "value": b("no note"), "headers": []}))
PY
start_broker --replay "$T/parked.jsonl"
broker_fed
cat >"$CONFIG" <<EOT
weir: 1
name: pay
kafka: { bootstrap.servers: "$BROKERS" }
errors: { followers: park }
EOT

run "ls" 1 stuck ls -c "$CONFIG"
out_lines 4
out_has "^odd/0@1 .* 1 (not all copied) "
out_has "^orders/0@17 *o17 *parked *2 *2026-11-22T19:13:08.000Z *POISON: it is bad$"
out_has "^orders/1@3 *(none) *parked *0 "
out_lacks "u1"
run "ls of a topic" 0 stuck ls -c "$CONFIG" --of users
err_has "^no key is parked$"
run "ls as JSON" 1 stuck ls o17 -c "$CONFIG" --json
out_lines 1
out_is_json
out_has '^{"topic":"orders","partition":0,"key":"o17","state":"parked","offset":17,"followers":2,'
silent

run "a key that is no text" 1 stuck ls -c "$CONFIG" --json --of odd
out_lines 1
out_is_json
out_has '^{"topic":"odd","partition":0,"key":null,"key_base64":"/w==","state":"parked","offset":1,"followers":1,"not_copied":true,'
run "no key" 2 stuck release -c "$CONFIG"
err_has "which key"
run "again is not for reject" 2 stuck reject o17 --again -c "$CONFIG"
run "a key that is not parked" 1 stuck release u1 --yes -c "$CONFIG"
err_has "^no such key is parked$"
run "no consent" 2 stuck release o17 -c "$CONFIG"
err_has "^2 records that wait behind a rejected one of 1 keys are handled$"
run "a dry run" 0 stuck release o17 --dry-run -c "$CONFIG"
run "nothing was said" 1 stuck ls --json -c "$CONFIG"
out_lacks '"state":"released"'
run "release" 0 stuck release o17 --again --yes -c "$CONFIG" --json
out_has '^{"decision":"release","again":true,"topic":"orders","partition":0,"key":"o17","followers":2}$'
run "it is released" 1 stuck ls o17 --json -c "$CONFIG"
out_has '"state":"released"'
run "once is enough" 1 stuck release o17 --yes -c "$CONFIG"
err_has "^it was decided before$"
run "but it may be rejected still" 0 stuck reject o17 --yes -c "$CONFIG"
run "it is rejected" 1 stuck ls o17 --json -c "$CONFIG"
out_has '"state":"rejected"'
run "for good" 1 stuck reject o17 --yes -c "$CONFIG"
err_has "^it was decided before$"
run "reject records without a key" 0 stuck reject --no-key --yes -c "$CONFIG"
err_has "^rejected: 1 keys, 0 records"
run "a key that is no text can be named" 0 stuck release "$(printf '\377')" --yes -c "$CONFIG"
run "all of them were decided on" 1 stuck release --all --yes -c "$CONFIG"
sed -i 's/127.0.0.1:[0-9]*/127.0.0.1:1/' "$CONFIG"
run "nobody answers" 3 stuck ls -c "$CONFIG" --timeout 1s
finish
