/* YAML as JSON. See yaml_json.h. */
#include "yaml_json.h"

#include <string.h>
#include <yaml.h>

#include "base/alloc.h"

enum { MOST_DEPTH = WEIR_JSON_DEPTH, MOST_BYTES = 64 << 20 };

struct weir_yaml {
    yaml_parser_t parser;
    weir_buf json, marks;
    bool ended;
};

weir_status weir_yaml_open(weir_view text, weir_yaml **out, weir_error *err)
{
    weir_yaml *y = weir_calloc(1, sizeof *y);
    if (!y || !yaml_parser_initialize(&y->parser)) {
        weir_free(y);
        return weir_fail_oom(err);
    }
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

static weir_status put_scalar(weir_yaml *y, const yaml_node_t *node, bool is_key, weir_error *err)
{
    const char *tag = node->tag ? (const char *)node->tag : "";
    weir_view v = {(const char *)node->data.scalar.value, node->data.scalar.length};
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool core = strncmp(tag, "tag:yaml.org,2002:", 18) == 0;
    if (*tag && !(core && is_word(weir_view_of(tag + 18), "str int float bool null"))) {
        return refuse(&node->start_mark, "a tag that JSON has no type for", err);
    }
    bool text = is_key || !plain;
    if (text || !put_plain(&y->json, v)) {
        weir_json_put_string(&y->json, v);
    }
    return WEIR_OK;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void begin_line(weir_yaml *y, const yaml_node_t *node)
{
    weir_place place = {(uint32_t)node->start_mark.line + 1, (uint32_t)node->start_mark.column + 1};
    if (y->json.len) {
        weir_buf_putc(&y->json, '\n');
    }
    weir_buf_put(&y->marks, &place, sizeof place);
}

static weir_status put_node(
    weir_yaml *y, yaml_document_t *d, int index, unsigned depth, weir_error *err);

static weir_status put_list(
    weir_yaml *y, yaml_document_t *d, const yaml_node_t *node, unsigned depth, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_buf_putc(&y->json, '[');
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top && !s; item++) {
        if (item > node->data.sequence.items.start) {
            weir_buf_putc(&y->json, ',');
        }
        s = put_node(y, d, *item, depth, err);
    }
    weir_buf_putc(&y->json, ']');
    return s;
}

static weir_status put_map(
    weir_yaml *y, yaml_document_t *d, const yaml_node_t *node, unsigned depth, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_buf_putc(&y->json, '{');
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top && !s; pair++) {
        const yaml_node_t *key = yaml_document_get_node(d, pair->key);
        if (!key || key->type != YAML_SCALAR_NODE) {
            return refuse(&node->start_mark, "a key that is no text: JSON has none such", err);
        }
        if (pair > node->data.mapping.pairs.start) {
            weir_buf_putc(&y->json, ',');
        }
        begin_line(y, key);
        s = put_scalar(y, key, true, err);
        weir_buf_putc(&y->json, ':');
        s = s ? s : put_node(y, d, pair->value, depth, err);
    }
    weir_buf_putc(&y->json, '}');
    return s;
}

static weir_status put_node(
    weir_yaml *y, yaml_document_t *d, int index, unsigned depth, weir_error *err)
{
    const yaml_node_t *node = yaml_document_get_node(d, index);
    if (y->json.failed || y->marks.failed || !node) {
        return weir_fail_oom(err);
    }
    if (y->json.len > MOST_BYTES || depth == MOST_DEPTH) {
        weir_fail(
            err, WEIR_E_TOO_LARGE, "with its aliases written out it is too large or too deep");
        return weir_at(err, "%zu:%zu", node->start_mark.line + 1, node->start_mark.column + 1);
    }
    begin_line(y, node);
    return node->type == YAML_SEQUENCE_NODE  ? put_list(y, d, node, depth + 1, err)
           : node->type == YAML_MAPPING_NODE ? put_map(y, d, node, depth + 1, err)
                                             : put_scalar(y, node, false, err);
}

weir_status weir_yaml_next(
    weir_yaml *y, weir_view *json, const weir_place **marks, size_t *n_marks, weir_error *err)
{
    yaml_document_t d;
    *json = (weir_view){NULL, 0};
    weir_buf_clear(&y->json);
    weir_buf_clear(&y->marks);
    if (y->ended) {
        return WEIR_OK;
    }
    if (!yaml_parser_load(&y->parser, &d)) {
        y->ended = true;
        return syntax_error(&y->parser, err);
    }
    weir_status s = WEIR_OK;
    y->ended = !yaml_document_get_root_node(&d);
    if (!y->ended) {
        s = put_node(y, &d, 1, 0, err);
        *json = weir_buf_view(&y->json);
        *marks = (const weir_place *)(const void *)y->marks.ptr;
        *n_marks = y->marks.len / sizeof **marks;
        if (!s && (y->json.failed || y->marks.failed)) {
            s = weir_fail_oom(err);
        }
    }
    yaml_document_delete(&d);
    return s;
}
