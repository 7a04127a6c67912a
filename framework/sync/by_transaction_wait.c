/* Sync by transaction: what waits, how long, and what becomes of it. See by_transaction.h. */
#include "base/clock.h"
#include "sync/by_transaction_own.h"

enum {
    STUCK_MS = 60000,     /* a transaction is refused, and nothing comes that could help it */
    TRY_SOONEST_MS = 20,  /* what is refused is tried again once something moved … */
    TRY_LATEST_MS = 5000, /* … or nothing did; it is asked less often each time */
    SAY_AFTER_MS = 10000, /* that a transaction is not complete */
    FULL_AFTER_MS = 3000, /* nothing came, since there is no room for it */
    SETTLED_MS = 3000,    /* a partition whose end was met has been asked again since */
};

int64_t weir_by_transaction_now(const weir_sync *s)
{
    if (s->options.now_ms) {
        return s->options.now_ms(s->options.ctx);
    }
    struct timespec t = weir_in_ms(0);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void weir_by_transaction_moved(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    o->moved_ms = weir_by_transaction_now(s);
    for (size_t i = 0; i < o->n_sources; i++) {
        o->sources[i].moved = true;
    }
}

/* ---- What the database has refused -------------------------------------------------------------
 */

static weir_ordered_source *source_of(struct weir_by_transaction *o, const weir_sync_topic *t)
{
    for (size_t i = 0; i < o->n_sources; i++) {
        if (o->sources[i].rules == t->source) {
            return &o->sources[i];
        }
    }
    return &o->sources[0];
}

void weir_by_transaction_refused(weir_sync *s, const weir_sync_item *item, bool row)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_ordered_source *source = source_of(o, item->topic);
    weir_refusal *refusal = row ? &source->row : &source->transaction;
    const weir_raw_record *r = &item->record->raw;
    uint32_t topic = item->record->partition->tag;
    int64_t now_ms = weir_by_transaction_now(s);
    bool known = refusal->since_ms && refusal->topic == topic && refusal->number == r->partition &&
                 refusal->offset == r->offset;
    if (!known) {
        *refusal = (weir_refusal){
            .topic = topic, .number = r->partition, .offset = r->offset, .since_ms = now_ms};
        source->try_every_ms = TRY_SOONEST_MS;
    }
    bool news = !known && (!row || now_ms - source->said_ms >= SAY_AFTER_MS);
    source->said_ms = news && row ? now_ms : source->said_ms;
    refusal->why = o->refused;
    weir_log_error(s->options.log, news ? WEIR_LOG_INFO : WEIR_LOG_DEBUG, s->options.name,
        &o->refused, "%s %.*s/%d@%lld waits for other rows",
        row ? "the row of a snapshot" : "the transaction of", WEIR_ARG(r->topic), (int)r->partition,
        (long long)r->offset);
}

static void try_source(weir_sync *s, weir_ordered_source *source, int64_t now_ms)
{
    int64_t waited_ms = now_ms - source->tried_ms;
    bool over = weir_engine_at_end(s->engine); /* nothing else will move */
    bool due = (source->moved && (over || waited_ms >= source->try_every_ms)) ||
               waited_ms >= TRY_LATEST_MS;
    if ((!source->transaction.why.status && !source->row.why.status) || !due) {
        return;
    }
    (void)weir_sequence_retry(&source->sequence);
    source->transaction.why.status = source->row.why.status = WEIR_OK;
    source->moved = false;
    source->tried_ms = now_ms;
    source->try_every_ms *= source->try_every_ms < TRY_LATEST_MS ? 2 : 1;
}

void weir_by_transaction_try_again(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    int64_t now_ms = weir_by_transaction_now(s);
    for (size_t i = 0; i < o->n_sources; i++) {
        try_source(s, &o->sources[i], now_ms);
    }
}

/* ---- How far a source's topics are read
 * ----------------------------------------------------------
 */

typedef struct reading {
    const weir_sync *s;
    const weir_ordered_source *source;
    uint64_t passed; /* a partition that has brought something of this position or a later one
                        counts as read; UINT64_MAX: none does */
    bool full_too;   /* and so does one that has no room */
    bool all;
} reading;

static bool has_passed(const weir_sequence *q, const weir_partition *p, uint64_t H)
{
    for (const weir_sequence_queue *queue = q->queues; queue; queue = queue->next) {
        if (queue->topic == p->tag && queue->number == p->number) {
            return queue->high_H >= H;
        }
    }
    return false;
}

static void look_at_partition(void *ctx, const weir_partition *p, bool at_end, bool full)
{
    reading *r = ctx;
    const weir_sync_topic *topic = &r->s->options.topics[p->tag];
    if (topic->by_transaction && topic->source == r->source->rules) {
        r->all &= at_end || (r->full_too && full) || has_passed(&r->source->sequence, p, r->passed);
    }
}

static bool is_read(
    const weir_sync *s, const weir_ordered_source *source, uint64_t passed, bool full_too)
{
    reading r = {s, source, passed, full_too, true};
    weir_engine_look(s->engine, look_at_partition, &r);
    return r.all;
}

static bool is_all_that_is_open(const weir_sync *s)
{
    const struct weir_by_transaction *o = s->by_transaction;
    return o->open && weir_engine_get_counts(s->engine).open == o->open;
}

/* ---- What does not come ------------------------------------------------------------------------
 */

static int32_t partitions_of(void *ctx, unsigned collection)
{
    const weir_sync *s = ctx;
    return (int32_t)atomic_load(&s->partition_counts[collection]);
}

/* All that was sent before the END of a transaction that was numbered anew has come. */
static bool has_settled(weir_sync *s, weir_ordered_source *source)
{
    uint64_t tx;
    if (!weir_sequence_doubts(&source->sequence, &tx)) {
        source->doubted = 0;
        return false;
    }
    int64_t now_ms = weir_by_transaction_now(s);
    if (source->doubted != tx) {
        source->doubted = tx;
        source->doubted_ms = now_ms;
        weir_log_line(s->options.log, WEIR_LOG_INFO, s->options.name,
            "the connector of %s was restarted within transaction %llu, and has numbered its rest "
            "anew: it is applied once all partitions are read to their ends",
            source->prefix, (unsigned long long)tx);
    }
    bool settled = weir_engine_at_end(s->engine) || now_ms - source->doubted_ms >= SETTLED_MS;
    return settled && is_all_that_is_open(s) &&
           is_read(s, source, source->sequence.ends->first->commit, false);
}

static void say_lost(weir_sync *s, weir_ordered_source *source)
{
    uint64_t tx, have, want;
    unsigned collection;
    int64_t now_ms = weir_by_transaction_now(s);
    bool news = !source->said_ms || now_ms - source->said_ms >= SAY_AFTER_MS;
    if (news && weir_sequence_waits(&source->sequence, &tx, &collection, &have, &want)) {
        source->said_ms = now_ms;
        weir_log_line(s->options.log, WEIR_LOG_WARN, s->options.name,
            "transaction %llu of %s has %llu changes of %s, and the topic holds %llu: later ones "
            "have come from all of its partitions, so it is applied as it is (compaction, "
            "retention, "
            "or something that drops records)",
            (unsigned long long)tx, source->prefix, (unsigned long long)want,
            s->options.topics[collection].table, (unsigned long long)have);
    }
}

bool weir_by_transaction_release(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    bool any = false;
    for (size_t i = 0; i < o->n_sources; i++) {
        weir_ordered_source *source = &o->sources[i];
        bool blocked = source->sequence.blocked || source->sequence.as_it_is;
        bool lost = !blocked && weir_sequence_has_lost(&source->sequence, partitions_of, s);
        if (lost) {
            say_lost(s, source);
        }
        if (lost || (!blocked && has_settled(s, source))) {
            source->sequence.as_it_is = any = true;
        }
    }
    return any;
}

/* ---- What is said, and when it is given up
 * -------------------------------------------------------
 */

/* Of the first transaction that has ended and has not come whole; else of those that do not end. */
static weir_status incomplete(const weir_sync *s, weir_error *err)
{
    const struct weir_by_transaction *o = s->by_transaction;
    uint64_t tx, have, want;
    unsigned collection;
    for (size_t i = 0; i < o->n_sources; i++) {
        if (weir_sequence_waits(&o->sources[i].sequence, &tx, &collection, &have, &want)) {
            return weir_fail(err, WEIR_E_TRANSACTION_INCOMPLETE,
                "transaction %llu of %s has %llu changes of %s, and %llu have come",
                (unsigned long long)tx, o->sources[i].prefix, (unsigned long long)want,
                s->options.topics[collection].table, (unsigned long long)have);
        }
    }
    return weir_fail(err, WEIR_E_TRANSACTION_INCOMPLETE,
        "%zu records wait for the END of their transactions in the topic %s.transaction", o->open,
        o->sources[0].prefix);
}

/* Why something waits that was refused; NULL: nothing does. *rows: only rows of snapshots. */
static const weir_error *refusal_of(const struct weir_by_transaction *o, bool *rows)
{
    const weir_error *why = NULL;
    *rows = true;
    for (size_t i = 0; i < o->n_sources && *rows; i++) {
        const weir_ordered_source *source = &o->sources[i];
        *rows = !source->transaction.why.status;
        why = !*rows ? &source->transaction.why : source->row.why.status ? &source->row.why : why;
    }
    return why;
}

/* A transaction was refused long since, and its source brings nothing that could help. */
static weir_status look_at_refused(weir_sync *s, int64_t now_ms, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    for (size_t i = 0; i < o->n_sources; i++) {
        weir_ordered_source *source = &o->sources[i];
        const weir_refusal *r = &source->transaction;
        if (r->why.status && now_ms - r->since_ms >= STUCK_MS &&
            is_read(s, source, UINT64_MAX, true)) {
            *err = r->why;
            return err->status = WEIR_FATAL;
        }
    }
    return WEIR_OK;
}

/* Is there a transaction that fills what room there is by itself? Where many do, they wait for
 * ENDs, or for what comes in another partition. */
static bool is_too_large(const weir_sync *s)
{
    const struct weir_by_transaction *o = s->by_transaction;
    for (size_t i = 0; i < o->n_sources; i++) {
        if (weir_sequence_is_one(&o->sources[i].sequence)) {
            return true;
        }
    }
    return false;
}

/* Nothing has come of the transactions that have begun. */
static bool is_only_begun(const struct weir_by_transaction *o)
{
    size_t held = 0;
    for (size_t i = 0; i < o->n_sources; i++) {
        held += o->sources[i].sequence.held;
    }
    return !held;
}

/* Nothing was applied, and nothing else is open. */
static weir_status look_at_waiting(weir_sync *s, int64_t now_ms, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    bool rows, over = weir_engine_at_end(s->engine);
    if (over && is_only_begun(o)) {
        weir_by_transaction_abandon(s); /* they come again, and what they begin */
        return WEIR_OK;
    }
    const weir_error *refused = refusal_of(o, &rows);
    weir_error why = refused ? *refused : (weir_error){.status = WEIR_OK};
    if (!refused && !over && now_ms - o->came_ms >= FULL_AFTER_MS &&
        weir_engine_wants_room(s->engine) && is_too_large(s)) {
        return weir_fail(err, WEIR_E_TRANSACTION_TOO_LARGE,
            "%zu records wait for the rest of a transaction, and fill limits.in_flight", o->open);
    }
    if (!refused && (over || now_ms - o->moved_ms >= SAY_AFTER_MS)) {
        (void)incomplete(s, &why);
    }
    if (why.status && over) {
        *err = why;
        return err->status = WEIR_FATAL;
    }
    if (why.status) {
        why.status = WEIR_HOLD;
        o->holds = true;
        weir_sync_hold(s, &why);
    }
    return WEIR_OK;
}

bool weir_by_transaction_holds(const weir_sync *s)
{
    return s->by_transaction && s->by_transaction->holds;
}

weir_status weir_by_transaction_look(weir_sync *s, bool applied, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    int64_t now_ms = weir_by_transaction_now(s);
    weir_status st = look_at_refused(s, now_ms, err);
    bool rows;
    if (o->holds && !refusal_of(o, &rows) && (applied || !o->open)) {
        o->holds = false;
        weir_sync_go_on(s);
    }
    if (st || applied || !is_all_that_is_open(s)) {
        return st;
    }
    if (weir_engine_stopping(s->engine)) {
        weir_by_transaction_abandon(s); /* a drain need not wait for what does not come */
        return WEIR_OK;
    }
    return look_at_waiting(s, now_ms, err);
}
