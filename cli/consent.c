/* Asking before something is destroyed. See consent.h. */
#include "consent.h"

#include <string.h>
#include <unistd.h>

static weir_consent ask(void)
{
    char answer[16] = "";
    fputs("Go on? [y/N] ", stderr);
    fflush(stderr);
    bool yes = fgets(answer, sizeof answer, stdin) &&
               (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
    return yes ? WEIR_CONSENT_YES : WEIR_CONSENT_NO;
}

weir_consent weir_cli_consent(const weir_cli *cli, const char *plan)
{
    if (!cli->quiet || !cli->yes) {
        fputs(plan, stderr);
    }
    if (cli->dry_run) {
        return WEIR_CONSENT_DRY;
    }
    if (cli->yes) {
        return WEIR_CONSENT_YES;
    }
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) ? ask() : WEIR_CONSENT_MISSING;
}

bool weir_cli_consented(const weir_cli *cli, const char *plan, int *code)
{
    switch (weir_cli_consent(cli, plan)) {
    case WEIR_CONSENT_YES:
        return true;
    case WEIR_CONSENT_DRY:
        fputs("Nothing was done (--dry-run).\n", stderr);
        *code = EXIT_YES;
        break;
    case WEIR_CONSENT_NO:
        fputs("Nothing was done.\n", stderr);
        *code = EXIT_NO;
        break;
    case WEIR_CONSENT_MISSING:
        fprintf(stderr, "weir %s: nothing was done; --yes does it\n", cli->command->name);
        *code = EXIT_USAGE;
        break;
    }
    return false;
}
