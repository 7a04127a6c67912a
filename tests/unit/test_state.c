/* The bytes of states and moves: what is written is read back, and damage is an error or at least
 * no reading beyond the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/state.h"
#include "sim/prng.h"
#include "support/guarded.h"

static weir_view text(const char *s)
{
    return weir_view_of(s);
}

/* A state with those of its optional parts whose bit is set. */
static weir_state state_of(unsigned parts)
{
    weir_state s = {.stamp = {0x0102030405060708, 0x1112131415161718},
        .partition = -1,
        .offset = INT64_MIN,
        .alive = parts & 1,
        .quarantined = parts & 2,
        .moved_in = parts & 4,
        .bare = parts & 8};
    if (parts & 8) {
        s.has_tx = true;
        s.tx = UINT64_MAX;
    }
    if (parts & 16) {
        s.has_seen = true;
        s.seen_delete = parts & 1;
        s.seen_partition = INT32_MAX;
        s.seen_offset = INT64_MAX;
    }
    if (parts & 32) {
        s.has_mark = true;
        s.mark = (weir_mark){{21, 22}, parts & 1, parts & 2, 23, 24};
    }
    if (parts & 64) {
        s.ahead_ms = -5;
        s.dead_ms = 6;
    }
    if (parts & 128) {
        s.ref = (weir_move_ref){text("{\"id\":1}"), 31};
    }
    if (parts & 256) {
        s.missing = text("[\"a\",\"b\"]");
    }
    if (parts & 512) {
        s.kept = true;
        s.kept_row = text("{\"id\":1,\"a\":null}");
    }
    return s;
}

static void assert_view(weir_view got, weir_view expected)
{
    assert_int_equal(got.len, expected.len);
    assert_true(weir_view_eq(got, expected));
}

static void assert_state(const weir_state *got, const weir_state *expected)
{
    assert_int_equal(got->alive, expected->alive);
    assert_int_equal(got->kept, expected->kept);
    assert_int_equal(got->quarantined, expected->quarantined);
    assert_int_equal(got->moved_in, expected->moved_in);
    assert_int_equal(got->bare, expected->bare);
    assert_int_equal(got->has_tx, expected->has_tx);
    assert_int_equal(got->has_mark, expected->has_mark);
    assert_int_equal(got->has_seen, expected->has_seen);
    assert_int_equal(got->seen_delete, expected->seen_delete);
    assert_int_equal(got->stamp.H, expected->stamp.H);
    assert_int_equal(got->stamp.l, expected->stamp.l);
    assert_int_equal(got->tx, expected->tx);
    assert_int_equal(got->partition, expected->partition);
    assert_int_equal(got->offset, expected->offset);
    assert_int_equal(got->mark.at.H, expected->mark.at.H);
    assert_int_equal(got->mark.at.l, expected->mark.at.l);
    assert_int_equal(got->mark.first, expected->mark.first);
    assert_int_equal(got->mark.edge, expected->mark.edge);
    assert_int_equal(got->mark.partition, expected->mark.partition);
    assert_int_equal(got->mark.offset, expected->mark.offset);
    assert_int_equal(got->seen_partition, expected->seen_partition);
    assert_int_equal(got->seen_offset, expected->seen_offset);
    assert_int_equal(got->ahead_ms, expected->ahead_ms);
    assert_int_equal(got->dead_ms, expected->dead_ms);
    assert_int_equal(got->ref.old_key.ptr != NULL, expected->ref.old_key.ptr != NULL);
    assert_view(got->ref.old_key, expected->ref.old_key);
    assert_int_equal(got->ref.l, expected->ref.l);
    assert_view(got->missing, expected->missing);
    assert_view(got->kept_row, expected->kept_row);
}

/* Every combination of flags and optional parts. */
static void test_states(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    for (unsigned parts = 0; parts < 1024; parts++) {
        weir_state s = state_of(parts), again;
        weir_buf_clear(&b);
        weir_state_put(&b, &s);
        assert_int_equal(weir_state_get(weir_buf_view(&b), &again, NULL), WEIR_OK);
        assert_state(&again, &s);
    }
    weir_buf_fini(&b);
}

/* The format is a promise to stores on disk: one state byte by byte. */
static void test_state_bytes(void **state)
{
    (void)state;
    static const unsigned char expected[] = {
        1,                                              /* format */
        0x89, 0x18,                                     /* alive, tx, seen, ref, missing */
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* H */
        0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, /* l */
        2, 0, 0, 0,                                     /* partition */
        3, 1, 0, 0, 0, 0, 0, 0,                         /* offset */
        7, 0, 0, 0, 0, 0, 0, 0,                         /* tx */
        4, 0, 0, 0,                                     /* seen: partition */
        5, 0, 0, 0, 0, 0, 0, 0,                         /* … and offset */
        31, 0, 0, 0, 0, 0, 0, 0,                        /* ref: l */
        1, 0, 0, 0, 'k',                                /* … and old key */
        2, 0, 0, 0, '[', ']',                           /* missing */
    };
    weir_state s = {.alive = true,
        .stamp = {0x0102030405060708, 0x1112131415161718},
        .partition = 2,
        .offset = 259,
        .has_tx = true,
        .tx = 7,
        .has_seen = true,
        .seen_partition = 4,
        .seen_offset = 5,
        .ref = {text("k"), 31},
        .missing = text("[]")};
    weir_buf b;
    weir_buf_init(&b);
    weir_state_put(&b, &s);
    assert_int_equal(b.len, sizeof expected);
    assert_memory_equal(b.ptr, expected, sizeof expected);
    weir_buf_fini(&b);
}

static const weir_move moves[] = {
    {.given = true, .row = {"{}", 2}, .H = 8, .at_ms = 9},
    {.given = true, .H = UINT64_MAX, .at_ms = INT64_MIN},
    {.given = true, .row = {"{\"a\":1}", 7}, .missing = {"[\"b\"]", 5}, .ref = {{"old", 3}, 17}},
    {.given = true, .missing = {"[\"b\"]", 5}},
    {.waiter_key = {"key", 3}, .H = 1, .at_ms = 1},
    {.waiter_is_move = true, .ref = {{"", 0}, UINT64_MAX}, .at_ms = 1},
};
enum { MOVES = sizeof moves / sizeof *moves };

static void test_moves(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    for (size_t i = 0; i < MOVES; i++) {
        const weir_move *m = &moves[i];
        weir_move again;
        weir_buf_clear(&b);
        weir_move_put(&b, m);
        assert_int_equal(weir_move_get(weir_buf_view(&b), &again, NULL), WEIR_OK);
        assert_int_equal(again.given, m->given);
        assert_int_equal(again.waiter_is_move, m->waiter_is_move);
        assert_int_equal(again.row.ptr != NULL, m->row.ptr != NULL);
        assert_view(again.row, m->row);
        assert_view(again.missing, m->missing);
        assert_int_equal(again.ref.old_key.ptr != NULL, m->ref.old_key.ptr != NULL);
        assert_view(again.ref.old_key, m->ref.old_key);
        assert_int_equal(again.ref.l, m->ref.l);
        assert_view(again.waiter_key, m->waiter_key);
        assert_int_equal(again.H, m->H);
        assert_int_equal(again.at_ms, m->at_ms);
    }
    weir_buf_fini(&b);
}

/* The keys of moves sort by position. */
static void test_move_keys(void **state)
{
    (void)state;
    static const uint64_t positions[] = {0, 1, 255, 256, 65536, 1ull << 40, UINT64_MAX};
    char last[64] = "";
    size_t last_len = 0;
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        weir_buf b;
        weir_buf_init(&b);
        weir_move_key_put(&b, (weir_move_ref){text("old"), positions[i]});
        assert_int_equal(b.len, 11);
        assert_memory_equal(b.ptr + 8, "old", 3);
        assert_true(weir_move_key_position(weir_buf_view(&b)) == positions[i]);
        assert_true(memcmp(last, b.ptr, last_len) < 0 || i == 0);
        memcpy(last, b.ptr, b.len);
        last_len = b.len;
        weir_buf_fini(&b);
    }
    assert_int_equal(weir_move_key_position(text("")), 0);
}

/* ---- Damage -----------------------------------------------------------------------------------
 */

static bool reads(weir_view bytes, bool is_move)
{
    weir_state s;
    weir_move m;
    weir_error err = {.code = ""};
    weir_status st = is_move ? weir_move_get(bytes, &m, &err) : weir_state_get(bytes, &s, &err);
    assert_true(st == WEIR_OK || strcmp(err.code, "STORE_BROKEN") == 0);
    return st == WEIR_OK;
}

static void sample(weir_buf *b, bool is_move)
{
    weir_buf_clear(b);
    if (is_move) {
        weir_move_put(b, &moves[2]);
    } else {
        weir_state s = state_of(1023);
        weir_state_put(b, &s);
    }
}

/* Cut off before its last text, which runs to the end, it is refused; a format of the future too.
 */
static void test_cut_off(void **state)
{
    (void)state;
    guarded memory = guarded_new(512);
    weir_buf b;
    weir_buf_init(&b);
    for (int is_move = 0; is_move < 2; is_move++) {
        sample(&b, is_move);
        size_t last = is_move ? moves[2].row.len : state_of(1023).kept_row.len;
        for (size_t len = 0; len <= b.len; len++) {
            weir_view bytes = guarded_copy(&memory, weir_view_make(b.ptr, len));
            assert_int_equal(reads(bytes, is_move), len >= b.len - last);
        }
        for (int format = 0; format < 256; format++) {
            b.ptr[0] = (char)format;
            assert_int_equal(reads(weir_buf_view(&b), is_move), format == 1);
        }
    }
    weir_buf_fini(&b);
    guarded_free(&memory);
}

static void test_bytes_behind(void **state)
{
    (void)state;
    weir_buf b;
    weir_buf_init(&b);
    weir_state s = state_of(511);
    weir_state_put(&b, &s);
    assert_true(reads(weir_buf_view(&b), false));
    weir_buf_putc(&b, 0);
    assert_false(reads(weir_buf_view(&b), false));
    weir_buf_clear(&b);
    weir_move_put(&b, &moves[4]);
    assert_true(reads(weir_buf_view(&b), true));
    weir_buf_putc(&b, 0);
    assert_false(reads(weir_buf_view(&b), true));
    weir_buf_fini(&b);
}

/* Random damage: refused, or read as something; never beyond the end. */
static void test_damaged(void **state)
{
    (void)state;
    guarded memory = guarded_new(512);
    weir_buf b;
    size_t refused = 0;
    weir_buf_init(&b);
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        sim_rng rng = sim_rng_of(seed, 1);
        sample(&b, seed % 2);
        for (int n = sim_between(&rng, 1, 4); n; n--) {
            b.ptr[sim_below(&rng, b.len)] = (char)sim_next(&rng);
        }
        weir_view bytes = weir_view_make(b.ptr, b.len - sim_below(&rng, 4));
        refused += !reads(guarded_copy(&memory, bytes), seed % 2);
    }
    assert_in_range(refused, 2000, 18000); /* both happen */
    weir_buf_fini(&b);
    guarded_free(&memory);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int is_move = 0; is_move < 2; is_move++) {
        weir_buf b;
        weir_buf_init(&b);
        for (long at = 1;; at++) {
            weir_buf_fini(&b);
            weir_alloc_fail_at(at, false);
            sample(&b, is_move);
            bool failed = weir_alloc_fail_at(0, 0) >= at;
            assert_int_equal(b.failed, failed);
            if (!failed) {
                break;
            }
        }
        weir_buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_state_bytes),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_move_keys),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_bytes_behind),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
