# weir check: the config, and the world around it.
. "$(dirname "$0")/lib.sh"

CONFIG=$DATA/bank/bank.yaml
run "a good config" 0 check "$CONFIG"
out_has "^store local: lmdb .*replicate"
out_has "^  cache labels: from bank.public.labels, topic bankjson.public.labels"
out_has "^dead letters: topic bank.dead"
out_has ": 0 errors, 0 warnings"
silent
run "a good config as JSON" 0 check "$CONFIG" --json
out_is_json
out_has '"errors":0,"warnings":0,"problems":\[\]'
out_has '"name":"local","type":"lmdb","mode":"replicate","caches":\[{"name":"accounts"'
run "by -c" 0 check -c "$CONFIG"
run "no config" 2 check
run "no such file" 2 check "$T/nothing.yaml"
err_has CONFIG_UNREADABLE

sed 's/  labels: {/  labels: { stor: x,/; s/connector: postgresql/connector: postgres/' "$CONFIG" >"$T/bad.yaml"
run "problems" 2 check "$T/bad.yaml"
err_has "bad.yaml:[0-9]*:[0-9]*: error: .*did you mean"
err_has "connector"
out_has ": 2 errors"
run "problems as JSON" 2 check "$T/bad.yaml" --json
out_is_json
out_has '"errors":2'
silent
sed 's/^kafka:/kafka:\n  fetch.wait.max.ms: soon\n  no.such.property: 1\n  sasl.password: x/' "$CONFIG" >"$T/bad.yaml"
run "librdkafka's properties" 2 check "$T/bad.yaml"
err_has 'bad.yaml:5:22: error: .*fetch.wait.max.ms.*KAFKA_CONFIG'
err_has 'bad.yaml:6:21: error: .*no.such.property'
err_lacks 'did you mean'
sed 's/^kafka:/kafka:\n  fetch.wait.maxms: 5\n  enable.idempotense: true/' "$CONFIG" >"$T/bad.yaml"
run "a property that is misspelt" 2 check "$T/bad.yaml"
err_has 'bad.yaml:5:.*fetch.wait.maxms.*did you mean .fetch.wait.max.ms.?'
err_has 'did you mean .enable.idempotence.?'
sed 's/^kafka:/kafka:\n  fetch.wait.max.ms: soon\n  no.such.property: 1\n  sasl.password: x/' "$CONFIG" >"$T/bad.yaml"
run "librdkafka's properties" 2 check "$T/bad.yaml"
err_has "warning: .*sasl.password"

sed 's/^kafka:/kafka:\n  no.such.property: 1/; s/connector: postgresql/connector: postgres/' "$CONFIG" >"$T/bad.yaml"
run "librdkafka's properties beside other errors" 2 check "$T/bad.yaml"
err_has 'bad.yaml:5:21: error: .*no.such.property'
err_has 'connector'
out_has ': 2 errors'
sed 's#^kafka:#kafka:\n  ssl.ca.location: /nowhere/ca.pem#' "$CONFIG" >"$T/bad.yaml"
run "a file that a property names" 2 check "$T/bad.yaml"
err_has 'bad.yaml:5:20: error: ssl.ca.location: /nowhere/ca.pem: No such file or directory'

# ---- Stores' places ------------------------------------------------------------------------------
cat >"$T/places.yaml" <<END
weir: 1
name: places
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources: { shop: { connector: postgresql } }
stores:
  one: { type: lmdb, path: $T/qq }
  two: { type: lmdb, path: $T/./x/..//qq }
caches: { a: { from: shop.public.a, store: one }, b: { from: shop.public.b, store: two } }
END
run "one place by two names" 2 check "$T/places.yaml"
err_has 'places.yaml:7:.*is the path of `one` already'
mkdir "$T/there" && ln -s there "$T/link"
sed "s#$T/qq#$T/there#; s#path: $T/./x.*qq#path: $T/link#" "$T/places.yaml" >"$T/links.yaml"
run "by a link" 2 check "$T/links.yaml"
err_has 'links.yaml:7:.*is the path of `one` already'
sed "s#x/..//qq#x/qq#" "$T/places.yaml" >"$T/apart.yaml"
run "two places" 0 check "$T/apart.yaml"
cat >"$T/lite.yaml" <<END
weir: 1
name: lite
kafka: { bootstrap.servers: "127.0.0.1:1" }
sources: { shop: { connector: postgresql } }
stores: { db: { type: sqlite, path: $T/nodir/x.db } }
tables: { items: { from: shop.public.items, store: db } }
END
run "a folder that SQLite does not make" 3 check "$T/lite.yaml" --online --timeout 1s
out_has "^WRONG  *store db: $T/nodir: No such file or directory"
out_lacks "is to be made"
mkdir "$T/nodir"
run "the folder made" 3 check "$T/lite.yaml" --online --timeout 1s
out_has "^[a-z]*  *store db: .* free in $T/nodir$"
out_has "is to be made"

run "no broker" 3 check "$CONFIG" --online --timeout 1s
out_has "^WRONG  *brokers: .*Connection refused"
out_has "^good  *store local: .* free in"

start_broker --topics bankjson.public.accounts:2,bankjson.public.entries:2,bankjson.public.labels:2
run "topics that are missing" 1 check "$CONFIG" --online
out_has "^good  *brokers: 1 in the cluster"
out_has "^good  *topic bankjson.public.labels: 2 partitions"
out_has "^not checked  *topic bankjson.public.labels: compaction and retention: "
out_has "^WRONG  *dead-letter topic: topic bank.dead is not there"
out_has "^risk  *heartbeats of bank: "
kill "$broker"

start_broker --replay "$DATA/bank/json.jsonl.xz" --topics bank.dead
broker_fed
run "all is there" 0 check "$CONFIG" --online
out_has "^good  *dead-letter topic: bank.dead is there"
out_has "^risk  *heartbeats of bank: the last one came [0-9]* s ago"
out_lacks WRONG
{
    cat "$CONFIG"
    printf 'events:\n  paid: { topic: shop-payments }\n'
} >"$T/events.yaml"
run "the topic of an event" 1 check "$T/events.yaml" --online
out_has '^WRONG  *topic of event paid: topic shop-payments is not there'
run "as JSON" 0 check "$CONFIG" --online --json
out_is_json
out_has '"online":\[{"result":"good","what":"store local"'
out_has '"result":"unchecked"'

sed 's/^  labels: {/  labels: { where: { nme: x },/; s/n: integer }/m: integer }/' "$CONFIG" >"$T/typos.yaml"
run "columns that are nowhere" 0 check "$T/typos.yaml" --online
out_has "^risk  *caches.labels.where: column nme is in none of the [0-9]* newest records of public.labels"
out_has "^risk  *sources.bank.types: column m is in none of the"
cp "$T/out" "$T/said"
risks=$(grep -c 'is in none of' "$T/said")
is "and no other" test "$risks" -eq 2

# A store that does not fit its topics any more.
run "sync" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "a store that fits" 0 check "$CONFIG" --online
run "set forward" 0 offsets set labels 0@9999 -c "$CONFIG" --yes --quiet
run "a topic that was made anew" 1 check "$CONFIG" --online
out_has "^WRONG  *topic bankjson.public.labels: store local goes on at offset 9999 .*ends at 1170"

# Partitions that were added since.
export STORE=$T/grown
start_sync "$CONFIG"
until_is "the sync" 30 stored 20550
stop_sync
kill "$broker"
start_broker --topics bank.dead,bankjson.public.accounts:4,bankjson.public.entries:2,bankjson.public.labels:2
run "a topic that has grown" 1 check "$CONFIG" --online
out_has "^WRONG  *topic bankjson.public.accounts: it had 2 partitions when store local was filled"
sed "s|path: .*}|path: $T/bad.yaml/store }|" "$CONFIG" >"$T/disk.yaml"
run "a folder that is none" 1 check "$T/disk.yaml" --online
out_has "^WRONG  *store local: .*bad.yaml: Not a directory"
finish
