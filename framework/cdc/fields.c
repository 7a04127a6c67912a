/* The fields of a change. See fields.h. */
#include "cdc/fields.h"

#include "value/json.h"

typedef struct field_name {
    weir_view name;
    weir_field field;
} field_name;

#define FIELD(text, id)                             \
    {                                               \
        {"" text, sizeof text - 1}, WEIR_FIELD_##id \
    }
#define COUNT(names) (sizeof(names) / sizeof *(names))

/* `iodebezium` and the field's name without what is no letter or digit. `txid` is the transaction
 * block's id, which begins with the source's txId. */
static const field_name cloudevent_names[] = {
    FIELD("type", TYPE),
    FIELD("data", DATA),
    FIELD("datacontenttype", CONTENT_TYPE),
    FIELD("iodebeziumop", OP),
    FIELD("iodebeziumdb", DB),
    FIELD("iodebeziumschema", SCHEMA),
    FIELD("iodebeziumtable", TABLE),
    FIELD("iodebeziumsnapshot", SNAPSHOT),
    FIELD("iodebeziumsequence", SEQUENCE),
    FIELD("iodebeziumlsn", LSN),
    FIELD("iodebeziumtxId", TX),
    FIELD("iodebeziumtxid", TX),
    FIELD("iodebeziumtsms", TS_MS),
};

/* Behind the prefix: as add.fields names them, with the block's name or without. */
static const field_name added_names[] = {
    FIELD("op", OP),
    FIELD("db", DB),
    FIELD("source_db", DB),
    FIELD("schema", SCHEMA),
    FIELD("source_schema", SCHEMA),
    FIELD("table", TABLE),
    FIELD("source_table", TABLE),
    FIELD("snapshot", SNAPSHOT),
    FIELD("source_snapshot", SNAPSHOT),
    FIELD("sequence", SEQUENCE),
    FIELD("source_sequence", SEQUENCE),
    FIELD("lsn", LSN),
    FIELD("source_lsn", LSN),
    FIELD("txId", TX),
    FIELD("source_txId", TX),
    FIELD("tx_id", TX),
    FIELD("source_tx_id", TX),
    FIELD("transaction_id", TX),
    FIELD("source_ts_ms", TS_MS),
};

/* ExtractNewRecordState writes it so whatever the prefix is. */
static const weir_view deleted_name = {"__deleted", 9};

static const field_name *find_name(const field_name *names, size_t count, weir_view name)
{
    for (size_t i = 0; name.len && i < count; i++) {
        weir_view known = names[i].name;
        /* the first character spares most calls of memcmp */
        if (known.len == name.len && known.ptr[0] == name.ptr[0] && weir_view_eq(known, name)) {
            return &names[i];
        }
    }
    return NULL;
}

static void add(weir_fields *to, weir_field field, const weir_value *value)
{
    if (field < WEIR_FIELD_COUNT && !to->of[field]) {
        to->of[field] = value;
    }
}

static void add_named(weir_fields *to, const field_name *found, const weir_value *value)
{
    add(to, found ? found->field : WEIR_FIELD_COUNT, value);
}

/* Names of Debezium's own have no escapes: what has some is another name. */
static weir_view plain_name(const weir_value *name)
{
    return name->flags & WEIR_ESCAPED ? (weir_view){"", 0} : weir_raw(name);
}

/* Every record has an envelope and a source block, two dozen names together: these are told apart
 * by their length first, and then compared as words. WEIR_FIELD_COUNT: another one. */
#define IS(text) (memcmp(name.ptr, text, sizeof text - 1) == 0)

static weir_field envelope_field(weir_view name)
{
    switch (name.len) {
    case 2:
        return IS("op") ? WEIR_FIELD_OP : WEIR_FIELD_COUNT;
    case 5:
        return IS("after") ? WEIR_FIELD_AFTER : WEIR_FIELD_COUNT;
    case 6:
        return IS("source")   ? WEIR_FIELD_SOURCE
               : IS("before") ? WEIR_FIELD_BEFORE
                              : WEIR_FIELD_COUNT;
    case 7:
        return IS("message") ? WEIR_FIELD_MESSAGE : WEIR_FIELD_COUNT;
    case 11:
        return IS("specversion") ? WEIR_FIELD_SPECVERSION : WEIR_FIELD_COUNT;
    default:
        return WEIR_FIELD_COUNT;
    }
}

static weir_field source_field(weir_view name)
{
    switch (name.len) {
    case 2:
        return IS("db") ? WEIR_FIELD_DB : WEIR_FIELD_COUNT;
    case 3:
        return IS("lsn") ? WEIR_FIELD_LSN : WEIR_FIELD_COUNT;
    case 4:
        return IS("txId") ? WEIR_FIELD_TX : WEIR_FIELD_COUNT;
    case 5:
        return IS("ts_ms") ? WEIR_FIELD_TS_MS : IS("table") ? WEIR_FIELD_TABLE : WEIR_FIELD_COUNT;
    case 6:
        return IS("schema") ? WEIR_FIELD_SCHEMA : WEIR_FIELD_COUNT;
    case 8:
        return IS("snapshot")   ? WEIR_FIELD_SNAPSHOT
               : IS("sequence") ? WEIR_FIELD_SEQUENCE
                                : WEIR_FIELD_COUNT;
    default:
        return WEIR_FIELD_COUNT;
    }
}

static void collect(
    const weir_value *object, weir_field (*field_of)(weir_view name), weir_fields *to)
{
    if (!weir_is(object, WEIR_OBJECT)) {
        return;
    }
    WEIR_EACH_MEMBER(object, name, value)
    {
        add(to, field_of(plain_name(name)), value);
    }
}

void weir_fields_of_envelope(const weir_value *payload, weir_fields *to)
{
    collect(payload, envelope_field, to);
    collect(to->of[WEIR_FIELD_SOURCE], source_field, to);
}

void weir_fields_of_cloudevent(const weir_value *event, weir_fields *to)
{
    if (!weir_is(event, WEIR_OBJECT)) {
        return;
    }
    WEIR_EACH_MEMBER(event, name, value)
    {
        add_named(
            to, find_name(cloudevent_names, COUNT(cloudevent_names), plain_name(name)), value);
    }
}

bool weir_is_added(weir_view name, weir_view prefix)
{
    return weir_begins(name, prefix) || weir_view_eq(name, deleted_name);
}

static void add_row_field(
    weir_view name, const weir_value *value, weir_view prefix, weir_fields *to)
{
    if (weir_begins(name, prefix)) {
        weir_view rest = {name.ptr + prefix.len, name.len - prefix.len};
        add_named(to, find_name(added_names, COUNT(added_names), rest), value);
    }
    if (weir_view_eq(name, deleted_name)) {
        to->of[WEIR_FIELD_DELETED] = value;
    }
}

void weir_fields_of_row(const weir_value *row, weir_view prefix, weir_fields *to)
{
    if (!weir_is(row, WEIR_OBJECT)) {
        return;
    }
    WEIR_EACH_MEMBER(row, name, value)
    {
        add_row_field(plain_name(name), value, prefix, to);
    }
}

/* Connect's usual header converter writes plain text, the JSON one a JSON text, perhaps with a
 * schema block around it. A JSON array (a sequence) is wanted as text. */
static weir_status header_value(
    weir_view text, weir_arena *arena, const weir_value **out, weir_error *err)
{
    const weir_value *document = NULL;
    bool json = text.len && (text.ptr[0] == '"' || text.ptr[0] == '{');
    weir_status s = json ? weir_json_read(text, arena, &document, NULL) : WEIR_OK;
    if (s != WEIR_OK && !weir_unreadable(s, arena)) {
        return weir_fail_oom(err);
    }
    const weir_value *payload = weir_gets(document, "payload");
    *out = payload ? payload : document;
    if (!*out) {
        weir_value *plain = weir_arena_alloc(arena, sizeof *plain);
        if (!plain) {
            return weir_fail_oom(err);
        }
        uint32_t len = (uint32_t)text.len;
        *plain =
            (weir_value){.at = text.ptr, .len = len, .span = len, .skip = 1, .type = WEIR_STRING};
        *out = plain;
    }
    return WEIR_OK;
}

weir_status weir_fields_of_headers(const weir_header_list *headers, weir_view prefix,
    weir_arena *arena, weir_fields *to, weir_error *err)
{
    weir_view name, text;
    for (size_t i = 0; headers->at && headers->at(headers->self, i, &name, &text); i++) {
        if (text.ptr && text.len <= INT32_MAX && weir_is_added(name, prefix)) {
            const weir_value *value;
            weir_status s = header_value(text, arena, &value, err);
            if (s) {
                return s;
            }
            add_row_field(name, value, prefix, to);
        }
    }
    return WEIR_OK;
}

bool weir_field_int64(const weir_fields *f, weir_field field, int64_t *out)
{
    const weir_value *v = f->of[field];
    if (!weir_is(v, WEIR_STRING)) {
        return weir_to_int64(v, out);
    }
    weir_view text = weir_raw(v);
    const char *colon = text.len ? memchr(text.ptr, ':', text.len) : NULL;
    text.len = colon ? (size_t)(colon - text.ptr) : text.len;
    return weir_text_to_int64(text, out);
}
