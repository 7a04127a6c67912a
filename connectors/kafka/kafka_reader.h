/* Plain reading of named partitions from given offsets, record by record: for recordings and for
 * looking at one record. Commits nothing and is no member of a group. The engine has its own source
 * (kafka_source.h).
 *
 * Thread: one owner. */
#ifndef WEIR_KAFKA_READER_H
#define WEIR_KAFKA_READER_H

#include "kafka/kafka_source.h"

typedef struct weir_kafka_reader weir_kafka_reader;

typedef struct weir_kafka_place {
    const char *topic;
    int32_t partition;
    int64_t offset;
} weir_kafka_place;

typedef struct weir_kafka_reader_options {
    const weir_kafka_property *properties;
    size_t n_properties;
    const weir_kafka_place *places; /* where reading begins */
    size_t n_places;
    const weir_log *log;
} weir_kafka_reader_options;

typedef enum weir_kafka_read {
    WEIR_KAFKA_NOTHING, /* within the time given */
    WEIR_KAFKA_RECORD,
    WEIR_KAFKA_END, /* record.offset is the partition's end as of now */
} weir_kafka_read;

/* Errors: KAFKA_CONFIG, OUT_OF_MEMORY. Connects while it is read. */
WEIR_MUST_USE weir_status weir_kafka_reader_open(
    const weir_kafka_reader_options *options, weir_kafka_reader **out, weir_error *err);
/* NULL is allowed. */
void weir_kafka_reader_close(weir_kafka_reader *r);
/* Reads these places from here on, in place of those before. Errors: KAFKA_FATAL, … */
WEIR_MUST_USE weir_status weir_kafka_reader_move(
    weir_kafka_reader *r, const weir_kafka_place *places, size_t n, weir_error *err);

/* The next record in the order of the broker's answers; of a partition, in offset order. *record is
 * borrowed until the next call. Errors: KAFKA_REFUSED, KAFKA_NO_TOPIC, KAFKA_OFFSETS_LOST (an
 * offset to begin at is not in the topic), KAFKA_FATAL; that no broker can be reached is not told:
 * the caller has a bound. */
WEIR_MUST_USE weir_status weir_kafka_reader_next(weir_kafka_reader *r, int wait_ms,
    weir_kafka_read *what, weir_raw_record *record, weir_error *err);
/* The caller's bound has passed: KAFKA_UNREACHABLE with what was heard of the brokers. */
weir_status weir_kafka_reader_silent(weir_kafka_reader *r, weir_error *err);

#endif
