/* Avro's object container files: each codec, bombs, values that cannot be read, memory that runs
 * out. What other writers make of them is in check-avro-peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "file/avro_codec.h"
#include "file/avro_container.h"

#define SYNC "0123456789abcdef"

/* ---- Codecs -------------------------------------------------------------------------------------
 */

enum { MUCH = 300000 };
static char plain[MUCH], packed[MUCH + 1000];

static size_t deflated(const char *from, size_t len)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)len};
    z.next_out = (Bytef *)packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return z.total_out;
}

static size_t xzed(const char *from, size_t len)
{
    size_t out = 0;
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (const uint8_t *)from, len,
                         (uint8_t *)packed, &out, sizeof packed),
        LZMA_OK);
    return out;
}

static size_t zstded(const char *from, size_t len)
{
    return ZSTD_compress(packed, sizeof packed, from, len, 1);
}

static size_t copied(const char *from, size_t len)
{
    memcpy(packed, from, len);
    return len;
}

static const struct {
    const char *name;
    size_t (*pack)(const char *from, size_t len);
} codecs[] = {{"null", copied}, {"deflate", deflated}, {"xz", xzed}, {"zstandard", zstded}};

static void fill(void)
{
    uint32_t x = 1;
    for (size_t i = 0; i < MUCH; i++) {
        x = x * 1664525 + 1013904223;
        plain[i] = (char)(i / 100 % 3 ? 'a' : (int)(x >> 24));
    }
}

static void test_codecs(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 1 << 16, (1 << 16) + 1, MUCH};
    fill();
    for (size_t c = 0; c < sizeof codecs / sizeof *codecs; c++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            weir_buf out = {0};
            weir_view name = weir_view_of(codecs[c].name);
            size_t len = codecs[c].pack(plain, sizes[i]);
            weir_buf_puts(&out, "before");
            assert_int_equal(
                weir_avro_unpack(name, weir_view_make(packed, len), &out, NULL), WEIR_OK);
            assert_int_equal(out.len, 6 + sizes[i]);
            assert_memory_equal(out.ptr + 6, plain, sizes[i]);
            /* Cut off, or with something behind it. */
            bool bare = strcmp(codecs[c].name, "null") == 0;
            for (size_t cut = 1; cut <= len && cut < 20 && !bare; cut++) {
                weir_buf_clear(&out);
                assert_int_equal(
                    weir_avro_unpack(name, weir_view_make(packed, len - cut), &out, NULL),
                    WEIR_REJECT);
            }
            weir_buf_clear(&out);
            memset(packed + len, 'x', 5);
            assert_int_equal(weir_avro_unpack(name, weir_view_make(packed, len + 5), &out, NULL),
                bare ? WEIR_OK : WEIR_REJECT);
            weir_buf_fini(&out);
        }
    }
}

/* Block, what it stands for; NULL: it is damaged. */
static const struct {
    weir_view block;
    const char *text;
} snappies[] = {
    {{"\0", 1}, ""},
    {{"\3\10abc", 5}, "abc"},
    {{"\12\14abcd\11\4", 8}, "abcdabcdab"}, /* a copy of 6, offset in one byte; it overlaps */
    {{"\6\0a\22\1\0", 6}, "aaaaaa"},        /* … in two */
    {{"\6\0a\23\1\0\0\0", 8}, "aaaaaa"},    /* … in four */
    {{"\2\360\1ab", 5}, "ab"},              /* a literal whose length has a byte of its own */
    {{"\4\10abc", 5}, NULL},                /* shorter than it says */
    {{"\2\10abc", 5}, NULL},                /* longer */
    {{"\3\14abc", 5}, NULL},                /* a literal beyond the end */
    {{"\6\0a\22\2\0", 6}, NULL},            /* a copy from before the start */
    {{"\6\0a\22\0\0", 6}, NULL},            /* … of itself */
    {{"\6\0a\22\1", 5}, NULL},              /* … cut off */
    {{"\6\0a\32\1\0", 6}, NULL},            /* … too long */
    {{"\2\360", 2}, NULL},
    {{"\200\200\200\200\200", 5}, NULL},
    {{"", 0}, NULL},
};

static void test_snappy(void **state)
{
    (void)state;
    weir_view name = weir_view_of("snappy");
    for (size_t i = 0; i < sizeof snappies / sizeof *snappies; i++) {
        char block[64];
        weir_view b = snappies[i].block;
        const char *text = snappies[i].text ? snappies[i].text : "aaaaaa";
        uint32_t sum = (uint32_t)crc32(0, (const Bytef *)text, (uInt)strlen(text));
        memcpy(block, b.ptr, b.len);
        for (int k = 0; k < 4; k++) {
            block[b.len + (size_t)k] = (char)(sum >> (24 - 8 * k));
        }
        weir_buf out = {0};
        weir_status s = weir_avro_unpack(name, weir_view_make(block, b.len + 4), &out, NULL);
        assert_int_equal(s, snappies[i].text ? WEIR_OK : WEIR_REJECT);
        if (!s) {
            assert_string_equal(weir_buf_str(&out), text);
            block[b.len] ^= 1; /* another checksum */
            assert_int_equal(
                weir_avro_unpack(name, weir_view_make(block, b.len + 4), &out, NULL), WEIR_REJECT);
        }
        weir_buf_fini(&out);
    }
}

/* Few bytes that stand for more than a block may hold. */
static void test_bombs(void **state)
{
    (void)state;
    static char zeros[1 << 20];
    weir_error err;
    weir_buf out = {0}, bomb = {0};
    z_stream z = {.next_in = NULL};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    for (int i = 0; i <= 257; i++) {
        z.next_in = (Bytef *)zeros;
        z.avail_in = i < 257 ? sizeof zeros : 0;
        do {
            z.next_out = (Bytef *)packed;
            z.avail_out = sizeof packed;
            (void)deflate(&z, i < 257 ? Z_NO_FLUSH : Z_FINISH);
            weir_buf_put(&bomb, packed, sizeof packed - z.avail_out);
        } while (z.avail_in || !z.avail_out);
    }
    deflateEnd(&z);
    assert_int_equal(
        weir_avro_unpack(weir_view_of("deflate"), weir_buf_view(&bomb), &out, &err), WEIR_REJECT);
    assert_string_equal(err.code, "AVRO_LIMIT");
    weir_buf_fini(&out);
    weir_buf_fini(&bomb);
    assert_int_equal(weir_avro_unpack(weir_view_of("snappy"),
                         (weir_view){"\377\377\377\377\17"
                                     "aaaa",
                             9},
                         &out, &err),
        WEIR_REJECT);
    assert_string_equal(err.code, "AVRO_LIMIT");
    weir_buf_fini(&out);
}

/* ---- Containers ---------------------------------------------------------------------------------
 */

#define INTS "Obj\1\2\26avro.schema\12\"int\"\0" SYNC
#define NULLS "Obj\1\2\26avro.schema\14\"null\"\0" SYNC

/* What next gives, value by value: a digit, E for one that cannot be read, F where the file cannot.
 */
static weir_status walk(weir_view bytes, char *said, size_t most, weir_error *err)
{
    weir_avro_container c;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_status s = weir_avro_container_open(&c, bytes, err);
    bool more = true;
    for (size_t n = 0; !s && more && n < most; n++) {
        weir_view raw;
        const weir_value *v;
        weir_arena_reset(&arena);
        weir_status st = weir_avro_container_next(&c, &arena, &raw, &v, &more, err);
        if (st == WEIR_RETRY) {
            s = st;
        } else if (st || more) {
            *said++ = st ? more ? 'E' : 'F' : v->type == WEIR_NULL ? '0' : *v->at;
        }
    }
    *said = '\0';
    weir_avro_container_close(&c);
    weir_arena_fini(&arena);
    return s;
}

static const struct {
    weir_view bytes;
    const char *said;
} files[] = {
    {{INTS, sizeof INTS - 1}, ""},
    {{INTS "\4\4\2\4" SYNC "\0\0" SYNC "\2\2\6" SYNC, sizeof INTS - 1 + 57}, "123"},
    {{INTS "\4\4\2\200" SYNC "\2\2\6" SYNC, sizeof INTS - 1 + 39}, "1E3"},
    {{INTS "\2\4\2\4" SYNC "\2\2\6" SYNC, sizeof INTS - 1 + 39}, "1F"}, /* bytes left over */
    {{INTS "\6\4\2\4" SYNC "\2\2\6" SYNC, sizeof INTS - 1 + 39}, "12E3"},
    {{INTS "\4\4\2\4" SYNC "\2\2\6" SYNC, sizeof INTS - 1 + 38}, "12F"}, /* cut off */
    {{NULLS "\6\0" SYNC, sizeof NULLS - 1 + 18}, "000"},
};

static void test_containers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char said[32];
        weir_error err;
        assert_int_equal(walk(files[i].bytes, said, 31, &err), WEIR_OK);
        assert_string_equal(said, files[i].said);
    }
}

/* Blocks of 2^60 nulls: the bound is the file's, a block of them takes 26 bytes. */
static void test_empty_values(void **state)
{
    (void)state;
#define BLOCK "\200\200\200\200\200\200\200\200\40\0" SYNC
    static const char file[] = NULLS BLOCK BLOCK BLOCK;
    static char said[200000];
    weir_error err;
    assert_int_equal(
        walk(weir_view_make(file, sizeof file - 1), said, sizeof said - 1, &err), WEIR_OK);
    assert_int_equal(strlen(said), 65539);
    assert_string_equal(said + 65536, "EEE");
    assert_string_equal(err.code, "AVRO_LIMIT");
}

static void test_no_memory(void **state)
{
    (void)state;
    long live = weir_alloc_live();
    weir_status s = WEIR_RETRY;
    for (long n = 1; s == WEIR_RETRY; n++) {
        char said[32];
        weir_error err;
        (void)weir_alloc_fail_at(n, 0);
        s = walk(files[1].bytes, said, 31, &err);
        (void)weir_alloc_fail_at(0, 0);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 1000);
    }
    assert_int_equal(s, WEIR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codecs),
        cmocka_unit_test(test_snappy),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
