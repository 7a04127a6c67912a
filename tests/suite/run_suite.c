/* The official JSON Schema test suite:  run_suite DIR EXCEPTIONS
 *
 * Per draft the mandatory tests, the optional ones and those of formats, each as "N passed, N
 * failed, N skipped". For every test the verdict is compared, and the explanation must agree with
 * it. A test that EXCEPTIONS names (`draft/file: group: test  # reason`, a line each) is skipped;
 * one that passes all the same is a failure, so that the list stays true. Exit 1: something failed.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "schema/validate.h"
#include "value/json.h"

enum { MOST_FILE = 8 << 20, MOST_NAMES = 256, MOST_EXCEPTIONS = 256 };

typedef struct counts {
    unsigned passed, failed, skipped;
} counts;

typedef struct suite {
    const char *dir;
    weir_arena arena; /* of the resolved documents of one schema */
    char *exceptions[MOST_EXCEPTIONS];
    size_t n_exceptions;
    counts all;
} suite;

typedef struct draft {
    const char *folder;
    weir_draft draft;
} draft;

static const draft drafts[] = {{"draft4", WEIR_DRAFT_4}, {"draft6", WEIR_DRAFT_6},
    {"draft7", WEIR_DRAFT_7}, {"draft2019-09", WEIR_DRAFT_2019_09},
    {"draft2020-12", WEIR_DRAFT_2020_12}};

static weir_view read_file(weir_arena *arena, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return (weir_view){NULL, 0};
    }
    char *text = weir_arena_bytes(arena, MOST_FILE);
    size_t len = text ? fread(text, 1, MOST_FILE, f) : 0;
    fclose(f);
    return len && len < MOST_FILE ? weir_view_make(text, len) : (weir_view){NULL, 0};
}

/* http://localhost:1234/… is the suite's folder of remotes. */
static weir_status resolve(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    static const char prefix[] = "http://localhost:1234/";
    suite *s = ctx;
    (void)err;
    *out = (weir_view){NULL, 0};
    if (strncmp(uri, prefix, sizeof prefix - 1) == 0) {
        char path[1024];
        snprintf(path, sizeof path, "%s/remotes/%s", s->dir, uri + sizeof prefix - 1);
        *out = read_file(&s->arena, path);
    }
    return WEIR_OK;
}

/* ---- one test ------------------------------------------------------------------------------- */

typedef struct group {
    char name[512];
    weir_schema *schema;
    weir_error err;
} group;

/* The verdict, its explanation and what was wrong must say the same. */
static bool agrees(
    weir_validator *v, const weir_value *data, weir_view text, bool wanted, weir_error *err)
{
    bool valid;
    weir_schema_explanation why;
    if (weir_validator_check_value(v, data, &valid, err) || valid != wanted) {
        return false;
    }
    if (weir_validator_explain_value(v, data, text, 0, &why, err)) {
        return false;
    }
    return valid ? why.root == NULL : why.root != NULL && why.failures > 0;
}

static bool run_one(
    const group *g, const weir_value *data, weir_view text, bool wanted, weir_error *err)
{
    weir_validator *v;
    if (!g->schema) {
        *err = g->err;
        return false;
    }
    if (weir_validator_new(g->schema, &v, err)) {
        return false;
    }
    bool good = agrees(v, data, text, wanted, err);
    weir_validator_free(v);
    return good;
}

static bool is_exception(const suite *s, const char *name)
{
    for (size_t i = 0; i < s->n_exceptions; i++) {
        if (strcmp(s->exceptions[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void run_test(
    suite *s, const group *g, const weir_value *test, weir_view text, weir_arena *a, counts *c)
{
    char name[1024];
    weir_error err = {.status = WEIR_OK};
    weir_view what = weir_string(weir_gets(test, "description"), a);
    snprintf(name, sizeof name, "%s: %.*s", g->name, WEIR_ARG(what));
    bool wanted = weir_gets(test, "valid")->flags & WEIR_TRUE;
    bool good = run_one(g, weir_gets(test, "data"), text, wanted, &err);
    bool excepted = is_exception(s, name);
    if (good != excepted) {
        c->passed += good;
        c->skipped += excepted;
        return;
    }
    c->failed++;
    printf("    %s %s (%s) %s %s %s\n", good ? "NO EXCEPTION ANY MORE" : "FAILED", name,
        wanted ? "valid" : "invalid", err.code, err.where, err.text);
}

static void run_group(suite *s, const draft *d, const char *file, const weir_value *g,
    weir_view text, weir_schema_options options, weir_arena *a, counts *c)
{
    group it = {.schema = NULL};
    weir_view what = weir_string(weir_gets(g, "description"), a);
    snprintf(it.name, sizeof it.name, "%s/%s: %.*s", d->folder, file, WEIR_ARG(what));
    options.resolve_ctx = s;
    weir_status status =
        weir_schema_compile(weir_source(weir_gets(g, "schema")), &options, &it.schema, &it.err);
    (void)status; /* its tests say so */
    WEIR_EACH_ITEM(weir_gets(g, "tests"), test)
    {
        run_test(s, &it, test, text, a, c);
    }
    weir_schema_free(it.schema);
    weir_arena_reset(&s->arena);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void run_file(
    suite *s, const draft *d, const char *file, weir_schema_options options, counts *c)
{
    char path[1024];
    weir_arena a;
    const weir_value *root;
    weir_error err;
    snprintf(path, sizeof path, "%s/tests/%s/%s", s->dir, d->folder, file);
    weir_arena_init(&a, 0);
    weir_view text = read_file(&a, path);
    if (!text.ptr || weir_json_read(text, &a, &root, &err)) {
        printf("    FAILED %s: it cannot be read\n", path);
        c->failed++;
    } else {
        WEIR_EACH_ITEM(root, g)
        {
            run_group(s, d, file, g, text, options, &a, c);
        }
    }
    weir_arena_fini(&a);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All .json files of a folder below the draft's. */
static counts run_folder(suite *s, const draft *d, const char *folder, weir_schema_options options)
{
    char path[1024], *names[MOST_NAMES];
    size_t n = 0;
    counts c = {0, 0, 0};
    snprintf(path, sizeof path, "%s/tests/%s/%s", s->dir, d->folder, folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && n < MOST_NAMES && (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (len > 5 && strcmp(e->d_name + len - 5, ".json") == 0) {
            char *name;
            if (asprintf(&name, "%s%s%s", folder, *folder ? "/" : "", e->d_name) > 0) {
                names[n++] = name;
            }
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        /* One file of the optional ones is about formats being asserted by a vocabulary. */
        run_file(s, d, names[i], options, &c);
        free(names[i]);
    }
    return c;
}

static void report(suite *s, const draft *d, const char *what, counts c)
{
    printf("%-13s %-9s %5u passed, %u failed, %u skipped\n", d->folder, what, c.passed, c.failed,
        c.skipped);
    s->all.passed += c.passed;
    s->all.failed += c.failed;
    s->all.skipped += c.skipped;
}

static void run_draft(suite *s, const draft *d)
{
    weir_schema_options options = {.draft = d->draft, .resolve = resolve};
    report(s, d, "mandatory", run_folder(s, d, "", options));
    options.content = d->draft == WEIR_DRAFT_7;
    report(s, d, "optional", run_folder(s, d, "optional", options));
    options.formats = WEIR_FORMATS_ASSERTED;
    report(s, d, "format", run_folder(s, d, "optional/format", options));
}

static void read_exceptions(suite *s, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[1024];
    while (f && fgets(line, sizeof line, f) && s->n_exceptions < MOST_EXCEPTIONS) {
        char *end = strstr(line, "  # ");
        if (end && line[0] != '#') {
            *end = '\0';
            s->exceptions[s->n_exceptions++] = strdup(line);
        }
    }
    if (f) {
        fclose(f);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s DIR EXCEPTIONS\n", argv[0]);
        return EXIT_FAILURE;
    }
    suite s = {.dir = argv[1]};
    weir_arena_init(&s.arena, 0);
    read_exceptions(&s, argv[2]);
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        run_draft(&s, &drafts[i]);
    }
    printf("%u passed, %u failed, %u skipped\n", s.all.passed, s.all.failed, s.all.skipped);
    for (size_t i = 0; i < s.n_exceptions; i++) {
        free(s.exceptions[i]);
    }
    weir_arena_fini(&s.arena);
    return s.all.failed || !s.all.passed ? EXIT_FAILURE : EXIT_SUCCESS;
}
