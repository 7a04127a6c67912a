/* Options and arguments: how a command takes what it was given. See cli.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "words.h"

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
        bool takes_one = option_of(cli->command->options, name, strlen(name))->value;
        exit(weir_cli_usage(cli, "%s %s", name, takes_one ? "needs a value" : "takes no value"));
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
    const char *name = cli->command->name;
    fprintf(stderr, "\nUsage: weir %s %s    (weir %s --help; weir --help for the global options)\n",
        name, cli->command->arguments, name);
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

/* Is it there? One of these never takes a value. */
static bool flag(weir_cli *cli, const char *name, bool *bad)
{
    bool with_value = false;
    bool there = take_option(cli, weir_global_options, name, &with_value) != NULL;
    *bad |= with_value;
    return there;
}

bool weir_cli_globals(weir_cli *cli)
{
    bool bad = false, bad_config = false, bad_timeout = false;
    spell_out(cli);
    cli->json = flag(cli, "--json", &bad);
    cli->quiet = flag(cli, "--quiet", &bad);
    cli->no_color = flag(cli, "--no-color", &bad) || getenv("NO_COLOR") != NULL;
    cli->dry_run = flag(cli, "--dry-run", &bad);
    cli->yes = flag(cli, "--yes", &bad);
    cli->help = flag(cli, "--help", &bad);
    cli->version = flag(cli, "--version", &bad);
    cli->config_path = take_option(cli, weir_global_options, "--config", &bad_config);
    cli->timeout_ms = 30000;
    const char *timeout = take_option(cli, weir_global_options, "--timeout", &bad_timeout);
    if (timeout) {
        int64_t ms = weir_cli_duration(timeout);
        bad_timeout |= ms <= 0 || ms > INT32_MAX;
        cli->timeout_ms = bad_timeout ? 0 : (int)ms;
    }
    if (bad || bad_config || bad_timeout) {
        fputs(
            "weir: a global option has a value too many, or none, or a wrong one (--timeout 30s)\n",
            stderr);
    }
    return !bad && !bad_config && !bad_timeout;
}
