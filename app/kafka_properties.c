/* From the config to clients, lanes and the log. See kafka_properties.h. */
#include "kafka_properties.h"

#include <unistd.h>

enum { SHORTEST_LETTER_MS = 1000, LONGEST_LETTER_MS = 30000 };

weir_kafka_property *weir_kafka_properties(
    const weir_config *config, const weir_config_pairs *own, weir_arena *arena, size_t *n)
{
    const weir_config_pairs *lists[] = {&config->kafka.properties, own};
    size_t most = lists[0]->count + lists[1]->count + 1;
    weir_kafka_property *p = weir_arena_alloc(arena, most * sizeof *p);
    *n = 0;
    if (!p) {
        return NULL;
    }
    p[(*n)++] = (weir_kafka_property){"client.id", config->name, NULL};
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const weir_config_pair *pair = &lists[l]->items[i];
            weir_view place = weir_arena_printf(
                arena, "%s:%u:%u", config->file, pair->place.line, pair->place.column);
            p[(*n)++] = (weir_kafka_property){pair->name, pair->value, place.ptr};
        }
    }
    return arena->failed ? NULL : p;
}

size_t weir_engine_bytes_of(const weir_config *config)
{
    return config->limits.in_flight_bytes / 3 * 2;
}

unsigned weir_lanes_of(const weir_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned automatic = processors < 1 ? 1 : processors > 16 ? 16 : (unsigned)processors;
    return config->limits.lanes ? config->limits.lanes : automatic;
}

/* A write waits three times so long at most (kafka_dead_letter.h). What is tried again costs
 * little.
 */
int weir_letter_timeout_ms(const weir_config *config)
{
    const weir_config_limits *l = &config->limits;
    int64_t ms = (l->drain_ms < l->stuck_after_ms ? l->drain_ms : l->stuck_after_ms) / 3;
    return ms < SHORTEST_LETTER_MS  ? SHORTEST_LETTER_MS
           : ms > LONGEST_LETTER_MS ? LONGEST_LETTER_MS
                                    : (int)ms;
}

void weir_log_of_config(const weir_config *config, bool quiet, weir_log *out)
{
    static const weir_log_level levels[] = {
        [WEIR_CONFIG_LOG_ERROR] = WEIR_LOG_ERROR,
        [WEIR_CONFIG_LOG_WARNING] = WEIR_LOG_WARN,
        [WEIR_CONFIG_LOG_INFO] = WEIR_LOG_INFO,
        [WEIR_CONFIG_LOG_DEBUG] = WEIR_LOG_DEBUG,
    };
    bool json = config->log.format == WEIR_CONFIG_LOG_FORMAT_JSON ||
                (config->log.format == WEIR_CONFIG_LOG_FORMAT_AUTO && !isatty(STDERR_FILENO));
    *out =
        (weir_log){.json = json, .write = weir_log_to_fd, .ctx = (void *)(intptr_t)STDERR_FILENO};
    atomic_init(&out->level, quiet ? WEIR_LOG_ERROR : (int)levels[config->log.level]);
}
