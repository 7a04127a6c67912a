/* The inside of a weir_parking. Private to parking.c and parking_recall.c. */
#ifndef WEIR_SERVICE_PARKING_INSIDE_H
#define WEIR_SERVICE_PARKING_INSIDE_H

#include "service/parking.h"

enum { WEIR_PARKING_AT_ONCE = 1000 }; /* records that are read before something else is done */

/* Where a reader stands in each partition of the topic. */
typedef struct weir_place_list {
    int64_t next[WEIR_PARKING_MOST_PARTITIONS];
    int32_t n;
} weir_place_list;

struct weir_parking {
    weir_parking_options options;
    weir_engine *engine;

    /* Who drives it. */
    void *tail; /* the reader that keeps the book up to date; NULL: not open */
    weir_place_list at;
    int64_t ends[WEIR_PARKING_MOST_PARTITIONS]; /* that are to be reached for … */
    uint64_t wanted_epoch;                      /* … this epoch; 0: for none */
    void *recalling;                            /* the reader of released keys; NULL: none */
    uint64_t session;                           /* of it, … */
    int64_t session_ms, there_ms; /* … since when, and when it came to its goal; -1: not */
    weir_place_list recall_goal;  /* how far it has come before, and … */
    weir_place_list recall_at;    /* … where it stands (-1: it is not read), but for … */
    weir_raw_record head;         /* … the record that it has read last … */
    bool has_head;                /* … and there is no place for yet */
    int64_t fetch_ms;             /* what copies lack is not asked for before */
    int64_t retry_ms;             /* nothing is asked before */
    bool did;                     /* something, in this step */
    bool told;                    /* the log has said that it cannot be read */

    pthread_mutex_t lock;
    weir_parked_book book;
    unsigned under_way; /* recalled, and in a lane */
    weir_buf scratch;
    weir_error trouble;
    atomic_size_t any; /* keys in the book: lanes need not look where there are none. Any thread */
    atomic_int width;  /* partitions that keys are placed by; 0: not known yet. Any thread */
    atomic_ullong
        known; /* the epoch for which all is read that had been written then. Any thread */
};

void weir_parking_close_reader(weir_parking *p, void **reader);
/* The own standing is of this assignment from here on. What was not read of one that has ended is
 * not so. Lock: lock. */
void weir_parking_refresh(weir_parking *p, weir_parked_key *k, uint64_t epoch);
static inline bool weir_key_is_decided(const weir_key_standing *s)
{
    return s->state == WEIR_KEY_RELEASED || s->state == WEIR_KEY_REJECTED;
}

/* parking_recall.c: reads on for the keys that are released. *busy: there are some. */
WEIR_MUST_USE weir_status weir_parking_recall(
    weir_parking *p, int64_t now_ms, bool *busy, weir_error *err);
void weir_parking_close_recall(weir_parking *p);

#endif
