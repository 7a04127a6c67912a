/* Rows of the outbox. See outbox.h. */
#include "service/outbox.h"

#include "base/base64.h"
#include "service/unit.h"
#include "value/json.h"
#include "value/utf8.h"

/* ---- Writing ------------------------------------------------------------------------------------
 */

static bool is_utf8(weir_view v)
{
    const char *p = v.ptr, *end = v.ptr + v.len;
    size_t n = 1;
    while (p < end && *p && (n = weir_utf8_length(p, end))) {
        p += n;
    }
    return p == end;
}

static void put_value(weir_buf *to, weir_view v)
{
    if (!v.ptr) {
        weir_buf_puts(to, "null");
    } else if (is_utf8(v)) {
        weir_json_put_string(to, v);
    } else {
        weir_buf_puts(to, "{\"base64\":\"");
        weir_base64_put(to, v);
        weir_buf_puts(to, "\"}");
    }
}

void weir_outbox_put_headers(weir_buf *to, const weir_outgoing *o)
{
    weir_buf_putc(to, '[');
    for (size_t i = 0; i < o->n_headers; i++) {
        weir_buf_puts(to, i ? ",[" : "[");
        weir_json_put_string(to, o->headers[i].name);
        weir_buf_putc(to, ',');
        put_value(to, o->headers[i].value);
        weir_buf_putc(to, ']');
    }
    weir_buf_putc(to, ']');
}

static weir_view header(const weir_outgoing *o, const char *name, const char * or)
{
    weir_view v = {NULL, 0};
    for (size_t i = 0; i < o->n_headers; i++) {
        bool is = weir_view_is(o->headers[i].name, name) || weir_view_is(o->headers[i].name, or);
        v = is && !v.ptr && o->headers[i].value.ptr && is_utf8(o->headers[i].value)
                ? o->headers[i].value
                : v;
    }
    return v;
}

static weir_status put(weir_tx *tx, const weir_outgoing *o, weir_buf *headers, weir_error *err)
{
    const weir_inbox *i = tx->inbox;
    weir_buf_clear(headers);
    weir_outbox_put_headers(headers, o);
    if (headers->failed) {
        return weir_fail_oom(err);
    }
    return weir_inbox_exec(&tx->session, i->put.ptr,
        W_OBJECT(W_TEXT("id", header(o, "id", "ce_id")),
            W_TEXT("type", header(o, "type", "ce_type")), W_STR("topic", o->topic),
            W_BYTES("key", o->key), W_BYTES("value", o->value),
            W_TEXT("headers", weir_buf_view(headers)),
            W_INT("at", i->options.wall_ms(i->options.ctx))),
        NULL, err);
}

weir_status weir_outbox_put(weir_tx *tx, const weir_message *m, weir_error *err)
{
    weir_buf headers = {0};
    weir_status s = WEIR_OK;
    for (const weir_outgoing *o = m->emits.first; o && !s; o = o->next) {
        s = put(tx, o, &headers, err);
    }
    weir_buf_fini(&headers);
    return s;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

static bool read_value(const weir_value *v, weir_arena *arena, weir_view *out)
{
    *out = (weir_view){NULL, 0};
    if (weir_is(v, WEIR_NULL)) {
        return true;
    }
    if (weir_is(v, WEIR_STRING)) {
        *out = weir_string(v, arena);
        return out->ptr != NULL;
    }
    const weir_value *encoded = weir_gets(v, "base64");
    weir_view text =
        weir_is(encoded, WEIR_STRING) ? weir_string(encoded, arena) : (weir_view){NULL, 0};
    char *bytes = text.ptr ? weir_arena_bytes(arena, text.len / 4 * 3 + 3) : NULL;
    ptrdiff_t n = bytes ? weir_base64_get(text, bytes) : -1;
    *out = weir_view_make(bytes, n < 0 ? 0 : (size_t)n);
    return n >= 0;
}

static bool read_headers(weir_view json, weir_arena *arena, weir_outgoing *o)
{
    const weir_value *all;
    weir_error err;
    if (weir_json_read(json, arena, &all, &err) || !weir_is(all, WEIR_ARRAY)) {
        return false;
    }
    weir_outgoing_header *to = weir_arena_alloc(arena, (all->len + 1) * sizeof *to);
    const weir_value *pair = weir_child(all);
    bool ok = to != NULL;
    for (uint32_t i = 0; ok && i < all->len; i++, pair = weir_next(pair)) {
        ok = weir_is(pair, WEIR_ARRAY) && pair->len == 2 && weir_is(weir_child(pair), WEIR_STRING);
        if (ok) {
            to[i].name = weir_string(weir_child(pair), arena);
            ok = to[i].name.ptr && read_value(weir_next(weir_child(pair)), arena, &to[i].value);
        }
    }
    o->headers = to;
    o->n_headers = all->len;
    return ok;
}

weir_status weir_outbox_read(
    const weir_field *cells, size_t n, weir_arena *arena, weir_outbox_row *out, weir_error *err)
{
    enum { SEQ, TOPIC, KEY, VALUE, HEADERS, AT };
    *out = (weir_outbox_row){.seq = -1};
    bool ok = n == WEIR_OUTBOX_CELLS && weir_text_to_int64(cells[SEQ].text, &out->seq) &&
              weir_text_to_int64(cells[AT].text, &out->at_ms) && cells[TOPIC].text.len &&
              cells[HEADERS].text.ptr;
    if (ok) {
        weir_view headers = weir_arena_copy(arena, cells[HEADERS].text);
        out->out.topic = weir_arena_copy(arena, cells[TOPIC].text).ptr;
        out->out.key = weir_arena_copy(arena, cells[KEY].text);
        out->out.value = weir_arena_copy(arena, cells[VALUE].text);
        ok = headers.ptr && read_headers(headers, arena, &out->out);
    }
    if (arena->failed) {
        return weir_fail_oom(err);
    }
    return ok ? WEIR_OK
              : weir_fail(err, WEIR_E_STORE_BROKEN,
                    "row %lld of an outbox is not as weir writes it", (long long)out->seq);
}
