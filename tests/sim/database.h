/* A synthetic PostgreSQL: one table, concurrent transactions with row locks, and a log.
 *
 * What it has of the real one, because the merge rule rests on it:
 *  - changes get their LSN when they are written, and transactions are logged in commit order, so
 *    that the two orders differ;
 *  - rows of one statement may share an LSN;
 *  - an insert, or a move onto a key, may have the lower LSN and the later commit than the delete
 *    that it waited for in the unique index;
 *  - TRUNCATE holds the table's lock;
 *  - unchanged TOAST columns are not in the log: a placeholder stands for them;
 *  - some transactions roll back. */
#ifndef SIM_DATABASE_H
#define SIM_DATABASE_H

#include "sim/prng.h"

enum { SIM_KEYS = 20, SIM_NO_KEY = -1, SIM_NO_VERSION = -1 };

/* Columns id, v, b1, b2. The last two are TOASTed texts, "big<n>"; 0 is NULL. */
typedef struct sim_row {
    bool there;
    int id, v;
    unsigned b1, b2;
} sim_row;

/* Which columns a change carries as placeholders. */
enum { SIM_HOLD_B1 = 1, SIM_HOLD_B2 = 2 };

typedef enum sim_op_kind {
    SIM_CREATE,
    SIM_UPDATE,
    SIM_DELETE,
    SIM_MOVE, /* of the primary key, from key to to_key */
    SIM_TRUNCATE,
    SIM_WINDOW_OPENS, /* rows of the signal table that frame a chunk of an incremental snapshot */
    SIM_WINDOW_CLOSES,
} sim_op_kind;

typedef struct sim_op {
    sim_op_kind kind;
    uint64_t l;
    int key, to_key;
    sim_row row;             /* as it is after the change */
    unsigned placeholders;   /* of `row` */
    uint64_t chunk;          /* of a window */
    int version, to_version; /* that it made of key and to_key; set by the commit */
} sim_op;

typedef struct sim_tx {
    uint64_t id, commit; /* commit: its LSN, once committed */
    struct {
        sim_op *items;
        size_t count, capacity;
    } ops;
    uint32_t locks, touched; /* sets of keys */
    sim_row view[SIM_KEYS];  /* of the touched ones */
    bool truncates;          /* holds the table's lock */
    bool must_commit;
} sim_tx;

typedef struct sim_version {
    uint64_t l;
    sim_row row; /* not there: deleted */
} sim_version;

typedef struct sim_versions {
    sim_version *items;
    size_t count, capacity;
} sim_versions;

/* The committed rows at some moment, and which version of its key each one is. */
typedef struct sim_image {
    sim_row rows[SIM_KEYS];
    int versions[SIM_KEYS];
} sim_image;

typedef struct sim_database {
    sim_rng *rng;
    int n_keys;
    double move_chance, truncate_chance, delete_chance;
    bool quiet;       /* no deletes, moves, truncates */
    bool frozen;      /* nothing happens by itself */
    bool full_images; /* REPLICA IDENTITY FULL: no placeholders */
    uint64_t lsn, next_tx;
    unsigned next_text;
    sim_image now;
    sim_versions versions[SIM_KEYS]; /* in commit order */
    struct {
        sim_tx **items;
        size_t count, capacity;
    } active, log; /* log: committed, in commit order */
} sim_database;

void sim_database_init(sim_database *db, sim_rng *rng, int n_keys);
void sim_database_fini(sim_database *db);

/* The next LSN; they are even, so that there is room for one that was taken earlier. */
uint64_t sim_tick(sim_database *db);
/* A random begin, change, commit or rollback, n times. */
void sim_step(sim_database *db, size_t n);
void sim_commit(sim_database *db, sim_tx *tx);
void sim_commit_all(sim_database *db);

/* A transaction of the signal table, with `between` steps of others before its commit. */
void sim_signal(sim_database *db, sim_op_kind kind, uint64_t chunk, size_t between);

/* A read waits for TRUNCATE's lock: ends the transactions that hold it. True if there was one. */
bool sim_wait_for_truncates(sim_database *db);
bool sim_truncate_pending(const sim_database *db);
/* The lowest transaction id that is still running; the next one if none is. */
uint64_t sim_lowest_active(const sim_database *db);

#endif
