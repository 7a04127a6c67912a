/* What is expected of a case, and what differs. See case.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file/lines.h"
#include "case.h"
#include "value/json.h"

/* ---- What is expected ---------------------------------------------------------------------------
 */

/* By its values: white space of who wrote it by hand says nothing. */
static weir_status add_normal(
    weir_case_lines *to, weir_view line, weir_arena *arena, weir_error *err)
{
    const weir_value *v;
    weir_buf text = {0};
    weir_arena_reset(arena);
    weir_status s = weir_json_read(line, arena, &v, err);
    if (s) {
        return s;
    }
    weir_json_put(&text, v);
    bool good = !text.failed && weir_case_lines_add(to, weir_buf_view(&text));
    weir_buf_fini(&text);
    return good ? WEIR_OK : weir_fail_oom(err);
}

static weir_status read_lines(weir_lines *lines, weir_case_lines *to, weir_error *err)
{
    weir_view line;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_status s = weir_lines_next(lines, &line, err);
    while (!s && line.ptr) {
        bool empty = !line.len || line.ptr[0] == '#';
        s = empty ? WEIR_OK : add_normal(to, line, &arena, err);
        s = s ? s : weir_lines_next(lines, &line, err);
    }
    weir_arena_fini(&arena);
    return s;
}

/* No such file: nothing is expected. */
static weir_status read_expected(const char *path, weir_case_lines *to, weir_error *err)
{
    weir_lines *lines;
    if (access(path, F_OK) != 0) {
        return WEIR_OK;
    }
    weir_status s = weir_lines_open(path, &lines, err);
    if (s) {
        return s;
    }
    s = read_lines(lines, to, err);
    unsigned long number = weir_lines_number(lines);
    weir_lines_close(lines);
    if (s == WEIR_REJECT) { /* no producer's, but whoever has written the case */
        weir_error why = *err;
        s = weir_fail(err, WEIR_E_CASE_LINE, "%s", why.text);
    }
    return s ? weir_at(err, "%s:%lu", path, number) : WEIR_OK;
}

/* Both normal: what a row holds is written as the database does, so it is normal but for space. */
static weir_status normal(const weir_case_lines *from, weir_case_lines *to, weir_error *err)
{
    weir_arena arena;
    weir_status s = WEIR_OK;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < from->n && !s; i++) {
        s = add_normal(to, from->items[i], &arena, err);
    }
    weir_arena_fini(&arena);
    return s;
}

/* ---- What differs -------------------------------------------------------------------------------
 */

static int order_of(const weir_case_lines *a, size_t i, const weir_case_lines *b, size_t k)
{
    if (i == a->n || k == b->n) {
        return i == a->n ? 1 : -1;
    }
    weir_view v = a->items[i], w = b->items[k];
    size_t least = v.len < w.len ? v.len : w.len;
    int order = memcmp(v.ptr, w.ptr, least);
    return order ? order : (v.len > w.len) - (v.len < w.len);
}

/* Both sorted. */
static void tell_sets(const char *file, const weir_case_lines *expected, const weir_case_lines *got,
    weir_case_difference_fn *fn, void *ctx)
{
    size_t i = 0, k = 0;
    while (i < expected->n || k < got->n) {
        int order = order_of(expected, i, got, k);
        weir_case_difference d = {.file = file};
        if (order <= 0) {
            d.expected = expected->items[i++];
        }
        if (order >= 0) {
            d.got = got->items[k++];
        }
        if (order) {
            fn(ctx, &d);
        }
    }
}

/* In their order. */
static void tell_sequences(const char *file, const weir_case_lines *expected,
    const weir_case_lines *got, weir_case_difference_fn *fn, void *ctx)
{
    size_t n = expected->n > got->n ? expected->n : got->n;
    for (size_t i = 0; i < n; i++) {
        weir_case_difference d = {.file = file};
        d.expected = i < expected->n ? expected->items[i] : d.expected;
        d.got = i < got->n ? got->items[i] : d.got;
        if (!weir_view_eq(d.expected, d.got)) {
            fn(ctx, &d);
        }
    }
}

/* sorted: the order says nothing. */
static weir_status compare(const char *dir, const char *file, const weir_case_lines *got,
    bool sorted, weir_case_difference_fn *fn, void *ctx, weir_error *err)
{
    weir_case_lines expected, is;
    weir_buf path = {0};
    weir_buf_printf(&path, "%s/expected/%s", dir, file);
    weir_case_lines_init(&expected);
    weir_case_lines_init(&is);
    weir_status s =
        path.failed ? weir_fail_oom(err) : read_expected(weir_buf_str(&path), &expected, err);
    s = s ? s : normal(got, &is, err);
    if (!s && sorted) {
        weir_case_lines_sort(&expected);
        weir_case_lines_sort(&is);
        tell_sets(file, &expected, &is, fn, ctx);
    } else if (!s) {
        tell_sequences(file, &expected, &is, fn, ctx);
    }
    weir_buf_fini(&path);
    weir_case_lines_fini(&expected);
    weir_case_lines_fini(&is);
    return s;
}

weir_status weir_case_compare(
    const weir_case *c, const char *dir, weir_case_difference_fn *fn, void *ctx, weir_error *err)
{
    weir_status s = WEIR_OK;
    char file[200];
    for (size_t i = 0; i < c->problems.n; i++) {
        fn(ctx, &(weir_case_difference){.got = c->problems.items[i]});
    }
    for (size_t i = 0; i < c->config->followed.count && !s; i++) {
        snprintf(file, sizeof file, "rows/%.150s.jsonl", c->config->followed.items[i]->name);
        s = compare(dir, file, &c->rows[i], true, fn, ctx, err);
    }
    s = s ? s : compare(dir, "dead.jsonl", &c->dead, false, fn, ctx, err);
    s = s ? s : compare(dir, "parked.jsonl", &c->parked, true, fn, ctx, err);
    return s ? s : compare(dir, "emits.jsonl", &c->emits, false, fn, ctx, err);
}

/* ---- Writing it ---------------------------------------------------------------------------------
 */

static weir_status unwritable(const char *path, weir_error *err)
{
    return weir_fail(err, WEIR_E_FILE_UNWRITABLE, "%.150s: %s", path, strerror(errno));
}

/* Nothing is expected: no file. */
static weir_status write_lines(const char *path, const weir_case_lines *l, weir_error *err)
{
    if (!l->n) {
        return unlink(path) && errno != ENOENT ? unwritable(path, err) : WEIR_OK;
    }
    FILE *f = fopen(path, "w");
    bool good = f;
    for (size_t i = 0; i < l->n && good; i++) {
        good = fwrite(l->items[i].ptr, 1, l->items[i].len, f) == l->items[i].len &&
               fputc('\n', f) != EOF;
    }
    good = f && fclose(f) == 0 && good;
    return good ? WEIR_OK : unwritable(path, err);
}

static weir_status make_folder(const char *path, weir_error *err)
{
    return mkdir(path, 0777) && errno != EEXIST ? unwritable(path, err) : WEIR_OK;
}

weir_status weir_case_update(const weir_case *c, const char *dir, weir_error *err)
{
    char path[1000];
    snprintf(path, sizeof path, "%.700s/expected", dir);
    weir_status s = make_folder(path, err);
    snprintf(path, sizeof path, "%.700s/expected/rows", dir);
    s = s ? s : make_folder(path, err);
    for (size_t i = 0; i < c->config->followed.count && !s; i++) {
        snprintf(path, sizeof path, "%.700s/expected/rows/%.150s.jsonl", dir,
            c->config->followed.items[i]->name);
        s = write_lines(path, &c->rows[i], err);
    }
    snprintf(path, sizeof path, "%.700s/expected/dead.jsonl", dir);
    s = s ? s : write_lines(path, &c->dead, err);
    snprintf(path, sizeof path, "%.700s/expected/parked.jsonl", dir);
    s = s ? s : write_lines(path, &c->parked, err);
    snprintf(path, sizeof path, "%.700s/expected/emits.jsonl", dir);
    return s ? s : write_lines(path, &c->emits, err);
}
