/* The ledger: what must hold of records, whatever happens to engines, members and commits. It is
 * told what happens, and keeps the first thing that must not have.
 *
 *  - A commit is never above a record that was delivered in its epoch and is not done there, nor
 * above one that was never delivered.
 *  - Records of one key start in offset order; the next one when the one before is done. Never two
 * of a key at once in a member, whatever their epochs.
 *  - What emits is not done before its emits are acknowledged.
 *  - An attempt is counted for a RETRY, not for a HOLD, and does not come before its backoff has
 *    passed. After the last one, and after a REJECT, there is a dead letter and no further attempt.
 *  - Nothing starts behind the revoke, nothing is done twice in an epoch.
 *  - A revoke that drained in time and could commit stops at a record that is not done.
 *  - What a commit says to be settled above it was done, and is neither handled nor done again; the
 *    attempts that it tells of are those that failed.
 *  - Where records are handled exactly once: whatever a transaction's offsets settle, its outputs
 * are in that transaction, and only those.
 *  - In the end every record was done at least once, and again only for each time that it was done
 * and no commit said so when its epoch ended. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "sim/broker.h"

enum { SIM_LEDGER_KEYS = 8 }; /* key 0: none */

typedef enum sim_fate {
    SIM_NOT_DELIVERED,
    SIM_DELIVERED,
    SIM_RUNNING, /* its handler runs, or its user has it */
    SIM_WAITING, /* to be tried again */
    SIM_REJECTED,
    SIM_NOBODYS, /* no handler is for it */
    SIM_DONE,
} sim_fate;

/* One assignment of a partition to a member. */
typedef struct sim_epoch {
    struct sim_epoch *next;
    sim_member *member;
    sim_partition *log;
    int64_t start;
    struct {
        struct sim_record_fate {
            sim_fate fate;
            unsigned attempt;
            int64_t not_before_ms;
            int outputs; /* that it has come to: emits, or a letter */
            int written; /* of them, by the transaction that is looked at */
        } * items;
        size_t count, capacity;
    } records;         /* by entry */
    size_t checked;    /* entries below it are known to be done */
    int64_t committed; /* what the broker has accepted of it */
    sim_said said;     /* … with it: what is settled above, and attempts */
    sim_said restored; /* the same, when it was assigned */
    bool revoking, lost;
    bool over;  /* it was given back, or lost */
    bool ended; /* with its process */
} sim_epoch;

typedef struct sim_ledger {
    const int64_t *now_ms;
    unsigned max_attempts;
    int64_t backoff_ms, max_backoff_ms;
    bool exactly_once; /* a rejected record is done with its letter, which leaves with its offset */
    bool skips;        /* what is rejected is done, without a dead letter */
    sim_epoch *epochs;
    int busy[SIM_BROKER_MEMBERS][SIM_BROKER_PARTITIONS][SIM_LEDGER_KEYS];
    struct {
        struct sim_times {
            unsigned done, may_repeat, failed;
        } * items;
        size_t count, capacity;
    } times[SIM_BROKER_PARTITIONS]; /* by entry */
    char failure[240];              /* empty: none */
    uint64_t starts, letters, repeats, outputs;
} sim_ledger;

void sim_ledger_init(sim_ledger *l, const int64_t *now_ms);
void sim_ledger_fini(sim_ledger *l);
void sim_ledger_fail(sim_ledger *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

sim_epoch *sim_ledger_assigned(sim_ledger *l, sim_member *m, sim_partition *log, int64_t start);
/* A process has ended, with all that it had in hand. */
void sim_ledger_ended(sim_ledger *l, const sim_member *m);
/* in_order: the drain was not cut short, and its commit was accepted. */
void sim_ledger_revoked(sim_ledger *l, sim_epoch *e, bool in_order);

/* nobodys: no handler is for it. */
void sim_ledger_delivered(sim_ledger *l, sim_epoch *e, size_t i, bool nobodys);
void sim_ledger_started(sim_ledger *l, sim_epoch *e, size_t i, unsigned attempt);
/* after_ms: what a RETRY asked for; 0: the backoff. */
void sim_ledger_answered(sim_ledger *l, sim_epoch *e, size_t i, weir_status s, uint32_t after_ms);
void sim_ledger_letter(sim_ledger *l, sim_epoch *e, size_t i, unsigned attempts, bool written);
/* Exactly once: what it has come to, which is OK, or the letter that took its emits' place. */
void sim_ledger_outputs(sim_ledger *l, sim_epoch *e, size_t i, int n);
/* One of its outputs is in the transaction that is committed now … */
void sim_ledger_written(sim_ledger *l, sim_epoch *e, size_t i);
/* … the offsets of which were these, and are what the log has now. */
void sim_ledger_transacted(sim_ledger *l, sim_epoch *e, int64_t before, const sim_said *said);
void sim_ledger_committing(sim_ledger *l, sim_epoch *e, int64_t next);
/* As its log has it now. */
void sim_ledger_committed(sim_epoch *e);
/* The newest one. */
sim_epoch *sim_ledger_epoch_of(const sim_ledger *l, const sim_member *m, const sim_partition *log);
/* Everything is quiet: nothing may be missing. */
void sim_ledger_check_end(sim_ledger *l, const sim_broker *b, bool (*nobodys)(const sim_entry *e));

#endif
