/* Registrations' filters and policy. See policy.h. */
#include "policy.h"

#include <string.h>

const weir_field *weir_copy_fields(weir_arena *arena, const weir_field *fields, bool *ok)
{
    size_t n = 0;
    *ok = true;
    if (!fields) {
        return NULL;
    }
    while (fields[n].kind) {
        n++;
    }
    weir_field *to = weir_arena_alloc(arena, (n + 1) * sizeof *to);
    for (size_t i = 0; to && i < n; i++) {
        to[i] = fields[i];
        to[i].name = weir_arena_copy(arena, weir_view_of(fields[i].name)).ptr;
        to[i].text = weir_arena_copy(arena, fields[i].text);
    }
    if (to) {
        to[n] = (weir_field){.kind = WEIR_FIELD_END};
    }
    *ok = to && !arena->failed;
    return to;
}

/* ---- Breakers -----------------------------------------------------------------------------------
 */

static weir_breaker_rule rule_of(const weir_config *config, const char *name)
{
    for (size_t i = 0; i < config->breakers.count; i++) {
        const weir_config_breaker *b = &config->breakers.items[i];
        if (strcmp(b->name, name) == 0) {
            return (weir_breaker_rule){b->name, b->failures, b->open_ms, b->max_open_ms};
        }
    }
    return (weir_breaker_rule){name, 5, 1000, 30000};
}

static weir_breaker *breaker_of(
    const weir_config *config, const char *name, weir_arena *arena, weir_app_breaker **all)
{
    for (weir_app_breaker *b = *all; b; b = b->next) {
        if (strcmp(b->breaker.rule.name, name) == 0) {
            return &b->breaker;
        }
    }
    weir_app_breaker *b = weir_arena_alloc(arena, sizeof *b);
    const char *copy = weir_arena_copy(arena, weir_view_of(name)).ptr;
    if (!b || !copy) {
        return NULL;
    }
    weir_breaker_rule rule = rule_of(config, copy);
    weir_breaker_init(&b->breaker, &rule);
    b->next = *all;
    *all = b;
    return &b->breaker;
}

/* ---- Policy -------------------------------------------------------------------------------------
 */

bool weir_policy_of(const weir_config *config, const weir_handler *h, weir_arena *arena,
    weir_app_breaker **breakers, weir_route *out)
{
    bool where_ok, headers_ok;
    out->where = weir_copy_fields(arena, h->where, &where_ok);
    out->headers = weir_copy_fields(arena, h->headers, &headers_ok);
    out->ops = h->ops;
    out->followers = h->followers;
    out->max_attempts = h->max_attempts;
    out->backoff_ms = h->backoff_ms;
    out->max_backoff_ms = h->max_backoff_ms;
    out->timeout_ms = h->timeout_ms;
    if (h->dead_letter) {
        out->dead_letter_topic = weir_arena_copy(arena, weir_view_of(h->dead_letter)).ptr;
    }
    if (h->breaker) {
        out->breaker = breaker_of(config, h->breaker, arena, breakers);
    }
    if (h->max_in_flight) {
        out->max_in_flight = h->max_in_flight;
        out->in_flight = weir_arena_alloc(arena, sizeof *out->in_flight);
        if (out->in_flight) {
            atomic_init(out->in_flight, 0);
        }
    }
    return where_ok && headers_ok && !arena->failed;
}

/* ---- Types --------------------------------------------------------------------------------------
 */

static bool place_of(const char *text, weir_type_place *out)
{
    static const struct {
        const char *word;
        weir_type_place_kind kind;
        bool named;
    } words[] = {{"header:", WEIR_TYPE_HEADER, true}, {"field:", WEIR_TYPE_FIELD, true},
        {"cloudevents", WEIR_TYPE_CLOUDEVENT, false}, {"topic", WEIR_TYPE_TOPIC, false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        bool fits = words[i].named ? strncmp(text, words[i].word, len) == 0 && text[len]
                                   : strcmp(text, words[i].word) == 0;
        if (fits) {
            *out = (weir_type_place){words[i].kind, text + len};
            return true;
        }
    }
    return false;
}

weir_status weir_type_places_of(const weir_config *config, weir_arena *arena,
    const weir_type_place **out, size_t *n, weir_error *err)
{
    *out = NULL;
    *n = config->event_type.count;
    if (!*n) {
        return WEIR_OK;
    }
    weir_type_place *places = weir_arena_alloc(arena, *n * sizeof *places);
    if (!places) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < *n; i++) {
        const char *text = config->event_type.items[i].text;
        if (!place_of(text, &places[i])) {
            return weir_fail(err, WEIR_E_APP_SETUP,
                "event_type: `%.80s` is none of header:NAME, "
                "field:NAME, cloudevents and topic",
                text);
        }
    }
    *out = places;
    return WEIR_OK;
}
