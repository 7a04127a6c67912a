/* Dates, times and timestamps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/column_cases.h"

static void test_cases(void **state)
{
    (void)state;
    run_column_cases("time.tsv");
}

static void test_without_memory(void **state)
{
    (void)state;
    starve_column_cases("time.tsv");
}

/* A calendar that only knows how to go to the next day. */
typedef struct calendar {
    int year, month, day;
} calendar;

static void next_day(calendar *c)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
    if (++c->day <= lengths[c->month - 1] + (c->month == 2 && leap)) {
        return;
    }
    c->day = 1;
    if (++c->month > 12) {
        c->month = 1;
        c->year++;
    }
}

static weir_column column_of(const char *type, weir_arena *arena)
{
    weir_column column;
    assert_int_equal(
        weir_column_from_pg(weir_view_of("c"), weir_view_of(type), NULL, arena, &column, NULL),
        WEIR_OK);
    return column;
}

static void assert_rendered(
    const weir_column *c, uint8_t type, const char *text, const char *expected)
{
    weir_value v = {.at = text, .len = (uint32_t)strlen(text), .type = type, .skip = 1};
    weir_buf to;
    weir_buf_init(&to);
    assert_int_equal(weir_column_render(c, &v, NULL, &to, NULL), WEIR_OK);
    assert_string_equal(weir_buf_str(&to), expected);
    weir_buf_fini(&to);
}

/* Every day of 12 centuries around the turn of the era and of 6 around the epoch, as a number and
 * as ISO text. */
static void test_every_day(void **state)
{
    (void)state;
    static const struct {
        long first;
        calendar at;
        long count;
    } spans[] = {
        {-938710, {-601, 11, 25}, 146097}, /* 0602-11-25 BC */
        {-719528, {0, 1, 1}, 1000},        /* 0001-01-01 BC */
        {-25567, {1900, 1, 1}, 73049},
    };
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column date = column_of("date", &arena);
    for (size_t s = 0; s < sizeof spans / sizeof *spans; s++) {
        calendar c = spans[s].at;
        for (long i = 0; i < spans[s].count; i++, next_day(&c)) {
            char number[24], iso[24], expected[24];
            snprintf(number, sizeof number, "%ld", spans[s].first + i);
            snprintf(iso, sizeof iso, "%s%04d-%02d-%02dZ", c.year < 0 ? "-" : "",
                c.year < 0 ? -c.year : c.year, c.month, c.day);
            snprintf(expected, sizeof expected, "\"%04d-%02d-%02d%s\"",
                c.year > 0 ? c.year : 1 - c.year, c.month, c.day, c.year > 0 ? "" : " BC");
            assert_rendered(&date, WEIR_INT, number, expected);
            if (i % 16 == 0) {
                assert_rendered(&date, WEIR_STRING, iso, expected);
            }
        }
    }
    weir_arena_fini(&arena);
}

/* Every offset a zone may have, around midnight. */
static void test_every_offset(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_column column = column_of("timestamptz", &arena);
    for (int minutes = -16 * 60 + 1; minutes < 16 * 60; minutes++) {
        char text[40], expected[40];
        int utc = 24 * 60 - minutes; /* of 2026-03-01T00:00, from the day before */
        int ahead = minutes < 0 ? -minutes : minutes;
        snprintf(text, sizeof text, "2026-03-01T00:00:30.5%c%02d:%02d", minutes < 0 ? '-' : '+',
            ahead / 60, ahead % 60);
        snprintf(expected, sizeof expected, "\"2026-%s-%sT%02d:%02d:30.5+00:00\"",
            utc < 24 * 60 ? "02" : "03", utc < 24 * 60 ? "28" : "01", utc / 60 % 24, utc % 60);
        assert_rendered(&column, WEIR_STRING, text, expected);
    }
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_every_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
