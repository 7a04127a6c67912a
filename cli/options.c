/* Options and arguments: how a command takes what it was given. See cli.h. */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "words.h"

/* Taken wherever it stands, as a global one is, though not every command has it. */
static const weir_option dry_run = WEIR_DRY_RUN_OPTION;

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

/* Behind `--` there are no options. */
static bool is_option(const weir_cli *cli, int i)
{
    return !cli->words_only && i < cli->argc && strcmp(cli->argv[i], "--") != 0;
}

/* Takes one option of a list out of argv. *bad: it lacks its value or has one too many. */
static const char *take_option(
    weir_cli *cli, const weir_option *list, const char *wanted, bool *bad)
{
    for (int i = 0; is_option(cli, i); i++) {
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

/* Not a number below zero, which may be a key, nor `-`, which is stdin or stdout. */
static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

const char *weir_cli_argument(weir_cli *cli)
{
    if (!cli->words_only && cli->argc && strcmp(cli->argv[0], "--") == 0) {
        take_out(cli, 0, 1);
        cli->words_only = true;
    }
    if (!cli->words_only && cli->argc && looks_like_option(cli->argv[0])) {
        return NULL; /* an unknown option: weir_cli_end complains */
    }
    if (!cli->argc) {
        return NULL;
    }
    const char *word = cli->argv[0];
    take_out(cli, 0, 1);
    return word;
}

/* A word that nobody has taken. */
static int left_over(const weir_cli *cli, const char *word)
{
    size_t len = strcspn(word, "=");
    bool known = !cli->words_only && (option_of(weir_global_options, word, len) ||
                                         option_of(cli->command->options, word, len));
    return weir_cli_usage(cli, known ? "%s is given twice" : "%s is not understood", word);
}

int weir_cli_no_more_options(weir_cli *cli)
{
    for (int i = 0; is_option(cli, i); i++) {
        if (looks_like_option(cli->argv[i])) {
            return left_over(cli, cli->argv[i]);
        }
    }
    return EXIT_YES;
}

int weir_cli_end(weir_cli *cli)
{
    return cli->argc ? left_over(cli, cli->argv[0]) : EXIT_YES;
}

int weir_cli_dry_run_fits(const weir_cli *cli)
{
    return cli->dry_run && !option_of(cli->command->options, dry_run.name, strlen(dry_run.name))
               ? left_over(cli, dry_run.name)
               : EXIT_YES;
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
    for (int i = 0; is_option(cli, i); i++) {
        if (strcmp(cli->argv[i], "-c") == 0) {
            cli->argv[i] = (char *)(uintptr_t) "--config";
        } else if (strcmp(cli->argv[i], "-h") == 0) {
            cli->argv[i] = (char *)(uintptr_t) "--help";
        }
    }
}

/* Takes an option of `list` out of argv. *bad: it is used wrongly, and that was said. */
static const char *take_early(weir_cli *cli, const weir_option *list, const char *name, bool *bad)
{
    bool wrong = false;
    const char *value = take_option(cli, list, name, &wrong);
    if (wrong) {
        bool takes_one = option_of(list, name, strlen(name))->value;
        fprintf(stderr, "weir: %s %s\n", name, takes_one ? "needs a value" : "takes no value");
    }
    *bad |= wrong;
    return value;
}

static const char *global(weir_cli *cli, const char *name, bool *bad)
{
    return take_early(cli, weir_global_options, name, bad);
}

static int timeout_of(const char *text, bool *bad)
{
    int64_t ms = text ? weir_cli_duration(text) : 30000;
    if (ms > 0 && ms <= INT32_MAX) {
        return (int)ms;
    }
    if (!*bad) {
        fprintf(stderr, "weir: --timeout %s is no time to wait: 500ms, 30s, 2m\n", text);
    }
    *bad = true;
    return 0;
}

bool weir_cli_globals(weir_cli *cli)
{
    bool bad = false;
    spell_out(cli);
    cli->json = global(cli, "--json", &bad);
    cli->quiet = global(cli, "--quiet", &bad);
    cli->no_color = global(cli, "--no-color", &bad) || getenv("NO_COLOR") != NULL;
    const weir_option early[] = {dry_run, {NULL, NULL, NULL}};
    cli->dry_run = take_early(cli, early, dry_run.name, &bad);
    cli->yes = global(cli, "--yes", &bad);
    cli->help = global(cli, "--help", &bad);
    cli->version = global(cli, "--version", &bad);
    cli->config_path = global(cli, "--config", &bad);
    cli->timeout_ms = timeout_of(global(cli, "--timeout", &bad), &bad);
    return !bad;
}
