/* A stretch of live topics, read once: from a place to their ends as of now, to a place, or until a
 * moment.
 * Nothing is committed; SIGINT and SIGTERM end it early.
 *
 * Thread: the main thread. */
#ifndef WEIR_CLI_STRETCH_H
#define WEIR_CLI_STRETCH_H

#include "bar.h"
#include "kafka.h"
#include "kafka/kafka_reader.h"
#include "signals.h"

/* Borrows the record for the call. */
typedef weir_status weir_stretch_fn(
    void *ctx, const char *topic, const weir_raw_record *record, weir_error *err);

typedef struct weir_stretch_part {
    const char *topic;
    int32_t number;
    int64_t start, end; /* end: as of the start, or where it is not to be read any more */
    int64_t next;
    bool at_end, done; /* at_end: as far as was heard */
    bool is_short;     /* from `next` on it could not be read: a transaction is open there */
} weir_stretch_part;

typedef struct weir_stretch {
    const weir_cli *cli;
    const char *const *topics;
    size_t n_topics;
    const char *from;  /* earliest or NULL, latest, or places (the other partitions: earliest) */
    const char *until; /* places that are not read any more (the other partitions: their ends) */
    int64_t until_ms;  /* -1: the ends as of now, or `until` */
    /* The ends are those of all that is written, what is in transactions that are still open
     * included. These are waited for so long, in ms; then the partition is `short`. 0: the ends are
     * those of what is committed. */
    int64_t patience_ms;
    weir_stretch_fn *take;
    void *ctx;
    weir_bar *bar;
    const uint64_t *taken; /* what the bar counts */

    size_t n_parts, n_done; /* of partitions; what is done was read to where it should be */
    weir_stretch_part *parts;
    weir_cli_kafka kafka;
    weir_kafka_reader *reader;
    weir_cli_signals signals;
} weir_stretch;

/* "TOPIC/PARTITION@OFFSET,…"? *wrong: the first part that is no place. */
bool weir_stretch_is_places(const char *text, weir_view *wrong);

/* What --until says (NULL: end). Exit code. */
int weir_stretch_until(
    const weir_cli *cli, const char *text, const char **until, int64_t *until_ms);

/* Asks where the partitions begin and end, and opens the reader. config NULL: brokers is given,
 * which wins over the config's. Errors: KAFKA_*, OUT_OF_MEMORY. To be closed in any case. */
WEIR_MUST_USE weir_status weir_stretch_open(
    weir_stretch *s, const weir_config *config, const char *brokers, weir_error *err);
/* Errors: KAFKA_*, and what `take` returned. */
WEIR_MUST_USE weir_status weir_stretch_read(weir_stretch *s, weir_error *err);
void weir_stretch_close(weir_stretch *s);

#endif
