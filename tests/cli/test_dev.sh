# weir dev: a broker in memory.
. "$(dirname "$0")/lib.sh"

start_broker --topics a:3,b
"$WEIR" record - --topic a --topic b -c "$DATA/bank/bank.yaml" >"$T/out" 2>"$T/err"
name=topics
err_has "^0 records of 4 partitions"
is "the address is the first line" test "$(head -n 1 "$T/broker")" = "$BROKERS"
kill "$broker"
wait "$broker"
is "SIGTERM is its end" test $? -eq 0

# What it could not keep is told.
python3 - "$T/large.jsonl" <<'PY'
import base64, json, random, sys
with open(sys.argv[1], "w") as f:
    for i in range(90):
        value = base64.b64encode(random.Random(i).randbytes(100000)).decode()
        print(json.dumps({"topic": "large", "partition": 0, "offset": i, "timestamp": 1, "key": None, "value": value}), file=f)
PY
start_broker --replay "$T/large.jsonl"
until_is "the replay" 20 grep -q 'dropped the first [0-9]* records of large/0' "$T/broker"
pass "a dropped head is told"
kill "$broker"

# A replay that waits for its reader.
CONFIG=$DATA/bank/bank.yaml
start_broker --replay "$DATA/bank/json.jsonl.xz" --ahead 3000 -c "$CONFIG"
sleep 0.5
is "it waits for a reader" sh -c "! grep -q replayed '$T/broker'"
start_sync "$CONFIG"
broker_fed
until_is "the sync" 30 stored 20550
pass "fed as it was read"
kill "$sync" "$broker"

run "--ahead without a config" 2 dev --replay "$DATA/bank/json.jsonl.xz" --ahead 5
run "--rate without a recording" 2 dev --rate 5
run "a rate that is none" 2 dev --replay x --rate fast
run "a recording on stdin" 2 dev --replay -
run "no recording" 3 dev --replay "$T/nothing"
run "no topics" 2 dev --topics a:x
run "a port file that cannot be written" 3 dev --port-file "$T/none/port"
run "a topic with a name that is none" 2 dev --topics "a b:3"
err_has 'a b. is no name of a topic: Kafka takes'
run "a topic without a name" 2 dev --topics ":3"
finish
