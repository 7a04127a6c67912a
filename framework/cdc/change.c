/* From the fields of a record to its change: op, table, position, moves, and the plan of its rows.
 * See decoding.h. */
#include "cdc/decoding.h"
#include "cdc/position.h"
#include "cdc/recognise.h"
#include "cdc/row_plan.h"

/* ---- where it comes from ----------------------------------------------------------------- */

/* A string field's text; "" when it is none. */
static weir_status text_of(weir_decoding *at, weir_field field, weir_view *out)
{
    const weir_value *v = at->fields.of[field];
    *out = weir_is(v, WEIR_STRING) ? weir_string(v, at->arena) : weir_view_make("", 0);
    return out->ptr ? WEIR_OK : weir_fail_oom(at->err);
}

/* "schema.table". A source without schemas (MySQL) has its database there; of a flattened row it
 * cannot be told whether the source has none or the transform did not add it. */
static weir_status read_origin(weir_decoding *at, bool flattened)
{
    weir_event *ev = at->event;
    weir_view schema, table;
    weir_status s = text_of(at, WEIR_FIELD_DB, &ev->db);
    s = s ? s : text_of(at, WEIR_FIELD_SCHEMA, &schema);
    s = s ? s : text_of(at, WEIR_FIELD_TABLE, &table);
    if (s) {
        return s;
    }
    (void)weir_field_int64(&at->fields, WEIR_FIELD_TS_MS, &ev->change.ts_ms);
    bool has_schemas = flattened || weir_said(&at->fields, WEIR_FIELD_SCHEMA);
    weir_view first = has_schemas ? schema : ev->db;
    if (!first.len || !table.len) {
        return WEIR_OK;
    }
    size_t len = first.len + 1 + table.len;
    char *name = weir_arena_bytes(at->arena, len);
    if (!name) {
        return weir_fail_oom(at->err);
    }
    memcpy(name, first.ptr, first.len);
    name[first.len] = '.';
    memcpy(name + first.len + 1, table.ptr, table.len);
    ev->table = weir_view_make(name, len);
    return WEIR_OK;
}

static weir_status read_position(weir_decoding *at)
{
    weir_change *c = &at->event->change;
    if (!at->d->rules->positions) {
        weir_position_by_offset(c);
        return WEIR_OK;
    }
    return weir_position_read(&at->fields, at->arena, c, at->err);
}

/* ---- moves ------------------------------------------------------------------------------- */

/* Connect's usual header converter escapes quotes and backslashes, but no control characters. */
static weir_view escape_controls(weir_decoding *at, weir_view text)
{
    weir_buf *escaped = &at->d->key;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ') {
            weir_buf_printf(escaped, "\\u%04x", text.ptr[i]);
        } else {
            weir_buf_putc(escaped, text.ptr[i]);
        }
    }
    weir_view copy = {NULL, 0};
    if (!escaped->failed) {
        copy = weir_arena_copy(at->arena, weir_buf_view(escaped));
    }
    weir_decoding_trim(escaped);
    return copy;
}

/* The payload of a key in a header; NULL when it cannot be read. */
static weir_status read_header_key(weir_decoding *at, weir_view text, const weir_value **key)
{
    weir_document doc;
    weir_status s = weir_document_read(NULL, text, at->arena, &doc, NULL);
    if (weir_unreadable(s, at->arena)) {
        text = escape_controls(at, text);
        s = text.ptr ? weir_document_read(NULL, text, at->arena, &doc, NULL) : WEIR_RETRY;
    }
    if (s && !weir_unreadable(s, at->arena)) {
        return weir_fail_oom(at->err);
    }
    *key = s || doc.payload->type == WEIR_NULL ? NULL : doc.payload;
    return WEIR_OK;
}

/* The halves of a primary-key move name each other: d the new key, c the old one. A tombstone
 * carries the header, too; it says nothing there that the d has not said. A key that cannot be read
 * (the usual converter writes dates without quotes) makes the halves a delete and an insert:
 * placeholders of the moved row are then missing, and reported as that. */
static weir_status read_other_key(weir_decoding *at)
{
    weir_change *c = &at->event->change;
    const char *header = c->op == 'd'   ? "__debezium.newkey"
                         : c->op == 'c' ? "__debezium.oldkey"
                                        : NULL;
    weir_view text = {NULL, 0};
    if (header && at->d->rules->positions) {
        text = weir_header_of(&at->record->headers, header);
    }
    const weir_value *key = NULL;
    weir_status s = text.ptr ? read_header_key(at, text, &key) : WEIR_OK;
    if (s || !key) {
        return s;
    }
    c->other = weir_decoding_key(at, key);
    return c->other.ptr ? WEIR_OK : weir_fail_oom(at->err);
}

/* ---- plans ------------------------------------------------------------------------------- */

static const weir_table_plan *plan_of_table(weir_decoding *at)
{
    if (!at->d->tables.count) {
        return NULL;
    }
    weir_view table =
        at->event->table.len ? at->event->table : weir_topic_table(at->d->rules, at->record->topic);
    return weir_map_get(&at->d->tables, table);
}

/* The struct of the row: the envelope's field `after`, or, flattened, all of it. */
static const weir_value *row_struct(const weir_value *schema, bool flattened)
{
    const weir_value *fields = weir_gets(schema, "fields");
    if (flattened || !weir_is(fields, WEIR_ARRAY)) {
        return schema;
    }
    WEIR_EACH_ITEM(fields, field)
    {
        if (weir_string_is(weir_gets(field, "field"), weir_view_of("after"))) {
            return field;
        }
    }
    return NULL;
}

static weir_status compile_schema(weir_decoding *at, const weir_document *doc,
    const weir_table_types *types, bool flattened, weir_known_schema **out)
{
    weir_view none = {"", 0};
    weir_known_schema *s = weir_known_schema_new(doc->prefix, weir_source(doc->schema), types);
    if (!s) {
        return weir_fail_oom(at->err);
    }
    weir_status status = weir_row_plan_of_connect(row_struct(doc->schema, flattened), types,
        at->d->rules->modes, flattened ? at->d->added_prefix : none, &s->arena, &s->plan, at->err);
    if (status) {
        weir_known_schema_free(s);
        return status;
    }
    *out = s;
    return weir_schema_memo_keep(&at->d->memo, at->record->topic, false, s, at->err);
}

static weir_status plan_of_schema(
    weir_decoding *at, const weir_document *doc, const weir_table_types *types, bool flattened)
{
    weir_topic_schemas *topic = weir_schema_memo_topic(&at->d->memo, at->record->topic);
    weir_view text = weir_source(doc->schema);
    weir_known_schema *s =
        topic ? weir_known_schema_find(&topic->values, doc->prefix, text, types) : NULL;
    weir_status status = s ? WEIR_OK : compile_schema(at, doc, types, flattened, &s);
    if (!status) {
        at->event->plan = &s->plan;
    }
    return status;
}

/* A topic of several tables whose types the config knows: the schema of these bytes is known, but
 * for another table. */
static weir_status plan_of_other_table(
    weir_decoding *at, const weir_table_types *types, bool flattened)
{
    weir_document whole = at->value;
    whole.schema = at->value.connect;
    weir_status s = whole.schema
                        ? WEIR_OK
                        : weir_document_read(NULL, at->record->value, at->arena, &whole, at->err);
    return s ? s : plan_of_schema(at, &whole, types, flattened);
}

static weir_status read_plan(weir_decoding *at, bool flattened)
{
    const weir_table_plan *table = plan_of_table(at);
    const weir_table_types *types = table ? table->types : NULL;
    weir_known_schema *known = at->value.known;
    if (at->value.schema) {
        return plan_of_schema(at, &at->value, types, flattened);
    }
    if (known && known->types != types) {
        return plan_of_other_table(at, types, flattened);
    }
    if (known || table) {
        at->event->plan = known ? &known->plan : &table->plan;
    }
    return WEIR_OK;
}

/* ---- envelopes --------------------------------------------------------------------------- */

static weir_status read_op(weir_decoding *at)
{
    const weir_value *op = at->fields.of[WEIR_FIELD_OP];
    bool is_text = weir_is(op, WEIR_STRING);
    weir_view text = is_text ? weir_string(op, at->arena) : weir_source(op);
    if (!text.ptr) {
        return weir_fail_oom(at->err);
    }
    if (!is_text || text.len != 1 || !memchr("crudtm", text.ptr[0], 6)) {
        weir_status s = weir_fail(at->err, WEIR_E_CDC_UNKNOWN_OP,
            "the op is %.*s; known are c, r, u, d, t, m", weir_shown(text), text.ptr);
        (void)weir_at(at->err, "/op");
        return s;
    }
    at->event->change.op = text.ptr[0];
    return WEIR_OK;
}

static const weir_value *object_of(const weir_decoding *at, weir_field field)
{
    const weir_value *v = at->fields.of[field];
    return weir_is(v, WEIR_OBJECT) ? v : NULL;
}

/* A message's place is worth knowing, but nothing hangs on it. */
weir_status weir_origin_of_message(weir_decoding *at)
{
    weir_event *ev = at->event;
    ev->kind = WEIR_EVENT_MESSAGE;
    const weir_value *prefix = weir_gets(at->fields.of[WEIR_FIELD_MESSAGE], "prefix");
    weir_status s = read_origin(at, false);
    if (!s && weir_is(prefix, WEIR_STRING)) {
        ev->message_prefix = weir_string(prefix, at->arena);
        s = ev->message_prefix.ptr ? WEIR_OK : weir_fail_oom(at->err);
    }
    if (!s && at->d->rules->positions) {
        s = weir_position_read(&at->fields, at->arena, &ev->change, NULL);
    }
    return !s || weir_unreadable(s, at->arena) ? WEIR_OK : weir_fail_oom(at->err);
}

weir_status weir_change_of_envelope(weir_decoding *at)
{
    weir_event *ev = at->event;
    weir_change *c = &ev->change;
    weir_status s = read_op(at);
    if (s || c->op == 'm') {
        return s ? s : weir_origin_of_message(at);
    }
    ev->kind = WEIR_EVENT_CHANGE;
    c->unwrapped = false;
    ev->after = object_of(at, WEIR_FIELD_AFTER);
    ev->before = object_of(at, WEIR_FIELD_BEFORE);
    if (c->op == 't') {
        c->key = (weir_view){NULL, 0};
    }
    s = read_origin(at, false);
    s = s ? s : read_other_key(at);
    s = s ? s : read_position(at);
    return s ? s : read_plan(at, false);
}

/* ---- flattened rows ---------------------------------------------------------------------- */

static bool is_true(const weir_value *v)
{
    return weir_string_is(v, weir_view_of("true")) ||
           (weir_is(v, WEIR_BOOL) && v->flags & WEIR_TRUE);
}

static bool is_false(const weir_value *v)
{
    return weir_string_is(v, weir_view_of("false")) ||
           (weir_is(v, WEIR_BOOL) && !(v->flags & WEIR_TRUE));
}

/* Without an added op, a row is an upsert: it keeps what is stored where it has placeholders. But
 * the new half of a move has nothing stored under its key. */
static char op_of_row(const weir_decoding *at)
{
    const weir_value *snapshot = at->fields.of[WEIR_FIELD_SNAPSHOT];
    if (weir_header_of(&at->record->headers, "__debezium.oldkey").ptr) {
        return 'c';
    }
    return weir_said(&at->fields, WEIR_FIELD_SNAPSHOT) && !is_false(snapshot) ? 'r' : 'u';
}

static weir_status read_row_op(weir_decoding *at, bool *known)
{
    weir_change *c = &at->event->change;
    bool deleted = is_true(at->fields.of[WEIR_FIELD_DELETED]);
    *known = deleted || weir_said(&at->fields, WEIR_FIELD_OP);
    if (deleted || !*known) {
        c->op = deleted ? 'd' : op_of_row(at);
        return WEIR_OK;
    }
    weir_status s = read_op(at);
    if (!s && (c->op == 't' || c->op == 'm')) {
        s = weir_fail(at->err, WEIR_E_CDC_UNKNOWN_OP, "a flattened row of op %c", c->op);
    }
    return s;
}

/* A guarded sync needs all three: which transaction, since waits make the LSN alone no order, and
 * whether a row was read or changed. op_known: the record says it. */
static weir_status check_added(weir_decoding *at, bool op_known)
{
    const weir_fields *f = &at->fields;
    bool is_read = op_known && at->event->change.op == 'r';
    bool tx = f->of[WEIR_FIELD_TX] || is_read;
    bool snapshot = f->of[WEIR_FIELD_SNAPSHOT] || (op_known && !is_read);
    if (!at->d->rules->positions || (f->of[WEIR_FIELD_SEQUENCE] && tx && snapshot)) {
        return WEIR_OK;
    }
    return weir_fail(at->err, WEIR_E_CDC_NO_POSITION,
        "the flattened row does not say where it belongs: add "
        "source.sequence,source.txId,source.snapshot to the transform's add.fields (and to "
        "add.headers, for deletes), or set connector: none");
}

weir_status weir_change_of_row(weir_decoding *at)
{
    weir_event *ev = at->event;
    if (at->value.payload->type != WEIR_OBJECT) {
        return weir_fail(at->err, WEIR_E_CDC_NOT_DEBEZIUM, "a flattened row must be a JSON object");
    }
    ev->kind = WEIR_EVENT_CHANGE;
    ev->change.unwrapped = true;
    bool op_known = false;
    weir_fields_of_row(at->value.payload, at->d->added_prefix, &at->fields);
    weir_status s = weir_fields_of_headers(
        &at->record->headers, at->d->header_prefix, at->arena, &at->fields, at->err);
    s = s ? s : read_row_op(at, &op_known);
    if (s) {
        return s;
    }
    bool deleted = ev->change.op == 'd';
    ev->after = deleted ? NULL : at->value.payload;
    ev->before = deleted ? at->value.payload : NULL;
    s = read_origin(at, true);
    s = s ? s : check_added(at, op_known);
    s = s ? s : read_other_key(at);
    s = s ? s : read_position(at);
    return s ? s : read_plan(at, true);
}

/* ---- nulls ------------------------------------------------------------------------------- */

weir_status weir_change_of_null(weir_decoding *at)
{
    weir_change *c = &at->event->change;
    at->event->kind = WEIR_EVENT_CHANGE;
    c->kind = WEIR_TOMBSTONE;
    if (!at->d->rules->unwrapped) {
        return WEIR_OK;
    }
    weir_status s = weir_fields_of_headers(
        &at->record->headers, at->d->header_prefix, at->arena, &at->fields, at->err);
    if (s || (at->d->rules->positions && !weir_said(&at->fields, WEIR_FIELD_SEQUENCE))) {
        return s;
    }
    c->op = 'd';
    s = read_origin(at, true);
    s = s ? s : check_added(at, true);
    s = s ? s : read_other_key(at);
    return s ? s : read_position(at);
}
