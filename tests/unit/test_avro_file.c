/* Object container files: header, blocks, and what is cut off or altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/avro_file.h"

#define SYNC "0123456789abcdef"
#define HEADER "Obj\1\2\26avro.schema\12\"int\"\0" SYNC
static const char file[] = HEADER "\4\4\2\3" SYNC "\2\2\6" SYNC;

static weir_status walk(weir_view bytes, int64_t *values, weir_error *err)
{
    weir_arena arena;
    weir_avro_file f;
    weir_avro_block b;
    bool more = true;
    *values = 0;
    weir_arena_init(&arena, 0);
    weir_status s = weir_avro_file_open(bytes, &arena, &f, err);
    if (!s) {
        assert_true(weir_view_is(f.schema, "\"int\""));
        assert_true(weir_view_is(f.codec, "null"));
    }
    while (!s && more) {
        s = weir_avro_file_next(&f, &b, &more, err);
        *values += !s && more ? b.count : 0;
    }
    weir_arena_fini(&arena);
    return s;
}

static void test_file(void **state)
{
    (void)state;
    int64_t values;
    weir_error err;
    assert_int_equal(walk(weir_view_make(file, sizeof file - 1), &values, &err), WEIR_OK);
    assert_int_equal(values, 3);
    assert_int_equal(walk(weir_view_make(file, sizeof HEADER - 1), &values, &err), WEIR_OK);
    assert_int_equal(values, 0);
}

/* Wherever it is cut, but between blocks, it is refused. */
static void test_cut(void **state)
{
    (void)state;
    size_t header = sizeof HEADER - 1, first = header + 4 + 16;
    for (size_t len = 0; len < sizeof file - 1; len++) {
        int64_t values;
        weir_error err;
        weir_status s = walk(weir_view_make(file, len), &values, &err);
        assert_int_equal(s, len == header || len == first ? WEIR_OK : WEIR_REJECT);
    }
}

static void test_altered(void **state)
{
    (void)state;
    char altered[sizeof file];
    int64_t values;
    weir_error err;
    memcpy(altered, file, sizeof file);
    altered[sizeof file - 2] ^= 1;
    assert_int_equal(walk(weir_view_make(altered, sizeof file - 1), &values, &err), WEIR_REJECT);
    assert_non_null(strstr(err.text, "sync marker"));
    assert_int_equal(values, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_altered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
