#!/bin/sh
# The running program over HTTP: its pages, and the commands that ask for them.
#   tests/http/check.sh WEIR FOLDER    FOLDER has slow_disk.so
# Each section starts a `weir sync` of its own, so that none depends on another.
set -u
weir=$(readlink -f "$1") shim=$(readlink -f "$2/slow_disk.so")
here=$(dirname "$(readlink -f "$0")")
recording=$here/../data/bank/json.jsonl.xz
dir=$(mktemp -d)
passed=0 failed=0 pids=
cleanup() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    rm -rf "$dir"
}
trap cleanup EXIT
cd "$dir" || exit 1

# ---- What the sections use ----------------------------------------------------------------------
pass() { passed=$((passed + 1)); }
fail() {
    failed=$((failed + 1))
    echo "FAILED $section: $1"
    [ -s "$dir/out" ] && sed 's/^/    /' "$dir/out" | head -n 12
}
# expect WHAT CODE COMMAND...: its exit code; what it printed is in `out` (with stderr in `err`).
expect() {
    what=$1 code=$2
    shift 2
    "$@" >new 2>err # the command may read `out`
    rc=$?
    mv new out
    if [ "$rc" -eq "$code" ]; then pass; else fail "$what: exit code $rc, not $code"; cat err; fi
}
# has WHAT PATTERN [FILE]: a line of the file (default: out) matches.
has() { if grep -qE -e "$2" "${3:-out}"; then pass; else fail "$1: no line like /$2/ in ${3:-out}"; fi; }
hasnt() { if grep -qE -e "$2" "${3:-out}"; then fail "$1: a line like /$2/ in ${3:-out}"; else pass; fi; }
# page WHAT STATUS PATH: its body is in `out`.
page() {
    status=$(curl -s --max-time 10 -o out -w '%{http_code}' "$url$3")
    if [ "$status" = "$2" ]; then pass; else fail "$1: $3 says $status, not $2"; fi
}
# until SECONDS COMMAND...: again and again until it succeeds.
until_true() {
    tries=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}
page_is() { [ "$(curl -s --max-time 5 -o page -w '%{http_code}' "$url$2")" = "$1" ]; }
page_says() { curl -s --max-time 5 "$url$1" | grep -qE -e "$2"; }
stuck_says() { "$weir" stuck "$url" 2>/dev/null | grep -qE -e "$1"; }
# config NAME [STORE_OPTIONS] [MORE_LINES]
config() {
    cat >"$1.yaml" <<EOF
weir: 1
name: bank-$1
kafka: { bootstrap.servers: "${broker:-127.0.0.1:1}" }
sources:
  bank:
    connector: postgresql
    topic_prefix: bankjson
    types:
      public.accounts: { id: bigint, owner: text, balance: "numeric(12,2)", note: text, active: boolean, updated_at: timestamptz }
      public.entries: { account_id: bigint, seq: integer, amount: "numeric(12,2)", memo: text }
      public.labels: { name: text, big: text, n: integer }
stores: { local: { type: lmdb, path: "$dir/$1.db"${2:-} } }
caches:
  accounts: { from: bank.public.accounts, store: local }
  entries: { from: bank.public.entries, store: local }
  labels: { from: bank.public.labels, store: local }
http: { listen: "127.0.0.1:0" }
log: { level: info, format: json }
${3:-}
EOF
}
# start NAME [ARGUMENTS]: `weir sync` in the background; sets $pid and $url.
start() {
    config=$1.yaml log=$1.log
    shift
    "$weir" sync "$@" "$config" >sync.out 2>"$log" &
    pid=$!
    pids="$pids $pid"
    if until_true 10 grep -q 'listening on http' "$log"; then pass; else fail "no address in the log"; cat "$log"; fi
    url=$(grep -o 'http://[0-9.]*:[0-9]*' "$log" | head -n 1)
}
# stop WHAT CODE: by SIGTERM; it must end in ten seconds.
stop() {
    kill -TERM "$pid" 2>/dev/null
    until_true 10 sh -c "! kill -0 $pid 2>/dev/null" || { fail "$1: SIGTERM is not heard"; kill -KILL "$pid"; }
    wait "$pid"
    rc=$?
    if [ "$rc" -eq "$2" ]; then pass; else fail "$1: exit code $rc, not $2"; fi
}

# ---- A recording that comes through a pipe, slowly ----------------------------------------------
section=pipe
config pipe '' 'limits: { stuck_after: 1s, drain: 2s }'
mkfifo pipe
{ xzcat "$recording" | head -n 3000; touch first; until_true 60 test -e more; xzcat "$recording" | tail -n +3001; } >pipe &
pids="$pids $!"
start pipe --from pipe
page "live at once" 200 /live
page "not ready yet" 503 /ready
has "why it is not ready" '^not ready: store local: '
until_true 10 page_says /metrics '^weir_settled_records_total\{.*\} 29[0-9][0-9]$' || fail "records do not come"
page "metrics" 200 /metrics
cp out metrics.first
expect "metrics are well formed" 0 python3 "$here/check-metrics.py" metrics.first
expect "the metrics' type" 0 curl -s -o /dev/null -w '%{content_type}' "$url/metrics"
has "the metrics' type" '^text/plain; version=0.0.4; charset=utf-8$'
page "status" 200 /status
expect "status is JSON" 0 python3 -m json.tool out
has "status has the app" '"name": "bank-pipe"'
has "status has a partition" '"topic": "bankjson.public.accounts"'
page "another page" 404 /nowhere
expect "another method" 0 curl -s -o /dev/null -w '%{http_code}' -X PUT "$url/live"
has "another method" '^405$'
expect "weir status: not ready is a no" 1 "$weir" status "$url"
has "weir status has the cache" '^accounts +local +[1-9][0-9]* '
has "weir status has the store" '^local +lmdb .*catching up$'
expect "weir status --json" 1 "$weir" status --json "$url/"
expect "weir status --json is JSON" 0 python3 -m json.tool out
expect "weir lag" 0 "$weir" lag "$url"
has "weir lag has the partition" '^bankjson\.public\.accounts +0 +- +2[0-9]+ +- +0 +local +starting '
expect "weir lag --max of an unknown lag" 1 "$weir" lag --max 1000000 "$url"
has "weir lag --max of an unknown lag" 'is not known' err
expect "weir lag --json" 0 "$weir" lag --json "$url"
expect "weir lag --json is JSON" 0 python3 -m json.tool out
expect "weir stuck" 0 "$weir" stuck "$url"
expect "weir status of a config with port 0" 2 "$weir" status pipe.yaml
has "weir status of a config with port 0" 'port 0' err
timeout 5 "$weir" lag --watch "$url" >watch 2>&1
if [ "$(grep -c '^TOPIC' watch)" -ge 2 ]; then pass; else fail "weir lag --watch does not go on"; fi
# The pipe has been silent for longer than stuck_after: that is no standstill.
page "a silent pipe is live" 200 /live
sed 's/level: info/level: debug/' pipe.yaml >changed && cp changed pipe.yaml
kill -HUP "$pid"
if until_true 5 grep -q "SIGHUP: the log's level is debug" pipe.log; then pass; else fail "SIGHUP is not heard"; fi
echo 'nonsense: [' >pipe.yaml
kill -HUP "$pid"
if until_true 5 grep -q "SIGHUP: the log's level stays" pipe.log; then pass; else fail "a broken config on SIGHUP"; fi
page "live behind SIGHUP" 200 /live
touch more
until_true 20 sh -c "! kill -0 $pid 2>/dev/null" || fail "the recording's end does not end it"
wait "$pid"
rc=$?
if [ "$rc" -eq 0 ]; then pass; else fail "exit code $rc at the recording's end"; fi
expect "nobody answers any more" 3 "$weir" lag "$url"
has "which address was asked" "$url/status" err
expect "nobody answers, as JSON" 3 "$weir" stuck --json "$url"
has "nobody answers, as JSON" '"code":"HTTP_UNREACHABLE"'

# ---- SIGTERM while a pipe says nothing; counters only grow ---------------------------------------
section=sigterm
config sigterm
mkfifo silent
{ xzcat "$recording" | head -n 6000; sleep 60; } >silent &
pids="$pids $!"
start sigterm --from silent
until_true 10 page_says /metrics '^weir_settled_records_total\{.*\} 59[0-9][0-9]$' || fail "records do not come"
page "metrics" 200 /metrics
cp out second
page "metrics" 200 /metrics
expect "counters do not go back" 0 python3 "$here/check-metrics.py" out second
stop "SIGTERM over a silent pipe" 1

# ---- A store without room: held, and alive --------------------------------------------------------
section=full
config full ', map_size: 1MiB' 'limits: { stuck_after: 1s, drain: 1s }'
start full --from "$recording"
until_true 20 page_says /metrics '^weir_store_held\{.*\} 1$' || fail "a full store is not told"
sleep 1.5
page "a held writer is live" 200 /live
page "held is not ready" 503 /ready
has "held by what" 'held by STORE_FULL: '
expect "weir stuck" 1 "$weir" stuck "$url"
has "weir stuck says what" '^held +store local +STORE_FULL: '
expect "weir status" 1 "$weir" status "$url"
has "weir status says what" 'held by STORE_FULL: '
expect "weir lag" 0 "$weir" lag "$url"
has "weir lag says why" ' held +held by STORE_FULL: '
stop "SIGTERM while it is held" 1

# ---- A disk that hangs: not live, until it goes on -------------------------------------------------
section=hanging
config hanging '' 'limits: { stuck_after: 1s, drain: 5s }'
mkfifo slow
{ xzcat "$recording" | head -n 2000; until_true 60 test -e more-slow; xzcat "$recording" | sed -n 2001,3000p; sleep 60; } >slow &
pids="$pids $!"
SLOW_DISK=$dir/hang LD_PRELOAD=$shim
export SLOW_DISK LD_PRELOAD
start hanging --from slow
unset SLOW_DISK LD_PRELOAD
until_true 10 page_says /metrics '^weir_settled_records_total\{.*\} 19[0-9][0-9]$' || fail "records do not come"
page "live" 200 /live
touch hang more-slow
if until_true 10 page_is 503 /live; then pass; else fail "a writer that stands still is not told"; fi
page "not live" 503 /live
has "which thread" '^not live; store local: the writer has stood still for [1-9][0-9]* s$'
expect "weir stuck" 1 "$weir" stuck "$url"
has "weir stuck says what" '^hanging +store local +the writer has stood still'
expect "weir status" 1 "$weir" status "$url"
has "weir status says what" 'not live, not ready'
page "metrics" 200 /metrics
has "weir_live" '^weir_live\{.*\} 0$'
rm hang
if until_true 10 page_is 200 /live; then pass; else fail "live does not come back"; fi
stop "SIGTERM" 1

# ---- No broker ------------------------------------------------------------------------------------
section=no-broker
config no-broker '' 'limits: { stuck_after: 1s }'
start no-broker
alive=0 # the thread that polls waits five seconds for an answer: that is no standstill
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    page_is 200 /live && alive=$((alive + 1))
    sleep 0.2
done
if [ $alive -eq 20 ]; then pass; else fail "live without a broker: $alive times of 20"; fi
page "not ready without a broker" 503 /ready
has "waiting for topic" 'waiting for topic'
if until_true 20 page_says /ready 'KAFKA_UNREACHABLE'; then pass; else fail "why is not told"; fi
expect "weir stuck" 1 "$weir" stuck "$url"
has "weir stuck has the topic" '^waiting +bankjson\.public\.accounts +waiting for topic'
page "metrics" 200 /metrics
has "missing topics" '^weir_consumer_missing_topics\{.*\} 3$'
expect "metrics are well formed" 0 python3 "$here/check-metrics.py" out
stop "SIGTERM without a broker" 0

# ---- A broker in memory: ready, and no lag ---------------------------------------------------------
section=broker
"$weir" dev --replay "$recording" --port-file port >dev.out 2>dev.err &
dev=$!
pids="$pids $dev"
until_true 20 test -s port || fail "weir dev has no port"
broker=$(cat port)
case $broker in *:*) ;; *) broker=127.0.0.1:$broker ;; esac
config broker
start broker
if until_true 30 page_is 200 /ready; then pass; else fail "it is never ready"; fi
page "ready" 200 /ready
has "ready" '^ready$'
if until_true 30 page_says /metrics '^weir_cache_rows\{.*"accounts"\} 476$'; then pass; else fail "rows do not come"; fi
if until_true 30 "$weir" lag --max 0 "$url"; then pass; else fail "the lag does not go away"; fi
expect "weir lag --max 0" 0 "$weir" lag --max 0 "$url"
has "a current partition" '^bankjson\.public\.accounts +0 +[0-9]+ +[0-9]+ +0 +0 +local +current'
expect "weir status: ready" 0 "$weir" status "$url"
has "rows" '^accounts +local +476 '
expect "weir stuck: nothing" 0 "$weir" stuck "$url"
page "metrics" 200 /metrics
has "no lag" '^weir_consumer_lag_records\{.*topic="bankjson.public.accounts",partition="0"\} 0$'
expect "metrics are well formed" 0 python3 "$here/check-metrics.py" out
kill -KILL "$dev" # what is new there is not known from now on
if until_true 20 stuck_says 'waiting +bankjson.* +KAFKA_UNREACHABLE'; then pass; else fail "a broker that is killed is not missed"; fi
expect "the lag is not known" 1 "$weir" lag --max 0 "$url"
has "a partition that waits" '^bankjson\.public\.accounts +0 +[0-9]+ +[0-9]+ +.*waiting  KAFKA_UNREACHABLE'
page "what is there can be read" 200 /ready
page "metrics" 200 /metrics
has "for how long" '^weir_consumer_away_seconds\{.*store="local"\} [1-9]'
hasnt "a lag that nobody knows" '^weir_consumer_lag_records\{.*topic="bankjson.public.accounts"'
stop "SIGTERM" 0
broker=

# ---- An address that is taken ----------------------------------------------------------------------
section=taken
: >empty
python3 "$here/serve-status.py" empty taken.port &
server=$!
pids="$pids $server"
until_true 10 test -s taken.port || fail "no server"
config taken
sed -i "s/127.0.0.1:0/127.0.0.1:$(cat taken.port)/" taken.yaml
expect "a taken address" 3 "$weir" sync --from "$recording" taken.yaml
has "a taken address is named" "\"level\":\"error\".*HTTP_LISTEN.*127\.0\.0\.1 port $(cat taken.port).*Address already in use" err
expect "what is no status" 3 "$weir" status taken.yaml
has "what is no status" 'no status of weir.s.*HTTP_ANSWER' err
kill "$server"
wait "$server" 2>/dev/null

# ---- Answers as they may come ------------------------------------------------------------------------
section=answers
cat >answer <<'EOF'
{"name":"shop","version":"9.9","uptime_seconds":93784.5,"live":false,"ready":false,"stopping":true,"new":{},"stores":[
{"name":"a","type":"lmdb","live":false,"ready":true,"held":null,"failure":null,"silence":{"thread":"lane 2","seconds":75.1},
 "bytes":1536,"limit_bytes":68719476736,"transactions":1,"settled":2,"rejected":0,"in_flight_records":0,
 "caches":[{"name":"orders","rows":5,"applied":null,"counts":{"changes":9,"deletes":1,"incomplete":0,"quarantined":4}}],
 "partitions":[{"topic":"t","partition":0,"end":120,"frontier":20,"lag":100,"open":7,"state":"behind","why":"throughput"},
  {"topic":"t","partition":1,"end":120,"frontier":119,"lag":1,"open":1,"state":"stuck","why":"stuck key: \"x\""}]},
{"name":"b","type":"memory","live":true,"ready":false,"held":null,"failure":{"code":"REJECTED","where":"t/0@1","text":"no"},
 "bytes":0,"limit_bytes":null,"caches":[],"partitions":[]}]}
EOF
python3 "$here/serve-status.py" answer answer.port &
pids="$pids $!"
until_true 10 test -s answer.port || fail "no server"
url=http://127.0.0.1:$(cat answer.port)
expect "weir lag --max above all" 0 "$weir" lag --max 100 "$url"
expect "weir lag --max below one" 1 "$weir" lag --max 99 "$url"
has "weir lag --max says how many" '1 of 2 partitions lag by more than 99 records, the worst by 100' err
has "weir lag prints the table all the same" '^t +0 +120 +20 +100 +7 +a +behind +throughput$'
expect "weir lag --json --max" 1 "$weir" lag --json --max 0 "$url"
has "weir lag --json" '^\{"partitions":\[\{"store":"a","topic":"t","partition":0,.*"why":"stuck key: \\"x\\""\}\]\}$'
expect "weir status" 1 "$weir" status "$url"
has "the head" '^shop, weir 9\.9: not live, not ready, stopping, up 1 d 2:03:04$'
has "a hanging store" '^a +lmdb +1\.5 KiB +64 GiB .*hanging: lane 2 has stood still for 75\.1 s$'
has "a stopped store" '^b +memory +0 B +- .* stopped by REJECTED: no$'
expect "weir stuck" 1 "$weir" stuck "$url"
has "a hanging thread" '^hanging +store a +lane 2 has stood still for 75\.1 s$'
has "a stopped store" '^stopped +store b +REJECTED: no$'
has "a stuck key" '^stuck +t/1 +stuck key: "x"$'
has "quarantined keys" '^quarantined +cache orders +4 keys .*weir dump orders --states'
hasnt "what is only behind is not stuck" 'throughput'
expect "weir stuck --json" 1 "$weir" stuck --json "$url"
expect "weir stuck --json is JSON" 0 python3 -m json.tool out
printf '{"stores":' >answer
expect "half an answer" 3 "$weir" stuck "$url"
printf '{"stores":{}}' >answer
expect "another document" 3 "$weir" lag "$url"
printf '{"stores":[]}' >answer
expect "no stores" 1 "$weir" status "$url"
hasnt "no heading over nothing" '^(STORE|CACHE) '
expect "the lag of nothing is not known" 1 "$weir" lag --max 5 "$url"

# ---- Usage --------------------------------------------------------------------------------------------
section=usage
url=http://127.0.0.1:9
expect "a bad --max" 2 "$weir" lag --max many "$url"
expect "a negative --max" 2 "$weir" lag --max -1 "$url"
expect "too many arguments" 2 "$weir" status "$url" "$url"
expect "an unknown option" 2 "$weir" stuck --watch "$url"
expect "no such config" 2 "$weir" status nowhere.yaml
config without
sed -i '/^http:/d' without.yaml
expect "a config without http" 2 "$weir" lag without.yaml
has "a config without http" 'has no http.listen' err
expect "another protocol" 2 "$weir" lag ftp://127.0.0.1/
for c in status lag stuck; do
    expect "weir $c --help" 0 "$weir" "$c" --help
    has "weir $c --help has examples" '^Examples$'
done

echo "$passed passed, $failed failed, 0 skipped"
[ -n "${TALLY:-}" ] && echo "$passed $failed 0" >>"$TALLY"
[ "$failed" -eq 0 ]
