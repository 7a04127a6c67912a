/* A sync over a scripted source and a store in memory that fails as it is told; lanes and the
 * writer are the test's. Include after cmocka.h. */
#ifndef WEIR_TESTS_SCRIPTED_SYNC_H
#define WEIR_TESTS_SCRIPTED_SYNC_H

#include <stdio.h>

#include "memory/memory_store.h"
#include "support/scripted_source.h"
#include "sync/job.h"
#include "sync/stored.h"

enum { LANES = 2, WAITS = 16 };

/* ---- A store that fails as it is told -----------------------------------------------------------
 */

static struct gate {
    weir_store inner;
    weir_store_ops ops;
    int begins_fail, puts_fail, commits_fail; /* the next so many calls */
    bool rows_only;                           /* of puts, those of rows */
    int begins_fail_later;                    /* behind a commit that has failed */
    weir_code code;
    unsigned begins, commits;
    bool open; /* a transaction is: nothing is asked of the broker meanwhile */
} gate;

/* Of the store: batches are applied in the order of keys. */
static bool gate_by_key;

static inline bool fails(int *left)
{
    bool now = *left > 0;
    *left -= now;
    return now;
}

static inline weir_status gate_begin(void *self, weir_error *err)
{
    gate.begins++;
    if (fails(&gate.begins_fail)) {
        return weir_fail(err, gate.code, "begin fails");
    }
    gate.open = true;
    return gate.inner.ops->begin(self, err);
}

static inline weir_status gate_put(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    bool may_fail = !gate.rows_only || space == WEIR_SPACE_ROW;
    return may_fail && fails(&gate.puts_fail)
               ? weir_fail(err, gate.code, "put fails")
               : gate.inner.ops->put(self, cache, space, key, value, err);
}

static inline void gate_abort(void *self)
{
    gate.open = false;
    gate.inner.ops->abort(self);
}

static inline weir_status gate_commit(void *self, weir_error *err)
{
    gate.open = false;
    if (fails(&gate.commits_fail)) {
        gate.inner.ops->abort(self);
        gate.begins_fail = gate.begins_fail_later;
        return weir_fail(err, gate.code, "commit fails");
    }
    gate.commits++;
    return gate.inner.ops->commit(self, err);
}

static inline void gate_open(void)
{
    gate = (struct gate){.code = WEIR_E_STORE_IO};
    assert_int_equal(weir_memory_store_open(0, &gate.inner, NULL), WEIR_OK);
    gate.ops = *gate.inner.ops;
    gate.ops.by_key = gate_by_key;
    gate.ops.begin = gate_begin;
    gate.ops.put = gate_put;
    gate.ops.commit = gate_commit;
    gate.ops.abort = gate_abort;
}

static inline void gate_close(void)
{
    gate.inner.ops->close(gate.inner.self);
    assert_int_equal(weir_alloc_live(), 0);
}

/* ---- A world of one sync ------------------------------------------------------------------------
 */

typedef struct world {
    weir_engine engine;
    weir_sync *sync;
    script script;
    script_log log;
    weir_sync_cache caches[2];
    weir_sync_topic topics[2];
    weir_sync_options options;
    int64_t wall_ms;
    int64_t waited_ms[WAITS];
    int waits, waits_allowed;
    unsigned released_while_waiting;
    unsigned letters, asked_compacted;
    weir_status letters_status;
} world;

static const weir_source_rules rules = {.topic_prefix = {"s", 1}, .positions = true};
static const unsigned both[] = {0, 1};

static inline int64_t wall_ms(void *ctx)
{
    return ((world *)ctx)->wall_ms;
}

static inline bool wait_held(void *ctx, int64_t ms)
{
    world *w = ctx;
    weir_engine_counts c = weir_engine_get_counts(&w->engine);
    w->released_while_waiting += (unsigned)(c.delivered - c.open);
    if (w->waits == w->waits_allowed) {
        return false;
    }
    w->waited_ms[w->waits++] = ms;
    return true;
}

static inline weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    world *w = self;
    assert_int_equal(n, 1);
    assert_false(gate.open);
    assert_string_equal(letters->error.code, "JSON_SYNTAX");
    assert_true(weir_view_is(letters->record->value, "{\"before\":"));
    if (w->letters_status) {
        weir_fail(err, WEIR_E_KAFKA_PRODUCE, "scripted");
        return err->status = w->letters_status;
    }
    w->letters++;
    return WEIR_OK;
}

static inline bool is_compacted(void *ctx, const char *topic)
{
    world *w = ctx;
    assert_false(gate.open);
    assert_string_equal(topic, "s.public.t");
    w->asked_compacted++;
    return true;
}

static inline uint32_t tag_of(void *ctx, weir_view topic)
{
    return weir_sync_tag(((world *)ctx)->sync, topic);
}

static inline void init(world *w)
{
    *w = (world){.wall_ms = 1000000, .waits_allowed = WAITS, .script = {.topic = "s.public.t"}};
    w->caches[0] = (weir_sync_cache){.name = "one", .rule = weir_view_of("rule 1")};
    w->caches[1] = (weir_sync_cache){.name = "two", .rule = weir_view_of("rule 2")};
    w->topics[0] = (weir_sync_topic){.topic = "s.public.t",
        .table = "public.t",
        .source = &rules,
        .caches = both,
        .n_caches = 1,
        .stop_on_regress = true};
    w->options = (weir_sync_options){.name = "test",
        .caches = w->caches,
        .n_caches = 1,
        .topics = w->topics,
        .n_topics = 1,
        .lanes = LANES,
        .dead_letters = {write_letters, w},
        .compacted = is_compacted,
        .wall_ms = wall_ms,
        .wait = wait_held,
        .ctx = w,
        .log = script_log_begin(&w->log)};
}

static inline weir_status open_sync(world *w, weir_error *err)
{
    weir_status s =
        weir_sync_new(&w->options, (weir_store){&gate.ops, gate.inner.self}, &w->sync, err);
    if (s) {
        return s;
    }
    weir_engine_options o = {
        .name = "test", .lanes = LANES, .tag = tag_of, .ctx = w, .log = &w->log.log};
    s = weir_engine_init(&w->engine, &o, script_source(&w->script),
        (weir_processor){&weir_sync_processor, w->sync}, err);
    if (s) {
        weir_sync_free(w->sync);
        return s;
    }
    weir_sync_attach(w->sync, &w->engine);
    int64_t start = weir_sync_offset(w->sync, weir_view_of("s.public.t"), 0);
    script_add(&w->script, (script_deed){.kind = SCRIPT_ASSIGN, .offset = start});
    return WEIR_OK;
}

static inline void begin(world *w)
{
    weir_error err;
    init(w);
    assert_int_equal(open_sync(w, &err), WEIR_OK);
}

static inline weir_status poll(world *w)
{
    weir_status s = weir_engine_poll(&w->engine, 0, 0);
    for (unsigned lane = 0; lane < LANES; lane++) {
        for (weir_chunk *c; (c = weir_engine_next(&w->engine, lane, 0));) {
            weir_sync_processor.take(w->sync, lane, c);
        }
    }
    return s;
}

static inline void run(world *w)
{
    assert_int_equal(poll(w), WEIR_OK);
    assert_int_equal(weir_sync_write(w->sync, 0), WEIR_OK);
}

static inline void end(world *w)
{
    weir_engine_abandon(&w->engine);
    weir_sync_abandon(w->sync);
    assert_true(weir_engine_idle(&w->engine));
    weir_engine_fini(&w->engine);
    weir_sync_free(w->sync);
    assert_int_equal(w->script.n_released, w->script.n_messages);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static char texts[SCRIPT_DEEDS][400];
static size_t n_texts;

#define SOURCE                                                                         \
    "\"source\":{\"connector\":\"postgresql\",\"schema\":\"public\",\"table\":\"%s\"," \
    "\"snapshot\":"                                                                    \
    "\"%s\",\"sequence\":\"[%s,\\\"%d\\\"]\",\"txId\":%d,\"lsn\":%d,\"ts_ms\":%d,\"db\":\"d\"}"

/* A change of public.t at position l; after: the row, or "null". */
static inline void change(
    world *w, int64_t offset, const char *key, char op, int l, const char *after)
{
    char *text = texts[n_texts++ % SCRIPT_DEEDS];
    const char *snapshot = op == 'r' ? "true" : "false", *commit = op == 'r' ? "null" : "\\\"1\\\"";
    snprintf(text, sizeof texts[0], "{\"before\":null,\"after\":%s," SOURCE ",\"op\":\"%c\"}",
        after, "t", snapshot, commit, l, l, l, l, op);
    script_add(&w->script,
        (script_deed){.kind = SCRIPT_RECORD, .offset = offset, .key = key, .value = text});
}

static inline void garbage(world *w, int64_t offset, const char *key)
{
    script_add(&w->script,
        (script_deed){
            .kind = SCRIPT_RECORD, .offset = offset, .key = key, .value = "{\"before\":"});
}

static inline void tell_end(world *w, int64_t offset)
{
    script_add(&w->script, (script_deed){.kind = SCRIPT_END, .offset = offset});
}

#define K1 "{\"id\":1}"
#define K2 "{\"id\":2}"

/* A cache's row, NULL: there is none. */
static inline void expect_row(unsigned cache, const char *key, const char *expected)
{
    weir_buf row = {0};
    bool found;
    weir_error err;
    assert_int_equal(gate.inner.ops->read(gate.inner.self, cache, WEIR_SPACE_ROW, weir_view_of(key),
                         &row, &found, &err),
        WEIR_OK);
    if (found != (expected != NULL) || (found && !weir_view_is(weir_buf_view(&row), expected))) {
        fail_msg("%s is %s", key, found ? weir_buf_str(&row) : "gone");
    }
    weir_buf_fini(&row);
}

static inline int64_t stored(void)
{
    int64_t next = -2;
    weir_error err;
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(weir_stored_offset(gate.inner, "s.public.t", 0, &next, &err), WEIR_OK);
    gate.inner.ops->abort(gate.inner.self);
    return next;
}

static inline void expect_failure(world *w, const char *code, const char *where)
{
    weir_error err;
    assert_true(weir_engine_failure(&w->engine, &err));
    assert_string_equal(err.code, code);
    assert_string_equal(err.where, where);
}

static inline bool is_quarantined(const char *key)
{
    weir_buf bytes = {0};
    bool found;
    weir_state st = {0};
    weir_error err;
    assert_int_equal(gate.inner.ops->read(gate.inner.self, 1, WEIR_SPACE_STATE, weir_view_of(key),
                         &bytes, &found, &err),
        WEIR_OK);
    bool is = found && !weir_state_get(weir_buf_view(&bytes), &st, &err) && st.quarantined;
    weir_buf_fini(&bytes);
    return is;
}

#endif
