/* What the members of a group have done, as they report it, and what is wrong with it.
 *
 * Held against each report, in the order of the pipe:
 *  1. Nothing is committed above a record that nobody has handled.
 *  2. An assignment begins at or below the first record that nobody has handled, and not below what
 *     the broker has confirmed as committed.
 *  3. In an assignment the records of a key come in the order of their offsets, each once.
 *  4. Records are handled by who has their partition; where it was taken away undrained, at most
 * one more of each lane.
 *  5. A record is handled again only by an assignment that began at or below it, or where two have
 *     its partition because one has not heard yet that it lost it.
 *
 * Thread: one owner. */
#ifndef WEIR_TESTS_GROUP_LEDGER_H
#define WEIR_TESTS_GROUP_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "group_report.h"

enum { MOST_MEMBERS = 64, MOST_OFFSETS = 32768 };

/* A partition in a member's hands. */
typedef struct holding {
    bool held, drained;
    bool overtaken; /* another one has begun, this one has not heard yet */
    unsigned late;  /* handled after it was taken away */
    int64_t last[KEYS];
} holding;

typedef struct ledger_partition {
    uint16_t handled[MOST_OFFSETS];   /* how often */
    int64_t handled_ms[MOST_OFFSETS]; /* first */
    bool rejected[MOST_OFFSETS], letter[MOST_OFFSETS];
    int64_t frontier;  /* the first that nobody has handled */
    int64_t next;      /* above all that were handled */
    int64_t confirmed; /* the highest commit that was confirmed */
} ledger_partition;

typedef struct ledger {
    ledger_partition partitions[PARTITIONS];
    holding holdings[MOST_MEMBERS][PARTITIONS];
    unsigned assignments, overtaken;
    uint64_t handled, again, may_come_again, letters;
    int64_t longest_rewind_ms; /* from the first handling of what comes again to that of the last */
    char wrong[200];           /* the first thing that is; empty: nothing */
} ledger;

void ledger_init(ledger *l);
void ledger_take(ledger *l, const report *r);
/* A dead letter was found. */
void ledger_letter(ledger *l, int partition, int64_t offset);
/* The broker says that this is committed; -1: nothing. */
void ledger_committed(ledger *l, int partition, int64_t next);
/* A member has ended. in_order: everything that it handled must be committed. */
void ledger_gone(ledger *l, int member, bool in_order);

/* Is there a letter for each rejected record below `next`? */
bool ledger_has_letters(const ledger *l, int partition, int64_t next);
/* Are all records below `end` handled? */
bool ledger_is_handled(const ledger *l, int partition, int64_t end);
void ledger_wrong(ledger *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
