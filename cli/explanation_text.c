/* What weir explain found, for people. See explanation.h. */
#include <ctype.h>
#include <inttypes.h>

#include "cache.h"
#include "explanation.h"

/* Every line is "name  value". */
static void label(weir_buf *to, const char *name)
{
    weir_buf_printf(to, "%-13s", name);
}

static void line(weir_buf *to, const char *name, weir_view value)
{
    label(to, name);
    weir_cli_put_row(to, value);
    weir_buf_putc(to, '\n');
}

static void put_error(weir_buf *to, const char *name, const weir_error *err)
{
    label(to, name);
    weir_buf_printf(
        to, "%s%s%s [%s]\n", err->where, err->where[0] ? ": " : "", err->text, err->code);
}

/* ---- The record ------------------------------------------------------------------------------ */

/* A header's value as it is when it is text. */
static void put_value(weir_buf *to, weir_view v)
{
    bool text = v.ptr != NULL;
    for (size_t i = 0; i < v.len; i++) {
        text = text && (unsigned char)v.ptr[i] >= ' ';
    }
    if (text) {
        weir_buf_putv(to, v);
    } else if (v.ptr) {
        weir_buf_printf(to, "%zu bytes", v.len);
    } else {
        weir_buf_puts(to, "null");
    }
}

static void put_headers(weir_buf *to, const weir_raw_record *r)
{
    weir_view name, value;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        label(to, i ? "" : "headers");
        weir_buf_printf(to, "%.*s: ", WEIR_ARG(name));
        put_value(to, value);
        weir_buf_putc(to, '\n');
    }
}

static void put_size(weir_buf *to, weir_view v)
{
    if (v.ptr) {
        weir_buf_printf(to, "%zu bytes", v.len);
    } else {
        weir_buf_puts(to, "null");
    }
}

static void put_record(weir_buf *to, const weir_raw_record *r)
{
    label(to, "record");
    weir_buf_printf(
        to, "%.*s/%d@%" PRId64 ", written ", WEIR_ARG(r->topic), (int)r->partition, r->offset);
    weir_cli_put_time(to, r->timestamp_ms);
    weir_buf_putc(to, '\n');
    label(to, "sizes");
    weir_buf_puts(to, "key ");
    put_size(to, r->key);
    weir_buf_puts(to, ", value ");
    put_size(to, r->value);
    weir_buf_putc(to, '\n');
    put_headers(to, r);
}

/* ---- The change ------------------------------------------------------------------------------ */

static void put_position(weir_buf *to, const weir_change *c)
{
    label(to, "position");
    weir_buf_puts(to, "H ");
    weir_cli_put_lsn(to, c->at.H);
    weir_buf_puts(to, ", l ");
    weir_cli_put_lsn(to, c->at.l);
    if (c->has_commit) {
        weir_buf_puts(to, ", last commit ");
        weir_cli_put_lsn(to, c->commit);
    }
    if (c->has_tx) {
        weir_buf_printf(to, ", transaction %" PRIu64, c->tx);
    }
    weir_buf_putc(to, '\n');
}

static void put_change(weir_buf *to, const weir_explanation *e)
{
    const weir_change *c = &e->event.change;
    label(to, "event");
    weir_buf_puts(to, weir_cli_event_name(e->event.kind));
    if (e->event.kind == WEIR_EVENT_CHANGE) {
        weir_buf_printf(to, ": %s", weir_cli_change_name(c));
    }
    if (e->event.table.len) {
        weir_buf_printf(to, " of %.*s", WEIR_ARG(e->event.table));
    }
    weir_buf_putc(to, '\n');
    if (c->key.ptr) {
        line(to, "key", c->key);
    }
    if (c->other.ptr) {
        line(to, c->op == 'd' ? "moves to" : "moved from", c->other);
    }
    if (e->event.kind == WEIR_EVENT_CHANGE && c->kind != WEIR_TOMBSTONE) {
        put_position(to, c);
        label(to, "source time");
        weir_cli_put_time(to, c->ts_ms);
        weir_buf_putc(to, '\n');
    }
}

/* ---- Caches ---------------------------------------------------------------------------------- */

static void put_state(weir_buf *to, const weir_key_look *k)
{
    const weir_state *s = &k->state;
    label(to, "");
    weir_buf_puts(to, s->alive ? "stands at " : "deleted at ");
    weir_cli_put_lsn(to, s->stamp.l);
    weir_buf_printf(to, ", by %d@%" PRId64, (int)s->partition, s->offset);
    if (s->has_mark) {
        weir_buf_puts(to, "; snapshot read at ");
        weir_cli_put_lsn(to, s->mark.at.l);
    }
    weir_buf_putc(to, '\n');
    if (s->missing.len) {
        label(to, "");
        weir_buf_puts(to, "incomplete: nobody ever sent a value for ");
        weir_buf_putv(to, s->missing);
        weir_buf_putc(to, '\n');
    }
    if (s->quarantined) {
        label(to, "");
        weir_buf_puts(to, "quarantined: a record of this key could not be used\n");
    }
    if (s->ref.old_key.ptr) {
        label(to, "");
        weir_buf_puts(to, "waits for the other half of its move, from the key ");
        weir_buf_putv(to, s->ref.old_key);
        weir_buf_putc(to, '\n');
    }
}

static void put_look(weir_buf *to, const char *name, const weir_key_look *k)
{
    if (k->shown.ptr) {
        line(to, name, k->shown);
    } else {
        line(to, name,
            weir_view_of(!k->exists       ? "nothing"
                         : k->state.alive ? "a row that is not shown"
                                          : "a delete mark"));
    }
    if (k->exists) {
        put_state(to, k);
    }
}

static bool is_same(const weir_key_look *a, const weir_key_look *b)
{
    return a->exists == b->exists && a->state.alive == b->state.alive &&
           a->state.quarantined == b->state.quarantined && a->state.stamp.l == b->state.stamp.l &&
           a->state.has_mark == b->state.has_mark && a->state.mark.at.l == b->state.mark.at.l &&
           weir_view_eq(a->state.missing, b->state.missing) && weir_view_eq(a->shown, b->shown);
}

static void put_merge(weir_buf *to, const weir_explained_cache *x)
{
    const char *name, *help;
    if (x->alarm) {
        line(to, "alarm", weir_view_of(weir_cli_alarm_name(x->alarm)));
    }
    line(to, "merge", weir_view_of(weir_cli_verdict(x)));
    for (size_t i = 0; weir_cli_counted(&x->count, i, &name, &help); i++) {
        label(to, "");
        weir_buf_printf(to, "%s: %s\n", name, help);
    }
    if (x->change.op == 't') {
        return; /* of many keys */
    }
    if (is_same(&x->before, &x->after)) {
        line(to, "then", weir_view_of("unchanged"));
    } else {
        put_look(to, "then", &x->after);
    }
}

static void put_progress(weir_buf *to, const weir_explained_cache *x, const weir_raw_record *r)
{
    label(to, "read");
    if (x->next < 0) {
        weir_buf_puts(to, "nothing of this partition yet\n");
    } else {
        weir_buf_printf(to, "up to offset %" PRId64 ": this record %s\n", x->next,
            r->offset < x->next    ? "was met already"
            : r->offset == x->next ? "is the next one"
                                   : "is still to come");
    }
}

static void put_cache(weir_buf *to, const weir_explanation *e, const weir_explained_cache *x)
{
    weir_buf_printf(to, "\ncache %s in store %s\n", x->cache->name, x->cache->store->name);
    if (x->rendering.status) {
        put_error(to, "row", &x->rendering);
        return;
    }
    if (x->change.row.ptr) {
        line(to, "row", x->change.row);
    }
    if (x->change.missing.len) {
        line(to, "placeholders", x->change.missing);
    }
    if (x->store.status) {
        put_error(to, "store", &x->store);
        line(to, "", weir_view_of("what follows is as if it were empty"));
    } else {
        put_progress(to, x, e->record);
    }
    if (x->merged) {
        if (x->change.op != 't') {
            put_look(to, "now", &x->before);
        }
        put_merge(to, x);
    }
}

void weir_cli_explain_text(const weir_explanation *e, weir_buf *to)
{
    put_record(to, e->record);
    line(to, "source", weir_view_of(e->source->name));
    if (e->decoding.status) {
        put_error(to, "error", &e->decoding);
        if (e->event.change.key.ptr) {
            line(to, "key", e->event.change.key);
        }
    } else {
        put_change(to, e);
    }
    if (!e->n_caches) {
        line(to, "caches", weir_view_of("none reads this topic"));
    } else if (e->decoding.status) {
        line(to, "then", weir_view_of("errors.reject decides about it; its key is quarantined"));
    } else if (e->other_table) {
        line(
            to, "then", weir_view_of("passed over: it is of another table than the caches follow"));
    } else if (e->event.kind != WEIR_EVENT_CHANGE) {
        line(to, "then", weir_view_of("passed over: it is no change of a row"));
    } else {
        for (size_t i = 0; i < e->n_caches; i++) {
            put_cache(to, e, &e->caches[i]);
        }
    }
}
