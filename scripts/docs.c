/* Writes the pages that are made from the program's own tables: docs/commands.md, docs/errors.md,
 * docs/metrics.md and man/weir.1; `make docs`. They are committed, and `make check-docs` fails when
 * one is not what this makes. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../cli/help.h"
#include "metrics.h"

#define NOTE "<!-- Made from %s by `make docs`. -->\n\n"

/* ---- Markdown -----------------------------------------------------------------------------------
 */

/* A cell of a table: no bar may end it. */
static void put_cell(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') {
            fputc('\\', to);
        }
        fputc(*text, to);
    }
}

/* Words between commas, each as code. */
static void put_labels(FILE *to, const char *labels)
{
    const char *between = "";
    while (*labels) {
        size_t len = strcspn(labels, ",");
        fprintf(to, "%s`%.*s`", between, (int)len, labels);
        labels += len + (labels[len] == ',');
        between = ", ";
    }
}

/* ---- docs/errors.md -----------------------------------------------------------------------------
 */

static const char errors_head[] =
    "Every error that weir raises has a code. A code is stable: it stands in log lines, in a dead\n"
    "letter's headers and in what `--json` prints, so that an alert or a script can rely on it. "
    "Its\n"
    "class decides what happens:\n\n"
    "| class | what happens |\n"
    "|---|---|\n"
    "| retry | tried again with backoff; counts as an attempt |\n"
    "| hold | a dependency is down: weir waits and goes on by itself; nothing is counted |\n"
    "| reject | this record can never succeed: `errors.reject` says where it goes, the rest flows "
    "|\n"
    "| fatal | the program stops, and nothing more is stored; the exit code says which kind it is "
    "|\n\n";

static void put_errors(FILE *to)
{
    fputs("# Errors\n\n", to);
    fprintf(to, NOTE, "framework/base/errors.def");
    fputs(errors_head, to);
    fputs("| code | class | exit | what it means | what to do |\n|---|---|---|---|---|\n", to);
    for (int i = WEIR_E_NONE + 1; i < WEIR_E_COUNT; i++) {
        const weir_code_info *c = weir_code_get((weir_code)i);
        weir_error err;
        weir_status status = weir_fail(&err, (weir_code)i, "%s", c->meaning);
        fprintf(to, "| `%s` | %s | ", c->name, weir_status_name(status));
        if (status == WEIR_FATAL) {
            fprintf(to, "%d", weir_exit_of(&err));
        }
        fputs(" | ", to);
        put_cell(to, c->meaning);
        fputs(" | ", to);
        put_cell(to, c->advice);
        fputs(" |\n", to);
    }
}

/* ---- docs/metrics.md ----------------------------------------------------------------------------
 */

static const char metrics_head[] =
    "`/metrics` (see [http.md](http.md)) has these in Prometheus' text format. Each has the label\n"
    "`app`, the config's `name`, beside its own. Counters start at 0 with the process.\n\n";

static const char metrics_alerts[] =
    "\n## What to watch\n\n"
    "| what | expression |\n"
    "|---|---|\n"
    "| nothing can be written | `min_over_time(weir_store_held[5m]) == 1` |\n"
    "| it falls behind | `sum by (app) (weir_consumer_lag_records) > 100000` |\n"
    "| what a cache shows is old | `time() - weir_cache_applied_time_seconds > 600`, for a table "
    "that is never quiet |\n"
    "| records cannot be used | `increase(weir_rejected_records_total[10m]) > 0` |\n"
    "| rows lack a value that nobody ever sent | "
    "`increase(weir_cache_changes_total{kind=\"incomplete\"}[10m]) > 0` |\n"
    "| the store fills up | `weir_store_bytes / weir_store_limit_bytes > 0.9` |\n"
    "| a topic is not there | `weir_consumer_missing_topics > 0` |\n"
    "| no broker is reached | `weir_consumer_away_seconds > 60` |\n";

static void put_metrics(FILE *to)
{
    fputs("# Metrics\n\n", to);
    fprintf(to, NOTE, "framework/base/metrics.def and framework/cdc/merge_counters.def");
    fputs(metrics_head, to);
    fputs("| metric | type | unit | labels | what it tells |\n|---|---|---|---|---|\n", to);
    for (const weir_metric_info *m = weir_metrics; m->name; m++) {
        fprintf(to, "| `%s` | %s | %s | ", m->name, m->type, m->unit);
        put_labels(to, m->labels);
        fputs(" | ", to);
        put_cell(to, m->help);
        fputs(" |\n", to);
    }
    fputs("\n## The kinds of `weir_cache_changes_total`\n\n| kind | what is counted |\n|---|---|\n",
        to);
#define X(kind, help) fputs("| `" #kind "` | " help " |\n", to);
#include "cdc/merge_counters.def"
#undef X
    fputs(metrics_alerts, to);
}

/* ---- docs/commands.md ---------------------------------------------------------------------------
 */

static void put_option_rows(FILE *to, const weir_option *o)
{
    fputs("| option | what it does |\n|---|---|\n", to);
    for (; o->name; o++) {
        fprintf(to, "| `%s%s%s` | ", o->name, o->value ? " " : "", o->value ? o->value : "");
        put_cell(to, o->help);
        fputs(" |\n", to);
    }
}

static void put_commands(FILE *to)
{
    fputs("# Commands\n\n", to);
    fprintf(to, NOTE, "the commands' own help (cli/)");
    fputs("One program, `weir`. stdout is data, stderr is talk.\n\n| command | what it does "
          "|\n|---|---|\n",
        to);
    for (size_t i = 0; weir_commands[i]; i++) {
        const weir_command *c = weir_commands[i];
        fprintf(to, "| [`weir %s`](#weir-%s) | %s |\n", c->name, c->name, c->summary);
    }
    fputs("\n## Options of every command\n\n", to);
    put_option_rows(to, weir_global_options);
    fputs("\n## Exit codes\n\nThe same everywhere.\n\n| code | what it means |\n|---|---|\n", to);
    for (const weir_exit_meaning *e = weir_exit_meanings; e->meaning; e++) {
        fprintf(to, "| %d | %s |\n", e->code, e->meaning);
    }
    for (size_t i = 0; weir_commands[i]; i++) {
        const weir_command *c = weir_commands[i];
        fprintf(to, "\n## weir %s\n\n", c->name);
        fprintf(
            to, "```text\nweir %s %s\n  %s\n\n%s```\n", c->name, c->arguments, c->summary, c->text);
        if (c->options && c->options->name) {
            fputc('\n', to);
            put_option_rows(to, c->options);
        }
    }
}

/* ---- man/weir.1 ---------------------------------------------------------------------------------
 */

/* A character beyond ASCII, by its number: not every troff reads UTF-8. Returns its bytes. */
static size_t put_wide(FILE *to, const char *text, size_t len)
{
    unsigned char lead = (unsigned char)text[0];
    size_t n = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    unsigned number = lead & (0x7Fu >> n);
    n = n < len ? n : len;
    for (size_t i = 1; i < n; i++) {
        number = number << 6 | ((unsigned char)text[i] & 0x3Fu);
    }
    fprintf(to, "\\[u%04X]", number);
    return n;
}

/* Text for troff: nothing in it is a request or an escape. */
static void put_troff(FILE *to, const char *text, size_t len)
{
    static const char special[] = "\\-'`^~";
    static const char *const written[] = {"\\e", "\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti"};
    if (len && (*text == '.' || *text == '\'')) {
        fputs("\\&", to);
    }
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(special, text[i]);
        if ((unsigned char)text[i] >= 0x80) {
            i += put_wide(to, text + i, len - i) - 1;
        } else if (at) {
            fputs(written[at - special], to);
        } else {
            fputc(text[i], to);
        }
    }
}

static void put_troffs(FILE *to, const char *text)
{
    put_troff(to, text, strlen(text));
}

/* A command's text: what is indented stands as it is, the rest flows in paragraphs. */
static void put_man_text(FILE *to, const char *text)
{
    bool literal = false;
    while (*text) {
        size_t len = strcspn(text, "\n");
        bool indented = len > 2 && text[0] == ' ' && text[1] == ' ';
        if (indented != literal) {
            fputs(indented ? ".RS\n.nf\n" : ".fi\n.RE\n", to);
            literal = indented;
        }
        if (!len) {
            fputs(".PP\n", to);
        } else {
            put_troff(to, text + (indented ? 2 : 0), len - (indented ? 2 : 0));
            fputc('\n', to);
        }
        text += len + (text[len] == '\n');
    }
    fputs(literal ? ".fi\n.RE\n" : "", to);
}

static void put_man_options(FILE *to, const weir_option *o)
{
    for (; o && o->name; o++) {
        fputs(".TP\n\\fB", to);
        put_troffs(to, o->name);
        fputs("\\fR", to);
        if (o->value) {
            fprintf(to, " \\fI%s\\fR", o->value);
        }
        fputc('\n', to);
        put_troffs(to, o->help);
        fputc('\n', to);
    }
}

static void put_man_command(FILE *to, const weir_command *c)
{
    fprintf(to, ".SS weir %s ", c->name);
    put_troffs(to, c->arguments);
    fputc('\n', to);
    put_man_text(to, c->text);
    if (c->options && c->options->name) {
        fputs(".PP\nOptions\n", to);
        put_man_options(to, c->options);
    }
}

static const char man_head[] =
    ".\\\" Made from the commands' own help by `make docs`.\n"
    ".TH WEIR 1 \"\" \"weir " WEIR_VERSION "\" \"weir\"\n"
    ".SH NAME\n"
    "weir \\- change data capture from Kafka into local caches\n"
    ".SH SYNOPSIS\n"
    ".B weir\n"
    ".I command\n"
    "[\\fIoption\\fR ...] [\\fIargument\\fR ...]\n"
    ".SH DESCRIPTION\n"
    ".B weir\n"
    "keeps caches equal to the tables of a database, from the topics that Debezium writes into\n"
    "Kafka, and answers questions about them.\n"
    "What it prints on stdout is data, what it prints on stderr is talk.\n";

static const char man_tail[] = ".SH ENVIRONMENT\n"
                               ".TP\n"
                               ".B NO_COLOR\n"
                               "No colours, as \\fB\\-\\-no\\-color\\fR.\n"
                               ".PP\n"
                               "A config may take values from any variable by \\fB${NAME}\\fR.\n"
                               ".SH SIGNALS\n"
                               ".TP\n"
                               ".BR SIGTERM \", \" SIGINT\n"
                               "Drain what is in hand, bounded by \\fIlimits.drain\\fR, and end.\n"
                               ".TP\n"
                               ".B SIGHUP\n"
                               "Read the log\\(aqs level from the config again.\n";

static void put_man(FILE *to)
{
    fputs(man_head, to);
    fputs(".SH COMMANDS\n", to);
    for (size_t i = 0; weir_commands[i]; i++) {
        put_man_command(to, weir_commands[i]);
    }
    fputs(".SH OPTIONS\nEvery command has these.\n", to);
    put_man_options(to, weir_global_options);
    fputs(".SH EXIT STATUS\n", to);
    for (const weir_exit_meaning *e = weir_exit_meanings; e->meaning; e++) {
        fprintf(to, ".TP\n.B %d\n", e->code);
        put_troffs(to, e->meaning);
        fputc('\n', to);
    }
    fputs(man_tail, to);
}

/* ---- The whole ----------------------------------------------------------------------------------
 */

static bool write_page(const char *folder, const char *name, void (*put)(FILE *))
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (f) {
        put(f);
    }
    bool bad = !f || ferror(f);
    if ((f && fclose(f)) || bad) {
        fprintf(stderr, "docs: %s cannot be written\n", path);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: docs FOLDER, in which docs/ and man/ are\n");
        return 2;
    }
    bool good = write_page(argv[1], "docs/commands.md", put_commands);
    good &= write_page(argv[1], "docs/errors.md", put_errors);
    good &= write_page(argv[1], "docs/metrics.md", put_metrics);
    good &= write_page(argv[1], "man/weir.1", put_man);
    return good ? 0 : 1;
}
