/* The program `weir`: finds the subcommand and its options. One file each: cli/NAME.c. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "help.h"
#include "words.h"

/* ---- Options
 * ------------------------------------------------------------------------------------- */

static void take_out(weir_cli *cli, int at, int n)
{
    memmove(&cli->argv[at], &cli->argv[at + n], (size_t)(cli->argc - at - n) * sizeof(char *));
    cli->argc -= n;
}

static const weir_option *option_of(const weir_option *list, const char *name, size_t len)
{
    for (; list && list->name; list++) {
        if (strlen(list->name) == len && memcmp(list->name, name, len) == 0) {
            return list;
        }
    }
    return NULL;
}

/* Takes one option of a list out of argv. *bad: it lacks its value or has one too many. */
static const char *take_option(
    weir_cli *cli, const weir_option *list, const char *wanted, bool *bad)
{
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        const char *word = cli->argv[i], *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word) : strlen(word);
        const weir_option *o = option_of(list, word, len);
        if (!o || strcmp(o->name, wanted) != 0) {
            continue;
        }
        if (!o->value) {
            *bad = equals != NULL;
            take_out(cli, i, 1);
            return "";
        }
        const char *value = equals ? equals + 1 : i + 1 < cli->argc ? cli->argv[i + 1] : NULL;
        *bad = !value;
        take_out(cli, i, equals || !value ? 1 : 2);
        return value ? value : "";
    }
    return NULL;
}

const char *weir_cli_option(weir_cli *cli, const char *name)
{
    bool bad = false;
    const char *value = take_option(cli, cli->command->options, name, &bad);
    if (bad) {
        exit(weir_cli_usage(
            cli, "%s %s", name, value && *value ? "takes no value" : "needs a value"));
    }
    return value;
}

const char *weir_cli_argument(weir_cli *cli)
{
    if (cli->argc && strcmp(cli->argv[0], "--") == 0) {
        take_out(cli, 0, 1);
    } else if (cli->argc && cli->argv[0][0] == '-' && cli->argv[0][1]) {
        return NULL; /* an unknown option: weir_cli_end complains */
    }
    if (!cli->argc) {
        return NULL;
    }
    const char *word = cli->argv[0];
    take_out(cli, 0, 1);
    return word;
}

int weir_cli_end(weir_cli *cli)
{
    return cli->argc ? weir_cli_usage(cli, "%s is not understood", cli->argv[0]) : EXIT_YES;
}

int weir_cli_usage(const weir_cli *cli, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "weir %s: ", cli->command->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nUsage: weir %s %s    (weir %s --help)\n", cli->command->name,
        cli->command->arguments, cli->command->name);
    return EXIT_USAGE;
}

/* -c is --config, -h is --help. */
static void spell_out(weir_cli *cli)
{
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (strcmp(cli->argv[i], "-c") == 0) {
            cli->argv[i] = (char *)(uintptr_t) "--config";
        } else if (strcmp(cli->argv[i], "-h") == 0) {
            cli->argv[i] = (char *)(uintptr_t) "--help";
        }
    }
}

/* False: a value is missing or wrong, and that was said. */
static bool take_globals(weir_cli *cli)
{
    bool bad = false, any = false;
    const char *value;
    spell_out(cli);
    cli->json = take_option(cli, weir_global_options, "--json", &bad) != NULL;
    any |= bad;
    cli->quiet = take_option(cli, weir_global_options, "--quiet", &bad) != NULL;
    any |= bad;
    cli->no_color = take_option(cli, weir_global_options, "--no-color", &bad) != NULL ||
                    getenv("NO_COLOR") != NULL;
    any |= bad;
    cli->dry_run = take_option(cli, weir_global_options, "--dry-run", &bad) != NULL;
    any |= bad;
    cli->yes = take_option(cli, weir_global_options, "--yes", &bad) != NULL;
    any |= bad;
    cli->config_path = take_option(cli, weir_global_options, "--config", &bad);
    any |= bad;
    cli->timeout_ms = 30000;
    value = take_option(cli, weir_global_options, "--timeout", &bad);
    if (value) {
        int64_t ms = weir_cli_duration(value);
        cli->timeout_ms = ms > 0 && ms <= INT32_MAX ? (int)ms : -1;
    }
    if (any || bad || cli->timeout_ms < 0) {
        fputs(
            "weir: a global option has a value too many, or none, or a wrong one (--timeout 30s)\n",
            stderr);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    weir_cli cli = {.argc = argc - 1, .argv = argv + 1};
    bool bad;
    if (!take_globals(&cli)) {
        return EXIT_USAGE;
    }
    bool help = take_option(&cli, weir_global_options, "--help", &bad) != NULL;
    if (take_option(&cli, weir_global_options, "--version", &bad)) {
        puts("weir " WEIR_VERSION);
        return EXIT_YES;
    }
    if (!cli.argc || strcmp(cli.argv[0], "help") == 0) {
        weir_help_all(help || cli.argc ? stdout : stderr);
        return help || cli.argc ? EXIT_YES : EXIT_USAGE;
    }
    for (size_t i = 0; weir_commands[i]; i++) {
        if (strcmp(weir_commands[i]->name, cli.argv[0]) == 0) {
            cli.command = weir_commands[i];
        }
    }
    if (!cli.command) {
        fprintf(stderr, "weir: there is no command %s; weir --help lists them\n", cli.argv[0]);
        return EXIT_USAGE;
    }
    take_out(&cli, 0, 1);
    if (help) {
        weir_help_command(stdout, cli.command);
        return EXIT_YES;
    }
    return cli.command->run(&cli);
}
