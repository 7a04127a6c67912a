# weir diff of a cache with a `where`: rows that it does not show are no differences, and one that it should not show is.
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"
if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=1
    finish
fi
sql() { psql -q -d "$WEIR_TEST_PG" -c "$1" >"$T/sql" 2>&1 || fail "$1: $(cat "$T/sql")"; }
# record ID ACTIVE: a line of a recording
record() {
    python3 - "$1" "$2" <<'PY'
import base64, json, sys
id, active = int(sys.argv[1]), sys.argv[2] == "true"
source = {"connector": "postgresql", "name": "shop", "ts_ms": 1700000000000, "snapshot": "false", "db": "shop",
          "sequence": '["100","200"]', "schema": "public", "table": "t", "txId": 700, "lsn": 200}
value = {"before": None, "after": {"id": id, "active": active}, "source": source, "op": "c", "ts_ms": 1700000000000}
text = lambda x: base64.b64encode(json.dumps(x).encode()).decode()
print(json.dumps({"topic": "shop.public.t", "partition": 0, "offset": id, "timestamp": 1700000000000,
                  "key": text({"id": id}), "value": text(value), "headers": []}))
PY
}
config() {
    cat <<YAML
weir: 1
name: shop
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources: { shop: { connector: postgresql } }
stores: { local: { type: lmdb, path: "\${STORE}" } }
caches: { t: { from: shop.public.t, store: local, where: { active: true }$1 } }
YAML
}
against() { run "$1" "$2" diff t -c "$CONFIG" --wait 0s --against "$WEIR_TEST_PG"; }

sql "drop table if exists t; create table t (id bigint primary key, active boolean not null);
     insert into t select g, g <= 2 from generate_series(1, 150000) g"
for id in 1 2; do record $id true; done >"$T/records.jsonl"
for columns in "" ", columns: { drop: [active] }"; do
    rm -rf "$STORE"
    CONFIG=$T/shop.yaml
    config "$columns" >"$CONFIG"
    run "sync" 0 sync --quiet --from "$T/records.jsonl" "$CONFIG"
    against "more rows than may differ are not shown" 0
    err_has '2 rows compared .* 0 differ'
    sql "update t set active = false where id = 2"
    against "a row that should have gone" 1
    out_is '{"id":2} is too many'
    sql "update t set active = true where id in (2, 77)"
    against "a row that should be there" 1
    out_is '{"id":77} is missing'
    sql "update t set active = false where id = 77"
done
sql "drop table t"

# A table keeps a column that it was made with and the config drops now: that is none that is compared.
kept() {
    cat <<YAML
weir: 1
name: shop
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources: { shop: { connector: postgresql, types: { public.t: { id: bigint, active: boolean } } } }
stores: { edge: { type: sqlite, path: "$T/edge.db" } }
tables: { t: { from: shop.public.t, store: edge$1 } }
YAML
}
sql "create table t (id bigint primary key, active boolean not null); insert into t values (1, true), (2, false)"
kept "" >"$CONFIG"
run "a table" 0 sync --quiet --from "$T/records.jsonl" "$CONFIG"
against "a row that differs" 1
out_is '{"id":2} differs: "active": true, the source has false'
run "as JSON" 1 diff t -c "$CONFIG" --wait 0s --against "$WEIR_TEST_PG" --json
out_is '{"key":{"id":2},"result":"differs","columns":[{"column":"active","has":true,"source":false}]}'
begun=$(date +%s)
run "a broker that is away is waited for as long as everything else" 1 diff t -c "$CONFIG" --wait 1s --against "$WEIR_TEST_PG"
err_has 'is past the snapshot cannot be told'
is "and no longer" test $(($(date +%s) - begun)) -lt 15
sql "delete from t where id = 2; insert into t values (3, true)"
run "what is missing, as JSON" 1 diff t -c "$CONFIG" --wait 0s --against "$WEIR_TEST_PG" --json
out_has '"key":{"id":2},"result":"too_many","columns":\[\]'
out_has '"key":{"id":3},"result":"missing","columns":\[\]'
run "a column that nobody has" 1 diff t -c "$CONFIG" --wait 0s --against "$WEIR_TEST_PG" --ignore activ,active
err_has 'ignore: no row has a column activ: is the name right'
sql "delete from t; insert into t values (1, true), (2, false)"
kept ", columns: { drop: [activ] }" >"$CONFIG"
run "a column that no record has" 0 rebuild --yes t -c "$CONFIG"
run "a column that no record has" 0 sync --from "$T/records.jsonl" "$CONFIG"
err_has 'tables.t.columns.*column activ was in none of the 2 records'
kept ", columns: { drop: [active] }" >"$CONFIG"
run "without a column" 0 rebuild --yes t -c "$CONFIG"
run "without a column" 0 sync --quiet --from "$T/records.jsonl" "$CONFIG"
against "a column that is dropped" 0
sql "drop table t"

# The key is the primary key's, not the columns that it includes, nor those of another replica identity.
sql "create table t (id bigint, active boolean not null, primary key (id) include (active)); create unique index of_active
     on t (active); alter table t replica identity using index of_active; insert into t values (1, true), (2, false)"
kept "" >"$CONFIG"
run "a key that includes a column" 0 rebuild --yes t -c "$CONFIG"
run "a key that includes a column" 0 sync --quiet --from "$T/records.jsonl" "$CONFIG"
against "a key that includes a column" 1
out_is '{"id":2} differs: "active": true, the source has false'
sql "alter table t drop constraint t_pkey; alter table t replica identity nothing"
against "a table without a key" 3
err_has "the source's table .public.*t. has neither a primary key nor a replica identity"
sql "drop table t"
against "no such table" 3
err_has 'database postgres has no table .public.*t. \[TABLE_MISSING\]'
err_has "Is --against the source's database"
run "no such database" 3 diff t -c "$CONFIG" --wait 0s --against "$WEIR_TEST_PG dbname=nobodys"
err_has 'of --against or'
finish
