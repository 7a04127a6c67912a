/* Frames and headers that name a schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/avro_wire.h"

#define GUID "\x89\x79\x1e\x02\x0b\x5f\x4a\x9a\x8a\x36\x3a\x0c\x4e\x37\x0c\x55"
#define VIEW(text) weir_view_make(text, sizeof(text) - 1)

static void test_frames(void **state)
{
    (void)state;
    weir_schema_ref r;
    char text[WEIR_REF_TEXT];
    assert_int_equal(weir_wire_frame(VIEW("\0\0\0\1\2x"), &r), 5);
    assert_int_equal(r.kind, WEIR_REF_ID);
    assert_int_equal(r.number, 258);
    weir_schema_ref_text(&r, text);
    assert_string_equal(text, "258");
    assert_int_equal(weir_wire_frame(VIEW("\1" GUID), &r), 17);
    assert_int_equal(r.kind, WEIR_REF_GUID);
    assert_int_equal(weir_schema_ref_text(&r, text), 36);
    assert_string_equal(text, "89791e02-0b5f-4a9a-8a36-3a0c4e370c55");
    assert_int_equal(weir_wire_frame(VIEW("\xC3\1\1\0\0\0\0\0\0\x80"), &r), 10);
    assert_int_equal(r.kind, WEIR_REF_FINGERPRINT);
    assert_true(r.number == 0x8000000000000001U);
    weir_schema_ref_text(&r, text);
    assert_string_equal(text, "8000000000000001");
}

static void test_no_frames(void **state)
{
    (void)state;
    static const weir_view none[] = {{"", 0}, {"\0\0\0\1", 4}, {"\1" GUID, 16}, {"{\"a\":1}", 7},
        {"\xC3\2\1\0\0\0\0\0\0\0", 10}, {"\xC3\1\1\0\0\0\0\0\0", 9}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        weir_schema_ref r;
        assert_int_equal(weir_wire_frame(none[i], &r), 0);
        assert_int_equal(r.kind, WEIR_REF_NONE);
    }
}

/* What is written is read again. */
static void test_put(void **state)
{
    (void)state;
    static const weir_view frames[] = {
        {"\0\0\1\2\3", 5}, {"\1" GUID, 17}, {"\xC3\1\1\2\3\4\5\6\7\x88", 10}};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        weir_schema_ref r;
        char out[17];
        assert_int_equal(weir_wire_frame(frames[i], &r), frames[i].len);
        assert_int_equal(weir_wire_put_frame(&r, out), frames[i].len);
        assert_memory_equal(out, frames[i].ptr, frames[i].len);
    }
    char out[17];
    weir_schema_ref none = {.kind = WEIR_REF_CONTENT_ID};
    assert_int_equal(weir_wire_put_frame(&none, out), 0);
}

static void test_headers(void **state)
{
    (void)state;
    weir_schema_ref r;
    weir_view guid = VIEW("\1" GUID), eight = VIEW("\0\0\0\0\0\0\1\0"), text = VIEW("x");
    assert_true(weir_wire_header(VIEW("__value_schema_id"), guid, false, &r));
    assert_int_equal(r.kind, WEIR_REF_GUID);
    assert_false(weir_wire_header(VIEW("__value_schema_id"), guid, true, &r));
    assert_true(weir_wire_header(VIEW("__key_schema_id"), VIEW("\0\0\0\0\7"), true, &r));
    assert_int_equal(r.number, 7);
    assert_false(weir_wire_header(VIEW("__key_schema_id"), VIEW("\0\0\0\0\7\0"), true, &r));
    assert_true(weir_wire_header(VIEW("apicurio.value.globalId"), eight, false, &r));
    assert_int_equal(r.kind, WEIR_REF_GLOBAL_ID);
    assert_int_equal(r.number, 256);
    assert_true(weir_wire_header(VIEW("apicurio.key.contentId"), VIEW("\0\0\0\3"), true, &r));
    assert_int_equal(r.kind, WEIR_REF_CONTENT_ID);
    assert_int_equal(r.number, 3);
    assert_false(weir_wire_header(VIEW("apicurio.value.contentId"), text, false, &r));
    assert_false(weir_wire_header(VIEW("apicurio.value.encoding"), eight, false, &r));
    assert_false(weir_wire_header(VIEW("__value_schema_id"), (weir_view){NULL, 0}, false, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_no_frames),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
