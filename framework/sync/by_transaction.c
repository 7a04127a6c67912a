/* Sync by transaction. See by_transaction.h. */
#include "sync/by_transaction.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "sync/offsets.h"
#include "sync/stored.h"

enum {
    STUCK_MS = 60000,     /* what is refused, and nothing else moves: then the sync ends */
    TRY_EVERY_MS = 5000,  /* what is refused is tried again, though nothing else moves … */
    TRY_SOONEST_MS = 20,  /* … and if something does */
    MOST_REFUSED = 64,    /* rows of one topic's snapshot that are looked for in a round */
    SAY_AFTER_MS = 10000, /* that a transaction is not complete */
    FULL_AFTER_MS = 3000, /* nothing came, since there is no room for it */
    LONGEST_PREFIX = 250,
};

/* A source with tables that are applied by transaction. */
typedef struct ordered_source {
    const weir_source_rules *rules;
    char prefix[LONGEST_PREFIX];
    weir_sequence sequence;
    uint64_t stored;  /* the commit in the store … */
    uint64_t written; /* … as the open transaction has it … */
    uint64_t reached; /* … and after what is applied now */
} ordered_source;

struct weir_by_transaction {
    ordered_source *sources; /* owned */
    size_t n_sources;
    weir_sync_job *jobs; /* not done yet, in the order in which they came */
    weir_sync_job **jobs_end;
    size_t open; /* records of these */
    weir_sequence_batch batch;
    weir_sync_job applied; /* a part of the batch, as a job: its arena is of this part's errors */
    size_t applied_capacity;
    size_t refused_at[MOST_REFUSED * 4]; /* records of the batch that are left out, ascending */
    size_t n_refused;

    const weir_sync_topic *group; /* what was applied and not written is of this topic … */
    char group_op;                /* … and kind */
    bool strict;                  /* each change is written by itself */

    weir_error refused; /* why what waits was refused last; status WEIR_OK: nothing waits */
    bool refused_read;  /* a row of a snapshot: it may wait for as long as it takes */
    bool moved;         /* something was applied since it was refused */
    int64_t came_ms;    /* when something came last … */
    int64_t moved_ms;   /* … when something was applied … */
    int64_t tried_ms;   /* … and when what was refused was tried last */
};

/* ---- Opening -----------------------------------------------------------------------------------
 */

static ordered_source *source_of(struct weir_by_transaction *o, const weir_sync_topic *t)
{
    for (size_t i = 0; i < o->n_sources; i++) {
        if (o->sources[i].rules == t->source) {
            return &o->sources[i];
        }
    }
    return NULL;
}

/* A topic of another source has no order: it goes with any. */
static weir_sequence *sequence_of(struct weir_by_transaction *o, const weir_sync_topic *t)
{
    ordered_source *source = source_of(o, t);
    return source ? &source->sequence : &o->sources[0].sequence;
}

weir_status weir_by_transaction_new(weir_sync *s, weir_error *err)
{
    size_t n = s->options.n_topics;
    bool any = false;
    for (size_t t = 0; t < n; t++) {
        any |= s->options.topics[t].by_transaction;
    }
    if (!any) {
        return WEIR_OK;
    }
    if (s->store.ops->shared) {
        return weir_fail(err, WEIR_E_CONFIG_CONFLICT,
            "instances that share a store see parts of transactions: apply: by_transaction needs "
            "mode: replicate");
    }
    struct weir_by_transaction *o = weir_calloc(1, sizeof *o);
    if (!o || !(o->sources = weir_calloc(n, sizeof *o->sources))) {
        weir_free(o);
        return weir_fail_oom(err);
    }
    for (size_t t = 0; t < n; t++) {
        const weir_sync_topic *topic = &s->options.topics[t];
        if (topic->by_transaction && !source_of(o, topic)) {
            ordered_source *source = &o->sources[o->n_sources++];
            source->rules = topic->source;
            snprintf(source->prefix, sizeof source->prefix, "%.*s",
                WEIR_ARG(topic->source->topic_prefix));
            weir_sequence_init(&source->sequence, 0);
        }
    }
    o->jobs_end = &o->jobs;
    weir_arena_init(&o->applied.arena, 0);
    s->by_transaction = o;
    return WEIR_OK;
}

void weir_by_transaction_free(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (!o) {
        return;
    }
    for (size_t i = 0; i < o->n_sources; i++) {
        weir_sequence_fini(&o->sources[i].sequence);
    }
    weir_sequence_batch_fini(&o->batch);
    weir_arena_fini(&o->applied.arena);
    weir_free(o->applied.items);
    weir_free(o->applied.records);
    weir_free(o->sources);
    weir_free(o);
    s->by_transaction = NULL;
}

weir_status weir_by_transaction_load(weir_sync *s, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_status st = WEIR_OK;
    for (size_t i = 0; o && i < o->n_sources && !st; i++) {
        ordered_source *source = &o->sources[i];
        st = weir_stored_commit(s->store, source->prefix, &source->stored, err);
        source->reached = source->written = source->sequence.commit = source->stored;
    }
    return st;
}

weir_status weir_by_transaction_anew(weir_sync *s, uint32_t tag, weir_error *err)
{
    ordered_source *source = source_of(s->by_transaction, &s->options.topics[tag]);
    weir_status st = WEIR_OK;
    for (uint32_t t = 0; t < s->options.n_topics && !st; t++) {
        const weir_sync_topic *topic = &s->options.topics[t];
        if (topic->source == source->rules && (topic->by_transaction || topic->transactions)) {
            st = weir_sync_offsets_drop(s, t, err);
        }
    }
    source->stored = source->reached = source->written = source->sequence.commit = 0;
    return st ? st : weir_stored_commit_set(s->store, source->prefix, 0, err);
}

/* ---- Within a transaction of the store ---------------------------------------------------------
 */

/* A tombstone stands behind its d. */
static char kind_of(const weir_sync_item *item)
{
    char op = item->is_change && item->topic->n_caches ? item->changes[0].op : 'd';
    return op ? op : 'd';
}

static weir_status write_now(weir_sync *s, bool checked, weir_error *err)
{
    s->by_transaction->group = NULL;
    return s->store.ops->write_now ? s->store.ops->write_now(s->store.self, checked, err) : WEIR_OK;
}

weir_status weir_by_transaction_before(weir_sync *s, const weir_sync_item *item, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (!item->is_change) {
        return WEIR_OK;
    }
    char op = kind_of(item);
    bool other = o->strict || o->group != item->topic || o->group_op != op;
    weir_status st = o->group && other ? write_now(s, false, err) : WEIR_OK;
    o->group = item->topic;
    o->group_op = op;
    return st;
}

weir_status weir_by_transaction_save(weir_sync *s, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < o->n_sources && !st; i++) {
        ordered_source *source = &o->sources[i];
        source->written = source->reached;
        if (source->written != source->stored) {
            st = weir_stored_commit_set(s->store, source->prefix, source->written, err);
        }
    }
    return st ? st : write_now(s, true, err);
}

/* ---- A part of the batch -----------------------------------------------------------------------
 */

static weir_sync_place *place_at(const weir_sequence_batch *b, size_t i)
{
    return b->records[i]->item;
}

static bool make_room(struct weir_by_transaction *o, size_t n)
{
    if (n <= o->applied_capacity) {
        return true;
    }
    weir_free(o->applied.items);
    weir_free(o->applied.records);
    o->applied_capacity = 0;
    o->applied.items = weir_alloc(n * sizeof *o->applied.items);
    o->applied.records = weir_alloc(n * sizeof(weir_record *));
    o->applied_capacity = o->applied.items && o->applied.records ? n : 0;
    return o->applied_capacity;
}

/* The commits that are reached behind these records. */
static void reach(struct weir_by_transaction *o, size_t from, size_t to)
{
    for (size_t i = 0; i < o->n_sources; i++) {
        o->sources[i].reached = o->sources[i].stored;
    }
    for (size_t i = 0; i < o->batch.n_units; i++) {
        const weir_sequence_unit *u = &o->batch.units[i];
        for (size_t k = 0; k < o->n_sources && u->from < to && u->from + u->n > from; k++) {
            if (&o->sources[k].sequence == u->of) {
                o->sources[k].reached = u->commit;
            }
        }
    }
}

static bool is_refused(const weir_error *err)
{
    return strcmp(err->code, "TABLE_DEPENDS") == 0;
}

static void take_part(struct weir_by_transaction *o, size_t from, size_t to)
{
    weir_arena_reset(&o->applied.arena);
    for (size_t i = from; i < to; i++) {
        o->applied.items[i - from] = *place_at(&o->batch, i)->item;
        o->applied.records[i - from] = o->applied.items[i - from].record;
    }
    o->applied.n = to - from;
    o->applied.next = NULL;
}

/* What was found out of records that are not applied by transaction: their dead letters are not
 * written again. */
static void keep_findings(struct weir_by_transaction *o, size_t from)
{
    for (size_t i = 0; i < o->applied.n; i++) {
        const weir_sync_item *found = &o->applied.items[i];
        weir_sync_place *place = place_at(&o->batch, from + i);
        weir_error *why = found->error && !place->item->error
                              ? weir_arena_alloc(&place->job->arena, sizeof *why)
                              : NULL;
        weir_view key = why ? weir_arena_copy(&place->job->arena, found->key) : found->key;
        if (why && key.ptr) {
            *why = *found->error;
            place->item->error = why;
            place->item->key = key;
            place->item->is_change = false;
        }
        place->item->lettered = found->lettered;
    }
}

static weir_status persist(
    weir_sync *s, size_t from, size_t to, bool restored, bool strict, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (!make_room(o, to - from)) {
        return weir_fail_oom(err);
    }
    take_part(o, from, to);
    o->strict = strict;
    o->group = NULL;
    reach(o, from, to);
    weir_sync_batch b = {.first = to > from ? &o->applied : NULL, .records = to - from};
    weir_status st = weir_sync_persist(s, &b, restored, err);
    keep_findings(o, from);
    for (size_t i = 0; i < o->n_sources && !st; i++) {
        o->sources[i].stored = o->sources[i].written;
    }
    if (st && is_refused(err) && b.marked) { /* its offsets count as stored: it cannot be divided */
        weir_fail(err, WEIR_E_INTERNAL, "a commit was refused after it had been looked at");
    }
    return st ? err->status : WEIR_OK;
}

/* A place within (from, to) at which the batch may be divided; to: there is none. Transactions are
 * whole. */
static size_t cut_of(const weir_sequence_batch *b, size_t from, size_t to)
{
    size_t middle = from + (to - from) / 2, best = to;
    for (size_t i = 0; i < b->n_units; i++) {
        const weir_sequence_unit *u = &b->units[i];
        size_t first = u->from, last = u->from + u->n;
        size_t cut = !u->transaction && first < middle && middle < last ? middle : first;
        bool nearer = best == to || (cut > middle ? cut - middle : middle - cut) <
                                        (best > middle ? best - middle : middle - best);
        best = cut > from && cut < to && nearer ? cut : best;
    }
    return best;
}

/* The row of a snapshot may be applied behind others of it. */
static bool is_read(const struct weir_by_transaction *o, size_t i)
{
    const weir_sync_item *item = place_at(&o->batch, i)->item;
    return item->is_change && item->topic->n_caches &&
           (item->changes[0].kind == WEIR_READ || item->changes[0].kind == WEIR_INCREMENTAL);
}

/* Where the first transaction of these records begins. */
static size_t first_transaction(const weir_sequence_batch *b, size_t from, size_t to)
{
    for (size_t i = 0; i < b->n_units; i++) {
        const weir_sequence_unit *u = &b->units[i];
        if (u->transaction && u->from >= from && u->from < to) {
            return u->from;
        }
    }
    return to;
}

/* False: enough of its topic's were found, and their search is put off. */
static bool leave_out(struct weir_by_transaction *o, size_t at)
{
    const weir_sync_topic *topic = place_at(&o->batch, at)->item->topic;
    size_t of_topic = 0;
    for (size_t i = 0; i < o->n_refused; i++) {
        of_topic += place_at(&o->batch, o->refused_at[i])->item->topic == topic;
    }
    if (of_topic == MOST_REFUSED || o->n_refused == sizeof o->refused_at / sizeof *o->refused_at) {
        return false;
    }
    o->refused_at[o->n_refused++] = at;
    return true;
}

/* Applies what the database takes of these records, from the first one on, leaving out rows of
 * snapshots that it refuses. *end: the first one that is not looked at. */
static weir_status apply(
    weir_sync *s, size_t from, size_t to, bool restored, size_t *end, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    size_t all = to;
    to = o->n_refused ? first_transaction(&o->batch, from, to) : to; /* it may want what waits */
    *end = from;
    if (from == to) {
        return WEIR_OK;
    }
    weir_status st = persist(s, from, to, restored, false, err);
    if (st && !is_refused(err)) {
        return st;
    }
    size_t cut = st ? cut_of(&o->batch, from, to) : to;
    if (st && cut < to) {
        st = apply(s, from, cut, true, end, err);
        return st || *end < cut ? st : apply(s, cut, all, true, end, err);
    }
    st = st && to - from > 1 ? persist(s, from, to, true, true, err) : st;
    if (st && is_refused(err)) {
        o->refused = *err;
        *end = is_read(o, from) && leave_out(o, from) ? to : from;
        return WEIR_OK;
    }
    *end = st ? from : to;
    return st;
}

/* ---- The batch ---------------------------------------------------------------------------------
 */

static void unlink_done(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    for (weir_sync_job **at = &o->jobs; *at;) {
        weir_sync_job *job = *at;
        if (job->left) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        o->open -= job->n;
        pthread_mutex_lock(&s->stats_lock);
        for (size_t i = 0; i < job->n; i++) {
            s->rejected += job->items[i].error != NULL;
        }
        pthread_mutex_unlock(&s->stats_lock);
        weir_engine_release(s->engine, job->records, job->n);
        weir_sync_job_done(s, job);
    }
    o->jobs_end = &o->jobs;
    while (*o->jobs_end) {
        o->jobs_end = &(*o->jobs_end)->next;
    }
}

static void finish(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    bool any = false;
    for (size_t i = 0; i < o->batch.n; i++) {
        any |= o->batch.records[i] && --place_at(&o->batch, i)->job->left == 0;
    }
    weir_sequence_done(&o->batch);
    if (any) {
        unlink_done(s);
    }
}

static weir_status collect(weir_sync *s, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    size_t bound = weir_sync_batch_bound(s);
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < o->n_sources && !st; i++) {
        bool any = true;
        while (any && !st && o->batch.n < bound) {
            st = weir_sequence_next(
                &o->sources[i].sequence, &o->batch, bound - o->batch.n, &any, err);
        }
    }
    return st;
}

/* What was refused waits, and what must wait for it. */
static void put_back(weir_sync *s, size_t end)
{
    struct weir_by_transaction *o = s->by_transaction;
    bool stopped = end < o->batch.n && o->n_refused == 0;
    size_t first = stopped || !o->n_refused ? end : o->refused_at[0];
    const weir_raw_record *r = &place_at(&o->batch, first)->item->record->raw;
    bool read = is_read(o, first);
    weir_log_error(s->options.log, o->refused_read ? WEIR_LOG_DEBUG : WEIR_LOG_INFO,
        s->options.name, &o->refused, "%s %.*s/%d@%lld waits for other rows",
        read ? "the row of a snapshot" : "the transaction of", WEIR_ARG(r->topic),
        (int)r->partition, (long long)r->offset);
    o->refused_read |= read;
    if (end < o->batch.n) {
        weir_sequence_put_back(&o->batch, end, stopped || is_read(o, end));
    }
    while (o->n_refused) {
        weir_sequence_put_back_one(&o->batch, o->refused_at[--o->n_refused]);
    }
}

static weir_status apply_batch(weir_sync *s, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    size_t end = 0;
    o->n_refused = 0;
    weir_status st = apply(s, 0, o->batch.n, false, &end, err);
    if (st) {
        return st;
    }
    if (end > o->n_refused) {
        o->moved = true;
        o->moved_ms = s->options.wall_ms(s->options.ctx);
    }
    if (end < o->batch.n || o->n_refused) {
        put_back(s, end);
        st = persist(s, 0, 0, true, false, err); /* what it has raised in memory is taken back */
    }
    finish(s);
    return st;
}

/* ---- What waits --------------------------------------------------------------------------------
 */

static void try_again(weir_sync *s, int64_t now_ms)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (!o->refused.status || now_ms - o->tried_ms < (o->moved ? TRY_SOONEST_MS : TRY_EVERY_MS)) {
        return;
    }
    for (size_t i = 0; i < o->n_sources; i++) {
        (void)weir_sequence_retry(&o->sources[i].sequence);
    }
    o->refused.status = WEIR_OK;
    o->refused_read = o->moved = false;
    o->tried_ms = now_ms;
}

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

static bool is_all_that_is_open(const weir_sync *s)
{
    const struct weir_by_transaction *o = s->by_transaction;
    return o->open && weir_engine_get_counts(s->engine).open == o->open;
}

/* Nothing was applied. */
static weir_status look_at_waiting(weir_sync *s, int64_t now_ms, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_error why = o->refused;
    if (!is_all_that_is_open(s)) {
        return WEIR_OK;
    }
    if (weir_engine_stopping(s->engine)) {
        weir_by_transaction_abandon(s); /* a drain need not wait for what does not come */
        return WEIR_OK;
    }
    bool over = weir_engine_at_end(s->engine);
    bool full = !o->refused.status && !over && now_ms - o->came_ms >= FULL_AFTER_MS &&
                weir_engine_wants_room(s->engine);
    if (full) {
        return weir_fail(err, WEIR_E_TRANSACTION_TOO_LARGE,
            "%zu records wait for the rest of a transaction, and fill limits.in_flight", o->open);
    }
    if (!o->refused.status && (over || now_ms - o->moved_ms >= SAY_AFTER_MS)) {
        (void)incomplete(s, &why);
    }
    if (why.status &&
        (over || (o->refused.status && !o->refused_read && now_ms - o->moved_ms >= STUCK_MS))) {
        *err = why;
        return err->status = WEIR_FATAL;
    }
    if (why.status) {
        why.status = WEIR_HOLD;
        weir_sync_hold(s, &why);
    }
    return WEIR_OK;
}

/* ---- A round -----------------------------------------------------------------------------------
 */

static weir_status push(weir_sync *s, weir_sync_batch *taken, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_status st = WEIR_OK;
    while (taken->first) {
        weir_sync_job *job = taken->first;
        taken->first = job->next;
        job->next = NULL;
        job->left = job->n;
        *o->jobs_end = job;
        o->jobs_end = &job->next;
        o->open += job->n;
        for (size_t i = 0; i < job->n && !st; i++) {
            const weir_sync_item *item = &job->items[i];
            st = weir_sequence_push(sequence_of(o, item->topic), item->record->partition->tag,
                item->record->raw.partition, &item->place->record, err);
            st = st ? weir_sync_place_of(item, err) : st;
        }
    }
    return st;
}

weir_status weir_by_transaction_round(weir_sync *s, weir_sync_batch *taken, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    int64_t now_ms = s->options.wall_ms(s->options.ctx);
    bool applied = false, any = true;
    o->moved_ms = o->moved_ms && o->open ? o->moved_ms : now_ms;
    o->came_ms = taken->first ? now_ms : o->came_ms;
    weir_status st = push(s, taken, err);
    try_again(s, now_ms);
    while (any && !st) {
        st = collect(s, err);
        any = o->batch.n > 0;
        st = st || !any ? st : apply_batch(s, err);
        applied |= any;
    }
    return st || applied ? st : look_at_waiting(s, now_ms, err);
}

void weir_by_transaction_abandon(weir_sync *s)
{
    struct weir_by_transaction *o = s->by_transaction;
    for (weir_sync_job *job; (job = o->jobs);) {
        o->jobs = job->next;
        weir_engine_drop(s->engine, job->records, job->n);
        weir_sync_job_done(s, job);
    }
    o->jobs_end = &o->jobs;
    o->open = 0;
    for (size_t i = 0; i < o->n_sources; i++) {
        uint64_t commit = o->sources[i].stored;
        weir_sequence_fini(&o->sources[i].sequence);
        weir_sequence_init(&o->sources[i].sequence, commit);
    }
    o->batch.n = o->batch.n_units = 0;
}
