# Standard files that are closed: no log line gets into a store that has taken their place.
. "$(dirname "$0")/lib.sh"

mkdir "$T/db"
cat >"$T/bank.yaml" <<EOT
weir: 1
name: bank
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources: { bank: { connector: postgresql, topic_prefix: bankjson, types: { public.labels: { id: integer, name: text } } } }
stores: { s: { type: lmdb, path: "$T/db" } }
caches: { labels: { from: bank.public.labels, store: s } }
http: { listen: "127.0.0.1:0" }
log: { level: debug }
EOT
CONFIG=$T/bank.yaml
"$WEIR" sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG" >"$T/out" 2>"$T/err"
for closed in "0<&- 1>&- 2>&-" "2>&-" "0<&- 2>&-"; do
    (eval "exec $closed"; exec "$WEIR" sync "$CONFIG") & # no broker is there: it only logs
    sync=$!
    processes="$processes $sync"
    sleep 1
    kill "$sync"
    wait "$sync"
    is "a sync with $closed ends well" test $? -eq 0
    run "and its store is whole" 0 dump labels -c "$CONFIG"
    out_lines 74
done
finish
