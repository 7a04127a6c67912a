/* The JSON reader: what it accepts and refuses (tests/cases/json/), the shape of its nodes, its
 * bounds, and what it does without memory. Every text stands right before a guard page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/guarded.h"
#include "value/json.h"
#include "value/json_names.h"
#include "value/text.h"

enum { LONGEST_TEXT = 1 << 20 };

static guarded memory;

static int set_up(void **state)
{
    (void)state;
    memory = guarded_new(LONGEST_TEXT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guarded_free(&memory);
    return 0;
}

/* ---- cases as data ------------------------------------------------------------------------- */

enum { MOST_FIELDS = 4, LONGEST_LINE = 4096 };

typedef struct test_case {
    char line[LONGEST_LINE];
    weir_view field[MOST_FIELDS];
    int number; /* of the line */
} test_case;

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Decodes %XX in place. */
static weir_view decode(char *field)
{
    char *to = field;
    for (const char *at = field; *at; at++) {
        if (*at == '%') {
            *to++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    return weir_view_make(field, (size_t)(to - field));
}

/* The next case, its line cut at tabs into `fields` fields; false at the file's end. */
static bool next_case(FILE *file, test_case *c, int fields)
{
    do {
        c->number++;
        if (!fgets(c->line, sizeof c->line, file)) {
            return false;
        }
    } while (c->line[0] == '#');
    c->line[strcspn(c->line, "\n")] = '\0';
    char *at = c->line;
    for (int i = 0; i < fields; i++) {
        assert_non_null(at);
        c->field[i] = decode(strsep(&at, "\t"));
    }
    assert_null(at);
    return true;
}

static FILE *open_cases(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s: not there; tests run in the root of the project", path);
    }
    return file;
}

/* ---- reading and writing -------------------------------------------------------------------- */

/* Reads a guarded copy of text; the nodes are gone after the arena's next reset. */
static weir_status read_guarded(
    weir_view text, weir_arena *arena, const weir_value **root, weir_error *err)
{
    weir_arena_reset(arena);
    return weir_json_read(guarded_copy(&memory, text), arena, root, err);
}

static void assert_view(weir_view got, weir_view expected, int line)
{
    if (!weir_view_eq(got, expected)) {
        fail_msg("line %d: got %.*s, expected %.*s", line, WEIR_ARG(got), WEIR_ARG(expected));
    }
}

static void test_accepts(void **state)
{
    (void)state;
    FILE *file = open_cases("tests/cases/json/accept.tsv");
    weir_arena arena;
    weir_buf written;
    weir_arena_init(&arena, 0);
    weir_buf_init(&written);
    int count = 0;
    for (test_case c = {.number = 0}; next_case(file, &c, 2); count++) {
        const weir_value *root = NULL;
        weir_error err = {0};
        if (read_guarded(c.field[0], &arena, &root, &err) != WEIR_OK) {
            fail_msg("line %d: %s at %s", c.number, err.text, err.where);
        }
        weir_buf_clear(&written);
        weir_json_put(&written, root);
        assert_view(weir_buf_view(&written), c.field[1], c.number);
        /* What was written reads as itself. */
        char *copy = weir_strndup(written.ptr, written.len);
        assert_int_equal(
            read_guarded(weir_view_make(copy, written.len), &arena, &root, &err), WEIR_OK);
        weir_free(copy);
        weir_buf_clear(&written);
        weir_json_put(&written, root);
        assert_view(weir_buf_view(&written), c.field[1], c.number);
    }
    assert_true(count > 50);
    fclose(file);
    weir_buf_fini(&written);
    weir_arena_fini(&arena);
}

/* Each with its code, place and words; also for a caller who wants no error. */
static void test_rejects(void **state)
{
    (void)state;
    FILE *file = open_cases("tests/cases/json/reject.tsv");
    weir_arena arena;
    weir_arena_init(&arena, 0);
    int count = 0;
    for (test_case c = {.number = 0}; next_case(file, &c, 4); count++) {
        const weir_value *root = NULL;
        weir_error err = {0};
        assert_int_equal(read_guarded(c.field[2], &arena, &root, &err), WEIR_REJECT);
        assert_null(root);
        assert_int_equal(err.status, WEIR_REJECT);
        assert_view(weir_view_of(err.code), c.field[0], c.number);
        assert_view(weir_view_of(err.where), c.field[1], c.number);
        if (!memmem(err.text, strlen(err.text), c.field[3].ptr, c.field[3].len)) {
            fail_msg("line %d: \"%s\" lacks \"%.*s\"", c.number, err.text, WEIR_ARG(c.field[3]));
        }
        assert_int_equal(read_guarded(c.field[2], &arena, &root, NULL), WEIR_REJECT);
    }
    assert_true(count > 150);
    fclose(file);
    weir_arena_fini(&arena);
}

/* No prefix of an accepted text is read beyond its end; none of an array's or object's is JSON. */
static void test_prefixes(void **state)
{
    (void)state;
    FILE *file = open_cases("tests/cases/json/accept.tsv");
    weir_arena arena;
    weir_arena_init(&arena, 0);
    for (test_case c = {.number = 0}; next_case(file, &c, 2);) {
        weir_view text = c.field[1];
        bool bracket = text.ptr[0] == '[' || text.ptr[0] == '{' || text.ptr[0] == '"';
        for (size_t len = 0; len < text.len; len++) {
            const weir_value *root;
            weir_error err = {0};
            weir_view prefix = weir_view_make(text.ptr, len);
            weir_status status = read_guarded(prefix, &arena, &root, &err);
            assert_true(status == WEIR_OK ? !bracket : err.where[0] != '\0');
        }
    }
    fclose(file);
    weir_arena_fini(&arena);
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

typedef struct node {
    weir_value_type type;
    const char *raw; /* containers: their source */
    uint32_t len, skip;
    uint8_t flags;
} node;

static void test_nodes(void **state)
{
    (void)state;
    const char *text = " {\"a\" : [ 1,-2.5,\"x\\n\" ], \"bc\":{}, \"\":[true,false , null]} ";
    static const node expected[] = {
        {WEIR_OBJECT, "{\"a\" : [ 1,-2.5,\"x\\n\" ], \"bc\":{}, \"\":[true,false , null]}", 3, 12,
            0},
        {WEIR_STRING, "\"a\"", 1, 1, 0},
        {WEIR_ARRAY, "[ 1,-2.5,\"x\\n\" ]", 3, 4, 0},
        {WEIR_INT, "1", 1, 1, 0},
        {WEIR_NUMBER, "-2.5", 4, 1, 0},
        {WEIR_STRING, "\"x\\n\"", 3, 1, WEIR_ESCAPED},
        {WEIR_STRING, "\"bc\"", 2, 1, 0},
        {WEIR_OBJECT, "{}", 0, 1, 0},
        {WEIR_STRING, "\"\"", 0, 1, 0},
        {WEIR_ARRAY, "[true,false , null]", 3, 4, 0},
        {WEIR_BOOL, "true", 4, 1, WEIR_TRUE},
        {WEIR_BOOL, "false", 5, 1, 0},
        {WEIR_NULL, "null", 4, 1, 0},
    };
    weir_arena arena;
    const weir_value *root;
    weir_arena_init(&arena, 0);
    assert_int_equal(read_guarded(weir_view_of(text), &arena, &root, NULL), WEIR_OK);
    size_t count = sizeof expected / sizeof *expected;
    assert_int_equal(root->skip, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(root[i].type, expected[i].type);
        assert_int_equal(root[i].len, expected[i].len);
        assert_int_equal(root[i].skip, i ? expected[i].skip : count);
        assert_int_equal(root[i].flags, expected[i].flags);
        assert_true(weir_view_is(weir_source(&root[i]), expected[i].raw));
    }
    assert_int_equal(root[1].hash, weir_name_hash(weir_view_of("a")));
    assert_int_equal(root[8].hash, weir_name_hash(weir_view_of("")));
    weir_arena_fini(&arena);
}

static void test_place(void **state)
{
    (void)state;
    weir_view text = weir_view_of("ab\n\xC3\xA9x\n");
    static const struct {
        size_t at;
        uint32_t line, column;
    } cases[] = {{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1}, {5, 2, 2}, {6, 2, 3}, {7, 3, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_place place = weir_json_place(text, text.ptr + cases[i].at);
        assert_int_equal(place.line, cases[i].line);
        assert_int_equal(place.column, cases[i].column);
    }
}

/* ---- bounds -----------------------------------------------------------------------------------
 */

/* `depth` times `open`, then `middle`, then `depth` times `close`. */
static weir_view nested(
    weir_buf *b, int depth, const char *open, const char *middle, const char *close)
{
    weir_buf_clear(b);
    for (int i = 0; i < depth; i++) {
        weir_buf_puts(b, open);
    }
    weir_buf_puts(b, middle);
    for (int i = 0; i < depth; i++) {
        weir_buf_puts(b, close);
    }
    return weir_buf_view(b);
}

static void test_depth(void **state)
{
    (void)state;
    weir_arena arena;
    weir_buf text;
    const weir_value *root;
    weir_error err;
    weir_arena_init(&arena, 0);
    weir_buf_init(&text);
    weir_view deepest = nested(&text, WEIR_JSON_DEPTH - 1, "{\"a\":", "[]", "}");
    assert_int_equal(read_guarded(deepest, &arena, &root, NULL), WEIR_OK);
    assert_int_equal(root->skip, 2 * WEIR_JSON_DEPTH - 1);

    weir_view deeper = nested(&text, WEIR_JSON_DEPTH, "[", "{}", "]");
    assert_int_equal(read_guarded(deeper, &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_DEPTH");
    assert_string_equal(err.where, "1:513");
    assert_string_equal(err.text, "arrays and objects are nested more than 512 deep");

    weir_view abyss = nested(&text, 1000000, "[", "", "");
    assert_int_equal(read_guarded(abyss, &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_DEPTH");
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

/* The length alone decides, before a byte is read. */
static void test_text_too_large(void **state)
{
    (void)state;
    weir_arena arena;
    const weir_value *root;
    weir_error err;
    weir_arena_init(&arena, 0);
    weir_view text = weir_view_make("1", (size_t)INT32_MAX + 1);
    assert_int_equal(weir_json_read(text, &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "TOO_LARGE");
    assert_int_equal(weir_json_read(weir_view_make(NULL, 0), &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_SYNTAX");
    weir_arena_fini(&arena);
}

/* Too large for the arena at all: rejected. Too large for what others have left: another time. */
static void test_arena_bound(void **state)
{
    (void)state;
    weir_buf text;
    weir_arena arena;
    const weir_value *root;
    weir_error err;
    weir_buf_init(&text);
    weir_arena_init(&arena, 100000);
    weir_view dense = nested(&text, 10000, "", "[1", ",1");
    weir_buf_putc(&text, ']');
    dense.len++;
    assert_int_equal(weir_json_read(dense, &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "TOO_LARGE");

    weir_arena_fini(&arena);
    weir_arena_init(&arena, 100000);
    assert_non_null(weir_arena_bytes(&arena, 99000));
    weir_view small =
        weir_view_of("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]");
    assert_int_equal(weir_json_read(small, &arena, &root, &err), WEIR_RETRY);
    assert_string_equal(err.code, "OUT_OF_MEMORY");
    weir_arena_reset(&arena);
    assert_int_equal(weir_json_read(small, &arena, &root, &err), WEIR_OK);
    assert_int_equal(root->len, 34);
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
}

/* ---- names twice -------------------------------------------------------------------------------
 */

/* {"<prefix>0<suffix>":0, …}: `count` members, then `last` as it is. */
static weir_view many_members(
    weir_buf *b, int count, const char *prefix, const char *suffix, const char *last)
{
    weir_buf_clear(b);
    weir_buf_putc(b, '{');
    for (int i = 0; i < count; i++) {
        weir_buf_printf(b, "%s\"%s%06d%s\":0", i ? "," : "", prefix, i, suffix);
    }
    weir_buf_puts(b, last);
    weir_buf_putc(b, '}');
    assert_false(b->failed);
    return weir_buf_view(b);
}

static void test_many_names(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 63, 64, 65, 126, 127, 128, 129, 130, 1000, 20000};
    /* The second kind has one hash for all: equal length, equal first and last eight bytes. */
    static const char *const around[][2] = {
        {"", ""}, {"same_head", "same_tail"}, {"\\u0061", "\\n"}};
    weir_arena arena;
    weir_buf text;
    weir_arena_init(&arena, 0);
    weir_buf_init(&text);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t k = 0; k < sizeof around / sizeof *around; k++) {
            const weir_value *root;
            weir_error err = {0};
            weir_view unique = many_members(&text, counts[i], around[k][0], around[k][1], "");
            assert_int_equal(read_guarded(unique, &arena, &root, NULL), WEIR_OK);
            assert_int_equal(root->len, counts[i]);

            char last[64], place[32];
            int middle = counts[i] / 2;
            snprintf(last, sizeof last, ",\"%s%06d%s\":1", around[k][0], middle, around[k][1]);
            weir_view twice = many_members(&text, counts[i], around[k][0], around[k][1], last);
            assert_int_equal(read_guarded(twice, &arena, &root, &err), WEIR_REJECT);
            assert_string_equal(err.code, "JSON_DUPLICATE_KEY");
            snprintf(place, sizeof place, "1:%zu", twice.len - strlen(last) + 1);
            assert_string_equal(err.where, place);
        }
    }
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

/* Of several in a large object the first to come twice is named, in whichever order they sort. */
static void test_earliest_duplicate(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {",\n\"000700\":1,\n\"000300\":1,\n\"000700\":1",
            "\"000700\" is there twice; first at 1:7702"},
        {",\n\"000300\":1,\n\"000700\":1,\n\"000300\":1",
            "\"000300\" is there twice; first at 1:3302"},
    };
    weir_arena arena;
    weir_buf text;
    weir_arena_init(&arena, 0);
    weir_buf_init(&text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const weir_value *root;
        weir_error err;
        weir_view twice = many_members(&text, 1000, "", "", cases[i][0]);
        assert_int_equal(read_guarded(twice, &arena, &root, &err), WEIR_REJECT);
        assert_string_equal(err.where, "2:1");
        assert_non_null(strstr(err.text, cases[i][1]));
    }
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

/* A long name is cut in the error, at a whole character. */
static void test_long_duplicate(void **state)
{
    (void)state;
    weir_arena arena;
    weir_buf text;
    const weir_value *root;
    weir_error err;
    weir_arena_init(&arena, 0);
    weir_buf_init(&text);
    for (int i = 0; i < 2; i++) {
        weir_buf_puts(&text, i ? ",\"x" : "{\"x");
        for (int k = 0; k < 100; k++) {
            weir_buf_puts(&text, "\xC3\xA9");
        }
        weir_buf_puts(&text, "\":1");
    }
    weir_buf_putc(&text, '}');
    assert_int_equal(read_guarded(weir_buf_view(&text), &arena, &root, &err), WEIR_REJECT);
    assert_string_equal(err.code, "JSON_DUPLICATE_KEY");
    char expected[256] = "the name \"x";
    for (int k = 0; k < 49; k++) {
        strcat(expected, "\xC3\xA9");
    }
    strcat(expected, "\" is there twice; first at 1:2");
    assert_string_equal(err.text, expected);
    weir_buf_fini(&text);
    weir_arena_fini(&arena);
}

/* ---- out of memory ------------------------------------------------------------------------------
 */

/* Fails each allocation of one read in turn until one goes through; every failure is reported and
 * leaves nothing behind. */
static void fail_each_allocation(weir_view text, int lasting, int at_least)
{
    long live = weir_alloc_live();
    for (int n = 1;; n++) {
        weir_arena arena;
        const weir_value *root;
        weir_error err = {0};
        weir_arena_init(&arena, 0);
        weir_alloc_fail_at(n, lasting);
        weir_status status = weir_json_read(text, &arena, &root, &err);
        weir_alloc_fail_at(0, 0);
        weir_arena_fini(&arena);
        assert_int_equal(weir_alloc_live(), live);
        if (status == WEIR_OK) {
            assert_true(n > at_least);
            return;
        }
        assert_int_equal(status, WEIR_RETRY);
        assert_string_equal(err.code, "OUT_OF_MEMORY");
        assert_null(root);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    weir_buf dense, members;
    weir_buf_init(&dense);
    weir_buf_init(&members);
    nested(&dense, 5000, "", "[1", ",1");
    weir_buf_putc(&dense, ']');
    weir_view large = many_members(&members, 500, "", "", "");
    for (int lasting = 0; lasting < 2; lasting++) {
        fail_each_allocation(weir_view_of("{\"a\":[1,2,3]}"), lasting, 1);
        fail_each_allocation(weir_buf_view(&dense), lasting, 3); /* the array grows twice */
        fail_each_allocation(large, lasting, 2);                 /* sorts its names */
    }
    weir_buf_fini(&dense);
    weir_buf_fini(&members);
}

/* ---- plain members ------------------------------------------------------------------------------
 * Compact members far from the end of the text are read a shorter way: it must see what the general
 * one sees, which takes them when the end is near or white space is between them. */

static void assert_same_nodes(const weir_value *a, const weir_value *b, const char *what)
{
    if (a->skip != b->skip) {
        fail_msg("%s: %u and %u nodes", what, a->skip, b->skip);
    }
    for (uint32_t i = 0; i < a->skip; i++) {
        const weir_value *x = a + i, *y = b + i;
        bool container = x->type == WEIR_OBJECT || x->type == WEIR_ARRAY;
        if (x->type != y->type || x->len != y->len || x->flags != y->flags || x->hash != y->hash ||
            x->skip != y->skip ||
            (!container && (x->span != y->span || memcmp(x->at, y->at, x->len) != 0))) {
            fail_msg("%s: node %u differs", what, i);
        }
    }
}

static const char many_bytes[] =
    "a tail that keeps the end of the text far away from all that stands before it, as it is in "
    "any record that is larger than a key";

/* {"NAME":VALUE,"n":"…"}, near the end or far from it, with white space at some of the places. */
enum { COMPACT = 0, BEFORE_NAME = 1, BEFORE_COLON = 2, BEFORE_VALUE = 4, BEHIND = 8, ALL = 15 };

static weir_status read_member(const char *name, const char *value, bool far, unsigned spaces,
    weir_arena *arena, const weir_value **out, weir_error *err)
{
    weir_buf text = {0};
    weir_buf_printf(&text, "{%s\"%s\"%s:%s%s%s,%s\"n\":\"%s\"}", spaces & BEFORE_NAME ? " " : "",
        name, spaces & BEFORE_COLON ? "\n" : "", spaces & BEFORE_VALUE ? " " : "", value,
        spaces & BEHIND ? "\t" : "", spaces & BEFORE_NAME ? " " : "", far ? many_bytes : "");
    weir_view copy = weir_arena_copy(arena, weir_buf_view(&text));
    weir_buf_fini(&text);
    return weir_json_read(copy, arena, out, err);
}

static void test_plain_members(void **state)
{
    (void)state;
    static const char *const names[] = {"", "a", "seven77", "eight888", "nine99999",
        "fifteen15151515", "sixteen161616161", "seventeen17171717", "esc\\n", "\xC3\xA9", "n2"};
    static const char *const values[] = {"\"\"", "\"x\"", "\"fifteen15151515\"",
        "\"sixteen161616161\"", "\"seventeen17171717\"", "\"2026-11-22T19:13:06.074959Z and more\"",
        "\"esc \\\" aped\"", "\"\xC3\xA9\"", "\"behind sixteen \xC3\xA9 ones\"", "0", "7", "-7",
        "1234567890123456", "12345678901234567", "99999999999999999999999999", "1.5", "1e3", "0.0",
        "12345678901234567.25", "null", "true", "false", "{}", "[]", "[1,2]",
        "{\"a\":1,\"b\":null,\"c\":\"d\"}"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            weir_arena arena;
            weir_arena_init(&arena, 0);
            const weir_value *general, *plain;
            assert_int_equal(
                read_member(names[i], values[j], true, ALL, &arena, &general, NULL), WEIR_OK);
            for (unsigned spaces = COMPACT; spaces < ALL; spaces++) {
                assert_int_equal(
                    read_member(names[i], values[j], true, spaces, &arena, &plain, NULL), WEIR_OK);
                assert_same_nodes(plain, general, values[j]);
            }
            weir_arena_fini(&arena);
        }
    }
}

/* What is wrong is said in the same words at the same place. */
static void test_plain_members_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"", "nul", "nulll", "tru", "truex", "fals", "falsey", "01",
        "1x", "1 2", "12345678901234567x", "-", "\"a\" \"b\"", "\"a\"b", "\"\t\"", "\"\\x\"",
        "\"\xC3\"", "'a'", "]", "}", "1,\"member\":2", "1,\"q\":1,\"q\":2", "1,,", "1,2"};
    for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
        weir_arena arena;
        weir_arena_init(&arena, 0);
        const weir_value *v;
        weir_error near_end, far;
        if (read_member("member", values[j], false, COMPACT, &arena, &v, &near_end) !=
                WEIR_REJECT ||
            read_member("member", values[j], true, COMPACT, &arena, &v, &far) != WEIR_REJECT) {
            fail_msg("%s is accepted", values[j]);
        }
        assert_string_equal(near_end.code, far.code);
        assert_string_equal(near_end.where, far.where);
        assert_string_equal(near_end.text, far.text);
        weir_arena_fini(&arena);
    }
}

/* ---- random documents
 * ---------------------------------------------------------------------------- */

typedef struct dice {
    uint64_t state;
} dice;

static unsigned roll(dice *d, unsigned sides)
{
    d->state = d->state * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(d->state >> 33) % sides;
}

static void put_random_space(weir_buf *b, dice *d)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t\r\n  "};
    weir_buf_puts(b, spaces[roll(d, 7)]);
}

static void put_random_string(weir_buf *b, dice *d, unsigned unique)
{
    static const char *const pieces[] = {"a", "longer than sixteen bytes", "\\n", "\\u00e9",
        "\xC3\xA9", "\\ud83d\\ude00", "\xE2\x82\xAC", "0", " ", "\\\"", "\\u0000",
        "0123456789abcde"};
    weir_buf_printf(b, "\"%u", unique);
    for (unsigned n = roll(d, 6); n > 0; n--) {
        weir_buf_puts(b, pieces[roll(d, 12)]);
    }
    weir_buf_putc(b, '"');
}

static void put_random(weir_buf *b, dice *d, unsigned depth);

static void put_random_container(weir_buf *b, dice *d, unsigned depth, bool object)
{
    weir_buf_putc(b, object ? '{' : '[');
    put_random_space(b, d);
    for (unsigned i = 0, n = roll(d, 6); i < n; i++) {
        weir_buf_puts(b, i ? "," : "");
        put_random_space(b, d);
        if (object) {
            put_random_string(b, d, i);
            put_random_space(b, d);
            weir_buf_putc(b, ':');
            put_random_space(b, d);
        }
        put_random(b, d, depth + 1);
        put_random_space(b, d);
    }
    weir_buf_putc(b, object ? '}' : ']');
}

static void put_random(weir_buf *b, dice *d, unsigned depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0", "-1", "1.5e-3",
        "12345678901234567", "0.00000000000000001", "-0"};
    switch (roll(d, depth > 5 ? 2 : 4)) {
    case 0:
        weir_buf_puts(b, scalars[roll(d, 9)]);
        break;
    case 1:
        put_random_string(b, d, 0);
        break;
    default:
        put_random_container(b, d, depth, roll(d, 2));
        break;
    }
}

/* Same shape, same kinds, same decoded strings. */
static bool same(const weir_value *a, const weir_value *b)
{
    bool equal = a->skip == b->skip;
    for (uint32_t i = 0; equal && i < a->skip; i++) {
        equal = a[i].type == b[i].type && a[i].skip == b[i].skip && a[i].hash == b[i].hash;
        if (equal && a[i].type == WEIR_STRING) {
            equal = weir_string_order(&a[i], &b[i]) == 0;
        } else if (equal) {
            equal = a[i].type >= WEIR_ARRAY ? a[i].len == b[i].len
                                            : weir_view_eq(weir_raw(&a[i]), weir_raw(&b[i]));
        }
    }
    return equal;
}

static void test_random_round_trips(void **state)
{
    (void)state;
    weir_arena arena;
    weir_buf text, written;
    weir_arena_init(&arena, 0);
    weir_buf_init(&text);
    weir_buf_init(&written);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        dice d = {seed};
        weir_buf_clear(&text);
        weir_buf_clear(&written);
        put_random_container(&text, &d, 0, true);
        weir_arena_reset(&arena);
        const weir_value *first, *second;
        weir_status status = weir_json_read(weir_buf_view(&text), &arena, &first, NULL);
        if (status == WEIR_OK) {
            weir_json_put(&written, first);
            status = weir_json_read(weir_buf_view(&written), &arena, &second, NULL);
        }
        if (status != WEIR_OK || !same(first, second)) {
            fail_msg("seed %llu: %s", (unsigned long long)seed, weir_buf_str(&text));
        }
    }
    weir_buf_fini(&text);
    weir_buf_fini(&written);
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_nodes),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_text_too_large),
        cmocka_unit_test(test_arena_bound),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_earliest_duplicate),
        cmocka_unit_test(test_long_duplicate),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_plain_members),
        cmocka_unit_test(test_plain_members_refused),
        cmocka_unit_test(test_random_round_trips),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
