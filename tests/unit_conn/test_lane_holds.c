/* A lane of a sync whose records need a registry that does not answer: it waits, it goes on, it is
 * stopped meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

/* By a schema's GUID. */
#define FRAMED         \
    "\001"             \
    "0123456789abcdef" \
    "x"

static int away; /* for so many questions; below 0: for ever */
static unsigned asked;

/* Once it answers, it has no such schema: the record is rejected then. */
static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    (void)self, (void)ref, (void)arena, (void)out;
    asked++;
    if (away) {
        away--;
        return weir_fail(err, WEIR_E_REGISTRY_UNREACHABLE, "nobody answers");
    }
    return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "there is none");
}

static void closes(void *self)
{
    (void)self;
}

static const weir_registry_ops ops = {.fetch = fetch, .close = closes};

typedef struct holding {
    world w;
    weir_source_rules rules;
} holding;

static void open_holding(holding *h, int questions)
{
    weir_error err;
    gate_open();
    init(&h->w);
    away = questions;
    asked = 0;
    h->rules = (weir_source_rules){.topic_prefix = {"s", 1}, .positions = true};
    assert_int_equal(
        weir_avro_schemas_new((weir_registry){&ops, NULL}, &h->rules.schemas, &err), WEIR_OK);
    h->w.topics[0].source = &h->rules;
    h->w.options.on_reject = WEIR_REJECT_SKIP;
    assert_int_equal(open_sync(&h->w, &err), WEIR_OK);
    script_add(&h->w.script,
        (script_deed){.kind = SCRIPT_RECORD, .offset = 0, .key = K1, .value = FRAMED});
    script_add(&h->w.script,
        (script_deed){.kind = SCRIPT_RECORD, .offset = 1, .key = K1, .value = FRAMED});
}

static void close_holding(holding *h)
{
    end(&h->w);
    weir_avro_schemas_free(h->rules.schemas);
    gate_close();
}

/* Told once that it waits, once that it goes on; longer and longer. */
static void test_waits(void **state)
{
    (void)state;
    holding h;
    open_holding(&h, 3);
    run(&h.w);
    assert_int_equal(h.w.waits, 3);
    assert_int_equal(h.w.waited_ms[0], 100);
    assert_int_equal(h.w.waited_ms[2], 400);
    assert_int_equal(weir_sync_rejected(h.w.sync), 2);
    assert_int_equal(stored(), 2);
    close_holding(&h);
}

/* Nothing has failed: what it held comes again. */
static void test_stopped_meanwhile(void **state)
{
    (void)state;
    holding h;
    weir_error err;
    open_holding(&h, -1);
    h.w.waits_allowed = 2;
    run(&h.w);
    assert_int_equal(h.w.waits, 2);
    assert_false(weir_engine_failure(&h.w.engine, &err));
    assert_true(weir_engine_idle(&h.w.engine));
    assert_true(stored() <= 0);
    close_holding(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_stopped_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
