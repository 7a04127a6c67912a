# weir rebuild: a topic that holds a second initial snapshot. What was deleted between the two was never sent; the cache
# that is made anew has the rows of the source all the same.
. "$(dirname "$0")/lib.sh"

export CONFIG="$T/items.yaml"
cat >"$CONFIG" <<'END'
weir: 1
name: rebuild
kafka: { bootstrap.servers: "${BROKERS}" }
sources:
  shop: { connector: postgresql, types: { public.items: { id: integer, n: integer } } }
stores:
  local: { type: lmdb, path: "${STORE}" }
caches:
  items: { from: shop.public.items, store: local }
END

# record PARTITION OFFSET OP ID N COMMIT LSN
record() {
    key=$(printf '{"id":%s}' "$4" | base64 -w0)
    value=$(printf '{"op":"%s","before":null,"after":{"id":%s,"n":%s},"source":{"connector":"postgresql","name":"shop","schema":"public","table":"items","ts_ms":%s,"snapshot":"%s","txId":%s,"lsn":%s,"sequence":"[%s,\\"%s\\"]"},"ts_ms":1}' \
        "$3" "$4" "$5" "$7" "$(test "$3" = r && echo true || echo false)" "$7" "$7" "$6" "$7" | base64 -w0)
    printf '{"topic":"shop.public.items","partition":%s,"offset":%s,"timestamp":1,"key":"%s","value":"%s","headers":[]}\n' \
        "$1" "$2" "$key" "$value"
}

{
    record 0 0 r 1 10 null 100
    record 0 1 r 2 20 null 100
    record 1 0 r 3 30 null 100
    record 1 1 r 4 40 null 100
    record 0 2 u 2 21 null 120
    record 1 2 c 5 50 '\"130\"' 140
} >"$T/first.jsonl"
{
    cat "$T/first.jsonl"
    record 0 3 r 1 11 null 500 # 2, 3 and 5 were deleted while nobody had the slot
    record 1 3 r 4 40 null 500
    record 1 4 u 4 41 null 520
    record 0 4 c 6 60 '\"530\"' 540
} >"$T/both.jsonl"
printf '{"id":1,"n":11}\n{"id":4,"n":41}\n{"id":6,"n":60}\n' >"$T/source"

run "sync" 0 sync --from "$T/first.jsonl" "$CONFIG"
out_has '^items *rows 5 '
run "a second snapshot" 5 sync --from "$T/both.jsonl" "$CONFIG"
err_has "NEW_SNAPSHOT"
err_has "at LSN 500, the first was at 100"
run "nothing has changed" 0 dump items -c "$CONFIG"
out_lines 5
run "a rebuild run dry, as JSON" 0 rebuild items -c "$CONFIG" --dry-run --json
out_is_json
out_has '^{"dry_run":true,"plan":\["'
run "rebuild" 0 rebuild items -c "$CONFIG" --yes
run "sync anew" 0 sync --from "$T/both.jsonl" "$CONFIG"
run "dump" 0 dump items -c "$CONFIG"
sorted "$T/out" >"$T/dump"
same "made anew, equal to the source" "$T/dump" "$T/source"
run "sync again" 0 sync --from "$T/both.jsonl" "$CONFIG"
run "all of it again" 0 offsets set items 0@earliest 1@earliest -c "$CONFIG" --yes
run "sync" 0 sync --from "$T/both.jsonl" "$CONFIG"
run "dump" 0 dump items -c "$CONFIG"
sorted "$T/out" >"$T/dump"
same "nothing comes back" "$T/dump" "$T/source"

{
    cat "$T/both.jsonl"
    record 0 5 r 1 12 null 900
} >"$T/third.jsonl"
run "a third snapshot" 5 sync --from "$T/third.jsonl" "$CONFIG"
err_has "NEW_SNAPSHOT"

# A restored database begins behind positions that the topic has seen.
{
    cat "$T/both.jsonl"
    record 0 5 r 1 12 null 510
} >"$T/restored.jsonl"
run "rebuild" 0 rebuild items -c "$CONFIG" --yes
run "two histories" 5 sync --from "$T/restored.jsonl" "$CONFIG"
err_has "POSITION_REGRESS"
finish
