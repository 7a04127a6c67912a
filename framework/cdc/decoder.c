/* The decoder: its life, and the way of a record from bytes to an event. See decoder.h. */
#include "cdc/decoder.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "cdc/decoding.h"
#include "cdc/recognise.h"
#include "cdc/row_plan.h"

static const weir_row_plan untyped = {0};

/* ---- life -------------------------------------------------------------------------------- */

static weir_status compile_table(weir_decoder *d, const weir_table_types *types, weir_error *err)
{
    weir_table_plan *t = weir_arena_alloc(&d->arena, sizeof *t);
    if (!t) {
        return weir_fail_oom(err);
    }
    t->types = types;
    weir_status s = weir_row_plan_of_types(types, d->rules->modes, &d->arena, &t->plan, err);
    if (s) {
        (void)weir_at(err, "%.*s", WEIR_ARG(types->table));
        return s;
    }
    weir_map_entry *e = weir_map_add(&d->tables, types->table);
    if (!e) {
        return weir_fail_oom(err);
    }
    e->value = t;
    return WEIR_OK;
}

weir_status weir_decoder_new(const weir_source_rules *rules, weir_decoder **out, weir_error *err)
{
    *out = NULL;
    weir_decoder *d = weir_calloc(1, sizeof *d);
    if (!d) {
        return weir_fail_oom(err);
    }
    d->rules = rules;
    d->placeholder =
        rules->placeholder.len ? rules->placeholder : weir_view_of("__debezium_unavailable_value");
    d->added_prefix = rules->added_prefix.len ? rules->added_prefix : weir_view_of("__");
    d->header_prefix = rules->header_prefix.ptr ? rules->header_prefix : d->added_prefix;
    weir_schema_memo_init(&d->memo);
    weir_map_init(&d->tables);
    weir_arena_init(&d->arena, 0);
    weir_view none = {"", 0};
    weir_status s = weir_column_from_pg(none, none, NULL, &d->arena, &d->unknown_column, err);
    for (size_t i = 0; i < rules->n_types && !s; i++) {
        s = compile_table(d, &rules->types[i], err);
    }
    if (s) {
        weir_decoder_free(d);
        return s;
    }
    *out = d;
    return WEIR_OK;
}

void weir_decoder_free(weir_decoder *d)
{
    if (!d) {
        return;
    }
    weir_schema_memo_fini(&d->memo);
    weir_map_fini(&d->tables, NULL);
    weir_arena_fini(&d->arena);
    weir_buf_fini(&d->row);
    weir_buf_fini(&d->missing);
    weir_buf_fini(&d->key);
    weir_buf_fini(&d->topic);
    weir_free(d);
}

/* ---- texts ------------------------------------------------------------------------------- */

/* Says which text an error's line and column belong to: "1:120" becomes "value 1:120". */
static weir_status in_part(weir_error *err, const char *part, weir_status s)
{
    if (err) {
        char place[sizeof err->where];
        memcpy(place, err->where, sizeof place);
        snprintf(err->where, sizeof err->where, "%s%s%.70s", part, place[0] ? " " : "", place);
    }
    return s;
}

static weir_status refuse_avro(const char *part, weir_error *err)
{
    weir_status s = weir_fail(err, WEIR_E_CDC_AVRO,
        "this %s is Avro by a schema registry, and none is in the config", part);
    return in_part(err, part, s);
}

static weir_status read_text(
    weir_decoding *at, weir_view text, bool of_key, weir_document *out, weir_error *err)
{
    const char *part = of_key ? "key" : "value";
    weir_status s = WEIR_OK;
    if (weir_decoding_avro(at, text, of_key, out, err, &s)) {
        return s ? in_part(err, part, s) : WEIR_OK;
    }
    if (weir_is_framed(text)) {
        return refuse_avro(part, err);
    }
    weir_topic_schemas *topic = weir_document_may_be_block(text)
                                    ? weir_schema_memo_topic(&at->d->memo, at->record->topic)
                                    : NULL;
    weir_known_schemas *known = !topic ? NULL : of_key ? &topic->keys : &topic->values;
    s = weir_document_read(known, text, at->arena, out, err);
    if (weir_unreadable(s, at->arena) && weir_has_registry_header(&at->record->headers)) {
        return refuse_avro(part, err);
    }
    return s ? in_part(err, part, s) : WEIR_OK;
}

/* ---- the key ----------------------------------------------------------------------------- */

/* A key's block is kept for its bytes: it needs no plan. */
static weir_status remember_key_schema(weir_decoding *at, const weir_document *key, weir_error *err)
{
    if (!key->schema || !key->prefix.len) {
        return WEIR_OK;
    }
    weir_known_schema *s = weir_known_schema_new(key->prefix, weir_source(key->schema), NULL);
    return s ? weir_schema_memo_keep(&at->d->memo, at->record->topic, true, s, err)
             : weir_fail_oom(err);
}

void weir_decoding_trim(weir_buf *scratch)
{
    enum { KEPT = 1 << 20 };
    if (scratch->cap > KEPT) {
        weir_buf_fini(scratch);
    }
    weir_buf_clear(scratch);
}

weir_view weir_decoding_key(weir_decoding *at, const weir_value *key)
{
    weir_buf *text = &at->d->key;
    weir_key_put(text, key);
    weir_view copy = {NULL, 0};
    if (!text->failed) {
        copy = weir_arena_copy(at->arena, weir_buf_view(text));
    }
    weir_decoding_trim(text);
    return copy;
}

static weir_status read_key(weir_decoding *at, weir_error *err)
{
    weir_document key = {.payload = NULL};
    if (!at->record->key.ptr) {
        return WEIR_OK;
    }
    weir_status s = read_text(at, at->record->key, true, &key, err);
    s = s ? s : remember_key_schema(at, &key, err);
    if (s || weir_is(key.payload, WEIR_NULL)) {
        return s;
    }
    at->event->key = key.payload;
    at->event->change.key = weir_decoding_key(at, key.payload);
    return at->event->change.key.ptr ? WEIR_OK : weir_fail_oom(err);
}

/* ---- the value --------------------------------------------------------------------------- */

static weir_status refuse_value(weir_decoding *at, weir_code code, const char *why)
{
    return weir_fail(at->err, code, "%s", why);
}

/* An envelope has a source block or images of a row. */
static bool is_envelope(const weir_fields *f)
{
    return weir_is(f->of[WEIR_FIELD_SOURCE], WEIR_OBJECT) || f->of[WEIR_FIELD_BEFORE] ||
           f->of[WEIR_FIELD_AFTER];
}

/* PREFIX.schema.table: nothing but the table's changes goes there. */
static bool is_tables_own(const weir_decoding *at)
{
    weir_view table = weir_topic_table(at->d->rules, at->record->topic);
    return table.len && memchr(table.ptr, '.', table.len);
}

/* A record that says nothing of a change, and whose topic does not tell either. */
static weir_status read_other(weir_decoding *at)
{
    weir_event *ev = at->event;
    if (is_tables_own(at)) { /* a row may well look like something else */
        return refuse_value(at, WEIR_E_CDC_NO_OP,
            is_envelope(&at->fields)
                ? "a change event without an op"
                : "no change event, on a table's topic: flattened rows need `unwrapped`");
    }
    ev->kind = weir_kind_of_value(at->value.payload, ev->key);
    if (ev->kind != WEIR_EVENT_OTHER) {
        return WEIR_OK;
    }
    if (is_envelope(&at->fields)) {
        return refuse_value(at, WEIR_E_CDC_NO_OP, "a change event without an op");
    }
    if (weir_header_of(&at->record->headers, "id").ptr) {
        ev->kind = WEIR_EVENT_OUTBOX;
        return WEIR_OK;
    }
    if (weir_topic_table(at->d->rules, at->record->topic).len) {
        return refuse_value(at, WEIR_E_CDC_NO_OP,
            "no change event, on a topic of the source's: flattened rows need `unwrapped`");
    }
    return WEIR_OK;
}

static bool has_text(const weir_fields *f, weir_field field, const char *begins)
{
    const weir_value *v = f->of[field];
    return weir_is(v, WEIR_STRING) && weir_begins(weir_raw(v), weir_view_of(begins));
}

/* Avro within a CloudEvent: bytes where the event itself is Avro, base64 of them where it is JSON.
 */
static weir_status read_data_of_avro(weir_decoding *at, const weir_value *data)
{
    weir_view bytes = weir_raw(data);
    if (data->type == WEIR_STRING) {
        weir_view text = weir_string(data, at->arena);
        char *room = text.ptr ? weir_arena_bytes(at->arena, text.len) : NULL;
        ptrdiff_t len = room ? weir_base64_get(text, room) : 0;
        if (!room) {
            return weir_fail_oom(at->err);
        }
        if (len < 0) {
            return refuse_value(at, WEIR_E_CDC_AVRO, "the data of a CloudEvent is no base64");
        }
        bytes = weir_view_make(room, (size_t)len);
    } else if (data->type != WEIR_BYTES) {
        return refuse_value(
            at, WEIR_E_CDC_AVRO, "the data of a CloudEvent in Avro is neither bytes nor text");
    }
    weir_status s = weir_decoding_framed(at, bytes, &at->value, at->err);
    return s ? in_part(at->err, "value data", s) : WEIR_OK;
}

/* What is in a CloudEvent: Avro, or JSON, perhaps with a schema block. */
static weir_status read_data(weir_decoding *at, bool is_avro)
{
    const weir_value *data = at->fields.of[WEIR_FIELD_DATA];
    if (is_avro) {
        return read_data_of_avro(at, data);
    }
    weir_document_unwrap(data, &at->value);
    at->value.prefix = weir_view_make("", 0); /* it stands within other bytes */
    return WEIR_OK;
}

/* What a CloudEvent's attributes say takes the place of the envelope's members and source block;
 * its data is the rest of the envelope, or a flattened row, perhaps with a schema block of its own.
 */
static weir_status read_cloudevent(weir_decoding *at)
{
    weir_fields *f = &at->fields;
    *f = (weir_fields){{NULL}};
    weir_fields_of_cloudevent(at->value.payload, f);
    if (!weir_said(f, WEIR_FIELD_OP) && has_text(f, WEIR_FIELD_TYPE, "io.debezium.")) {
        return refuse_value(at, WEIR_E_CDC_NO_OP,
            "a CloudEvent without iodebeziumop: set extension.attributes.enable=true");
    }
    if (!weir_said(f, WEIR_FIELD_OP)) {
        return read_other(at);
    }
    if (!weir_said(f, WEIR_FIELD_DATA)) {
        return refuse_value(at, WEIR_E_CDC_NO_ROW, "a CloudEvent without data");
    }
    weir_status s = read_data(at, has_text(f, WEIR_FIELD_CONTENT_TYPE, "application/avro"));
    if (s) {
        return s;
    }
    if (at->d->rules->unwrapped) {
        return weir_change_of_row(at);
    }
    weir_fields_of_envelope(at->value.payload, f);
    return weir_change_of_envelope(at);
}

static weir_status read_fields(weir_decoding *at)
{
    const weir_source_rules *rules = at->d->rules;
    const weir_fields *f = &at->fields;
    weir_fields_of_envelope(at->value.payload, &at->fields);
    bool cloudevent = f->of[WEIR_FIELD_SPECVERSION] != NULL;
    if (rules->format == WEIR_FORMAT_CLOUDEVENTS && !cloudevent) {
        return refuse_value(at, WEIR_E_CDC_NOT_DEBEZIUM, "not a CloudEvent (no specversion)");
    }
    if (cloudevent && rules->format != WEIR_FORMAT_JSON) {
        return read_cloudevent(at);
    }
    bool has_op = weir_said(f, WEIR_FIELD_OP);
    /* Some topics of an unwrapped source are not flattened, but a row may well have a column `op`.
     */
    if (rules->unwrapped && !(has_op && weir_is(f->of[WEIR_FIELD_SOURCE], WEIR_OBJECT))) {
        at->fields = (weir_fields){{NULL}};
        return weir_change_of_row(at);
    }
    return has_op && is_envelope(f) ? weir_change_of_envelope(at) : read_other(at);
}

static weir_status read_value(weir_decoding *at)
{
    if (!at->record->value.ptr) {
        return weir_change_of_null(at);
    }
    weir_status s = read_text(at, at->record->value, false, &at->value, at->err);
    if (s) {
        return s;
    }
    if (weir_is(at->value.payload, WEIR_NULL)) {
        return weir_change_of_null(at);
    }
    at->event->payload = at->value.payload;
    return read_fields(at);
}

/* ---- records ----------------------------------------------------------------------------- */

static weir_status give(const weir_error *why, weir_status s, weir_error *err)
{
    if (err) {
        *err = *why;
    }
    return s;
}

/* The key's error counts only where the key does. */
static weir_status read_undecided(weir_decoding *at)
{
    weir_error why;
    weir_status key = read_key(at, &why);
    if (key && !weir_unreadable(key, at->arena)) {
        return give(&why, key, at->err);
    }
    weir_status s = read_value(at);
    if (s || at->event->kind != WEIR_EVENT_CHANGE || at->event->change.op == 't') {
        return s;
    }
    if (key) {
        return give(&why, key, at->err);
    }
    bool comes = at->event->change.op == 'c' || at->event->change.op == 'r';
    return at->event->key || (comes && at->d->rules->keyless)
               ? WEIR_OK
               : refuse_value(at, WEIR_E_CDC_NO_KEY,
                     at->d->rules->keyless
                         ? "a row without a key cannot be found again: the table needs a primary "
                           "key, or Debezium message.key.columns"
                         : "a row without a key cannot be found again: the table needs a primary "
                           "key, or Debezium message.key.columns, or, to keep each row that is "
                           "inserted, the entry of `tables` on_no_key: append");
}

static weir_status read_payload(weir_decoding *at, weir_error *err)
{
    if (!at->record->value.ptr) {
        return WEIR_OK;
    }
    weir_status s = read_text(at, at->record->value, false, &at->value, err);
    if (!s && !weir_is(at->value.payload, WEIR_NULL)) {
        at->event->payload = at->value.payload;
    }
    return s;
}

/* The topic tells what it is. Only an outbox event must be readable. */
static weir_status read_told(weir_decoding *at)
{
    weir_event *ev = at->event;
    weir_error why;
    weir_status s = read_key(at, &why);
    if (!s || weir_unreadable(s, at->arena)) {
        s = read_payload(at, &why);
    }
    if (weir_unreadable(s, at->arena) && ev->kind != WEIR_EVENT_OUTBOX) {
        return WEIR_OK;
    }
    if (s) {
        return give(&why, s, at->err);
    }
    if (ev->kind != WEIR_EVENT_MESSAGE || !weir_is(ev->payload, WEIR_OBJECT)) {
        return WEIR_OK;
    }
    weir_fields_of_envelope(ev->payload, &at->fields);
    return weir_origin_of_message(at);
}

/* The same topic comes again and again. */
static weir_event_kind kind_of_topic(weir_decoder *d, weir_view topic)
{
    if (!d->topic.len || !weir_view_eq(topic, weir_buf_view(&d->topic))) {
        d->topic_kind = weir_kind_of_topic(d->rules, topic);
        weir_buf_clear(&d->topic);
        weir_buf_putv(&d->topic, topic);
        if (d->topic.failed) {
            weir_buf_fini(&d->topic); /* then it is looked at again */
        }
    }
    return d->topic_kind;
}

weir_status weir_decoder_read(weir_decoder *d, const weir_raw_record *record, weir_arena *arena,
    weir_event *event, weir_error *err)
{
    weir_schema_memo_release(&d->memo);
    *event = (weir_event){
        .kind = kind_of_topic(d, record->topic),
        .change = {.kind = WEIR_STREAMED,
            .partition = record->partition,
            .offset = record->offset,
            .ts_ms = record->timestamp_ms,
            .made_ms = record->timestamp_ms,
            .unwrapped = d->rules->unwrapped},
        .table = {"", 0},
        .db = {"", 0},
        .message_prefix = {"", 0},
        .plan = &untyped,
        .reading = ++d->reading,
    };
    weir_decoding at = {.d = d, .record = record, .arena = arena, .event = event, .err = err};
    return event->kind == WEIR_EVENT_CHANGE ? read_undecided(&at) : read_told(&at);
}
