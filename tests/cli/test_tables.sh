# Tables of SQLite and PostgreSQL by the commands: sync, get, dump, rebuild, offsets, diff; what a table refuses.
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"

# tables FILE STORE: the bank's config with tables in place of caches
tables() { sed -e 's/^caches:/tables:/' -e "s/{ type: lmdb.*/$2/" "$DATA/bank/bank.yaml" >"$1"; }
use() { CONFIG=$1; }

tables "$T/lite.yaml" '{ type: sqlite, path: "${STORE}" }'
use "$T/lite.yaml"
run "check" 0 check "$CONFIG"
out_has 'table accounts: from bank.public.accounts'
run "sync into SQLite" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
for table in accounts entries labels; do
    run "dump $table" 0 dump $table -c "$CONFIG"
    sorted "$T/out" >"$T/dump"
    sorted "$DATA/bank/final/public.$table.json" >"$T/source"
    same "$table equals row_to_json of the source" "$T/dump" "$T/source"
done
run "get" 0 get labels l0x -c "$CONFIG"
out_has '"name":"l0x"'
run "get of several columns" 1 get entries '{"account_id":1,"seq":999999}' -c "$CONFIG"
run "states" 0 dump labels --states -c "$CONFIG"
out_has '^{"key":{"name":"l0x"},"lsn":"0/[0-9A-F]*","row":{'
run "offsets" 0 offsets show -c "$CONFIG"
out_has 'bankjson.public.accounts'
run "rebuild" 0 rebuild labels --yes -c "$CONFIG"
run "an empty table" 0 dump labels -c "$CONFIG"
out_lines 0
run "made anew" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "its rows" 0 dump labels -c "$CONFIG"
out_lines 74
is "plain SQL sees them" sh -c "[ \"\$(sqlite3 '$STORE' 'select sum(n) is not null and count(*) = 74 from labels')\" = 1 ]"

# What docs/tables.md says to try, as it stands there.
sed -n '/^# try.yaml/,/^```/p' "$DATA/../../docs/tables.md" | sed -e '/^```/d' -e "s|try.db|$T/try.db|" >"$T/try.yaml"
use "$T/try.yaml"
run "the manual's example" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "its rows" 0 dump accounts -c "$CONFIG"
out_lines 476
sed 's/bankjson/bankjsn/; s/try.db/other.db/' "$T/try.yaml" >"$T/misspelt.yaml"
run "a prefix that no record has is told" 0 sync --from "$DATA/bank/json.jsonl.xz" "$T/misspelt.yaml"
err_has 'no record of .* was taken: .*bankjsn.public.accounts'
use "$T/lite.yaml"

# Soft deletes: what is there is the source's, what is not has a time.
STORE=$T/soft.db
sed 's/store: local }/store: local, soft_delete: gone_at }/' "$T/lite.yaml" >"$T/soft.yaml"
use "$T/soft.yaml"
run "sync with soft deletes" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
for table in accounts entries labels; do
    run "dump $table" 0 dump $table -c "$CONFIG"
    sorted "$T/out" >"$T/dump"
    sorted "$DATA/bank/final/public.$table.json" >"$T/source"
    same "$table equals row_to_json of the source" "$T/dump" "$T/source"
done
is "deleted rows are there, whatever came in one batch" test "$(sqlite3 "$STORE" "select count(*) from entries where gone_at like '20%+00:00' and _weir_pos is null")" -eq 658
is "living ones have no time" test "$(sqlite3 "$STORE" "select count(*) from entries where gone_at is null")" -eq "$(wc -l <"$DATA/bank/final/public.entries.json")"

# What the config says of columns is told where it does not fit the rows, in a table as in a cache.
for table in '{ type: sqlite, path: "${STORE}" }' '{ type: lmdb, path: "${STORE}" }'; do
    tables "$T/columns.yaml" "$table"
    case $table in *lmdb*) sed -i 's/^tables:/caches:/' "$T/columns.yaml" ;; esac
    use "$T/columns.yaml"
    columns() { sed -i "s/\(bank.public.accounts, store: local\).*}/\1, columns: $1 }/" "$CONFIG"; }
    STORE=$T/columns.$(echo "$table" | cut -c9-12)
    anew() { rm -rf "$STORE" "$STORE".*; }
    columns '{ rename: { owner: note } }'
    run "a name that another column has" 2 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
    err_has 'column owner is renamed to note, and another one has that name \[CONFIG_COLUMN_TWICE\]'
    columns '{ drop: [id] }' && anew
    run "the key is left out" 2 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
    err_has 'column id is of the key, and is left out by columns.keep or columns.drop \[CONFIG_COLUMN_OF_KEY\]'
    columns '{ rename: { owner: note, note: owner } }' && anew
    run "two that swap their names" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
done

# Nor does one stop the sync that an earlier batch has brought, and the other half of its key's move completes: it is
# told, by that half, and what the table shows is what the source has.
xz -dc "$DATA/bank/json.jsonl.xz" | grep '"bankjson.public.accounts", "partition": 0' >"$T/one.jsonl"
for store in sqlite ${WEIR_TEST_PG:+postgres}; do
    if [ $store = sqlite ]; then
        STORE=$T/moved.db
        tables "$T/moved.yaml" '{ type: sqlite, path: "${STORE}" }'
        sqlite3 "$STORE" "create table moved (id integer primary key, owner text, balance DECIMAL_TEXT, note text,
            active boolean, updated_at TIMESTAMPTZ_TEXT, _weir_pos blob, check (cast(balance as real) < 5000))"
    else
        STORE=$WEIR_TEST_PG
        tables "$T/moved.yaml" '{ type: postgres, mode: replicate, conninfo: "${STORE}", state_table: moved_state }'
        psql "$STORE" -qc "create table moved (id bigint primary key, owner text, balance numeric(12,2), note text,
            active boolean, updated_at timestamptz, _weir_pos bytea, check (balance < 5000))"
    fi
    sed -i -e 's/\(bank.public.accounts, store: local\).*}/\1, table: moved }/' \
        -e '/from: bank.public.entries/d' -e '/from: bank.public.labels/d' "$T/moved.yaml"
    echo 'log: { level: debug }' >>"$T/moved.yaml"
    use "$T/moved.yaml"
    run "rows that wait for the other partition" 1 sync --quiet --from "$T/one.jsonl" "$CONFIG"
    run "rows that are refused when they are complete" 1 sync --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
    err_has 'TABLE_REFUSED","where":"row .*, whose key has moved"'
    out_has '^4741 records '
    run "what is shown" 0 dump accounts -c "$CONFIG"
    cp "$T/out" "$T/shown"
    is "is the source's" python3 - "$T/shown" "$DATA/bank/final/public.accounts.json" <<'PY'
import json, sys
shown, source = (set(open(name)) for name in sys.argv[1:])
sys.exit(len(shown) < 10 or not shown <= source)
PY
done
tables "$T/none.yaml" '{ type: sqlite, path: "${STORE}" }'
use "$T/none.yaml"
sed -i 's/\(bank.public.accounts, store: local\).*}/\1, columns: { cast: { balance: integer } } }/' "$CONFIG"
for time in 1 2 3 4; do # halves are in one batch or in two, as lanes are quick
    STORE=$T/none$time.db
    run "every row is refused, time $time" 1 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
done

# A row that the table refuses is left out alone, and told with column and place.
cat >"$T/shop.yaml" <<'Y'
weir: 1
name: shop
kafka: { bootstrap.servers: "${BROKERS}" }
sources:
  shop: { connector: postgresql, types: { public.items: { id: bigint, qty: smallint } } }
stores:
  db: { type: sqlite, path: "${STORE}" }
tables:
  items: { from: shop.public.items, store: db }
Y
{
    record shop.public.items 1 '{"id":1}' "$(change 101 c '{"id":1,"qty":1}')"
    record shop.public.items 2 '{"id":2}' "$(change 102 c '{"id":2,"qty":2}')"
    record shop.public.items 3 '{"id":3}' "$(change 103 c '{"id":3,"qty":3}')"
} >"$T/shop.jsonl"
use "$T/shop.yaml"
STORE=$T/refused.db
sqlite3 "$STORE" "create table items (id integer primary key, qty integer check (qty <> 2), _weir_pos blob)"
run "a refused row" 1 sync --from "$T/shop.jsonl" "$CONFIG"
err_has 'shop.public.items/0@2.*TABLE_REFUSED'
err_has 'CHECK constraint failed'
run "its neighbours" 0 dump items -c "$CONFIG"
out_lines 2

# A table of one's own lacks weir's column: the text has the statement that adds it.
STORE=$T/own.db
sqlite3 "$STORE" "create table items (id integer primary key, qty integer)"
run "a table without positions" 3 sync --from "$T/shop.jsonl" "$CONFIG"
err_has 'stores.db: table "items" has no column "_weir_pos".*alter table "items" add column "_weir_pos" bytea. (in SQLite blob)'
sqlite3 "$STORE" 'alter table "items" add column "_weir_pos" blob'
run "and with them" 0 sync --from "$T/shop.jsonl" "$CONFIG"

STORE=$T/view.db
sqlite3 "$STORE" "create table own (id integer primary key, qty integer); create view Items as select * from own"
run "a view in the table's place" 3 sync --from "$T/shop.jsonl" "$CONFIG"
err_has '"items" is a view.*TABLE_SCHEMA'

# A file that is damaged is named with its store, and nobody is told to remove what no topic fills.
tables "$T/damaged.yaml" '{ type: sqlite, path: "${STORE}" }'
use "$T/damaged.yaml"
for STORE in "$T/pages.db" "$T/head.db"; do
    case $STORE in
    */pages.db)
        run "a file to be damaged" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
        dd if=/dev/zero of="$STORE" bs=4096 seek=1 count=40 conv=notrunc 2>/dev/null
        ;;
    *) echo "this is no database, and never has been one" >"$STORE" ;;
    esac
    run "sync into a damaged file" 5 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
    err_has "^weir sync: .*$STORE: .*DATABASE_BROKEN"
    err_has "Do not remove it before"
    err_lacks "remove the store's folder"
    run "rebuild of a damaged file" 5 rebuild labels --yes -c "$CONFIG"
    err_has "^weir rebuild: .*$STORE: "
done
STORE=$T/nowhere/x.db run "no such folder" 3 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
err_has "stores.local: $T/nowhere/x.db cannot be made: there is no such folder"

# A file that somebody else writes is waited for at the start, too: longer than SQLite itself waits.
use "$T/shop.yaml"
STORE=$T/locked.db
sqlite3 "$STORE" "create table others (x)"
(printf 'begin exclusive;\n' && sleep 6) | sqlite3 "$STORE" &
processes="$processes $!"
until_is "the other one's lock" 5 sh -c "! sqlite3 '$STORE' 'select * from others'"
run "a file that is locked" 0 sync --from "$T/shop.jsonl" "$CONFIG"
err_has 'waiting for the database, half a minute at most.*database is locked'
run "its rows" 0 dump items -c "$CONFIG"
out_lines 3

if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=$((skipped + 1))
    finish
fi
tables "$T/pg.yaml" '{ type: postgres, conninfo: "${STORE}" }'
use "$T/pg.yaml"
STORE=$WEIR_TEST_PG
pg() { psql "$WEIR_TEST_PG" -qAtc "$1"; }
run "sync into PostgreSQL" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "get" 0 get labels l0x -c "$CONFIG"
out_has '"name":"l0x"'

pg "create table parent (id bigint primary key); insert into parent values (1)"
pg "alter table labels add unique (n, big), add column parent bigint references parent"
"$WEIR" check "$CONFIG" --online --timeout 1s >"$T/out" 2>"$T/err"
name="check --online"
out_has 'table accounts: its database answers, and it can be kept'
out_has 'labels" has a foreign key labels_parent_fkey'
pg "alter table labels drop column parent, drop constraint labels_n_big_key; drop table parent"
run "no rebuild of what is shared without its group" 3 rebuild labels --yes --timeout 1s -c "$CONFIG"
err_has 'KAFKA_UNREACHABLE'

# The source, made of the same rows.
pg "create database source template postgres"
SOURCE=$(echo "$WEIR_TEST_PG" | sed 's/dbname=postgres/dbname=source/')
source() { psql "$SOURCE" -qAtc "$1"; }
for table in accounts entries labels; do
    source "alter table $table drop column _weir_pos"
done
for table in accounts entries labels; do
    run "no difference in $table" 0 diff $table --against "$SOURCE" --wait 0s -c "$CONFIG"
    out_lines 0
done
err_has '74 rows compared with the source at [0-9A-F]*/[0-9A-F]*, 0 differ'
source "update labels set n = n + 1 where name = 'l0x'; delete from labels where name = 'l1x'; insert into labels (name, n)
    values ('new', 1)"
run "differences" 1 diff labels --against "$SOURCE" --wait 0s -c "$CONFIG"
out_lines 3
out_has '^{"name":"l0x"} differs: "n": '
out_has '^{"name":"l1x"} is too many$'
out_has '^{"name":"new"} is missing$'
run "a column is ignored" 1 diff labels --ignore n,x --against "$SOURCE" --wait 0s -c "$CONFIG"
out_lines 2
run "no such database" 3 diff labels --against "host=/nowhere" --wait 0s -c "$CONFIG"
run "no database" 2 diff labels -c "$CONFIG"
run "no such table of the source" 2 diff nothing --against "$SOURCE" -c "$CONFIG"
finish
