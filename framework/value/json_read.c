/* The JSON reader: one pass over the text, straight into the array of nodes. See json.h, value.h.
 *
 * read_document takes one value a turn: its name, where the container on top is an object, the
 * value, and what stands behind it: a comma, or the closing brackets of all containers that end
 * there. A bracket that opens a container is a turn of its own, so nothing recurses. Members as
 * serializers write them are taken many a turn, by read_plain_members, which leaves everything else
 * to the general way and refuses nothing.
 *
 * Invariants:
 *   - `at` never passes r->end, and nothing at or beyond r->end is read;
 *   - a step returns where to go on, or NULL when it has refused: r->status then says why;
 *   - the nodes before r->next are final but for `len`, `span` and `skip` of the open containers,
 *     which are frames[0, depth), r->top the last of them: close_top sets these;
 *   - all members of a closed object have different names, and so have the first WEIR_NAMES_FEW of
 *     an open one. */
#include "value/json.h"

#include <stdio.h>

#include "value/json_error.h"
#include "value/json_names.h"
#include "value/scan.h"
#include "value/text.h"
#include "value/utf8.h"

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline, cold))

enum {
    BYTES_PER_NODE = 8,        /* a first guess; compact Debezium records have 8.5 and more */
    LARGEST_FIRST_GUESS = 4096 /* nodes; from there the array doubles */
};

typedef struct frame {
    uint32_t node;  /* of the container */
    uint32_t count; /* of its members or items so far */
    char closer;
    weir_name_filter seen; /* objects: their names */
} frame;

typedef struct reader {
    const char *end;
    weir_value *nodes, *next, *limit;
    frame *top; /* frames[depth - 1]; meaningless while depth is 0 */
    uint32_t depth;
    weir_status status;
    weir_arena *arena;
    size_t arena_bytes; /* that this reader took */
    weir_view text;
    weir_error *err;
    frame frames[WEIR_JSON_DEPTH];
} reader;

/* ---- refusals ------------------------------------------------------------------------------ */

COLD const char *unexpected(reader *r, const char *at, const char *expected)
{
    r->status = weir_json_unexpected(r->err, r->text, at, expected);
    return NULL;
}

COLD const char *refuse(reader *r, weir_code code, const char *at, const char *why)
{
    r->status = weir_json_refuse(r->err, code, r->text, at, why);
    return NULL;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static weir_status refuse_memory(reader *r, bool ever_fits)
{
    return ever_fits ? weir_fail_oom(r->err)
                     : weir_fail(r->err, WEIR_E_TOO_LARGE,
                           "the document needs more than the %zu bytes of memory it may take",
                           r->arena->max_bytes);
}

/* Room for `count` nodes in all. What would not even fit into an arena of its own never will; the
 * rest may fit another time. */
static bool resize(reader *r, size_t count)
{
    size_t used = (size_t)(r->next - r->nodes), most = r->arena->max_bytes, bytes;
    bool counted = !__builtin_mul_overflow(count, sizeof(weir_value), &bytes);
    weir_value *nodes = counted ? weir_arena_alloc(r->arena, bytes) : NULL;
    if (!nodes) {
        bool fits = counted && r->arena_bytes <= most && bytes <= most - r->arena_bytes;
        r->status = refuse_memory(r, fits);
        return false;
    }
    if (used) {
        memcpy(nodes, r->nodes, used * sizeof(weir_value));
    }
    r->arena_bytes += bytes;
    r->nodes = nodes;
    r->next = nodes + used;
    r->limit = nodes + count;
    return true;
}

/* Room for one more node, at r->next. */
HOT bool reserve(reader *r)
{
    return LIKELY(r->next < r->limit) || resize(r, 2 * (size_t)(r->limit - r->nodes));
}

/* ---- white space --------------------------------------------------------------------------- */

static const char *skip_long_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) {
        at++;
    }
    return at;
}

HOT const char *skip_space(const char *at, const char *end)
{
    return at < end && UNLIKELY((unsigned char)*at <= ' ') ? skip_long_space(at, end) : at;
}

HOT bool is_at(const reader *r, const char *at, char c)
{
    return at < r->end && *at == c;
}

/* ---- closing ------------------------------------------------------------------------------- */

COLD bool names_differ(reader *r, const weir_value *object)
{
    weir_names_twice twice = weir_names_check(object);
    if (twice.out_of_memory) {
        r->status = weir_fail_oom(r->err);
        return false;
    }
    if (twice.second) {
        r->status = weir_json_duplicate(r->err, r->text, twice.first, twice.second);
        return false;
    }
    return true;
}

/* Closes the container on top; `at` is behind its closing bracket. */
HOT const char *close_top(reader *r, const char *at)
{
    const frame *f = r->top;
    weir_value *node = r->nodes + f->node;
    node->len = f->count;
    node->span = (uint32_t)(at - node->at);
    node->skip = (uint32_t)(r->next - node);
    r->top--;
    r->depth--;
    if (UNLIKELY(f->count > WEIR_NAMES_FEW) && f->closer == '}' && !names_differ(r, node)) {
        return NULL;
    }
    return at;
}

/* Behind a value: passes the comma or closes what ends here. Returns where the next value (or its
 * name) must stand, or behind the root. */
HOT const char *behind_value(reader *r, const char *at)
{
    while (r->depth) {
        at = skip_space(at, r->end);
        if (LIKELY(is_at(r, at, ','))) {
            return skip_space(at + 1, r->end);
        }
        if (UNLIKELY(!is_at(r, at, r->top->closer))) {
            return unexpected(r, at,
                r->top->closer == '}' ? "',' or '}' behind an object's member"
                                      : "',' or ']' behind an array's item");
        }
        at = close_top(r, at + 1);
        if (UNLIKELY(!at)) {
            return NULL;
        }
    }
    return at;
}

/* ---- strings ------------------------------------------------------------------------------- */

/* Four hexadecimal digits of an escape; -1 when there are not four before end. */
static int32_t read_hex4(const char *at, const char *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i], lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9') {
            code = code * 16 + (c - '0');
        } else if (lower >= 'a' && lower <= 'f') {
            code = code * 16 + (lower - 'a' + 10);
        } else {
            return -1;
        }
    }
    return code;
}

COLD const char *refuse_surrogate(reader *r, const char *at)
{
    char why[80];
    snprintf(
        why, sizeof why, "the lone surrogate %.6s: surrogates come in pairs, high then low", at);
    return refuse(r, WEIR_E_JSON_SYNTAX, at, why);
}

/* "\uXXXX", or two of them that make one character. */
static const char *skip_unicode_escape(reader *r, const char *at)
{
    int32_t code = read_hex4(at + 2, r->end);
    if (code < 0) {
        return refuse(r, WEIR_E_JSON_SYNTAX, at, "expected four hexadecimal digits behind \\u");
    }
    if (code < 0xD800 || code > 0xDFFF) {
        return at + 6;
    }
    bool pair = code <= 0xDBFF && is_at(r, at + 6, '\\') && is_at(r, at + 7, 'u');
    int32_t second = pair ? read_hex4(at + 8, r->end) : -1;
    return second >= 0xDC00 && second <= 0xDFFF ? at + 12 : refuse_surrogate(r, at);
}

static const char *skip_escape(reader *r, const char *at)
{
    if (at + 1 < r->end) {
        switch (at[1]) {
        case '"':
        case '\\':
        case '/':
        case 'b':
        case 'f':
        case 'n':
        case 'r':
        case 't':
            return at + 2;
        case 'u':
            return skip_unicode_escape(r, at);
        default:
            break;
        }
    }
    return unexpected(r, at + 1, "one of \" \\ / b f n r t u behind a backslash");
}

/* Characters beyond ASCII, as many as there are in a row. */
static const char *skip_wide(reader *r, const char *at)
{
    while (at < r->end && (unsigned char)*at >= 0x80) {
        size_t length = weir_utf8_length(at, r->end);
        if (!length) {
            return unexpected(r, at, "a character");
        }
        at += length;
    }
    return at;
}

/* On from `at` to the string's closing quote. Sets WEIR_ESCAPED when it meets an escape. */
static const char *find_quote(reader *r, const char *at, uint8_t *flags)
{
    while (at) {
        at = weir_scan_special(at, r->end);
        if (at == r->end) {
            return unexpected(r, at, "'\"' to close a string");
        }
        if (*at == '"') {
            return at;
        }
        if (*at == '\\') {
            *flags = WEIR_ESCAPED;
            at = skip_escape(r, at);
        } else if ((unsigned char)*at >= 0x80) {
            at = skip_wide(r, at);
        } else {
            return unexpected(r, at, "an escape for a control character in a string");
        }
    }
    return NULL;
}

/* The string whose opening quote is at `at`, as the next node. Returns behind its closing quote. */
HOT const char *read_string(reader *r, const char *at)
{
    const char *first = at + 1, *quote = first;
    uint8_t flags = 0;
#ifdef __SSE2__
    /* Most strings are plain and end within sixteen bytes. */
    if (LIKELY(r->end - first >= WEIR_LANES)) {
        unsigned hits = weir_special16(first);
        quote += hits ? __builtin_ctz(hits) : WEIR_LANES;
    }
#endif
    if (UNLIKELY(quote == r->end || *quote != '"')) {
        quote = find_quote(r, quote, &flags);
        if (UNLIKELY(!quote)) {
            return NULL;
        }
    }
    uint32_t len = (uint32_t)(quote - first);
    *r->next++ = (weir_value){
        .at = first, .len = len, .span = len + 2, .skip = 1, .type = WEIR_STRING, .flags = flags};
    return quote + 1;
}

/* ---- members ------------------------------------------------------------------------------- */

/* The filter may know the new name's hash: is the name really there already? A large object is
 * checked when it closes. */
COLD bool name_is_new(reader *r, const weir_value *name)
{
    if (r->top->count > WEIR_NAMES_FEW) {
        return true;
    }
    const weir_value *first = weir_names_find(weir_child(r->nodes + r->top->node), name);
    if (first) {
        r->status = weir_json_duplicate(r->err, r->text, first, name);
    }
    return !first;
}

HOT uint16_t hash_name(const reader *r, const weir_value *name)
{
    if (UNLIKELY(name->flags & WEIR_ESCAPED)) {
        return weir_hash_escaped(name);
    }
    return LIKELY(r->end - name->at >= 8) ? weir_hash_inside(name->at, name->len)
                                          : weir_name_hash(weir_raw(name));
}

/* A member's name and the colon. Returns where its value must stand. */
HOT const char *read_name(reader *r, const char *at)
{
    if (UNLIKELY(!is_at(r, at, '"'))) {
        return unexpected(r, at, "a member's name in quotes");
    }
    if (UNLIKELY(!reserve(r))) {
        return NULL;
    }
    at = read_string(r, at);
    if (UNLIKELY(!at)) {
        return NULL;
    }
    weir_value *name = r->next - 1;
    name->hash = hash_name(r, name);
    if (UNLIKELY(weir_name_filter_has(&r->top->seen, name->hash)) && !name_is_new(r, name)) {
        return NULL;
    }
    weir_name_filter_add(&r->top->seen, name->hash);
    at = skip_space(at, r->end);
    if (UNLIKELY(!is_at(r, at, ':'))) {
        return unexpected(r, at, "':' behind a member's name");
    }
    return skip_space(at + 1, r->end);
}

/* ---- values -------------------------------------------------------------------------------- */

/* A fraction and an exponent, each optional, behind the integer part. */
static const char *skip_fraction(reader *r, const char *at)
{
    if (is_at(r, at, '.')) {
        const char *digits = at + 1;
        at = weir_scan_digits(digits, r->end);
        if (at == digits) {
            return unexpected(r, at, "a digit behind a number's '.'");
        }
    }
    if (is_at(r, at, 'e') || is_at(r, at, 'E')) {
        const char *digits = at + 1;
        digits += is_at(r, digits, '+') || is_at(r, digits, '-');
        at = weir_scan_digits(digits, r->end);
        if (at == digits) {
            return unexpected(r, at, "a digit in a number's exponent");
        }
    }
    return at;
}

HOT const char *read_number(reader *r, const char *at)
{
    const char *start = at, *digits = at + (*at == '-');
    uint8_t type = WEIR_INT;
    at = weir_scan_digits(digits, r->end);
    if (UNLIKELY(at == digits)) {
        return unexpected(r, at, "a digit behind a number's '-'");
    }
    if (UNLIKELY(*digits == '0' && at - digits > 1)) {
        return unexpected(r, digits + 1, "no digit behind a number's leading zero");
    }
    if (at < r->end && (*at == '.' || (*at | 0x20) == 'e')) {
        at = skip_fraction(r, at);
        if (UNLIKELY(!at)) {
            return NULL;
        }
        type = WEIR_NUMBER;
    }
    uint32_t len = (uint32_t)(at - start);
    *r->next++ = (weir_value){.at = start, .len = len, .span = len, .skip = 1, .type = type};
    return at;
}

COLD const char *refuse_word(reader *r, const char *at, const char *word)
{
    while (is_at(r, at, *word)) {
        at++;
        word++;
    }
    return unexpected(r, at, "one of the words null, true and false");
}

HOT const char *read_word(reader *r, const char *at, const char *word, weir_value node)
{
    if (UNLIKELY(r->end - at < node.len || memcmp(at, word, node.len) != 0)) {
        return refuse_word(r, at, word);
    }
    node.at = at;
    node.span = node.len;
    node.skip = 1;
    *r->next++ = node;
    return at + node.len;
}

COLD const char *refuse_depth(reader *r, const char *at)
{
    char why[80];
    snprintf(why, sizeof why, "arrays and objects are nested more than %d deep", WEIR_JSON_DEPTH);
    return refuse(r, WEIR_E_JSON_DEPTH, at, why);
}

/* Opens the container whose bracket is at `at`. Returns where its first value or name must stand,
 * or behind it when it is empty. */
HOT const char *open_container(reader *r, const char *at, weir_value_type type, char closer)
{
    if (UNLIKELY(r->depth == WEIR_JSON_DEPTH)) {
        return refuse_depth(r, at);
    }
    frame *f = &r->frames[r->depth++];
    r->top = f;
    f->node = (uint32_t)(r->next - r->nodes);
    f->count = 0;
    f->closer = closer;
    f->seen = (weir_name_filter){0};
    *r->next++ = (weir_value){.at = at, .type = (uint8_t)type};
    at = skip_space(at + 1, r->end);
    return is_at(r, at, closer) ? close_top(r, at + 1) : at;
}

/* The value at `at`. Returns behind it, or inside when it is a container with something in it. */
HOT const char *read_value(reader *r, const char *at)
{
    if (UNLIKELY(!reserve(r))) {
        return NULL;
    }
    switch (LIKELY(at < r->end) ? *at : '\0') {
    case '"':
        return read_string(r, at);
    case '{':
        return open_container(r, at, WEIR_OBJECT, '}');
    case '[':
        return open_container(r, at, WEIR_ARRAY, ']');
    case 'n':
        return read_word(r, at, "null", (weir_value){.type = WEIR_NULL, .len = 4});
    case 't':
        return read_word(
            r, at, "true", (weir_value){.type = WEIR_BOOL, .len = 4, .flags = WEIR_TRUE});
    case 'f':
        return read_word(r, at, "false", (weir_value){.type = WEIR_BOOL, .len = 5});
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(r, at);
    default:
        return unexpected(r, at, "a value");
    }
}

/* ---- plain members ------------------------------------------------------------------------- */

/* What stands at the place that a step has come to. */
typedef enum place { AT_MEMBER, AT_VALUE, BEHIND_VALUE } place;

#ifdef __SSE2__

/* Two loads of sixteen bytes with what is between them, so that no step in there looks for the end.
 */
enum { ROOM_FOR_MEMBER = 64 };

/* A string without escapes, an integer or a word, and at least one character behind it: as this
 * node. Returns behind it; NULL when it is anything else, and then nothing has happened. */
HOT const char *read_plain_scalar(const char *at, const char *end, weir_value *node)
{
    const char *behind, *first = at;
    weir_value v = {.skip = 1, .type = WEIR_STRING};
    if (*at == '"') {
        unsigned hits = weir_special16(++first);
        behind =
            LIKELY(hits) ? first + __builtin_ctz(hits) : weir_scan_special(first + WEIR_LANES, end);
        if (UNLIKELY(end - behind < 2 || *behind != '"')) {
            return NULL;
        }
        v.len = (uint32_t)(behind++ - first);
    } else if (*at >= '1' && *at <= '9') {
        unsigned hits = weir_not_digit16(at);
        behind = LIKELY(hits) ? at + __builtin_ctz(hits) : weir_scan_digits(at + WEIR_LANES, end);
        if (UNLIKELY(behind == end || (*behind != ',' && *behind != '}'))) {
            return NULL;
        }
        v.len = (uint32_t)(behind - at);
        v.type = WEIR_INT;
    } else if (memcmp(at, "null", 4) == 0) {
        v.type = WEIR_NULL;
        behind = at + (v.len = 4);
    } else if (memcmp(at, "true", 4) == 0) {
        v.type = WEIR_BOOL;
        v.flags = WEIR_TRUE;
        behind = at + (v.len = 4);
    } else if (memcmp(at, "false", 5) == 0) {
        v.type = WEIR_BOOL;
        behind = at + (v.len = 5);
    } else {
        return NULL;
    }
    v.at = first;
    v.span = (uint32_t)(behind - at);
    *node = v;
    return behind;
}

/* From a member's name on: members without white space, with a short plain name and a plain scalar,
 * for as long as they come. Sets what it has come to, and returns where that is. */
HOT const char *read_plain_members(reader *r, const char *at, place *come_to)
{
    frame *f = r->top;
    weir_value *next = r->next;
    *come_to = AT_MEMBER;
    while (r->end - at >= ROOM_FOR_MEMBER && r->limit - next >= 2 && *at == '"') {
        const char *name = at + 1;
        unsigned hits = weir_special16(name) | 1U << WEIR_LANES;
        uint32_t len = (uint32_t)__builtin_ctz(hits);
        uint16_t hash = weir_hash_inside(name, len);
        if (UNLIKELY(
                name[len] != '"' || name[len + 1] != ':' || weir_name_filter_has(&f->seen, hash))) {
            break;
        }
        weir_name_filter_add(&f->seen, hash);
        f->count++;
        *next++ = (weir_value){
            .at = name, .len = len, .span = len + 2, .skip = 1, .type = WEIR_STRING, .hash = hash};
        at = name + len + 2;
        const char *behind = read_plain_scalar(at, r->end, next);
        if (UNLIKELY(!behind)) {
            *come_to = AT_VALUE;
            at = skip_space(at, r->end);
            break;
        }
        next++;
        at = behind;
        if (*at != ',') {
            *come_to = BEHIND_VALUE;
            break;
        }
        at = skip_space(at + 1, r->end);
    }
    r->next = next;
    return at;
}

#else

static const char *read_plain_members(reader *r, const char *at, place *come_to)
{
    (void)r;
    *come_to = AT_MEMBER;
    return at;
}

#endif

/* ---- the document -------------------------------------------------------------------------- */

static const char *read_document(reader *r, const char *at)
{
    at = skip_space(at, r->end);
    do {
        uint32_t depth = r->depth;
        if (LIKELY(depth)) {
            place come_to = AT_VALUE;
            if (r->top->closer == '}') {
                at = read_plain_members(r, at, &come_to);
            } else {
                r->top->count++;
            }
            if (come_to == BEHIND_VALUE) {
                at = behind_value(r, at);
                continue;
            }
            if (come_to == AT_MEMBER) {
                r->top->count++;
                at = read_name(r, at);
            }
        }
        at = LIKELY(at) ? read_value(r, at) : NULL;
        if (LIKELY(at) && r->depth <= depth) {
            at = behind_value(r, at);
        }
    } while (at && r->depth);
    return at;
}

static void start(reader *r, weir_view text, weir_arena *arena, weir_error *err)
{
    r->text = text;
    r->end = text.ptr + text.len;
    r->arena = arena;
    r->arena_bytes = 0;
    r->nodes = r->next = r->limit = NULL;
    r->depth = 0;
    r->status = WEIR_OK;
    r->err = err;
}

weir_status weir_json_read(
    weir_view text, weir_arena *arena, const weir_value **out, weir_error *err)
{
    *out = NULL;
    if (text.len > INT32_MAX) {
        return weir_fail(
            err, WEIR_E_TOO_LARGE, "a JSON text of %zu bytes; the bound is 2 GiB", text.len);
    }
    if (!text.ptr) {
        text.ptr = "";
    }
    reader r; /* its frames are set when opened: clearing them would cost more than a small text */
    start(&r, text, arena, err);
    size_t guess = text.len / BYTES_PER_NODE + 4;
    if (!resize(&r, guess < LARGEST_FIRST_GUESS ? guess : LARGEST_FIRST_GUESS)) {
        return r.status;
    }
    const char *at = read_document(&r, text.ptr);
    if (!at) {
        return r.status;
    }
    at = skip_space(at, r.end);
    if (at < r.end) {
        (void)unexpected(&r, at, "the end of the text behind the document's value");
        return r.status;
    }
    *out = r.nodes;
    return WEIR_OK;
}
