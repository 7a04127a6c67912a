# What the tests of the commands share. A test sources it, runs `weir` by `run`, looks at what it said, and ends with
# `finish`. Files of a test are in $T, which goes with it; so do the processes that it started.
#
#   WEIR=./weir tests/cli/dump.sh

cd "$(dirname "$0")/../.." || exit 2
WEIR=${WEIR:-./weir}
case $WEIR in /*) ;; *) WEIR=$PWD/$WEIR ;; esac
DATA=$PWD/tests/data
T=$(mktemp -d)
STORE=$T/store
BROKERS=127.0.0.1:1 # nobody, until a broker is started
export STORE BROKERS
passed=0 failed=0 skipped=0 processes=

tidy_up() {
    for p in $processes; do kill -9 "$p" 2>/dev/null; done
    rm -rf "$T"
}
trap tidy_up EXIT
trap 'exit 130' INT TERM

pass() {
    passed=$((passed + 1))
    [ -n "${VERBOSE:-}" ] && echo "ok      $*"
    return 0
}
fail() {
    failed=$((failed + 1))
    echo "FAILED  $*"
    head -c 2000 "$T/out" 2>/dev/null | sed 's/^/        out: /'
    head -c 2000 "$T/err" 2>/dev/null | sed 's/^/        err: /'
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ -n "${TALLY:-}" ] && echo "$passed $failed $skipped" >>"$TALLY"
    [ "$failed" -eq 0 ]
    exit
}

# run NAME CODE ARGUMENT…: runs weir; passes when it ends with CODE. What it said is in $T/out and $T/err.
run() {
    name=$1 expected=$2
    shift 2
    "$WEIR" "$@" >"$T/out" 2>"$T/err" </dev/null
    code=$?
    if [ $code -eq "$expected" ]; then pass "$name"; else fail "$name: exit code $code, not $expected (weir $*)"; fi
}
# Of the run before.
out_has() { if grep -q -e "$1" "$T/out"; then pass "$name: $1"; else fail "$name: stdout lacks $1"; fi; }
out_lacks() { if grep -q -e "$1" "$T/out"; then fail "$name: stdout has $1"; else pass "$name: no $1"; fi; }
err_has() { if grep -q -e "$1" "$T/err"; then pass "$name: $1"; else fail "$name: stderr lacks $1"; fi; }
err_lacks() { if grep -q -e "$1" "$T/err"; then fail "$name: stderr has $1"; else pass "$name: no $1"; fi; }
out_is() { if [ "$(cat "$T/out")" = "$1" ]; then pass "$name: is $1"; else fail "$name: stdout is not $1"; fi; }
out_lines() { if [ "$(wc -l <"$T/out")" -eq "$1" ]; then pass "$name: $1 lines"; else fail "$name: $(wc -l <"$T/out") lines, not $1"; fi; }
silent() { if [ -s "$T/err" ]; then fail "$name: stderr is not empty"; else pass "$name: no talk"; fi; }
out_is_json() { if python3 -c 'import json, sys; [json.loads(l) for l in sys.stdin]' <"$T/out" 2>/dev/null; then pass "$name: JSON"; else fail "$name: not JSON lines"; fi; }
# same NAME FILE FILE
same() { if cmp -s "$2" "$3"; then pass "$1"; else fail "$1: $2 and $3 differ"; fi; }
# is NAME COMMAND…: passes when the command succeeds.
is() {
    what=$1
    shift
    if "$@" >"$T/out" 2>"$T/err"; then pass "$what"; else fail "$what"; fi
}
sorted() { LC_ALL=C sort "$@"; }

# until NAME SECONDS COMMAND…
until_is() {
    what=$1 tries=$(($2 * 20))
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ $tries -le 0 ]; then
            fail "$what did not happen in time"
            return 1
        fi
        sleep 0.05
    done
}

# start_broker ARGUMENT…: `weir dev`; its address is in BROKERS, what it says in $T/broker.
start_broker() {
    rm -f "$T/port"
    "$WEIR" dev --port-file "$T/port" "$@" >"$T/broker" 2>&1 &
    broker=$!
    processes="$processes $broker"
    until_is "the broker's start" 20 test -s "$T/port" || finish
    BROKERS=$(cat "$T/port")
}
# With --replay: waits until all of it is there.
broker_fed() { until_is "the replay" 30 grep -q '^replayed' "$T/broker"; }

# start_sync CONFIG: the daemon; what it says is in $T/sync.
start_sync() {
    "$WEIR" sync "$1" >"$T/sync" 2>&1 &
    sync=$!
    processes="$processes $sync"
}
stop_sync() {
    kill "$sync"
    wait "$sync"
}
# stored OFFSETS: the sum of what the store of $CONFIG has read.
stored() { [ "$("$WEIR" offsets export -c "$CONFIG" 2>/dev/null | sed 's/.*"offset":\([0-9]*\).*/\1/' | awk '{n += $1} END {print n + 0}')" -eq "$1" ]; }

# bank_store: a store with all of the bank recording; CONFIG is its config.
bank_store() {
    CONFIG=$DATA/bank/bank.yaml
    "$WEIR" sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG" >"$T/out" 2>"$T/err" || {
        fail "the recording cannot be synced"
        finish
    }
}
# record TOPIC OFFSET KEY VALUE: a line of a recording; VALUE - is null.
record() {
    key=\"$(printf %s "$3" | base64 -w0)\"
    value=null
    [ "$4" = - ] || value=\"$(printf %s "$4" | base64 -w0)\"
    echo "{\"topic\":\"$1\",\"partition\":0,\"offset\":$2,\"timestamp\":1,\"key\":$key,\"value\":$value}"
}
# change LSN OP ROW: a Debezium envelope of public.items of the source shop.
change() {
    printf '%s\n' "{\"before\":null,\"after\":$3,\"op\":\"$2\",\"ts_ms\":1,\"source\":{\"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":$1,\"snapshot\":\"false\",\"db\":\"d\",\"schema\":\"public\",\"table\":\"items\",\"txId\":$1,\"lsn\":$1,\"sequence\":\"[\\\"$(($1 - 1))\\\",\\\"$1\\\"]\"}}"
}
# shop_config FILE CACHE-SETTINGS: a config with one cache `items` of shop.public.items.
shop_config() {
    CONFIG=$1
    cat >"$1" <<YAML
weir: 1
name: shop-sync
kafka: { bootstrap.servers: "\${BROKERS}" }
sources: { shop: { connector: postgresql, types: { public.items: { doc: json } } } }
stores: { local: { type: lmdb, path: "\${STORE}" } }
caches: { items: { from: shop.public.items, store: local${2:+, $2} } }
YAML
}
