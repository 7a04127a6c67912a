/* Dead letters, read. See letter.h. */
#include "letter.h"

#include <string.h>

#include "policy.h"
#include "registry.h"
#include "rules.h"
#include "service/event_type.h"
#include "value/value.h"

weir_view weir_letter_header(const weir_raw_record *letter, const char *name)
{
    const weir_header_list *h = &letter->headers;
    weir_view n, value, found = {NULL, 0};
    for (size_t i = 0; h->at && h->at(h->self, i, &n, &value); i++) {
        found = weir_view_is(n, name) ? value : found;
    }
    return found;
}

int64_t weir_letter_number(const weir_raw_record *letter, const char *name, int64_t otherwise)
{
    int64_t n;
    return weir_text_to_int64(weir_letter_header(letter, name), &n) ? n : otherwise;
}

/* ---- The record that it was ---------------------------------------------------------------------
 */

static bool is_letters_own(weir_view name)
{
    static const char prefix[] = "weir.dead.";
    return weir_view_is(name, WEIR_LETTER_COUNT) ||
           (name.len >= sizeof prefix - 1 && memcmp(name.ptr, prefix, sizeof prefix - 1) == 0);
}

/* self: the letter. */
static bool original_header(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_header_list *h = &((const weir_raw_record *)self)->headers;
    for (size_t k = 0; h->at && h->at(h->self, k, name, value); k++) {
        if (!is_letters_own(*name) && i-- == 0) {
            return true;
        }
    }
    return false;
}

weir_raw_record weir_letter_original(const weir_raw_record *letter)
{
    weir_raw_record r = *letter;
    weir_view topic = weir_letter_header(letter, "weir.dead.topic");
    r.topic = topic.ptr ? topic : weir_view_of("");
    r.partition = (int32_t)weir_letter_number(letter, "weir.dead.partition", -1);
    r.offset = weir_letter_number(letter, "weir.dead.offset", -1);
    r.timestamp_ms = weir_letter_number(letter, "weir.dead.timestamp", -1);
    r.headers.at = original_header;
    r.headers.self = letter;
    return r;
}

/* ---- The config's schemas -----------------------------------------------------------------------
 */

/* Whatever an entry does with what does not fit: here it is told. */
static void set_rules(weir_letter_reader *r)
{
    weir_validations *v = &r->validations;
    for (size_t i = 0; i < v->n; i++) {
        v->rows[i].on_fail = WEIR_INVALID_REJECT;
    }
    for (size_t i = 0; i < v->n_events; i++) {
        v->events[i].on_fail = WEIR_INVALID_REJECT;
    }
    r->rules = (weir_event_rules){.items = v->events, .count = v->n_events, .schemas = r->schemas};
}

weir_status weir_letter_reader_open(
    weir_letter_reader *r, const weir_config *config, weir_error *err)
{
    *r = (weir_letter_reader){.config = config, .no_rules = {.status = WEIR_OK}};
    weir_arena_init(&r->arena, 0);
    weir_status s = weir_registry_of(config, &r->schemas, err);
    s = s ? s : weir_type_places_of(config, &r->arena, &r->places, &r->n_places, err);
    if (s) {
        return s;
    }
    if (weir_validations_open(config, r->schemas, &r->validations, NULL, &r->no_rules)) {
        r->validations = (weir_validations){.config = config};
    }
    set_rules(r);
    return weir_event_checker_new(&r->rules, &r->events, err);
}

void weir_letter_reader_close(weir_letter_reader *r)
{
    weir_event_checker_free(r->events);
    weir_validations_close(&r->validations);
    weir_avro_schemas_free(r->schemas);
    weir_arena_fini(&r->arena);
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

/* As Debezium names a table's topic, or as a cache of the config has it. */
static bool is_topic_of(const weir_config *config, const weir_config_validation *v, weir_view topic)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->source == v->source && strcmp(c->table_name, v->table_name) == 0 &&
            weir_view_is(topic, c->topic)) {
            return true;
        }
    }
    size_t n = strlen(v->source->topic_prefix);
    return topic.len > n && memcmp(topic.ptr, v->source->topic_prefix, n) == 0 &&
           topic.ptr[n] == '.' &&
           weir_view_is(weir_view_make(topic.ptr + n + 1, topic.len - n - 1), v->table_name);
}

/* The entry for the table whose topic this is, or NULL. */
static const weir_config_validation *row_entry(const weir_letter_reader *r, weir_view topic)
{
    for (size_t i = 0; i < r->config->checked.count; i++) {
        const weir_config_validation *v = &r->config->checked.items[i];
        if (v->table && is_topic_of(r->config, v, topic)) {
            return v;
        }
    }
    return NULL;
}

static weir_status check_row(
    weir_letter_reader *r, const weir_config_validation *v, weir_arena *arena, weir_letter *l)
{
    weir_decoder *d = NULL;
    weir_event event;
    weir_error *why = &l->complaint;
    weir_row_checker c = {.rule = weir_validations_find(&r->validations, v->source, v->table_name)};
    const weir_source_rules *rules = weir_source_rules_of(
        v->source, r->schemas, weir_takes_keyless(r->config, v->source), arena);
    weir_status s = rules ? weir_decoder_new(rules, &d, why) : weir_fail_oom(why);
    s = s ? s : weir_row_checker_init(&c, c.rule, NULL, NULL, why);
    s = s ? s : weir_decoder_read(d, &l->original, arena, &event, why);
    s = s ? s : weir_row_check(&c, d, &l->original, &event, arena, why);
    weir_row_checker_fini(&c);
    weir_decoder_free(d);
    return s;
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* By the schema for its type or its topic. A CloudEvent's is the data's. */
static weir_status check_event(weir_letter_reader *r, const weir_typed_event *e, weir_letter *l)
{
    weir_raw_record record = l->original;
    const weir_value *value;
    if (e->envelope && !e->value) {
        return WEIR_OK; /* it has no data */
    }
    weir_status s =
        e->envelope ? weir_event_take_data(&record, e->value, e->arena, &l->complaint) : WEIR_OK;
    return s ? s
             : weir_event_check(
                   r->events, &record, l->type, false, e->arena, &value, &l->complaint);
}

static weir_letter_verdict verdict_of(weir_status s, const weir_error *complaint)
{
    if (!s) {
        return WEIR_LETTER_FITS;
    }
    bool unfit = strcmp(complaint->code, weir_code_get(WEIR_E_EVENT_INVALID)->name) == 0 ||
                 strcmp(complaint->code, weir_code_get(WEIR_E_ROW_INVALID)->name) == 0;
    return unfit ? WEIR_LETTER_INVALID : WEIR_LETTER_UNJUDGED;
}

static void judge(
    weir_letter_reader *r, const weir_typed_event *e, weir_arena *arena, weir_letter *l)
{
    const weir_config_validation *row = row_entry(r, l->original.topic);
    if (!l->original.value.ptr || !r->config->checked.count) {
        return;
    }
    if (r->no_rules.status) {
        l->complaint = r->no_rules;
        l->verdict = WEIR_LETTER_UNJUDGED;
    } else if (row) {
        l->verdict = verdict_of(check_row(r, row, arena, l), &l->complaint);
    } else if (weir_event_has_rule(r->events, l->type, l->original.topic)) {
        l->verdict = verdict_of(check_event(r, e, l), &l->complaint);
    }
}

static void read_key(weir_letter_reader *r, weir_arena *arena, weir_letter *l)
{
    weir_error none;
    if (weir_event_read(r->events, &l->original, true, arena, &l->key, &none)) {
        l->key = NULL; /* a plain text, mostly */
    }
}

weir_status weir_letter_read(weir_letter_reader *r, const weir_raw_record *record,
    weir_arena *arena, weir_letter *out, weir_error *err)
{
    weir_error untyped;
    *out = (weir_letter){.record = record, .original = weir_letter_original(record)};
    weir_typed_event e = {.record = &out->original, .events = r->events, .arena = arena};
    if (weir_event_find_type(&e, r->places, r->n_places, &untyped)) {
        e.type = out->original.topic; /* what it cannot be read for is told below */
    }
    out->type = e.type;
    read_key(r, arena, out);
    if (weir_event_read(r->events, &out->original, false, arena, &out->value, &out->unread)) {
        out->value = NULL;
    }
    judge(r, &e, arena, out);
    return arena->failed ? weir_fail_oom(err) : WEIR_OK;
}
