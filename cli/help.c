/* The help. See help.h. */
#include "help.h"

const weir_command *const weir_commands[] = {
#define X(name) &weir_command_##name,
#include "commands.def"
#undef X
    NULL,
};

const weir_option weir_global_options[] = {
    {"--config", "FILE", "the config (-c FILE)"},
    {"--json", NULL, "results as JSON on stdout"},
    {"--quiet", NULL, "no progress and no talk on stderr, errors only"},
    {"--no-color", NULL, "no colours (also by NO_COLOR)"},
    {"--timeout", "TIME", "for what waits on others, 30s by default"},
    {"--yes", NULL, "do not ask before something is destroyed"},
    {"--version", NULL, "print the version"},
    {"--help", NULL, "this, or a command's own help"},
    {NULL, NULL, NULL},
};

const weir_exit_meaning weir_exit_meanings[] = {
    {EXIT_YES, "yes, done"},
    {EXIT_NO, "the answer is no: invalid, not found, different, above the limit"},
    {EXIT_USAGE, "the usage, the config or a schema is wrong"},
    {EXIT_UNREACHABLE,
        "a dependency or an input cannot be reached or read, or an output be written"},
    {EXIT_REFUSED, "credentials or access were refused"},
    {EXIT_HALTED, "stopped to protect data, or before what was in hand was done"},
    {EXIT_BUG, "a bug of weir's"},
    {0, NULL},
};

static void put_options(FILE *to, const weir_option *o)
{
    for (; o->name; o++) {
        char left[64];
        snprintf(
            left, sizeof left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(to, "  %-24s %s\n", left, o->help);
    }
}

void weir_help_command(FILE *to, const weir_command *c)
{
    fprintf(to, "weir %s %s\n  %s\n\n%s", c->name, c->arguments, c->summary, c->text);
    if (c->options && c->options->name) {
        fputs("\nOptions\n", to);
        put_options(to, c->options);
    }
    fputs("\nGlobal options: weir --help.  Exit codes: 0 yes, 1 no, 2 usage or config, 3 "
          "unreachable,\n"
          "4 refused, 5 halted to protect data, 70 a bug.\n",
        to);
}

void weir_help_all(FILE *to)
{
    fputs("weir " WEIR_VERSION ": change data capture from Kafka, without a JVM\n\nCommands\n", to);
    for (size_t i = 0; weir_commands[i]; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", weir_commands[i]->name, weir_commands[i]->arguments);
        fprintf(to, "  %-30s %s\n", left, weir_commands[i]->summary);
    }
    fputs("\nGlobal options\n", to);
    put_options(to, weir_global_options);
    fputs("\nweir COMMAND --help says more, with examples.\n", to);
}
