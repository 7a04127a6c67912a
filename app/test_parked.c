/* Parked keys in the test kit: the topic of parked records is read from among the emits in memory,
 * and the operator's word is written there. See <weir/test.h>. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "test_kit_inside.h"

/* ---- The topic ----------------------------------------------------------------------------------
 */

/* An emit's number is its offset, in one partition; other topics' are gaps. */
typedef struct reader {
    size_t at;
    bool told_end;
    weir_memory_emit last; /* that was given out: the emitter's own may move when there are more */
} reader;

static weir_status log_bounds(
    void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    const weir_test_parked_reader *r = self;
    (void)most, (void)err;
    *n = 1;
    *out = (weir_parked_bounds){0, (int64_t)weir_memory_emitter_count(r->emits)};
    return WEIR_OK;
}

static weir_status log_open(void *self, const int64_t *from, int32_t n, void **out, weir_error *err)
{
    (void)self;
    reader *r = weir_calloc(1, sizeof *r);
    *out = r;
    if (!r) {
        return weir_fail_oom(err);
    }
    r->at = n && from[0] > 0 ? (size_t)from[0] : 0;
    return WEIR_OK;
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_memory_emit *e = self;
    if (i >= e->n_headers) {
        return false;
    }
    *name = e->headers[i].name;
    *value = e->headers[i].value;
    return true;
}

/* Whatever is no note says nothing, so other topics' emits may be read as well. */
static weir_status log_next(void *self, void *given, int wait_ms, weir_parked_read *what,
    weir_raw_record *out, weir_error *err)
{
    const weir_test_parked_reader *log = self;
    reader *r = given;
    (void)wait_ms, (void)err;
    const weir_memory_emit *e = weir_memory_emitter_at(log->emits, r->at);
    *out = (weir_raw_record){.offset = (int64_t)r->at};
    *what = e ? WEIR_PARKED_RECORD : r->told_end ? WEIR_PARKED_NOTHING : WEIR_PARKED_END;
    r->told_end = !e;
    if (e) {
        out->topic = weir_view_of(e->topic);
        out->key = e->key;
        out->value = e->value;
        r->last = *e;
        out->headers = (weir_header_list){header_at, &r->last};
        r->at++;
    }
    return WEIR_OK;
}

static void log_close(void *self, void *given)
{
    (void)self;
    weir_free(given);
}

static weir_status log_fetch(void *self, weir_view topic, int32_t partition, int64_t offset,
    bool *found, weir_raw_record *record, weir_error *err)
{
    const weir_test_parked_reader *log = self;
    (void)partition, (void)err;
    *found = weir_memory_source_at(log->source, topic, offset, record);
    return WEIR_OK;
}

static const weir_parked_log_ops log_ops = {log_bounds, log_open, log_next, log_close, log_fetch};

weir_parked_log weir_test_parked_log(
    weir_memory_emitter *emits, const weir_memory_source *source, weir_test_parked_reader *self)
{
    self->emits = emits;
    self->source = source;
    return (weir_parked_log){&log_ops, self};
}

/* ---- The operator -------------------------------------------------------------------------------
 */

static void ignore(weir_sending *s, const weir_error *err)
{
    (void)s, (void)err;
}

static void decide(
    weir_test *t, const char *file, int line, const char *topic, const char *key, weir_note what)
{
    weir_arena arena;
    weir_buf name = {0};
    if (weir_test_is_over(t)) {
        return;
    }
    if (!weir_app_parking_of(weir_test_app(t))) {
        weir_test_fail_at(t, file, line, "nothing is parked: errors.followers is not park");
        return;
    }
    weir_arena_init(&arena, 0);
    weir_parked_name_put(&name, weir_view_of(topic), 0, weir_view_of(key));
    weir_outgoing *o =
        name.failed ? NULL
                    : weir_parked_decision_make(weir_app_config(weir_test_app(t))->errors.parked,
                          weir_buf_view(&name), what, -1, 0, &arena);
    if (!o || !weir_test_write(t, &(weir_sending){.first = o, .done = ignore})) {
        weir_test_fail_at(t, file, line, "the decision could not be written");
    }
    weir_buf_fini(&name);
    weir_arena_fini(&arena);
}

void weir_test_release_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key)
{
    decide(t, file, line, topic, key, WEIR_NOTE_RELEASE);
}

void weir_test_release_again_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key)
{
    decide(t, file, line, topic, key, WEIR_NOTE_AGAIN);
}

void weir_test_reject_parked_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key)
{
    decide(t, file, line, topic, key, WEIR_NOTE_REJECT);
}

weir_parked_view *weir_test_parked_views(weir_test *t, size_t *n)
{
    enum { MOST = 1024 };
    weir_parking *p = weir_app_parking_of(weir_test_app(t));
    weir_parked_view *views = p ? weir_calloc(MOST, sizeof *views) : NULL;
    *n = views ? weir_parking_views(p, views, MOST) : 0;
    return views;
}

void weir_expect_parked_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key, int followers)
{
    if (weir_test_is_over(t)) {
        return;
    }
    size_t n;
    weir_parked_view *views = weir_test_parked_views(t, &n);
    int found = -1;
    for (size_t i = 0; i < n; i++) {
        bool is = strcmp(views[i].topic, topic) == 0 && strcmp(views[i].key, key ? key : "") == 0;
        found = is ? (int)views[i].followers : found;
    }
    weir_free(views);
    if (found != followers) {
        weir_test_fail_at(t, file, line,
            "expected %d records to wait behind a rejected one of key %s of %s, and %d do",
            followers, key ? key : "NULL", topic, found);
    }
}
