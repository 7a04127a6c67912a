/* YAML as JSON. See yaml_json.h. */
#include "yaml_json.h"

#include <string.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/arena.h"

enum { MOST_DEPTH = WEIR_JSON_DEPTH, MOST_BYTES = 64 << 20 };

/* What an alias stands for: a part of what was written already. */
typedef struct anchor {
    const char *name;
    size_t json, json_end, mark, mark_end; /* json_end 0: it is still being written */
    struct anchor *before;
} anchor;

struct weir_yaml {
    yaml_parser_t parser;
    weir_buf json, marks;
    weir_arena names; /* of a document: its anchors */
    anchor *anchors;  /* the latest first, as YAML has it */
    bool ended;
};

weir_status weir_yaml_open(weir_view text, weir_yaml **out, weir_error *err)
{
    weir_yaml *y = weir_calloc(1, sizeof *y);
    if (!y || !yaml_parser_initialize(&y->parser)) {
        weir_free(y);
        return weir_fail_oom(err);
    }
    weir_arena_init(&y->names, 0);
    const char *start = text.len ? text.ptr : "";
    yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)start, text.len);
    *out = y;
    return WEIR_OK;
}

void weir_yaml_close(weir_yaml *y)
{
    if (y) {
        yaml_parser_delete(&y->parser);
        weir_buf_fini(&y->json);
        weir_buf_fini(&y->marks);
        weir_arena_fini(&y->names);
        weir_free(y);
    }
}

static weir_status refuse(const yaml_mark_t *at, const char *why, weir_error *err)
{
    weir_fail(err, WEIR_E_YAML_SYNTAX, "%s", why);
    return weir_at(err, "%zu:%zu", at->line + 1, at->column + 1);
}

static weir_status syntax_error(const yaml_parser_t *p, weir_error *err)
{
    if (p->error == YAML_MEMORY_ERROR) {
        return weir_fail_oom(err);
    }
    return refuse(&p->problem_mark, p->problem ? p->problem : "this is no YAML", err);
}

/* ---- scalars -------------------------------------------------------------------------------- */

static bool is_word(weir_view v, const char *words)
{
    for (const char *at = words; *at;) {
        size_t len = strcspn(at, " ");
        if (weir_view_eq(v, weir_view_make(at, len))) {
            return true;
        }
        at += len + (at[len] == ' ');
    }
    return false;
}

static size_t digits_at(weir_view v, size_t i)
{
    size_t n = 0;
    while (i + n < v.len && v.ptr[i + n] >= '0' && v.ptr[i + n] <= '9') {
        n++;
    }
    return n;
}

/* A number of the core schema, written as JSON has it. False: it is none. */
static bool put_number(weir_buf *to, weir_view v)
{
    size_t i = v.len && (v.ptr[0] == '-' || v.ptr[0] == '+') ? 1 : 0;
    bool negative = i && v.ptr[0] == '-';
    size_t start = i, whole = digits_at(v, i), fraction = 0, exponent = i + whole;
    if (exponent < v.len && v.ptr[exponent] == '.') {
        fraction = digits_at(v, exponent + 1);
        exponent += 1 + fraction;
    }
    if (!whole && !fraction) {
        return false;
    }
    size_t at = exponent;
    if (at < v.len && (v.ptr[at] | 0x20) == 'e') {
        at += (size_t)1 +
              (at + 1 < v.len && (v.ptr[at + 1] == '-' || v.ptr[at + 1] == '+') ? 1U : 0U);
        size_t n = digits_at(v, at);
        at = n ? at + n : v.len + 1;
    }
    if (at != v.len) {
        return false;
    }
    while (whole > 1 && v.ptr[start] == '0') {
        start++;
        whole--;
    }
    weir_buf_puts(to, negative ? "-" : "");
    weir_buf_putv(to, whole ? weir_view_make(v.ptr + start, whole) : weir_view_of("0"));
    if (fraction) {
        weir_buf_put(to, v.ptr + exponent - fraction - 1, fraction + 1);
    }
    weir_buf_put(to, v.ptr + exponent, v.len - exponent);
    return true;
}

/* 0x1F and 0o17, up to 60 bits. */
static bool put_based(weir_buf *to, weir_view v)
{
    unsigned base = v.len > 2 && v.ptr[0] == '0' ? v.ptr[1] == 'x'   ? 16
                                                   : v.ptr[1] == 'o' ? 8
                                                                     : 0
                                                 : 0;
    uint64_t n = 0;
    for (size_t i = 2; base && i < v.len; i++) {
        char c = v.ptr[i], low = (char)(c | 0x20);
        unsigned digit = c >= '0' && c <= '9'       ? (unsigned)(c - '0')
                         : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a') + 10
                                                    : 16;
        if (digit >= base || n >> 56) {
            return false;
        }
        n = n * base + digit;
    }
    if (base) {
        weir_buf_uint(to, n);
    }
    return base > 0;
}

static bool put_plain(weir_buf *to, weir_view v)
{
    if (!v.len || is_word(v, "~ null Null NULL")) {
        weir_buf_puts(to, "null");
        return true;
    }
    if (is_word(v, "true True TRUE false False FALSE")) {
        weir_buf_puts(to, (v.ptr[0] | 0x20) == 't' ? "true" : "false");
        return true;
    }
    return put_based(to, v) || put_number(to, v);
}

static weir_status put_scalar(weir_yaml *y, const yaml_event_t *e, bool is_key, weir_error *err)
{
    const char *tag = e->data.scalar.tag ? (const char *)e->data.scalar.tag : "";
    weir_view v = {(const char *)e->data.scalar.value, e->data.scalar.length};
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !*tag;
    bool core = strncmp(tag, "tag:yaml.org,2002:", 18) == 0;
    if (*tag && strcmp(tag, "!") != 0 &&
        !(core && is_word(weir_view_of(tag + 18), "str int float bool null"))) {
        return refuse(&e->start_mark, "a tag that JSON has no type for", err);
    }
    bool typed = core && strcmp(tag + 18, "str") != 0;
    if (is_key || !(plain || typed) || !put_plain(&y->json, v)) {
        weir_json_put_string(&y->json, v);
    }
    return WEIR_OK;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void begin_line(weir_yaml *y, const yaml_event_t *e)
{
    weir_place place = {(uint32_t)e->start_mark.line + 1, (uint32_t)e->start_mark.column + 1};
    if (y->json.len) {
        weir_buf_putc(&y->json, '\n');
    }
    weir_buf_put(&y->marks, &place, sizeof place);
}

static weir_status too_large(const yaml_event_t *e, weir_error *err)
{
    weir_fail(err, WEIR_E_TOO_LARGE, "with its aliases written out it is too large or too deep");
    return weir_at(err, "%zu:%zu", e->start_mark.line + 1, e->start_mark.column + 1);
}

static weir_status add_anchor(weir_yaml *y, const yaml_char_t *name, anchor **out, weir_error *err)
{
    *out = NULL;
    if (!name) {
        return WEIR_OK;
    }
    anchor *a = weir_arena_alloc(&y->names, sizeof *a);
    weir_view copy = weir_arena_copy(&y->names, weir_view_of((const char *)name));
    if (!a || !copy.ptr) {
        return weir_fail_oom(err);
    }
    *a = (anchor){.name = copy.ptr,
        .json = y->json.len + (y->json.len > 0), /* behind the newline */
        .mark = y->marks.len,
        .before = y->anchors};
    y->anchors = *out = a;
    return WEIR_OK;
}

/* What the alias stands for, once more, with its own places. */
static weir_status put_alias(weir_yaml *y, const yaml_event_t *e, weir_error *err)
{
    const anchor *a = y->anchors;
    while (a && strcmp(a->name, (const char *)e->data.alias.anchor) != 0) {
        a = a->before;
    }
    if (!a || !a->json_end) {
        return refuse(&e->start_mark,
            a ? "an alias inside of what it stands for" : "an alias of nothing before it", err);
    }
    size_t json = a->json_end - a->json, marks = a->mark_end - a->mark;
    if (y->json.len + json > MOST_BYTES) {
        return too_large(e, err);
    }
    weir_buf_putc(&y->json, '\n');
    if (weir_buf_reserve(&y->json, json) && weir_buf_reserve(&y->marks, marks)) {
        weir_buf_put(&y->json, y->json.ptr + a->json, json);
        weir_buf_put(&y->marks, y->marks.ptr + a->mark, marks);
    }
    return WEIR_OK;
}

static weir_status put_next(
    weir_yaml *y, unsigned depth, bool is_key, yaml_event_type_t end, bool *ended, weir_error *err);

static weir_status put_items(weir_yaml *y, unsigned depth, weir_error *err)
{
    bool ended = false;
    weir_buf_putc(&y->json, '[');
    for (;;) {
        weir_status s = put_next(y, depth, false, YAML_SEQUENCE_END_EVENT, &ended, err);
        if (s || ended) {
            return s;
        }
        weir_buf_putc(&y->json, ',');
    }
}

static weir_status put_members(weir_yaml *y, unsigned depth, weir_error *err)
{
    bool ended = false, never;
    weir_status s = WEIR_OK;
    weir_buf_putc(&y->json, '{');
    for (;;) {
        s = put_next(y, depth, true, YAML_MAPPING_END_EVENT, &ended, err);
        if (s || ended) {
            return s;
        }
        weir_buf_putc(&y->json, ':');
        s = put_next(y, depth, false, YAML_NO_EVENT, &never, err);
        if (s) {
            return s;
        }
        weir_buf_putc(&y->json, ',');
    }
}

/* The closing bracket, in the place of the comma that stands there when there was something. */
static void close_container(weir_yaml *y, char closer)
{
    if (y->json.len && y->json.ptr[y->json.len - 1] == ',') {
        y->json.len--;
    }
    weir_buf_putc(&y->json, closer);
}

static weir_status put_node(
    weir_yaml *y, const yaml_event_t *e, unsigned depth, bool is_key, weir_error *err)
{
    bool map = e->type == YAML_MAPPING_START_EVENT, scalar = e->type == YAML_SCALAR_EVENT;
    const yaml_char_t *name = scalar ? e->data.scalar.anchor
                              : map  ? e->data.mapping_start.anchor
                                     : e->data.sequence_start.anchor;
    anchor *own;
    if (is_key && !scalar) {
        return refuse(&e->start_mark, "a key that is no text: JSON has none such", err);
    }
    if (y->json.len > MOST_BYTES || depth == MOST_DEPTH) {
        return too_large(e, err);
    }
    weir_status s = add_anchor(y, name, &own, err);
    begin_line(y, e);
    if (!s && scalar) {
        s = put_scalar(y, e, is_key, err);
    } else if (!s) {
        s = map ? put_members(y, depth + 1, err) : put_items(y, depth + 1, err);
        close_container(y, map ? '}' : ']');
    }
    if (own) {
        own->json_end = y->json.len;
        own->mark_end = y->marks.len;
    }
    return s;
}

/* The next node, or the event `end`, which ends what it is in. */
static weir_status put_next(
    weir_yaml *y, unsigned depth, bool is_key, yaml_event_type_t end, bool *ended, weir_error *err)
{
    yaml_event_t e;
    if (!yaml_parser_parse(&y->parser, &e)) {
        return syntax_error(&y->parser, err);
    }
    weir_status s = WEIR_OK;
    *ended = e.type == end;
    if (*ended) {
        s = WEIR_OK;
    } else if (e.type == YAML_ALIAS_EVENT && !is_key) {
        s = put_alias(y, &e, err);
    } else if (e.type == YAML_ALIAS_EVENT) {
        s = refuse(&e.start_mark, "a key that is an alias", err);
    } else {
        s = put_node(y, &e, depth, is_key, err);
    }
    yaml_event_delete(&e);
    return s || !(y->json.failed || y->marks.failed) ? s : weir_fail_oom(err);
}

/* Past what stands between documents. *there: one begins. */
static weir_status find_document(weir_yaml *y, bool *there, weir_error *err)
{
    yaml_event_t e;
    *there = false;
    while (!*there && !y->ended) {
        if (!yaml_parser_parse(&y->parser, &e)) {
            return syntax_error(&y->parser, err);
        }
        *there = e.type == YAML_DOCUMENT_START_EVENT;
        y->ended = e.type == YAML_STREAM_END_EVENT || e.type == YAML_NO_EVENT;
        yaml_event_delete(&e);
    }
    return WEIR_OK;
}

weir_status weir_yaml_next(
    weir_yaml *y, weir_view *json, const weir_place **marks, size_t *n_marks, weir_error *err)
{
    bool there = false, never;
    *json = (weir_view){NULL, 0};
    weir_buf_clear(&y->json);
    weir_buf_clear(&y->marks);
    weir_arena_reset(&y->names);
    y->anchors = NULL;
    weir_status s = find_document(y, &there, err);
    if (!s && there) {
        s = put_next(y, 0, false, YAML_NO_EVENT, &never, err);
        *json = weir_buf_view(&y->json);
        *marks = (const weir_place *)(const void *)y->marks.ptr;
        *n_marks = y->marks.len / sizeof **marks;
    }
    y->ended = y->ended || s;
    return s;
}
