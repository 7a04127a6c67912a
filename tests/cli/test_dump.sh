# weir dump: the rows of a cache, as PostgreSQL would write them, in the order of their keys.
. "$(dirname "$0")/lib.sh"

bank_store
for table in accounts entries labels; do
    run "dump $table" 0 dump $table -c "$CONFIG"
    silent
    sorted "$T/out" >"$T/dump"
    sorted "$DATA/bank/final/public.$table.json" >"$T/source"
    same "$table equals row_to_json of the source" "$T/dump" "$T/source"
done

run "keys" 0 dump labels --keys -c "$CONFIG"
out_lines 74
out_is_json
sed 's/^{"key":\(.*\),"row":{"name".*/\1/' "$T/out" >"$T/keys"
LC_ALL=C sort -c "$T/keys" && pass "rows are in the order of their keys" || fail "the keys are out of order"
run "states" 0 dump labels --states -c "$CONFIG"
out_is_json
out_has '^{"key":{"name":"l0x"},"lsn":"0/[0-9A-F]*","row":{'
out_lacks incomplete
out_lacks quarantined

run "an unknown cache" 2 dump nothing -c "$CONFIG"
err_has "there are: accounts, entries, labels"
run "no cache" 2 dump -c "$CONFIG"
STORE=$T/elsewhere run "no store" 3 dump labels -c "$CONFIG"
err_has STORE_IO

# A recording that begins in mid-stream has placeholders whose value nobody ever sent.
shop_config "$T/shop.yaml" "on_incomplete: serve"
{
    record shop.public.items 1 '{"id":1}' "$(change 101 u '{"id":1,"big":"__debezium_unavailable_value"}')"
    record shop.public.items 2 '{"id":2}' "$(change 102 c '{"id":2,"big":"b"}')"
    record shop.public.items 3 '{"id":2}' "not json"
    record shop.public.items 4 '{"id":3}' "$(change 103 c '{"id":3,"doc":"{\"a\":1,\n  \"b\":2}"}')"
} >"$T/shop.jsonl"
STORE=$T/shop run "sync" 1 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
STORE=$T/shop run "incomplete and quarantined rows" 0 dump items --states -c "$CONFIG"
out_lines 3
out_is_json
out_has '{"id":1},"lsn":"0/65","incomplete":\["big"\],"row":{"id":1,"big":null}'
out_has '{"id":2},"lsn":"0/66","quarantined":true,"row"'
STORE=$T/shop run "a row is a line" 0 dump items -c "$CONFIG"
out_lines 3
out_has '^{"id":3,"doc":{"a":1,   "b":2}}$'

# What is hidden is not dumped.
shop_config "$T/hide.yaml"
STORE=$T/hide run "sync" 1 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
STORE=$T/hide run "states of what is hidden" 0 dump items --states -c "$CONFIG"
out_lines 3
out_is_json
out_has '^{"key":{"id":1},"lsn":"0/65","incomplete":\["big"\],"row":null}$'
out_has '^{"key":{"id":2},"lsn":"0/66","quarantined":true,"row":null}$'
STORE=$T/hide run "hidden rows" 0 dump items --keys -c "$CONFIG"
out_is '{"key":{"id":3},"row":{"id":3,"doc":{"a":1,   "b":2}}}'

# A key that is longer than LMDB's own limit is whole.
long=$(head -c 900 /dev/zero | tr '\0' k)
record shop.public.items 1 "{\"id\":\"$long\"}" "$(change 101 c "{\"id\":\"$long\"}")" >"$T/long.jsonl"
STORE=$T/long run "sync" 0 sync --quiet --from "$T/long.jsonl" "$CONFIG"
STORE=$T/long run "a long key" 0 dump items --keys -c "$CONFIG"
out_is "{\"key\":{\"id\":\"$long\"},\"row\":{\"id\":\"$long\"}}"
STORE=$T/long run "its row" 0 get items "{\"id\":\"$long\"}" -c "$CONFIG"

sed 's/type: lmdb, path: "${STORE}"/type: memory/' "$T/hide.yaml" >"$T/memory.yaml"
run "a cache in memory" 3 dump items -c "$T/memory.yaml"
err_has CACHE_IN_MEMORY
"$WEIR" dump labels -c "$DATA/bank/bank.yaml" >/dev/full 2>"$T/err"
is "a full disk is told" test $? -eq 3
finish
