/* What weir explain found, as JSON. See explanation.h. */
#include <inttypes.h>

#include "base/base64.h"
#include "cache.h"
#include "explanation.h"
#include "value/json.h"

static void name(weir_buf *to, const char *n)
{
    weir_buf_printf(to, ",\"%s\":", n);
}

static void put_text(weir_buf *to, const char *n, weir_view text)
{
    name(to, n);
    weir_json_put_string(to, text);
}

/* What is JSON already; ptr NULL: null. */
static void put_json(weir_buf *to, const char *n, weir_view json)
{
    name(to, n);
    weir_cli_put_row(to, json.ptr ? json : weir_view_of("null"));
}

static void put_lsn(weir_buf *to, const char *n, uint64_t lsn)
{
    name(to, n);
    weir_buf_putc(to, '"');
    weir_cli_put_lsn(to, lsn);
    weir_buf_putc(to, '"');
}

static void put_error(weir_buf *to, const char *n, const weir_error *err)
{
    weir_buf_printf(to, ",\"%s\":{\"code\":\"%s\"", n, err->code);
    put_text(to, "where", weir_view_of(err->where));
    put_text(to, "text", weir_view_of(err->text));
    weir_buf_putc(to, '}');
}

/* ---- The record ------------------------------------------------------------------------------ */

/* [[name, base64 or null], …], as in a recording. */
static void put_headers(weir_buf *to, const weir_raw_record *r)
{
    weir_view n, value;
    name(to, "headers");
    weir_buf_putc(to, '[');
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &n, &value); i++) {
        weir_buf_puts(to, i ? ",[" : "[");
        weir_json_put_string(to, n);
        weir_buf_puts(to, value.ptr ? ",\"" : ",null");
        weir_base64_put(to, value.ptr ? value : (weir_view){"", 0});
        weir_buf_puts(to, value.ptr ? "\"]" : "]");
    }
    weir_buf_putc(to, ']');
}

static void put_size(weir_buf *to, const char *n, weir_view v)
{
    name(to, n);
    if (v.ptr) {
        weir_buf_uint(to, v.len);
    } else {
        weir_buf_puts(to, "null");
    }
}

static void put_record(weir_buf *to, const weir_raw_record *r)
{
    weir_buf_puts(to, "{\"topic\":");
    weir_json_put_string(to, r->topic);
    weir_buf_printf(to, ",\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp\":%" PRId64,
        (int)r->partition, r->offset, r->timestamp_ms);
    put_size(to, "key_bytes", r->key);
    put_size(to, "value_bytes", r->value);
    put_headers(to, r);
}

static void put_position(weir_buf *to, const weir_change *c)
{
    name(to, "position");
    weir_buf_puts(to, "{\"kind\":\"lsn\"");
    put_lsn(to, "H", c->at.H);
    put_lsn(to, "l", c->at.l);
    if (c->has_commit) {
        put_lsn(to, "commit", c->commit);
    }
    if (c->has_tx) {
        weir_buf_printf(to, ",\"tx\":%" PRIu64, c->tx);
    }
    weir_buf_printf(to, "},\"source_ms\":%" PRId64, c->ts_ms);
}

static void put_event(weir_buf *to, const weir_explanation *e)
{
    const weir_change *c = &e->event.change;
    put_text(to, "event", weir_view_of(weir_cli_event_name(e->event.kind)));
    if (e->event.table.len) {
        put_text(to, "table", e->event.table);
    }
    if (c->key.ptr) {
        put_json(to, "key", c->key);
    }
    if (e->event.kind != WEIR_EVENT_CHANGE) {
        return;
    }
    put_text(to, "change", weir_view_of(weir_cli_change_name(c)));
    if (c->op) {
        put_text(to, "op", (weir_view){&c->op, 1});
    }
    if (c->other.ptr) {
        put_json(to, c->op == 'd' ? "moves_to" : "moved_from", c->other);
    }
    if (c->kind != WEIR_TOMBSTONE) {
        put_position(to, c);
    }
}

/* ---- Caches ---------------------------------------------------------------------------------- */

static void put_look(weir_buf *to, const char *n, const weir_key_look *k)
{
    const weir_state *s = &k->state;
    weir_buf_printf(to, ",\"%s\":{\"known\":%s", n, k->exists ? "true" : "false");
    put_json(to, "row", k->shown);
    if (k->exists) {
        weir_buf_printf(to, ",\"alive\":%s", s->alive ? "true" : "false");
        put_lsn(to, "H", s->stamp.H);
        put_lsn(to, "l", s->stamp.l);
        weir_buf_printf(to, ",\"partition\":%d,\"offset\":%" PRId64, (int)s->partition, s->offset);
        weir_buf_puts(to, s->quarantined ? ",\"quarantined\":true" : "");
        if (s->missing.len) {
            put_json(to, "incomplete", s->missing);
        }
        if (s->has_mark) {
            put_lsn(to, "snapshot_l", s->mark.at.l);
        }
        if (s->ref.old_key.ptr) {
            put_json(to, "waits_for_move_from", s->ref.old_key);
        }
    }
    weir_buf_putc(to, '}');
}

static void put_merge(weir_buf *to, const weir_explained_cache *x)
{
    const char *counter, *help;
    if (x->change.op != 't') {
        put_look(to, "now", &x->before);
    }
    put_text(to, "merge", weir_view_of(weir_cli_verdict(x)));
    name(to, "counted");
    weir_buf_putc(to, '[');
    for (size_t i = 0; weir_cli_counted(&x->count, i, &counter, &help); i++) {
        weir_buf_printf(to, "%s\"%s\"", i ? "," : "", counter);
    }
    weir_buf_putc(to, ']');
    if (x->alarm) {
        put_text(to, "alarm", weir_view_of(weir_cli_alarm_name(x->alarm)));
    }
    if (x->change.op != 't') {
        put_look(to, "then", &x->after);
    }
}

static void put_cache(weir_buf *to, const weir_explained_cache *x)
{
    weir_buf_puts(to, "{\"cache\":");
    weir_json_put_string(to, weir_view_of(x->cache->name));
    put_text(to, "store", weir_view_of(x->cache->store->name));
    if (x->rendering.status) {
        put_error(to, "error", &x->rendering);
    }
    if (x->change.row.ptr) {
        put_json(to, "row", x->change.row);
    }
    if (x->change.missing.len) {
        put_json(to, "placeholders", x->change.missing);
    }
    if (x->store.status) {
        put_error(to, "store_error", &x->store);
    }
    if (x->next >= 0) {
        weir_buf_printf(to, ",\"next_offset\":%" PRId64, x->next);
    }
    if (x->merged) {
        put_merge(to, x);
    }
    weir_buf_putc(to, '}');
}

void weir_cli_explain_json(const weir_explanation *e, weir_buf *to)
{
    put_record(to, e->record);
    put_text(to, "source", weir_view_of(e->source->name));
    if (e->decoding.status) {
        put_error(to, "error", &e->decoding);
        if (e->event.change.key.ptr) {
            put_json(to, "key", e->event.change.key);
        }
    } else {
        put_event(to, e);
    }
    weir_buf_puts(to, e->other_table ? ",\"other_table\":true" : "");
    name(to, "caches");
    weir_buf_putc(to, '[');
    for (size_t i = 0; i < e->n_caches; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_cache(to, &e->caches[i]);
    }
    weir_buf_puts(to, "]}\n");
}
