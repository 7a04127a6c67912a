/* The world of sim-parking: what outlives its processes, what a process is, and the broker between
 * them. Private to sim_parking.c and parking_broker.c. */
#ifndef SIM_PARKING_WORLD_H
#define SIM_PARKING_WORLD_H

#include <weir/weir.h>

#include "memory/memory_source.h"
#include "prng.h"
#include "service/handlers.h"
#include "service/message.h"
#include "service/parking.h"
#include "support/faulty_tx.h"

enum { TOPICS = 2, KEYS = 3, RECORDS = 40, LANES = 2, LOGS = 4, KILLS = 5, MOST_LOG = 4000 };
#define SMALL_VALUE "{}"
#define LARGE_VALUE "{\"it\":\"is large\"}"
enum { MOST_STEPS = 200000, MOST_ZOMBIE_STEPS = 80, MOST_HELD = 64 };

typedef struct written {
    weir_view key, value;
    weir_outgoing_header *headers;
    size_t n_headers;
} written;

typedef struct fate {
    unsigned outputs, letters;
    int first; /* when its first output came, of all of its topic; 0: none did */
    bool bad, mended;
    bool lettered_again; /* handled again by a word, which another one has taken back */
    bool large;          /* too large for the topic of parked records */
    bool passed_over;    /* the operator has let others go before it */
} fate;

typedef struct history {
    uint64_t seed;
    sim_rng rng;
    bool exactly_once, verbose;
    bool haunted;         /* a process went on that had lost its partitions */
    int batch;            /* records at once; 0: one by one */
    bool tx;              /* handlers have a transaction … */
    weir_sql_database db; /* … here, and this many of their effects were looked at, by `eyes` */
    weir_sql_session eyes;
    int64_t seen;
    weir_arena arena;
    written *log[LOGS]; /* of parked records */
    size_t n_log[LOGS];
    int logs;               /* partitions of it, by now */
    size_t most_copy;       /* bytes of a value that it takes */
    bool stuck;             /* one key's recalled records are held until all others are done */
    weir_parked_book truth; /* what they say */
    int64_t committed[TOPICS];
    int available[TOPICS];   /* records, by now */
    uint32_t most_keys;      /* that a process may have parked */
    char said[TOPICS][5000]; /* metadata of the commit */
    size_t said_len[TOPICS];
    fate fates[TOPICS][RECORDS];
    int outputs;
    int kills, generation;
    char wrong[320];
} history;

typedef struct life {
    history *h;
    int generation;
    int64_t now_ms;
    int in_calls; /* it is killed at the call behind so many; -1: it is not */
    bool dead, zombie;
    bool behind; /* a record of the same key in the same batch */
    weir_memory_source *source;
    weir_handlers *handlers;
    weir_transactor *transactor;
    weir_parking *parking;
    faulty db;
    weir_inbox inbox, *inboxes[1];
    weir_engine engine;
    weir_route routes[TOPICS];
    weir_routed_topic topics[TOPICS];
    weir_sending *held[MOST_HELD];
    size_t n_held;
    int added[TOPICS]; /* records, to the source */
} life;

/* Of all histories. */
typedef struct parking_counts {
    uint64_t kills, zombies, parked, released, rejected, handled, batched, stripped, fetched;
} parking_counts;
extern parking_counts counts;
extern const char *const topic_names[TOPICS];

void say(const history *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void wrong(history *h, const char *what, int topic, int64_t record);
void must(weir_status s, const char *what);
/* Is this its last call? */
bool dies(life *l);
fate *fate_of(history *h, weir_view topic, int64_t record);
void append_log(history *h, const weir_outgoing *o);
void count_output(history *h, weir_view what); /* "t0/7" */
/* The records' keys, by turns. */
const char *key_name(int topic, int record);

/* The ports of a life. */
void send_out(void *self, weir_sending *s);
void answer_held(life *l, bool good);
weir_status write_letter(void *self, const weir_dead_letter *letters, size_t n, weir_error *err);
extern const weir_parked_log_ops parking_log_ops;
weir_transaction_port parking_transactions(life *l);

/* parking_tx.c */
void open_world_database(history *h);
void close_world_database(history *h);
void open_inbox(life *l);
weir_status put_effect(weir_message *m, const char *what);
void see_effects(history *h);

#endif
