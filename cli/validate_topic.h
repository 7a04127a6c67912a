/* The records of live topics, for weir validate. Nothing is committed.
 * Thread: the main thread. */
#ifndef WEIR_CLI_VALIDATE_TOPIC_H
#define WEIR_CLI_VALIDATE_TOPIC_H

#include "validate_input.h"

typedef struct weir_topic_options {
    const char **topics;
    size_t n_topics;
    const char *brokers; /* NULL: the config's */
    const char *from, *until;
    int64_t from_ms, until_ms; /* -1: no time */
    int64_t sample;            /* of a partition, the records whose offset is a multiple of it */
} weir_topic_options;

#define WEIR_TOPIC_OPTIONS                                                                        \
    {"--topic", "TOPIC", "records of this topic instead of files (may be given several times)"},  \
        {"--brokers", "LIST", "host:port,… instead of the config's"},                             \
        {"--from", "WHERE",                                                                       \
            "earliest (by default), TOPIC/PARTITION@OFFSET,… (the others: earliest), or a time"}, \
        {"--until", "WHERE",                                                                      \
            "end (as of now, by default), TOPIC/PARTITION@OFFSET,… (without it; the others: "   \
            "end), "                                                                              \
            "or a time"},                                                                         \
    {                                                                                             \
        "--sample", "N", "every N-th record of a partition alone"                                 \
    }

/* Takes the options out. o->topics: room for as many as there are words. Exit code. */
int weir_topic_options_of(weir_cli *cli, weir_topic_options *o);
/* Reads what was asked for; a signal ends it early. config NULL: --brokers was given.
 * Errors: KAFKA_*, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_topics_read(
    weir_inputs *in, const weir_topic_options *o, const weir_config *config, weir_error *err);

#endif
