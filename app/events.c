/* Events of the config. See events.h. */
#include "events.h"

weir_status weir_emit_rules_of(const weir_config *config, bool as_json, weir_arena *arena,
    weir_emit_rules *out, weir_error *err)
{
    size_t n = config->events.count;
    weir_emit_rule *rules = weir_arena_alloc(arena, n * sizeof *rules);
    if (!rules) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < n; i++) {
        const weir_config_event *e = &config->events.items[i];
        rules[i] = (weir_emit_rule){.type = e->name,
            .topic = e->topic,
            .cloudevents = e->format == WEIR_CONFIG_EVENT_CLOUDEVENTS};
        if (e->format == WEIR_CONFIG_EVENT_AVRO && !as_json) {
            rules[i].avro_subject = weir_arena_printf(arena, "%s-value", e->topic).ptr;
        }
    }
    *out = (weir_emit_rules){rules, n, config->name};
    return arena->failed ? weir_fail_oom(err) : WEIR_OK;
}
