/* A source with two tables, people and orders, whose rows depend on each other: what Debezium would
 * send of its transactions, and what the tables are after each of them.
 *
 *   people(id primary key, email unique, boss references people)
 *   orders(id primary key, person references people, code unique)
 *
 * Transactions swap and rotate unique values, bring children before and with their parents, move
 * keys, delete whole families, and touch tables that nobody follows. The connector dies and sends
 * stretches again, or, within a transaction, numbers the rest of it anew. Made from a seed;
 * immutable then. It is a test: without memory it ends. */
#ifndef TRANSACTIONS_HISTORY_H
#define TRANSACTIONS_HISTORY_H

#include "base/arena.h"
#include "sim/prng.h"

enum { PEOPLE, ORDERS, METADATA, TOPICS };
enum { HISTORY_PARTITIONS = 3, HISTORY_TRANSACTIONS = 40 };

typedef struct history_record {
    const char *key, *value;               /* NULL: null */
    const char *header_name, *header_text; /* NULL: none */
} history_record;

/* A partition's log. */
typedef struct history_log {
    history_record *items;
    size_t count, capacity;
    size_t snapshot; /* of these at its beginning are rows of the snapshot */
} history_log;

/* The tables after a transaction, each row a line. */
typedef struct history_state {
    uint64_t commit;
    const char *lines;
} history_state;

typedef struct history {
    weir_arena arena;
    int n_partitions; /* of the tables' topics */
    history_log logs[TOPICS][HISTORY_PARTITIONS];
    history_state states[HISTORY_TRANSACTIONS + 1]; /* the first one is the snapshot's */
    size_t n_states;
} history;

void history_make(history *h, sim_rng *rng);
void history_free(history *h);
/* As of this commit. */
const char *history_lines(const history *h, uint64_t commit);

#endif
