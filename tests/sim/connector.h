/* A synthetic Debezium connector: reads the database's log and sends records.
 *
 * It knows what makes Debezium's positions hard: `lastCommit` is null in the first transaction
 * after an initial snapshot and another value when a restart repeats it; restarts repeat what was
 * sent; rows of incremental snapshots carry the position of their window's close, rows of blocking
 * snapshots that of a stream that lags behind them. */
#ifndef SIM_CONNECTOR_H
#define SIM_CONNECTOR_H

#include "sim/source.h"

/* A place in the database's log. */
typedef struct sim_offset {
    size_t tx, op;
    bool has_commit, has_last;
    uint64_t commit; /* of the last transaction that ended */
    uint64_t last;   /* LSN of the last change or commit */
} sim_offset;

typedef struct sim_connector {
    sim_source *to;
    sim_database *db;
    sim_rng *rng;
    sim_offset at;
    struct {
        sim_offset *items;
        size_t count, capacity;
    } saved;     /* where a restart may go on */
    bool silent; /* the table is not captured yet */
    uint64_t now_ms, tx;

    /* an incremental snapshot's chunk, between its read and its send */
    enum { SIM_NO_WINDOW, SIM_BY_SIGNAL, SIM_BY_TX } window;
    bool window_open;
    sim_image chunk;
    uint64_t chunk_id;
    uint64_t low_tx, high_tx;
    double truncate_chance; /* by transaction: to be restored after it */
} sim_connector;

void sim_connector_init(sim_connector *c, sim_source *to);
void sim_connector_fini(sim_connector *c);

/* Goes to the end of the log without a snapshot. */
void sim_connector_skip(sim_connector *c);
/* A new slot and an initial snapshot at its consistent point. */
void sim_initial_snapshot(sim_connector *c);
/* While it is read the database makes `race` steps. */
void sim_blocking_snapshot(sim_connector *c, size_t race);
/* Reads a chunk, unless one is under way already. */
void sim_window_by_signal(sim_connector *c);
void sim_window_by_tx(sim_connector *c);

/* Sends up to n changes. */
void sim_stream(sim_connector *c, size_t n);
/* Sends what is left of a transaction that was begun. */
void sim_stream_to_commit(sim_connector *c);
/* Crash and restart. True if a chunk was lost, which is then read again. */
bool sim_restart(sim_connector *c);

#endif
