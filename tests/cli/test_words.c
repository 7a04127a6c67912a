/* What people write on a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../cli/words.h"

/* What the program would have given: the option's value, and that a usage was said. */
const char *weir_cli_option(weir_cli *cli, const char *name)
{
    assert_string_equal(name, "--rate");
    return cli->argc ? cli->argv[0] : NULL;
}

int weir_cli_usage(const weir_cli *cli, const char *fmt, ...)
{
    (void)cli, (void)fmt;
    return EXIT_USAGE;
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"0s", 0}, {"500ms", 500}, {"2s", 2000}, {"1.5m", 90000}, {"1h", 3600000},
        {"7d", 604800000}, {"", -1}, {"5", -1}, {"s", -1}, {"-1s", -1}, {"5 s", -1}, {"5sec", -1},
        {"1e300s", -1}, {"infs", -1}, {"nans", -1}, {" 5s", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_cli_duration(cases[i].text), cases[i].ms);
    }
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {{"0", 0}, {"17", 17}, {"10B", 10}, {"3KiB", 3072}, {"64MiB", 64 << 20},
        {"2GiB", INT64_C(2) << 30}, {"", -1}, {"MiB", -1}, {"-1", -1}, {"1MB", -1}, {"1 KiB", -1},
        {"99999999999999999999", -1}, {"9999999999", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_cli_size(cases[i].text), cases[i].bytes);
    }
}

static void test_times(void **state)
{
    const int64_t now = 1795374774626, day = 1795305600000;
    const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"2026-11-22T19:12:54Z", now - 626}, {"2026-11-22T19:12:54.626Z", now},
        {"2026-11-22 19:12:54.626", now}, {"2026-11-22T19:12:54.6", now - 26},
        {"2026-11-22T19:12:54.626999Z", now}, {"2026-11-22", day}, {"30s", now + 30000},
        {"1970-01-01T00:00:00Z", 0}, {"", -1}, {"now", -1}, {"2026-13-01", -1},
        {"2026-11-22T25:00:00Z", -1}, {"2026-11-22T19:12:54+01:00", -1}, {"2026-11-22x", -1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_cli_time(cases[i].text, now), cases[i].ms);
    }
    assert_true(weir_cli_now() > 1700000000000);
}

static void test_places(void **state)
{
    static const struct {
        const char *text, *topic;
        int32_t partition;
        int64_t offset;
    } cases[] = {{"a.b/3@4711", "a.b", 3, 4711}, {"t/0@earliest", "t", 0, -1}, {"7@9", "", 7, 9},
        {"a/b/1@2", "a/b", 1, 2}, {"a@b/1@2", "a@b", 1, 2}};
    static const char *const none[] = {"", "@", "t", "t/3", "t@3", "/3@4", "t/@4", "t/3@", "t/3@x",
        "t/3@-1", "t/-1@3", "t/x@3", "t/4294967296@1", "@5"};
    weir_cli_place p;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(weir_cli_place_of(weir_view_of(cases[i].text), &p));
        assert_true(weir_view_is(p.topic, cases[i].topic));
        assert_int_equal(p.partition, cases[i].partition);
        assert_int_equal(p.offset, cases[i].offset);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(weir_cli_place_of(weir_view_of(none[i]), &p));
    }
}

static void test_counts(void **state)
{
    static const struct {
        const char *text;
        int64_t count;
        int code;
    } cases[] = {{NULL, 0, EXIT_YES}, {"1", 1, EXIT_YES}, {"1000000000", 1000000000, EXIT_YES},
        {"0", -1, EXIT_USAGE}, {"-5", -1, EXIT_USAGE}, {"1000000001", -1, EXIT_USAGE},
        {"5x", -1, EXIT_USAGE}, {"", -1, EXIT_USAGE}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[] = {(char *)(uintptr_t)cases[i].text};
        weir_cli cli = {.argc = cases[i].text != NULL, .argv = argv};
        int64_t n = -7;
        assert_int_equal(weir_cli_count_option(&cli, "--rate", &n), cases[i].code);
        assert_int_equal(n, cases[i].count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
