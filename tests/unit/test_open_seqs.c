/* The numbers that a relay is not done with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "service/open_seqs.h"

static weir_open_seqs o;

/* "[1-3] 4 [5-5]": gaps in brackets. */
static void expect(const char *what)
{
    static char text[512];
    int len = 0;
    for (size_t i = 0; i < o.n; i++) {
        const weir_open_seq *e = &o.items[i];
        len += snprintf(text + len, sizeof text - (size_t)len, e->is_gap ? "%s[%d-%d]" : "%s%d",
            i ? " " : "", (int)e->seq, (int)e->last);
    }
    assert_string_equal(len ? text : "", what);
}

static void test_what_is_jumped_over_is_a_gap(void **state)
{
    (void)state;
    weir_open_reset(&o, 10);
    assert_int_equal(weir_open_sent_up_to(&o), 10);
    assert_true(weir_open_pass(&o, 11));
    assert_true(weir_open_pass(&o, 15));
    expect("11 [12-14] 15");
    assert_int_equal(weir_open_sent_up_to(&o), 10);
    weir_open_remove(&o, weir_open_find(&o, 11));
    assert_int_equal(weir_open_sent_up_to(&o), 11);
    weir_open_remove(&o, weir_open_find(&o, 15));
    expect("[12-14]");
    assert_int_equal(weir_open_sent_up_to(&o), 11);
    weir_open_remove(&o, weir_open_find(&o, 13));
    assert_int_equal(weir_open_sent_up_to(&o), 15);
    weir_open_remove(&o, weir_open_find(&o, 13)); /* no such number any more */
    expect("");
}

static void test_a_row_in_a_gap_splits_it(void **state)
{
    (void)state;
    static const struct {
        int64_t seq;
        const char *becomes;
    } cases[] = {{1, "1 [2-5] 6"}, {3, "[1-2] 3 [4-5] 6"}, {5, "[1-4] 5 6"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_open_reset(&o, 0);
        assert_true(weir_open_pass(&o, 6));
        o.items[0].since = 7;
        weir_open_split(&o, weir_open_find(&o, cases[i].seq), cases[i].seq);
        expect(cases[i].becomes);
        assert_int_equal(o.items[0].is_gap ? o.items[0].since : o.items[1].since, 7);
        assert_false(weir_open_find(&o, cases[i].seq)->is_gap);
        assert_int_equal(weir_open_find(&o, cases[i].seq)->topic, -1);
    }
    weir_open_reset(&o, 0);
    assert_true(weir_open_pass(&o, 2));
    weir_open_split(&o, weir_open_find(&o, 1), 1);
    expect("1 2");
}

static void test_there_is_a_bound(void **state)
{
    (void)state;
    weir_open_reset(&o, 0);
    int64_t seq = 0;
    while (weir_open_pass(&o, seq += 3)) {
    }
    assert_int_equal(o.n, WEIR_MOST_OPEN);
    assert_int_equal(o.next, seq - 3);
    assert_null(weir_open_find(&o, seq));
    for (int64_t i = 1; i < seq - 3; i += 3) { /* what appears in gaps has room of its own */
        size_t before = o.n;
        weir_open_split(&o, weir_open_find(&o, i), i);
        assert_int_equal(o.n, before + 1);
    }
    while (o.n + 2 <= WEIR_MOST_SPLIT_OPEN) { /* as far as that goes */
        o.items[o.n] = (weir_open_seq){.seq = seq, .last = seq};
        o.n++;
        seq++;
    }
    o.items[1].since = 7;
    assert_true(o.items[1].is_gap);
    weir_open_split(&o, &o.items[1], 2);
    assert_true(o.items[1].is_gap && !o.items[1].since); /* later */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_jumped_over_is_a_gap),
        cmocka_unit_test(test_a_row_in_a_gap_splits_it),
        cmocka_unit_test(test_there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
