/* Records for the decoder as data, and events as text to compare.
 *
 * A file of tests/cases/decoder/ is JSON lines. The first has the source's rules:
 *   {"rules": {"prefix", "heartbeat", "placeholder", "format": "json"|"cloudevents", "positions":
 * bool, "unwrapped": bool, "added_prefix", "header_prefix", "modes": {"decimal": "string"},
 * "types": {"public.t":
 * {"column": "type"}}}} Each of the others is a record and what it is:
 *   {"name", "topic", "partition", "offset", "timestamp", "key", "value", "headers": [[name,
 * value]], "row": {"keep": [..], "drop": [..], "rename": {..}, "before": bool}, "is": {..}} A key
 * or value that is a string stands for that text, any other JSON for its own source text; `key_hex`
 * and `value_hex` for bytes. `is` is what describe() writes. */
#ifndef WEIR_TESTS_DECODER_CASE_H
#define WEIR_TESTS_DECODER_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cdc/decoder.h"
#include "value/json.h"

enum { CASE_MOST_NAMES = 32 };

typedef struct decoder_case {
    char name[80];
    weir_raw_record record;
    weir_view headers[CASE_MOST_NAMES][2];
    size_t n_headers;
    weir_projection projection;
    bool has_projection, before;
    weir_view expected; /* as it stands in the file */
    weir_view names[CASE_MOST_NAMES];
    weir_view renames[CASE_MOST_NAMES][2];
} decoder_case;

typedef struct decoder_rules {
    weir_source_rules rules;
    weir_column_modes modes;
    weir_table_types types[8];
    weir_typed_column columns[8][CASE_MOST_NAMES];
} decoder_rules;

/* ---- reading ----------------------------------------------------------------------------- */

static inline const weir_value *case_read(weir_view text, weir_arena *arena)
{
    const weir_value *v;
    weir_error err;
    if (weir_json_read(text, arena, &v, &err)) {
        fprintf(stderr, "a case is no JSON: %s: %s\n%.*s\n", err.where, err.text,
            (int)(text.len < 200 ? text.len : 200), text.ptr);
        abort();
    }
    return v;
}

static inline weir_view case_text(const weir_value *object, const char *name, weir_arena *arena)
{
    const weir_value *v = weir_gets(object, name);
    return weir_is(v, WEIR_STRING) ? weir_string(v, arena) : weir_view_make("", 0);
}

static inline bool case_flag(const weir_value *object, const char *name)
{
    const weir_value *v = weir_gets(object, name);
    return weir_is(v, WEIR_BOOL) && v->flags & WEIR_TRUE;
}

static inline int64_t case_int(const weir_value *object, const char *name)
{
    int64_t n = 0;
    (void)weir_to_int64(weir_gets(object, name), &n);
    return n;
}

static inline size_t case_names(
    const weir_value *array, weir_view names[CASE_MOST_NAMES], weir_arena *arena)
{
    size_t n = 0;
    WEIR_EACH_ITEM(array, item)
    {
        names[n++] = weir_string(item, arena);
    }
    return n;
}

static inline weir_view case_hex(weir_view hex, weir_arena *arena)
{
    char *bytes = weir_arena_bytes(arena, hex.len / 2 + 1);
    for (size_t i = 0; i < hex.len / 2; i++) {
        char pair[3] = {hex.ptr[2 * i], hex.ptr[2 * i + 1], 0};
        bytes[i] = (char)strtol(pair, NULL, 16);
    }
    return weir_view_make(bytes, hex.len / 2);
}

static inline weir_view case_bytes(const weir_value *v, const weir_value *hex, weir_arena *arena)
{
    if (hex) {
        return case_hex(weir_raw(hex), arena);
    }
    if (!v || v->type == WEIR_NULL) {
        return (weir_view){NULL, 0};
    }
    return v->type == WEIR_STRING ? weir_string(v, arena) : weir_source(v);
}

static inline bool case_header(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const decoder_case *c = self;
    if (i < c->n_headers) {
        *name = c->headers[i][0];
        *value = c->headers[i][1];
    }
    return i < c->n_headers;
}

static inline void case_headers(const weir_value *headers, decoder_case *c, weir_arena *arena)
{
    WEIR_EACH_ITEM(headers, pair)
    {
        const weir_value *name = weir_child(pair);
        c->headers[c->n_headers][0] = weir_string(name, arena);
        c->headers[c->n_headers++][1] = case_bytes(weir_next(name), NULL, arena);
    }
}

static inline void case_projection(const weir_value *row, decoder_case *c, weir_arena *arena)
{
    const weir_value *keep = weir_gets(row, "keep"), *drop = weir_gets(row, "drop");
    const weir_value *rename = weir_gets(row, "rename");
    c->before = case_flag(row, "before");
    c->has_projection = keep || drop || rename;
    if (keep) {
        c->projection.n_keep = case_names(keep, c->names, arena);
        c->projection.keep = c->names;
    }
    if (drop) {
        c->projection.n_drop = case_names(drop, c->names, arena);
        c->projection.drop = c->names;
    }
    if (rename) {
        WEIR_EACH_MEMBER(rename, from, to)
        {
            c->renames[c->projection.n_rename][0] = weir_string(from, arena);
            c->renames[c->projection.n_rename++][1] = weir_string(to, arena);
        }
        c->projection.rename = (const weir_view(*)[2])c->renames;
    }
}

/* Everything lives in the arena and in `line`. */
static inline void case_parse(const weir_value *line, decoder_case *c, weir_arena *arena)
{
    *c = (decoder_case){.n_headers = 0};
    if (weir_gets(line, "headers")) {
        case_headers(weir_gets(line, "headers"), c, arena);
    }
    weir_view name = case_text(line, "name", arena);
    snprintf(c->name, sizeof c->name, "%.*s", WEIR_ARG(name));
    c->record = (weir_raw_record){
        .topic = case_text(line, "topic", arena),
        .key = case_bytes(weir_gets(line, "key"), weir_gets(line, "key_hex"), arena),
        .value = case_bytes(weir_gets(line, "value"), weir_gets(line, "value_hex"), arena),
        .partition = (int32_t)case_int(line, "partition"),
        .offset = case_int(line, "offset"),
        .timestamp_ms = case_int(line, "timestamp"),
        .headers = {case_header, c},
    };
    if (weir_gets(line, "row")) {
        case_projection(weir_gets(line, "row"), c, arena);
    }
    const weir_value *is = weir_gets(line, "is");
    c->expected = is ? weir_source(is) : weir_view_make("", 0);
}

static inline void case_types(const weir_value *types, decoder_rules *r, weir_arena *arena)
{
    WEIR_EACH_MEMBER(types, table, columns)
    {
        size_t n = 0, at = r->rules.n_types++;
        WEIR_EACH_MEMBER(columns, column, type)
        {
            r->columns[at][n++] =
                (weir_typed_column){weir_string(column, arena), weir_string(type, arena)};
        }
        r->types[at] = (weir_table_types){weir_string(table, arena), r->columns[at], n};
    }
    r->rules.types = r->types;
}

static inline void case_rules(const weir_value *line, decoder_rules *r, weir_arena *arena)
{
    const weir_value *rules = weir_gets(line, "rules");
    weir_view format = case_text(rules, "format", arena);
    *r = (decoder_rules){.rules = {
                             .topic_prefix = case_text(rules, "prefix", arena),
                             .heartbeat_topic = case_text(rules, "heartbeat", arena),
                             .placeholder = case_text(rules, "placeholder", arena),
                             .added_prefix = case_text(rules, "added_prefix", arena),
                             .header_prefix = weir_gets(rules, "header_prefix")
                                                  ? case_text(rules, "header_prefix", arena)
                                                  : (weir_view){NULL, 0},
                             .positions = case_flag(rules, "positions"),
                             .unwrapped = case_flag(rules, "unwrapped"),
                         }};
    r->rules.format = weir_view_is(format, "json")          ? WEIR_FORMAT_JSON
                      : weir_view_is(format, "cloudevents") ? WEIR_FORMAT_CLOUDEVENTS
                                                            : WEIR_FORMAT_AUTO;
    const weir_value *modes = weir_gets(rules, "modes");
    if (weir_view_is(case_text(modes, "decimal", arena), "string")) {
        r->modes.decimal = WEIR_DECIMAL_STRING;
    }
    r->rules.modes = &r->modes;
    if (weir_gets(rules, "types")) {
        case_types(weir_gets(rules, "types"), r, arena);
    }
}

/* ---- writing ----------------------------------------------------------------------------- */

static inline void put_name(weir_buf *to, const char *name)
{
    weir_buf_printf(to, "%s\"%s\":", to->len > 1 ? "," : "", name);
}

static inline void put_text(weir_buf *to, const char *name, weir_view text)
{
    if (text.len) {
        put_name(to, name);
        weir_json_put_string(to, text);
    }
}

/* JSON already. */
static inline void put_raw(weir_buf *to, const char *name, weir_view json)
{
    if (json.ptr && json.len) {
        put_name(to, name);
        weir_buf_putv(to, json);
    }
}

static inline void put_place(weir_buf *to, const weir_change *c)
{
    if (c->has_commit) {
        put_name(to, "commit");
        weir_buf_uint(to, c->commit);
    }
    if (c->at.H || c->at.l) {
        put_name(to, "at");
        weir_buf_printf(
            to, "[%llu,%llu]", (unsigned long long)c->at.H, (unsigned long long)c->at.l);
    }
    if (c->has_tx) {
        put_name(to, "tx");
        weir_buf_uint(to, c->tx);
    }
    put_name(to, "ms");
    weir_buf_int(to, c->ts_ms);
}

static inline void put_change(weir_buf *to, const weir_change *c)
{
    static const char *const kinds[] = {"streamed", "read", "incremental", "tombstone"};
    char op[2] = {c->op, 0};
    put_text(to, "change", weir_view_of(kinds[c->kind]));
    put_text(to, "op", weir_view_of(op));
    if (c->unwrapped) {
        put_name(to, "unwrapped");
        weir_buf_puts(to, "true");
    }
    put_raw(to, "key", c->key);
    put_raw(to, "other", c->other);
    put_place(to, c);
    put_raw(to, "row", c->row);
    put_raw(to, "missing", c->missing);
    put_raw(to, "before", c->before);
}

/* What a record came to: `c` is the event's change with its row. Defaults are left out. */
static inline void describe(weir_buf *to, const weir_event *ev, const weir_change *c,
    weir_status status, const weir_error *err)
{
    static const char *const kinds[] = {"change", "heartbeat", "transaction", "schema change",
        "message", "notification", "outbox", "other"};
    weir_buf_putc(to, '{');
    if (status) {
        put_text(to, "error", weir_view_of(err->code));
        put_text(to, "where", weir_view_of(err->where));
        put_raw(to, "key", ev->change.key);
    } else {
        put_text(to, "is", weir_view_of(kinds[ev->kind]));
        put_text(to, "db", ev->db);
        put_text(to, "table", ev->table);
        put_text(to, "prefix", ev->message_prefix);
        if (ev->kind == WEIR_EVENT_CHANGE) {
            put_change(to, c);
        } else if (ev->payload) {
            put_name(to, "payload");
            weir_json_put(to, ev->payload);
        }
        if (ev->kind == WEIR_EVENT_MESSAGE) {
            put_place(to, &ev->change);
        }
    }
    weir_buf_putc(to, '}');
}

/* Reads the record and renders its row; *status: of the first that failed. */
static inline weir_status decode_case(weir_decoder *d, const decoder_case *k, weir_arena *arena,
    weir_event *ev, weir_change *c, weir_error *err)
{
    weir_status s = weir_decoder_read(d, &k->record, arena, ev, err);
    *c = ev->change;
    if (!s && ev->kind == WEIR_EVENT_CHANGE && c->kind != WEIR_TOMBSTONE && c->op != 't') {
        const weir_projection *p = k->has_projection ? &k->projection : NULL;
        s = weir_decoder_row(d, ev, p, k->before, arena, c, err);
    }
    return s;
}

#endif
