/* The decoder: tests/cases/decoder/ as data, each record by a decoder that has seen nothing, by one
 * that has seen all the records before it, and without memory; then what is too large for a case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/decoder_case.h"

static const char *const files[] = {"envelope", "schema_block", "config_types", "offsets",
    "unwrapped", "unwrapped_offsets", "unwrapped_prefix", "unwrapped_header_prefix", "cloudevents",
    "cloudevents_unwrapped", "format_cloudevents", "format_json", "recognise", "no_prefix", "bad"};

/* ---- cases ------------------------------------------------------------------------------- */

/* One file, in memory. */
typedef struct case_file {
    weir_arena arena;
    decoder_rules rules;
    decoder_case cases[64];
    size_t n;
} case_file;

static void load(case_file *f, const char *name)
{
    char path[128], *line = NULL;
    size_t cap = 0;
    ssize_t len;
    snprintf(path, sizeof path, "tests/cases/decoder/%s.jsonl", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    weir_arena_init(&f->arena, 0);
    f->n = 0;
    while ((len = getline(&line, &cap, file)) > 0) {
        weir_view text = weir_arena_copy(&f->arena, weir_view_make(line, (size_t)len));
        const weir_value *v = case_read(text, &f->arena);
        if (weir_gets(v, "rules")) {
            case_rules(v, &f->rules, &f->arena);
        } else {
            assert_true(f->n < sizeof f->cases / sizeof *f->cases);
            case_parse(v, &f->cases[f->n++], &f->arena);
        }
    }
    assert_true(f->n > 0);
    free(line);
    fclose(file);
}

static weir_decoder *decoder_of(const weir_source_rules *rules)
{
    weir_decoder *d = NULL;
    assert_int_equal(weir_decoder_new(rules, &d, NULL), WEIR_OK);
    return d;
}

static void check(weir_decoder *d, const decoder_case *k, const char *file)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_event ev;
    weir_change c;
    weir_error err = {.status = WEIR_OK};
    weir_buf text = {0};
    weir_status s = decode_case(d, k, &arena, &ev, &c, &err);
    assert_true(s == WEIR_OK || (err.status == s && err.text[0]));
    describe(&text, &ev, &c, s, &err);
    if (!weir_view_eq(weir_buf_view(&text), k->expected)) {
        print_error("%s: %s\n  expected %.*s\n  is       %.*s\n           %s\n", file, k->name,
            WEIR_ARG(k->expected), WEIR_ARG(weir_buf_view(&text)), s ? err.text : "");
        fail();
    }
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

static void each_file(void (*run)(case_file *f, const char *name))
{
    case_file *f = malloc(sizeof *f);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        load(f, files[i]);
        run(f, files[i]);
        weir_arena_fini(&f->arena);
    }
    free(f);
}

static void run_fresh(case_file *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        weir_decoder *d = decoder_of(&f->rules.rules);
        check(d, &f->cases[i], name);
        check(d, &f->cases[i], name); /* what it has learnt changes nothing */
        weir_decoder_free(d);
    }
}

static void run_in_sequence(case_file *f, const char *name)
{
    weir_decoder *d = decoder_of(&f->rules.rules);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < f->n; i++) {
            check(d, &f->cases[i], name);
        }
    }
    weir_decoder_free(d);
}

static void test_fresh(void **state)
{
    (void)state;
    each_file(run_fresh);
}

static void test_in_sequence(void **state)
{
    (void)state;
    each_file(run_in_sequence);
}

/* ---- callers that want no error text ----------------------------------------------------- */

static void run_without_error(case_file *f, const char *name)
{
    weir_decoder *d = decoder_of(&f->rules.rules);
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (size_t i = 0; i < f->n; i++) {
        const decoder_case *k = &f->cases[i];
        weir_event ev;
        weir_change c;
        weir_status s = decode_case(d, k, &arena, &ev, &c, NULL);
        bool refused = k->expected.len > 9 && memcmp(k->expected.ptr, "{\"error\":", 9) == 0;
        if (s != (refused ? WEIR_REJECT : WEIR_OK)) {
            print_error("%s: %s: status %d\n", name, k->name, s);
            fail();
        }
    }
    weir_arena_fini(&arena);
    weir_decoder_free(d);
}

static void test_without_error(void **state)
{
    (void)state;
    each_file(run_without_error);
}

/* ---- memory ------------------------------------------------------------------------------ */

/* Fails the n-th allocation of a read and its row. Returns false when there are fewer. */
static bool fails_at(weir_decoder *d, const decoder_case *k, long n, const char *file)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_event ev;
    weir_change c;
    weir_error err = {.status = WEIR_OK};
    weir_alloc_fail_at(n, 0);
    weir_status s = decode_case(d, k, &arena, &ev, &c, &err);
    long used = weir_alloc_fail_at(0, 0);
    weir_buf text = {0};
    describe(&text, &ev, &c, s, &err);
    bool out_of_memory = s == WEIR_RETRY && strcmp(err.code, "OUT_OF_MEMORY") == 0;
    if (!out_of_memory && !weir_view_eq(weir_buf_view(&text), k->expected)) {
        print_error(
            "%s: %s: allocation %ld: %.*s\n", file, k->name, n, WEIR_ARG(weir_buf_view(&text)));
        fail();
    }
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
    return used >= n;
}

static void run_without_memory(case_file *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        long live = weir_alloc_live();
        bool more = true;
        for (long n = 1; more; n++) {
            weir_decoder *d = decoder_of(&f->rules.rules);
            more = fails_at(d, &f->cases[i], n, name);
            check(d, &f->cases[i], name); /* and works again */
            more |= fails_at(d, &f->cases[i], n, name);
            weir_decoder_free(d);
        }
        assert_int_equal(weir_alloc_live(), live);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    each_file(run_without_memory);
}

/* A unit's arena is bounded: whatever the bound, a record is decoded as ever or refused for lack of
 * memory. The bound is raised until the record fits. */
static void decode_within(weir_decoder *d, const decoder_case *k, const char *file)
{
    weir_status s = WEIR_RETRY;
    for (size_t bytes = 1; s == WEIR_RETRY; bytes += bytes < 4096 ? 8 : 512) {
        weir_arena arena;
        weir_arena_init(&arena, bytes);
        weir_event ev;
        weir_change c;
        weir_error err = {.status = WEIR_OK};
        s = decode_case(d, k, &arena, &ev, &c, &err);
        bool too_large = s == WEIR_REJECT && strcmp(err.code, "TOO_LARGE") == 0;
        weir_buf text = {0};
        describe(&text, &ev, &c, s, &err);
        if (too_large) {
            s = WEIR_RETRY; /* the reader knows that no arena of this size will do */
        } else if (s == WEIR_RETRY ? strcmp(err.code, "OUT_OF_MEMORY") != 0
                                   : !weir_view_eq(weir_buf_view(&text), k->expected)) {
            print_error("%s: %s: within %zu bytes: %.*s\n", file, k->name, bytes,
                WEIR_ARG(weir_buf_view(&text)));
            fail();
        }
        weir_buf_fini(&text);
        weir_arena_fini(&arena);
    }
}

static void run_within_bounds(case_file *f, const char *name)
{
    weir_decoder *d = decoder_of(&f->rules.rules);
    for (size_t i = 0; i < f->n; i++) {
        decode_within(d, &f->cases[i], name);
    }
    weir_decoder_free(d);
}

static void test_within_bounds(void **state)
{
    (void)state;
    each_file(run_within_bounds);
}

static void test_new_without_memory(void **state)
{
    (void)state;
    const weir_typed_column columns[] = {
        {weir_view_of("a"), weir_view_of("numeric(12,2)[]")}, {weir_view_of("b"), {"", 0}}};
    const weir_table_types types[] = {
        {weir_view_of("public.t"), columns, 2}, {weir_view_of("public.u"), columns, 1}};
    const weir_source_rules rules = {.types = types, .n_types = 2};
    long live = weir_alloc_live();
    weir_decoder *d = NULL;
    weir_error err;
    long n = 1;
    for (;; n++) {
        weir_alloc_fail_at(n, 0);
        weir_status s = weir_decoder_new(&rules, &d, &err);
        if (weir_alloc_fail_at(0, 0) < n) {
            assert_int_equal(s, WEIR_OK);
            break;
        }
        assert_int_equal(s, WEIR_RETRY);
        assert_null(d);
        assert_int_equal(weir_alloc_live(), live);
    }
    assert_true(n > 3);
    weir_decoder_free(d);
    weir_decoder_free(NULL);
}

static void test_unknown_type_of_the_config(void **state)
{
    (void)state;
    const weir_typed_column column = {weir_view_of("a"), weir_view_of("nonsense")};
    const weir_table_types types = {weir_view_of("public.t"), &column, 1};
    const weir_source_rules rules = {.types = &types, .n_types = 1};
    weir_decoder *d;
    weir_error err;
    assert_int_equal(weir_decoder_new(&rules, &d, &err), WEIR_REJECT);
    assert_string_equal(err.code, "CDC_UNKNOWN_TYPE");
    assert_string_equal(err.where, "public.t");
    assert_null(d);
}

/* ---- large records ----------------------------------------------------------------------- */

static const weir_source_rules plain = {.topic_prefix = {"s", 1}, .positions = true};

static weir_status read_value(
    weir_decoder *d, weir_view value, weir_arena *arena, weir_change *c, weir_error *err)
{
    weir_raw_record record = {
        .topic = weir_view_of("s.public.t"), .key = weir_view_of("1"), .value = value};
    weir_event ev;
    weir_status s = weir_decoder_read(d, &record, arena, &ev, err);
    *c = ev.change;
    return s ? s : weir_decoder_row(d, &ev, NULL, false, arena, c, err);
}

static void test_nesting_of_a_million(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    weir_buf text = {0};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_decoder *d = decoder_of(&plain);
    for (const char *open = "[{"; *open; open++) {
        weir_buf_clear(&text);
        for (int i = 0; i < DEPTH; i++) {
            weir_buf_puts(&text, *open == '[' ? "[" : "{\"a\":");
        }
        weir_change c;
        weir_error err;
        assert_int_equal(read_value(d, weir_buf_view(&text), &arena, &c, &err), WEIR_REJECT);
        assert_string_equal(err.code, "JSON_DEPTH");
        assert_memory_equal(err.where, "value 1:", 8);
    }
    weir_decoder_free(d);
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
}

static void test_a_hundred_megabytes(void **state)
{
    (void)state;
    enum { BYTES = 100000000 };
    static const char head[] = "{\"op\":\"u\",\"source\":{\"sequence\":\"[\\\"1\\\",\\\"2\\\"]\"},"
                               "\"after\":{\"id\":1,\"big\":\"";
    weir_buf text = {0};
    weir_buf_puts(&text, head);
    assert_true(weir_buf_reserve(&text, BYTES + 3));
    memset(text.ptr + text.len, 'x', BYTES);
    text.len += BYTES;
    weir_buf_puts(&text, "\"}}");
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_decoder *d = decoder_of(&plain);
    weir_change c;
    assert_int_equal(read_value(d, weir_buf_view(&text), &arena, &c, NULL), WEIR_OK);
    static const char row[] = "{\"id\":1,\"big\":\"";
    assert_int_equal(c.row.len, sizeof row - 1 + BYTES + 2);
    assert_memory_equal(c.row.ptr, row, sizeof row - 1);
    assert_memory_equal(c.row.ptr + c.row.len - 3, "x\"}", 3);
    text.len--; /* cut off at the very end */
    weir_error err;
    assert_int_equal(read_value(d, weir_buf_view(&text), &arena, &c, &err), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_SYNTAX");
    weir_decoder_free(d);
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
}

/* ---- lifetimes --------------------------------------------------------------------------- */

/* A plan may be gone with the next read, so a row of an earlier event is refused. */
static void test_a_row_too_late(void **state)
{
    (void)state;
    weir_raw_record record = {.topic = weir_view_of("s.public.t"),
        .key = weir_view_of("1"),
        .value = weir_view_of("{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"lsn\":7}}")};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_decoder *d = decoder_of(&plain);
    weir_event first, second;
    weir_change c;
    weir_error err;
    assert_int_equal(weir_decoder_read(d, &record, &arena, &first, &err), WEIR_OK);
    assert_int_equal(weir_decoder_read(d, &record, &arena, &second, &err), WEIR_OK);
    c = first.change;
    assert_int_equal(weir_decoder_row(d, &first, NULL, false, &arena, &c, &err), WEIR_FATAL);
    assert_string_equal(err.code, "INTERNAL");
    c = second.change;
    assert_int_equal(weir_decoder_row(d, &second, NULL, false, &arena, &c, &err), WEIR_OK);
    assert_true(weir_view_is(c.row, "{\"id\":1}"));
    assert_int_equal(weir_decoder_row(d, &second, NULL, false, &arena, &c, &err), WEIR_OK);
    weir_decoder_free(d);
    weir_arena_fini(&arena);
}

/* Nothing is rendered for an event without a row. */
static void test_rows_of_other_events(void **state)
{
    (void)state;
    weir_raw_record records[] = {
        {.topic = weir_view_of("__debezium-heartbeat.s"), .value = weir_view_of("{\"ts_ms\":1}")},
        {.topic = weir_view_of("s.public.t"), .key = weir_view_of("1"), .value = {NULL, 0}},
        {.topic = weir_view_of("s.public.t"),
            .value = weir_view_of("{\"op\":\"t\",\"source\":{\"lsn\":7}}")},
    };
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_decoder *d = decoder_of(&plain);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        weir_event ev;
        assert_int_equal(weir_decoder_read(d, &records[i], &arena, &ev, NULL), WEIR_OK);
        weir_change c = {.row = weir_view_of("x"), .missing = weir_view_of("x")};
        assert_int_equal(weir_decoder_row(d, &ev, NULL, true, &arena, &c, NULL), WEIR_OK);
        assert_true(!c.row.ptr && !c.before.ptr && !c.missing.len);
    }
    weir_decoder_free(d);
    weir_arena_fini(&arena);
}

static void test_another_placeholder(void **state)
{
    (void)state;
    weir_source_rules rules = plain;
    rules.placeholder = weir_view_of("?");
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_decoder *d = decoder_of(&rules);
    weir_change c;
    weir_view value =
        weir_view_of("{\"op\":\"u\",\"source\":{\"lsn\":7},"
                     "\"after\":{\"a\":\"?\",\"b\":\"__debezium_unavailable_value\"}}");
    assert_int_equal(read_value(d, value, &arena, &c, NULL), WEIR_OK);
    assert_true(weir_view_is(c.row, "{\"a\":null,\"b\":\"__debezium_unavailable_value\"}"));
    assert_true(weir_view_is(c.missing, "[\"a\"]"));
    weir_decoder_free(d);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_in_sequence),
        cmocka_unit_test(test_without_error),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_within_bounds),
        cmocka_unit_test(test_new_without_memory),
        cmocka_unit_test(test_unknown_type_of_the_config),
        cmocka_unit_test(test_nesting_of_a_million),
        cmocka_unit_test(test_a_hundred_megabytes),
        cmocka_unit_test(test_a_row_too_late),
        cmocka_unit_test(test_rows_of_other_events),
        cmocka_unit_test(test_another_placeholder),
    };
    return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
