/* Connect's form of an Avro schema. See avro_connect.h. */
#include "schema/avro_connect.h"

#include "value/json.h"

enum { DEPTH = 64 };

typedef struct writer {
    weir_buf *to;
    size_t start;
    const weir_avro_type *open[DEPTH]; /* records around the one that is written */
    unsigned depth;
    bool too_large;
} writer;

static void put_type(writer *w, const weir_avro_type *t, const weir_avro_field *field);

static void put(writer *w, const char *name, const char *text)
{
    weir_buf_printf(w->to, "\"%s\":\"%s\"", name, text);
}

static void put_json(writer *w, const char *name, const weir_value *v)
{
    weir_buf_printf(w->to, ",\"%s\":", name);
    weir_json_put(w->to, v);
}

static const char *name_of_logical(weir_avro_logical logical)
{
    static const char *const names[] = {
        [WEIR_AVRO_DECIMAL] = "org.apache.kafka.connect.data.Decimal",
        [WEIR_AVRO_UUID] = "io.debezium.data.Uuid",
        [WEIR_AVRO_DATE] = "org.apache.kafka.connect.data.Date",
        [WEIR_AVRO_TIME_MILLIS] = "org.apache.kafka.connect.data.Time",
        [WEIR_AVRO_TIME_MICROS] = "io.debezium.time.MicroTime",
        [WEIR_AVRO_TIMESTAMP_MILLIS] = "org.apache.kafka.connect.data.Timestamp",
        [WEIR_AVRO_TIMESTAMP_MICROS] = "io.debezium.time.MicroTimestamp",
        [WEIR_AVRO_TIMESTAMP_NANOS] = "io.debezium.time.NanoTimestamp",
        [WEIR_AVRO_LOCAL_TIMESTAMP_MILLIS] = "io.debezium.time.Timestamp",
        [WEIR_AVRO_LOCAL_TIMESTAMP_MICROS] = "io.debezium.time.MicroTimestamp",
        [WEIR_AVRO_LOCAL_TIMESTAMP_NANOS] = "io.debezium.time.NanoTimestamp",
        [WEIR_AVRO_DURATION] = NULL,
    };
    return names[logical];
}

/* A UUID that is a fixed has another shape than Debezium's. */
static void put_logical(writer *w, const weir_avro_type *t)
{
    const char *name = name_of_logical(t->logical);
    if (name && (t->logical != WEIR_AVRO_UUID || t->kind == WEIR_AVRO_STRING)) {
        weir_buf_printf(w->to, ",\"name\":\"%s\",\"version\":1", name);
        if (t->logical == WEIR_AVRO_DECIMAL) {
            weir_buf_printf(w->to, ",\"parameters\":{\"scale\":\"%d\"}", t->scale);
        }
    }
}

static void put_semantics(writer *w, const weir_avro_type *t)
{
    const weir_value *name = weir_gets(t->json, "connect.name");
    const weir_value *version = weir_gets(t->json, "connect.version");
    const weir_value *parameters = weir_gets(t->json, "connect.parameters");
    if (weir_is(name, WEIR_STRING)) {
        put_json(w, "name", name);
    } else if (t->kind == WEIR_AVRO_RECORD) {
        weir_buf_puts(w->to, ",\"name\":");
        weir_json_put_string(w->to, t->name);
    } else {
        put_logical(w, t);
        return;
    }
    if (weir_is(version, WEIR_INT)) {
        put_json(w, "version", version);
    }
    if (weir_is(parameters, WEIR_OBJECT)) {
        put_json(w, "parameters", parameters);
    }
}

static const char *plain_name(const weir_avro_type *t)
{
    static const char *const names[] = {"union", "boolean", "int32", "int64", "float", "double",
        "bytes", "string", "struct", "string", "array", "map", "bytes", "union"};
    const weir_value *given = weir_gets(t->json, "connect.type");
    if (t->kind == WEIR_AVRO_INT && weir_string_is(given, weir_view_of("int8"))) {
        return "int8";
    }
    if (t->kind == WEIR_AVRO_INT && weir_string_is(given, weir_view_of("int16"))) {
        return "int16";
    }
    return names[t->kind];
}

static bool is_open(const writer *w, const weir_avro_type *t)
{
    for (unsigned i = 0; i < w->depth; i++) {
        if (w->open[i] == t) {
            return true;
        }
    }
    return w->depth == DEPTH;
}

static void put_fields(writer *w, const weir_avro_type *t)
{
    weir_buf_puts(w->to, ",\"fields\":[");
    for (uint32_t i = 0; i < t->count; i++) {
        weir_buf_puts(w->to, i ? "," : "");
        put_type(w, t->fields[i].type, &t->fields[i]);
    }
    weir_buf_putc(w->to, ']');
}

static void put_inside(writer *w, const weir_avro_type *t)
{
    w->open[w->depth++] = t;
    if (t->kind == WEIR_AVRO_RECORD) {
        put_fields(w, t);
    } else if (t->kind == WEIR_AVRO_ARRAY) {
        weir_buf_puts(w->to, ",\"items\":");
        put_type(w, t->item, NULL);
    } else {
        weir_buf_puts(w->to, ",\"keys\":{\"type\":\"string\",\"optional\":false},\"values\":");
        put_type(w, t->item, NULL);
    }
    w->depth--;
}

/* The one branch beside null; else the union itself. */
static const weir_avro_type *optional_of(const weir_avro_type *t, bool *optional)
{
    *optional = false;
    if (t->kind != WEIR_AVRO_UNION) {
        return t;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        *optional |= t->branches[i]->kind == WEIR_AVRO_NULL;
    }
    if (t->count == 1) {
        return t->branches[0];
    }
    return t->count == 2 && *optional ? t->branches[t->branches[0]->kind == WEIR_AVRO_NULL] : t;
}

static void put_type(writer *w, const weir_avro_type *t, const weir_avro_field *field)
{
    bool optional;
    t = optional_of(t, &optional);
    bool nests =
        t->kind == WEIR_AVRO_RECORD || t->kind == WEIR_AVRO_ARRAY || t->kind == WEIR_AVRO_MAP;
    bool loops = nests && is_open(w, t);
    w->too_large |= w->to->len - w->start > WEIR_CONNECT_BYTES;
    if (w->too_large) {
        return;
    }
    weir_buf_putc(w->to, '{');
    put(w, "type", loops ? "union" : plain_name(t));
    if (nests && !loops) {
        put_inside(w, t);
    }
    weir_buf_puts(w->to, optional ? ",\"optional\":true" : ",\"optional\":false");
    if (!loops) {
        put_semantics(w, t);
    }
    if (field) {
        weir_buf_puts(w->to, ",\"field\":");
        weir_json_put_string(w->to, field->name);
    }
    weir_buf_putc(w->to, '}');
}

bool weir_avro_connect_put(weir_buf *to, const weir_avro_type *t)
{
    writer w = {.to = to, .start = to->len};
    put_type(&w, t, NULL);
    return !w.too_large;
}
