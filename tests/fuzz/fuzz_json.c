/* Fuzzes the JSON reader and writer. For any bytes:
 *   - jansson, the second opinion, accepts them exactly when the reader does, but for the limits of
 *     either (see judge), and both read the same document;
 *   - every member is found by its name;
 *   - what the writer makes of the document reads as the same document.
 * A finding is an abort; AddressSanitizer watches the reads (the input is a heap block of its
 * size). */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "value/json.h"
#include "value/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* ---- against jansson ------------------------------------------------------------------------ */

static void compare(const weir_value *ours, const json_t *theirs, weir_arena *arena);

static void compare_object(const weir_value *ours, const json_t *theirs, weir_arena *arena)
{
    check(json_is_object(theirs) && json_object_size(theirs) == ours->len, "objects of one size");
    WEIR_EACH_MEMBER(ours, name, value)
    {
        weir_view decoded = weir_arena_copy(arena, weir_string(name, arena));
        check(weir_get(ours, decoded) == value, "a member is found by its name");
        const json_t *other = json_object_get(theirs, decoded.ptr);
        check(other != NULL, "the same names");
        compare(value, other, arena);
    }
}

static void compare_array(const weir_value *ours, const json_t *theirs, weir_arena *arena)
{
    check(json_is_array(theirs) && json_array_size(theirs) == ours->len, "arrays of one length");
    size_t i = 0;
    WEIR_EACH_ITEM(ours, item)
    {
        compare(item, json_array_get(theirs, i++), arena);
    }
    check(i == ours->len, "as many items as the array says");
}

static void compare_scalar(const weir_value *ours, const json_t *theirs, weir_arena *arena)
{
    int64_t integer;
    weir_view text;
    double real;
    switch ((weir_value_type)ours->type) {
    case WEIR_NULL:
        check(json_is_null(theirs), "null");
        break;
    case WEIR_BOOL:
        check(json_is_boolean(theirs) && json_is_true(theirs) == !!ours->flags, "the same truth");
        break;
    case WEIR_INT:
        check(json_is_integer(theirs) && weir_to_int64(ours, &integer), "integers");
        check(json_integer_value(theirs) == integer, "the same integer");
        break;
    case WEIR_NUMBER:
        real = strtod(weir_arena_copy(arena, weir_raw(ours)).ptr, NULL);
        check(json_is_real(theirs) && !(json_real_value(theirs) < real) &&
                  !(json_real_value(theirs) > real),
            "the same number");
        break;
    default:
        text = weir_string(ours, arena);
        check(json_is_string(theirs) && weir_view_eq(text, weir_view_make(json_string_value(theirs),
                                                               json_string_length(theirs))),
            "the same string");
        break;
    }
}

static void compare(const weir_value *ours, const json_t *theirs, weir_arena *arena)
{
    if (ours->type == WEIR_OBJECT) {
        compare_object(ours, theirs, arena);
    } else if (ours->type == WEIR_ARRAY) {
        compare_array(ours, theirs, arena);
    } else {
        compare_scalar(ours, theirs, arena);
    }
}

/* jansson refuses what it cannot hold: integers beyond 64 bits, numbers beyond a double, names with
 * a NUL. The reader refuses what is nested deeper than its bound; jansson's is 2048. */
static void judge(const weir_value *ours, const weir_error *err, weir_view text, weir_arena *arena)
{
    if (memchr(text.ptr, '\0', text.len)) {
        check(!ours, "a raw NUL is refused");
        return;
    }
    json_error_t error;
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    json_t *theirs = json_loadb(text.ptr, text.len, flags, &error);
    if (ours && theirs) {
        compare(ours, theirs, arena);
    } else if (ours) {
        enum json_error_code code = json_error_code(&error);
        check(code == json_error_numeric_overflow || code == json_error_null_byte_in_key,
            "jansson accepts what the reader accepts");
    } else if (theirs) {
        check(strcmp(err->code, "JSON_DEPTH") == 0, "jansson refuses what the reader refuses");
    }
    json_decref(theirs);
}

/* ---- against itself ------------------------------------------------------------------------- */

static void check_same(const weir_value *a, const weir_value *b)
{
    check(a->skip == b->skip, "as many nodes");
    for (uint32_t i = 0; i < a->skip; i++) {
        const weir_value *x = &a[i], *y = &b[i];
        check(x->type == y->type && x->skip == y->skip && x->hash == y->hash, "the same nodes");
        if (x->type == WEIR_STRING) {
            check(weir_string_order(x, y) == 0, "the same string written and read");
        } else if (x->type == WEIR_ARRAY || x->type == WEIR_OBJECT) {
            check(x->len == y->len, "the same length written and read");
        } else {
            check(weir_view_eq(weir_raw(x), weir_raw(y)), "the same text written and read");
        }
    }
}

static void round_trip(const weir_value *v, weir_arena *arena)
{
    weir_buf once, again;
    const weir_value *copy;
    weir_buf_init(&once);
    weir_buf_init(&again);
    weir_json_put(&once, v);
    check(weir_json_read(weir_buf_view(&once), arena, &copy, NULL) == WEIR_OK,
        "written JSON is JSON");
    check_same(v, copy);
    weir_json_put(&again, copy);
    check(weir_view_eq(weir_buf_view(&once), weir_buf_view(&again)),
        "written once and again the same");
    weir_buf_fini(&once);
    weir_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    weir_view text = {len ? (const char *)data : "", len};
    weir_arena arena;
    const weir_value *root;
    weir_error err;
    weir_arena_init(&arena, 0);
    weir_status status = weir_json_read(text, &arena, &root, &err);
    check((status == WEIR_OK) == (root != NULL), "a root, or an error");
    check(status == WEIR_OK || (status == WEIR_REJECT && err.where[0] && err.text[0]),
        "a placed error");
    judge(root, &err, text, &arena);
    if (root) {
        round_trip(root, &arena);
    }
    weir_arena_fini(&arena);
    return 0;
}
