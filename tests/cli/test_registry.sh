# A schema registry: registering, asking, subjects, passwords, TLS. The registry is tests/registry/stub.
. "$(dirname "$0")/lib.sh"
STUB=$PWD/tests/registry/stub
cd "$T" || exit 2

start_stub() { # ARGUMENT…
    rm -f "$T/stub-port"
    python3 "$STUB" "$T/stub-port" "$@" >"$T/stub" 2>&1 &
    stub=$!
    processes="$processes $stub"
    until_is "the registry's start" 20 test -s "$T/stub-port" || finish
    PORT=$(cat "$T/stub-port")
}
start_stub
R=http://127.0.0.1:$PORT
field() { printf '{"name":"%s","type":"%s"%s}' "$1" "$2" "$3"; }
record_of() { printf '{"type":"record","name":"Order","namespace":"shop","fields":[%s]}' "$1"; }
record_of "$(field id int)" >1.avsc
record_of "$(field id int),$(field note string ',"default":""')" >2.avsc
record_of "$(field id int),$(field price double)" >3.avsc
echo '{"title":"Order","type":"object"}' >order.json

# ---- registering
run "the first" 0 schema register 1.avsc --topic orders --registry "$R"
out_is 1
err_has '^orders-value: registered as id 1, version 1$'
run "again" 0 schema register 1.avsc --topic orders --registry "$R" --quiet
out_is 1
silent
run "as JSON" 0 schema register 2.avsc --topic orders --registry "$R" --json
out_is '{"subject":"orders-value","id":2,"version":2}'
run "one that may not follow" 1 schema register 3.avsc --topic orders --registry "$R"
err_has 'status 409: Schema being registered is incompatible.*price \[REGISTRY_INCOMPATIBLE\]$'
run "of keys" 0 schema register 1.avsc --topic orders --key --registry "$R"
err_has '^orders-key: '
run "under the record" 0 schema register 1.avsc --naming record --registry "$R"
err_has '^shop.Order: '
run "under both" 0 schema register 1.avsc --naming topic-record --topic orders --registry "$R"
err_has '^orders-shop.Order: '
run "JSON Schema, by its title" 0 schema register order.json --naming record --registry "$R/"
err_has '^Order: registered as id 3, version 1$'
run "a subject with a slash" 0 schema register 1.avsc --subject 'a/b c' --registry "$R"
run "nothing is registered" 0 schema register 1.avsc --subject new --registry "$R" --dry-run
err_has '^new: compatible, it has no schema yet$'
run "nothing is registered, and it may not" 1 schema register 3.avsc --topic orders --registry "$R" --dry-run
echo '{"type":"record","name":"Line","fields":[{"name":"order","type":"shop.Order"}]}' >line.avsc
run "what it refers to" 0 schema register line.avsc --topic lines --reference shop.Order=orders-value@1 --registry "$R"
out_is 4
run "without what it refers to" 2 schema register line.avsc --topic lines --registry "$R"
err_has 'line.avsc:1:.*AVRO_SCHEMA'

# ---- asking
run "one that may follow" 0 schema compat 1.avsc --topic orders --registry "$R"
err_has '^orders-value: compatible$'
run "one that may not" 1 schema compat 3.avsc --topic orders --registry "$R"
out_is 'READER_FIELD_MISSING_DEFAULT_VALUE: price'
run "as JSON" 1 schema compat 3.avsc --subject orders-value --registry "$R" --json
out_is '{"subject":"orders-value","compatible":false,"messages":["READER_FIELD_MISSING_DEFAULT_VALUE: price"]}'
run "a registry of former days" 0 schema register 1.avsc --topic old --registry "$R"
run "… that knows the latest alone" 1 schema compat 3.avsc --topic old --registry "$R"

# ---- what was registered is found
printf '{"topic":"t","partition":0,"offset":1,"timestamp":1,"key":null,"value":"%s"}\n' "$(printf '\000\000\000\000\004\006' | base64)" >r.jsonl
run "a record by a schema that refers to another" 0 validate r.jsonl --registry "$R"
err_has '^1 documents: 1 valid'

# ---- what is wrong
run "no subject" 2 schema register 1.avsc --registry "$R"
err_has 'under which subject'
run "no registry" 2 schema register 1.avsc --topic orders
err_has 'which registry'
run "no schema" 2 schema register --topic orders --registry "$R"
run "a directory" 2 schema register 1.avsc --topic orders --registry "$T"
run "two names" 2 schema register 1.avsc --topic orders --subject s --registry "$R"
run "a name that is none" 2 schema register order.json --naming other --registry "$R"
run "a reference that is none" 2 schema register 1.avsc --topic t --reference x --registry "$R"
echo '{"type":"object"}' >nameless.json
run "without a name" 2 schema register nameless.json --naming record --registry "$R"
err_has '\-\-subject gives one'
echo '{"type":"record"}' >none.avsc
run "no schema of Avro's" 2 schema register none.avsc --topic t --registry "$R"
err_has 'none.avsc:1:1'
run "nobody answers" 3 schema register 1.avsc --topic t --registry http://127.0.0.1:1 --timeout 1s

run "no registry under this path" 3 schema compat 1.avsc --topic new --registry "$R/wrong"
err_has 'REGISTRY_ANSWER'
for command in "schema register 1.avsc --topic t" "validate r.jsonl"; do
    # shellcheck disable=SC2086
    run "a password in the address: $command" 2 $command --registry http://joe:s3cret@127.0.0.1:1
    err_has 'user and a password'
    err_lacks s3cret
done

# ---- weir check asks
start_broker --topics v.dead
online() { # FILE REGISTRY SUBJECT
    printf 'weir: 1\nname: v\nkafka: { bootstrap.servers: "%s" }\nregistry: %s\nvalidation:\n  - { event: e, subject: %s }\n' \
        "$BROKERS" "$2" "$3" >"$1"
}
online good.yaml "{ url: \"$R\" }" orders-value
online bad.yaml "{ url: \"$R\" }" nowhere
online gone.yaml '{ url: "http://127.0.0.1:1" }' nowhere
run "a registry and its subject" 0 check good.yaml --online
out_has "^good  *registry $R: it answers\$"
out_has '^good  *subject orders-value: its latest schema is Avro$'
run "a subject that is not there" 1 check bad.yaml --online
out_has '^WRONG  *subject nowhere: .*REGISTRY_NO_SCHEMA'
run "a registry that does not answer" 1 check gone.yaml --online
out_has '^WRONG  *registry .*REGISTRY_UNREACHABLE'

# ---- a registry that falls silent: sync waits, lives, may be stopped, and goes on when it answers
start_stub --ids "$DATA/types/avro-schemas"
start_broker --replay "$DATA/types/avro.jsonl.xz" --topics types-avro.dead
broker_fed
sed "s#^registry:.*#registry: { url: \"http://127.0.0.1:$PORT\", timeout: 200ms }#" "$DATA/types/avro.yaml" >sync.yaml
printf 'http: { listen: "127.0.0.1:0" }\n' >>sync.yaml
kill -STOP $stub
start_sync sync.yaml
until_is "the lanes wait" 20 grep -q REGISTRY_UNREACHABLE "$T/sync"
H=$(sed -n 's#.*\(http://127.0.0.1:[0-9]*\).*#\1#p' "$T/sync" | head -1)
is "it lives meanwhile" test "$(curl -s "$H/live")" = live
is "and is not ready" test "$(curl -s -o /dev/null -w '%{http_code}' "$H/ready")" = 503
stop_sync
is "a stop meanwhile ends with 0" test $? -eq 0
start_sync sync.yaml
until_is "the lanes wait again" 20 grep -q REGISTRY_UNREACHABLE "$T/sync"
kill -CONT $stub
H=$(sed -n 's#.*\(http://127.0.0.1:[0-9]*\).*#\1#p' "$T/sync" | head -1)
until_is "it goes on" 30 sh -c "test \"\$(curl -s -o /dev/null -w '%{http_code}' $H/ready)\" = 200"
run "rows by a registry's schemas" 0 dump users -c sync.yaml
LC_ALL=C sort "$T/out" >rows
LC_ALL=C sort "$DATA/types/expected/avro.users.jsonl" >expected
same "they are the expected ones" rows expected
stop_sync

# ---- passwords
start_stub --user weir:secret
P=http://127.0.0.1:$PORT
run "a password that is missing" 4 schema register 1.avsc --topic t --registry "$P"
err_has 'status 401'
config() { # FILE REGISTRY
    printf 'weir: 1\nname: v\nkafka: { bootstrap.servers: "127.0.0.1:1" }\nregistry: %s\n' "$2" >"$1"
}
printf secret >password
config p.yaml "{ url: \"$P\", username: weir, password: \"\${file:$T/password}\" }"
run "a password of the config's" 0 schema register 1.avsc --topic t -c p.yaml
config d.yaml "{ directory: \"$T\" }"
run "a directory of the config's" 2 schema register 1.avsc --topic t -c d.yaml

# ---- TLS
ca() { # NAME
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
certificate() { # NAME CA SAN
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=%s\n' "$3" >"$1.ext"
    openssl x509 -req -days 2 -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -extfile "$1.ext" -out "$1.pem" 2>/dev/null
}
ca right && ca wrong && certificate server right IP:127.0.0.1 && certificate other right DNS:elsewhere
start_stub --tls server.pem server.key
S=https://127.0.0.1:$PORT
config right.yaml "{ url: \"$S\", ca_file: \"$T/right.pem\" }"
config wrong.yaml "{ url: \"$S\", ca_file: \"$T/wrong.pem\" }"
config none.yaml "{ url: \"$S\" }"
config nowhere.yaml "{ url: \"$S\", ca_file: \"$T/nowhere.pem\" }"
run "the right CA" 0 schema register line.avsc --topic t --reference shop.Order=orders-value@1 -c right.yaml
out_is 1
run "the wrong CA" 4 schema register 1.avsc --topic t -c wrong.yaml
err_has "$S/.*certificate.*\[REGISTRY_REFUSED\]"
err_has 'Look at .*registry.ca_file'
run "the system's CAs" 4 schema register 1.avsc --topic t -c none.yaml
err_has 'REGISTRY_REFUSED'
run "a CA file that is not there" 4 schema register 1.avsc --topic t -c nowhere.yaml
err_has 'nowhere.pem.*REGISTRY_REFUSED'
start_stub --tls other.pem other.key
config other.yaml "{ url: \"https://127.0.0.1:$PORT\", ca_file: \"$T/right.pem\" }"
run "another host's certificate" 4 schema register 1.avsc --topic t -c other.yaml
err_has '127.0.0.1.*REGISTRY_REFUSED'
run "a record, by the wrong CA" 4 validate r.jsonl -c wrong.yaml
finish
