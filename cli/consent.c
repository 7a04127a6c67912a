/* Asking before something is destroyed. See consent.h. */
#include "consent.h"

#include <string.h>
#include <unistd.h>

#include "value/json.h"

static weir_consent ask(void)
{
    char answer[16] = "";
    fputs("Go on? [y/N] ", stderr);
    fflush(stderr);
    bool yes = fgets(answer, sizeof answer, stdin) &&
               (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0);
    return yes ? WEIR_CONSENT_YES : WEIR_CONSENT_NO;
}

/* What would be done, for programs: its lines. */
static void put_plan(const char *plan)
{
    weir_buf b = {0};
    weir_buf_puts(&b, "{\"dry_run\":true,\"plan\":[");
    for (const char *line = plan; *line;) {
        size_t len = strcspn(line, "\n");
        weir_buf_puts(&b, line == plan ? "" : ",");
        weir_json_put_string(&b, (weir_view){line, len});
        line += len + (line[len] == '\n');
    }
    weir_buf_puts(&b, "]}");
    puts(weir_buf_str(&b));
    weir_buf_fini(&b);
}

weir_consent weir_cli_consent(const weir_cli *cli, const char *plan)
{
    if (cli->dry_run && cli->json) {
        put_plan(plan);
    } else if (!cli->quiet || !cli->yes) {
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
