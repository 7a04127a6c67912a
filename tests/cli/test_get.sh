# weir get: one row, by its key as people write it.
. "$(dirname "$0")/lib.sh"

bank_store
row=$(grep '^{"id":10,' "$DATA/bank/final/public.accounts.json")
run "a number" 0 get accounts 10 -c "$CONFIG"
out_is "$row"
silent
run "an object" 0 get accounts '{ "id" : 10 }' -c "$CONFIG"
out_is "$row"
run "a text" 0 get labels l36 -c "$CONFIG"
out_has '^{"name":"l36",'
out_lines 1
run "a text in quotes" 0 get labels '"l36"' -c "$CONFIG"
run "two columns, in any order" 0 get entries '{"seq":3,"account_id":73}' -c "$CONFIG"
out_has '^{"account_id":73,"seq":3,'
run "one value for two columns" 2 get entries 73 -c "$CONFIG"
err_has 'is one value; the key is {"account_id":NUMBER,"seq":NUMBER}'
run "another column" 2 get accounts '{"nr":10}' -c "$CONFIG"
err_has 'other columns than the key; the key is {"id":NUMBER}'
run "a column too few" 2 get entries '{"account_id":73}' -c "$CONFIG"
run "a column too many" 2 get accounts '{"id":10,"seq":1}' -c "$CONFIG"
run "a text for a number" 2 get accounts '{"id":"10"}' -c "$CONFIG"
err_has 'another type; the key is {"id":NUMBER}'
run "a number for a text" 2 get labels '{"name":36}' -c "$CONFIG"
run "a word for a number" 2 get accounts ten -c "$CONFIG"
err_has 'ten is no number; the key is {"id":NUMBER}'
run "an object that is not whole" 2 get accounts '{"id":10' -c "$CONFIG"
err_has 'no JSON object and no single value; the key is {"id":NUMBER}'
run "a list" 2 get accounts '[10]' -c "$CONFIG"
run "nothing" 2 get accounts '' -c "$CONFIG"
run "a number as a text's value" 1 get labels 36 -c "$CONFIG"
run "an unknown key" 1 get accounts 99999999 -c "$CONFIG"
err_has "no such row"
out_is ""
run "no key" 2 get accounts -c "$CONFIG"
run "an unknown cache" 2 get nothing 1 -c "$CONFIG"

deleted=$(python3 - "$CONFIG" <<'PY'
import base64, json, lzma
keys = {}
for line in lzma.open("tests/data/bank/json.jsonl.xz"):
    r = json.loads(line)
    if r["topic"].endswith("labels"):
        keys[base64.b64decode(r["key"])] = r["value"] is None
print(json.loads(next(k for k, dead in keys.items() if dead))["name"])
PY
)
run "a deleted row" 1 get labels "$deleted" -c "$CONFIG"
err_has "was deleted"
run "as JSON" 1 get labels "$deleted" --json -c "$CONFIG"
out_is_json
out_has '"found":false.*"reason":"the row was deleted".*"row":null'
run "how far" 0 get accounts 10 --verbose -c "$CONFIG"
err_has "newest change applied: 0/.*ago"
run "as JSON" 0 get accounts 10 --json -c "$CONFIG"
out_is_json
out_has '"found":true,"key":{"id":10},"lsn":"0/.*"applied":{"lsn":"0/.*"age_ms":[0-9]*}.*"row":{"id":10,'

shop_config "$T/shop.yaml" "on_incomplete: serve"
{
    record shop.public.items 1 '{"id":1}' "$(change 101 u '{"id":1,"big":"__debezium_unavailable_value"}')"
    record shop.public.items 2 '{"id":2}' "$(change 102 c '{"id":2,"big":"b"}')"
    record shop.public.items 3 '{"id":2}' "not json"
} >"$T/shop.jsonl"
export STORE=$T/shop
run "sync" 1 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "an incomplete row" 0 get items 1 -c "$CONFIG"
out_is '{"id":1,"big":null}'
err_has 'incomplete.*\["big"\]'
run "an incomplete row as JSON" 0 get items 1 --json -c "$CONFIG"
out_has '"incomplete":\["big"\]'
run "a quarantined row" 0 get items 2 -c "$CONFIG"
err_has "could not be used"
shop_config "$T/hide.yaml"
export STORE=$T/hide
run "sync" 1 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "a hidden row" 1 get items 1 -c "$CONFIG"
err_has "hidden: nobody ever sent"
run "a hidden row" 1 get items 2 -c "$CONFIG"
err_has "hidden: a record of this key could not be used"
shop_config "$T/where.yaml" "where: { big: other }"
export STORE=$T/where
run "sync" 1 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "a row that does not match" 1 get items 2 -c "$CONFIG"
run "a time that is none" 2 get items 2 --min-lsn 0/1 --wait soon -c "$CONFIG"
run "an LSN that is none" 2 get items 2 --min-lsn x -c "$CONFIG"
STORE=$T/below
bank_store
run "a key below zero" 1 get accounts -5 -c "$DATA/bank/bank.yaml"
err_lacks "which key"
run "behind --" 1 get -c "$DATA/bank/bank.yaml" accounts -- -5
finish
