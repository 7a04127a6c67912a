# weir offsets and weir rebuild: what a store was read to, and making it anew.
. "$(dirname "$0")/lib.sh"

bank_store
cp "$T/out" "$T/first"
run "show" 0 offsets show -c "$CONFIG"
out_lines 7
out_has '^local *bankjson.public.labels *1 *1296$'
run "show of one cache" 0 offsets show labels -c "$CONFIG"
out_lines 3
run "export" 0 offsets export -c "$CONFIG"
out_lines 6
out_is_json
cp "$T/out" "$T/offsets.jsonl"
run "show as JSON is export" 0 offsets show --json -c "$CONFIG"
same "the same lines" "$T/out" "$T/offsets.jsonl"
run "no verb" 2 offsets -c "$CONFIG"
run "an unknown verb" 2 offsets drop -c "$CONFIG"
run "an unknown cache" 2 offsets show nothing -c "$CONFIG"

run "set, off a terminal" 2 offsets set labels 0@9 1@earliest -c "$CONFIG"
err_has "labels/0 in store local: 1170 -> 9"
err_has "labels/1 in store local: 1296 -> the first record"
err_has "nothing was done; --yes does it"
run "set, dry" 0 offsets set labels 0@9 -c "$CONFIG" --dry-run
err_has "Nothing was done"
run "nothing was set" 0 offsets export -c "$CONFIG"
same "as before" "$T/out" "$T/offsets.jsonl"
run "forward" 0 offsets set bankjson.public.labels/0@5000 -c "$CONFIG" --dry-run
err_has "SKIPPED RECORDS ARE NEVER APPLIED"
run "set" 0 offsets set labels 0@9 1@earliest -c "$CONFIG" --yes
run "it is set" 0 offsets show labels -c "$CONFIG"
out_has 'labels *0 *9$'
out_lines 2
run "set from a file" 0 offsets set --from "$T/offsets.jsonl" -c "$CONFIG" --yes
run "as exported" 0 offsets export -c "$CONFIG"
same "all of it" "$T/out" "$T/offsets.jsonl"
run "no place" 2 offsets set labels 0-9 -c "$CONFIG" --yes
run "a place without a topic" 2 offsets set 0@9 -c "$CONFIG" --yes
run "a topic that no cache has" 2 offsets set nothing/0@9 -c "$CONFIG" --yes
run "nothing to set" 2 offsets set -c "$CONFIG" --yes
echo '{"topic":"bankjson.public.labels"}' >"$T/bad.jsonl"
run "a bad line" 3 offsets set --from "$T/bad.jsonl" -c "$CONFIG" --yes
err_has "line 1"

# Read again from the middle, nothing changes.
run "set back" 0 offsets set labels 0@100 1@200 -c "$CONFIG" --yes
run "sync" 0 sync --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
out_has '^labels *rows 74 '
run "dump" 0 dump labels -c "$CONFIG"
sorted "$T/out" >"$T/dump"
sorted "$DATA/bank/final/public.labels.json" >"$T/source"
same "records that come again change nothing" "$T/dump" "$T/source"

run "rebuild, dry" 0 rebuild labels -c "$CONFIG" --dry-run
err_has "cache labels in store local (.*): 74 rows"
err_has "topic bankjson.public.labels is read again from its first record"
run "rebuild, off a terminal" 2 rebuild labels -c "$CONFIG"
run "nothing was done" 0 dump labels -c "$CONFIG"
out_lines 74
run "rebuild" 0 rebuild labels -c "$CONFIG" --yes
run "it is empty" 0 dump labels -c "$CONFIG"
out_lines 0
run "its offsets are gone" 0 offsets show labels -c "$CONFIG"
out_lines 1
run "the others are as they were" 0 dump entries -c "$CONFIG"
out_lines 779
run "sync" 0 sync --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
out_has '^labels *rows 74 *changes 2466 '
out_has '^entries *rows 779 *changes 0 '
run "dump" 0 dump labels -c "$CONFIG"
sorted "$T/out" >"$T/dump"
same "made anew, equal to the source" "$T/dump" "$T/source"
run "an unknown cache" 2 rebuild nothing -c "$CONFIG" --yes
run "no cache" 2 rebuild -c "$CONFIG" --yes
STORE=$T/elsewhere run "no store" 3 rebuild labels -c "$CONFIG" --yes
is "no store was made" test ! -e "$T/elsewhere"

# A changed rule: refused by sync, mended by rebuild.
sed 's/labels: { from: bank.public.labels, store: local }/labels: { from: bank.public.labels, store: local, columns: { drop: [big] } }/' "$CONFIG" >"$T/other.yaml"
CONFIG=$T/other.yaml
run "another rule" 5 sync --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
err_has CACHE_RULE_CHANGED
run "rebuild" 0 rebuild labels -c "$CONFIG" --yes --quiet
silent
run "sync" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "dump" 0 dump labels -c "$CONFIG"
out_lines 74
out_lacks '"big"'

# Types that come late: what is there was read without them.
export STORE=$T/late
grep -v 'public.accounts: {' "$DATA/bank/bank.yaml" >"$T/untyped.yaml"
sed 's/active: boolean/active: boolean, closed_on: date/' "$DATA/bank/bank.yaml" >"$T/ahead.yaml"
run "sync without types" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/untyped.yaml"
run "with types" 5 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$DATA/bank/bank.yaml"
err_has 'column .* of accounts was read as it came, without a type, and is .* now.*weir rebuild accounts .CACHE_RULE_CHANGED.'
run "rebuild" 0 rebuild accounts -c "$DATA/bank/bank.yaml" --yes --quiet
run "read anew" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$DATA/bank/bank.yaml"
run "a column that is not there yet" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/ahead.yaml"
run "and not any more" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$DATA/bank/bank.yaml"
sed 's/connector: postgresql/&\n    modes: { decimal: string }/' "$DATA/bank/bank.yaml" >"$T/modes.yaml"
run "another mode" 5 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/modes.yaml"
err_has 'were read by decimal precise.*and now it is decimal string.*CACHE_RULE_CHANGED'

# A column in the place of one that is left out.
export STORE=$T/renamed
sed 's/accounts: { from: bank.public.accounts, store: local }/accounts: { from: bank.public.accounts, store: local, columns: { drop: [note], rename: { owner: note } } }/' "$DATA/bank/bank.yaml" >"$T/renamed.yaml"
run "a renamed column" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/renamed.yaml"
sed -i 's/note: text/note: json/' "$T/renamed.yaml"
run "the type of the one that is left out" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/renamed.yaml"
sed -i 's/owner: text/owner: json/' "$T/renamed.yaml"
run "its own type" 5 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$T/renamed.yaml"
err_has 'column note of accounts was read as text, and is json now'

# Two caches of one topic.
sed 's/^  labels: .*/&\n  names: { from: bank.public.labels, store: local, columns: { keep: [name] } }/' "$DATA/bank/bank.yaml" >"$T/two.yaml"
CONFIG=$T/two.yaml
export STORE=$T/two
run "sync" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "one of two" 0 rebuild names -c "$CONFIG" --dry-run
err_has "cache labels follows the same topic"
run "both" 0 rebuild names labels -c "$CONFIG" --yes
run "sync" 0 sync --quiet --from "$DATA/bank/json.jsonl.xz" "$CONFIG"
run "the narrow one" 0 dump names -c "$CONFIG"
out_lines 74
out_has '^{"name":"l36"}$'
finish
