/* Runs tables of column cases, tests/cases/column/NAME.tsv. A line is
 *   Connect schema or -, PostgreSQL type or -, modes or -, value on the wire, the row's text or
 * !CODE with tabs between; # opens a comment. Include after cmocka.h. */
#ifndef WEIR_TESTS_COLUMN_CASES_H
#define WEIR_TESTS_COLUMN_CASES_H

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cdc/column.h"
#include "value/json.h"

enum { COLUMN_CASE_FIELDS = 5, COLUMN_CASE_LONGEST = 4096 };

typedef struct column_case {
    char line[COLUMN_CASE_LONGEST];
    weir_view schema, type, modes, value, expected; /* of the line; "" for - */
} column_case;

/* ---- reading a table ------------------------------------------------------------------------- */

static inline weir_view column_case_field(char **at)
{
    char *field = *at, *tab = strpbrk(field, "\t\n");
    assert_non_null(tab);
    *tab = '\0';
    *at = tab + 1;
    return weir_view_of(strcmp(field, "-") == 0 ? "" : field);
}

/* The next case of the file; false at its end. */
static inline bool column_case_next(FILE *file, column_case *k)
{
    while (fgets(k->line, sizeof k->line, file)) {
        if (k->line[0] == '#' || k->line[0] == '\n') {
            continue;
        }
        assert_non_null(strchr(k->line, '\n')); /* longer than a case may be */
        char *at = k->line;
        weir_view *fields[COLUMN_CASE_FIELDS] = {
            &k->schema, &k->type, &k->modes, &k->value, &k->expected};
        for (size_t i = 0; i < COLUMN_CASE_FIELDS; i++) {
            *fields[i] = column_case_field(&at);
        }
        return true;
    }
    return false;
}

static inline FILE *column_cases_open(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/cases/column/%s", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        fail_msg("%s cannot be read; tests run in the repository's root", path);
    }
    return file;
}

/* "decimal=string,time=connect" */
static inline weir_column_modes column_case_modes(weir_view text)
{
    static const struct {
        const char *text;
        weir_column_modes modes;
    } known[] = {
        {"decimal=string", {.decimal = WEIR_DECIMAL_STRING}},
        {"decimal=double", {.decimal = WEIR_DECIMAL_DOUBLE}},
        {"time=adaptive_time_microseconds", {.time = WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS}},
        {"time=connect", {.time = WEIR_TIME_CONNECT}},
        {"time=isostring", {.time = WEIR_TIME_ISOSTRING}},
        {"time=microseconds", {.time = WEIR_TIME_MICROSECONDS}},
        {"time=nanoseconds", {.time = WEIR_TIME_NANOSECONDS}},
        {"time=structured", {.time = WEIR_TIME_STRUCTURED}},
        {"binary=base64", {.binary = WEIR_BINARY_BASE64}},
        {"binary=base64-url-safe", {.binary = WEIR_BINARY_BASE64_URL_SAFE}},
        {"binary=hex", {.binary = WEIR_BINARY_HEX}},
    };
    weir_column_modes modes = {0};
    while (text.len) {
        const char *comma = memchr(text.ptr, ',', text.len);
        weir_view word = {text.ptr, comma ? (size_t)(comma - text.ptr) : text.len};
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (weir_view_is(word, known[i].text)) {
                modes.decimal |= known[i].modes.decimal;
                modes.time |= known[i].modes.time;
                modes.binary |= known[i].modes.binary;
                found = true;
            }
        }
        assert_true(found);
        size_t taken = word.len + (comma != NULL);
        text = weir_view_make(text.ptr + taken, text.len - taken);
    }
    return modes;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Compiles the column and renders the value. */
static inline weir_status column_case_render(
    const column_case *k, weir_arena *arena, weir_buf *to, weir_error *err)
{
    weir_column_modes modes = column_case_modes(k->modes);
    const weir_value *schema, *value;
    weir_column column;
    weir_status status = weir_json_read(k->value, arena, &value, err);
    if (status == WEIR_OK && k->schema.len) {
        status = weir_json_read(k->schema, arena, &schema, err);
        status = status ? status
                        : weir_column_from_connect(schema, k->type, &modes, arena, &column, err);
    } else if (status == WEIR_OK) {
        status = weir_column_from_pg(weir_view_of("c"), k->type, &modes, arena, &column, err);
    }
    return status ? status : weir_column_render(&column, value, arena, to, err);
}

/* Is the outcome the expected one? An expected error is told by its code. */
static inline bool column_case_met(
    const column_case *k, weir_status status, const weir_buf *to, const weir_error *err)
{
    if (status != WEIR_OK) {
        return k->expected.len && k->expected.ptr[0] == '!' &&
               weir_view_is(weir_view_of(err->code), k->expected.ptr + 1);
    }
    return weir_view_eq(weir_buf_view(to), k->expected);
}

static inline void run_column_cases(const char *name)
{
    FILE *file = column_cases_open(name);
    column_case k;
    size_t wrong = 0, count = 0;
    for (; column_case_next(file, &k); count++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        weir_buf to;
        weir_buf_init(&to);
        weir_error err = {0};
        weir_status status = column_case_render(&k, &arena, &to, &err);
        if (!column_case_met(&k, status, &to, &err)) {
            wrong++;
            print_error("%s: %s %s %s %.200s\n  expected %s\n  got      %.*s%s %s\n", name,
                k.schema.ptr, k.type.ptr, k.modes.ptr, k.value.ptr, k.expected.ptr,
                WEIR_ARG(weir_buf_view(&to)), err.code, err.text);
        }
        weir_buf_fini(&to);
        weir_arena_fini(&arena);
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    assert_true(count > 0);
}

/* ---- without memory -------------------------------------------------------------------------- */

/* Memory ran out, and that is what is said of it. */
static inline bool column_case_starved(
    weir_status status, const weir_buf *to, const weir_error *err)
{
    return status == WEIR_OK
               ? to->failed
               : strcmp(err->code, "OUT_OF_MEMORY") == 0 || strcmp(err->code, "TOO_LARGE") == 0;
}

/* Arena bound and failing allocation that a case is run with; 0: none. */
static inline bool column_case_survives(const column_case *k, size_t bound, long fail_at)
{
    weir_arena arena;
    weir_arena_init(&arena, bound);
    weir_buf to;
    weir_buf_init(&to);
    weir_error err = {0};
    weir_alloc_fail_at(fail_at, 1);
    weir_status status = column_case_render(k, &arena, &to, &err);
    weir_alloc_fail_at(0, 0);
    bool done = column_case_met(k, status, &to, &err) && (status != WEIR_OK || !to.failed);
    if (!done && !column_case_starved(status, &to, &err)) {
        fail_msg("%s %s: bound %zu, allocation %ld: %s %s %.*s", k->schema.ptr, k->type.ptr, bound,
            fail_at, err.code, err.text, WEIR_ARG(weir_buf_view(&to)));
    }
    weir_buf_fini(&to);
    weir_arena_fini(&arena);
    return done;
}

/* Each case with an arena that grows from nothing, and with each allocation failing in turn. */
static inline void starve_column_cases(const char *name)
{
    enum { STEP_BYTES = 24, MOST_STEPS = 4000 };
    FILE *file = column_cases_open(name);
    column_case k;
    long before = weir_alloc_live();
    while (column_case_next(file, &k)) {
        size_t bound = 1;
        while (!column_case_survives(&k, bound, 0)) {
            bound += STEP_BYTES;
            assert_true(bound < STEP_BYTES * MOST_STEPS);
        }
        long fail_at = 1;
        while (!column_case_survives(&k, 0, fail_at)) {
            fail_at++;
            assert_true(fail_at < MOST_STEPS);
        }
    }
    fclose(file);
    assert_int_equal(weir_alloc_live(), before);
}

#endif
