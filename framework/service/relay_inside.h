/* What the relay's parts share: relay.c, relay_read.c. Private to framework/service/relay*.c. */
#ifndef WEIR_SERVICE_RELAY_INSIDE_H
#define WEIR_SERVICE_RELAY_INSIDE_H

#include "base/map.h"
#include "service/open_seqs.h"
#include "service/outbox.h"
#include "service/relay.h"

enum {
    WEIR_RELAY_ALL_TOPICS = -1,
    WEIR_RELAY_BATCH_ROWS = 500,
    WEIR_RELAY_MOST_TOPICS = 64, /* that are sent to at once */
};

typedef struct weir_relay_topic {
    char name[250];
    unsigned failures; /* in a row */
    int64_t until_ms;  /* not sent to before */
} weir_relay_topic;

typedef struct weir_relay_row {
    weir_outbox_row row;
    int topic;
    bool sent; /* with what is under way */
    bool over; /* acknowledged */
} weir_relay_row;

typedef struct weir_relay_sending {
    weir_sending sending; /* first */
    struct weir_relay *relay;
    weir_error error;
    int topic;
    weir_outgoing *last;
    size_t n;
} weir_relay_sending;

struct weir_relay {
    weir_relay_options options;
    weir_sql_session session;
    bool leads, loaded;
    uint64_t term;     /* of the lead; 0: none */
    bool asked_others; /* the lead is another's */
    unsigned failures; /* of the database, in a row */
    int64_t again_ms;  /* not before, after a failure */
    int64_t tend_ms, purge_ms, count_ms;

    int64_t forgotten;
    weir_open_seqs open; /* what was read, or jumped over, and is not sent */
    weir_relay_topic topics[WEIR_RELAY_MOST_TOPICS];
    int n_topics;

    weir_arena arena; /* of the batch */
    weir_relay_row batch[WEIR_RELAY_BATCH_ROWS];
    size_t n_batch;
    int64_t read_ms;      /* when it was read: a topic is due or not for all of its rows */
    weir_error row_error; /* of reading it */
    int64_t last_read;    /* of the rows that came; INT64_MAX: none did */
    weir_relay_sending sendings[WEIR_RELAY_MOST_TOPICS];
    int n_sendings;
    bool sending;
    atomic_int unanswered;
    weir_buf sql;

    pthread_mutex_t lock;
    weir_relay_status status; /* Lock: lock */
};

int64_t weir_relay_now(const weir_relay *r);

/* ---- relay_read.c ---- */

const char *weir_relay_outbox(const weir_relay *r);
/* Runs r->sql. Errors: the database's. */
WEIR_MUST_USE weir_status weir_relay_ask(weir_relay *r, weir_sql_answer *answer, weir_error *err);
/* Gives numbers up that were jumped over and can come no more. */
WEIR_MUST_USE weir_status weir_relay_look_at_gaps(weir_relay *r, weir_error *err);
void weir_relay_forget_idle_topics(weir_relay *r);
/* The next batch of rows. */
WEIR_MUST_USE weir_status weir_relay_read(weir_relay *r, weir_error *err);

#endif
