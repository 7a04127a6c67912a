# Tables of a source without a key: appended, each record once; what cannot be appended is refused.
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"

append_config() { # FILE STORE
    CONFIG=$1
    cat >"$1" <<Y
weir: 1
name: shop
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources:
  shop: { connector: postgresql, types: { public.items: { a: integer, b: text } } }
stores:
  db: $2
tables:
  log: { from: shop.public.items, store: db, table: log, on_no_key: append }
Y
}
line() { # OFFSET OP ROW: a record without a key
    record shop.public.items "$1" "" "$(change "10$1" "$2" "$3")" | sed 's/"key":""/"key":null/'
}
{
    line 1 r '{"a":1,"b":"x"}'
    line 2 c '{"a":1,"b":"x"}'
    line 9 c '{"a":2,"b":null}'
    line 10 c '{"a":3,"b":"z"}'
} >"$T/rows.jsonl"
{ cat "$T/rows.jsonl"; line 11 u '{"a":3,"b":"u"}'; line 12 c '{"a":4,"b":"w"}'; } >"$T/update.jsonl"
{ cat "$T/rows.jsonl"; line 11 t null; line 12 c '{"a":4,"b":"w"}'; } >"$T/truncate.jsonl"

both() { # NAME STORE QUERY: QUERY is a command that runs SQL
    append_config "$T/$1.yaml" "$2"
    sql=$3
    run "$1: appended" 0 sync --quiet --from "$T/rows.jsonl" "$CONFIG"
    run "$1: again" 0 sync --quiet --from "$T/rows.jsonl" "$CONFIG"
    run "$1: dump" 0 dump log -c "$CONFIG"
    out_is '{"a":1,"b":"x"}
{"a":1,"b":"x"}
{"a":2,"b":null}
{"a":3,"b":"z"}'
    is "$1: in their order" test "$($sql "select a from log order by _weir_partition, _weir_offset desc limit 1")" = 3
    run "$1: one by its place" 0 get log '{"_weir_offset":9,"_weir_partition":0}' -c "$CONFIG"
    out_is '{"a":2,"b":null}'
    # The offsets are lost, the rows are not: they are told apart by their place.
    is "$1: offsets are forgotten" $sql "delete from weir_state where cache = '.weir'"
    run "$1: all records once more" 1 sync --from "$T/update.jsonl" "$CONFIG"
    err_has 'shop.public.items/0@11.*CDC_NO_KEY'
    is "$1: none is twice" test "$($sql "select count(*) from log")" = 5
    is "$1: offsets are forgotten again" $sql "delete from weir_state"
    run "$1: a truncate" 0 sync --quiet --from "$T/truncate.jsonl" "$CONFIG"
    run "$1: what is behind it" 0 dump log -c "$CONFIG"
    out_is '{"a":4,"b":"w"}'
    run "$1: explain" 0 explain "$CONFIG" "$T/rows.jsonl:2"
    sed 's/, on_no_key: append//' "$CONFIG" >"$T/refuse.yaml"
    is "$1: emptied" $sql "delete from weir_state"
    run "$1: refused" 1 sync --from "$T/rows.jsonl" "$T/refuse.yaml"
    err_has 'CDC_NO_KEY'
}
lite() { sqlite3 "$T/append.db" "$1"; }
both sqlite "{ type: sqlite, path: \"$T/append.db\" }" lite
if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=$((skipped + 1))
    finish
fi
pg() { psql "$WEIR_TEST_PG" -qAtc "$1"; }
both postgres "{ type: postgres, mode: replicate, conninfo: \"$WEIR_TEST_PG\" }" pg
finish
