/* Folders of cases, and how they are told of. See case.h. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case.h"
#include "exit_code.h"
#include "value/json.h"

enum { SHOWN = 20 };

typedef struct testing {
    const weir_case_options *o;
    size_t cases, failed;
    weir_buf out;       /* of the case at hand */
    size_t differences; /* of it */
    bool dead;          /* a dead letter is among them */
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
    t->dead |= d->file && strcmp(d->file, "dead.jsonl") == 0 && d->got.ptr;
    if (t->o->json) {
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
    if (t->o->json) {
        weir_buf line = {0};
        weir_buf_puts(&line, "{\"case\":");
        weir_json_put_string(&line, weir_view_of(dir));
        printf("%s,\"passed\":%s,\"records\":%zu,\"rows\":%zu,\"dead_letters\":%zu,"
               "\"emits\":%zu,\"parked\":%zu,\"differences\":[%s]}\n",
            weir_buf_str(&line), passed ? "true" : "false", c->records, count_rows(c), c->dead.n,
            c->emits.n, c->parked.n, weir_buf_str(&t->out));
        weir_buf_fini(&line);
        return;
    }
    if (passed && t->o->quiet) {
        return;
    }
    char emits[40] = "", parked[40] = "";
    if (t->o->setup) {
        snprintf(emits, sizeof emits, ", %zu emits", c->emits.n);
    }
    if (c->parked.n) {
        snprintf(parked, sizeof parked, ", %zu parked keys", c->parked.n);
    }
    printf("%-7s %s: %zu records, %zu rows%s, %zu dead letters%s\n%s", passed ? "ok" : "FAILED",
        dir, c->records, count_rows(c), emits, c->dead.n, parked, weir_buf_str(&t->out));
    if (t->differences > SHOWN) {
        printf("  and %zu more\n", t->differences - SHOWN);
    }
    for (size_t i = 0; t->dead && i < c->whys.n && i < SHOWN; i++) {
        printf("  %.*s\n", WEIR_ARG(c->whys.items[i]));
    }
}

static weir_status run_either(testing *t, weir_case *c, const char *path, weir_config *config,
    weir_case_records *records, weir_error *err)
{
    const weir_case_options *o = t->o;
    return o->setup ? weir_case_run_service(c, path, config, o->setup, o->setup_ctx, records, err)
                    : weir_case_run(c, config, records, err);
}

static int run_with(testing *t, const char *dir, const char *path, weir_config *config)
{
    weir_case c = {.config = NULL};
    weir_case_records *records;
    weir_error err = {.status = WEIR_OK};
    weir_buf_clear(&t->out);
    t->differences = 0;
    t->dead = false;
    weir_status s = weir_case_records_open(dir, &records, &err);
    s = s ? s : run_either(t, &c, path, config, records, &err);
    s = s ? s : weir_case_find_strays(config, dir, &err);
    if (!s && t->o->update) {
        s = weir_case_update(&c, dir, &err);
    }
    s = s ? s : weir_case_compare(&c, dir, take_difference, t, &err);
    if (!s) {
        report(t, dir, &c);
        t->failed += t->differences > 0;
    }
    int code = s ? t->o->fail(t->o->ctx, &err) : EXIT_YES;
    weir_case_fini(&c);
    weir_case_records_close(records);
    return code;
}

/* The folder that a folder is in, by its path. */
static void put_above(const char *dir, char above[1000])
{
    const char *slash = strrchr(dir, '/');
    const char *last = slash ? slash + 1 : dir;
    if (strcmp(last, ".") == 0 || strcmp(last, "..") == 0) {
        snprintf(above, 1000, "%.900s/..", dir);
    } else if (slash) {
        snprintf(above, 1000, "%.*s", (int)(slash == dir ? 1 : slash - dir), dir);
    } else {
        snprintf(above, 1000, ".");
    }
}

/* The case's own config, or that of the folder that it is in, or what -c says. */
static void find_config(const testing *t, const char *dir, char path[1000])
{
    char above[1000], there[1000];
    put_above(dir, above);
    snprintf(there, sizeof there, "%.900s/weir.yaml", above);
    snprintf(path, 1000, "%.900s/weir.yaml", dir);
    if (t->o->config_path) {
        snprintf(path, 1000, "%.900s", t->o->config_path);
    } else if (access(path, F_OK) != 0 && access(there, F_OK) == 0) {
        snprintf(path, 1000, "%s", there);
    }
}

static void run_case(testing *t, const char *dir)
{
    char path[1000];
    weir_config *config;
    find_config(t, dir, path);
    t->cases++;
    int code = t->o->load(t->o->ctx, path, &config);
    if (!code) {
        code = run_with(t, dir, path, config);
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

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void tell(testing *t, weir_error *err, const char *where)
{
    (void)weir_at(err, "%s", where);
    int code = t->o->fail(t->o->ctx, err);
    t->worst = code > t->worst ? code : t->worst;
}

/* Has it records? What is expected of none is a case whose records are misspelt. */
static bool is_case(testing *t, const char *dir)
{
    struct dirent **found = NULL;
    char expected[1000];
    int n = scandir(dir, &found, is_records, NULL);
    free_entries(found, n);
    snprintf(expected, sizeof expected, "%.900s/expected", dir);
    if (n <= 0 && is_directory(expected)) {
        weir_error err;
        weir_fail(&err, WEIR_E_CASE_STRAY, "what is expected stands beside no records*.jsonl");
        tell(t, &err, expected);
        t->cases++;
        t->failed++;
    }
    return n > 0;
}

/* The folder itself, if it is a case, and the cases right in it. */
static void run_folder(testing *t, const char *dir)
{
    struct dirent **found = NULL;
    size_t before = t->cases;
    weir_error err;
    char path[1000];
    int n = scandir(dir, &found, is_folder, alphasort);
    if (n < 0) {
        weir_fail(&err, WEIR_E_FILE_UNREADABLE, "it cannot be read: %s", strerror(errno));
        tell(t, &err, dir);
        return;
    }
    if (is_case(t, dir)) {
        run_case(t, dir);
    }
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%.700s/%.250s", dir, found[i]->d_name);
        if (is_directory(path) && is_case(t, path)) {
            run_case(t, path);
        }
    }
    free_entries(found, n);
    if (t->cases == before) {
        weir_fail(&err, WEIR_E_FILE_UNREADABLE, "there is no case in it: no records*.jsonl");
        tell(t, &err, dir);
    }
}

int weir_case_run_folders(const weir_case_options *options, const char *const *dirs, size_t n)
{
    testing t = {.o = options};
    for (size_t i = 0; i < n; i++) {
        char path[1000];
        size_t len = strlen(dirs[i]);
        bool slash = len > 1 && dirs[i][len - 1] == '/';
        snprintf(path, sizeof path, "%.*s", (int)(slash ? len - 1 : len), dirs[i]);
        run_folder(&t, path);
    }
    weir_buf_fini(&t.out);
    if (!options->json && !options->quiet) {
        fflush(stdout);
        fprintf(stderr, "%zu cases, %zu failed\n", t.cases, t.failed);
    }
    return t.worst ? t.worst : t.failed ? EXIT_NO : EXIT_YES;
}
