#!/bin/sh
# weir sync over a recording: what its exit code, its summary and its log say.
. "$(dirname "$0")/lib.sh"

TOPIC=shop.public.items
good() { record $TOPIC "$1" "{\"id\":$1}" "$(change $((100 + $1)) c "{\"id\":$1,\"state\":\"open\"}")"; }
bad() { record $TOPIC "$1" "{\"id\":$1}" "$(change $((100 + $1)) x "{\"id\":$1,\"state\":\"open\"}")"; }
# fresh_config FILE CACHE-SETTINGS MORE: the same with a store of its own.
fresh_config() {
    STORE=$T/$(basename "$1" .yaml)
    shop_config "$1" "$2"
    printf 'log: { format: text }\n%s\n' "${3:-}" >>"$1"
}

err_lines() { if [ "$(grep -c -e "$2" "$T/err")" -eq "$1" ]; then pass "$name: $1 of $2"; else fail "$name: not $1 of $2"; fi; }

# ---- Records that cannot be used ----------------------------------------------------------------
{ good 1; bad 2; good 3; } >"$T/bad.jsonl"
{ good 1; good 3; } >"$T/good.jsonl"
fresh_config "$T/rejected.yaml"
run "a rejected record is a no" 1 sync --from "$T/bad.jsonl" "$CONFIG"
out_has '^3 records in .* 1 could not be used (from a recording they are written nowhere)$'
err_has "skipping $TOPIC/0@2"
err_lacks dead-letter
fresh_config "$T/json.yaml"
run "as JSON" 1 sync --json --from "$T/bad.jsonl" "$CONFIG"
out_is_json
out_has '^{"records":3,"rejected":1,.*"complete":true}$'
fresh_config "$T/skipped.yaml" '' 'errors: { reject: skip }'
run "skipped as asked for" 0 sync --from "$T/bad.jsonl" "$CONFIG"
out_has ' 1 could not be used$'
fresh_config "$T/whole.yaml"
run "all of them good" 0 sync --from "$T/good.jsonl" "$CONFIG"
out_has '^2 records in [^,]*$'

# ---- The log ------------------------------------------------------------------------------------
err_has 'shop-sync 0\..* starts: config .*whole.yaml; recording .*good.jsonl; caches items (lmdb)$'
err_has 'ready after .* s: all that was there is applied, 2 records$'
err_has "ended by the recording's end after .* s and 2 records$"
err_lines 3 ' starts: \| ready after \| ended by '
fresh_config "$T/failed.yaml" '' 'errors: { reject: stop }'
run "a failure" 5 sync --from "$T/bad.jsonl" "$CONFIG"
err_has 'ended by a failure after .*REJECTED'

# ---- Offsets that go back -----------------------------------------------------------------------
{ good 1; good 2; good 0; } >"$T/back.jsonl"
fresh_config "$T/back.yaml"
run "offsets that go back" 3 sync --from "$T/back.jsonl" "$CONFIG"
err_has "$T/back.jsonl:3: the offset 0 of $TOPIC/0 stands behind 2: within a partition they grow \[RECORDING_LINE\]"
{ good 1; good 2; good 2; } >"$T/twice.jsonl"
fresh_config "$T/twice.yaml"
run "an offset that comes twice" 3 sync --from "$T/twice.jsonl" "$CONFIG"
err_has "$T/twice.jsonl:3: the offset 2 "
{ good 1; good 2; } | gzip >"$T/parts.jsonl.gz"
{ good 3; good 4; } | gzip >>"$T/parts.jsonl.gz"
fresh_config "$T/parts.yaml"
run "two parts of one recording" 0 sync --from "$T/parts.jsonl.gz" "$CONFIG"
out_has '^4 records in '
run "what the store has is left out" 0 sync --from "$T/parts.jsonl.gz" "$CONFIG"
out_has '^0 records in '
{ good 5; good 2; } >"$T/old.jsonl"
run "so is what is older, wherever it stands" 0 sync --from "$T/old.jsonl" "$CONFIG"
out_has '^1 records in '
{ good 6; good 1; } | gzip >>"$T/parts.jsonl.gz"
fresh_config "$T/later.yaml"
run "a part that belongs before" 3 sync --from "$T/parts.jsonl.gz" "$CONFIG"
err_has "parts.jsonl.gz:6: the offset 1 of "

# ---- A log of JSON alone -------------------------------------------------------------------------
fresh_config "$T/machine.yaml" '' 'errors: { reject: stop }'
sed -i 's/format: text/format: json/; s/bootstrap.servers: "${BROKERS}"/bootstrap.servers: "${BROKERS}", sasl.password: literal/' "$CONFIG"
run "JSON to the end" 5 sync --from "$T/bad.jsonl" "$CONFIG"
is "stderr is lines of JSON" python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$T/err"
run "JSON to the end" 5 sync --from "$T/bad.jsonl" "$CONFIG"
err_has '"level":"warn".*CONFIG_LITERAL_SECRET'
err_has '"level":"error".*ended by a failure'
err_has '"level":"warn","part":"sync","message":"[A-Z]' # what to do

# ---- Nothing to do -------------------------------------------------------------------------------
printf 'weir: 1\nname: s\nkafka: { bootstrap.servers: b }\n' >"$T/nothing.yaml"
run "neither caches nor tables" 2 sync "$T/nothing.yaml"
err_has "nothing.yaml: no caches and no tables: there is nothing to sync \[CONFIG_NOTHING\]"
run "which a service's config may have" 0 check "$T/nothing.yaml"
out_has "^no caches and no tables: a service's config; weir sync would have nothing to do$"

# ---- Rows that do not fit their schema -----------------------------------------------------------
echo '{"properties":{"state":{"$ref":"state.json"}}}' >"$T/items.schema.json"
echo '{"enum":["open","shut"]}' >"$T/state.json"
odd() { record $TOPIC "$1" "{\"id\":$1}" "$(change $((100 + $1)) c "{\"id\":$1,\"state\":\"ajar\"}")"; }
{ good 1; odd 2; good 3; } >"$T/odd.jsonl"
checked() { fresh_config "$T/$1.yaml" '' \
    "validation: [ { table: shop.public.items, schema: $T/items.schema.json, on_fail: $1 } ]"; }
checked reject
run "a row that does not fit" 1 sync --from "$T/odd.jsonl" "$CONFIG"
out_has ' 1 could not be used'
err_has "skipping $TOPIC/0@2: .*/state: .*enum.*ROW_INVALID"
checked report
run "is reported" 0 sync --from "$T/odd.jsonl" "$CONFIG"
out_has '^3 records in [^,]*$'
err_has "invalid row 1, applied: $TOPIC/0@2: .*ROW_INVALID"
checked stop
run "or stops" 5 sync --from "$T/odd.jsonl" "$T/stop.yaml"
err_has "$TOPIC/0@2: .*ROW_INVALID"
fresh_config "$T/pattern.yaml" '' "validation: [ { table: 'shop.public.i*', schema: $T/items.schema.json } ]"
run "a pattern of tables" 1 sync --from "$T/odd.jsonl" "$CONFIG"
err_has "skipping $TOPIC/0@2: .*ROW_INVALID"
fresh_config "$T/unused.yaml" '' "validation: [ { table: shop.public.itms, schema: $T/items.schema.json } ]"
run "a table that nothing follows" 0 check "$CONFIG"
err_has 'unused.yaml:[0-9]*:[0-9]*: warning: .*nothing here follows such a table.*CONFIG_DANGLING_NAME'
run "the schema is good" 0 check "$T/stop.yaml"
echo '{"enum":3}' >"$T/state.json"
run "a schema that is none" 2 check "$T/stop.yaml"
err_has "stop.yaml:[0-9]*:[0-9]*: error: .*SCHEMA_INVALID"
run "is not started with" 2 sync --from "$T/odd.jsonl" "$T/stop.yaml"

# ---- Interrupted --------------------------------------------------------------------------------
for signal in INT TERM; do
    fresh_config "$T/stopped-$signal.yaml"
    mkfifo "$T/pipe-$signal"
    { good 1; sleep 30; } >"$T/pipe-$signal" &
    processes="$processes $!"
    # A shell ignores SIGINT for its background jobs: python3 gives it back.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$WEIR" sync --from "$T/pipe-$signal" "$CONFIG" >"$T/out" 2>"$T/err" &
    sync=$!
    processes="$processes $sync"
    until_is "the first record" 10 stored 2
    kill -$signal $sync
    wait $sync
    code=$?
    name="interrupted by SIG$signal"
    if [ $code -eq 1 ]; then pass "$name"; else fail "$name: exit code $code, not 1"; fi
    out_has "^stopped by SIG$signal before the recording's end"
    err_has "ended by SIG$signal after .* s and 1 records"
done

# ---- Names that no record has -------------------------------------------------------------------
fresh_config "$T/typos.yaml" 'columns: { drop: [stat] }, where: { stte: open }'
sed -i 's/{ doc: json }/{ id: bigint, ammount: bigint }/' "$CONFIG"
run "misspelt names" 0 sync --from "$T/good.jsonl" "$CONFIG"
err_has 'caches.items.columns.* column stat was in none of the 2 records of public.items'
err_has 'caches.items.where.* column stte was in none'
err_has 'sources.shop.types.* column ammount was in none'
err_lines 3 'was in none'
i=1
while [ $i -le 1001 ]; do
    good $i
    i=$((i + 1))
done >"$T/many.jsonl"
fresh_config "$T/many.yaml" 'where: { stte: open }'
run "in a thousand records" 0 sync --from "$T/many.jsonl" "$CONFIG"
err_has 'column stte was in none of the 1000 records'
err_lines 1 'stte was in none'
# Who asks no broker need not know any.
sed 's/[$]{BROKERS[^}]*}/${NO_BROKERS}/' "$DATA/bank/bank.yaml" >"$T/brokers.yaml"
STORE=$T/brokers.store
run "a recording without brokers" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/brokers.yaml"
run "get without brokers" 0 get labels l0x -c "$T/brokers.yaml"
run "dump without brokers" 0 dump labels -c "$T/brokers.yaml"
run "offsets without brokers" 0 offsets show -c "$T/brokers.yaml"
run "explain without brokers" 0 explain "$T/brokers.yaml" "$DATA/bank/json.jsonl.xz:1"
run "sync without brokers" 2 sync "$T/brokers.yaml"
err_has "the environment has no .NO_BROKERS"
run "explain what Kafka has, without brokers" 2 explain "$T/brokers.yaml" bankjson.public.labels/0@1

finish
