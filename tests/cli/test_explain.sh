# weir explain: one record, run dry.
. "$(dirname "$0")/lib.sh"

bank_store
xz -dc "$DATA/bank/json.jsonl.xz" >"$T/all.jsonl"
line_of() { grep -n "$1" "$T/all.jsonl" | ${2:-tail} -n 1 | cut -d: -f1; }
sum_of_store() { cat "$STORE"/data.mdb | cksum; }
before=$(sum_of_store)

update=$(line_of '"bankjson.public.labels", "partition": 1, "offset": 1295')
run "an update" 0 explain "$CONFIG" "$T/all.jsonl:$update"
out_has "^record  *bankjson.public.labels/1@1295, written 2026-11-22T19:13:09.397Z"
out_has "^sizes  *key 14 bytes, value 586 bytes"
out_has "^event  *change: update of public.labels"
out_has '^key  *{"name":"l34"}'
out_has "^position  *H 0/492C2F38, l 0/492C2F38, last commit 0/492C2EC8, transaction 29285"
out_has '^placeholders  *\["big"\]'
out_has "was met already"
out_has "^merge  *refused"
out_has "older: "
out_has "^then  *unchanged"
run "an update as JSON" 0 explain "$CONFIG" "$T/all.jsonl:$update" --json
out_is_json
out_has '"event":"change","table":"public.labels","key":{"name":"l34"},"change":"update","op":"u"'
out_has '"placeholders":\["big"\]'
out_has '"merge":"refused","counted":\["older"\]'

# Before any of it was read, the same record has nothing to take its placeholder from.
STORE=$T/none run "without a store" 0 explain "$CONFIG" "$T/all.jsonl:$update"
out_has "STORE_IO"
out_has "as if it were empty"
out_has "^now  *nothing"
out_has "^merge  *applied"
out_has 'incomplete: nobody ever sent a value for \["big"\]'
is "no store was made" test ! -e "$T/none"

moved=$(grep -n '__debezium.newkey' "$T/all.jsonl" | grep -v '"value": null' | grep labels | head -n 1 | cut -d: -f1)
run "a moved key" 0 explain "$CONFIG" "$T/all.jsonl:$moved"
out_has "^event  *change: delete of public.labels"
out_has '^moves to  *{"name":"'
out_has "^headers  *__debezium.newkey: {"
heartbeat=$(line_of '"__debezium-heartbeat')
run "a heartbeat" 0 explain "$CONFIG" "$T/all.jsonl:$heartbeat"
out_has "^event  *heartbeat"
out_has "none reads this topic"
tombstone=$(line_of 'labels.*"value": null')
sed -n "${tombstone}p" "$T/all.jsonl" | "$WEIR" explain "$CONFIG" - >"$T/out" 2>"$T/err"
name="a tombstone on stdin"
out_has "^event  *change: tombstone"
out_has "value null"
is "nothing was changed" test "$(sum_of_store)" = "$before"

# A change that is to come: what the store would have then.
shop_config "$T/shop.yaml"
export STORE=$T/shop
record shop.public.items 0 '{"id":1}' "$(change 101 c '{"id":1,"big":"b","n":1}')" >"$T/shop.jsonl"
run "sync" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
record shop.public.items 1 '{"id":1}' "$(change 102 u '{"id":1,"big":"__debezium_unavailable_value","n":2}')" >"$T/next.jsonl"
run "the next record" 0 explain "$CONFIG" "$T/next.jsonl:1"
out_has "this record is the next one"
out_has '^row  *{"id":1,"big":null,"n":2}'
out_has '^now  *{"id":1,"big":"b","n":1}'
out_has "^merge  *applied"
out_has "updates: "
out_has "placeholders_kept: "
out_has '^then  *{"id":1,"big":"b","n":2}'
record shop.public.items 2 '{"id":1}' "$(change 103 d null)" >"$T/next.jsonl"
run "a delete" 0 explain "$CONFIG" "$T/next.jsonl:1"
out_has "is still to come"
out_has "^then  *a delete mark"
record shop.public.items 2 '{"id":1}' "not json" >"$T/next.jsonl"
run "no JSON" 1 explain "$CONFIG" "$T/next.jsonl:1"
out_has "JSON_SYNTAX"
out_has "its key is quarantined"
run "no JSON, as JSON" 1 explain "$CONFIG" "$T/next.jsonl:1" --json
out_is_json
out_has '"error":{"code":"JSON_SYNTAX"'
record shop.public.items 2 '{"id":1}' "$(change 103 c '{"id":1}' | sed 's/"table":"items"/"table":"other"/')" >"$T/next.jsonl"
run "another table" 0 explain "$CONFIG" "$T/next.jsonl:1"
out_has "of another table"

run "no such line" 3 explain "$CONFIG" "$T/next.jsonl:7"
run "no such file" 3 explain "$CONFIG" "$T/nothing:1"
run "no record" 2 explain "$CONFIG"
run "a record that is none" 2 explain "$CONFIG" nonsense

CONFIG=$DATA/bank/bank.yaml
start_broker --replay "$DATA/bank/json.jsonl.xz"
broker_fed
run "in Kafka" 0 explain "$CONFIG" bankjson.public.labels/1@1295
out_has '^key  *{"name":"l34"}'
run "behind the end" 1 explain "$CONFIG" bankjson.public.labels/1@1296
err_has "from 0 to below 1296"
run "no such partition" 1 explain "$CONFIG" bankjson.public.labels/7@1
run "no such topic" 3 explain "$CONFIG" nothing/0@1
BROKERS=127.0.0.1:1 run "no broker" 3 explain "$CONFIG" bankjson.public.labels/1@1 --timeout 1s
finish
