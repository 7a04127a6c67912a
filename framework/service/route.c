/* Routes. See route.h. */
#include "service/route.h"

#include "service/batch.h"

#include <ctype.h>
#include <stdio.h>

#include "schema/decimal.h"
#include "service/in_hand.h"

/* ---- Filters ------------------------------------------------------------------------------------
 */

/* By what it is worth, however it is written; a string is no number. */
static bool number_is(weir_reader *r, const char *name, weir_view wanted)
{
    weir_view text = weir_json(r, name);
    if (r->status || !text.len || !(text.ptr[0] == '-' || isdigit((unsigned char)text.ptr[0]))) {
        return false;
    }
    weir_decimal is = weir_decimal_of(text), other = weir_decimal_of(wanted);
    return weir_decimal_compare(&is, &other) == 0;
}

/* Is the field what the filter says? A field that is not there, or of another type, is not. */
static bool field_is(weir_reader *r, const weir_field *f)
{
    char digits[24];
    weir_reader probe = *r;
    bool null = f->kind == WEIR_FIELD_NULL ||
                (!f->text.ptr && f->kind != WEIR_FIELD_INT && f->kind != WEIR_FIELD_BOOL);
    bool equal = false;
    if (null) {
        equal = weir_null(&probe, f->name);
    } else if (f->kind == WEIR_FIELD_TEXT) {
        equal = weir_view_eq(weir_text(&probe, f->name), f->text);
    } else if (f->kind == WEIR_FIELD_BOOL) {
        equal = weir_bool(&probe, f->name) == (f->number != 0);
    } else if (f->kind == WEIR_FIELD_INT) {
        snprintf(digits, sizeof digits, "%lld", (long long)f->number);
        equal = number_is(&probe, f->name, weir_view_of(digits));
    } else {
        equal = weir_view_eq(weir_json(&probe, f->name), f->text);
    }
    return equal && !probe.status;
}

static weir_status fields_fit(weir_message *m, const weir_field *where, bool *fits)
{
    *fits = true;
    if (!where) {
        return WEIR_OK;
    }
    weir_reader r = weir_read(m);
    if (r.status) {
        return r.status;
    }
    for (const weir_field *f = where; f->kind && *fits; f++) {
        *fits = field_is(&r, f);
    }
    m->error.status = WEIR_OK; /* a field that is not there is no error here */
    return WEIR_OK;
}

static bool headers_fit(const weir_message *m, const weir_field *headers)
{
    for (const weir_field *f = headers; f && f->kind; f++) {
        weir_view value;
        if (!weir_header(m, f->name, &value) || !weir_view_eq(value, f->text)) {
            return false;
        }
    }
    return true;
}

/* ---- Routes -------------------------------------------------------------------------------------
 */

/* A tombstone says nothing that its d has not said, but in an unwrapped stream, where it is the
 * delete. */
bool weir_route_is_row(const weir_event *ev)
{
    return ev->kind == WEIR_EVENT_CHANGE &&
           (ev->change.kind != WEIR_TOMBSTONE || ev->change.unwrapped);
}

static unsigned op_of(const weir_message *m)
{
    switch (weir_op(m)) {
    case 'c':
        return WEIR_INSERT;
    case 'u':
        return WEIR_UPDATE;
    case 'r':
        return WEIR_SNAPSHOT;
    case 't':
        return WEIR_TRUNCATE;
    default:
        return WEIR_DELETE;
    }
}

static bool is_for(const weir_message *m, const weir_route *r, weir_view type)
{
    if (m->decoder) {
        const weir_event *ev = &m->event;
        return r->table && (!ev->table.len || weir_view_is(ev->table, r->table)) &&
               (!r->ops || r->ops & op_of(m));
    }
    return !r->table && (!r->event || weir_view_is(type, r->event));
}

weir_status weir_route_of(weir_message *m, const weir_route **out)
{
    const weir_routed_topic *t = m->topic;
    *out = NULL;
    if (t->replays) {
        return weir_fail(&m->error, WEIR_E_REPLAY_UNKNOWN,
            "it does not say which record of a topic that is handled here it was");
    }
    weir_status s = m->decoder ? weir_message_decode(m) : weir_message_find_type(m);
    if (s || (m->decoder && !weir_route_is_row(&m->event))) {
        return s;
    }
    weir_view type = weir_type(m);
    for (size_t i = 0; i < t->n_routes; i++) {
        const weir_route *r = &t->routes[i];
        bool fits = is_for(m, r, type) && headers_fit(m, r->headers);
        s = fits ? fields_fit(m, r->where, &fits) : WEIR_OK;
        if (s || fits) {
            *out = s ? NULL : r;
            return s;
        }
    }
    return WEIR_OK;
}

/* ---- Middleware ---------------------------------------------------------------------------------
 */

struct weir_rest {
    const weir_route *route;
    size_t at;
};

weir_status weir_call_rest(const weir_rest *rest, weir_message *m)
{
    const weir_handlers_options *o = weir_handlers_options_of(m->owner);
    if (rest->at == o->n_middleware) {
        weir_status s = rest->route->fn(m, rest->route->ctx);
        m->deferred = s == WEIR_DEFERRED && m->may_defer;
        return s;
    }
    const weir_middleware *w = &o->middleware[rest->at];
    weir_rest inner = {rest->route, rest->at + 1};
    return w->fn(m, &inner, w->ctx);
}

_Thread_local const weir_message *weir_in_hand;

weir_status weir_route_call(weir_message *m, const weir_route *to)
{
    weir_in_hand = m;
    weir_status s = weir_call_rest(&(weir_rest){to, 0}, m);
    weir_in_hand = NULL;
    return s;
}

static weir_status fail_unanswered_oom(weir_batch *b)
{
    size_t i = 0;
    while (b->messages[i]->answered) {
        i++;
    }
    return weir_fail_oom(&b->messages[i]->error);
}

/* Those that are left to the rest: the batch itself, where nobody has answered for one. */
static bool unanswered(weir_batch *b, weir_batch *rest)
{
    size_t n = weir_batch_unanswered(b);
    *rest = *b;
    if (n == b->n) {
        return true;
    }
    *rest = (weir_batch){
        .messages = weir_arena_alloc(&b->messages[0]->arena, (n + 1) * sizeof *rest->messages)};
    for (size_t i = 0; rest->messages && i < b->n; i++) {
        if (!b->messages[i]->answered) {
            rest->messages[rest->n++] = b->messages[i];
        }
    }
    return rest->messages != NULL;
}

weir_status weir_call_batch_rest(const weir_rest *rest, weir_batch *b)
{
    const weir_handlers_options *o = weir_handlers_options_of(b->messages[0]->owner);
    weir_batch left;
    if (!unanswered(b, &left)) {
        return fail_unanswered_oom(b);
    }
    if (!left.n) {
        return WEIR_OK;
    }
    if (rest->at == o->n_batch_middleware) {
        return rest->route->batch(&left, rest->route->ctx);
    }
    const weir_batch_middleware *w = &o->batch_middleware[rest->at];
    weir_rest inner = {rest->route, rest->at + 1};
    return w->fn(&left, &inner, w->ctx);
}

weir_status weir_route_call_batch(weir_batch *b, const weir_route *to)
{
    weir_in_hand = b->messages[0];
    weir_status s = weir_call_batch_rest(&(weir_rest){to, 0}, b);
    weir_in_hand = NULL;
    return s;
}
