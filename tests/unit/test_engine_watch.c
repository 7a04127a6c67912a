/* What an engine knows of its source's trouble, and of topics that were found: for the status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/engine.h"

/* A source that does in a poll what the test says. */
typedef enum deed { NOTHING, ASSIGN, TROUBLE, RECORD, END } deed;

typedef struct script {
    deed next;
    weir_partition *partition;
    int64_t offset;
} script;

static weir_status poll_script(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    script *s = self;
    weir_error trouble;
    (void)max_records, (void)timeout_ms, (void)err;
    switch (s->next) {
    case NOTHING:
        break;
    case ASSIGN:
        s->partition = events->assigned(engine, weir_view_of("orders"), 0, 0);
        break;
    case TROUBLE:
        weir_fail(&trouble, WEIR_E_KAFKA_UNREACHABLE, "nobody is there");
        events->error(engine, &trouble);
        break;
    case RECORD:
        events->record(engine, s->partition,
            &(weir_raw_record){.topic = weir_view_of("orders"), .offset = s->offset++}, NULL);
        break;
    case END:
        events->end(engine, s->partition, s->offset);
        break;
    }
    return WEIR_OK;
}

static void release(void *self, void *message)
{
    (void)self, (void)message;
}

static void nothing(void *self)
{
    (void)self;
}

static int64_t end_offset(void *self, const weir_partition *p)
{
    (void)p;
    return ((script *)self)->offset;
}

static const weir_source_ops source_ops = {
    .poll = poll_script,
    .release = release,
    .wake = nothing,
    .end_offset = end_offset,
    .close = nothing,
};

static uint32_t tag_of(void *ctx, weir_view topic)
{
    (void)ctx;
    return weir_view_is(topic, "orders") ? 7 : UINT32_MAX;
}

static const weir_processor_ops processor_ops = {.take = NULL};

static void begin(weir_engine *e, script *s)
{
    weir_error err;
    weir_engine_options options = {
        .name = "test", .lanes = 1, .in_flight_bytes = 1 << 20, .tag = tag_of};
    assert_int_equal(weir_engine_init(e, &options, (weir_record_source){&source_ops, s},
                         (weir_processor){&processor_ops, NULL}, &err),
        WEIR_OK);
}

static void play(weir_engine *e, script *s, deed next, int64_t now_ms)
{
    s->next = next;
    assert_int_equal(weir_engine_poll(e, now_ms, 0), WEIR_OK);
}

static void settle_all(weir_engine *e)
{
    for (weir_chunk *c = weir_engine_next(e, 0, 0); c; c = weir_engine_next(e, 0, 0)) {
        unsigned n = c->count; /* the chunk goes with its last record */
        for (unsigned i = 0; i < n; i++) {
            weir_record *r = &c->records[i];
            weir_engine_settle(e, &r, 1);
        }
    }
}

/* Told with its time; over when something comes, a record or the word that there is none. */
static void test_trouble(void **state)
{
    (void)state;
    static const deed signs[] = {RECORD, END};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        weir_engine e;
        script s = {.next = NOTHING};
        weir_error why;
        int64_t told_ms = 0;
        begin(&e, &s);
        play(&e, &s, ASSIGN, 1000);
        assert_false(weir_engine_waiting(&e, &why, &told_ms));
        play(&e, &s, TROUBLE, 2000);
        play(&e, &s, NOTHING, 3000);
        assert_true(weir_engine_waiting(&e, &why, &told_ms));
        assert_int_equal(told_ms, 2000);
        assert_string_equal(why.code, "KAFKA_UNREACHABLE");
        assert_string_equal(why.text, "nobody is there");
        play(&e, &s, signs[i], 4000);
        assert_false(weir_engine_waiting(&e, &why, &told_ms));
        settle_all(&e);
        weir_engine_fini(&e);
    }
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_topic_is_found(void **state)
{
    (void)state;
    weir_engine e;
    script s = {.next = NOTHING};
    begin(&e, &s);
    play(&e, &s, NOTHING, 0);
    assert_false(weir_engine_has(&e, 7));
    play(&e, &s, ASSIGN, 0);
    assert_true(weir_engine_has(&e, 7));
    assert_false(weir_engine_has(&e, 8));
    weir_engine_fini(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_topic_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
