/* What every subcommand shares: options, output, exit codes.
 * Thread: the main thread. */
#ifndef WEIR_CLI_H
#define WEIR_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "config.h"
#include "exit_code.h"

typedef struct weir_cli {
    /* global options */
    const char
        *config_path; /* -c, --config; NULL: the first argument where the command takes one */
    bool json, quiet, no_color, dry_run, yes, help, version;
    int timeout_ms;
    /* the command's own words, options first taken out */
    bool words_only; /* `--` was met: what is left are no options */
    int argc;
    char **argv;
    const struct weir_command *command;
} weir_cli;

typedef struct weir_option {
    const char *name;  /* "--from" */
    const char *value; /* what it takes, for the help: "FILE"; NULL: nothing */
    const char *help;
} weir_option;

typedef struct weir_command {
    const char *name, *arguments; /* "sync", "CONFIG" */
    const char *summary;          /* one line */
    const char *text;             /* the rest of the help, with examples */
    const weir_option *options;   /* ends with a NULL name */
    int (*run)(weir_cli *cli);
} weir_command;

/* For the options of a command that obeys it: every other one refuses it. */
#define WEIR_DRY_RUN_OPTION                                         \
    {                                                               \
        "--dry-run", NULL, "say what would be done, change nothing" \
    }

/* Takes the global options, and --dry-run, out of argv. False: a value is missing or wrong, and
 * that was said. */
bool weir_cli_globals(weir_cli *cli);
/* Complains about a --dry-run that the command does not have. EXIT_YES or EXIT_USAGE. */
int weir_cli_dry_run_fits(const weir_cli *cli);
/* Takes an option of the command out of argv: its value, "" for one without a value, NULL when it
 * is not there. */
const char *weir_cli_option(weir_cli *cli, const char *name);
/* The next argument, or NULL. */
const char *weir_cli_argument(weir_cli *cli);
/* Complains about an option that is left over, once those of the command are taken: before anything
 * is opened. EXIT_YES or EXIT_USAGE. */
int weir_cli_no_more_options(weir_cli *cli);
/* Complains about what is left over. EXIT_YES or EXIT_USAGE. */
int weir_cli_end(weir_cli *cli);
/* "weir sync: …" on stderr with how to get help. EXIT_USAGE. */
int weir_cli_usage(const weir_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says an error on stderr (or as JSON on stdout with --json) and returns its exit code. */
int weir_cli_fail(const weir_cli *cli, const weir_error *err);

/* Loads the config and says all that is wrong with it; EXIT_YES and *out, or the exit code.
 * Warnings are said when `warn`. options: NULL, or what it can do without. */
int weir_cli_config(weir_cli *cli, const char *path, const weir_config_options *options, bool warn,
    weir_config **out);

/* Is stderr a terminal (and --quiet not given)? */
bool weir_cli_terminal(const weir_cli *cli);

#define X(name) extern const weir_command weir_command_##name;
#include "commands.def"
#undef X

#endif
