# weir dev, record and replay: what was recorded is what is replayed, and recorded again.
. "$(dirname "$0")/lib.sh"

CONFIG=$DATA/bank/bank.yaml
recording=$DATA/bank/json.jsonl.xz
xz -dc "$recording" >"$T/all.jsonl"
grep '"bankjson.public' "$T/all.jsonl" | sorted >"$T/tables.jsonl"

start_broker --replay "$recording"
broker_fed
is "nothing was dropped" sh -c "! grep dropped '$T/broker'"
for file in plain.jsonl packed.jsonl.gz packed.jsonl.zst; do
    run "record $file" 0 record "$T/$file" -c "$CONFIG"
    err_has "^20550 records of 6 partitions"
done
gzip -dc "$T/packed.jsonl.gz" | sorted >"$T/gz"
zstd -dcq "$T/packed.jsonl.zst" | sorted >"$T/zst"
sorted "$T/plain.jsonl" >"$T/plain"
same "plain, as recorded first" "$T/plain" "$T/tables.jsonl"
same "gzip" "$T/gz" "$T/tables.jsonl"
same "zstd" "$T/zst" "$T/tables.jsonl"
run "into an existing file" 3 record "$T/plain.jsonl" -c "$CONFIG"
err_has "File exists"
run "with --yes" 0 record "$T/plain.jsonl" -c "$CONFIG" --yes --json
out_has '"records":20550'
run "a compression that is not written" 3 record "$T/x.xz" -c "$CONFIG"
run "nowhere" 2 record -c "$CONFIG"

# The file may stand behind the options.
run "the file last" 0 record --topic bankjson.transaction --from earliest --until end -c "$CONFIG" "$T/last.jsonl"
test -s "$T/last.jsonl" || fail "the file last: it is empty"
run "one topic" 0 record - --topic bankjson.transaction -c "$CONFIG"
out_lines 16972
run "from offsets" 0 record - --topic bankjson.public.labels --from bankjson.public.labels/0@1100,bankjson.public.labels/1@1290 -c "$CONFIG"
out_lines 76
run "from the end" 0 record - --from latest -c "$CONFIG"
out_lines 0
run "until a time" 0 record - --topic bankjson.public.labels --until 2026-11-22T19:13:08Z -c "$CONFIG"
grep '"bankjson.public.labels"' "$T/all.jsonl" | sed 's/.*"timestamp": \([0-9]*\),.*/\1/' | awk '$1 < 1795374788000' | wc -l >"$T/before"
is "what is older than that" test "$(wc -l <"$T/out")" -eq "$(cat "$T/before")"
cp "$T/before" "$T/out"
out_lacks '^0$'
run "until a while from now" 0 record - --from latest --until 300ms -c "$CONFIG"
run "to an offset" 0 record - --topic bankjson.public.labels --from bankjson.public.labels/0@3 --until bankjson.public.labels/0@5,bankjson.public.labels/1@0 -c "$CONFIG"
run "a time that is none" 2 record - --until soon -c "$CONFIG"
run "a topic that is not there" 3 record - --topic nothing -c "$CONFIG"
err_has KAFKA_NO_TOPIC
err_has "name those to be recorded by --topic"
err_lacks on_missing_topic
run "into a file, too" 3 record "$T/nothing.jsonl" --topic nothing -c "$CONFIG"
is "nothing is left behind" test ! -e "$T/nothing.jsonl"
run "a place that is none" 2 record - --from nothing -c "$CONFIG"
BROKERS=127.0.0.1:1 run "no broker" 3 record - -c "$CONFIG" --timeout 1s
err_has "Connection refused"
err_has "timeout says how long"
err_lacks meanwhile
kill "$broker"
wait "$broker"
is "SIGTERM ends the broker" test $? -eq 0

# Into another broker, under other names.
start_broker --topics copy.public.labels:2,narrow.public.labels
grep '"bankjson.public.labels"' "$T/all.jsonl" >"$T/labels.jsonl"
run "replay to nobody in particular" 2 replay "$T/labels.jsonl"
run "to the config's brokers, off a terminal" 2 replay "$T/labels.jsonl" -c "$CONFIG" --topic-prefix bankjson.=copy.
err_has "--yes does it"
run "dry" 0 replay "$T/labels.jsonl" --to "$BROKERS" --dry-run
err_has "bankjson.public.labels (2 partitions)"
run "replay" 0 replay "$T/labels.jsonl" --to "$BROKERS" --topic-prefix bankjson.=copy.
err_has "^2466 records"
run "record again" 0 record - --topic copy.public.labels -c "$CONFIG" --quiet
silent
sed 's/"copy\./"bankjson./' "$T/out" | sorted >"$T/again"
sorted "$T/labels.jsonl" >"$T/labels"
same "keys, values, headers, timestamps and partitions" "$T/again" "$T/labels"
run "too few partitions" 3 replay "$T/labels.jsonl" --to "$BROKERS" --topic-prefix bankjson.=narrow.
err_has "has 1 partitions"
run "no topic" 3 replay "$T/labels.jsonl" --to "$BROKERS" --topic-prefix bankjson.=none.
run "none was created" 3 record - --topic none.public.labels -c "$CONFIG"
err_has KAFKA_NO_TOPIC
head -n 50 "$T/labels.jsonl" >"$T/some.jsonl"
start=$(date +%s%3N)
run "slowly" 0 replay "$T/some.jsonl" --to "$BROKERS" --topic-prefix bankjson.=copy. --rate 100
is "50 records at 100 a second" test $(($(date +%s%3N) - start)) -ge 450
echo nonsense >>"$T/some.jsonl"
run "a damaged recording" 3 replay "$T/some.jsonl" --to "$BROKERS" --topic-prefix bankjson.=copy.
err_has "some.jsonl:51"
run "no recording" 3 replay "$T/nothing.jsonl" --to "$BROKERS"
finish
