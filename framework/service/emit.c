/* Emits: from a handler's call to a record that is ready to leave. See <weir/emit.h>; when it
 * leaves is service/handlers.c's. Everything of an emit lives in its message's arena. */
#include "service/emit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "service/emit_avro.h"
#include "service/handler_lane.h"
#include "value/json.h"
#include "value/utf8.h"

/* ---- Bodies -------------------------------------------------------------------------------------
 */

static void put_bytes(weir_buf *to, weir_view v)
{
    static const char digits[] = "0123456789abcdef";
    weir_buf_puts(to, "\"\\\\x");
    for (size_t i = 0; i < v.len; i++) {
        weir_buf_putc(to, digits[(unsigned char)v.ptr[i] >> 4]);
        weir_buf_putc(to, digits[(unsigned char)v.ptr[i] & 15]);
    }
    weir_buf_putc(to, '"');
}

void weir_field_put(weir_buf *to, const weir_field *f)
{
    bool null = f->kind == WEIR_FIELD_NULL ||
                (!f->text.ptr && f->kind != WEIR_FIELD_INT && f->kind != WEIR_FIELD_BOOL);
    weir_json_put_string(to, weir_view_of(f->name));
    weir_buf_putc(to, ':');
    if (null) {
        weir_buf_puts(to, "null");
    } else if (f->kind == WEIR_FIELD_BYTES) {
        put_bytes(to, f->text);
    } else if (f->kind == WEIR_FIELD_TEXT) {
        weir_json_put_string(to, f->text);
    } else if (f->kind == WEIR_FIELD_INT) {
        weir_buf_int(to, f->number);
    } else if (f->kind == WEIR_FIELD_BOOL) {
        weir_buf_puts(to, f->number ? "true" : "false");
    } else {
        weir_buf_putv(to, f->text);
    }
}

static void put_fields(weir_buf *to, const weir_field *fields)
{
    weir_buf_putc(to, '{');
    for (const weir_field *f = fields; f->kind; f++) {
        if (f != fields) {
            weir_buf_putc(to, ',');
        }
        weir_field_put(to, f);
    }
    weir_buf_putc(to, '}');
}

static bool all_named(const weir_field *fields)
{
    while (fields->kind && fields->name) {
        fields++;
    }
    return !fields->kind;
}

static int put_dumped(const char *bytes, size_t n, void *to)
{
    weir_buf_put(to, bytes, n);
    return 0;
}

/* The body in the arena. */
static weir_status make_body(weir_message *m, const weir_emission *e, weir_view *out)
{
    weir_buf body = {0};
    *out = (weir_view){NULL, 0};
    if (e->bytes.ptr) {
        weir_buf_putv(&body, e->bytes);
    } else if (e->fields && !all_named(e->fields)) {
        return weir_fail(&m->error, WEIR_E_EMIT_INVALID, "%.60s has a field without a name",
            e->type ? e->type : "an emit");
    } else if (e->fields) {
        put_fields(&body, e->fields);
    } else if (!e->json) {
        return weir_fail(&m->error, WEIR_E_EMIT_EMPTY, "%.60s has neither fields, json nor bytes",
            e->type ? e->type : "an emit");
    } else if (json_dump_callback(e->json, put_dumped, &body, JSON_COMPACT | JSON_ENCODE_ANY) !=
               0) {
        weir_buf_fini(&body);
        return weir_fail_oom(&m->error);
    }
    *out = body.failed ? *out : weir_arena_copy(&m->arena, weir_buf_view(&body));
    weir_buf_fini(&body);
    return out->ptr ? WEIR_OK : weir_fail_oom(&m->error);
}

/* ---- Checks -------------------------------------------------------------------------------------
 */

static const weir_emit_rule *rule_of(const weir_emit_rules *rules, const char *type)
{
    for (size_t i = 0; type && i < rules->count; i++) {
        if (strcmp(rules->items[i].type, type) == 0) {
            return &rules->items[i];
        }
    }
    return NULL;
}

/* Whatever keeps it from fitting has one code; its text has the other. */
static weir_status invalid(weir_message *m, const char *type)
{
    weir_error why = m->error;
    weir_status s =
        weir_fail(&m->error, WEIR_E_EMIT_INVALID, "%.60s: %.150s (%s)", type, why.text, why.code);
    (void)weir_at(&m->error, "%s", why.where);
    return s;
}

/* The judges are the lane's, and a message that was deferred is on another thread: they are locked;
 * but not while the registry is asked, which may not answer. */
static weir_status check(weir_message *m, const weir_emission *e, const weir_outgoing *o)
{
    weir_handler_lane *l = &m->owner->lanes[m->lane];
    weir_view type = weir_view_of(e->type), topic = weir_view_of(o->topic);
    weir_raw_record record = {.topic = topic, .key = o->key, .value = o->value};
    const weir_value *value;
    if (e->bytes.ptr && !weir_event_has_rule(l->emit_judges, type, topic)) {
        return WEIR_OK;
    }
    weir_status s = weir_event_ask(l->emit_judges, &l->emit_lock, &record, type, &m->error);
    if (!s) {
        pthread_mutex_lock(&l->emit_lock);
        s = weir_event_check(l->emit_judges, &record, type, false, &m->arena, &value, &m->error);
        pthread_mutex_unlock(&l->emit_lock);
    }
    return s == WEIR_REJECT ? invalid(m, e->type) : s;
}

/* By the lane's schema, which is asked for once; what cannot be written by it does not fit. */
static weir_status encode(
    weir_message *m, const weir_emission *e, const weir_emit_rule *rule, weir_outgoing *o)
{
    weir_handler_lane *l = &m->owner->lanes[m->lane];
    const weir_handlers_options *h = &m->owner->options;
    if (!rule || !rule->avro_subject || e->bytes.ptr) {
        return WEIR_OK;
    }
    weir_status s = weir_emit_avro_write(&l->emit_avro[rule - h->emits.items], &l->emit_lock, rule,
        h->events.schemas, o->value, &m->arena, &o->value, &m->error);
    return s == WEIR_REJECT ? invalid(m, e->type) : s;
}

/* ---- Headers ------------------------------------------------------------------------------------
 */

static const char *const carried[] = {"traceparent", "tracestate", "baggage", "correlation_id"};

enum {
    CARRIED = sizeof carried / sizeof *carried,
    OWN = 8,
    AROUND_RECORD = 128, /* bytes, at most: a batch has 61, a record up to 36 … */
    AROUND_HEADER = 10,  /* … and a header two lengths of up to 5 */
};

static bool has_header(const weir_outgoing *o, const char *name)
{
    for (size_t i = 0; i < o->n_headers; i++) {
        if (weir_view_is(o->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

static void add_header(weir_outgoing *o, weir_outgoing_header *to, const char *name, weir_view v)
{
    if (!has_header(o, name)) { /* whoever came first wins: the handler's own, then ours */
        to[o->n_headers++] = (weir_outgoing_header){weir_view_of(name), v};
    }
}

static size_t count_fields(const weir_field *fields)
{
    size_t n = 0;
    while (fields && fields[n].kind) {
        n++;
    }
    return n;
}

static weir_view copied(weir_message *m, weir_view v)
{
    return v.len ? weir_arena_copy(&m->arena, v) : v;
}

static void add_cloudevents(
    weir_message *m, const weir_emission *e, weir_outgoing *o, weir_outgoing_header *to)
{
    const char *source = m->owner->options.emits.source;
    add_header(o, to, "ce_specversion", weir_view_of("1.0"));
    add_header(o, to, "ce_type", copied(m, weir_view_of(e->type)));
    add_header(o, to, "ce_source", weir_view_of(source ? source : "weir"));
    if (!e->bytes.ptr) {
        add_header(o, to, "content-type", weir_view_of("application/json"));
    }
}

/* Kafka's names of headers are texts. */
static weir_status check_names(weir_message *m, const weir_emission *e)
{
    for (const weir_field *f = e->headers; f && f->kind; f++) {
        if (!weir_utf8_valid(f->name, strlen(f->name))) {
            return weir_fail(
                &m->error, WEIR_E_EMIT_INVALID, "%.60s: the name of a header is no UTF-8", e->type);
        }
    }
    return WEIR_OK;
}

static weir_status add_headers(
    weir_message *m, const weir_emission *e, bool cloudevents, weir_outgoing *o)
{
    size_t n = count_fields(e->headers);
    weir_outgoing_header *to = weir_arena_alloc(&m->arena, (n + CARRIED + OWN) * sizeof *to);
    weir_view id = e->id.len ? copied(m, e->id)
                             : weir_arena_printf(
                                   &m->arena, "%.*s/%zu", WEIR_ARG(weir_id(m)), m->emits.count + 1);
    if (!to) {
        return weir_fail_oom(&m->error);
    }
    o->headers = to;
    for (size_t i = 0; i < n; i++) {
        weir_view name = weir_arena_copy(&m->arena, weir_view_of(e->headers[i].name));
        to[o->n_headers++] = (weir_outgoing_header){name, copied(m, e->headers[i].text)};
    }
    add_header(o, to, cloudevents ? "ce_id" : "id", id);
    if (cloudevents) {
        add_cloudevents(m, e, o, to);
    } else {
        add_header(o, to, "type", copied(m, weir_view_of(e->type)));
    }
    add_header(o, to, "causation_id", weir_id(m));
    for (size_t i = 0; i < CARRIED; i++) {
        weir_view value;
        if (weir_header(m, carried[i], &value)) {
            add_header(o, to, carried[i], value);
        }
    }
    return m->arena.failed ? weir_fail_oom(&m->error) : WEIR_OK;
}

/* ---- Emitting -----------------------------------------------------------------------------------
 */

/* The config's are, a handler's may be made of anything. */
static bool is_topic(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strlen(name);
    return len && len <= 249 && strspn(name, letters) == len && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static weir_status name_topic(
    weir_message *m, const weir_emission *e, const weir_emit_rule *rule, weir_outgoing *o)
{
    if (!e->type || (!e->topic && !rule)) {
        return weir_fail(&m->error, WEIR_E_EMIT_UNKNOWN,
            e->type ? "%.80s is no event of the config, and no topic was given"
                    : "an emit needs a type%.0s",
            e->type ? e->type : "");
    }
    if (e->topic && !is_topic(e->topic)) {
        return weir_fail(&m->error, WEIR_E_EMIT_INVALID,
            "%.60s: %.80s is no name that a topic may have", e->type, e->topic);
    }
    weir_view topic = copied(m, weir_view_of(e->topic ? e->topic : rule->topic));
    o->topic = topic.ptr;
    return topic.ptr ? WEIR_OK : weir_fail_oom(&m->error);
}

/* As Kafka counts it, with what a batch of this record alone has around it. */
static size_t size_of(const weir_outgoing *o)
{
    size_t n = o->key.len + o->value.len + AROUND_RECORD;
    for (size_t i = 0; i < o->n_headers; i++) {
        n += o->headers[i].name.len + o->headers[i].value.len + AROUND_HEADER;
    }
    return n;
}

static weir_status append(weir_message *m, const char *type, weir_outgoing *o)
{
    size_t bytes = size_of(o), most = m->owner->options.emit_bytes;
    if (m->route && m->route->inbox && most && bytes > most) { /* in an outbox it would be stuck */
        return weir_fail(&m->error, WEIR_E_EMIT_TOO_LARGE,
            "%.60s has %zu bytes, and the producer takes %zu", type, bytes, most);
    }
    if (m->emits.bytes + bytes > WEIR_EMIT_MOST_BYTES) {
        return weir_fail(&m->error, WEIR_E_EMIT_TOO_LARGE,
            "%.60s: one record's emits may have %d MiB", type, WEIR_EMIT_MOST_BYTES >> 20);
    }
    if (m->emits.last) {
        m->emits.last->next = o;
    } else {
        m->emits.first = o;
    }
    m->emits.last = o;
    m->emits.count++;
    m->emits.bytes += bytes;
    return WEIR_OK;
}

static weir_status emit(weir_message *m, const weir_emission *e)
{
    const weir_emit_rule *rule = rule_of(&m->owner->options.emits, e->type);
    weir_outgoing *o = weir_arena_alloc(&m->arena, sizeof *o);
    if (!o) {
        return weir_fail_oom(&m->error);
    }
    *o = (weir_outgoing){.key = e->key.ptr ? copied(m, e->key) : m->raw->key};
    weir_status s = name_topic(m, e, rule, o);
    s = s ? s : make_body(m, e, &o->value);
    s = s ? s : check(m, e, o);
    s = s ? s : encode(m, e, rule, o);
    s = s ? s : check_names(m, e);
    s = s ? s : add_headers(m, e, rule && rule->cloudevents, o);
    return s ? s : append(m, e->type, o);
}

weir_status weir_emit_event(weir_message *m, size_t size, const weir_emission *given)
{
    weir_emission e = {0};
    int state = atomic_load(&m->state);
    memcpy(&e, given, size < sizeof e ? size : sizeof e); /* an older caller's struct is shorter */
    weir_status s;
    if (state != WEIR_MESSAGE_RUNNING && state != WEIR_MESSAGE_DEFERRED) {
        weir_handlers_misused(m, "an event was emitted for a message that is settled");
        s = WEIR_FATAL;
    } else if (!m->owner->options.emitter.send && !m->tx && !m->owner->options.transactor) {
        s = weir_fail(&m->error, WEIR_E_EMIT_UNKNOWN, "nothing takes emits here");
    } else {
        s = emit(m, &e);
    }
    json_decref(e.json);
    return s;
}
