/* Placeholders: what Debezium sends where an update has left a TOASTed value unchanged.
 *
 *   text, json, xml, …, bytea unless as bytes   the configured text
 *   bytea                                       its bytes: base64, or hex
 *   text[], json[] …                            [text]
 *   bytea[]                                     [its bytes]
 *   integer[], bigint[], date[]                 its bytes, one by one, as integers
 *   uuid[]                                      [the version 3 UUID of its bytes]
 *   hstore                                      {text: text}, or that as JSON text
 *
 * A text column may well hold the base64 of the placeholder, so each form counts only where the
 * column's kind allows it; a column of unknown type allows all of them. */
#include "base/base64.h"
#include "cdc/column_kind.h"
#include "base/md5.h"

/* ---- forms ----------------------------------------------------------------------------------- */

enum { UUID_CHARS = 36 };

/* java.util.UUID.nameUUIDFromBytes: version 3 without a name space. */
static bool is_uuid_of(const weir_value *v, weir_view text)
{
    static const char hex[] = "0123456789abcdef";
    if (v->len != UUID_CHARS) {
        return false;
    }
    unsigned char bytes[16];
    weir_md5(text, bytes);
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x30);
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    char uuid[UUID_CHARS], *p = uuid;
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    return weir_string_is(v, weir_view_make(uuid, sizeof uuid));
}

/* Compared three bytes at a time, so that no length of placeholder needs memory. */
static bool is_base64_of(weir_view encoded, weir_view text)
{
    if (encoded.len != (text.len + 2) / 3 * 4) {
        return false;
    }
    for (size_t i = 0; i < text.len; i += 3) {
        char bytes[6];
        size_t len = text.len - i < 3 ? text.len - i : 3;
        ptrdiff_t n = weir_base64_get(weir_view_make(encoded.ptr + i / 3 * 4, 4), bytes);
        if (n != (ptrdiff_t)len || memcmp(bytes, text.ptr + i, len) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_hex_of(weir_view encoded, weir_view text)
{
    static const char hex[] = "0123456789abcdef";
    if (encoded.len != 2 * text.len) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (encoded.ptr[2 * i] != hex[byte >> 4] || encoded.ptr[2 * i + 1] != hex[byte & 15]) {
            return false;
        }
    }
    return true;
}

/* {"p":"p"} */
static bool is_map_of(const weir_value *v, weir_view text)
{
    return v->len == 1 && weir_string_is(weir_child(v), text) &&
           weir_string_is(weir_next(weir_child(v)), text);
}

static bool take(weir_view *from, weir_view prefix)
{
    if (from->len < prefix.len || memcmp(from->ptr, prefix.ptr, prefix.len) != 0) {
        return false;
    }
    *from = weir_view_make(from->ptr + prefix.len, from->len - prefix.len);
    return true;
}

/* The same as JSON text, whose quotes JSON has escaped once more. The placeholder is compared as it
 * stands: one that holds quotes itself is not found. */
static bool is_map_text_of(const weir_value *v, weir_view text)
{
    weir_view rest = weir_raw(v);
    weir_view quote = weir_view_of(v->flags & WEIR_ESCAPED ? "\\\"" : "\"");
    weir_view parts[] = {weir_view_of("{"), quote, text, quote, weir_view_of(":"), quote, text,
        quote, weir_view_of("}")};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!take(&rest, parts[i])) {
            return false;
        }
    }
    return rest.len == 0;
}

static bool is_codes_of(const weir_value *v, weir_view text)
{
    if (v->len != text.len) {
        return false;
    }
    const char *p = text.ptr;
    WEIR_EACH_ITEM(v, item)
    {
        int64_t code;
        if (!weir_to_int64(item, &code) || code != (signed char)*p++) {
            return false;
        }
    }
    return true;
}

/* ---- by kind --------------------------------------------------------------------------------- */

static bool is_text_placeholder(weir_kind kind, const weir_value *v, weir_view text)
{
    weir_view raw = weir_raw(v);
    if (weir_string_is(v, text)) {
        return true;
    }
    switch (kind) {
    case WEIR_KIND_BYTEA:
    case WEIR_KIND_BYTEA_HEX:
        return is_base64_of(raw, text) || is_hex_of(raw, text);
    case WEIR_KIND_JSON:
    case WEIR_KIND_HSTORE:
        return is_map_text_of(v, text);
    case WEIR_KIND_RAW:
        return is_base64_of(raw, text) || is_hex_of(raw, text) || is_map_text_of(v, text);
    default:
        return false;
    }
}

static bool is_bytes_placeholder(weir_kind kind, const weir_value *v, weir_view text)
{
    bool binary = kind == WEIR_KIND_BYTEA || kind == WEIR_KIND_BYTEA_HEX || kind == WEIR_KIND_RAW;
    return binary && weir_view_eq(weir_raw(v), text);
}

static bool is_array_placeholder(weir_kind kind, const weir_value *v, weir_view text)
{
    const weir_value *only = v->len == 1 ? weir_child(v) : NULL;
    if (weir_is(only, WEIR_STRING)) {
        bool uuid = kind == WEIR_KIND_UUID || kind == WEIR_KIND_RAW;
        return is_text_placeholder(kind, only, text) || (uuid && is_uuid_of(only, text));
    }
    if (weir_is(only, WEIR_BYTES)) {
        return is_bytes_placeholder(kind, only, text);
    }
    bool codes = kind == WEIR_KIND_INTEGER || kind == WEIR_KIND_DATE || kind == WEIR_KIND_RAW;
    return codes && is_codes_of(v, text);
}

bool weir_column_is_placeholder(const weir_column *c, const weir_value *v, weir_view text)
{
    if (!v || text.len == 0) {
        return false;
    }
    weir_kind kind = c->kind->id;
    switch (v->type) {
    case WEIR_STRING:
        return is_text_placeholder(kind, v, text);
    case WEIR_BYTES:
        return is_bytes_placeholder(kind, v, text);
    case WEIR_OBJECT:
        return (kind == WEIR_KIND_HSTORE || kind == WEIR_KIND_RAW) && is_map_of(v, text);
    case WEIR_ARRAY:
        return (kind == WEIR_KIND_ARRAY || kind == WEIR_KIND_RAW) &&
               is_array_placeholder(c->item ? c->item->kind->id : kind, v, text);
    default:
        return false;
    }
}
