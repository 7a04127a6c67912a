/* Frames and headers that name a schema. See avro_wire.h. */
#include "schema/avro_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_FRAME = 5, GUID_FRAME = 17, SINGLE_OBJECT_FRAME = 10 };

static uint64_t big_endian(const char *p, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        n = n << 8 | (unsigned char)p[i];
    }
    return n;
}

static uint64_t little_endian(const char *p)
{
    uint64_t n = 0;
    for (size_t i = 8; i-- > 0;) {
        n = n << 8 | (unsigned char)p[i];
    }
    return n;
}

size_t weir_wire_frame(weir_view bytes, weir_schema_ref *out)
{
    const char *p = bytes.ptr;
    *out = (weir_schema_ref){.kind = WEIR_REF_NONE};
    if (bytes.len >= ID_FRAME && p[0] == 0) {
        *out = (weir_schema_ref){.kind = WEIR_REF_ID, .number = big_endian(p + 1, 4)};
        return ID_FRAME;
    }
    if (bytes.len >= GUID_FRAME && p[0] == 1) {
        out->kind = WEIR_REF_GUID;
        memcpy(out->guid, p + 1, sizeof out->guid);
        return GUID_FRAME;
    }
    if (bytes.len >= SINGLE_OBJECT_FRAME && (unsigned char)p[0] == 0xC3 && p[1] == 1) {
        *out = (weir_schema_ref){.kind = WEIR_REF_FINGERPRINT, .number = little_endian(p + 2)};
        return SINGLE_OBJECT_FRAME;
    }
    return 0;
}

static bool number_of(weir_view value, weir_schema_ref_kind kind, weir_schema_ref *out)
{
    if (value.len != 8 && value.len != 4) {
        return false;
    }
    *out = (weir_schema_ref){.kind = kind, .number = big_endian(value.ptr, value.len)};
    return true;
}

bool weir_wire_header(weir_view name, weir_view value, bool of_key, weir_schema_ref *out)
{
    if (!value.ptr || !name.len || (name.ptr[0] != '_' && name.ptr[0] != 'a')) {
        return false;
    }
    if (weir_view_is(name, of_key ? "__key_schema_id" : "__value_schema_id")) {
        return weir_wire_frame(value, out) == value.len && out->kind != WEIR_REF_FINGERPRINT;
    }
    if (weir_view_is(name, of_key ? "apicurio.key.globalId" : "apicurio.value.globalId")) {
        return number_of(value, WEIR_REF_GLOBAL_ID, out);
    }
    if (weir_view_is(name, of_key ? "apicurio.key.contentId" : "apicurio.value.contentId")) {
        return number_of(value, WEIR_REF_CONTENT_ID, out);
    }
    return false;
}

static size_t guid_text(const unsigned char guid[16], char *out)
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[guid[i] >> 4];
        *p++ = hex[guid[i] & 15];
    }
    *p = '\0';
    return (size_t)(p - out);
}

size_t weir_schema_ref_text(const weir_schema_ref *ref, char out[WEIR_REF_TEXT])
{
    if (ref->kind == WEIR_REF_GUID) {
        return guid_text(ref->guid, out);
    }
    return (size_t)(ref->kind == WEIR_REF_FINGERPRINT
                        ? snprintf(out, WEIR_REF_TEXT, "%016" PRIx64, ref->number)
                        : snprintf(out, WEIR_REF_TEXT, "%" PRIu64, ref->number));
}

void weir_schema_ref_key(const weir_schema_ref *ref, char out[WEIR_REF_KEY])
{
    memset(out, 0, WEIR_REF_KEY);
    out[0] = (char)ref->kind;
    if (ref->kind == WEIR_REF_GUID) {
        memcpy(out + 1, ref->guid, sizeof ref->guid);
    } else {
        memcpy(out + 1, &ref->number, sizeof ref->number);
    }
}

size_t weir_wire_put_frame(const weir_schema_ref *ref, char out[17])
{
    if (ref->kind == WEIR_REF_GUID) {
        out[0] = 1;
        memcpy(out + 1, ref->guid, sizeof ref->guid);
        return GUID_FRAME;
    }
    if (ref->kind == WEIR_REF_FINGERPRINT) {
        memcpy(out, "\xC3\x01", 2);
        for (unsigned i = 0; i < 8; i++) {
            out[2 + i] = (char)(ref->number >> 8 * i);
        }
        return SINGLE_OBJECT_FRAME;
    }
    if (ref->kind != WEIR_REF_ID || ref->number > UINT32_MAX) {
        return 0;
    }
    for (unsigned i = 0; i < 4; i++) {
        out[1 + i] = (char)(ref->number >> (24 - 8 * i));
    }
    out[0] = 0;
    return ID_FRAME;
}
