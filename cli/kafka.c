/* Talking to Kafka. See kafka.h. */
#include "kafka.h"

#include <string.h>

#include "kafka_properties.h"

/* The properties of one kind of client; NULL: out of memory. */
static weir_kafka_property *properties_of(weir_arena *arena, const weir_config *config,
    const weir_config_pairs *own, const char *brokers, size_t *n)
{
    size_t of_config = 0;
    weir_kafka_property *p = config ? weir_kafka_properties(config, own, arena, &of_config) : NULL;
    weir_kafka_property *all = weir_arena_alloc(arena, (of_config + 1) * sizeof *all);
    if (!all || (config && !p)) {
        return NULL;
    }
    if (of_config) {
        memcpy(all, p, of_config * sizeof *all);
    }
    *n = of_config;
    if (brokers) {
        all[(*n)++] = (weir_kafka_property){"bootstrap.servers", brokers, NULL};
    }
    return all;
}

weir_status weir_cli_kafka_init(
    weir_cli_kafka *k, const weir_config *config, const char *brokers, weir_error *err)
{
    weir_arena_init(&k->arena, 0);
    k->reader = properties_of(
        &k->arena, config, config ? &config->kafka.consumer : NULL, brokers, &k->n_reader);
    k->writer = properties_of(
        &k->arena, config, config ? &config->kafka.producer : NULL, brokers, &k->n_writer);
    return k->reader && k->writer ? WEIR_OK : weir_fail_oom(err);
}

void weir_cli_kafka_fini(weir_cli_kafka *k)
{
    weir_arena_fini(&k->arena);
}
