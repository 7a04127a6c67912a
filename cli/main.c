/* The program `weir`: finds the subcommand. One file each: cli/NAME.c. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "help.h"
#include "process.h"

static const weir_command *find(const char *name)
{
    for (size_t i = 0; weir_commands[i]; i++) {
        if (strcmp(weir_commands[i]->name, name) == 0) {
            return weir_commands[i];
        }
    }
    return NULL;
}

/* What was said must have been heard: a full disk would else pass for success. */
static int end_output(int code)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code > EXIT_NO) {
        return code;
    }
    weir_error err;
    weir_fail(&err, WEIR_E_FILE_UNWRITABLE, "standard output cannot be written");
    fprintf(stderr, "weir: %s [%s]\n", err.text, err.code);
    return weir_exit_of(&err);
}

static int run(int argc, char **argv)
{
    weir_cli cli = {.argc = argc - 1, .argv = argv + 1};
    weir_process_files();
    if (!weir_cli_globals(&cli)) {
        return EXIT_USAGE;
    }
    if (cli.version) {
        puts("weir " WEIR_VERSION);
        return EXIT_YES;
    }
    const char *name = weir_cli_argument(&cli);
    bool wants_help = cli.help || (name && strcmp(name, "help") == 0);
    if (!name && cli.argc) {
        fprintf(stderr, "weir: %s is not understood; weir --help lists the options\n", cli.argv[0]);
        return EXIT_USAGE;
    }
    if (!name || strcmp(name, "help") == 0) {
        weir_help_all(wants_help ? stdout : stderr);
        return wants_help ? EXIT_YES : EXIT_USAGE;
    }
    cli.command = find(name);
    if (!cli.command) {
        fprintf(stderr, "weir: there is no command %s; weir --help lists them\n", name);
        return EXIT_USAGE;
    }
    if (cli.help) {
        weir_help_command(stdout, cli.command);
        return EXIT_YES;
    }
    int code = weir_cli_dry_run_fits(&cli);
    if (code) {
        return code;
    }
    weir_process_memory();
    return cli.command->run(&cli);
}

int main(int argc, char **argv)
{
    return end_output(run(argc, argv));
}
