/* The numbers of an outbox that a relay has met and not done with: rows that are not sent, and
 * gaps, which are numbers that were jumped over and may yet get a row. Plain data, no I/O. Thread:
 * one owner. */
#ifndef WEIR_SERVICE_OPEN_SEQS_H
#define WEIR_SERVICE_OPEN_SEQS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WEIR_MOST_OPEN = 2000,      /* that are passed … */
    WEIR_MOST_SPLIT_OPEN = 4000 /* … and with what has appeared in gaps since */
};

typedef struct weir_open_seq {
    int64_t seq, last; /* last: of a gap; else seq itself */
    bool is_gap;       /* no row was seen */
    uint64_t since;    /* of a gap: who may yet write it began below; 0: not known yet */
    int topic;         /* of a row; -1: not known */
    bool asked;        /* of a row: it was asked for, and has not come yet */
} weir_open_seq;

typedef struct weir_open_seqs {
    weir_open_seq items[WEIR_MOST_SPLIT_OPEN]; /* ascending */
    size_t n;
    int64_t next; /* everything up to it is met: done with, or open */
} weir_open_seqs;

/* Everything up to `next` is done with. */
void weir_open_reset(weir_open_seqs *o, int64_t next);
/* A row behind all that were met; what it jumps over becomes a gap. False: there is no room. */
bool weir_open_pass(weir_open_seqs *o, int64_t seq);
/* The entry that has the number; NULL: there is none. */
weir_open_seq *weir_open_find(weir_open_seqs *o, int64_t seq);
/* A row has appeared in a gap: that becomes two, with the row between. Without room it stays as it
 * is, and is not judged yet (since 0). */
void weir_open_split(weir_open_seqs *o, weir_open_seq *gap, int64_t seq);
/* It is done with; NULL is allowed. */
void weir_open_remove(weir_open_seqs *o, weir_open_seq *entry);
/* Everything up to it is done with. */
int64_t weir_open_sent_up_to(const weir_open_seqs *o);

#endif
