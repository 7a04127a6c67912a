/* Writing Avro, and reading by another schema. See avro_write.h.
 *
 * Resolution is done by writing: what was read by the writer's schema is written by the reader's,
 * from the types that were written (`from`), and read again. It is no hot path, and so there is one
 * place that knows promotions and defaults. `from` NULL: the value is a plain one. */
#include "schema/avro_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "schema/avro_read.h"
#include "schema/compat_report.h"
#include "value/utf8.h"

typedef struct encoder {
    weir_buf *to;
    weir_buf path;
    weir_arena scratch;
    weir_avro_pairs *pairs; /* of a resolution */
    unsigned depth;
    weir_status status;
    weir_error *err;
} encoder;

static bool put(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v);

/* ---- refusals ------------------------------------------------------------------------------ */

static bool refuse(encoder *p, bool resolving, const char *why, weir_view what)
{
    p->status = weir_fail(p->err, resolving ? WEIR_E_AVRO_RESOLUTION : WEIR_E_AVRO_VALUE, "%s %.*s",
        why, (int)(what.len < 100 ? what.len : 100), what.ptr);
    (void)weir_at(p->err, "%s", weir_buf_str(&p->path));
    return false;
}

static bool mismatch(encoder *p, const weir_avro_type *t, const weir_avro_type *from)
{
    return refuse(p, from != NULL,
        from ? "what was written cannot be read as" : "the value is none of type",
        weir_avro_type_name(t));
}

/* ---- scalars ------------------------------------------------------------------------------- */

static void put_long(weir_buf *to, int64_t n)
{
    uint64_t z = (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
    char bytes[10];
    size_t len = 0;
    for (; z >= 0x80; z >>= 7) {
        bytes[len++] = (char)(z | 0x80);
    }
    bytes[len++] = (char)z;
    weir_buf_put(to, bytes, len);
}

static void put_bytes(weir_buf *to, weir_view bytes)
{
    put_long(to, (int64_t)bytes.len);
    weir_buf_putv(to, bytes);
}

/* The nearest double; without a decimal point, which libc takes from the locale. */
static double number_of(weir_view text)
{
    enum { MOST_DIGITS = 1000 };
    char plain[MOST_DIGITS + 40];
    size_t n = 0;
    long behind = 0, exponent = 0;
    bool point = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == 'e' || c == 'E') {
            weir_view rest = {text.ptr + i + 1, text.len - i - 1};
            char digits[24];
            snprintf(digits, sizeof digits, "%.*s", (int)(rest.len < 20 ? rest.len : 20), rest.ptr);
            exponent = strtol(digits, NULL, 10);
            break;
        }
        if (c == '.') {
            point = true;
        } else if (n < MOST_DIGITS) {
            plain[n++] = c;
            behind += point;
        } else {
            behind -= !point; /* what is beyond cannot be told */
        }
    }
    exponent = exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent;
    snprintf(plain + n, sizeof plain - n, "e%ld", exponent - behind);
    return strtod(plain, NULL);
}

static bool double_of(const weir_value *v, double *out)
{
    if (v->type == WEIR_INT || v->type == WEIR_NUMBER) {
        *out = number_of(weir_raw(v));
        return true;
    }
    bool nan = weir_string_is(v, weir_view_of("NaN"));
    bool minus = weir_string_is(v, weir_view_of("-Infinity"));
    *out = nan ? (double)NAN : minus ? -(double)INFINITY : (double)INFINITY;
    return nan || minus || weir_string_is(v, weir_view_of("Infinity"));
}

static void put_little_endian(weir_buf *to, uint64_t word, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        weir_buf_putc(to, (char)(word >> 8 * i));
    }
}

static bool put_float(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    double x;
    if (!double_of(v, &x)) {
        return mismatch(p, t, from);
    }
    if (from && from->kind == WEIR_AVRO_FLOAT) {
        x = (double)(float)x; /* its shortest text is that of the float, not of its double */
    }
    if (t->kind == WEIR_AVRO_FLOAT) {
        float f = (float)x;
        uint32_t word;
        memcpy(&word, &f, sizeof word);
        put_little_endian(p->to, word, 4);
    } else {
        uint64_t word;
        memcpy(&word, &x, sizeof word);
        put_little_endian(p->to, word, 8);
    }
    return true;
}

static bool put_integer(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    int64_t n;
    if (!weir_to_int64(v, &n) || (t->kind == WEIR_AVRO_INT && (n < INT32_MIN || n > INT32_MAX))) {
        return mismatch(p, t, from);
    }
    put_long(p->to, n);
    return true;
}

/* The characters of JSON stand for bytes, those of an Avro string are their UTF-8. */
static bool bytes_of(encoder *p, const weir_avro_type *from, const weir_value *v, weir_view *out)
{
    weir_view text = v->type == WEIR_BYTES ? weir_raw(v) : weir_string(v, &p->scratch);
    *out = text;
    if (v->type == WEIR_BYTES || from || !text.ptr) {
        return text.ptr != NULL;
    }
    char *bytes = weir_arena_bytes(&p->scratch, text.len);
    size_t n = 0;
    for (size_t i = 0; bytes && i < text.len; n++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char low = c >= 0x80 ? (unsigned char)text.ptr[i + 1] & 0x3F : 0;
        bytes[n] = (char)(c >= 0x80 ? (c & 3) << 6 | low : c);
        i += c >= 0x80 ? 2 : 1;
    }
    *out = weir_view_make(bytes, n);
    return bytes != NULL;
}

static bool no_memory(encoder *p)
{
    p->status = weir_fail_oom(p->err);
    return false;
}

static bool put_binary(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    weir_view bytes;
    bool written =
        from ? v->type == WEIR_BYTES || v->type == WEIR_STRING : weir_avro_fits(t, v, &p->scratch);
    if (!written) {
        return mismatch(p, t, from);
    }
    if (!bytes_of(p, from, v, &bytes)) {
        return no_memory(p);
    }
    if (t->kind == WEIR_AVRO_BYTES) {
        put_bytes(p->to, bytes);
        return true;
    }
    if (bytes.len != t->size) {
        return mismatch(p, t, from);
    }
    weir_buf_putv(p->to, bytes);
    return true;
}

static bool is_utf8(weir_view text)
{
    const char *at = text.ptr, *end = at + text.len;
    for (size_t n; at < end; at += n) {
        n = weir_utf8_length(at, end);
        if (!n) {
            return false;
        }
    }
    return true;
}

static bool put_string(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    bool promoted = from && v->type == WEIR_BYTES;
    if (v->type != WEIR_STRING && !promoted) {
        return mismatch(p, t, from);
    }
    weir_view text = promoted ? weir_raw(v) : weir_string(v, &p->scratch);
    if (!text.ptr) {
        return no_memory(p);
    }
    if (promoted && !is_utf8(text)) {
        return refuse(
            p, true, "bytes that are not UTF-8 cannot be read as", weir_view_of("string"));
    }
    put_bytes(p->to, text);
    return true;
}

static bool put_enum(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    if (v->type != WEIR_STRING) {
        return mismatch(p, t, from);
    }
    weir_view symbol = weir_string(v, &p->scratch);
    int32_t index = symbol.ptr ? weir_avro_symbol_of(t, symbol) : -1;
    if (index < 0 && from) {
        index = t->fallback_symbol;
    }
    if (index < 0) {
        return refuse(p, from != NULL, "the enum has no symbol", symbol);
    }
    put_long(p->to, index);
    return true;
}

/* ---- containers ---------------------------------------------------------------------------- */

static bool put_at(encoder *p, weir_view name, const weir_avro_type *t, const weir_avro_type *from,
    const weir_value *v)
{
    size_t up = weir_compat_enter_name(&p->path, name);
    bool ok = put(p, t, from, v);
    weir_compat_leave(&p->path, up);
    return ok;
}

static bool put_field(
    encoder *p, const weir_avro_field *f, const weir_avro_type *from, const weir_value *v)
{
    const weir_avro_type *type = NULL;
    const weir_value *member = NULL;
    if (!from) {
        member = weir_get(v, f->name);
    } else {
        const weir_avro_field *written = weir_avro_written_field(f, from);
        type = written ? written->type : NULL;
        member = written ? weir_get(v, written->name) : NULL;
    }
    if (member) {
        return put_at(p, f->name, f->type, type, member);
    }
    return f->fallback
               ? put_at(p, f->name, f->type, NULL, f->fallback)
               : refuse(p, from != NULL, "there is no value, and no default, for field", f->name);
}

static bool put_record(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    if (v->type != WEIR_OBJECT) {
        return mismatch(p, t, from);
    }
    if (!from) {
        WEIR_EACH_MEMBER(v, name, value)
        {
            weir_view text = weir_string(name, &p->scratch);
            if (!text.ptr) {
                return no_memory(p);
            }
            if (!weir_avro_field_named(t, text)) {
                return refuse(p, false, "the record has no field", text);
            }
        }
    }
    for (uint32_t i = 0; i < t->count; i++) {
        if (!put_field(p, &t->fields[i], from, v)) {
            return false;
        }
    }
    return true;
}

static bool put_array(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    if (v->type != WEIR_ARRAY) {
        return mismatch(p, t, from);
    }
    size_t i = 0;
    if (v->len) {
        put_long(p->to, v->len);
    }
    WEIR_EACH_ITEM(v, item)
    {
        size_t up = weir_compat_enter_index(&p->path, i++);
        if (!put(p, t->item, from ? from->item : NULL, item)) {
            return false;
        }
        weir_compat_leave(&p->path, up);
    }
    put_long(p->to, 0);
    return true;
}

static bool put_map(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    if (v->type != WEIR_OBJECT) {
        return mismatch(p, t, from);
    }
    if (v->len) {
        put_long(p->to, v->len);
    }
    WEIR_EACH_MEMBER(v, name, value)
    {
        weir_view text = weir_string(name, &p->scratch);
        if (!text.ptr) {
            return no_memory(p);
        }
        put_bytes(p->to, text);
        if (!put_at(p, text, t->item, from ? from->item : NULL, value)) {
            return false;
        }
    }
    put_long(p->to, 0);
    return true;
}

/* ---- values -------------------------------------------------------------------------------- */

/* Is it of the value's own kind: text is text before it is bytes, 1 an integer before a float? */
static bool is_own_kind(const weir_avro_type *t, const weir_value *v)
{
    bool bytes = t->kind == WEIR_AVRO_BYTES || t->kind == WEIR_AVRO_FIXED;
    bool real = t->kind == WEIR_AVRO_FLOAT || t->kind == WEIR_AVRO_DOUBLE;
    return !(v->type == WEIR_STRING && (bytes || real)) && !(v->type == WEIR_INT && real);
}

static int32_t branch_of(encoder *p, const weir_avro_type *t, const weir_value *v)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < t->count; i++) {
            if ((pass || is_own_kind(t->branches[i], v)) &&
                weir_avro_fits(t->branches[i], v, &p->scratch)) {
                return (int32_t)i;
            }
        }
    }
    return -1;
}

static bool put_union(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    int32_t branch = from ? weir_avro_branch_for(p->pairs, t, from) : branch_of(p, t, v);
    if (branch < 0) {
        return refuse(p, from != NULL, "no branch of the union takes",
            from ? weir_avro_type_name(from) : weir_view_of("the value"));
    }
    put_long(p->to, branch);
    return put(p, t->branches[branch], from, v);
}

static bool put_null(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    return v->type == WEIR_NULL || mismatch(p, t, from);
}

static bool put_boolean(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    weir_buf_putc(p->to, v->flags & WEIR_TRUE ? 1 : 0);
    return v->type == WEIR_BOOL || mismatch(p, t, from);
}

typedef bool put_fn(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v);

static put_fn *const put_of[] = {
    [WEIR_AVRO_NULL] = put_null,
    [WEIR_AVRO_BOOLEAN] = put_boolean,
    [WEIR_AVRO_INT] = put_integer,
    [WEIR_AVRO_LONG] = put_integer,
    [WEIR_AVRO_FLOAT] = put_float,
    [WEIR_AVRO_DOUBLE] = put_float,
    [WEIR_AVRO_BYTES] = put_binary,
    [WEIR_AVRO_STRING] = put_string,
    [WEIR_AVRO_RECORD] = put_record,
    [WEIR_AVRO_ENUM] = put_enum,
    [WEIR_AVRO_ARRAY] = put_array,
    [WEIR_AVRO_MAP] = put_map,
    [WEIR_AVRO_FIXED] = put_binary,
    [WEIR_AVRO_UNION] = put_union,
};

static bool put(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    if (p->depth == 2 * WEIR_AVRO_DEPTH) {
        return refuse(p, from != NULL, "values nested too deep in", weir_avro_type_name(t));
    }
    if (from && from->kind == WEIR_AVRO_UNION) {
        from = v->hash < from->count ? from->branches[v->hash] : from;
    }
    bool named = from && weir_avro_is_named(t) && t->kind == from->kind;
    bool fits = !from || t->kind == WEIR_AVRO_UNION || weir_avro_promotes(t->kind, from->kind) ||
                (t->kind == from->kind && (!named || weir_avro_names_match(t, from)));
    if (!fits) {
        return mismatch(p, t, from);
    }
    p->depth++;
    bool ok = put_of[t->kind](p, t, from, v);
    p->depth--;
    return ok;
}

static weir_status write_value(
    encoder *p, const weir_avro_type *t, const weir_avro_type *from, const weir_value *v)
{
    weir_arena_init(&p->scratch, 0);
    weir_status s = put(p, t, from, v) ? WEIR_OK : p->status;
    if (p->to->failed || p->path.failed || p->scratch.failed) {
        s = weir_fail_oom(p->err);
    }
    weir_arena_fini(&p->scratch);
    weir_buf_fini(&p->path);
    return s;
}

weir_status weir_avro_write(
    const weir_avro_type *t, const weir_value *v, weir_buf *to, weir_error *err)
{
    encoder p = {.to = to, .err = err};
    return write_value(&p, t, NULL, v);
}

/* ---- resolution ---------------------------------------------------------------------------- */

struct weir_avro_resolver {
    const weir_avro_type *reader, *writer;
    weir_avro_pairs *pairs;
    weir_buf bytes;
};

weir_status weir_avro_resolver_new(const weir_avro_type *reader, const weir_avro_type *writer,
    weir_avro_resolver **out, weir_error *err)
{
    weir_avro_resolver *r = *out = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    r->reader = reader;
    r->writer = writer;
    weir_status s = weir_avro_pairs_new(&r->pairs, err);
    if (s) {
        weir_avro_resolver_free(r);
        *out = NULL;
    }
    return s;
}

void weir_avro_resolver_free(weir_avro_resolver *r)
{
    if (r) {
        weir_avro_pairs_free(r->pairs);
        weir_buf_fini(&r->bytes);
        weir_free(r);
    }
}

weir_status weir_avro_resolver_read(weir_avro_resolver *r, weir_view bytes, weir_arena *arena,
    const weir_value **out, weir_error *err)
{
    *out = NULL;
    const weir_value *written;
    weir_status s = weir_avro_read(r->writer, bytes, arena, &written, NULL, err);
    if (s) {
        return s;
    }
    weir_buf_clear(&r->bytes);
    encoder p = {.to = &r->bytes, .pairs = r->pairs, .err = err};
    s = write_value(&p, r->reader, r->writer, written);
    s = s ? s : weir_avro_pairs_check(r->pairs, err);
    if (s) {
        return s;
    }
    weir_view resolved = weir_arena_copy(arena, weir_buf_view(&r->bytes));
    return resolved.ptr ? weir_avro_read(r->reader, resolved, arena, out, NULL, err)
                        : weir_fail_oom(err);
}
