/* What destroys says so first. Thread: the main thread. */
#ifndef WEIR_CLI_CONSENT_H
#define WEIR_CLI_CONSENT_H

#include "cli.h"

typedef enum weir_consent {
    WEIR_CONSENT_YES,
    WEIR_CONSENT_NO,      /* said on the terminal */
    WEIR_CONSENT_DRY,     /* --dry-run: the plan was all */
    WEIR_CONSENT_MISSING, /* off a terminal, and no --yes */
} weir_consent;

/* Prints the plan (whole lines) on stderr and asks, unless --yes. */
weir_consent weir_cli_consent(const weir_cli *cli, const char *plan);
/* Whether to go on; if not, *code is the exit code, and it was said why. */
bool weir_cli_consented(const weir_cli *cli, const char *plan, int *code);

#endif
