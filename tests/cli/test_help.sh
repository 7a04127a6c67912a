# Every command has a help with examples, and knows when it is used wrongly.
. "$(dirname "$0")/lib.sh"

run "help" 0 --help
commands=$(sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' "$T/out")
is "there are commands" test -n "$commands"
for c in $commands; do
    run "$c --help" 0 "$c" --help
    out_has "^weir $c"
    out_has "^Examples"
    out_has "  weir $c"
    silent
    run "$c with an unknown option" 2 "$c" --no-such-option
    err_has "Usage: weir $c.*weir --help for the global options"
    # A command obeys --dry-run, or refuses it: one that it passes over would write.
    if "$WEIR" "$c" --help | grep -q '^  --dry-run '; then
        is "$c --dry-run has a test" grep -qE "^run .*0 $c .*--dry-run" tests/cli/test_*.sh
    else
        run "$c has no --dry-run" 2 "$c" --dry-run
        err_has "^weir $c: --dry-run is not understood"
    fi
done
# ---- Examples -----------------------------------------------------------------------------------
# What a help shows is run, where none of its files are: it may find nothing, but must be understood. With an option
# that there is not it must not be, or the words were never looked at.
mkdir "$T/away" && cd "$T/away" || exit 1
example() {
    eval "timeout 5 '$WEIR' $1" >"$T/out" 2>"$T/err" </dev/null
    name="weir $1"
}
for c in $commands; do
    "$WEIR" "$c" --help | sed -n '/^Examples/,/^$/s/^  //p' | sed 's/   .*//; s/ [|>].*//' |
        sed -n 's/^.*weir \('"$c"' .*\)/\1/p; s/^weir \(record .*\)/\1/p' | sort -u >"$T/examples"
    is "$c has examples" test -s "$T/examples"
    while read -r line; do
        example "$line --no-such-option"
        err_has "no-such-option is not understood"
        case $line in dev*--topics*) line="$line --replay nothing.jsonl" ;; esac # it would listen for ever
        example "$line"
        err_lacks "^Usage: "
        err_lacks "^weir: "
    done <"$T/examples"
done
cd - >/dev/null || exit 1

# ---- What cannot be written ----------------------------------------------------------------------
for words in --help --version "sync --help" help; do
    # shellcheck disable=SC2086
    "$WEIR" $words >/dev/full 2>"$T/err"
    if [ $? -eq 3 ]; then pass "weir $words to a full disk"; else fail "weir $words to a full disk passes"; fi
    grep -q FILE_UNWRITABLE "$T/err" || fail "weir $words to a full disk: nothing is said"
done
bank_store
full() {
    "$WEIR" "$@" >/dev/full 2>"$T/err" </dev/null
    if [ $? -eq 3 ] && grep -q FILE_UNWRITABLE "$T/err"; then pass "weir $1 to a full disk"; else fail "weir $* to a full disk"; fi
}
full check "$CONFIG"
full get accounts 1 -c "$CONFIG"
full dump accounts -c "$CONFIG"
full offsets export -c "$CONFIG"
full offsets show -c "$CONFIG"
full explain "$CONFIG" "$DATA/bank/json.jsonl.xz:1"
full rebuild accounts -c "$CONFIG" --dry-run --json
full validate --schema "$DATA/../../schemas/weir/config.schema.json" "$DATA/bank/bank.yaml" --format json
sed "s#order.json#$PWD/examples/tested/order.json#" examples/tested/weir.yaml >"$T/tested.yaml"
full test examples/tested/changes -c "$T/tested.yaml"
STORE=$T/another full sync "$CONFIG" --from "$DATA/bank/json.jsonl.xz"

# ---- Used wrongly --------------------------------------------------------------------------------
for c in get dump explain offsets rebuild record replay check; do
    run "$c without a config" 2 "$c"
    err_has "weir $c:"
done
run "an unknown command" 2 no-such-command
err_has "there is no command"
run "no command" 2
run "a time to wait that is none" 2 check x --timeout 5x
err_has "^weir: --timeout 5x is no time to wait"
run "no time" 2 check x --timeout 0s
err_has "^weir: --timeout 0s is no time to wait"
run "no config" 2 get orders 1 -c
err_has "^weir: --config needs a value"
run "a config twice" 2 check -c x -c y
err_has "^weir check: --config is given twice"
run "an option twice" 2 sync x --from a --from b
err_has "^weir sync: --from is given twice"
run "a dry run of what writes a file" 2 --dry-run record "$T/dry.jsonl" -c x
err_has "^weir record: --dry-run is not understood"
run "a value too many" 2 check x --json=yes
err_has "^weir: --json takes no value"
run "the version" 0 --version
out_has "^weir [0-9]"
finish
