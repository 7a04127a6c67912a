/* The reader of Avro's binary encoding. See avro_read.h.
 *
 * Invariants:
 *   - r->at never passes r->end, and nothing at or beyond r->end is read;
 *   - the nodes before r->next are final but for `len` and `skip` of the open containers;
 *   - a function that returns false has refused: r->status says why;
 *   - a block of items is believed only as far as the bytes left can hold it: what takes no bytes
 *     is counted in r->empty_items. */
#include "schema/avro_read.h"

#include <math.h>

#include "value/json_names.h"
#include "value/text.h"
#include "value/utf8.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

enum {
    TEXT_CHUNK = 512,
    LONGEST_INT = 20,
    FEW_NAMES = 8,
};

typedef struct reader {
    const unsigned char *at, *end;
    weir_value *nodes, *next, *limit;
    char *text, *text_end; /* where digits are put */
    uint32_t depth;
    uint32_t empty_items;
    weir_status status;
    size_t most_nodes;
    weir_arena *arena;
    weir_view bytes;
    weir_error *err;
} reader;

/* ---- refusals ------------------------------------------------------------------------------ */

COLD bool refuse(reader *r, weir_code code, const char *why)
{
    r->status = weir_fail(r->err, code, "%s", why);
    (void)weir_at(r->err, "byte %zu", (size_t)((const char *)r->at - r->bytes.ptr));
    return false;
}

COLD bool refuse_name(reader *r, const char *why, const weir_avro_type *t)
{
    weir_view name = weir_avro_type_name(t);
    r->status = weir_fail(
        r->err, WEIR_E_AVRO_DATA, "%s %.*s", why, (int)(name.len < 100 ? name.len : 100), name.ptr);
    (void)weir_at(r->err, "byte %zu", (size_t)((const char *)r->at - r->bytes.ptr));
    return false;
}

COLD bool no_memory(reader *r, size_t bytes)
{
    bool ever_fits = bytes <= r->arena->max_bytes / 2;
    r->status = ever_fits
                    ? weir_fail_oom(r->err)
                    : weir_fail(r->err, WEIR_E_TOO_LARGE,
                          "the Avro value needs more than the %zu bytes of memory it may take",
                          r->arena->max_bytes);
    return false;
}

/* ---- room ---------------------------------------------------------------------------------- */

COLD bool more_nodes(reader *r)
{
    size_t used = (size_t)(r->next - r->nodes), count = 2 * (size_t)(r->limit - r->nodes);
    if (count > r->most_nodes) {
        return refuse(r, WEIR_E_AVRO_LIMIT, "the value holds far more than its bytes");
    }
    weir_value *nodes = weir_arena_alloc(r->arena, count * sizeof *nodes);
    if (!nodes) {
        return no_memory(r, count * sizeof *nodes);
    }
    memcpy(nodes, r->nodes, used * sizeof *nodes);
    r->nodes = nodes;
    r->next = nodes + used;
    r->limit = nodes + count;
    return true;
}

/* Room for two more nodes: a name and its value. */
HOT bool reserve(reader *r)
{
    return LIKELY(r->limit - r->next >= 2) || more_nodes(r);
}

COLD bool more_text(reader *r)
{
    r->text = weir_arena_bytes(r->arena, TEXT_CHUNK);
    r->text_end = r->text ? r->text + TEXT_CHUNK : NULL;
    return r->text || no_memory(r, TEXT_CHUNK);
}

HOT bool reserve_text(reader *r, ptrdiff_t bytes)
{
    return LIKELY(r->text_end - r->text >= bytes) || more_text(r);
}

/* ---- integers ------------------------------------------------------------------------------ */

COLD bool read_long_tail(reader *r, uint64_t n, int64_t *out)
{
    for (unsigned shift = 7; r->at < r->end; shift += 7) {
        uint64_t byte = *r->at;
        if (shift == 63 && byte > 1) {
            return refuse(r, WEIR_E_AVRO_DATA, "an integer of more than 64 bits");
        }
        r->at++;
        n |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(n >> 1 ^ -(n & 1));
            return true;
        }
    }
    return refuse(r, WEIR_E_AVRO_DATA, "the bytes end within an integer");
}

HOT bool read_long(reader *r, int64_t *out)
{
    if (UNLIKELY(r->at == r->end)) {
        return refuse(r, WEIR_E_AVRO_DATA, "the bytes end where an integer must be");
    }
    uint64_t n = *r->at++;
    if (UNLIKELY(n >= 0x80)) {
        return read_long_tail(r, n & 0x7f, out);
    }
    *out = (int64_t)(n >> 1 ^ -(n & 1));
    return true;
}

static const char pairs[201] = "0001020304050607080910111213141516171819"
                               "2021222324252627282930313233343536373839"
                               "4041424344454647484950515253545556575859"
                               "6061626364656667686970717273747576777879"
                               "8081828384858687888990919293949596979899";

/* Digits from the end; returns where they begin. */
HOT char *put_backwards(char *end, uint64_t n)
{
    while (n >= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (n % 100), 2);
        n /= 100;
    }
    if (n >= 10) {
        end -= 2;
        memcpy(end, pairs + 2 * n, 2);
    } else {
        *--end = (char)('0' + n);
    }
    return end;
}

HOT void set_scalar(weir_value *v, weir_value_type type, const char *at, size_t len)
{
    *v = (weir_value){
        .at = at, .len = (uint32_t)len, .span = (uint32_t)len, .skip = 1, .type = (uint8_t)type};
}

HOT bool put_int(reader *r, int64_t n)
{
    if (n >= 0 && n < 10) {
        set_scalar(r->next++, WEIR_INT, pairs + 2 * n + 1, 1);
        return true;
    }
    if (!reserve_text(r, LONGEST_INT)) {
        return false;
    }
    char digits[LONGEST_INT], *end = digits + sizeof digits;
    char *p = put_backwards(end, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    if (n < 0) {
        *--p = '-';
    }
    memcpy(r->text, p, (size_t)(end - p));
    set_scalar(r->next++, WEIR_INT, r->text, (size_t)(end - p));
    r->text += end - p;
    return true;
}

static bool read_int(reader *r)
{
    const unsigned char *at = r->at;
    int64_t n = 0;
    if (!read_long(r, &n)) {
        return false;
    }
    if (UNLIKELY(n < INT32_MIN || n > INT32_MAX)) {
        r->at = at;
        return refuse(r, WEIR_E_AVRO_DATA, "an int of more than 32 bits");
    }
    return put_int(r, n);
}

/* ---- other scalars ------------------------------------------------------------------------- */

static bool read_boolean(reader *r)
{
    if (r->at == r->end || *r->at > 1) {
        return refuse(r, WEIR_E_AVRO_DATA,
            r->at == r->end ? "the bytes end where a boolean must be"
                            : "a boolean that is neither 0 nor 1");
    }
    bool yes = *r->at++;
    set_scalar(r->next, WEIR_BOOL, yes ? "true" : "false", yes ? 4 : 5);
    r->next++->flags = yes ? WEIR_TRUE : 0;
    return true;
}

static bool put_double(reader *r, double x, bool single)
{
    if (!isfinite(x)) {
        const char *name = isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity";
        set_scalar(r->next++, WEIR_STRING, name, strlen(name));
        return true;
    }
    if (!reserve_text(r, WEIR_AVRO_DIGITS)) {
        return false;
    }
    size_t len = weir_avro_put_float(r->text, x, single);
    set_scalar(r->next++, WEIR_NUMBER, r->text, len);
    r->text += len;
    return true;
}

static bool read_float(reader *r, bool single)
{
    size_t bytes = single ? 4 : 8;
    if ((size_t)(r->end - r->at) < bytes) {
        return refuse(r, WEIR_E_AVRO_DATA, "the bytes end within a float");
    }
    const char *p = (const char *)r->at;
    r->at += bytes;
    if (single) {
        uint32_t word = weir_load4(p);
        float x;
        memcpy(&x, &word, sizeof x);
        return put_double(r, (double)x, true);
    }
    uint64_t word = weir_load8(p);
    double x;
    memcpy(&x, &word, sizeof x);
    return put_double(r, x, false);
}

static bool is_utf8(const char *p, const char *end)
{
    while (p < end) {
        if (end - p >= 8 && !(weir_load8(p) & 0x8080808080808080U)) {
            p += 8;
            continue;
        }
        size_t len = weir_utf8_length(p, end);
        if (!len) {
            return false;
        }
        p += len;
    }
    return true;
}

/* A length and so many bytes. */
HOT bool read_bytes(reader *r, weir_view *out)
{
    const unsigned char *at = r->at;
    int64_t len = 0;
    if (!read_long(r, &len)) {
        return false;
    }
    if (UNLIKELY(len < 0 || len > r->end - r->at)) {
        r->at = at;
        return refuse(r, WEIR_E_AVRO_DATA, "a length beyond the end of the bytes");
    }
    *out = weir_view_make((const char *)r->at, (size_t)len);
    r->at += len;
    return true;
}

static bool read_string(reader *r, weir_view *out)
{
    *out = weir_view_make("", 0);
    if (!read_bytes(r, out)) {
        return false;
    }
    if (UNLIKELY(!is_utf8(out->ptr, out->ptr + out->len))) {
        r->at = (const unsigned char *)out->ptr;
        return refuse(r, WEIR_E_AVRO_DATA, "a string that is not UTF-8");
    }
    return true;
}

static bool read_enum(reader *r, const weir_avro_type *t)
{
    const unsigned char *at = r->at;
    int64_t n = 0;
    if (!read_long(r, &n)) {
        return false;
    }
    if (n < 0 || n >= t->count) {
        r->at = at;
        return refuse_name(r, "an index beyond the symbols of enum", t);
    }
    set_scalar(r->next++, WEIR_STRING, t->symbols[n].ptr, t->symbols[n].len);
    return true;
}

static bool read_fixed(reader *r, const weir_avro_type *t)
{
    if ((size_t)(r->end - r->at) < t->size) {
        return refuse_name(r, "the bytes end within fixed", t);
    }
    set_scalar(r->next++, WEIR_BYTES, (const char *)r->at, t->size);
    r->at += t->size;
    return true;
}

/* ---- containers ---------------------------------------------------------------------------- */

static bool read_value(reader *r, const weir_avro_type *t);

/* Where a container begins; its children follow. */
HOT size_t open_container(reader *r, weir_value_type type)
{
    *r->next = (weir_value){.at = (const char *)r->at, .type = (uint8_t)type};
    return (size_t)(r->next++ - r->nodes);
}

HOT bool close_container(reader *r, size_t node, uint32_t len)
{
    r->nodes[node].len = len;
    r->nodes[node].skip = (uint32_t)((size_t)(r->next - r->nodes) - node);
    return true;
}

static bool read_record(reader *r, const weir_avro_type *t)
{
    size_t node = open_container(r, WEIR_OBJECT);
    for (uint32_t i = 0; i < t->count; i++) {
        const weir_avro_field *f = &t->fields[i];
        if (!reserve(r)) {
            return false;
        }
        *r->next++ = f->key;
        if (!read_value(r, f->type)) {
            return false;
        }
    }
    return close_container(r, node, t->count);
}

/* The next block's count of items, 0 at the end. */
static bool read_block(reader *r, const weir_avro_type *item, uint32_t overhead, int64_t *count)
{
    const unsigned char *at = r->at;
    int64_t bytes = 0;
    if (!read_long(r, count)) {
        return false;
    }
    if (*count < 0) { /* its size in bytes follows */
        if (*count == INT64_MIN || !read_long(r, &bytes) || bytes < 0 || bytes > r->end - r->at) {
            return r->status ? false
                             : refuse(r, WEIR_E_AVRO_DATA, "a block that leads beyond the bytes");
        }
        *count = -*count;
    }
    uint64_t each = (uint64_t)item->fewest_bytes + overhead;
    if (each && (uint64_t)*count > (uint64_t)(r->end - r->at) / each) {
        r->at = at;
        return refuse(r, WEIR_E_AVRO_DATA, "a block of more items than the bytes can hold");
    }
    if (!each && *count > WEIR_AVRO_EMPTY_ITEMS - r->empty_items) {
        r->at = at;
        return refuse(r, WEIR_E_AVRO_LIMIT, "more than 65,536 items that take no bytes");
    }
    r->empty_items += each ? 0 : (uint32_t)*count;
    return true;
}

static bool read_array(reader *r, const weir_avro_type *t)
{
    size_t node = open_container(r, WEIR_ARRAY);
    uint32_t len = 0;
    int64_t count = 0;
    do {
        if (!read_block(r, t->item, 0, &count)) {
            return false;
        }
        for (int64_t i = 0; i < count; i++, len++) {
            if (!reserve(r) || !read_value(r, t->item)) {
                return false;
            }
        }
    } while (count);
    return close_container(r, node, len);
}

/* Few names are compared with each other by hash; more are sorted. */
static bool names_differ(reader *r, const weir_value *object)
{
    const weir_value *names[FEW_NAMES];
    size_t n = 0;
    if (object->len > FEW_NAMES) {
        weir_names_twice twice = weir_names_check(object);
        return twice.out_of_memory ? no_memory(r, 0)
               : twice.second      ? refuse(r, WEIR_E_AVRO_DATA, "a map with one key twice")
                                   : true;
    }
    WEIR_EACH_MEMBER(object, name, value)
    {
        for (size_t i = 0; i < n; i++) {
            if (names[i]->hash == name->hash && weir_string_order(names[i], name) == 0) {
                return refuse(r, WEIR_E_AVRO_DATA, "a map with one key twice");
            }
        }
        names[n++] = name;
    }
    return true;
}

static bool read_entry(reader *r, const weir_avro_type *t)
{
    weir_view name = {"", 0};
    if (!reserve(r) || !read_string(r, &name)) {
        return false;
    }
    set_scalar(r->next, WEIR_STRING, name.ptr, name.len);
    r->next++->hash = weir_name_hash(name);
    return read_value(r, t->item);
}

static bool read_map(reader *r, const weir_avro_type *t)
{
    size_t node = open_container(r, WEIR_OBJECT);
    uint32_t len = 0;
    int64_t count = 0;
    do {
        if (!read_block(r, t->item, 1, &count)) {
            return false;
        }
        for (int64_t i = 0; i < count; i++, len++) {
            if (!read_entry(r, t)) {
                return false;
            }
        }
    } while (count);
    return close_container(r, node, len) && names_differ(r, &r->nodes[node]);
}

static bool read_container(reader *r, const weir_avro_type *t)
{
    if (r->depth == WEIR_AVRO_DEPTH) {
        return refuse(r, WEIR_E_AVRO_LIMIT, "values nested more than 256 deep");
    }
    r->depth++;
    bool ok = t->kind == WEIR_AVRO_RECORD  ? read_record(r, t)
              : t->kind == WEIR_AVRO_ARRAY ? read_array(r, t)
                                           : read_map(r, t);
    r->depth--;
    return ok;
}

/* ---- values -------------------------------------------------------------------------------- */

HOT bool read_branch(reader *r, const weir_avro_type *t, int64_t *n)
{
    const unsigned char *at = r->at;
    if (!read_long(r, n)) {
        return false;
    }
    if (UNLIKELY(*n < 0 || *n >= t->count)) {
        r->at = at;
        return refuse(r, WEIR_E_AVRO_DATA, "an index beyond the branches of a union");
    }
    return true;
}

static bool read_text(reader *r, bool string)
{
    weir_view bytes = {"", 0};
    if (!(string ? read_string(r, &bytes) : read_bytes(r, &bytes))) {
        return false;
    }
    set_scalar(r->next++, string ? WEIR_STRING : WEIR_BYTES, bytes.ptr, bytes.len);
    return true;
}

/* There is room for its node. */
static bool read_plain(reader *r, const weir_avro_type *t)
{
    int64_t n = 0;
    switch (t->kind) {
    case WEIR_AVRO_NULL:
        set_scalar(r->next++, WEIR_NULL, "null", 4);
        return true;
    case WEIR_AVRO_BOOLEAN:
        return read_boolean(r);
    case WEIR_AVRO_INT:
        return read_int(r);
    case WEIR_AVRO_LONG:
        return read_long(r, &n) && put_int(r, n);
    case WEIR_AVRO_FLOAT:
        return read_float(r, true);
    case WEIR_AVRO_DOUBLE:
        return read_float(r, false);
    case WEIR_AVRO_BYTES:
        return read_text(r, false);
    case WEIR_AVRO_STRING:
        return read_text(r, true);
    case WEIR_AVRO_ENUM:
        return read_enum(r, t);
    case WEIR_AVRO_FIXED:
        return read_fixed(r, t);
    default:
        return read_container(r, t);
    }
}

static bool read_value(reader *r, const weir_avro_type *t)
{
    if (t->kind != WEIR_AVRO_UNION) {
        return read_plain(r, t);
    }
    int64_t branch = 0;
    size_t node = (size_t)(r->next - r->nodes);
    if (!read_branch(r, t, &branch) || !read_plain(r, t->branches[branch])) {
        return false;
    }
    r->nodes[node].hash = (uint16_t)branch;
    return true;
}

/* A first guess, that most records need not outgrow. */
static bool begin(reader *r)
{
    enum { LARGEST_FIRST_GUESS = 4096, SURPLUS = 1 << 20 };
    size_t count = 32 + r->bytes.len / 2;
    count = count < LARGEST_FIRST_GUESS ? count : LARGEST_FIRST_GUESS;
    r->nodes = weir_arena_alloc(r->arena, count * sizeof *r->nodes);
    if (!r->nodes) {
        return no_memory(r, count * sizeof *r->nodes);
    }
    r->next = r->nodes;
    r->limit = r->nodes + count;
    r->most_nodes = SURPLUS + 32 * r->bytes.len;
    return true;
}

weir_status weir_avro_read(const weir_avro_type *t, weir_view bytes, weir_arena *arena,
    const weir_value **out, size_t *used, weir_error *err)
{
    *out = NULL;
    if (bytes.len > INT32_MAX) {
        return weir_fail(err, WEIR_E_TOO_LARGE, "an Avro value of 2 GiB or more");
    }
    reader r = {.at = (const unsigned char *)bytes.ptr,
        .end = (const unsigned char *)bytes.ptr + bytes.len,
        .arena = arena,
        .bytes = bytes,
        .err = err};
    bool ok = begin(&r) && read_value(&r, t);
    if (ok && !used && r.at != r.end) {
        ok = refuse(&r, WEIR_E_AVRO_DATA, "bytes behind the value");
    }
    if (ok && used) {
        *used = (size_t)((const char *)r.at - bytes.ptr);
    }
    *out = ok ? r.nodes : NULL;
    return ok ? WEIR_OK : r.status;
}
