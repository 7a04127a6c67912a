/* Events against schemas. See event_check.h. */
#include "cdc/event_check.h"

#include "base/alloc.h"
#include "cdc/named_schema.h"
#include "cdc/recognise.h"
#include "schema/avro_read.h"
#include "value/json.h"

/* A rule, as this checker goes by it. */
typedef struct own_rule {
    weir_judge *judge;      /* NULL: the subject's schema was not asked for yet */
    weir_any_schema latest; /* of the subject */
} own_rule;

struct weir_event_checker {
    const weir_event_rules *rules;
    own_rule of[]; /* one per rule */
};

weir_status weir_event_checker_new(
    const weir_event_rules *rules, weir_event_checker **out, weir_error *err)
{
    weir_event_checker *c = *out = weir_calloc(1, sizeof *c + rules->count * sizeof(own_rule));
    if (!c) {
        return weir_fail_oom(err);
    }
    c->rules = rules;
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < rules->count && !s; i++) {
        const weir_event_rule *r = &rules->items[i];
        s = r->subject && !r->schema ? WEIR_OK : weir_judge_new(r->schema, &c->of[i].judge, err);
    }
    if (s) {
        weir_event_checker_free(c);
        *out = NULL;
    }
    return s;
}

void weir_event_checker_free(weir_event_checker *c)
{
    for (size_t i = 0; c && i < c->rules->count; i++) {
        weir_judge_free(c->of[i].judge);
        weir_any_schema_free(&c->of[i].latest);
    }
    weir_free(c);
}

/* The index of the rule; the number of rules: there is none. */
static size_t rule_for(const weir_event_checker *c, weir_view type, weir_view topic)
{
    size_t n = c->rules->count, by_topic = n;
    for (size_t i = 0; i < n; i++) {
        const weir_event_rule *r = &c->rules->items[i];
        if (r->event && weir_view_is(type, r->event)) {
            return i;
        }
        by_topic = r->topic && weir_view_is(topic, r->topic) ? i : by_topic;
    }
    return by_topic;
}

bool weir_event_has_rule(const weir_event_checker *c, weir_view type, weir_view topic)
{
    return rule_for(c, type, topic) < c->rules->count;
}

/* ---- What the record names ----------------------------------------------------------------------
 */

static weir_status refuse(const char *why, weir_error *err)
{
    return weir_fail(err, WEIR_E_CDC_AVRO, "%s", why);
}

/* *known NULL: it names none, and is JSON. */
static weir_status look_up(const weir_event_checker *c, const weir_raw_record *record, bool of_key,
    const weir_known_avro **known, weir_view *body, weir_error *err)
{
    weir_schema_ref ref;
    size_t frame;
    *known = NULL;
    *body = of_key ? record->key : record->value;
    if (!c->rules->schemas) {
        return weir_is_framed(*body)
                   ? refuse("it is Avro by a schema registry, and none is in the config", err)
                   : WEIR_OK;
    }
    if (!weir_named_schema(&record->headers, *body, of_key, &ref, &frame)) {
        return WEIR_OK;
    }
    *body = weir_view_make(body->ptr + frame, body->len - frame);
    weir_status s = weir_avro_schemas_get(c->rules->schemas, &ref, known, err);
    return !s && (*known)->kind == WEIR_REGISTERED_OTHER
               ? refuse("its schema is neither Avro nor JSON Schema", err)
               : s;
}

weir_status weir_event_read(weir_event_checker *c, const weir_raw_record *record, bool of_key,
    weir_arena *arena, const weir_value **value, weir_error *err)
{
    const weir_known_avro *known;
    weir_view body;
    *value = NULL;
    if (!(of_key ? record->key : record->value).ptr) {
        return WEIR_OK;
    }
    weir_status s = look_up(c, record, of_key, &known, &body, err);
    if (s) {
        return s;
    }
    return known && known->kind == WEIR_REGISTERED_AVRO
               ? weir_avro_read(weir_avro_root(known->own.avro), body, arena, value, NULL, err)
               : weir_json_read(body, arena, value, err);
}

/* ---- Judging ------------------------------------------------------------------------------------
 */

static weir_status explain(weir_judge *j, const char *name, weir_error *err)
{
    weir_schema_explanation why;
    weir_view text;
    weir_status s = weir_judge_explain(j, 1, &text, &why, err);
    if (s) {
        return s;
    }
    const weir_schema_unit *u = weir_first_failure(why.root);
    s = u ? weir_fail(err, WEIR_E_EVENT_INVALID, "the event does not fit %.80s: %s: %.*s", name,
                u->failures->keyword, WEIR_ARG(u->failures->text))
          : weir_fail(err, WEIR_E_EVENT_INVALID, "the event does not fit %.80s", name);
    if (u) {
        (void)weir_at(err, "%.*s", WEIR_ARG(u->instance));
    }
    return s;
}

/* Whatever keeps the event from fitting has one code; the text has its own. */
static weir_status rename_error(const char *name, weir_error *err)
{
    weir_error why = *err;
    weir_status s = weir_fail(err, WEIR_E_EVENT_INVALID,
        "the event does not fit %.80s: %.130s (%s)", name, why.text, why.code);
    (void)weir_at(err, "%s", why.where);
    return s;
}

/* Asks for the subject's schema, where that is still to be done. A registry that does not answer is
 * waited for; a subject that is not there is no event's fault. */
static weir_status ask_latest(
    const weir_event_checker *c, size_t i, weir_any_schema *out, weir_error *err)
{
    const char *subject = c->rules->items[i].subject;
    weir_status s = weir_avro_schemas_latest(c->rules->schemas, subject, out, NULL, err);
    if (s == WEIR_REJECT) {
        s = err->status = WEIR_FATAL;
        (void)weir_at(err, "subject %s", subject);
    }
    return s;
}

/* The rule's, from here on. */
static weir_status take_latest(own_rule *own, weir_any_schema *latest, weir_error *err)
{
    own->latest = *latest;
    weir_status s = weir_judge_new(&own->latest, &own->judge, err);
    if (s) {
        weir_any_schema_free(&own->latest);
    }
    return s;
}

static weir_status find_latest(weir_event_checker *c, size_t i, weir_error *err)
{
    weir_any_schema latest = {.avro = NULL};
    if (c->of[i].judge) {
        return WEIR_OK;
    }
    weir_status s = ask_latest(c, i, &latest, err);
    return s ? s : take_latest(&c->of[i], &latest, err);
}

static weir_status find_latest_unlocked(
    weir_event_checker *c, pthread_mutex_t *lock, size_t i, weir_error *err)
{
    weir_any_schema latest = {.avro = NULL};
    pthread_mutex_lock(lock);
    bool has = c->of[i].judge;
    pthread_mutex_unlock(lock);
    weir_status s = has ? WEIR_OK : ask_latest(c, i, &latest, err);
    if (has || s) {
        return s;
    }
    pthread_mutex_lock(lock);
    bool late = c->of[i].judge; /* another thread has asked, too */
    s = late ? WEIR_OK : take_latest(&c->of[i], &latest, err);
    pthread_mutex_unlock(lock);
    if (late) {
        weir_any_schema_free(&latest);
    }
    return s;
}

weir_status weir_event_ask(weir_event_checker *c, pthread_mutex_t *lock,
    const weir_raw_record *record, weir_view type, weir_error *err)
{
    size_t i = rule_for(c, type, record->topic);
    const weir_known_avro *known;
    weir_error why;
    weir_view body;
    weir_status s = i < c->rules->count ? find_latest_unlocked(c, lock, i, err) : WEIR_OK;
    if (!s && record->value.ptr && look_up(c, record, false, &known, &body, &why) == WEIR_HOLD) {
        *err = why; /* what there is to say of an answer, the check says */
        s = why.status;
    }
    return s;
}

static weir_status judge(weir_event_checker *c, size_t i, const weir_raw_record *record,
    weir_arena *arena, const weir_value **value, weir_error *err)
{
    const weir_event_rule *r = &c->rules->items[i];
    const char *name = r->name ? r->name : "the schema that it names";
    const weir_known_avro *known;
    weir_view body;
    bool valid = false;
    weir_status s = find_latest(c, i, err);
    if (s) {
        return s;
    }
    s = look_up(c, record, false, &known, &body, err);
    if (!s && known && !r->schema && !r->subject && known->error.status) {
        s = known->error.status;
        *err = known->error;
    }
    if (!s) {
        weir_written d = {body, known ? &known->own : NULL};
        s = weir_judge_read(c->of[i].judge, &d, arena, value, &valid, err);
    }
    if (!s && valid) {
        return WEIR_OK;
    }
    if (s == WEIR_REJECT) {
        return rename_error(name, err);
    }
    return s ? s : explain(c->of[i].judge, name, err);
}

weir_status weir_event_check(weir_event_checker *c, const weir_raw_record *record, weir_view type,
    bool again, weir_arena *arena, const weir_value **value, weir_error *err)
{
    size_t i = rule_for(c, type, record->topic);
    weir_error why = {.status = WEIR_OK};
    *value = NULL;
    if (!record->value.ptr) {
        return WEIR_OK;
    }
    if (i == c->rules->count) {
        return weir_event_read(c, record, false, arena, value, err);
    }
    const weir_event_rule *r = &c->rules->items[i];
    weir_status s = judge(c, i, record, arena, value, &why);
    if (s == WEIR_REJECT) {
        unsigned long long count =
            again ? atomic_load(r->invalid) : atomic_fetch_add(r->invalid, 1) + 1;
        weir_invalid_policy p = {r->on_fail, "event", again ? NULL : c->rules->log, c->rules->who};
        s = weir_heed_invalid(&p, record, count, s, &why);
    }
    if (s && err) {
        *err = why;
    }
    return s;
}
