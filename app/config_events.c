/* Events of the config: what their schemas come to, beside those of `validation`. */
#include "config_load.h"

#include <string.h>

static const weir_config_validation *validation_of(const weir_config *c, const char *type)
{
    for (size_t i = 0; i < c->validations.count; i++) {
        const char *event = c->validations.items[i].event;
        if (event && strcmp(event, type) == 0) {
            return &c->validations.items[i];
        }
    }
    return NULL;
}

void weir_config_gather_checks(const weir_config_loader *loader)
{
    weir_config *c = loader->config;
    weir_config_validations *all = &c->checked;
    size_t n = c->validations.count;
    all->items = weir_arena_alloc(&c->arena, (n + c->events.count) * sizeof *all->items);
    all->count = 0;
    if (!all->items) {
        return; /* the arena's failure is sticky, and reported at the end */
    }
    if (n) {
        memcpy(all->items, c->validations.items, n * sizeof *all->items);
    }
    all->count = n;
    for (size_t i = 0; i < c->events.count; i++) {
        const weir_config_event *e = &c->events.items[i];
        if (e->schema) {
            all->items[all->count++] = (weir_config_validation){
                .node = e->node, .event = e->name, .topic = NULL, .schema = e->schema};
        }
    }
}

void weir_config_check_event(const weir_config_loader *loader, const weir_config_event *e)
{
    weir_config_scope all = {NULL, "events"}, item = {&all, e->name}, scope = {&item, "schema"};
    if (e->schema && validation_of(loader->config, e->name)) {
        weir_config_error(loader, &scope, weir_config_place_of(e->node, "schema"),
            WEIR_E_CONFIG_CONFLICT, "`%s` has a schema under `validation` already", e->name);
    }
    const weir_config_registry *r = &loader->config->registry;
    if (e->format == WEIR_CONFIG_EVENT_AVRO && !r->url && !r->directory) {
        weir_config_scope format = {&item, "format"};
        weir_config_error(loader, &format, weir_config_place_of(e->node, "format"),
            WEIR_E_CONFIG_MISSING_KEY, "`avro` needs the section `registry`: the schema is there");
    }
}

static bool begins(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && text[len];
}

void weir_config_check_event_type(const weir_config_loader *loader)
{
    const weir_config_texts *all = &loader->config->event_type;
    weir_config_scope scope = {NULL, "event_type"};
    for (size_t i = 0; i < all->count; i++) {
        const char *text = all->items[i].text;
        if (!begins(text, "header:") && !begins(text, "field:") &&
            strcmp(text, "cloudevents") != 0 && strcmp(text, "topic") != 0) {
            weir_config_error(loader, &scope, all->items[i].place, WEIR_E_CONFIG_BAD_VALUE,
                "`%s` is none of `header:NAME`, `field:NAME`, `cloudevents` and `topic`", text);
        }
    }
}
