/* Messages: what a handler asks of its record. See <weir/message.h>. */
#include "service/message.h"

#include <stdarg.h>
#include <stdio.h>

#include "service/event_type.h"
#include "value/json.h"

weir_status weir_message_decode(weir_message *m)
{
    if (m->decoded) {
        return WEIR_OK;
    }
    if (!m->decoder) {
        return weir_fail(
            &m->error, WEIR_E_INTERNAL, "topic %s is read as no CDC topic", m->topic->topic);
    }
    weir_status s = weir_decoder_read(m->decoder, m->raw, &m->arena, &m->event, &m->error);
    m->decoded = !s;
    return s;
}

weir_view weir_topic(const weir_message *m)
{
    return m->raw->topic;
}

weir_view weir_key(const weir_message *m)
{
    return m->raw->key;
}

weir_view weir_value_bytes(const weir_message *m)
{
    return m->raw->value;
}

int32_t weir_partition_number(const weir_message *m)
{
    return m->raw->partition;
}

int64_t weir_record_offset(const weir_message *m)
{
    return m->raw->offset;
}

int64_t weir_timestamp_ms(const weir_message *m)
{
    return m->raw->timestamp_ms;
}

unsigned weir_attempt(const weir_message *m)
{
    return m->record->attempt;
}

bool weir_header(const weir_message *m, const char *name, weir_view *out)
{
    weir_view n, v;
    bool found = false;
    for (size_t i = 0; m->raw->headers.at && m->raw->headers.at(m->raw->headers.self, i, &n, &v);
         i++) {
        if (weir_view_is(n, name)) {
            *out = v;
            found = true; /* the last one counts */
        }
    }
    return found;
}

/* ---- Types and ids ------------------------------------------------------------------------------
 */

static weir_view text_of(weir_message *m, const weir_value *v)
{
    return weir_is(v, WEIR_STRING) ? weir_string(v, &m->arena) : (weir_view){NULL, 0};
}

weir_status weir_message_find_type(weir_message *m)
{
    const weir_handlers_options *o = weir_handlers_options_of(m->owner);
    weir_typed_event e = {.record = m->raw,
        .events = m->events,
        .arena = &m->arena,
        .parsed = m->parsed,
        .value = m->value,
        .envelope = m->envelope,
        .type = m->type};
    weir_status s = weir_event_find_type(&e, o->types, o->n_types, &m->error);
    m->parsed = e.parsed;
    m->value = e.value;
    m->envelope = e.envelope;
    m->type = e.type;
    return s;
}

weir_view weir_id(const weir_message *given)
{
    weir_message *m = (weir_message *)(uintptr_t)given; /* a cache of what never changes */
    if (m->id.ptr) {
        return m->id;
    }
    if (m->envelope) {
        m->id = text_of(m, weir_gets(m->envelope, "id"));
    }
    if (m->id.len) {
        return m->id;
    }
    if ((!weir_header(m, "id", &m->id) && !weir_header(m, "ce_id", &m->id)) || !m->id.len) {
        m->id_is_place = true;
        m->id = weir_arena_printf(&m->arena, "%.*s/%d/%lld", WEIR_ARG(m->raw->topic),
            (int)m->raw->partition, (long long)m->raw->offset);
    }
    return m->id;
}

weir_view weir_type(const weir_message *m)
{
    if (m->decoded && m->event.kind == WEIR_EVENT_CHANGE && m->event.table.len) {
        return m->event.table;
    }
    weir_view type = m->type;
    if (type.ptr || weir_header(m, "ce_type", &type) || weir_header(m, "type", &type) ||
        weir_header(m, "eventType", &type)) {
        return type;
    }
    return m->raw->topic;
}

char weir_op(const weir_message *m)
{
    if (!m->decoded || m->event.kind != WEIR_EVENT_CHANGE) {
        return 0;
    }
    return m->event.change.kind == WEIR_TOMBSTONE ? 'd' : m->event.change.op;
}

/* ---- Ending -------------------------------------------------------------------------------------
 */

__attribute__((format(printf, 3, 0))) static weir_status end(
    weir_message *m, weir_code code, const char *fmt, va_list ap)
{
    char text[sizeof m->error.text];
    vsnprintf(text, sizeof text, fmt, ap);
    return weir_fail(&m->error, code, "%s", text);
}

weir_status weir_retry(weir_message *m, uint32_t after_ms, const char *fmt, ...)
{
    va_list ap;
    m->after_ms = after_ms;
    va_start(ap, fmt);
    weir_status s = end(m, WEIR_E_HANDLER_RETRY, fmt, ap);
    va_end(ap);
    return s;
}

weir_status weir_hold(weir_message *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    weir_status s = end(m, WEIR_E_HANDLER_HOLD, fmt, ap);
    va_end(ap);
    return s;
}

weir_status weir_reject(weir_message *m, const char *code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    weir_status s = end(m, WEIR_E_HANDLER_REJECT, fmt, ap);
    va_end(ap);
    if (code && *code) {
        snprintf(m->error.code, sizeof m->error.code, "%s", code);
    }
    return s;
}

/* ---- Deferring ----------------------------------------------------------------------------------
 */

weir_status weir_defer(weir_message *m, uint32_t deadline_ms)
{
    if (m->tx || m->batched) {
        return weir_fail(&m->error, WEIR_E_HANDLER_STATUS,
            "a handler with %s cannot defer a message", m->tx ? ".tx" : ".batch");
    }
    m->deadline_after_ms = deadline_ms;
    m->may_defer = true;
    return WEIR_DEFERRED;
}

bool weir_revoked(const weir_message *m)
{
    return atomic_load(&m->record->partition->revoked);
}

void weir_settle(weir_message *given, weir_status status)
{
    if (given->tx || given->batched) { /* it is its lane's */
        weir_handlers_misused(
            given, given->tx ? "a handler with .tx settled its message"
                             : "a batch's message was settled: weir_batch_answer is for that");
        return;
    }
    /* The handler may not have returned yet: its lane will find it settled. */
    int state = atomic_exchange(&given->state, WEIR_MESSAGE_SETTLED);
    if (state == WEIR_MESSAGE_SETTLED || state == WEIR_MESSAGE_FREE ||
        state == WEIR_MESSAGE_SENDING) {
        weir_handlers_misused(given, "a deferred message was settled twice");
        return;
    }
    given->status =
        status != WEIR_DEFERRED
            ? status
            : weir_fail(&given->error, WEIR_E_HANDLER_STATUS,
                  "a deferred message was settled with WEIR_DEFERRED: say what has become of it");
    weir_handlers_settled(given->owner, given);
}

/* ---- Lookups ------------------------------------------------------------------------------------
 */

/* age_ms NULL: as fresh as min asks for. */
static weir_status find_row(weir_message *m, const char *cache, weir_view key,
    const weir_freshness *min, int64_t *age_ms, bool *found, weir_reader *row)
{
    weir_buf text = {0};
    *row = (weir_reader){.m = m};
    weir_status s =
        weir_handlers_lookup(m->owner, cache, key, min, age_ms, &text, found, &m->error);
    if (!s && *found) {
        weir_view kept = weir_arena_copy(&m->arena, weir_buf_view(&text));
        const weir_value *value = NULL;
        s = kept.ptr ? weir_json_read(kept, &m->arena, &value, &m->error)
                     : weir_fail_oom(&m->error);
        row->at = value;
    }
    weir_buf_fini(&text);
    row->status = s ? s : *found ? WEIR_OK : WEIR_REJECT;
    return s;
}

weir_status weir_lookup(weir_message *m, const char *cache, weir_view key,
    const weir_freshness *min, bool *found, weir_reader *row)
{
    return find_row(m, cache, key, min, NULL, found, row);
}

weir_status weir_lookup_known(weir_message *m, const char *cache, weir_view key, int64_t *age_ms,
    bool *found, weir_reader *row)
{
    *age_ms = -1;
    return find_row(m, cache, key, NULL, age_ms, found, row);
}
