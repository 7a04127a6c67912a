# Beside a running daemon: what reads goes on, what writes is refused.
. "$(dirname "$0")/lib.sh"

CONFIG=$DATA/bank/bank.yaml
start_broker --replay "$DATA/bank/json.jsonl.xz"
broker_fed
start_sync "$CONFIG"
until_is "the sync" 30 stored 20550
run "get" 0 get accounts 10 -c "$CONFIG"
run "dump" 0 dump labels -c "$CONFIG"
out_lines 74
run "explain" 0 explain "$CONFIG" bankjson.public.labels/1@1295
out_has "this record was met already"
run "rebuild" 5 rebuild labels -c "$CONFIG" --yes
err_has STORE_LOCKED
run "offsets set" 5 offsets set labels 0@1 -c "$CONFIG" --yes
err_has STORE_LOCKED
run "a partition that is not there" 2 offsets set labels 7@1 -c "$CONFIG" --yes
err_has 'bankjson.public.labels has no partition 7: it had 2 when store local read it last'
run "a second daemon" 5 sync "$CONFIG"
err_has STORE_LOCKED
run "a dry run" 0 rebuild labels -c "$CONFIG" --dry-run

# Freshness: the topic's newest change, one that is to come, and a quiet table.
newest=$("$WEIR" get labels l36 --json -c "$CONFIG" | sed 's/.*"applied":{"lsn":"\([^"]*\)".*/\1/')
run "past the newest" 0 get labels l36 --min-lsn "$newest" -c "$CONFIG"
newer=$("$WEIR" get entries '{"account_id":73,"seq":3}' --json -c "$CONFIG" | sed 's/.*"applied":{"lsn":"\([^"]*\)".*/\1/')
run "past what another table has" 0 get labels l36 --min-lsn "$newer" -c "$CONFIG"
run "past what nobody has" 1 get labels l36 --min-lsn 1/0 --wait 100ms -c "$CONFIG"
err_has CACHE_NOT_FRESH
run "decimal" 0 get labels l36 --min-lsn 1000 -c "$CONFIG"
stop_sync
is "the daemon ended well" test $? -eq 0

# Behind: a store that has not read all of its topic is not past what another table has.
run "set back" 0 offsets set labels 1@1000 -c "$CONFIG" --yes --quiet
run "behind" 1 get labels l36 --min-lsn "$newer" --wait 100ms -c "$CONFIG"
err_has "has not read its topic"
BROKERS=127.0.0.1:1 run "no broker" 3 get labels l36 --min-lsn "$newer" --timeout 1s -c "$CONFIG"
err_has KAFKA_UNREACHABLE
err_lacks meanwhile
run "without asking for it" 0 get labels l36 -c "$CONFIG"
finish
