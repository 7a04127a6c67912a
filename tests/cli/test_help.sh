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
done
for c in get dump explain offsets rebuild record replay check; do
    run "$c without a config" 2 "$c"
    err_has "weir $c:"
done
run "an unknown command" 2 no-such-command
err_has "there is no command"
run "no command" 2
run "the version" 0 --version
out_has "^weir [0-9]"
finish
