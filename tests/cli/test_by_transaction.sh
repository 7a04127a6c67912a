# Tables whose rows depend on each other: the source's transactions, in its order.
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"

# The topic that a change is of tells its table. event TX LSN TOTAL ORDER TABLE OP AFTER COMMIT
event() {
    printf '{"before":null,"after":%s,"source":{"connector":"postgresql","schema":"public","table":"%s","snapshot":"false","sequence":"[%s,\\"%s\\"]","txId":%s,"lsn":%s,"ts_ms":%s,"db":"d"},"transaction":{"id":"%s:%s","total_order":%s,"data_collection_order":%s},"op":"%s"}' \
        "$7" "$5" "$8" "$2" "$1" "$2" "$2" "$1" "$2" "$3" "$4" "$6"
}
# ending TX LSN COLLECTIONS
ending() {
    printf '{"status":"END","id":"%s:%s","event_count":9,"data_collections":[%s],"ts_ms":1}' "$1" "$2" "$3"
}
count() { printf '{"data_collection":"public.%s","event_count":%s}' "$1" "$2"; }

# The child is sent before its parent, the swap's parts are in two partitions, the ENDs come first of all.
{
    record s.transaction 0 '{"id":"1"}' "$(ending 1 100 "$(count people 2),$(count orders 1)")"
    record s.transaction 1 '{"id":"2"}' "$(ending 2 200 "$(count people 3),$(count other 7)")"
    record s.public.orders 0 '{"id":1}' "$(event 1 13 3 1 orders c '{"id":1,"person":2}' null)"
    record s.public.people 0 '{"id":1}' "$(event 1 11 1 1 people c '{"id":1,"email":"a"}' null)"
    record s.public.people 1 '{"id":1}' "$(event 2 111 1 1 people u '{"id":1,"email":"-"}' '\"100\"')"
    record s.public.people 2 '{"id":1}' "$(event 2 113 3 3 people u '{"id":1,"email":"b"}' '\"100\"')"
    record s.public.people 0 '{"id":2}' "$(event 1 12 2 2 people c '{"id":2,"email":"b"}' null)" | sed 's/"partition":0/"partition":1/'
    record s.public.people 1 '{"id":2}' "$(event 2 112 2 2 people u '{"id":2,"email":"a"}' '\"100\"')" | sed 's/"partition":0/"partition":1/'
} >"$T/swap.jsonl"
grep -v '"s.transaction"' "$T/swap.jsonl" >"$T/no-ends.jsonl"
python3 - "$T/swap.jsonl" >"$T/no-metadata.jsonl" <<'P'
import base64, json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    v = json.loads(base64.b64decode(r["value"]))
    v.pop("transaction", None)
    r["value"] = base64.b64encode(json.dumps(v).encode()).decode()
    print(json.dumps(r))
P
python3 - "$T/swap.jsonl" >"$T/two-partitions.jsonl" <<'P'
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["topic"] == "s.transaction" and r["offset"] == 1:
        r["partition"] = 1
    print(json.dumps(r))
P

{
    record s.transaction 0 '{"id":"1"}' "$(ending 1 100 "$(count people 1),$(count orders 1)")"
    record s.public.people 0 '{"id":1}' "$(event 1 11 1 1 people c '{"id":1,"email":"a"}' null)"
    record s.public.orders 0 '{"id":1}' "$(event 1 12 2 1 orders c '{"id":1,"person":7}' null)"
} >"$T/orphan.jsonl"
{
    cat "$T/swap.jsonl"
    record s.public.people 3 '{"id":3}' '{"before":'
} >"$T/garbage.jsonl"
python3 - >"$T/large.jsonl" <<'P'
import base64, json
def record(topic, offset, key, value):
    text = [base64.b64encode(json.dumps(v).encode()).decode() for v in (key, value)]
    print(json.dumps({"topic": topic, "partition": 0, "offset": offset, "timestamp": 1, "key": text[0], "value": text[1]}))
for i in range(1, 3001):
    source = {"connector": "postgresql", "schema": "public", "table": "people", "snapshot": "false", "sequence": json.dumps([None, str(i)]),
              "txId": 1, "lsn": i, "ts_ms": 1, "db": "d"}
    block = {"id": f"1:{i}", "total_order": i, "data_collection_order": i}
    record("s.public.people", i, {"id": i},
           {"before": None, "after": {"id": i, "email": f"e{i}"}, "source": source, "transaction": block, "op": "c"})
record("s.transaction", 0, {"id": "1:9999"}, {"status": "END", "id": "1:9999", "event_count": 3000, "ts_ms": 1,
                                              "data_collections": [{"data_collection": "public.people", "event_count": 3000}]})
P

config() { # STORE APPLY
    CONFIG=$T/by.yaml
    cat >"$CONFIG" <<Y
weir: 1
name: by
kafka: { bootstrap.servers: "$BROKERS" }
sources: { s: { connector: postgresql } }
stores: { db: $1 }
tables:
  people: { from: s.public.people, store: db, apply: $2 }
  orders: { from: s.public.orders, store: db, apply: $2 }
Y
}
# What a real connector sent of 8,000 transactions, whose ENDs went to two partitions: put into one, in the order of their commits.
xz -dc "$DATA/bank/json.jsonl.xz" | python3 -c '
import base64, json, sys
ends = []
for line in sys.stdin:
    r = json.loads(line)
    if r["topic"] != "bankjson.transaction":
        print(line, end="")
        continue
    v = json.loads(base64.b64decode(r["value"]))
    if v["status"] == "END":
        ends.append((int(v["id"].split(":")[1]), r))
for n, (lsn, r) in enumerate(sorted(ends, key=lambda e: e[0])):
    print(json.dumps(dict(r, partition=0, offset=n)))' >"$T/bank.jsonl"
bank() { # NAME STORE
    sed -e 's/^caches:/tables:/' -e "s|{ type: lmdb.*|$2|" -e 's/store: local }/store: local, apply: by_transaction }/' "$DATA/bank/bank.yaml" >"$T/bank.yaml"
    run "$1: bank" 0 sync --quiet --from "$T/bank.jsonl" "$T/bank.yaml"
    for table in accounts entries labels; do
        "$WEIR" dump $table -c "$T/bank.yaml" 2>/dev/null | sorted >"$T/dump"
        sorted "$DATA/bank/final/public.$table.json" >"$T/source"
        same "$1: $table is the source's" "$T/dump" "$T/source"
    done
}
tables_sql='create table people (id int primary key, email text not null unique, _weir_pos bytea); create table orders (id int primary key, person int not null references people, _weir_pos bytea);'

# both NAME STORE SQL: by the store's type; SQL runs a statement.
both() {
    sql=$3
    config "$2" by_transaction
    $sql "$tables_sql"
    run "$1: a swap, and a child before its parent" 0 sync --quiet --from "$T/swap.jsonl" "$CONFIG"
    run "$1: people" 0 dump people -c "$CONFIG"
    out_is '{"id":1,"email":"b"}
{"id":2,"email":"a"}'
    run "$1: orders" 0 dump orders -c "$CONFIG"
    out_is '{"id":1,"person":2}'
    run "$1: nothing is left" 0 sync --from "$T/swap.jsonl" "$CONFIG"
    out_has '^0 records'
    $sql 'drop table orders; drop table people; drop table weir_state'
    $sql "$tables_sql"
    run "$1: transactions that do not end" 5 sync --quiet --from "$T/no-ends.jsonl" "$CONFIG"
    err_has 'TRANSACTION_INCOMPLETE'
    run "$1: no row of them" 0 dump people -c "$CONFIG"
    out_is ''
    run "$1: changes that tell no transaction" 5 sync --quiet --from "$T/no-metadata.jsonl" "$CONFIG"
    err_has 'provide.transaction.metadata'
    err_has 'TRANSACTION_METADATA'
    run "$1: two partitions" 5 sync --quiet --from "$T/two-partitions.jsonl" "$CONFIG"
    err_has 'more than one partition'
    run "$1: a record that is none" 5 sync --quiet --from "$T/garbage.jsonl" "$CONFIG"
    err_has 'REJECTED.*s.public.people/0@3'
    err_has 'no record can be left out'
    config "$2" by_key
    run "$1: made in another way" 5 sync --quiet --from "$T/swap.jsonl" "$CONFIG"
    err_has 'CACHE_RULE_CHANGED'
    config "$2" by_transaction
    run "$1: rebuild of parents and children at once" 0 rebuild --yes people orders -c "$CONFIG"
    run "$1: all of the source's tables are read again" 0 sync --quiet --from "$T/swap.jsonl" "$CONFIG"
    run "$1: people anew" 0 dump people -c "$CONFIG"
    out_is '{"id":1,"email":"b"}
{"id":2,"email":"a"}'
}

too_large() {
    config "{ type: sqlite, path: \"$T/large.db\" }" by_transaction
    sqlite3 "$T/large.db" "$tables_sql"
    echo 'limits: { in_flight: 4MiB }' >>"$CONFIG"
    run "a transaction that does not fit" 5 sync --quiet --from "$T/large.jsonl" "$CONFIG"
    err_has 'TRANSACTION_TOO_LARGE'
    sed -i 's/4MiB/64MiB/' "$CONFIG"
    run "where it fits" 0 sync --quiet --from "$T/large.jsonl" "$CONFIG"
    is "it is there" test "$(sqlite3 "$T/large.db" 'select count(*) from people')" = 3000
}
too_large
lite() { sqlite3 "$T/by.db" "$1"; }
bank sqlite "{ type: sqlite, path: $T/bank.db }"
both sqlite "{ type: sqlite, path: \"$T/by.db\" }" lite
if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=1
    finish
fi
pg() { psql "$WEIR_TEST_PG" -qAtc "$1"; }
bank postgres "{ type: postgres, mode: replicate, conninfo: \"$WEIR_TEST_PG\" }"
pg "drop table accounts, entries, labels, weir_state"
both postgres "{ type: postgres, mode: replicate, conninfo: \"$WEIR_TEST_PG\" }" pg


# One by one, the children first; a parent that its children need stays.
run "the tables are filled" 0 dump orders -c "$CONFIG"
out_is '{"id":1,"person":2}'
run "rebuild of a parent alone" 5 rebuild --yes people -c "$CONFIG"
err_has 'rebuild the tables that refer to it at the same time'
run "nothing has gone" 0 dump people -c "$CONFIG"
out_has '"id":2'
run "rebuild of the children alone" 0 rebuild --yes orders -c "$CONFIG"
run "then of the parents" 0 rebuild --yes people -c "$CONFIG"
run "and they are made again" 0 sync --quiet --from "$T/swap.jsonl" "$CONFIG"
run "orders anew" 0 dump orders -c "$CONFIG"
out_is '{"id":1,"person":2}'

pg "drop table orders, people, weir_state"
pg "$tables_sql"
run "a child whose parent never comes" 5 sync --quiet --from "$T/orphan.jsonl" "$CONFIG"
err_has 'TABLE_DEPENDS.*orders_person_fkey'
is "nothing of its transaction" test "$(pg 'select count(*) from people')" = 0

finish
