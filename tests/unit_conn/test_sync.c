/* Sync over a scripted source and a store in memory that fails as it is told: rows and offsets in
 * one transaction, holds, stops, records that cannot be used, housekeeping, memory that runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

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
    int begins_fail_later;                    /* behind a commit that has failed */
    weir_code code;
    unsigned begins, commits;
} gate;

static bool fails(int *left)
{
    bool now = *left > 0;
    *left -= now;
    return now;
}

static weir_status gate_begin(void *self, weir_error *err)
{
    gate.begins++;
    return fails(&gate.begins_fail) ? weir_fail(err, gate.code, "begin fails")
                                    : gate.inner.ops->begin(self, err);
}

static weir_status gate_put(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    return fails(&gate.puts_fail) ? weir_fail(err, gate.code, "put fails")
                                  : gate.inner.ops->put(self, cache, space, key, value, err);
}

static weir_status gate_commit(void *self, weir_error *err)
{
    if (fails(&gate.commits_fail)) {
        gate.inner.ops->abort(self);
        gate.begins_fail = gate.begins_fail_later;
        return weir_fail(err, gate.code, "commit fails");
    }
    gate.commits++;
    return gate.inner.ops->commit(self, err);
}

static void gate_open(void)
{
    gate = (struct gate){.code = WEIR_E_STORE_IO};
    assert_int_equal(weir_memory_store_open(0, &gate.inner, NULL), WEIR_OK);
    gate.ops = *gate.inner.ops;
    gate.ops.begin = gate_begin;
    gate.ops.put = gate_put;
    gate.ops.commit = gate_commit;
}

static void gate_close(void)
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

static int64_t wall_ms(void *ctx)
{
    return ((world *)ctx)->wall_ms;
}

static bool wait_held(void *ctx, int64_t ms)
{
    world *w = ctx;
    w->released_while_waiting += (unsigned)w->script.n_released;
    if (w->waits == w->waits_allowed) {
        return false;
    }
    w->waited_ms[w->waits++] = ms;
    return true;
}

static weir_status write_letters(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    world *w = self;
    assert_int_equal(n, 1);
    assert_string_equal(letters->error.code, "JSON_SYNTAX");
    assert_true(weir_view_is(letters->record->value, "{\"before\":"));
    if (w->letters_status) {
        weir_fail(err, WEIR_E_KAFKA_PRODUCE, "scripted");
        return err->status = w->letters_status;
    }
    w->letters++;
    return WEIR_OK;
}

static bool is_compacted(void *ctx, const char *topic)
{
    world *w = ctx;
    assert_string_equal(topic, "s.public.t");
    w->asked_compacted++;
    return true;
}

static uint32_t tag_of(void *ctx, weir_view topic)
{
    return weir_sync_tag(((world *)ctx)->sync, topic);
}

static void init(world *w)
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

static weir_status open_sync(world *w, weir_error *err)
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

static void begin(world *w)
{
    weir_error err;
    init(w);
    assert_int_equal(open_sync(w, &err), WEIR_OK);
}

static weir_status poll(world *w)
{
    weir_status s = weir_engine_poll(&w->engine, 0, 0);
    for (unsigned lane = 0; lane < LANES; lane++) {
        for (weir_chunk *c; (c = weir_engine_next(&w->engine, lane, 0));) {
            weir_sync_processor.take(w->sync, lane, c);
        }
    }
    return s;
}

static void run(world *w)
{
    assert_int_equal(poll(w), WEIR_OK);
    assert_int_equal(weir_sync_write(w->sync, 0), WEIR_OK);
}

static void end(world *w)
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
static void change(world *w, int64_t offset, const char *key, char op, int l, const char *after)
{
    char *text = texts[n_texts++ % SCRIPT_DEEDS];
    const char *snapshot = op == 'r' ? "true" : "false", *commit = op == 'r' ? "null" : "\\\"1\\\"";
    snprintf(text, sizeof texts[0], "{\"before\":null,\"after\":%s," SOURCE ",\"op\":\"%c\"}",
        after, "t", snapshot, commit, l, l, l, l, op);
    script_add(&w->script,
        (script_deed){.kind = SCRIPT_RECORD, .offset = offset, .key = key, .value = text});
}

static void garbage(world *w, int64_t offset, const char *key)
{
    script_add(&w->script,
        (script_deed){
            .kind = SCRIPT_RECORD, .offset = offset, .key = key, .value = "{\"before\":"});
}

static void tell_end(world *w, int64_t offset)
{
    script_add(&w->script, (script_deed){.kind = SCRIPT_END, .offset = offset});
}

#define K1 "{\"id\":1}"
#define K2 "{\"id\":2}"

/* A cache's row, NULL: there is none. */
static void expect_row(unsigned cache, const char *key, const char *expected)
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

static int64_t stored(void)
{
    int64_t next = -2;
    weir_error err;
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(weir_stored_offset(gate.inner, "s.public.t", 0, &next, &err), WEIR_OK);
    gate.inner.ops->abort(gate.inner.self);
    return next;
}

static void expect_failure(world *w, const char *code, const char *where)
{
    weir_error err;
    assert_true(weir_engine_failure(&w->engine, &err));
    assert_string_equal(err.code, code);
    assert_string_equal(err.where, where);
}

/* ---- Rows and offsets ---------------------------------------------------------------------------
 */

static void test_rows_and_offsets_are_one(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    unsigned commits = gate.commits;
    change(&w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
    change(&w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
    change(&w, 2, K1, 'u', 30, "{\"id\":1,\"v\":2}");
    tell_end(&w, 5); /* behind a marker */
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(w.script.n_released, 0);
    assert_false(weir_engine_ready(&w.engine));
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
    assert_int_equal(gate.commits, commits + 1);
    expect_row(1, K1, "{\"id\":1,\"v\":2}");
    expect_row(1, K2, "{\"id\":2,\"v\":1}");
    assert_int_equal(stored(), 5);
    assert_true(weir_engine_ready(&w.engine));
    assert_int_equal(weir_sync_transactions(w.sync), 1);
    weir_sync_stats stats;
    weir_sync_get_stats(w.sync, 0, &stats);
    assert_int_equal(stats.rows, 2);
    assert_int_equal(stats.count.changes, 3);
    assert_int_equal(stats.applied_high, 30);
    end(&w);
    begin(&w); /* where it left off */
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 0), 5);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 1), -1);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("other"), 0), -1);
    end(&w);
    gate_close();
}

/* Nothing comes, and the end moves: the offset follows when the writer is idle, once. */
static void test_offsets_move_without_records(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    tell_end(&w, 7);
    run(&w);
    assert_int_equal(stored(), 7);
    unsigned commits = gate.commits;
    run(&w);
    assert_int_equal(gate.commits, commits);
    end(&w);
    gate_close();
}

/* Another table's rows in a topic of the same name, and what is no row at all. */
static void test_what_is_not_ours(void **state)
{
    (void)state;
    world w;
    char text[400];
    gate_open();
    begin(&w);
    snprintf(text, sizeof text, "{\"before\":null,\"after\":{\"id\":1}," SOURCE ",\"op\":\"c\"}",
        "other", "false", "\\\"1\\\"", 10, 10, 10, 10);
    script_add(&w.script, (script_deed){.kind = SCRIPT_RECORD, .key = K1, .value = text});
    script_add(&w.script, (script_deed){.kind = SCRIPT_RECORD,
                              .offset = 1,
                              .key = K1,
                              .value = "{\"op\":\"m\",\"source\":{\"connector\":\"postgresql\"},"
                                       "\"message\":{\"prefix\":\"p\"}}"});
    run(&w);
    expect_row(1, K1, NULL);
    assert_int_equal(stored(), 2);
    assert_int_equal(weir_sync_rejected(w.sync), 0);
    end(&w);
    gate_close();
}

static void test_caches_by_name_and_rule(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    init(&w); /* a cache more: everything is read again */
    w.options.n_caches = w.topics[0].n_caches = 2;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    assert_int_equal(weir_sync_offset(w.sync, weir_view_of("s.public.t"), 0), -1);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    expect_row(1, K1, "{\"id\":1}");
    expect_row(2, K1, "{\"id\":1}");
    assert_int_equal(stored(), 1);
    end(&w);
    init(&w);
    w.caches[0].rule = weir_view_of("another rule");
    assert_int_equal(open_sync(&w, &err), WEIR_FATAL);
    assert_string_equal(err.code, "CACHE_RULE_CHANGED");
    gate_close();
}

static void test_a_store_of_another_format(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    begin(&w);
    end(&w);
    assert_int_equal(gate.inner.ops->begin(gate.inner.self, &err), WEIR_OK);
    assert_int_equal(gate.inner.ops->put(gate.inner.self, 0, WEIR_SPACE_META,
                         weir_view_of("format"), weir_view_of("weir store 9"), &err),
        WEIR_OK);
    assert_int_equal(gate.inner.ops->commit(gate.inner.self, &err), WEIR_OK);
    init(&w);
    assert_int_equal(open_sync(&w, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    gate_close();
}

static void test_partitions_are_counted(void **state)
{
    (void)state;
    world w;
    weir_error err;
    weir_view topic = weir_view_of("s.public.t");
    gate_open();
    begin(&w);
    assert_int_equal(weir_sync_check_partitions(w.sync, weir_view_of("other"), 3, &err), WEIR_OK);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    end(&w);
    begin(&w);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 2, &err), WEIR_OK);
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 3, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_PARTITIONS_ADDED");
    assert_int_equal(weir_sync_check_partitions(w.sync, topic, 1, &err), WEIR_FATAL);
    assert_string_equal(err.code, "KAFKA_OFFSETS_LOST");
    end(&w);
    gate_close();
}

/* ---- A store that holds -------------------------------------------------------------------------
 */

/* Tried again, longer and longer, until it is committed; nothing is released before. */
static void test_holds_until_it_passes(void **state)
{
    (void)state;
    world w;
    weir_error why;
    static int *const calls[] = {&gate.begins_fail, &gate.puts_fail, &gate.commits_fail};
    for (size_t i = 0; i < 3; i++) {
        gate_open();
        begin(&w);
        change(&w, 0, K1, 'c', 10, "{\"id\":1}");
        *calls[i] = 8;
        run(&w);
        assert_int_equal(w.waits, 8);
        for (int k = 0; k < 8; k++) {
            assert_int_equal(w.waited_ms[k], k < 6 ? 100 << k : 5000);
        }
        assert_int_equal(w.released_while_waiting, 0);
        assert_int_equal(w.log.lines, 1); /* at its level: "holding" */
        assert_false(weir_sync_held(w.sync, &why));
        expect_row(1, K1, "{\"id\":1}");
        assert_int_equal(stored(), 1);
        end(&w);
        gate_close();
    }
}

/* What the failed try has raised in memory must be taken back before the next one, however often
 * the store holds meanwhile: else the truncate would count as done, and sweep nothing. */
static void test_nothing_is_tried_from_raised_watermarks(void **state)
{
    (void)state;
    for (int begins = 0; begins < 3; begins++) {
        world w;
        gate_open();
        begin(&w);
        change(&w, 0, K1, 'c', 50, "{\"id\":1}");
        run(&w);
        change(&w, 1, NULL, 't', 100, "null");
        gate.commits_fail = 1;
        gate.begins_fail_later = begins;
        run(&w);
        assert_int_equal(w.waits, 1 + begins);
        expect_row(1, K1, NULL);
        assert_int_equal(stored(), 2);
        end(&w);
        gate_close();
    }
}

/* Asked to stop meanwhile: what is left is dropped, and nothing is stored any more, though the
 * store would. */
static void test_stopped_while_it_holds(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    run(&w);
    change(&w, 1, K1, 'u', 20, "{\"id\":1,\"v\":2}");
    tell_end(&w, 9);
    assert_int_equal(poll(&w), WEIR_OK);
    w.waits_allowed = 2;
    gate.commits_fail = 100;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_OK);
    assert_int_equal(w.waits, 2);
    assert_int_equal(w.script.n_released, 2); /* so that a drain ends */
    gate.commits_fail = 0;
    change(&w, 2, K1, 'u', 30, "{\"id\":1,\"v\":3}");
    run(&w);
    run(&w);
    assert_int_equal(stored(), 1);
    expect_row(1, K1, "{\"id\":1}");
    assert_false(weir_engine_failure(&w.engine, NULL));
    end(&w);
    gate_close();
}

static void test_a_broken_store_stops(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    assert_int_equal(poll(&w), WEIR_OK);
    gate.commits_fail = 1;
    gate.code = WEIR_E_STORE_BROKEN;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "STORE_BROKEN", "");
    assert_int_equal(w.script.n_released, 1);
    assert_int_equal(stored(), -1);
    end(&w);
    gate_close();
}

static void test_a_full_store_may_stop(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.options.stop_when_full = true;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    assert_int_equal(poll(&w), WEIR_OK);
    gate.puts_fail = 1;
    gate.code = WEIR_E_STORE_FULL;
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "STORE_FULL", "");
    assert_int_equal(w.waits, 0);
    end(&w);
    gate_close();
}

/* What nobody waits for is tried again later, and says so meanwhile. */
static void test_housekeeping_holds(void **state)
{
    (void)state;
    world w;
    weir_error why;
    gate_open();
    begin(&w);
    tell_end(&w, 7);
    gate.commits_fail = 1;
    run(&w);
    assert_true(weir_sync_held(w.sync, &why));
    assert_string_equal(why.code, "STORE_IO");
    assert_int_equal(stored(), -1);
    run(&w);
    assert_false(weir_sync_held(w.sync, &why));
    assert_int_equal(stored(), 7);
    assert_int_equal(w.waits, 0);
    end(&w);
    gate_close();
}

/* ---- Records that cannot be used ----------------------------------------------------------------
 */

static bool is_quarantined(const char *key)
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

static void test_dead_letters(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    garbage(&w, 1, K1);
    garbage(&w, 2, "no key");
    gate.commits_fail = 3; /* its dead letters are written all the same, and once */
    run(&w);
    assert_int_equal(w.letters, 2);
    assert_int_equal(weir_sync_rejected(w.sync), 2);
    assert_int_equal(stored(), 3);
    expect_row(1, K1, "{\"id\":1}");
    assert_true(is_quarantined(K1));
    change(&w, 3, K1, 'c', 20, "{\"id\":1,\"v\":2}"); /* a full image heals it */
    run(&w);
    assert_false(is_quarantined(K1));
    end(&w);
    gate_close();
}

static void test_dead_letters_hold(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    garbage(&w, 0, K1);
    w.letters_status = WEIR_HOLD;
    w.waits_allowed = 3;
    run(&w);
    assert_int_equal(w.waits, 3);
    assert_int_equal(w.letters, 0);
    assert_int_equal(stored(), -1);
    end(&w);
    gate_close();
}

static void test_other_policies(void **state)
{
    (void)state;
    world w;
    weir_error err;
    gate_open();
    init(&w);
    w.options.on_reject = WEIR_REJECT_SKIP;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    garbage(&w, 0, K1);
    run(&w);
    assert_int_equal(w.letters, 0);
    assert_int_equal(stored(), 1);
    end(&w);
    init(&w);
    w.options.on_reject = WEIR_REJECT_STOP;
    assert_int_equal(open_sync(&w, &err), WEIR_OK);
    garbage(&w, 1, K1);
    assert_int_equal(poll(&w), WEIR_OK);
    assert_int_equal(weir_sync_write(w.sync, 0), WEIR_FATAL);
    expect_failure(&w, "REJECTED", "s.public.t/0@1");
    assert_int_equal(stored(), 1);
    end(&w);
    gate_close();
}

/* ---- Alarms and gaps ----------------------------------------------------------------------------
 */

static void test_a_second_snapshot(void **state)
{
    (void)state;
    for (int accepts = 0; accepts < 2; accepts++) {
        world w;
        weir_error err;
        gate_open();
        init(&w);
        w.topics[0].stop_on_regress = !accepts;
        assert_int_equal(open_sync(&w, &err), WEIR_OK);
        change(&w, 0, K1, 'r', 10, "{\"id\":1}");
        run(&w);
        change(&w, 1, K1, 'r', 500, "{\"id\":1,\"v\":2}");
        assert_int_equal(poll(&w), WEIR_OK);
        assert_int_equal(weir_sync_write(w.sync, 0), accepts ? WEIR_OK : WEIR_FATAL);
        if (!accepts) {
            expect_failure(&w, "NEW_SNAPSHOT", "s.public.t/0@1");
        }
        assert_int_equal(stored(), 1 + accepts);
        end(&w);
        gate_close();
    }
}

/* Whether a topic is compacted is asked once, when offsets are first missed. */
static void test_gaps_ask_for_compaction(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin(&w);
    change(&w, 0, K1, 'c', 10, "{\"id\":1}");
    change(&w, 1, K2, 'c', 20, "{\"id\":2}");
    run(&w);
    assert_int_equal(w.asked_compacted, 0);
    change(&w, 9, K1, 'u', 30, "{\"id\":1}");
    change(&w, 19, K1, 'u', 40, "{\"id\":1}");
    run(&w);
    assert_int_equal(w.asked_compacted, 1);
    assert_true(w.sync->merges[0].gap_rule);
    end(&w);
    gate_close();
}

/* ---- Delete marks -------------------------------------------------------------------------------
 */

static uint64_t states(void)
{
    return gate.inner.ops->count(gate.inner.self, 1, WEIR_SPACE_STATE);
}

static void begin_with_marks(world *w, int32_t partitions)
{
    weir_error err;
    init(w);
    w->caches[0].delete_marks_ms = 60000;
    assert_int_equal(open_sync(w, &err), WEIR_OK);
    if (partitions) {
        assert_int_equal(
            weir_sync_check_partitions(w->sync, weir_view_of("s.public.t"), partitions, &err),
            WEIR_OK);
    }
    change(w, 0, K1, 'd', 10, "null");
    run(w);
}

/* A delete mark goes in time, also while records never cease to come. */
static void test_delete_marks_expire_under_load(void **state)
{
    (void)state;
    world w;
    gate_open();
    begin_with_marks(&w, 1);
    char *text = texts[n_texts++ % SCRIPT_DEEDS];
    for (int i = 1; i < 20; i++) {
        w.wall_ms += 5000;
        snprintf(text, sizeof texts[0],
            "{\"before\":null,\"after\":{\"id\":2}," SOURCE ",\"op\":\"u\"}", "t", "false",
            "\\\"20\\\"", 20 + i, 20 + i, 20 + i, 20 + i);
        script_add(
            &w.script, (script_deed){.kind = SCRIPT_RECORD, .offset = i, .key = K2, .value = text});
        run(&w);
        assert_int_equal(states(), w.wall_ms <= 1060000 ? 2 : states());
    }
    assert_int_equal(states(), 1);
    end(&w);
    gate_close();
}

/* Not while a partition may still bring something older; nor while nobody knows how many there are.
 */
static void test_delete_marks_wait_for_all_partitions(void **state)
{
    (void)state;
    for (int32_t partitions = 0; partitions <= 2; partitions += 2) {
        world w;
        gate_open();
        begin_with_marks(&w, partitions);
        change(&w, 1, K2, 'u', 5000, "{\"id\":2}");
        run(&w);
        for (int i = 0; i < 10; i++) {
            w.wall_ms += 20000;
            run(&w);
        }
        assert_int_equal(states(), 2);
        end(&w);
        gate_close();
    }
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

static weir_status live(world *w, weir_error *err)
{
    init(w);
    weir_status s = open_sync(w, err);
    if (s) {
        return s;
    }
    change(w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
    change(w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
    garbage(w, 2, K2);
    change(w, 3, K1, 'u', 30, "{\"id\":1,\"v\":2}");
    change(w, 4, K2, 'c', 40, "{\"id\":2,\"v\":2}");
    tell_end(w, 9);
    s = poll(w);
    weir_status written = weir_sync_write(w->sync, 0);
    s = s ? s : written;
    written = weir_sync_write(w->sync, 0);
    return s ? s : written;
}

/* Nothing is stored above what is applied, and what was not comes again. */
static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    for (int lasting = 0; lasting < 2; lasting++) {
        long at = 1;
        for (bool met = true; met; at++) {
            static world w;
            weir_error err;
            gate_open();
            weir_alloc_fail_at(at, lasting);
            weir_status s = live(&w, &err);
            met = weir_alloc_fail_at(0, 0) >= at;
            assert_true(met || !s);
            if (w.engine.queues) {
                assert_true(!s || weir_engine_failure(&w.engine, NULL));
                end(&w);
            } else {
                assert_string_equal(err.code, "OUT_OF_MEMORY");
            }
            n_texts = 0;
            init(&w);
            assert_int_equal(open_sync(&w, &err), WEIR_OK);
            int64_t from = stored();
            change(&w, 0, K1, 'c', 10, "{\"id\":1,\"v\":1}");
            change(&w, 1, K2, 'c', 20, "{\"id\":2,\"v\":1}");
            garbage(&w, 2, K2);
            change(&w, 3, K1, 'u', 30, "{\"id\":1,\"v\":2}");
            change(&w, 4, K2, 'c', 40, "{\"id\":2,\"v\":2}");
            /* Only what is at or above the stored offset is read again; deed 0 is the assignment.
             */
            size_t skip = from > 0 ? (size_t)(from < 5 ? from : 5) : 0;
            memmove(&w.script.deeds[1], &w.script.deeds[1 + skip],
                (w.script.n_deeds - 1 - skip) * sizeof w.script.deeds[0]);
            w.script.n_deeds -= skip;
            run(&w);
            expect_row(1, K1, "{\"id\":1,\"v\":2}");
            expect_row(1, K2, "{\"id\":2,\"v\":2}");
            assert_false(is_quarantined(K2));
            end(&w);
            gate_close();
        }
        assert_true(at > 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_offsets_are_one),
        cmocka_unit_test(test_offsets_move_without_records),
        cmocka_unit_test(test_what_is_not_ours),
        cmocka_unit_test(test_caches_by_name_and_rule),
        cmocka_unit_test(test_a_store_of_another_format),
        cmocka_unit_test(test_partitions_are_counted),
        cmocka_unit_test(test_holds_until_it_passes),
        cmocka_unit_test(test_nothing_is_tried_from_raised_watermarks),
        cmocka_unit_test(test_stopped_while_it_holds),
        cmocka_unit_test(test_a_broken_store_stops),
        cmocka_unit_test(test_a_full_store_may_stop),
        cmocka_unit_test(test_housekeeping_holds),
        cmocka_unit_test(test_dead_letters),
        cmocka_unit_test(test_dead_letters_hold),
        cmocka_unit_test(test_other_policies),
        cmocka_unit_test(test_a_second_snapshot),
        cmocka_unit_test(test_gaps_ask_for_compaction),
        cmocka_unit_test(test_delete_marks_expire_under_load),
        cmocka_unit_test(test_delete_marks_wait_for_all_partitions),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
