/* weir test: a config tested with records in and rows out, without a broker. */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test_case.h"
#include "value/json.h"

enum { SHOWN = 20, MOST_DIRS = 256 };

typedef struct testing {
    weir_cli *cli;
    bool update;
    size_t cases, failed;
    weir_buf out;       /* of the case at hand */
    size_t differences; /* of it */
    int worst;          /* exit code of what could not be run */
} testing;

/* ---- One case -----------------------------------------------------------------------------------
 */

static void put_member(weir_buf *to, const char *name, weir_view text)
{
    weir_buf_printf(to, ",\"%s\":", name);
    if (text.ptr) {
        weir_json_put_string(to, text);
    } else {
        weir_buf_puts(to, "null");
    }
}

static void take_difference(void *ctx, const weir_case_difference *d)
{
    testing *t = ctx;
    bool first = !t->differences++;
    if (t->cli->json) {
        weir_buf_puts(&t->out, first ? "{\"file\":" : ",{\"file\":");
        weir_buf_printf(&t->out, d->file ? "\"%s\"" : "null", d->file ? d->file : "");
        put_member(&t->out, "expected", d->expected);
        put_member(&t->out, "got", d->got);
        weir_buf_putc(&t->out, '}');
    } else if (t->differences <= SHOWN && !d->file) {
        weir_buf_printf(&t->out, "  %.*s\n", WEIR_ARG(d->got));
    } else if (t->differences <= SHOWN) {
        if (d->expected.ptr) {
            weir_buf_printf(&t->out, "  %s  - %.*s\n", d->file, WEIR_ARG(d->expected));
        }
        if (d->got.ptr) {
            weir_buf_printf(&t->out, "  %s  + %.*s\n", d->file, WEIR_ARG(d->got));
        }
    }
}

static size_t count_rows(const weir_case *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->config->followed.count; i++) {
        n += c->rows[i].n;
    }
    return n;
}

static void report(testing *t, const char *dir, const weir_case *c)
{
    bool passed = !t->differences;
    if (t->cli->json) {
        weir_buf line = {0};
        weir_buf_puts(&line, "{\"case\":");
        weir_json_put_string(&line, weir_view_of(dir));
        printf("%s,\"passed\":%s,\"records\":%zu,\"rows\":%zu,\"dead_letters\":%zu,"
               "\"differences\":[%s]}\n",
            weir_buf_str(&line), passed ? "true" : "false", c->records, count_rows(c), c->dead.n,
            weir_buf_str(&t->out));
        weir_buf_fini(&line);
        return;
    }
    if (passed && t->cli->quiet) {
        return;
    }
    printf("%-7s %s: %zu records, %zu rows, %zu dead letters\n%s", passed ? "ok" : "FAILED", dir,
        c->records, count_rows(c), c->dead.n, weir_buf_str(&t->out));
    if (t->differences > SHOWN) {
        printf("  and %zu more\n", t->differences - SHOWN);
    }
}

static int run_with(testing *t, const char *dir, weir_config *config)
{
    weir_case c = {.config = NULL};
    weir_case_records *records;
    weir_error err = {.status = WEIR_OK};
    weir_buf_clear(&t->out);
    t->differences = 0;
    weir_status s = weir_case_records_open(dir, &records, &err);
    s = s ? s : weir_case_run(&c, config, records, &err);
    if (!s && t->update) {
        s = weir_case_update(&c, dir, &err);
    }
    s = s ? s : weir_case_compare(&c, dir, take_difference, t, &err);
    if (!s) {
        report(t, dir, &c);
        t->failed += t->differences > 0;
    }
    int code = s ? weir_cli_fail(t->cli, &err) : EXIT_YES;
    weir_case_fini(&c);
    weir_case_records_close(records);
    return code;
}

/* The case's own config, or that of the folder that it is in, or what -c says. */
static void find_config(const testing *t, const char *dir, const char *above, char path[1000])
{
    snprintf(path, 1000, "%.900s/weir.yaml", dir);
    if (t->cli->config_path) {
        snprintf(path, 1000, "%.900s", t->cli->config_path);
    } else if (access(path, F_OK) != 0 && above) {
        snprintf(path, 1000, "%.900s/weir.yaml", above);
    }
}

static void run_case(testing *t, const char *dir, const char *above)
{
    char path[1000];
    weir_config *config;
    find_config(t, dir, above, path);
    t->cases++;
    int code = weir_cli_config(t->cli, path, false, &config);
    if (!code) {
        code = run_with(t, dir, config);
        weir_config_free(config);
    }
    t->failed += code != EXIT_YES;
    t->worst = code > t->worst ? code : t->worst;
}

/* ---- Folders ------------------------------------------------------------------------------------
 */

static int is_records(const struct dirent *e)
{
    return fnmatch("records*.jsonl*", e->d_name, 0) == 0;
}

static int is_folder(const struct dirent *e)
{
    return e->d_name[0] != '.' && strcmp(e->d_name, "expected") != 0;
}

static void free_entries(struct dirent **entries, int n)
{
    for (int i = 0; i < n; i++) {
        free(entries[i]);
    }
    free(entries);
}

static bool is_case(const char *dir)
{
    struct dirent **found = NULL;
    int n = scandir(dir, &found, is_records, NULL);
    free_entries(found, n);
    return n > 0;
}

/* The folder itself, if it is a case, and the cases right in it. */
static void run_folder(testing *t, const char *dir)
{
    struct dirent **found = NULL;
    struct stat st;
    size_t before = t->cases;
    char path[1000];
    if (is_case(dir)) {
        run_case(t, dir, NULL);
    }
    int n = scandir(dir, &found, is_folder, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%.700s/%.250s", dir, found[i]->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && is_case(path)) {
            run_case(t, path, dir);
        }
    }
    free_entries(found, n);
    if (t->cases == before) {
        weir_error err;
        weir_fail(&err, WEIR_E_FILE_UNREADABLE, "there is no case in it: no records*.jsonl");
        (void)weir_at(&err, "%s", dir);
        int code = weir_cli_fail(t->cli, &err);
        t->worst = code > t->worst ? code : t->worst;
    }
}

/* ---- The command --------------------------------------------------------------------------------
 */

static const weir_option options[] = {
    {"--update", NULL, "write what comes out as what is expected"},
    {NULL, NULL, NULL},
};

static int run(weir_cli *cli)
{
    testing t = {.cli = cli, .update = weir_cli_option(cli, "--update") != NULL};
    const char *dirs[MOST_DIRS], *dir;
    size_t n = 0;
    while (n < MOST_DIRS && (dir = weir_cli_argument(cli))) {
        dirs[n++] = dir;
    }
    int code = n ? weir_cli_end(cli) : weir_cli_usage(cli, "which folder?");
    for (size_t i = 0; i < n && !code; i++) {
        char path[1000];
        size_t len = strlen(dirs[i]);
        bool slash = len > 1 && dirs[i][len - 1] == '/';
        snprintf(path, sizeof path, "%.*s", (int)(slash ? len - 1 : len), dirs[i]);
        run_folder(&t, path);
    }
    weir_buf_fini(&t.out);
    if (code) {
        return code;
    }
    if (!cli->json && !cli->quiet) {
        fprintf(stderr, "%zu cases, %zu failed\n", t.cases, t.failed);
    }
    return t.worst ? t.worst : t.failed ? EXIT_NO : EXIT_YES;
}

const weir_command weir_command_test = {
    .name = "test",
    .arguments = "DIR…",
    .summary = "a config tested: records in, rows and dead letters out, no broker",
    .text =
        "A case is a folder with records, and with what the config is to make of them:\n"
        "  weir.yaml                  the config; or that of the folder above; or -c FILE\n"
        "  records*.jsonl             what comes, by the files' names\n"
        "  expected/rows/NAME.jsonl   the rows of a cache or table, {\"key\":…,\"row\":…}; no "
        "file: none\n"
        "  expected/dead.jsonl        records that cannot be used, in their order; no file: none\n"
        "DIR is a case, or has cases in it, or both. The records go through decoding, validation, "
        "the\n"
        "columns, conditions and the merge rule of the config, into memory: no broker is asked, "
        "no\n"
        "store of the config opened or written. Paths in the config are as for weir sync: seen "
        "from\n"
        "where weir is run.\n\n"
        "A line of records is one of\n"
        "  "
        "{\"table\":\"public.users\",\"op\":\"c\",\"key\":{\"id\":7},\"row\":{\"id\":7,\"name\":"
        "\"Ada\"}}\n"
        "  "
        "{\"topic\":\"shop.public.users\",\"key\":{\"id\":7},\"value\":{\"before\":null,\"after\":"
        "…}}\n"
        "  {\"topic\":…,\"key\":\"eyJpZCI6N30=\",\"value\":\"…\"}   as weir record writes it; "
        "those that\n"
        "                                                  nothing reads are left out\n"
        "The first is what Debezium would write of a change (c, u, d, r), newer than all before.\n"
        "Empty lines, and those that begin with #, are left out.\n\n"
        "A difference is a line with -, which is expected, or +, which has come. --update writes "
        "what\n"
        "comes as what is expected: look at it before you keep it. Exits 0 when all is as "
        "expected, 1\n"
        "when it is not, 2 or 3 when a case cannot be run.\n\n"
        "Examples\n"
        "  weir test tests/\n"
        "  weir test -c shop.yaml tests/moves --update\n"
        "  weir record --topics shop.public.users -c shop.yaml > tests/new/records.jsonl\n",
    .options = options,
    .run = run,
};
