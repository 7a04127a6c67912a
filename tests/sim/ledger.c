/* The ledger. See ledger.h. */
#include "sim/ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "sim/grow.h"

void sim_ledger_init(sim_ledger *l, const int64_t *now_ms)
{
    *l = (sim_ledger){.now_ms = now_ms};
}

void sim_ledger_fini(sim_ledger *l)
{
    while (l->epochs) {
        sim_epoch *e = l->epochs;
        l->epochs = e->next;
        free(e->records.items);
        free(e);
    }
    for (int i = 0; i < SIM_BROKER_PARTITIONS; i++) {
        free(l->times[i].items);
    }
}

void sim_ledger_fail(sim_ledger *l, const char *fmt, ...)
{
    if (!l->failure[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(l->failure, sizeof l->failure, fmt, ap);
        va_end(ap);
    }
}

static void fail_at(sim_ledger *l, const sim_epoch *e, size_t i, const char *what)
{
    sim_ledger_fail(l, "%s/%d@%" PRId64 " in member %d: %s", e->log->topic, e->log->number,
        e->log->entries.items[i].offset, e->member->number, what);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

static struct sim_record_fate *fate_of(sim_epoch *e, size_t i)
{
    while (e->records.count <= i) {
        *SIM_APPEND(&e->records) = (struct sim_record_fate){.attempt = 1};
    }
    return &e->records.items[i];
}

static int *busy_of(sim_ledger *l, const sim_epoch *e, size_t i)
{
    return &l->busy[e->member->number][e->log->user][e->log->entries.items[i].user];
}

static struct sim_times *times_of(sim_ledger *l, const sim_partition *log, size_t i)
{
    while (l->times[log->user].count <= i) {
        *SIM_APPEND(&l->times[log->user]) = (struct sim_times){0};
    }
    return &l->times[log->user].items[i];
}

/* Done behind its epoch, it is done elsewhere, too. */
static void set_done(sim_ledger *l, sim_epoch *e, size_t i)
{
    struct sim_times *t = times_of(l, e->log, i);
    l->repeats += t->done++ > 0;
    t->may_repeat += e->over;
    fate_of(e, i)->fate = SIM_DONE;
}

void sim_ledger_delivered(sim_ledger *l, sim_epoch *e, size_t i, bool nobodys)
{
    if (fate_of(e, i)->fate != SIM_NOT_DELIVERED) {
        fail_at(l, e, i, "delivered twice in an epoch");
    }
    struct sim_record_fate *r = fate_of(e, i);
    int64_t offset = e->log->entries.items[i].offset;
    bool settled = sim_said_is_settled(&e->restored, offset);
    uint32_t failed = sim_said_attempts(&e->restored, offset);
    r->fate = nobodys ? SIM_NOBODYS : settled ? SIM_DONE : SIM_DELIVERED;
    r->attempt = 1 + failed;
    if (settled && !nobodys && !times_of(l, e->log, i)->done) {
        fail_at(l, e, i, "a commit says that it is settled, and it never was done");
    }
    if (failed > times_of(l, e->log, i)->failed) {
        fail_at(l, e, i, "a commit says that more of its attempts have failed than did");
    }
}

static bool is_done(sim_epoch *e, size_t i)
{
    return fate_of(e, i)->fate >= SIM_NOBODYS;
}

/* The record of the same key that was delivered before it in this epoch must be done. */
static void check_order(sim_ledger *l, sim_epoch *e, size_t i)
{
    int before = e->log->entries.items[i].previous;
    while (before >= 0 && fate_of(e, (size_t)before)->fate == SIM_NOT_DELIVERED) {
        before = e->log->entries.items[before].previous;
    }
    if (before >= 0 && !is_done(e, (size_t)before)) {
        fail_at(l, e, i, "begun before its key's last one was done");
    }
}

void sim_ledger_started(sim_ledger *l, sim_epoch *e, size_t i, unsigned attempt)
{
    struct sim_record_fate *r = fate_of(e, i);
    l->starts++;
    if (e->revoking || e->ended) {
        fail_at(l, e, i, "begun behind the end of its epoch");
    }
    if (r->fate != SIM_DELIVERED && r->fate != SIM_WAITING) {
        fail_at(
            l, e, i, r->fate == SIM_DONE ? "begun again though it was done" : "begun out of turn");
    }
    if (attempt != r->attempt || attempt > l->max_attempts) {
        fail_at(l, e, i, "attempts are counted wrongly");
    }
    if (*l->now_ms < r->not_before_ms) {
        fail_at(l, e, i, "tried again before its backoff has passed");
    }
    if ((*busy_of(l, e, i))++) {
        fail_at(l, e, i, "its key is at work already");
    }
    check_order(l, e, i);
    r->fate = SIM_RUNNING;
}

/* The least that jitter leaves of it. */
static int64_t least_backoff(const sim_ledger *l, unsigned attempt)
{
    int64_t ms = l->backoff_ms;
    for (unsigned i = 1; i < attempt && ms < l->max_backoff_ms; i++) {
        ms *= 2;
    }
    ms = ms < l->max_backoff_ms ? ms : l->max_backoff_ms;
    return ms - ms / 5 / 2;
}

void sim_ledger_answered(sim_ledger *l, sim_epoch *e, size_t i, weir_status s, uint32_t after_ms)
{
    struct sim_record_fate *r = fate_of(e, i);
    if (e->ended) {
        return;
    }
    if (r->fate != SIM_RUNNING) {
        fail_at(l, e, i, "answered, and was not running");
    }
    --*busy_of(l, e, i);
    r->fate = SIM_WAITING;
    bool rejected = s == WEIR_REJECT || (s == WEIR_RETRY && r->attempt >= l->max_attempts);
    if (s == WEIR_OK || (rejected && l->skips)) {
        set_done(l, e, i);
    } else if (rejected && l->exactly_once) {
        set_done(l, e, i);
        fate_of(e, i)->outputs = 1;
    } else if (rejected) {
        r->fate = SIM_REJECTED;
    } else if (s == WEIR_RETRY) {
        r->not_before_ms = *l->now_ms + (after_ms ? after_ms : least_backoff(l, r->attempt));
        struct sim_times *t = times_of(l, e->log, i);
        t->failed = r->attempt > t->failed ? r->attempt : t->failed;
        r->attempt++;
    } else if (s == WEIR_HOLD) {
        r->not_before_ms = *l->now_ms + least_backoff(l, 1);
    }
}

void sim_ledger_letter(sim_ledger *l, sim_epoch *e, size_t i, unsigned attempts, bool written)
{
    const struct sim_record_fate *r = fate_of(e, i);
    if (r->fate != SIM_REJECTED) {
        fail_at(l, e, i, "a dead letter of a record that was not rejected");
    }
    if (attempts != r->attempt) {
        fail_at(l, e, i, "a dead letter with another number of attempts");
    }
    if (written) {
        l->letters++;
        set_done(l, e, i);
    }
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

void sim_ledger_outputs(sim_ledger *l, sim_epoch *e, size_t i, int n)
{
    if (!e->ended && !is_done(e, i)) {
        fail_at(l, e, i, "has outputs, and is not done");
    }
    fate_of(e, i)->outputs = n;
}

void sim_ledger_written(sim_ledger *l, sim_epoch *e, size_t i)
{
    int64_t offset = e->log->entries.items[i].offset;
    if (e->ended || offset < e->log->committed || sim_said_is_settled(&e->log->said, offset)) {
        fail_at(l, e, i, "its outputs are written, and it was settled before or is not held");
    }
    fate_of(e, i)->written++;
}

/* What these offsets settle was done here, and what it has come to is written now. */
void sim_ledger_transacted(sim_ledger *l, sim_epoch *e, int64_t before, const sim_said *said)
{
    const sim_partition *log = e->log;
    for (size_t i = 0; i < log->entries.count; i++) {
        int64_t offset = log->entries.items[i].offset;
        bool was = offset < before || sim_said_is_settled(said, offset);
        bool is = offset < log->committed || sim_said_is_settled(&log->said, offset);
        struct sim_record_fate *r = fate_of(e, i);
        if (was && !is) {
            fail_at(l, e, i, "was settled, and is no more");
        } else if (!was && is && r->fate != SIM_NOT_DELIVERED && !is_done(e, i)) {
            fail_at(l, e, i, "is settled by a transaction, and was not done");
        } else if (!was && is && r->written != r->outputs) {
            fail_at(l, e, i, "is settled by a transaction without its outputs");
        } else if (!is && r->written) {
            fail_at(l, e, i, "its outputs are written, and it is not settled");
        }
        l->outputs += (uint64_t)r->written;
        r->written = 0;
    }
}

/* ---- Epochs -------------------------------------------------------------------------------------
 */

sim_epoch *sim_ledger_assigned(sim_ledger *l, sim_member *m, sim_partition *log, int64_t start)
{
    sim_epoch *e = calloc(1, sizeof *e);
    if (!e) {
        exit(2);
    }
    *e =
        (sim_epoch){.next = l->epochs, .member = m, .log = log, .start = start, .committed = start};
    e->said = e->restored = log->said;
    while (e->checked < log->entries.count && log->entries.items[e->checked].offset < start) {
        e->checked++;
    }
    return l->epochs = e;
}

/* What is done and not committed may be done again in the next epoch. */
static void close_epoch(sim_ledger *l, sim_epoch *e)
{
    for (size_t i = 0; i < e->records.count && !e->over; i++) {
        int64_t offset = e->log->entries.items[i].offset;
        if (e->records.items[i].fate == SIM_DONE && offset >= e->committed &&
            !sim_said_is_settled(&e->said, offset)) {
            times_of(l, e->log, i)->may_repeat++;
        }
    }
    e->revoking = e->over = true;
}

void sim_ledger_ended(sim_ledger *l, const sim_member *m)
{
    for (sim_epoch *e = l->epochs; e; e = e->next) {
        if (e->member == m) {
            close_epoch(l, e);
            e->ended = true;
        }
    }
    memset(l->busy[m->number], 0, sizeof l->busy[m->number]);
}

/* The first entry of the epoch that is not done, and not compacted before it was delivered. */
static size_t first_open(sim_epoch *e)
{
    const sim_partition *log = e->log;
    size_t i = e->checked;
    while (i < log->entries.count &&
           (is_done(e, i) ||
               (log->entries.items[i].compacted && fate_of(e, i)->fate == SIM_NOT_DELIVERED))) {
        i++;
    }
    return e->checked = i;
}

void sim_ledger_committing(sim_ledger *l, sim_epoch *e, int64_t next)
{
    size_t open = first_open(e);
    if (open < e->log->entries.count && next > e->log->entries.items[open].offset) {
        fail_at(l, e, open, "a commit is above it, and it is not done");
    }
}

void sim_ledger_committed(sim_epoch *e)
{
    e->committed = e->log->committed;
    e->said = e->log->said;
}

sim_epoch *sim_ledger_epoch_of(const sim_ledger *l, const sim_member *m, const sim_partition *log)
{
    sim_epoch *e = l->epochs;
    while (e && (e->member != m || e->log != log)) {
        e = e->next;
    }
    return e;
}

static void check_committed(sim_ledger *l, sim_epoch *e)
{
    const sim_partition *log = e->log;
    for (size_t i = 0; i < e->records.count; i++) {
        if (log->entries.items[i].offset < log->committed ||
            e->records.items[i].fate == SIM_NOT_DELIVERED) {
            continue;
        }
        int64_t offset = log->entries.items[i].offset;
        if (e->records.items[i].fate == SIM_DONE && !sim_said_is_settled(&e->said, offset)) {
            fail_at(l, e, i, "done, and not committed when its partition was given back");
            return;
        }
    }
}

void sim_ledger_revoked(sim_ledger *l, sim_epoch *e, bool in_order)
{
    if (in_order) {
        check_committed(l, e);
    }
    close_epoch(l, e);
}

/* ---- The end ------------------------------------------------------------------------------------
 */

static void check_times(sim_ledger *l, const sim_partition *p, size_t i, bool nobodys)
{
    const struct sim_times *t = times_of(l, p, i);
    const char *where = p->topic;
    int64_t offset = p->entries.items[i].offset;
    if (!t->done && !p->entries.items[i].compacted && !nobodys) {
        sim_ledger_fail(l, "%s/%d@%" PRId64 " was lost", where, p->number, offset);
    }
    if (t->done > 1 + t->may_repeat) {
        sim_ledger_fail(l, "%s/%d@%" PRId64 " was done %u times, and %u times were enough", where,
            p->number, offset, t->done, 1 + t->may_repeat);
    }
}

void sim_ledger_check_end(sim_ledger *l, const sim_broker *b, bool (*nobodys)(const sim_entry *e))
{
    for (int k = 0; k < b->n_partitions; k++) {
        const sim_partition *p = &b->partitions[k];
        for (size_t i = 0; i < p->entries.count; i++) {
            check_times(l, p, i, nobodys(&p->entries.items[i]));
        }
        if (p->committed != p->end) {
            sim_ledger_fail(l, "%s/%d is quiet at %" PRId64 ", and %" PRId64 " is committed",
                p->topic, p->number, p->end, p->committed);
        }
    }
}
