/* Running a case with a service's handlers, by the test kit. See case.h and <weir/test.h>. */
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "case.h"
#include "test_kit_inside.h"
#include "value/json.h"

enum { SETTLES_MS = 3600 * 1000 };

/* ---- Emits --------------------------------------------------------------------------------------
 */

/* JSON as it is; anything else in base64. */
static void put_value(weir_buf *to, weir_view value)
{
    weir_arena arena;
    const weir_value *v;
    weir_arena_init(&arena, 0);
    if (!value.ptr) {
        weir_buf_puts(to, ",\"value\":null");
    } else if (weir_json_read(value, &arena, &v, NULL)) {
        weir_buf_puts(to, ",\"value_base64\":\"");
        weir_base64_put(to, value);
        weir_buf_putc(to, '"');
    } else {
        weir_buf_puts(to, ",\"value\":");
        weir_json_put(to, v);
    }
    weir_arena_fini(&arena);
}

static weir_status add_emit(weir_case *c, const weir_memory_emit *e, weir_error *err)
{
    weir_buf b = {0};
    weir_view type = weir_memory_emit_header(e, "type");
    type = type.ptr ? type : weir_memory_emit_header(e, "ce_type");
    weir_buf_puts(&b, "{\"topic\":");
    weir_json_put_string(&b, weir_view_of(e->topic));
    weir_buf_puts(&b, ",\"type\":");
    weir_case_put_text(&b, type);
    weir_buf_puts(&b, ",\"key\":");
    weir_case_put_text(&b, e->key);
    put_value(&b, e->value);
    weir_buf_putc(&b, '}');
    bool good = !b.failed && weir_case_lines_add(&c->emits, weir_buf_view(&b));
    weir_buf_fini(&b);
    return good ? WEIR_OK : weir_fail_oom(err);
}

/* What waits for an operator's word is neither handled nor a dead letter. */
static weir_status add_parked(weir_case *c, weir_test *t, weir_error *err)
{
    size_t n;
    weir_parked_view *views = weir_test_parked_views(t, &n);
    bool good = true;
    for (size_t i = 0; i < n && good; i++) {
        weir_buf b = {0};
        weir_buf_puts(&b, "{\"topic\":");
        weir_json_put_string(&b, weir_view_of(views[i].topic));
        weir_buf_puts(&b, ",\"key\":");
        weir_case_put_text(&b, weir_view_of(views[i].key));
        weir_buf_printf(&b, ",\"followers\":%" PRIu64 "}", views[i].followers);
        good = !b.failed && weir_case_lines_add(&c->parked, weir_buf_view(&b));
        weir_buf_fini(&b);
    }
    weir_free(views);
    return good ? WEIR_OK : weir_fail_oom(err);
}

/* ---- What comes of it ---------------------------------------------------------------------------
 */

static weir_status gather(weir_case *c, weir_test *t, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_test_letter l;
    const weir_memory_emit *e;
    for (size_t i = 0; i < c->config->followed.count && !s; i++) {
        const char *name = c->config->followed.items[i]->name;
        s = weir_test_caches_each(
            weir_test_caches_of(t), name, weir_case_add_row, &c->rows[i], err);
        weir_case_lines_sort(&c->rows[i]);
    }
    for (size_t i = 0; !s && weir_test_letter_at(t, i, &l); i++) {
        s = weir_case_add_letter(c, l.topic, l.offset + 1, l.key, l.why, err);
    }
    while (!s && (e = weir_test_next_emit(t))) {
        s = add_emit(c, e, err);
    }
    return s ? s : add_parked(c, t, err);
}

static weir_status feed(
    weir_case *c, weir_test *t, weir_case_records *records, size_t i, weir_error *err)
{
    weir_raw_record r;
    const char *where;
    weir_error why = {.status = WEIR_OK};
    weir_status s = weir_case_record(records, i, c->config, &r, &where, err);
    bool taken = !s && weir_test_feed(t, &r, &why);
    if (why.status) {
        *err = why;
        return why.status;
    }
    if (!s && !taken && !weir_case_record_is_recorded(records)) {
        s = weir_case_complain(c, where, "no handler, cache or table reads its topic", err);
    }
    weir_test_run_at(t, where, 0);
    c->records++;
    if (!s && weir_test_is_over(t)) {
        s = weir_case_complain(c, where, "the service stops, as is said above", err);
    }
    return s;
}

/* A service without handlers has no engine: it keeps caches or tables. */
static weir_status tell_waiting(weir_case *c, weir_app *app, weir_error *err)
{
    weir_engine *e = weir_app_engine(app);
    if (!e || !weir_engine_get_counts(e).open) {
        return WEIR_OK;
    }
    return weir_case_complain(c, "the end",
        weir_test_deferred(app) ? "deferred messages were not settled within five seconds"
                                : "records still wait, after an hour",
        err);
}

static weir_status run(weir_case *c, weir_test *t, weir_case_records *records, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (weir_test_is_over(t)) {
        return weir_case_complain(
            c, "setup", "the service cannot be opened, as is said above", err);
    }
    for (size_t i = 0; i < weir_case_records_count(records) && !s && !weir_test_is_over(t); i++) {
        s = feed(c, t, records, i, err);
    }
    weir_test_advance_at(t, "the end", 0, SETTLES_MS);
    s = s || weir_test_is_over(t) ? s : tell_waiting(c, weir_test_app(t), err);
    return s ? s : gather(c, t, err);
}

weir_status weir_case_run_service(weir_case *c, const char *config_path, weir_config *config,
    weir_setup_fn *setup, void *ctx, weir_case_records *records, weir_error *err)
{
    bool made = weir_case_init(c, config);
    weir_status s = weir_case_records_take_topics(records, config, err);
    s = s ? s : made ? WEIR_OK : weir_fail_oom(err);
    if (s) {
        return s;
    }
    weir_test *t = weir_test_new(config_path, setup, ctx);
    s = run(c, t, records, err);
    if (weir_test_app(t)) {
        weir_test_expect_anything(t);
    }
    (void)!weir_test_free(t); /* what it would say is in the case */
    return s;
}
