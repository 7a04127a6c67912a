/* Binary columns: base64 and hex on the wire, bytea and bit strings in the row. */
#include "base/base64.h"
#include "cdc/column_kind.h"

static const char hex_digits[] = "0123456789abcdef";

weir_status weir_column_bytes(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_view *out, weir_error *err)
{
    if (v->type == WEIR_BYTES) {
        *out = weir_raw(v);
        return WEIR_OK;
    }
    weir_view text = weir_string(v, scratch);
    char *bytes = text.ptr ? weir_arena_bytes(scratch, text.len / 4 * 3 + 3) : NULL;
    if (!bytes) {
        return weir_fail_oom(err);
    }
    ptrdiff_t len = weir_base64_get(text, bytes);
    if (len < 0) {
        return weir_column_refuse(c, v, "not base64", err);
    }
    *out = weir_view_make(bytes, (size_t)len);
    return WEIR_OK;
}

/* ---- bytea ----------------------------------------------------------------------------------- */

/* "\\x00ff": the backslash is JSON's escape of itself. */
static void put_bytea(weir_buf *to, weir_view bytes)
{
    if (!weir_buf_reserve(to, 2 * bytes.len + 5)) {
        return;
    }
    char *p = to->ptr + to->len;
    memcpy(p, "\"\\\\x", 4);
    p += 4;
    for (size_t i = 0; i < bytes.len; i++) {
        *p++ = hex_digits[(unsigned char)bytes.ptr[i] >> 4];
        *p++ = hex_digits[(unsigned char)bytes.ptr[i] & 15];
    }
    *p++ = '"';
    to->len = (size_t)(p - to->ptr);
}

weir_status weir_render_bytea(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    weir_view bytes;
    weir_status status = weir_column_bytes(c, v, scratch, &bytes, err);
    if (status == WEIR_OK) {
        put_bytea(to, bytes);
    }
    return status;
}

/* 0 to 15, or -1. */
static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

weir_status weir_render_bytea_hex(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (v->type == WEIR_BYTES) {
        return weir_render_bytea(c, v, scratch, to, err);
    }
    weir_view text = weir_raw(v); /* hex needs no escapes; an escaped string is refused below */
    if (text.len % 2) {
        return weir_column_refuse(c, v, "an odd number of hex digits", err);
    }
    weir_buf_puts(to, "\"\\\\x");
    for (size_t i = 0; i < text.len; i++) {
        int value = nibble(text.ptr[i]);
        if (value < 0) {
            return weir_column_refuse(c, v, "not hex", err);
        }
        weir_buf_putc(to, hex_digits[value]);
    }
    weir_buf_putc(to, '"');
    return WEIR_OK;
}

/* ---- bit strings ----------------------------------------------------------------------------- */

/* Little-endian: bit i is of byte i/8. High zero bytes may have been cut. */
static bool bit_of(weir_view bytes, size_t i)
{
    return i / 8 < bytes.len && (unsigned char)bytes.ptr[i / 8] >> i % 8 & 1;
}

static size_t highest_bit(weir_view bytes)
{
    size_t bits = bytes.len * 8;
    while (bits && !bit_of(bytes, bits - 1)) {
        bits--;
    }
    return bits;
}

static void put_bits(weir_buf *to, weir_view bytes, size_t bits)
{
    if (!weir_buf_reserve(to, bits + 2)) {
        return;
    }
    char *p = to->ptr + to->len;
    *p++ = '"';
    for (size_t i = bits; i > 0; i--) {
        *p++ = bit_of(bytes, i - 1) ? '1' : '0';
    }
    *p++ = '"';
    to->len = (size_t)(p - to->ptr);
}

/* One bit arrives as a boolean. `fixed`: the type says how many bits there are; else they start at
 * the highest that is set, for the wire does not say. */
static weir_status render_bits(const weir_column *c, const weir_value *v, bool fixed,
    weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (v->type == WEIR_BOOL) {
        weir_buf_puts(to, v->flags & WEIR_TRUE ? "\"1\"" : "\"0\"");
        return WEIR_OK;
    }
    weir_view bytes = {NULL, 0};
    weir_status status = weir_column_bytes(c, v, scratch, &bytes, err);
    if (status != WEIR_OK) {
        return status;
    }
    size_t bits = highest_bit(bytes);
    if (c->length > 0 && bits > (size_t)c->length) {
        return weir_column_refuse(c, v, "more bits than the type has", err);
    }
    put_bits(to, bytes, fixed && c->length > 0 ? (size_t)c->length : bits);
    return WEIR_OK;
}

weir_status weir_render_bit(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return render_bits(c, v, true, scratch, to, err);
}

weir_status weir_render_varbit(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return render_bits(c, v, false, scratch, to, err);
}
