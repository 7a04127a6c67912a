/* Fuzzes the decoder. The first byte chooses the source's rules, and whether it has a registry of
 * Avro; the rest are records of five parts each (topic, key, value, a header's name, its value),
 * separated by 0x1E; a part of one byte 0x1F is null. For any bytes:
 *   - a decoder that has read the records before and one that has read nothing agree;
 *   - a refusal is a REJECT with a code and a text;
 *   - the row is a JSON object, `missing` a list of its members that are null, and both are the
 * same when read and written again;
 *   - a canonical key is canonical.
 * A finding is an abort; AddressSanitizer watches the reads (each part is a heap block of its
 * size). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cdc/decoder.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PARTS = 5, MOST_RECORDS = 4 };

typedef struct parts {
    char *block[PARTS];
    weir_view of[PARTS];
} parts;

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* ---- input ------------------------------------------------------------------------------------
 */

static weir_view take_part(const char **at, const char *end)
{
    size_t left = (size_t)(end - *at);
    const char *stop = left ? memchr(*at, 0x1E, left) : NULL;
    weir_view part = {*at, (size_t)((stop ? stop : end) - *at)};
    *at = stop ? stop + 1 : end;
    return part;
}

static void take_record(const char **at, const char *end, parts *p)
{
    for (size_t i = 0; i < PARTS; i++) {
        weir_view part = take_part(at, end);
        p->block[i] = malloc(part.len ? part.len : 1);
        memcpy(p->block[i], part.ptr, part.len);
        bool null = part.len == 1 && part.ptr[0] == 0x1F;
        p->of[i] = null ? (weir_view){NULL, 0} : weir_view_make(p->block[i], part.len);
    }
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const parts *p = self;
    *name = p->of[3].ptr ? p->of[3] : weir_view_make("", 0);
    *value = p->of[4];
    return i == 0;
}

/* A registry: 1 is a key, 2 an envelope, 3 a CloudEvent around Avro, 4 JSON Schema. */
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define RECORD(name, fields) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" fields "]}"
static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    static const char *const texts[] = {RECORD("Key", FIELD("id", "\"int\"")),
        RECORD("Envelope",
            FIELD("before",
                "[\"null\"," RECORD("Value",
                    FIELD("id", "\"int\"") "," FIELD("t", "\"string\"") "," FIELD("d",
                        "{\"type\":\"bytes\",\"connect.name\":\"org.apache.kafka.connect.data."
                        "Decimal\",\"connect.parameters\":{\"scale\":\"2\"}}")) "]") "," FIELD("aft"
                                                                                               "er",
                "[\"null\",\"Value\"]") "," FIELD("op", "\"string\"")),
        RECORD("CloudEvent",
            FIELD("specversion", "\"string\"") "," FIELD("datacontenttype", "\"string\"") "," FIELD(
                "iodebeziumop", "\"string\"") "," FIELD("data", "\"bytes\"")),
        "{}"};
    weir_view *text = weir_arena_alloc(arena, sizeof *text);
    (void)self;
    if (!text || ref->number < 1 || ref->number > 4) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "there is none");
    }
    *text = weir_view_of(texts[ref->number - 1]);
    *out = (weir_registered){.kind = ref->number == 4 ? WEIR_REGISTERED_JSON : WEIR_REGISTERED_AVRO,
        .texts = text,
        .count = 1};
    return WEIR_OK;
}

static void closes(void *self)
{
    (void)self;
}

static const weir_registry_ops registry = {.fetch = fetch, .close = closes};

static weir_source_rules rules_of(uint8_t choice)
{
    static const weir_typed_column columns[] = {{{"n", 1}, {"numeric(12,2)", 13}},
        {{"at", 2}, {"timestamptz", 11}}, {{"b", 1}, {"bytea", 5}}};
    static const weir_table_types types = {{"public.t", 8}, columns, 3};
    return (weir_source_rules){
        .topic_prefix = {"s", 1},
        .positions = choice & 1,
        .unwrapped = choice & 2,
        .format = (weir_source_format)((choice >> 2 & 3) % 3),
        .types = &types,
        .n_types = choice >> 4 & 1,
    };
}

/* ---- output -----------------------------------------------------------------------------------
 */

typedef struct outcome {
    weir_arena arena;
    weir_event event;
    weir_change change;
    weir_status status;
    weir_error err;
} outcome;

static void decode(weir_decoder *d, const weir_raw_record *record, uint8_t choice, outcome *o)
{
    static const weir_view drop[] = {{"id", 2}};
    static const weir_projection projection = {.drop = drop, .n_drop = 1};
    weir_arena_init(&o->arena, 0);
    o->err = (weir_error){.status = WEIR_OK};
    o->status = weir_decoder_read(d, record, &o->arena, &o->event, &o->err);
    o->change = o->event.change;
    if (o->status == WEIR_OK) {
        o->status = weir_decoder_row(d, &o->event, choice & 0x40 ? &projection : NULL,
            choice & 0x20, &o->arena, &o->change, &o->err);
    }
}

static bool same_view(weir_view a, weir_view b)
{
    return !a.ptr == !b.ptr && weir_view_eq(a, b);
}

static void check_same(const outcome *a, const outcome *b)
{
    const weir_change *x = &a->change, *y = &b->change;
    check(a->status == b->status && strcmp(a->err.code, b->err.code) == 0, "the same outcome");
    check(a->event.kind == b->event.kind || a->status, "the same kind of event");
    check(same_view(x->key, y->key), "the same key");
    if (!a->status) {
        check(x->kind == y->kind && x->op == y->op && x->at.H == y->at.H && x->at.l == y->at.l,
            "the same change");
        check(same_view(x->row, y->row) && same_view(x->missing, y->missing) &&
                  same_view(x->before, y->before) && same_view(x->other, y->other),
            "the same texts");
        check(weir_view_eq(a->event.table, b->event.table), "the same table");
    }
}

static const weir_value *read_again(weir_view text, weir_arena *arena)
{
    const weir_value *v = NULL;
    if (text.len) {
        check(weir_json_read(text, arena, &v, NULL) == WEIR_OK, "what is written is JSON");
    }
    return v;
}

static void check_key(weir_view key, weir_arena *arena)
{
    const weir_value *v = read_again(key, arena);
    weir_buf again = {0};
    if (v) {
        weir_key_put(&again, v);
        check(weir_view_eq(weir_buf_view(&again), key), "a canonical key is canonical");
    }
    weir_buf_fini(&again);
}

static void check_row(const weir_change *c, weir_arena *arena)
{
    const weir_value *row = read_again(c->row, arena), *missing = read_again(c->missing, arena);
    check(!c->row.ptr || weir_is(row, WEIR_OBJECT), "a row is an object");
    check(!c->missing.len || weir_is(missing, WEIR_ARRAY), "missing is a list");
    if (missing) {
        WEIR_EACH_ITEM(missing, name)
        {
            weir_view text = weir_string(name, arena);
            check(weir_is(weir_get(row, text), WEIR_NULL), "what is missing is null");
        }
    }
    (void)read_again(c->before, arena);
}

static void check_outcome(outcome *o)
{
    const weir_change *c = &o->change;
    check_key(c->key, &o->arena);
    check_key(c->other, &o->arena);
    if (o->status) {
        check(o->status == WEIR_REJECT && o->err.code[0] && o->err.text[0], "a refusal says why");
        return;
    }
    check_row(c, &o->arena);
    check(c->at.H >= c->at.l, "H is not below l");
    bool row_change = o->event.kind == WEIR_EVENT_CHANGE && c->op != 't';
    check(!row_change || c->key.ptr, "a change of a row has a key");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (!len) {
        return 0;
    }
    const char *at = (const char *)data + 1, *end = (const char *)data + len;
    weir_source_rules rules = rules_of(data[0]);
    if (data[0] & 0x80) {
        check(!weir_avro_schemas_new((weir_registry){&registry, NULL}, &rules.schemas, NULL),
            "a registry");
    }
    weir_decoder *old;
    check(weir_decoder_new(&rules, &old, NULL) == WEIR_OK, "a decoder");
    for (int n = 0; n < MOST_RECORDS && at < end; n++) {
        parts p;
        take_record(&at, end, &p);
        weir_raw_record record = {.topic = p.of[0].ptr ? p.of[0] : weir_view_make("", 0),
            .key = p.of[1],
            .value = p.of[2],
            .offset = n,
            .headers = {header_at, &p}};
        weir_decoder *new;
        check(weir_decoder_new(&rules, &new, NULL) == WEIR_OK, "a decoder");
        outcome first, second, third;
        decode(old, &record, data[0], &first);
        decode(new, &record, data[0], &second);
        decode(new, &record, data[0], &third);
        check_same(&first, &second);
        check_same(&second, &third);
        check_outcome(&first);
        weir_arena_fini(&first.arena);
        weir_arena_fini(&second.arena);
        weir_arena_fini(&third.arena);
        weir_decoder_free(new);
        for (size_t i = 0; i < PARTS; i++) {
            free(p.block[i]);
        }
    }
    weir_decoder_free(old);
    weir_avro_schemas_free(rules.schemas);
    return 0;
}
