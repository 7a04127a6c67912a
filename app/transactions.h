/* The databases of handlers with `.tx`: opened from the config, each with its inbox, and with a
 * relay that has a thread and a producer of its own.
 * Thread: one owner; weir_transactions_look is for any. */
#ifndef WEIR_APP_TRANSACTIONS_H
#define WEIR_APP_TRANSACTIONS_H

#include <weir/sql.h>

#include "config.h"
#include "kafka/kafka_emitter.h"
#include "service/inbox.h"
#include "service/relay.h"

/* A store that handlers name. */
typedef struct weir_transactions {
    const weir_config_store *store;
    const char *const *migrations;
    size_t n_migrations;
    weir_inbox inbox;
    weir_relay *relay;
    weir_emitter emitter; /* its own producer; self NULL: the tests', or none */
    struct weir_transactions *next;

    /* The relay's thread. */
    pthread_t thread;
    bool running;
    int64_t drain_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken, stopping; /* Lock: lock */
} weir_transactions;

/* Of a store, the one in the list, or a new one in the arena, not open. NULL: out of memory. */
weir_transactions *weir_transactions_of(
    weir_transactions **all, const weir_config_store *store, weir_arena *arena);

typedef struct weir_transactions_options {
    const weir_config *config;
    weir_arena *arena;
    const weir_kafka_emitter_options *kafka; /* of the producers; NULL: as follows, for tests */
    weir_emitter emitter;
    int64_t (*now_ms)(void *ctx); /* of it: the clock; databases are in memory, and SQLite */
    void *ctx;
    const weir_log *log;
} weir_transactions_options;

/* Opens all of the list. Nothing is connected yet, so that a database that is away holds records.
 */
WEIR_MUST_USE weir_status weir_transactions_open(
    weir_transactions *all, const weir_transactions_options *options, weir_error *err);
/* Starts the relays' threads. */
WEIR_MUST_USE weir_status weir_transactions_start(
    weir_transactions *all, int64_t drain_ms, weir_error *err);
/* What was committed is still sent, within drain_ms; then the threads are gone. */
void weir_transactions_stop(weir_transactions *all);
/* Handlers must be gone. */
void weir_transactions_close(weir_transactions *all);

#endif
