/* Object container files. See avro_file.h. */
#include "schema/avro_file.h"

#include "schema/avro_read.h"

enum { MAGIC = 4, SYNC = 16 };

static weir_status refuse(const weir_avro_file *f, const char *at, const char *why, weir_error *err)
{
    weir_status s = weir_fail(err, WEIR_E_AVRO_DATA, "%s", why);
    (void)weir_at(err, "byte %zu", (size_t)(at - f->start));
    return s;
}

bool weir_avro_is_file(weir_view bytes)
{
    return bytes.len >= MAGIC && memcmp(bytes.ptr, "Obj\1", MAGIC) == 0;
}

/* The header's map of text to bytes, as a schema of our own. */
static weir_status read_metadata(
    weir_avro_file *f, weir_arena *arena, const weir_value **out, weir_error *err)
{
    weir_avro_schema *map;
    weir_view text = weir_view_of("{\"type\":\"map\",\"values\":\"bytes\"}");
    weir_status s = weir_avro_schema_parse(&text, 1, &map, err);
    if (s) {
        return s;
    }
    size_t used = 0;
    s = weir_avro_read(weir_avro_root(map), f->rest, arena, out, &used, err);
    weir_avro_schema_free(map);
    f->rest = weir_view_make(f->rest.ptr + used, f->rest.len - used);
    return s;
}

weir_status weir_avro_file_open(
    weir_view bytes, weir_arena *arena, weir_avro_file *out, weir_error *err)
{
    *out = (weir_avro_file){.codec = {"null", 4}, .start = bytes.ptr};
    if (!weir_avro_is_file(bytes)) {
        return refuse(out, bytes.ptr, "no Avro object container file", err);
    }
    out->rest = weir_view_make(bytes.ptr + MAGIC, bytes.len - MAGIC);
    const weir_value *meta;
    weir_status s = read_metadata(out, arena, &meta, err);
    if (s) {
        return s;
    }
    const weir_value *schema = weir_gets(meta, "avro.schema");
    const weir_value *codec = weir_gets(meta, "avro.codec");
    if (!schema || out->rest.len < SYNC) {
        return refuse(out, out->rest.ptr, "a header without a schema or a sync marker", err);
    }
    out->schema = weir_raw(schema);
    out->codec = codec ? weir_raw(codec) : out->codec;
    out->sync = out->rest.ptr;
    out->rest = weir_view_make(out->rest.ptr + SYNC, out->rest.len - SYNC);
    return WEIR_OK;
}

/* A varint; false: there is none. */
static bool take_long(weir_view *from, int64_t *out)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < from->len && i < 10; i++) {
        uint64_t byte = (unsigned char)from->ptr[i];
        n |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *from = weir_view_make(from->ptr + i + 1, from->len - i - 1);
            *out = (int64_t)(n >> 1 ^ -(n & 1));
            return true;
        }
    }
    return false;
}

weir_status weir_avro_file_next(
    weir_avro_file *f, weir_avro_block *out, bool *more, weir_error *err)
{
    int64_t bytes = 0;
    const char *at = f->rest.ptr;
    *more = f->rest.len > 0;
    if (!*more) {
        return WEIR_OK;
    }
    if (!take_long(&f->rest, &out->count) || !take_long(&f->rest, &bytes) || out->count < 0 ||
        bytes < 0 || (uint64_t)bytes > f->rest.len || f->rest.len - (size_t)bytes < SYNC) {
        return refuse(f, at, "a block that leads beyond the end of the file", err);
    }
    out->bytes = weir_view_make(f->rest.ptr, (size_t)bytes);
    const char *sync = f->rest.ptr + bytes;
    if (memcmp(sync, f->sync, SYNC) != 0) {
        return refuse(f, sync, "a block without the file's sync marker behind it", err);
    }
    f->rest = weir_view_make(sync + SYNC, f->rest.len - (size_t)bytes - SYNC);
    return WEIR_OK;
}
