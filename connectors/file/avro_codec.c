/* Unpacking the blocks of Avro files. See avro_codec.h. */
#include "file/avro_codec.h"

#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum { STEP = 1 << 16 };

static weir_status damaged(const char *codec, weir_error *err)
{
    return weir_fail(err, WEIR_E_AVRO_DATA, "the block is no %s data, or is damaged", codec);
}

/* Room for another step. */
static weir_status make_room(weir_buf *to, size_t begun, weir_error *err)
{
    if (to->len - begun > WEIR_AVRO_BLOCK_BYTES) {
        return weir_fail(err, WEIR_E_AVRO_LIMIT, "the block unpacks to more than %d MiB",
            WEIR_AVRO_BLOCK_BYTES >> 20);
    }
    return weir_buf_reserve(to, STEP) ? WEIR_OK : weir_fail_oom(err);
}

/* ---- Libraries ----------------------------------------------------------------------------------
 */

static weir_status unpack_null(weir_view block, weir_buf *to, weir_error *err)
{
    weir_buf_put(to, block.ptr, block.len);
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

/* RFC 1951, bare. fastavro cuts it out of zlib's form and leaves some of the checksum behind it. */
static weir_status unpack_deflate(weir_view block, weir_buf *to, weir_error *err)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)block.ptr, .avail_in = (uInt)block.len};
    if (inflateInit2(&z, -15) != Z_OK) {
        return weir_fail_oom(err);
    }
    size_t begun = to->len;
    int rc = Z_OK;
    weir_status s = WEIR_OK;
    while (rc == Z_OK && !(s = make_room(to, begun, err))) {
        z.next_out = (Bytef *)to->ptr + to->len;
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        to->len += STEP - z.avail_out;
    }
    enum { CHECKSUM = 4 };
    bool whole = rc == Z_STREAM_END && z.avail_in <= CHECKSUM;
    inflateEnd(&z);
    return s || whole ? s : damaged("deflate", err);
}

static weir_status unpack_xz(weir_view block, weir_buf *to, weir_error *err)
{
    lzma_stream x = LZMA_STREAM_INIT;
    if (lzma_stream_decoder(&x, (uint64_t)256 << 20, 0) != LZMA_OK) {
        return weir_fail_oom(err);
    }
    x.next_in = (const uint8_t *)block.ptr;
    x.avail_in = block.len;
    size_t begun = to->len;
    lzma_ret rc = LZMA_OK;
    weir_status s = WEIR_OK;
    while (rc == LZMA_OK && !(s = make_room(to, begun, err))) {
        x.next_out = (uint8_t *)to->ptr + to->len;
        x.avail_out = STEP;
        rc = lzma_code(&x, LZMA_FINISH);
        to->len += STEP - x.avail_out;
    }
    bool whole = rc == LZMA_STREAM_END && x.avail_in == 0;
    lzma_end(&x);
    return s || whole ? s : damaged("xz", err);
}

static weir_status unpack_zstd(weir_view block, weir_buf *to, weir_error *err)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    if (!z) {
        return weir_fail_oom(err);
    }
    ZSTD_inBuffer in = {block.ptr, block.len, 0};
    size_t begun = to->len, left = 1;
    bool full = true; /* there may be more to give out, though all is taken in */
    weir_status s = WEIR_OK;
    while (!ZSTD_isError(left) && (in.pos < in.size || (full && left)) &&
           !(s = make_room(to, begun, err))) {
        ZSTD_outBuffer out = {to->ptr + to->len, STEP, 0};
        left = ZSTD_decompressStream(z, &out, &in);
        to->len += out.pos;
        full = out.pos == STEP;
    }
    ZSTD_freeDStream(z);
    return s || left == 0 ? s : damaged("zstandard", err);
}

/* ---- Snappy: the raw format, and behind it the CRC-32 of what it stands for, big-endian
 * ---------- */

typedef struct snappy {
    const unsigned char *at, *end;
    weir_buf *to;
    size_t begun, size; /* what was unpacked stands from `begun` on */
} snappy;

/* A number of n bytes, little-endian. False: they are not there. */
static bool take(snappy *s, unsigned n, size_t *out)
{
    if ((size_t)(s->end - s->at) < n) {
        return false;
    }
    *out = 0;
    for (unsigned i = 0; i < n; i++) {
        *out |= (size_t)s->at[i] << 8 * i;
    }
    s->at += n;
    return true;
}

/* Also keeps within the size that was said beforehand, for which there is room. */
static bool literal(snappy *s, unsigned tag)
{
    size_t len = tag >> 2;
    if (len >= 60 && !take(s, (unsigned)len - 59, &len)) {
        return false;
    }
    len++;
    if (len > (size_t)(s->end - s->at) || len > s->size - (s->to->len - s->begun)) {
        return false;
    }
    memcpy(s->to->ptr + s->to->len, s->at, len);
    s->to->len += len;
    s->at += len;
    return true;
}

/* Bytes that came before; they may overlap what they make. */
static bool copy(snappy *s, unsigned tag)
{
    static const unsigned bytes[] = {[1] = 1, [2] = 2, [3] = 4};
    size_t offset, len = (tag & 3) == 1 ? (tag >> 2 & 7) + 4 : (tag >> 2) + 1;
    if (!take(s, bytes[tag & 3], &offset)) {
        return false;
    }
    offset |= (tag & 3) == 1 ? (size_t)(tag >> 5) << 8 : 0;
    size_t done = s->to->len - s->begun;
    if (!offset || offset > done || len > s->size - done) {
        return false;
    }
    for (char *p = s->to->ptr + s->to->len, *end = p + len; p < end; p++) {
        *p = p[-(ptrdiff_t)offset];
    }
    s->to->len += len;
    return true;
}

static bool snappy_size(snappy *s)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < 5 && s->at < s->end; i++) {
        unsigned char byte = *s->at++;
        size |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            s->size = (size_t)size;
            return size <= UINT32_MAX;
        }
    }
    return false;
}

static weir_status unpack_snappy(weir_view block, weir_buf *to, weir_error *err)
{
    enum { CHECKSUM = 4 };
    if (block.len < CHECKSUM) {
        return damaged("snappy", err);
    }
    const unsigned char *start = (const unsigned char *)block.ptr;
    snappy s = {.at = start, .end = start + block.len - CHECKSUM, .to = to, .begun = to->len};
    if (!snappy_size(&s)) {
        return damaged("snappy", err);
    }
    if (s.size > WEIR_AVRO_BLOCK_BYTES) {
        return weir_fail(err, WEIR_E_AVRO_LIMIT, "the block unpacks to more than %d MiB",
            WEIR_AVRO_BLOCK_BYTES >> 20);
    }
    if (!weir_buf_reserve(to, s.size + 1)) {
        return weir_fail_oom(err);
    }
    bool good = true;
    while (good && s.at < s.end) {
        unsigned tag = *s.at++;
        good = tag & 3 ? copy(&s, tag) : literal(&s, tag);
    }
    const unsigned char *sum = s.end;
    uint32_t said =
        (uint32_t)sum[0] << 24 | (uint32_t)sum[1] << 16 | (uint32_t)sum[2] << 8 | sum[3];
    good = good && to->len - s.begun == s.size &&
           crc32(0, (const Bytef *)to->ptr + s.begun, (uInt)s.size) == said;
    return good ? WEIR_OK : damaged("snappy", err);
}

/* ---- By name ------------------------------------------------------------------------------------
 */

static const struct codec {
    const char *name;
    weir_status (*unpack)(weir_view block, weir_buf *to, weir_error *err);
} codecs[] = {
    {"null", unpack_null},
    {"deflate", unpack_deflate},
    {"snappy", unpack_snappy},
    {"zstandard", unpack_zstd},
    {"xz", unpack_xz},
};

static const struct codec *find(weir_view name)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        if (weir_view_is(name, codecs[i].name)) {
            return &codecs[i];
        }
    }
    return NULL;
}

bool weir_avro_codec_known(weir_view codec)
{
    return find(codec) != NULL;
}

weir_status weir_avro_unpack(weir_view codec, weir_view block, weir_buf *to, weir_error *err)
{
    const struct codec *c = find(codec);
    return c ? c->unpack(block, to, err)
             : weir_fail(err, WEIR_E_AVRO_DATA,
                   "the codec %.*s is none of null, deflate, snappy, zstandard, xz",
                   (int)(codec.len < 40 ? codec.len : 40), codec.ptr);
}
