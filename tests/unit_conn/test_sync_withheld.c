/* Rows that the store refuses, and that no record of the batch brings: a half of a move has
 * completed them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

#define K3 "{\"id\":3}"
#define PLACEHOLDER "\"__debezium_unavailable_value\""

/* ---- A store that refuses rows with this value -------------------------------------------------
 */

static struct refusing {
    char key[40];
    bool any;
} refusing;

static weir_status refusing_put(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    weir_view bad = weir_view_of("\"big\"");
    bool found = space == WEIR_SPACE_ROW && memmem(value.ptr, value.len, bad.ptr, bad.len);
    if (space == WEIR_SPACE_ROW && (found || weir_view_is(key, refusing.key))) {
        refusing.any = found;
        snprintf(refusing.key, sizeof refusing.key, "%.*s", WEIR_ARG(key));
    }
    return gate.inner.ops->put(self, cache, space, key, value, err);
}

static weir_status refusing_del(
    void *self, unsigned cache, weir_space space, weir_view key, weir_error *err)
{
    refusing.any &= space != WEIR_SPACE_ROW || !weir_view_is(key, refusing.key);
    return gate.inner.ops->del(self, cache, space, key, err);
}

static weir_status refusing_begin(void *self, weir_error *err)
{
    refusing.any = false;
    return gate_begin(self, err);
}

static weir_status refusing_commit(void *self, weir_error *err)
{
    if (!refusing.any) {
        return gate_commit(self, err);
    }
    gate_abort(self);
    return weir_fail(err, WEIR_E_TABLE_REFUSED, "it is too big");
}

static bool refusing_refused(void *self, size_t i, unsigned *cache, weir_view *key, weir_error *why)
{
    (void)self;
    *cache = 1;
    *key = weir_view_of(refusing.key);
    weir_fail(why, WEIR_E_TABLE_REFUSED, "it is too big");
    return i == 0 && refusing.any;
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static char told_where[100];
static int64_t told_offset;

static weir_status take_letter(
    void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    (void)n, (void)err;
    ((world *)self)->letters++;
    assert_false(gate.open);
    assert_string_equal(letters->error.code, "TABLE_REFUSED");
    snprintf(told_where, sizeof told_where, "%s", letters->error.where);
    told_offset = letters->record->offset;
    return WEIR_OK;
}

static void begin_refusing(world *w, bool serve, bool trusted)
{
    weir_error err;
    gate_open();
    gate.ops.begin = refusing_begin;
    gate.ops.put = refusing_put;
    gate.ops.del = refusing_del;
    gate.ops.commit = refusing_commit;
    gate.ops.refused = refusing_refused;
    refusing = (struct refusing){.any = false};
    told_where[0] = '\0';
    init(w);
    w->options.dead_letters.write = take_letter;
    w->options.trust_rejected_keys = trusted;
    w->caches[0].view.hide_incomplete = !serve;
    assert_int_equal(open_sync(w, &err), WEIR_OK);
}

/* One half of a move. */
static void half(
    world *w, int64_t offset, const char *key, int l, const char *after, const char *other)
{
    change(w, offset, key, after ? 'c' : 'd', l, after ? after : "null");
    script_deed *d = &w->script.deeds[w->script.n_deeds - 1];
    d->header_name = after ? "__debezium.oldkey" : "__debezium.newkey";
    d->header = other;
}

static void expect_told(world *w, int64_t offset, const char *key)
{
    char where[100];
    weir_error err;
    snprintf(where, sizeof where, "row %s, whose key has moved", key);
    assert_false(weir_engine_failure(&w->engine, &err));
    assert_int_equal(w->waits, 0);
    assert_int_equal(w->letters, 1);
    assert_string_equal(told_where, where);
    assert_int_equal(told_offset, offset);
}

/* The row waits in one batch, and is completed by the next one. */
static void complete(bool serve, bool trusted)
{
    world w;
    begin_refusing(&w, serve, trusted);
    half(&w, 0, K2, 20, "{\"id\":2,\"t\":" PLACEHOLDER "}", K1);
    run(&w);
    const char *shown = serve ? "{\"id\":2,\"t\":null}" : NULL;
    expect_row(1, K2, shown);
    change(&w, 1, K1, 'c', 10, "{\"id\":1,\"t\":\"small\"}");
    run(&w);
    change(&w, 2, K1, 'u', 11, "{\"id\":1,\"t\":\"big\"}");
    half(&w, 3, K1, 20, NULL, K2);
    run(&w);
    expect_told(&w, 3, K2);
    expect_row(1, K1, NULL);
    expect_row(1, K2, shown);
    assert_int_equal(stored(), 4);
    change(&w, 4, K2, 'u', 30, "{\"id\":2,\"t\":\"small\"}");
    run(&w);
    expect_row(1, K2, "{\"id\":2,\"t\":\"small\"}");
    assert_int_equal(w.letters, 1);
    end(&w);
    gate_close();
}

static void test_completed(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        gate_by_key = i % 2;
        complete(i & 1, i & 2);
        complete(!(i & 1), i & 2);
    }
    gate_by_key = false;
}

/* The row has moved on, so that the half that completes it names another key. */
static void test_completed_by_a_chain(void **state)
{
    (void)state;
    for (int serve = 0; serve < 2; serve++) {
        world w;
        begin_refusing(&w, serve, false);
        half(&w, 0, K2, 20, "{\"id\":2,\"t\":" PLACEHOLDER "}", K1);
        half(&w, 1, K2, 30, NULL, K3);
        half(&w, 2, K3, 30, "{\"id\":3,\"t\":" PLACEHOLDER "}", K2);
        change(&w, 3, K1, 'c', 10, "{\"id\":1,\"t\":\"small\"}");
        run(&w);
        change(&w, 4, K1, 'u', 11, "{\"id\":1,\"t\":\"big\"}");
        half(&w, 5, K1, 20, NULL, K2);
        run(&w);
        expect_told(&w, 5, K3);
        expect_row(1, K1, NULL);
        expect_row(1, K2, NULL);
        expect_row(1, K3, serve ? "{\"id\":3,\"t\":null}" : NULL);
        assert_int_equal(stored(), 6);
        end(&w);
        gate_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completed),
        cmocka_unit_test(test_completed_by_a_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
