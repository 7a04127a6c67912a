/* A synthetic source: what a Debezium connector sends to Kafka about one table of a synthetic
 * PostgreSQL, over a random course of events. From a seed, always the same.
 *
 * A source is immutable once built. */
#ifndef SIM_SOURCE_H
#define SIM_SOURCE_H

#include "base/arena.h"
#include "cdc/change.h"
#include "sim/database.h"

enum { SIM_PARTITIONS = 8 }; /* at most */

typedef enum sim_scenario {
    SIM_STREAM,   /* initial snapshot, then changes; the connector restarts now and then */
    SIM_SIGNAL,   /* also: incremental snapshots framed by signal rows */
    SIM_READONLY, /* also: incremental snapshots framed by transaction ids */
    SIM_LATE,     /* no snapshot: changes from the middle, healed by an incremental snapshot */
    SIM_GAP,      /* the slot is lost, upserts are missed, a new initial snapshot */
    SIM_BLOCKING, /* also: blocking snapshots, which may be ahead of the stream */
    SIM_NEWTABLE, /* a table is added: a blocking snapshot first, behind it the lagging stream */
    SIM_AGAIN, /* the slot is lost, or the first snapshot cut short; then deletes are missed, too */
    SIM_SCENARIOS
} sim_scenario;

extern const char *const sim_scenario_names[SIM_SCENARIOS];

typedef struct sim_record {
    weir_change change; /* offset is not set: it is the log's */
    int key, other;     /* SIM_NO_KEY: none */
    sim_row row;        /* c u r: as the database had it, placeholders resolved */
    int version; /* of the key, that the record leads to; SIM_NO_VERSION: tombstone, truncate */
} sim_record;

typedef struct sim_options {
    sim_scenario scenario;
    bool full_images; /* REPLICA IDENTITY FULL: no placeholders */
    bool no_truncates;
} sim_options;

typedef struct sim_source {
    weir_arena arena;
    sim_rng rng;
    sim_database db; /* as it is at the end */
    int n_partitions;
    struct {
        sim_record *items;
        size_t count, capacity;
    } sent; /* in the order in which the connector sent them */
    bool
        monotone; /* a key's version never goes back (blocking snapshots run ahead of the stream) */
    bool exact;   /* each snapshot row is what the stream has made of the row at its place */
} sim_source;

void sim_source_build(sim_source *s, uint64_t seed, sim_options options);
void sim_source_fini(sim_source *s);

/* The key's canonical JSON. Static storage. */
weir_view sim_key_text(int key);
/* Reads a row back from the text that records carry; false if it is none. */
bool sim_row_parse(weir_view text, sim_row *row);
/* Equal but for the columns in `except` (SIM_HOLD_…). */
bool sim_row_equal(sim_row a, sim_row b, unsigned except);
/* A JSON list of column names as SIM_HOLD_…; false if it is none. */
bool sim_columns_parse(weir_view list, unsigned *columns);

#endif
