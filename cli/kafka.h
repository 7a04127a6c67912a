/* What commands need that talk to Kafka themselves: the config's properties. librdkafka's log is
 * not shown: what goes wrong ends the command, which says it. Thread: the main thread. */
#ifndef WEIR_CLI_KAFKA_H
#define WEIR_CLI_KAFKA_H

#include "cli.h"
#include "kafka/kafka_source.h"

typedef struct weir_cli_kafka {
    weir_arena arena;
    weir_kafka_property *reader, *writer;
    size_t n_reader, n_writer;
} weir_cli_kafka;

/* config NULL: none. brokers: win over the config's; NULL: the config's. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_cli_kafka_init(
    weir_cli_kafka *k, const weir_config *config, const char *brokers, weir_error *err);
void weir_cli_kafka_fini(weir_cli_kafka *k);

#endif
