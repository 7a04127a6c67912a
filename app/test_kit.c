/* The test kit: a service over records, emits and dead letters in memory, in virtual time. See
 * <weir/test.h>.
 *
 * Invariants
 *  1. Nothing runs but inside of weir_test_run and weir_test_advance, on the caller's thread; what
 *     other threads complete is taken there.
 *  2. Caches are up to date before a handler runs: what was added before weir_test_run is applied
 *     first. A test of a row that comes late adds it late.
 *  3. Once the service has failed, or could not be opened, nothing runs any more. */
#include <weir/test.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "memory/memory_emitter.h"
#include "memory/memory_source.h"
#include "service/handler_lane.h"
#include "test_caches.h"
#include "test_change.h"
#include "test_kit_inside.h"
#include "value/json.h"

enum { MOST_FAILURES = 125, MOST_ROUNDS = 100000, MOST_HEADERS = 64 };
enum { PATIENCE_MS = 5000 };

/* ---- Failures -----------------------------------------------------------------------------------
 */

static void vfail(weir_test *t, const char *file, int line, const char *fmt, va_list ap)
    WEIR_PRINTF(4, 0);
static void vfail(weir_test *t, const char *file, int line, const char *fmt, va_list ap)
{
    fprintf(stderr, line ? "%s:%d: " : "%s: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    t->failures++;
}

static void fail(weir_test *t, const char *file, int line, const char *fmt, ...) WEIR_PRINTF(4, 5);
static void fail(weir_test *t, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfail(t, file, line, fmt, ap);
    va_end(ap);
}

static void fail_with(weir_test *t, const char *file, int line, const weir_error *err)
{
    fail(t, file, line, "%s%s%s [%s]", err->where, err->where[0] ? ": " : "", err->text, err->code);
}

/* What follows comes of this call. */
static void set_place(weir_test *t, const char *file, int line)
{
    t->file = file;
    t->line = line;
}

/* Has it failed by itself? That is told once. */
static bool is_over(weir_test *t)
{
    weir_error why;
    weir_engine *e = t->app ? weir_app_engine(t->app) : NULL;
    if (!t->over && e && weir_engine_failure(e, &why)) {
        t->over = true;
        fail_with(t, t->file, t->line, &why);
    }
    return t->over || !t->app;
}

weir_app *weir_test_app(weir_test *t)
{
    return t->app;
}

bool weir_test_write(weir_test *t, weir_sending *s)
{
    size_t before = weir_memory_emitter_count(t->emitter);
    t->ports.emitter.send(t->ports.emitter.self, s);
    return weir_memory_emitter_count(t->emitter) > before;
}

bool weir_test_is_over(weir_test *t)
{
    return is_over(t);
}

void weir_test_fail_at(weir_test *t, const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfail(t, file, line, fmt, ap);
    va_end(ap);
}

/* ---- Ports --------------------------------------------------------------------------------------
 */

static int64_t now_ms(void *ctx)
{
    return ((weir_test *)ctx)->now_ms;
}

static weir_status lookup(void *ctx, const char *cache, weir_view key, const weir_freshness *min,
    int64_t *age_ms, weir_buf *row, bool *found, weir_error *err)
{
    weir_test *t = ctx;
    (void)min; /* all that came is applied */
    if (age_ms) {
        *age_ms = 0;
    }
    return weir_test_caches_lookup(t->caches, cache, key, row, found, err);
}

static weir_status open_topic(void *ctx, const char *topic, weir_error *err)
{
    return weir_memory_source_topic(((weir_test *)ctx)->source, topic, err);
}

static bool grow_letters(weir_test *t, size_t n)
{
    size_t more = t->letters_capacity ? t->letters_capacity * 2 : 64;
    more = more < t->n_letters + n ? t->n_letters + n : more;
    if (t->n_letters + n <= t->letters_capacity) {
        return true;
    }
    weir_test_kept_letter *grown = weir_realloc(t->letters, more * sizeof *grown);
    t->letters = grown ? grown : t->letters;
    t->letters_capacity = grown ? more : t->letters_capacity;
    return grown;
}

/* Of caches and tables, too: those are not let fail. */
static weir_status keep_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    weir_test *t = self;
    if (!grow_letters(t, n)) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++) {
        weir_test_kept_letter *l = &t->letters[t->n_letters++];
        const weir_raw_record *r = letters[i].record;
        l->error = letters[i].error;
        l->topic = weir_arena_copy(&t->arena, r->topic);
        l->key = weir_arena_copy(&t->arena, r->key);
        l->offset = r->offset;
        snprintf(l->place, sizeof l->place, "%.*s@%lld",
            (int)(r->topic.len > 60 ? 60 : r->topic.len), r->topic.ptr, (long long)r->offset);
    }
    return WEIR_OK;
}

static weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    weir_test *t = self;
    if (t->letters_fail) {
        t->letters_fail--;
        return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "the test lets dead letters fail");
    }
    return keep_letters(t, letters, n, err);
}

void weir_test_take_letter(weir_test *t, const weir_raw_record *r, const weir_error *why)
{
    weir_dead_letter d = {.record = r, .error = *why};
    weir_error err;
    if (keep_letters(t, &d, 1, &err)) {
        fail_with(t, t->file, t->line, &err);
    }
}

static void log_to_stderr(void *ctx, const char *line, size_t len)
{
    (void)ctx;
    fwrite(line, 1, len, stderr);
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static weir_status open_all(
    weir_test *t, const char *config, weir_setup_fn *setup, void *ctx, weir_error *err)
{
    weir_app_ports *p = &t->ports;
    weir_status s = weir_memory_source_new(&t->source, &p->source, err);
    s = s ? s : weir_memory_emitter_new(&t->emitter, &p->emitter, err);
    if (s) {
        return s;
    }
    p->dead_letters = (weir_dead_letters){write_letters, t};
    p->now_ms = now_ms;
    p->lookup = lookup;
    p->topic = open_topic;
    p->parked = weir_test_parked_log(t->emitter, t->source, &t->parked_reader);
    t->transactions = (weir_test_transactions){
        .test = t, .emitter = p->emitter, .emits = t->emitter, .source = t->source};
    p->transactions = weir_test_transactions_of(&t->transactions);
    p->ctx = t;
    t->log = (weir_log){.write = log_to_stderr};
    const weir_dead_letters of_caches = {keep_letters, t};
    s = weir_app_open_with(config, setup, ctx, p, &t->log, &t->app, err);
    return s ? s
             : weir_test_caches_new(weir_app_config(t->app), &of_caches, &t->log, &t->caches, err);
}

static void close_app(weir_test *t)
{
    weir_engine *e = t->app ? weir_app_engine(t->app) : NULL;
    if (e) {
        weir_engine_abandon(e);
    }
    if (t->app && weir_app_transactor(t->app)) {
        weir_background b = weir_transactor_background(weir_app_transactor(t->app));
        b.abandon(b.self);
    }
    weir_app_free(t->app);
    t->app = NULL;
}

/* What stands for a test when memory has run out. */
static weir_test no_memory = {.failures = 1, .over = true};

weir_test *weir_test_new_at(
    const char *file, int line, const char *config, weir_setup_fn *setup, void *ctx)
{
    weir_error err;
    weir_test *t = weir_calloc(1, sizeof *t);
    if (!t) {
        return &no_memory;
    }
    weir_arena_init(&t->arena, 0);
    set_place(t, file, line);
    t->now_ms = 1000;
    t->left_ms = t->patience_ms = PATIENCE_MS;
    t->last_offset = -1;
    if (open_all(t, config, setup, ctx, &err)) {
        fail_with(t, file, line, &err);
        close_app(t);
    }
    return t;
}

const weir_memory_emit *weir_test_unseen_emit(weir_test *t)
{
    const char *parked = t->app ? weir_app_config(t->app)->errors.parked : "";
    const weir_memory_emit *e;
    while (
        (e = weir_memory_emitter_at(t->emitter, t->emits_seen)) && strcmp(e->topic, parked) == 0) {
        t->emits_seen++; /* what weir writes of parked keys */
    }
    return e;
}

void weir_test_tell_what_is_left(weir_test *t, const char *file, int line)
{
    for (const weir_memory_emit *e; (e = weir_test_unseen_emit(t)); t->emits_seen++) {
        fail(
            t, file, line, "nobody has expected an emit to %s: %.*s", e->topic, WEIR_ARG(e->value));
    }
    for (; t->letters_seen < t->n_letters; t->letters_seen++) {
        const weir_test_kept_letter *l = &t->letters[t->letters_seen];
        const weir_error *why = &l->error;
        fail(t, file, line, "nobody has expected a dead letter: %s: %s%s%s [%s]", l->place,
            why->where, why->where[0] ? ": " : "", why->text, why->code);
    }
}

int weir_test_free_at(weir_test *t, const char *file, int line)
{
    if (t == &no_memory) {
        return 1;
    }
    set_place(t, file, line);
    (void)is_over(t);
    if (t->emitter) {
        weir_test_tell_what_is_left(t, file, line);
    }
    int failures = t->failures < MOST_FAILURES ? t->failures : MOST_FAILURES;
    close_app(t);
    weir_test_caches_free(t->caches);
    weir_memory_emitter_free(t->emitter);
    weir_memory_source_free(t->source);
    weir_arena_fini(&t->arena);
    weir_free(t->letters);
    weir_free(t);
    return failures;
}

/* ---- What comes ---------------------------------------------------------------------------------
 */

/* By a pattern, or the name, of a handler's topic. */
static bool is_matched(const weir_test *t, const char *topic)
{
    weir_handlers *h = weir_app_handlers(t->app);
    return h && weir_handlers_tag(h, weir_view_of(topic)) != UINT32_MAX;
}

static void add(weir_test *t, const char *file, int line, const char *topic, weir_view key,
    weir_view value, const weir_field *headers)
{
    weir_error err;
    bool cached = false;
    int64_t offset = -1;
    weir_status s =
        is_matched(t, topic) ? weir_memory_source_topic(t->source, topic, &err) : WEIR_OK;
    s = s ? s
          : weir_memory_source_add(t->source, topic, key, value, headers, t->now_ms, &offset, &err);
    s = s ? s
          : weir_test_caches_add(t->caches, topic, key, value, headers, t->now_ms, &cached, &err);
    if (s) {
        fail_with(t, file, line, &err);
    } else if (offset < 0 && !cached) {
        fail(t, file, line, "no handler, cache or table reads the topic %s", topic);
    } else if (offset >= 0) {
        t->last_topic = weir_arena_copy(&t->arena, weir_view_of(topic)).ptr;
        t->last_offset = offset;
    }
}

/* To handlers and caches alike: whoever reads its topic. */
bool weir_test_feed(weir_test *t, const weir_raw_record *r, weir_error *err)
{
    weir_view name, value;
    weir_field headers[MOST_HEADERS + 1];
    size_t n = 0;
    bool cached = false;
    while (n < MOST_HEADERS && r->headers.at && r->headers.at(r->headers.self, n, &name, &value)) {
        headers[n++] = (weir_field){
            .name = weir_arena_copy(&t->arena, name).ptr, .kind = WEIR_FIELD_TEXT, .text = value};
    }
    headers[n] = (weir_field){.kind = WEIR_FIELD_END};
    const char *topic = weir_arena_copy(&t->arena, r->topic).ptr;
    int64_t offset = -1;
    weir_status s = topic ? WEIR_OK : weir_fail_oom(err);
    s = s || !is_matched(t, topic) ? s : weir_memory_source_topic(t->source, topic, err);
    s = s ? s
          : weir_memory_source_add(
                t->source, topic, r->key, r->value, headers, t->now_ms, &offset, err);
    s = s ? s : weir_test_caches_record(t->caches, r, &cached, err);
    return !s && (offset >= 0 || cached);
}

weir_test_caches *weir_test_caches_of(weir_test *t)
{
    return t->caches;
}

bool weir_test_letter_at(const weir_test *t, size_t i, weir_test_letter *out)
{
    if (i >= t->n_letters) {
        return false;
    }
    const weir_test_kept_letter *l = &t->letters[i];
    *out = (weir_test_letter){l->topic, l->key, l->offset, &l->error};
    return true;
}

const weir_memory_emit *weir_test_next_emit(weir_test *t)
{
    const weir_memory_emit *e = weir_test_unseen_emit(t);
    t->emits_seen += e != NULL;
    return e;
}

void weir_test_expect_anything(weir_test *t)
{
    t->letters_seen = t->n_letters;
    while (weir_test_next_emit(t)) {
    }
}

void weir_test_record_at(weir_test *t, const char *file, int line, const char *topic,
    const char *key, const char *value, const weir_field *headers)
{
    if (!is_over(t)) {
        add(t, file, line, topic, weir_view_of(key), weir_view_of(value), headers);
    }
}

void weir_test_event_at(
    weir_test *t, const char *file, int line, const char *type, const char *key, const char *json)
{
    char id[32];
    if (is_over(t)) {
        return;
    }
    const weir_config_event *e = weir_config_event_named(weir_app_config(t->app), type);
    if (!e) {
        fail(t, file, line, "the config's events have no %s", type);
        return;
    }
    snprintf(id, sizeof id, "test-%u", ++t->ids);
    add(t, file, line, e->topic, weir_view_of(key), weir_view_of(json),
        W_OBJECT(W_STR("id", id), W_STR("type", type)));
}

void weir_test_change_at(weir_test *t, const char *file, int line, const char *table, char op,
    const char *key, const char *row)
{
    const char *name;
    weir_buf value = {0};
    if (is_over(t)) {
        return;
    }
    const weir_config_source *s = weir_app_source_of(weir_app_config(t->app), table, &name);
    if (!s) {
        weir_error err;
        weir_app_no_source(weir_app_config(t->app), table, WEIR_E_CASE_LINE, &err);
        fail(t, file, line, "%s", err.text);
        return;
    }
    if (!weir_test_change_fits(op, row)) {
        fail(t, file, line, "%s: %s", table, weir_test_change_form);
        return;
    }
    weir_test_change_put(&value, name, op, row, t->lsn += 100);
    const char *topic = weir_topic_of_table(&t->arena, s, name);
    if (value.failed || !topic) {
        fail(t, file, line, "out of memory");
    } else {
        add(t, file, line, topic, weir_view_of(key), weir_buf_view(&value), NULL);
    }
    weir_buf_fini(&value);
}

void weir_test_redeliver(weir_test *t)
{
    if (!is_over(t) && t->last_topic) {
        weir_memory_source_give_again(t->source, t->last_topic, t->last_offset);
    }
}

void weir_test_fail_emits(weir_test *t, unsigned n)
{
    weir_error why;
    weir_fail(&why, WEIR_E_KAFKA_PRODUCE, "the test lets emits fail");
    if (!is_over(t)) {
        weir_memory_emitter_fail(t->emitter, n, &why);
    }
}

void weir_test_limit(weir_test *t, const char *topic, size_t most_bytes)
{
    if (!is_over(t)) {
        weir_memory_emitter_limit(t->emitter, topic, most_bytes);
    }
}

void weir_test_forget(weir_test *t, const char *topic)
{
    if (!is_over(t)) {
        weir_memory_source_forget(t->source, topic);
    }
}

void weir_test_fail_transactions(weir_test *t, unsigned n)
{
    t->transactions.fail = n;
}

void weir_test_fail_letters(weir_test *t, unsigned n)
{
    t->letters_fail = n;
}

/* ---- What happens -------------------------------------------------------------------------------
 */

/* What lane 0 has to do now. Returns when it wants to be called again. */
static int64_t run_lane(weir_engine *e, weir_handlers *h, int64_t now)
{
    int64_t due;
    do {
        weir_chunk *c = weir_engine_next(e, 0, 0);
        if (c) {
            weir_handlers_processor.take(h, 0, c);
        }
        due = weir_handlers_processor.step(h, 0, now);
    } while (weir_test_lane_has_more(&e->queues[0]));
    return due;
}

/* In the background of a service; here as soon as there is something. */
static int64_t commit_transactions(weir_test *t, int64_t due, bool *did)
{
    weir_transactor *x = weir_app_transactor(t->app);
    if (!x || weir_engine_failed(weir_app_engine(t->app))) {
        return due;
    }
    uint64_t before = weir_transactor_count(x).committed;
    int64_t next = weir_transactor_round(x, t->now_ms);
    *did |= weir_transactor_count(x).committed != before;
    return next < due ? next : due;
}

static weir_status step_parking(weir_test *t, bool *did)
{
    weir_parking *p = weir_app_parking_of(t->app);
    weir_error err;
    weir_status s = p ? weir_parking_step(p, t->now_ms, 0, did, &err) : WEIR_OK;
    if (s) {
        weir_engine_fail(weir_app_engine(t->app), &err);
    }
    return s;
}

/* Until nothing comes any more at this moment. Returns when something is due. */
static int64_t settle_down(weir_test *t)
{
    bool parked;
    weir_engine *e = weir_app_engine(t->app);
    int64_t due = INT64_MAX;
    uint64_t before;
    weir_error err;
    if (weir_test_caches_run(t->caches, &err)) {
        fail_with(t, t->file, t->line, &err);
        t->over = true;
        return INT64_MAX;
    }
    if (!e) {
        return INT64_MAX;
    }
    do {
        before = weir_engine_get_counts(e).delivered;
        parked = false;
        if (weir_engine_poll(e, t->now_ms, 0) || step_parking(t, &parked)) {
            break;
        }
        due = run_lane(e, weir_app_handlers(t->app), t->now_ms);
        due = commit_transactions(t, due, &parked);
    } while ((parked || weir_engine_get_counts(e).delivered != before) && !weir_engine_failed(e));
    bool commits = !weir_app_transactor(t->app) && !weir_engine_failed(e);
    if (commits && weir_engine_commit(e, true, &err)) {
        fail_with(t, t->file, t->line, &err);
    }
    int64_t relay_due = weir_engine_failed(e) ? INT64_MAX : weir_test_relay(t, t->now_ms);
    return weir_engine_failed(e) ? INT64_MAX : due < relay_due ? due : relay_due;
}

/* The same, and deferred messages that are completed meanwhile. */
static int64_t settle_with_deferred(weir_test *t)
{
    int64_t due = settle_down(t);
    while (!is_over(t) && weir_test_await(t->app, &t->left_ms)) {
        t->left_ms = t->patience_ms;
        due = settle_down(t);
    }
    return due;
}

void weir_test_run_at(weir_test *t, const char *file, int line)
{
    set_place(t, file, line);
    if (!is_over(t)) {
        (void)settle_with_deferred(t);
        (void)is_over(t);
    }
}

void weir_test_patience(weir_test *t, int64_t ms)
{
    if (t->app) {
        t->left_ms = t->patience_ms = ms;
    }
}

void weir_test_advance_at(weir_test *t, const char *file, int line, int64_t ms)
{
    int64_t until_ms = t->now_ms + ms;
    set_place(t, file, line);
    for (int rounds = 0; !is_over(t) && rounds < MOST_ROUNDS; rounds++) {
        int64_t due = settle_with_deferred(t);
        if (due > until_ms) {
            break;
        }
        t->now_ms = due > t->now_ms ? due : t->now_ms;
    }
    t->now_ms = until_ms;
    weir_test_run_at(t, file, line);
}
