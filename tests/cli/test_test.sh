# weir test: a config tested with records in and rows and dead letters out.
. "$(dirname "$0")/lib.sh"

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
case $WEIR in /*) ;; *) WEIR=$PWD/$WEIR ;; esac
cp -r "$ROOT/examples/tested" "$T/tested"
cd "$T/tested" || exit 1

run "the examples" 0 test .
out_lines 3
out_has "^ok      ./unusable: 3 records, 1 rows, 2 dead letters$"
err_has "^3 cases, 0 failed$"
run "one case, as JSON" 0 test changes -c weir.yaml --json
out_is_json
out_has '^{"case":"changes","passed":true,"records":4,"rows":1,"dead_letters":0,"emits":0,"parked":0,"differences":\[\]}$'
silent
run "quietly" 0 test . --quiet
out_lines 0

echo '{ "key": {"id": 7}, "row": {"id": 7, "name": "Eva"} }' >changes/expected/rows/users.jsonl
run "a row that is another one" 1 test .
out_has '^FAILED  ./changes'
out_has '^  rows/users.jsonl  - {"key":{"id":7},"row":{"id":7,"name":"Eva"}}$'
out_has '^  rows/users.jsonl  + {"key":{"id":7},"row":{"id":7,"name":"Ada L."}}$'
err_has "^3 cases, 1 failed$"
rm changes/expected/rows/users.jsonl unusable/expected/dead.jsonl
run "what nobody expects" 1 test . --json
out_has '"passed":false.*"file":"rows/users.jsonl","expected":null,"got":"{'
out_has '"file":"dead.jsonl","expected":null,"got":"{.*ROW_INVALID'
run "update" 0 test . --update
same "the rows are as they were" changes/expected/rows/users.jsonl "$ROOT/examples/tested/changes/expected/rows/users.jsonl"
same "the letters are, too" unusable/expected/dead.jsonl "$ROOT/examples/tested/unusable/expected/dead.jsonl"
sed -i 1d unusable/expected/dead.jsonl
run "a letter too many" 1 test unusable -c weir.yaml
out_has '^  dead.jsonl  + '

sed 's/"broker:9092"/"${NO_BROKERS}"/' weir.yaml >brokers.yaml
run "brokers that the environment does not name" 0 test changes -c brokers.yaml
run "which everybody else wants named" 2 check brokers.yaml
err_has "the environment has no .NO_BROKERS"

mkdir wrong
echo '{"topic":"shop.public.nothing","key":{"id":1},"value":{}}' >wrong/records.jsonl
run "a topic that nothing reads" 1 test wrong -c weir.yaml
out_has "^  records.jsonl:1: no cache or table of the config reads its topic$"
echo '{"table":"public.users","op":"x","key":{"id":1}}' >wrong/records.jsonl
run "no change" 3 test wrong -c weir.yaml
err_has "wrong/records.jsonl:1: a change has an op.*CASE_LINE"
err_lacks "A recording has"
echo '{"tabel":"public.users","op":"c","key":{"id":1},"row":{"id":1}}' >wrong/records.jsonl
run "no word that says what it is" 3 test wrong -c weir.yaml
err_has "wrong/records.jsonl:1: it has none of .topic., .table. and .event., .*CASE_LINE"
echo '{"table":"users","op":"c","key":{"id":1},"row":{"id":1}}' >wrong/records.jsonl
run "a table without its schema" 3 test wrong -c weir.yaml
err_has "no source of the config has the table users: it is SCHEMA.TABLE of shop, or SOURCE.SCHEMA.TABLE.*CASE_LINE"
mkdir truncated
cat >truncated/records.jsonl <<'LINES'
{"table":"public.users","op":"c","key":{"id":1},"row":{"id":1,"name":"Eva"}}
{"table":"public.users","op":"t"}
{"table":"public.users","op":"c","key":{"id":2},"row":{"id":2,"name":"Ada"}}
LINES
mkdir -p truncated/expected/rows && echo '{"key":{"id":2},"row":{"id":2,"name":"Ada"}}' >truncated/expected/rows/users.jsonl
run "a truncate" 0 test truncated -c weir.yaml
rm -r truncated
# Money: a text is what Debezium's mode says, and whoever writes digits is told so.
mkdir money
cat >money/weir.yaml <<'YAML'
weir: 1
name: money
kafka: { bootstrap.servers: x }
sources: { shop: { connector: postgresql, types: { public.o: { id: bigint, total: "numeric(12,2)" } } } }
stores: { m: { type: memory } }
caches: { o: { from: shop.public.o, store: m } }
YAML
echo '{"table":"public.o","op":"c","key":{"id":1},"row":{"id":1,"total":"1.20"}}' >money/records.jsonl
run "money as a text" 1 test money
out_has 'neither base64, .* nor a JSON number (digits in a text: the source.s modes: {decimal: string}); met 1.20'
sed -i 's/types:/modes: { decimal: string }, types:/' money/weir.yaml
mkdir -p money/expected/rows && echo '{"key":{"id":1},"row":{"id":1,"total":1.20}}' >money/expected/rows/o.jsonl
run "money as a text that the modes tell of" 0 test money
rm -r money
echo '{"table":"users"' >wrong/records.jsonl
run "no JSON" 3 test wrong -c weir.yaml
err_has "wrong/records.jsonl:1:"
echo '{"table":"public.users","op":"d","key":{"id":1}}' >wrong/records.jsonl
mkdir -p wrong/expected/rows && echo 'x' >wrong/expected/rows/users.jsonl
run "what is expected is no JSON" 3 test wrong -c weir.yaml
err_has "wrong/expected/rows/users.jsonl:1:.*CASE_LINE"
err_lacks "producer"
run "no folder" 2 test
run "no such folder" 3 test nowhere
err_has "nowhere: it cannot be read: No such file or directory"
mkdir -p empty bare/case && cp wrong/records.jsonl bare/case/
run "a folder without a case" 3 test empty
err_has "empty: there is no case in it"
run "no config" 2 test bare/case
err_has "bare/case/weir.yaml"
run "the config of the folder above" 0 test changes
out_has "^ok      changes: "
cp order.json changes/ && cd changes && run "of the folder above this one" 0 test . && cd .. && rm changes/order.json
run "above a path" 0 test "$PWD/changes/"

# What is expected under a name that is nothing's would be compared with nothing.
stray() {
    mkdir -p "$(dirname "changes/expected/$2")" && echo '{}' >"changes/expected/$2"
    run "$1" 3 test .
    err_has "^weir test: \./changes/expected/$2: $3"
    run "$1, at --update" 3 test changes --update
    rm "changes/expected/$2"
}
stray "rows of no cache" rows/usrs.jsonl "usrs.jsonl belongs to no cache or table of the config; is users.jsonl meant?"
stray "no known kind" ded.jsonl "ded.jsonl belongs to .*; is expected/dead.jsonl meant?"
stray "rows beside their folder" users.jsonl "users.jsonl belongs to "
stray "compressed rows" rows/users.jsonl.gz ".*; is users.jsonl meant?"
stray "rows of nothing near" rows/zebra.jsonl "zebra.jsonl belongs to no cache or table of the config \["
mkdir changes/expected/row && run "a folder" 3 test changes && rmdir changes/expected/row
err_has "changes/expected/row: row belongs to .*; is expected/rows meant?"
touch changes/expected/.gitkeep && run "what is hidden" 0 test changes
mv changes/records.jsonl changes/record.jsonl
run "expected of no records" 3 test changes
err_has "changes/expected: what is expected stands beside no records"
err_has "^1 cases, 1 failed"
mv changes/record.jsonl changes/records.jsonl
run "no option of it" 2 test . --bla

# A recorded case: what PostgreSQL itself gave for the rows.
cd "$T" || exit 1
mkdir bank
ln -s "$ROOT/tests/data/bank/json.jsonl.xz" bank/records.jsonl.xz
sed 's/\${[^}]*}/\/nowhere/' "$ROOT/tests/data/bank/bank.yaml" >bank/weir.yaml
run "a recording" 0 test bank --update
for table in accounts entries labels; do
    sed 's/^{"key":{[^}]*},"row"://; s/}$//' "bank/expected/rows/$table.jsonl" | LC_ALL=C sort >is
    LC_ALL=C sort "$ROOT/tests/data/bank/final/public.$table.json" >wanted
    same "the rows of $table are PostgreSQL's" is wanted
done
run "and again" 0 test bank
finish
