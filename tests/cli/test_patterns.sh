# Tables that follow a pattern: which are found, what they are called, and those that come later.
. "$(dirname "$0")/lib.sh"

patterns() { # FILE ENTRIES
    CONFIG=$1
    cat >"$1" <<Y
weir: 1
name: shop
kafka: { bootstrap.servers: "$BROKERS", topic.metadata.refresh.interval.ms: 300 }
sources:
  shop: { connector: postgresql, on_missing_topic: wait, topics: { public.moved: elsewhere }, types: { public.items: { id: bigint, n: text }, public.moved: { id: bigint, n: text }, other.items: { id: bigint, n: text }, public.late: { id: bigint, n: text } } }
stores:
  db: { type: sqlite, path: "${STORE}" }
http: { listen: "127.0.0.1:0" }
tables:
$2
Y
}
row() { # TOPIC SCHEMA TABLE OFFSET ID
    record "$1" "$4" "{\"id\":$5}" "$(change "10$4" c "{\"id\":$5,\"n\":\"$2.$3\"}" | sed "s/\"schema\":\"public\",\"table\":\"items\"/\"schema\":\"$2\",\"table\":\"$3\"/")"
}
tables_are() { is "$name: tables $1" test "$(sqlite3 "$STORE" "select group_concat(name, ' ') from (select name from sqlite_master where type = 'table' and name <> 'weir_state' order by 1)")" = "$1"; }
{
    row shop.public.items public items 1 1
    row elsewhere public moved 1 2
    row shop.public.moved public moved 1 3
    row shop.other.items other items 1 4
    row shop.transaction public items 1 5
    row shopping.public.items public items 1 6
} >"$T/shop.jsonl"

patterns "$T/all.yaml" '  all: { from: shop.*.*, store: db, table: "{schema}_{table}" }'
run "check" 0 check "$CONFIG"
out_has 'tables all.…: each that fits shop.\*.\*'
run "all tables" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
tables_are "other_items public_items public_moved"
run "a table by its name" 0 dump all.public.moved -c "$CONFIG"
out_is '{"id":2,"n":"public.moved"}'
run "a row of one" 0 get all.other.items 4 -c "$CONFIG"
out_is '{"id":4,"n":"other.items"}'
run "offsets" 0 offsets show -c "$CONFIG"
out_has 'elsewhere'
out_lacks 'shop.public.moved'
run "offsets are set" 0 offsets set shop.other.items/0@1 --yes -c "$CONFIG"
run "explain" 0 explain "$CONFIG" "$T/shop.jsonl:1"
out_has 'all.public.items'
run "rebuild" 0 rebuild all.public.items --yes -c "$CONFIG"
run "it is empty" 0 dump all.public.items -c "$CONFIG"
out_lines 0
run "made anew" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "its row" 0 dump all.public.items -c "$CONFIG"
out_lines 1
run "a table that is not there" 3 dump all.public.itms -c "$CONFIG"
err_has 'there is no all.public.itms in it yet \[NO_CACHE\]'
run "nor a row of it" 3 get all.public.itms 1 -c "$CONFIG"
run "no table of it" 2 dump all.items -c "$CONFIG"
err_has 'all.schema.table of shop'
run "a recording that is read once" 3 sync --quiet --from - "$CONFIG"

STORE=$T/own.db
patterns "$T/own.yaml" '  all: { from: "shop.public.*", store: db, table: "{schema}_{table}" }
  items: { from: shop.public.items, store: db, table: mine }'
run "an entry of its own" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
tables_are "mine public_moved"

STORE=$T/two.db
patterns "$T/two.yaml" '  all: { from: "shop.*.*", store: db, table: "{table}" }'
run "two of one name" 2 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
err_has 'tables.all.*.table: `all.*items` is kept in the same table already'
patterns "$T/none.yaml" '  all: { from: "shop.nowhere.*", store: db }'
run "none that fits" 3 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
err_has 'no topic is of a table that fits'

# Caches likewise.
caches() { # FILE STORE ENTRIES
    STORE=$T/none
    patterns "$1" "$3"
    sed -i -e "s|db: { type: sqlite.*|db: $2|" -e 's/^tables:/caches:/' "$1"
}
caches "$T/caches.yaml" "{ type: lmdb, path: $T/lmdb }" '  all: { from: "shop.*.*", store: db, columns: { drop: [n] } }
  mine: { from: shop.public.items, store: db }'
run "check of caches" 0 check "$CONFIG"
out_has 'caches all.…: each that fits shop.\*.\*'
run "caches of all tables" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "a cache of its own" 0 dump mine -c "$CONFIG"
out_is '{"id":1,"n":"public.items"}'
run "a cache of the pattern's, as the entry has it" 0 dump all.public.moved -c "$CONFIG"
out_is '{"id":2}'
run "a row of another one" 0 get all.other.items 4 -c "$CONFIG"
out_is '{"id":4}'
run "no second one of a table that has an entry" 2 dump all.public.items -c "$CONFIG"
run "explain for caches" 0 explain "$CONFIG" "$T/shop.jsonl:2"
out_has 'all.public.moved'
run "rebuild of a cache" 0 rebuild all.public.moved --yes -c "$CONFIG"
run "made anew, the cache" 0 sync --quiet --from "$T/shop.jsonl" "$CONFIG"
run "its row again" 0 dump all.public.moved -c "$CONFIG"
out_lines 1
run "no cache of it" 2 dump all.items -c "$CONFIG"
err_has 'all.schema.table of shop'
caches "$T/list.yaml" "{ type: lmdb, path: $T/lmdb }" '  all: { from: [shop.public.items, shop.public.moved], store: db }'
run "a list of tables" 2 check "$CONFIG"
err_has 'caches.all.from: takes one table, not a list: positions of several say nothing of each other'
patterns "$T/list.yaml" '  all: { from: [shop.public.items, shop.public.moved], store: db }'
run "a list of tables, for a table" 2 check "$CONFIG"
err_has 'tables.all.from: takes one table, not a list'
caches "$T/wrong.yaml" "{ type: sqlite, path: $T/wrong.db }" '  all: { from: "shop.*.*", store: db }'
run "caches in a store of tables" 2 check "$CONFIG"
err_has 'caches.all.store: a cache is kept in'

# While it runs: a topic that is new is taken up.
STORE=$T/late.db
start_broker --topics shop.public.items,shop.dead,other
patterns "$T/late.yaml" '  all: { from: "shop.public.*", store: db }'
row shop.public.items public items 1 1 >"$T/first.jsonl"
run "the first table's rows" 0 replay "$T/first.jsonl" -c "$CONFIG" --yes
start_sync "$CONFIG"
until_is "the first table" 20 sh -c "\"$WEIR\" dump all.public.items -c '$CONFIG' | grep -q '\"id\":1'"
python3 - "$BROKERS" shop.public.late <<'P'
import socket, struct, sys
host, port = sys.argv[1].split(",")[0].split(":")
text = lambda s: struct.pack(">h", len(s)) + s.encode()
ask = struct.pack(">hhi", 3, 1, 1) + text("t") + struct.pack(">i", 1) + text(sys.argv[2])  # Metadata: it makes the topic
with socket.create_connection((host, int(port))) as s:
    s.sendall(struct.pack(">i", len(ask)) + ask)
    s.recv(4)
P
row shop.public.late public late 1 7 >"$T/late.jsonl"
until_is "the late topic" 10 "$WEIR" replay "$T/late.jsonl" -c "$CONFIG" --yes
until_is "the late table" 20 sh -c "\"$WEIR\" dump all.public.late -c '$CONFIG' | grep -q '\"id\":7'"
is "it was said" grep -q 'all.public.late follows shop.public.late' "$T/sync"
H=$(sed -n 's#.*\(http://127.0.0.1:[0-9]*\).*#\1#p' "$T/sync" | tail -1)
until_is "status" 10 "$WEIR" status "$H"
run "status" 0 status "$H"
out_has '^TABLE  *STORE  *WRITTEN  *ROWS/BATCH  *ROWS/S  *SECONDS'
out_has '^all.public.late  *db  *1  *1  .*takes the most time'
run "check --online" 0 check "$CONFIG" --online
out_has 'topic shop.public.late'
run "record" 0 record "$T/out.jsonl" -c "$CONFIG"
is "both are recorded" sh -c "grep -q public.late '$T/out.jsonl' && grep -q public.items '$T/out.jsonl'"
stop_sync
is "sync's end" test $? -eq 0
finish
