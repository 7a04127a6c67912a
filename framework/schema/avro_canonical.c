/* The parsing canonical form, and fingerprints of it. See avro_schema.h.
 *
 * The specification's transformations: attributes that do not change how data is written are left
 * out, names are full, the order is name, type, fields, symbols, items, values, size, and there is
 * no white space. A named type is written out where it comes first. */
#include "base/alloc.h"
#include "base/md5.h"
#include "schema/avro_parse.h"
#include "value/json.h"

typedef struct writer {
    weir_buf *to;
    bool *seen; /* by id: written out already */
} writer;

static void put_type(writer *w, const weir_avro_type *t);

static void put_text(writer *w, const char *before, weir_view text)
{
    weir_buf_puts(w->to, before);
    weir_json_put_string(w->to, text);
}

static void put_fields(writer *w, const weir_avro_type *t)
{
    weir_buf_puts(w->to, ",\"type\":\"record\",\"fields\":[");
    for (uint32_t i = 0; i < t->count; i++) {
        put_text(w, i ? ",{\"name\":" : "{\"name\":", t->fields[i].name);
        weir_buf_puts(w->to, ",\"type\":");
        put_type(w, t->fields[i].type);
        weir_buf_putc(w->to, '}');
    }
    weir_buf_putc(w->to, ']');
}

static void put_named(writer *w, const weir_avro_type *t)
{
    if (w->seen[t->id]) {
        put_text(w, "", t->name);
        return;
    }
    w->seen[t->id] = true;
    put_text(w, "{\"name\":", t->name);
    if (t->kind == WEIR_AVRO_RECORD) {
        put_fields(w, t);
    } else if (t->kind == WEIR_AVRO_FIXED) {
        weir_buf_printf(w->to, ",\"type\":\"fixed\",\"size\":%u", t->size);
    } else {
        weir_buf_puts(w->to, ",\"type\":\"enum\",\"symbols\":");
        for (uint32_t i = 0; i < t->count; i++) {
            put_text(w, i ? "," : "[", t->symbols[i]);
        }
        weir_buf_putc(w->to, ']');
    }
    weir_buf_putc(w->to, '}');
}

static void put_type(writer *w, const weir_avro_type *t)
{
    if (weir_avro_is_named(t)) {
        put_named(w, t);
    } else if (t->kind == WEIR_AVRO_ARRAY || t->kind == WEIR_AVRO_MAP) {
        weir_buf_puts(w->to, t->kind == WEIR_AVRO_ARRAY ? "{\"type\":\"array\",\"items\":"
                                                        : "{\"type\":\"map\",\"values\":");
        put_type(w, t->item);
        weir_buf_putc(w->to, '}');
    } else if (t->kind == WEIR_AVRO_UNION) {
        for (uint32_t i = 0; i < t->count; i++) {
            weir_buf_putc(w->to, i ? ',' : '[');
            put_type(w, t->branches[i]);
        }
        weir_buf_putc(w->to, ']');
    } else {
        put_text(w, "", weir_view_of(weir_avro_kind_name(t->kind)));
    }
}

void weir_avro_canonical_put(weir_buf *to, const weir_avro_schema *s)
{
    writer w = {to, weir_calloc(s->types, sizeof *w.seen)};
    if (!w.seen) {
        to->failed = true;
        return;
    }
    put_type(&w, s->root);
    weir_free(w.seen);
}

/* ---- fingerprints -------------------------------------------------------------------------- */

/* CRC-64-AVRO: a bit at a time is fast enough for what is done once a schema. */
static uint64_t crc64(weir_view text)
{
    const uint64_t empty = UINT64_C(0xc15d213aa4d7a795);
    uint64_t crc = empty;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t byte = (crc ^ (unsigned char)text.ptr[i]) & 0xff;
        for (int bit = 0; bit < 8; bit++) {
            byte = byte >> 1 ^ (empty & -(byte & 1));
        }
        crc = crc >> 8 ^ byte;
    }
    return crc;
}

weir_status weir_avro_fingerprint(const weir_avro_schema *s, uint64_t *out, weir_error *err)
{
    weir_buf text = {0};
    weir_avro_canonical_put(&text, s);
    weir_status st = text.failed ? weir_fail_oom(err) : WEIR_OK;
    *out = crc64(weir_buf_view(&text));
    weir_buf_fini(&text);
    return st;
}

weir_status weir_avro_fingerprint_md5(
    const weir_avro_schema *s, unsigned char out[16], weir_error *err)
{
    weir_buf text = {0};
    weir_avro_canonical_put(&text, s);
    weir_status st = text.failed ? weir_fail_oom(err) : WEIR_OK;
    weir_md5(weir_buf_view(&text), out);
    weir_buf_fini(&text);
    return st;
}
