/* The writer's half of sync: applies jobs to the store, offsets in the same transaction. See
 * sync.h.
 *
 *   idle --jobs--> applying --commit--> settled --> idle
 *                     |  store's HOLD: abort, wait, applying again from the stored watermarks
 *                     |  FATAL, or stopped while held: dropped unsettled */
#include "sync/writer.h"

#include "base/clock.h"
#include "sync/by_transaction.h"
#include "sync/offsets.h"

enum {
    BATCH_RECORDS = 16384,
    LEAST_BATCH_RECORDS = 1024,
    RECORD_PAGES_BYTES = 4096, /* what a record may cost a store until it is committed: a page */
    FIRST_TO_COMPLETE = 256,   /* while it is not known how large rows are */
    COMPLETED_SHARE = 4,       /* of in_flight: such rows; they are there in up to four forms */
    LINGER_MS = 15,
    LINGER_RECORDS = 5000, /* a quarter of a second at 20,000/s */
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 5000,
    MOST_MOVED = 20, /* times that others may be quicker before it is waited */
};

typedef weir_sync_batch batch;

/* A store keeps what a transaction changes in memory, beside what is in flight. */
size_t weir_sync_batch_bound(const weir_sync *s)
{
    size_t n = s->engine->options.in_flight_bytes / RECORD_PAGES_BYTES;
    return n < LEAST_BATCH_RECORDS ? LEAST_BATCH_RECORDS : n < BATCH_RECORDS ? n : BATCH_RECORDS;
}

/* A store that is far away reads the rows that changes are to be completed from beforehand, all of
 * a batch at once; and a change of a few bytes may belong to a row of any size. */
static size_t most_to_complete(const weir_sync *s)
{
    size_t bytes = s->engine->options.in_flight_bytes / COMPLETED_SHARE;
    return !s->store.ops->expect ? SIZE_MAX
           : !s->row_bytes       ? FIRST_TO_COMPLETE
                                 : bytes / s->row_bytes + 1;
}

static bool is_full(const weir_sync *s, const batch *b)
{
    return b->records >= weir_sync_batch_bound(s) || b->to_complete >= most_to_complete(s);
}

/* Moves what waits to the batch, up to its bound. The queue's lock is held. Returns the batch's
 * end. */
static weir_sync_job **collect(weir_sync *s, batch *b, weir_sync_job **tail)
{
    while (s->first && !is_full(s, b)) {
        *tail = s->first;
        tail = &s->first->next;
        b->records += s->first->n;
        b->to_complete += s->first->to_complete;
        s->first = s->first->next;
    }
    s->last = s->first ? s->last : NULL;
    return tail;
}

/* While catching up, a durable store waits a moment for a fuller transaction: one flush of the disk
 * for many records. Where few are on their way, nothing is waited for. */
static bool worth_waiting(const weir_sync *s, const batch *b)
{
    return s->store.ops->durable && b->records && !is_full(s, b) &&
           b->records < weir_sync_batch_bound(s) / 2 &&
           weir_engine_get_counts(s->engine).open > 2 * b->records + LINGER_RECORDS;
}

static batch take_jobs(weir_sync *s, int64_t wait_ms)
{
    batch b = {0};
    weir_sync_job **tail = &b.first;
    struct timespec until = weir_in_ms(wait_ms);
    pthread_mutex_lock(&s->queue_lock);
    while (wait_ms > 0 && !s->first && !s->woken &&
           pthread_cond_timedwait(&s->queue_filled, &s->queue_lock, &until) == 0) {
    }
    s->woken = false;
    tail = collect(s, &b, tail);
    if (wait_ms > 0 && worth_waiting(s, &b)) {
        until = weir_in_ms(LINGER_MS);
        while (!is_full(s, &b) && !s->woken &&
               pthread_cond_timedwait(&s->queue_filled, &s->queue_lock, &until) == 0) {
            tail = collect(s, &b, tail);
        }
    }
    pthread_mutex_unlock(&s->queue_lock);
    *tail = NULL;
    return b;
}

/* ---- Applying -----------------------------------------------------------------------------------
 */

weir_status weir_sync_place_of(const weir_sync_item *item, weir_error *err)
{
    const weir_raw_record *r = &item->record->raw;
    return weir_at(err, "%.*s/%d@%lld", (int)(r->topic.len > 60 ? 60 : r->topic.len), r->topic.ptr,
        (int)r->partition, (long long)r->offset);
}

/* What cannot be repaired stops the sync, or is taken once as the new truth. */
static weir_status heed_alarm(
    weir_sync *s, weir_merge *m, const weir_sync_item *item, const weir_change *c, weir_error *err)
{
    weir_merge_alarm alarm = weir_merge_alarm_of(m, c);
    if (alarm == WEIR_ALARM_NONE) {
        return WEIR_OK;
    }
    if (alarm == WEIR_ALARM_NEW_SNAPSHOT) {
        weir_fail(err, WEIR_E_NEW_SNAPSHOT,
            "a second initial snapshot (at LSN %llu, the first was at %llu): the slot was lost, or "
            "the first snapshot was cut short; what was deleted in between was never sent",
            (unsigned long long)c->at.l, (unsigned long long)m->snapshot_l);
    } else if (c->kind == WEIR_READ) {
        weir_fail(err, WEIR_E_POSITION_REGRESS,
            "an initial snapshot at position %llu stands behind changes that have higher ones: the "
            "source went back in its history",
            (unsigned long long)c->at.H);
    } else {
        weir_fail(err, WEIR_E_POSITION_REGRESS,
            "position %llu comes at a later time than a higher one: the source went back in its "
            "history",
            (unsigned long long)c->at.H);
    }
    weir_status st = weir_sync_place_of(item, err);
    if (item->topic->stop_on_regress) {
        return st;
    }
    weir_log_error(s->options.log, WEIR_LOG_ERROR, s->options.name, err, "accepted once");
    weir_merge_accept(m, c);
    if (s->by_transaction) {
        weir_by_transaction_accept(s, item->topic);
    }
    return WEIR_OK;
}

/* Missing offsets are compaction's, or only a transaction's markers: the topic's config tells, and
 * is asked for when it first matters. */
static void learn_compaction(weir_sync *s, const weir_sync_item *item)
{
    const weir_sync_topic *t = item->topic;
    bool *asked = &s->asked_compacted[t - s->options.topics], missed = item->record->gap >= 0;
    for (size_t i = 0; i < t->n_caches && !*asked; i++) {
        const weir_merge *m = &s->merges[t->caches[i]];
        int32_t p = item->record->raw.partition;
        missed |= p < m->n_partitions && m->partitions[p].gap >= 0;
    }
    if (*asked || !missed) {
        return;
    }
    *asked = true;
    bool compacted = s->options.compacted && s->options.compacted(s->options.ctx, t->topic);
    for (size_t i = 0; i < t->n_caches && compacted; i++) {
        s->merges[t->caches[i]].gap_rule = true; /* for tombstones also where images are full */
    }
}

/* A key that the record should have changed is not to be trusted. */
static bool quarantines(const weir_sync *s, const weir_sync_item *item)
{
    return item->error && item->key.ptr && !s->options.trust_rejected_keys;
}

/* In the order in which records were delivered: what each says of its partition. */
static weir_status meet(weir_sync *s, const weir_sync_item *item, weir_error *err)
{
    weir_status st = WEIR_OK;
    if (item->is_change) {
        learn_compaction(s, item);
    }
    for (size_t i = 0; i < item->topic->n_caches && !st; i++) {
        weir_merge *m = &s->merges[item->topic->caches[i]];
        if (!item->is_change) { /* the record leaves no gap */
            int64_t gap = quarantines(s, item) ? -1 : item->record->gap;
            st = weir_merge_pass(m, item->record->raw.partition, gap, err);
            continue;
        }
        st = heed_alarm(s, m, item, &item->changes[i], err);
        st = st ? st : weir_merge_meet(m, &item->changes[i], err);
    }
    return st;
}

/* Those of one key in order. */
static weir_status apply(weir_sync *s, weir_sync_item *item, int64_t now_ms, weir_error *err)
{
    const weir_raw_record *r = &item->record->raw;
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < item->topic->n_caches && !st; i++) {
        weir_merge *m = &s->merges[item->topic->caches[i]];
        if (item->is_change) {
            st = weir_merge_apply_met(m, &item->changes[i], now_ms, err);
            weir_sync_sample(s, item->topic->caches[i], item->changes[i].key);
            weir_sync_blame(s, item);
        } else if (quarantines(s, item)) {
            st = weir_merge_quarantine(m, item->key, r->partition, r->offset, now_ms, err);
        }
    }
    return st;
}

/* A transaction that is tried again must not write the dead letters of its first try again. */
static weir_status reject(weir_sync *s, weir_sync_item *item, weir_error *err)
{
    weir_error why = *item->error;
    if (item->lettered) {
        return WEIR_OK;
    }
    if (s->options.on_reject == WEIR_REJECT_STOP || item->topic->by_transaction) {
        weir_fail(err, WEIR_E_REJECTED, "%.180s (%s)", why.text, why.code);
        return weir_sync_place_of(item, err);
    }
    weir_status st = WEIR_OK;
    if (s->options.on_reject == WEIR_REJECT_DEAD_LETTER && s->options.dead_letters.write) {
        weir_dead_letter letter = {
            &item->record->raw, *item->error, item->record->attempt, NULL, false, 0};
        st = s->options.dead_letters.write(s->options.dead_letters.self, &letter, 1, err);
    }
    if (!st) {
        const char *note;
        weir_log_level level = weir_log_next(&s->rejections, &why, &note);
        weir_log_error(s->options.log, level, s->options.name, &why, "%s %.*s/%d@%lld%s",
            s->options.on_reject == WEIR_REJECT_SKIP ? "skipping" : "dead-lettering",
            WEIR_ARG(item->record->raw.topic), (int)item->record->raw.partition,
            (long long)item->record->raw.offset, note);
    }
    item->lettered = !st;
    return st;
}

/* What a broker is to answer is waited for before the store's transaction begins: it would keep
 * readers of a store in memory, and locks of a database, for as long. */
static weir_status ask_the_broker(weir_sync *s, const batch *b, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (const weir_sync_job *job = b->first; job && !st; job = job->next) {
        for (size_t i = 0; i < job->n && !st; i++) {
            weir_sync_item *item = &job->items[i];
            st = item->error ? reject(s, item, err) : WEIR_OK;
            if (item->is_change) {
                learn_compaction(s, item);
            }
        }
    }
    return st;
}

static weir_status apply_by_key(
    weir_sync *s, const weir_sync_job *first, int64_t now_ms, weir_error *err)
{
    weir_sync_entry *entries = NULL;
    size_t n = 0;
    weir_status st = weir_sync_order(s, first, &entries, &n, err);
    for (size_t i = 0; i < n && !st; i++) {
        st = apply(s, entries[i].item, now_ms, err);
    }
    return st;
}

static weir_status apply_jobs(weir_sync *s, const batch *b, int64_t now_ms, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (const weir_sync_job *job = b->first; job && !st; job = job->next) {
        for (size_t i = 0; i < job->n && !st; i++) {
            weir_sync_item *item = &job->items[i];
            st = s->by_transaction ? weir_by_transaction_before(s, item, err) : WEIR_OK;
            st = st ? st : meet(s, item, err);
            st = st || s->by_key ? st : apply(s, item, now_ms, err);
        }
    }
    return st || !s->by_key ? st : apply_by_key(s, b->first, now_ms, err);
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

static weir_status save_merges(weir_sync *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < s->options.n_caches && !st; i++) {
        st = weir_merge_save(&s->merges[i], err);
    }
    return st;
}

static void mark(weir_sync *s, batch *b)
{
    for (weir_sync_job *job = b->first; job && !b->marked; job = job->next) {
        weir_engine_mark(s->engine, job->records, job->n);
    }
    b->marked = true;
}

/* Of a store that others write too: what they have raised since. */
static weir_status look_again(weir_sync *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; s->store.ops->shared && i < s->options.n_caches && !st; i++) {
        st = weir_merge_load(&s->merges[i], err);
    }
    return st;
}

/* What a record is blamed for is told before its transaction begins. */
static weir_status begin_anew_for_blamed(weir_sync *s, weir_error *err)
{
    bool blamed = s->withheld.blamed;
    s->withheld.blamed = false;
    return blamed ? weir_fail(err, WEIR_E_TABLE_MOVED, "a row that a move completes is refused")
                  : WEIR_OK;
}

/* One transaction with the batch and what the frontier then is. Whose offsets are Kafka's moves the
 * frontier once it is committed: who commits offsets does not wait for this transaction. */
static weir_status transact(weir_sync *s, batch *b, weir_error *err)
{
    const weir_store_ops *ops = s->store.ops;
    weir_status st = ask_the_broker(s, b, err);
    st = st ? st : ops->begin(s->store.self, err);
    if (st) {
        return st;
    }
    st = look_again(s, err);
    st = st ? st : weir_sync_announce(s, b->first, err);
    st = st ? st : apply_jobs(s, b, s->options.wall_ms(s->options.ctx), err);
    st = st ? st : begin_anew_for_blamed(s, err);
    st = st || !b->first ? st : save_merges(s, err);
    st = st || !s->by_transaction ? st : weir_by_transaction_save(s, err);
    if (!st && !ops->shared) {
        mark(s, b);
        st = weir_sync_offsets_put(s, err);
    } else if (!st) {
        st = weir_sync_counts_put(s, err);
    }
    if (st) {
        ops->abort(s->store.self);
        return st;
    }
    st = ops->commit(s->store.self, err);
    if (!st && ops->shared) {
        mark(s, b);
        weir_sync_counts_stored(s);
    } else if (!st) {
        weir_sync_offsets_stored(s);
    }
    return st;
}

void weir_sync_hold(weir_sync *s, const weir_error *why)
{
    pthread_mutex_lock(&s->stats_lock);
    bool news = !s->held;
    s->held = true;
    s->held_why = *why;
    pthread_mutex_unlock(&s->stats_lock);
    if (news) {
        weir_log_error(
            s->options.log, WEIR_LOG_WARN, s->options.name, why, "holding until it passes");
    }
}

/* The store has taken something. */
void weir_sync_go_on(weir_sync *s)
{
    if (weir_by_transaction_holds(s)) {
        return;
    }
    pthread_mutex_lock(&s->stats_lock);
    bool news = s->held;
    s->held = false;
    pthread_mutex_unlock(&s->stats_lock);
    if (news) {
        weir_log_line(s->options.log, WEIR_LOG_INFO, s->options.name, "going on");
    }
}

/* Of the cache with the largest ones, on the average of the batch. */
static void learn_row_bytes(weir_sync *s)
{
    size_t largest = 0;
    for (size_t i = 0; i < s->options.n_caches; i++) {
        weir_merge *m = &s->merges[i];
        size_t mean = m->bases ? (size_t)(m->base_bytes / m->bases) + 1 : 0;
        largest = mean > largest ? mean : largest;
        m->bases = m->base_bytes = 0;
    }
    s->row_bytes = largest ? largest : s->row_bytes;
}

static void publish(weir_sync *s)
{
    pthread_mutex_lock(&s->stats_lock);
    s->transactions++;
    for (size_t i = 0; i < s->options.n_caches; i++) {
        const weir_merge *m = &s->merges[i];
        weir_sync_stats *out = &s->stats[i];
        out->count = m->count;
        for (int32_t p = 0; p < m->n_partitions; p++) {
            const weir_merge_partition *mp = &m->partitions[p];
            out->applied_high = mp->high_H > out->applied_high ? mp->high_H : out->applied_high;
            out->applied_ms = mp->high_ms > out->applied_ms ? mp->high_ms : out->applied_ms;
        }
    }
    pthread_mutex_unlock(&s->stats_lock);
    weir_sync_go_on(s);
}

/* After an abort: what was counted and raised in memory is not in the store. */
static weir_status restore(weir_sync *s, weir_error *err)
{
    weir_status st = s->store.ops->begin(s->store.self, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < s->options.n_caches && !st; i++) {
        s->merges[i].count = s->stats[i].count;
        st = weir_merge_load(&s->merges[i], err);
    }
    s->store.ops->abort(s->store.self);
    return st;
}

static bool may_pass(const weir_sync *s, weir_status st, weir_error *err)
{
    if (st == WEIR_HOLD && s->options.stop_when_full && strcmp(err->code, "STORE_FULL") == 0) {
        err->status = WEIR_FATAL;
    }
    return err->status == WEIR_HOLD || err->status == WEIR_RETRY;
}

/* Is the transaction only to be done again? Rows that a table has refused are then left out, and
 * are rejected as their records are; after rows that another process has moved it is done from what
 * is there now. */
static bool again_at_once(weir_sync *s, batch *b, weir_status *st, unsigned *moved, weir_error *err)
{
    bool any = false;
    if (*st == WEIR_REJECT) {
        weir_error why = *err;
        *st = weir_sync_take_refusals(s, b->first, &any, err);
        if (!*st && !any) {
            *err = why; /* no record's row: nothing that could be left out */
            err->status = *st = WEIR_FATAL;
        }
    } else if (*st == WEIR_RETRY && strcmp(err->code, "TABLE_MOVED") == 0) {
        any = (*moved)++ < MOST_MOVED;
        if (s->by_transaction) {
            weir_by_transaction_met_moved(s, *moved);
        }
    }
    return any;
}

weir_status weir_sync_persist(weir_sync *s, batch *b, bool restored, weir_error *err)
{
    weir_status st = restored ? restore(s, err) : WEIR_OK;
    st = st ? st : transact(s, b, err);
    unsigned moved = 0;
    for (int64_t wait_ms = FIRST_WAIT_MS; st;) {
        if (again_at_once(s, b, &st, &moved, err)) {
            st = restore(s, err);
            st = st ? st : transact(s, b, err);
            continue;
        }
        moved = 0;
        if (!may_pass(s, st, err)) {
            return err->status;
        }
        weir_sync_hold(s, err);
        if (!s->options.wait(s->options.ctx, wait_ms)) {
            return st;
        }
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
        st = restore(s, err);
        st = st ? st : transact(s, b, err);
    }
    learn_row_bytes(s);
    publish(s);
    return WEIR_OK;
}

static void finish(weir_sync *s, batch *b)
{
    while (b->first) {
        weir_sync_job *job = b->first;
        b->first = job->next;
        pthread_mutex_lock(&s->stats_lock);
        for (size_t i = 0; i < job->n; i++) {
            s->rejected += job->items[i].error != NULL;
        }
        pthread_mutex_unlock(&s->stats_lock);
        weir_engine_release(s->engine, job->records, job->n);
        weir_sync_job_done(s, job);
    }
}

/* ---- A round -----------------------------------------------------------------------------------
 */

weir_status weir_sync_store_offsets(weir_sync *s, weir_error *err)
{
    batch none = {0};
    return transact(s, &none, err);
}

void weir_sync_abandon(weir_sync *s)
{
    for (batch b = take_jobs(s, 0); b.first; b = take_jobs(s, 0)) {
        finish(s, &b);
    }
    if (s->by_transaction) {
        weir_by_transaction_abandon(s);
    }
}

weir_status weir_sync_write(weir_sync *s, int64_t wait_ms)
{
    weir_error err = {.status = WEIR_OK};
    batch b = take_jobs(s, wait_ms);
    bool idle = !b.first;
    weir_status st = s->gave_up          ? WEIR_OK
                     : s->by_transaction ? weir_by_transaction_round(s, &b, &err)
                     : idle              ? WEIR_OK
                                         : weir_sync_persist(s, &b, false, &err);
    if (st == WEIR_HOLD || st == WEIR_RETRY) {
        s->gave_up = true; /* what is left is dropped, so that a drain need not wait */
        st = WEIR_OK;
    }
    if (st) {
        weir_engine_fail(s->engine, &err);
    }
    finish(s, &b); /* where it failed: dropped; the store's offsets have not moved */
    weir_sync_withhold_none(s);
    if (!st && !s->gave_up) {
        st = weir_sync_housekeep(s, idle, &err);
        if (st) {
            weir_engine_fail(s->engine, &err);
        }
    }
    return st;
}
