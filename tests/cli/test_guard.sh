# guard: off: nothing is kept of rows, and what that gives up.
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"

config() { # STORE
    CONFIG=$T/off.yaml
    cat >"$CONFIG" <<Y
weir: 1
name: off
kafka: { bootstrap.servers: "$BROKERS" }
sources: { shop: { connector: postgresql, types: { public.items: { id: bigint, n: text, big: text } } } }
stores: { db: $1 }
tables:
  items: { from: shop.public.items, store: db, guard: off, on_incomplete: serve }
Y
}
item() { record shop.public.items "$1" "{\"id\":$2}" "$(change "$3" "$4" "$5")"; } # OFFSET ID LSN OP ROW
big='"big":"__debezium_unavailable_value"'
{
    item 0 1 101 c '{"id":1,"n":"a","big":"long"}'
    item 1 2 102 c '{"id":2,"n":"b","big":"longer"}'
    item 2 1 103 u "{\"id\":1,\"n\":\"c\",$big}"
    item 3 2 104 d null
    item 4 3 105 c '{"id":3,"n":"d","big":null}'
} >"$T/rows.jsonl"
{
    cat "$T/rows.jsonl"
    item 5 1 106 u "{\"id\":1,\"n\":\"e\",$big}"
    item 6 9 107 u "{\"id\":9,\"n\":\"new\",$big}"
} >"$T/more.jsonl"
{
    cat "$T/more.jsonl"
    item 7 1 103 u "{\"id\":1,\"n\":\"c\",$big}"
} >"$T/older.jsonl"
{
    cat "$T/older.jsonl"
    item 8 1 108 t null
    item 9 4 109 c '{"id":4,"n":"z","big":null}'
} >"$T/truncate.jsonl"

both() { # NAME STORE SQL
    config "$2"
    sql=$3
    run "$1: rows" 0 sync --quiet --from "$T/rows.jsonl" "$CONFIG"
    run "$1: what is there" 0 dump items -c "$CONFIG"
    out_is '{"id":1,"n":"c","big":"long"}
{"id":3,"n":"d","big":null}'
    is "$1: no column more" test "$($sql 'select * from items where id = 1')" = '1|c|long'
    is "$1: nothing of rows beside them" test "$($sql 'select count(*) from weir_state where space <> 3')" = 0
    run "$1: a value that was not sent stays, or is not there" 0 sync --quiet --from "$T/more.jsonl" "$CONFIG"
    run "$1: then" 0 dump items -c "$CONFIG"
    out_is '{"id":1,"n":"e","big":"long"}
{"id":3,"n":"d","big":null}
{"id":9,"n":"new","big":null}'
    run "$1: what is sent again is taken for new" 0 sync --quiet --from "$T/older.jsonl" "$CONFIG"
    run "$1: the older row" 0 get items 1 -c "$CONFIG"
    out_is '{"id":1,"n":"c","big":"long"}'
    run "$1: a truncate" 0 sync --quiet --from "$T/truncate.jsonl" "$CONFIG"
    run "$1: what is behind it" 0 dump items -c "$CONFIG"
    out_is '{"id":4,"n":"z","big":null}'
}
lite() { sqlite3 "$T/off.db" "$1"; }
both sqlite "{ type: sqlite, path: \"$T/off.db\" }" lite
if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=1
    finish
fi
pg() { psql "$WEIR_TEST_PG" -qAtc "$1"; }
both postgres "{ type: postgres, mode: replicate, conninfo: \"$WEIR_TEST_PG\" }" pg

finish
