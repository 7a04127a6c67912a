# Tables that instances share, and weir rebuild while it may not. That it makes them anew is for a real broker to show, whose
# groups lose their members (tests/stack/check-rebuild).
if [ -z "${WEIR_TEST_PG:-}${WITHOUT_PG:-}" ]; then
    WITHOUT_PG=1 exec "$(dirname "$0")/../support/with-postgres" sh "$0"
fi
. "$(dirname "$0")/lib.sh"
if [ -z "${WEIR_TEST_PG:-}" ]; then
    skipped=1
    finish
fi
pg() { psql "$WEIR_TEST_PG" -qAtc "$1"; }
start_broker --replay "$DATA/bank/json.jsonl.xz" --topics bank.dead
broker_fed
CONFIG=$T/share.yaml
STORE=$WEIR_TEST_PG
sed -e 's/^caches:/tables:/' -e 's/{ type: lmdb.*/{ type: postgres, conninfo: "${STORE}" }/' "$DATA/bank/bank.yaml" >"$CONFIG"
sed -i 's/^  bootstrap.servers: .*/&\n  consumer: { session.timeout.ms: 6000 }/' "$CONFIG"
printf 'http: { listen: "127.0.0.1:0" }\ninstance: one\n' >>"$CONFIG"

equal() { # TABLE: its rows are the source's
    "$WEIR" dump "$1" -c "$CONFIG" 2>/dev/null | sorted >"$T/dump"
    sorted "$DATA/bank/final/public.$1.json" >"$T/source"
    cmp -s "$T/dump" "$T/source"
}
equal_count() { [ "$(pg 'select count(*) from labels')" = "$1" ]; }
start_sync "$CONFIG"
for table in accounts entries labels; do
    until_is "$table is there" 60 equal $table
done
stop_sync
pg "delete from labels where name < 'l3'; update labels set n = -1"
start_sync "$CONFIG"
until_is "it runs again" 20 grep -q http:// "$T/sync"
sleep 1
is "what was lost does not come back by itself" sh -c "! psql '$WEIR_TEST_PG' -qAtc 'select 1 from labels where n >= 0' | grep -q 1"
stop_sync
run "the plan" 0 rebuild labels --dry-run -c "$CONFIG"
err_has 'topic bankjson.public.labels is read again from its first record'
run "a member is one yet" 4 rebuild labels --yes -c "$CONFIG"
err_has 'the group bank.local has members'
is "so nothing was emptied" equal_count 32
kill "$broker"
wait "$broker" 2>/dev/null
run "no broker to ask" 3 rebuild labels --yes --timeout 1s -c "$CONFIG"
is "nothing was emptied" equal_count 32
finish
