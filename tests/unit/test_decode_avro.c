/* The decoder on Avro: framed, by headers, what is refused, and a registry that does not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/decoder.h"

#define ROW                                                                                    \
    "{\"type\":\"record\",\"name\":\"Value\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"},"  \
    "{\"name\":\"d\",\"type\":{\"type\":\"int\",\"connect.name\":\"io.debezium.time.Date\"}}," \
    "{\"name\":\"t\",\"type\":\"string\"}]}"

static const char key_schema[] =
    "{\"type\":\"record\",\"name\":\"Key\",\"fields\":[{\"name\":\"id\",\"type\":\"int\"}]}";
static const char value_schema[] =
    "{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":[{\"name\":\"before\",\"type\":["
    "\"null\"," ROW
    "]},{\"name\":\"after\",\"type\":[\"null\",\"Value\"]},{\"name\":\"op\",\"type\":\"string\"}]}";

/* A CloudEvent, its data in bytes. */
static const char event_schema[] =
    "{\"type\":\"record\",\"name\":\"CloudEvent\",\"fields\":[{\"name\":\"specversion\",\"type\":"
    "\"string\"},{\"name\":\"datacontenttype\",\"type\":\"string\"},{\"name\":\"iodebeziumop\","
    "\"type\":\"string\"},{\"name\":\"data\",\"type\":[\"null\",\"bytes\"]}]}";

static bool away; /* the registry */

static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    (void)self;
    weir_view *text = weir_arena_alloc(arena, sizeof *text);
    if (away || !text) {
        return weir_fail(err, WEIR_E_REGISTRY_UNREACHABLE, "nobody answers");
    }
    if (ref->number < 1 || ref->number > 3) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "there is none");
    }
    *text = weir_view_of(ref->number == 1   ? key_schema
                         : ref->number == 2 ? value_schema
                                            : event_schema);
    *out = (weir_registered){.texts = text, .count = 1};
    return WEIR_OK;
}

static void closes(void *self)
{
    (void)self;
}

static const weir_registry_ops ops = {.fetch = fetch, .close = closes};

typedef struct header {
    weir_view name, value;
} header;

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const header *h = self;
    if (i >= 2) {
        return false;
    }
    *name = h[i].name;
    *value = h[i].value;
    return true;
}

typedef struct bench {
    weir_avro_schemas *schemas;
    weir_source_rules rules;
    weir_decoder *decoder;
    weir_arena arena;
    weir_event event;
    weir_change change;
    weir_error err;
} bench;

static void begin(bench *b, weir_source_format format, bool registry)
{
    *b = (bench){.rules = {.topic_prefix = weir_view_of("s"), .format = format}};
    away = false;
    assert_int_equal(weir_avro_schemas_new((weir_registry){&ops, NULL}, &b->schemas, NULL), 0);
    b->rules.schemas = registry ? b->schemas : NULL;
    assert_int_equal(weir_decoder_new(&b->rules, &b->decoder, NULL), WEIR_OK);
    weir_arena_init(&b->arena, 0);
}

static void end(bench *b)
{
    weir_decoder_free(b->decoder);
    weir_avro_schemas_free(b->schemas);
    weir_arena_fini(&b->arena);
}

#define VIEW(text) ((weir_view){text, sizeof(text) - 1})
#define KEY_BODY "\x0e"
#define VALUE_BODY "\0\2\x0e\2\6a\"b\2c"

static weir_status read(bench *b, weir_view key, weir_view value, const header *headers)
{
    weir_raw_record r = {.topic = weir_view_of("s.public.t"), .key = key, .value = value};
    if (headers) {
        r.headers = (weir_header_list){header_at, headers};
    }
    weir_arena_reset(&b->arena);
    weir_status s = weir_decoder_read(b->decoder, &r, &b->arena, &b->event, &b->err);
    b->change = b->event.change;
    return s ? s
             : weir_decoder_row(b->decoder, &b->event, NULL, false, &b->arena, &b->change, &b->err);
}

static void expect_row(const bench *b)
{
    assert_true(weir_view_is(b->change.key, "{\"id\":7}"));
    assert_true(weir_view_is(b->change.row, "{\"id\":7,\"d\":\"1970-01-02\",\"t\":\"a\\\"b\"}"));
}

/* The second time its columns are known. */
static void test_framed(void **state)
{
    (void)state;
    bench b;
    begin(&b, WEIR_FORMAT_AVRO, true);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            read(&b, VIEW("\0\0\0\0\1" KEY_BODY), VIEW("\0\0\0\0\2" VALUE_BODY), NULL), WEIR_OK);
        expect_row(&b);
    }
    end(&b);
}

static void test_by_headers(void **state)
{
    (void)state;
    bench b;
    header h[] = {{VIEW("__key_schema_id"), VIEW("\0\0\0\0\1")},
        {VIEW("apicurio.value.globalId"), VIEW("\0\0\0\0\0\0\0\2")}};
    begin(&b, WEIR_FORMAT_AUTO, true);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read(&b, VIEW(KEY_BODY), VIEW(VALUE_BODY), h), WEIR_OK);
        expect_row(&b);
    }
    end(&b);
}

/* Each part says by itself what it is. */
static void test_mixed(void **state)
{
    (void)state;
    bench b;
    begin(&b, WEIR_FORMAT_AUTO, true);
    assert_int_equal(read(&b, VIEW("{\"id\":7}"), VIEW("\0\0\0\0\2" VALUE_BODY), NULL), WEIR_OK);
    expect_row(&b);
    end(&b);
}

#define CLOUD(data)                                                    \
    VIEW("{\"specversion\":\"1.0\",\"datacontenttype\":\"application/" \
         "avro\",\"iodebeziumop\":\"c\","                              \
         "\"data\":" data "}")
#define CLOUD_AVRO(data)         \
    VIEW("\0\0\0\0\3\0061.0\x20" \
         "application/avro\2c\2" data)

/* Avro within a CloudEvent of JSON (base64), and of Avro (bytes). */
static void test_cloudevents(void **state)
{
    (void)state;
    static const weir_source_format formats[] = {WEIR_FORMAT_AUTO, WEIR_FORMAT_CLOUDEVENTS};
    weir_view key = VIEW("{\"id\":7}");
    for (size_t f = 0; f < 2; f++) {
        bench b;
        begin(&b, formats[f], true);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(read(&b, key, CLOUD("\"AAAAAAIAAg4CBmEiYgJj\""), NULL), WEIR_OK);
            expect_row(&b);
            assert_int_equal(read(&b, key, CLOUD_AVRO("\x1e\0\0\0\0\2" VALUE_BODY), NULL), WEIR_OK);
            expect_row(&b);
        }
        end(&b);
    }
}

static const struct {
    weir_view value;
    const char *code, *where;
} cloudy[] = {
    {CLOUD("\"!\""), "CDC_AVRO", ""},
    {CLOUD("{}"), "CDC_AVRO", ""},
    {CLOUD("\"AAAAAAc=\""), "REGISTRY_NO_SCHEMA", "value data"},
    {CLOUD("\"AAAAAAIA\""), "AVRO_DATA", "value data byte 1"},
    {CLOUD("\"e30=\""), "CDC_AVRO", "value data"},
};

static void test_cloudevents_refused(void **state)
{
    (void)state;
    bench b;
    begin(&b, WEIR_FORMAT_AUTO, true);
    for (size_t i = 0; i < sizeof cloudy / sizeof *cloudy; i++) {
        assert_int_equal(read(&b, VIEW("{\"id\":7}"), cloudy[i].value, NULL), WEIR_REJECT);
        assert_string_equal(b.err.code, cloudy[i].code);
        assert_string_equal(b.err.where, cloudy[i].where);
    }
    end(&b);
}

static void test_refused(void **state)
{
    (void)state;
    bench b;
    begin(&b, WEIR_FORMAT_AVRO, true);
    weir_view key = VIEW("\0\0\0\0\1" KEY_BODY);
    assert_int_equal(read(&b, key, VIEW("{\"op\":\"c\"}"), NULL), WEIR_REJECT);
    assert_string_equal(b.err.code, "CDC_AVRO");
    assert_int_equal(read(&b, key, VIEW("\0\0\0\0\7x"), NULL), WEIR_REJECT);
    assert_string_equal(b.err.code, "REGISTRY_NO_SCHEMA");
    assert_true(weir_view_is(b.event.change.key, "{\"id\":7}")); /* for the quarantine */
    assert_int_equal(read(&b, key, VIEW("\0\0\0\0\2\0\2\x0e\2\6a"), NULL), WEIR_REJECT);
    assert_string_equal(b.err.code, "AVRO_DATA");
    assert_string_equal(b.err.where, "value byte 4");
    end(&b);
    begin(&b, WEIR_FORMAT_AUTO, false);
    assert_int_equal(read(&b, key, VIEW("\0\0\0\0\2" VALUE_BODY), NULL), WEIR_REJECT);
    assert_string_equal(b.err.code, "CDC_AVRO");
    end(&b);
}

/* It is no record's fault, and over when the registry is back. */
static void test_away(void **state)
{
    (void)state;
    bench b;
    begin(&b, WEIR_FORMAT_AVRO, true);
    weir_view key = VIEW("\0\0\0\0\1" KEY_BODY), value = VIEW("\0\0\0\0\2" VALUE_BODY);
    away = true;
    assert_int_equal(read(&b, key, value, NULL), WEIR_HOLD);
    assert_string_equal(b.err.code, "REGISTRY_UNREACHABLE");
    away = false;
    assert_int_equal(read(&b, key, value, NULL), WEIR_OK);
    expect_row(&b);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framed),
        cmocka_unit_test(test_by_headers),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_cloudevents),
        cmocka_unit_test(test_cloudevents_refused),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
