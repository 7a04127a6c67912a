/* Running a case of `weir test`: records through the config's caches, in memory. See test_case.h.
 */
#include "case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kafka_properties.h"
#include "test_caches.h"
#include "value/json.h"
#include "value/utf8.h"

/* ---- Lines --------------------------------------------------------------------------------------
 */

void weir_case_lines_init(weir_case_lines *l)
{
    *l = (weir_case_lines){.n = 0};
    weir_arena_init(&l->arena, 0);
}

void weir_case_lines_fini(weir_case_lines *l)
{
    weir_free(l->items);
    weir_arena_fini(&l->arena);
}

bool weir_case_lines_add(weir_case_lines *l, weir_view text)
{
    weir_view copy = weir_arena_copy(&l->arena, text);
    if (l->n == l->capacity) {
        size_t more = l->capacity ? l->capacity * 2 : 64;
        weir_view *items = weir_realloc(l->items, more * sizeof *items);
        if (!items) {
            return false;
        }
        l->items = items;
        l->capacity = more;
    }
    l->items[l->n] = copy;
    l->n += copy.ptr != NULL;
    return copy.ptr;
}

static int by_text(const void *a, const void *b)
{
    const weir_view *v = a, *w = b;
    size_t least = v->len < w->len ? v->len : w->len;
    int order = memcmp(v->ptr, w->ptr, least);
    return order ? order : (v->len > w->len) - (v->len < w->len);
}

void weir_case_lines_sort(weir_case_lines *l)
{
    if (l->n) {
        qsort(l->items, l->n, sizeof *l->items, by_text);
    }
}

/* ---- What comes of it ---------------------------------------------------------------------------
 */

void weir_case_put_text(weir_buf *to, weir_view text)
{
    size_t n = 1, at = 0;
    while (at < text.len && (n = weir_utf8_length(text.ptr + at, text.ptr + text.len))) {
        at += n;
    }
    if (text.ptr && n) {
        weir_json_put_string(to, text);
    } else {
        weir_buf_puts(to, "null"); /* there is none, or it is no text */
    }
}

/* What a code does not say: which column, which value. */
static bool add_why(weir_case *c, weir_view topic, int64_t record, const weir_error *why)
{
    weir_buf b = {0};
    weir_buf_printf(&b, "record %" PRId64 " of %.*s: %s%s%s [%s]", record, WEIR_ARG(topic),
        why->where, why->where[0] ? ": " : "", why->text, why->code);
    bool good = !b.failed && weir_case_lines_add(&c->whys, weir_buf_view(&b));
    weir_buf_fini(&b);
    return good;
}

/* The how-manieth record of its topic, and why: words may change, codes do not. */
weir_status weir_case_add_letter(weir_case *c, weir_view topic, int64_t record, weir_view key,
    const weir_error *why, weir_error *err)
{
    weir_buf b = {0};
    weir_buf_puts(&b, "{\"topic\":");
    weir_json_put_string(&b, topic);
    weir_buf_printf(&b, ",\"record\":%" PRId64 ",\"key\":", record);
    weir_case_put_text(&b, key);
    weir_buf_puts(&b, ",\"code\":");
    weir_json_put_string(&b, weir_view_of(why->code));
    weir_buf_putc(&b, '}');
    bool good = !b.failed && weir_case_lines_add(&c->dead, weir_buf_view(&b)) &&
                add_why(c, topic, record, why);
    weir_buf_fini(&b);
    return good ? WEIR_OK : weir_fail_oom(err);
}

static weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < n && !s; i++) {
        const weir_raw_record *r = letters[i].record;
        s = weir_case_add_letter(self, r->topic, r->offset + 1, r->key, &letters[i].error, err);
    }
    return s;
}

weir_status weir_case_add_row(
    void *ctx, weir_view key, weir_view row, bool *remove, weir_error *err)
{
    weir_case_lines *to = ctx;
    weir_buf b = {0};
    (void)remove;
    weir_buf_puts(&b, "{\"key\":");
    weir_buf_putv(&b, key);
    weir_buf_puts(&b, ",\"row\":");
    for (size_t i = 0; i < row.len; i++) { /* of a json column */
        weir_buf_putc(&b, row.ptr[i] == '\n' ? ' ' : row.ptr[i]);
    }
    weir_buf_putc(&b, '}');
    bool good = !b.failed && weir_case_lines_add(to, weir_buf_view(&b));
    weir_buf_fini(&b);
    return good ? WEIR_OK : weir_fail_oom(err);
}

static weir_status gather(weir_case *c, weir_test_caches *caches, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < c->config->followed.count && !s; i++) {
        const char *name = c->config->followed.items[i]->name;
        s = weir_test_caches_each(caches, name, weir_case_add_row, &c->rows[i], err);
        weir_case_lines_sort(&c->rows[i]);
    }
    return s;
}

/* ---- Running ------------------------------------------------------------------------------------
 */

weir_status weir_case_complain(weir_case *c, const char *where, const char *what, weir_error *err)
{
    weir_buf b = {0};
    weir_buf_printf(&b, "%s: %s", where, what);
    bool good = !b.failed && weir_case_lines_add(&c->problems, weir_buf_view(&b));
    weir_buf_fini(&b);
    return good ? WEIR_OK : weir_fail_oom(err);
}

/* What stops the sync is what has come of the case: no error of its own. */
static weir_status apply(
    weir_case *c, weir_test_caches *caches, const char *where, bool *stopped, weir_error *err)
{
    weir_error why;
    char text[400];
    if (!weir_test_caches_run(caches, &why)) {
        return WEIR_OK;
    }
    *stopped = true;
    snprintf(text, sizeof text, "it stops: %s [%s]", why.text, why.code);
    return weir_case_complain(c, where, text, err);
}

static weir_status run(
    weir_case *c, weir_case_records *records, weir_test_caches *caches, weir_error *err)
{
    weir_status s = WEIR_OK;
    bool stopped = false;
    for (size_t i = 0; i < weir_case_records_count(records) && !s && !stopped; i++) {
        weir_raw_record r;
        const char *where;
        bool taken = false;
        s = weir_case_record(records, i, c->config, &r, &where, err);
        s = s ? s : weir_test_caches_record(caches, &r, &taken, err);
        if (!s && !taken && !weir_case_record_is_recorded(records)) {
            s = weir_case_complain(
                c, where, "no cache or table of the config reads its topic", err);
        }
        s = s ? s : apply(c, caches, where, &stopped, err);
        c->records++;
    }
    return s;
}

bool weir_case_init(weir_case *c, weir_config *config)
{
    size_t n = config->followed.count;
    *c = (weir_case){.config = config};
    weir_case_lines_init(&c->dead);
    weir_case_lines_init(&c->whys);
    weir_case_lines_init(&c->emits);
    weir_case_lines_init(&c->parked);
    weir_case_lines_init(&c->problems);
    c->rows = weir_calloc(n + 1, sizeof *c->rows);
    for (size_t i = 0; i < n && c->rows; i++) {
        weir_case_lines_init(&c->rows[i]);
    }
    return c->rows;
}

weir_status weir_case_run(
    weir_case *c, weir_config *config, weir_case_records *records, weir_error *err)
{
    weir_test_caches *caches = NULL;
    const weir_dead_letters letters = {write_letters, c};
    weir_log log;
    weir_log_of_config(config, true, &log);
    log.write = NULL; /* what there is to say is in the outcome */
    weir_status s = weir_case_records_take_topics(records, config, err);
    bool made = weir_case_init(c, config);
    s = s ? s : made ? WEIR_OK : weir_fail_oom(err);
    s = s ? s : weir_test_caches_new(config, &letters, &log, &caches, err);
    s = s ? s : run(c, records, caches, err);
    s = s ? s : gather(c, caches, err);
    weir_test_caches_free(caches);
    return s;
}

void weir_case_fini(weir_case *c)
{
    for (size_t i = 0; c->rows && i < c->config->followed.count; i++) {
        weir_case_lines_fini(&c->rows[i]);
    }
    weir_free(c->rows);
    if (c->config) {
        weir_case_lines_fini(&c->dead);
        weir_case_lines_fini(&c->whys);
        weir_case_lines_fini(&c->emits);
        weir_case_lines_fini(&c->parked);
        weir_case_lines_fini(&c->problems);
    }
}
