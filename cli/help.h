/* The help of the program and of each command; docs/commands.md and man/weir.1 are made from the
 * same tables. Thread: the main thread. */
#ifndef WEIR_CLI_HELP_H
#define WEIR_CLI_HELP_H

#include "cli.h"

/* Every command, in the order of commands.def; ends with NULL. */
extern const weir_command *const weir_commands[];
/* What every command understands; ends with a NULL name. */
extern const weir_option weir_global_options[];

/* What an exit code means. */
typedef struct weir_exit_meaning {
    int code;
    const char *meaning; /* NULL behind the last one */
} weir_exit_meaning;
extern const weir_exit_meaning weir_exit_meanings[];

void weir_help_all(FILE *to);
void weir_help_command(FILE *to, const weir_command *c);

#endif
