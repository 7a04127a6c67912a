/* Sync by transaction. See by_transaction.h. */
#include "sync/by_transaction.h"

#include <stdio.h>

#include "base/alloc.h"
#include "sync/by_transaction_own.h"
#include "sync/offsets.h"
#include "sync/stored.h"

enum {
    FEWEST_IN_ORDER = 1, /* batches, once a net was refused … */
    MOST_IN_ORDER = 64,  /* … twice as many each time that the next one is refused, too */
    MOVED_BY_OTHERS = 2, /* times that rows were not as read, before it is laid to a cascade */
};

/* ---- Opening -----------------------------------------------------------------------------------
 */

static weir_ordered_source *source_of(struct weir_by_transaction *o, const weir_sync_topic *t)
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
    weir_ordered_source *source = source_of(o, t);
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
            weir_ordered_source *source = &o->sources[o->n_sources++];
            source->rules = topic->source;
            snprintf(source->prefix, sizeof source->prefix, "%.*s",
                WEIR_ARG(topic->source->topic_prefix));
            weir_sequence_init(&source->sequence, 0);
        }
    }
    o->jobs_end = &o->jobs;
    o->next_in_order = FEWEST_IN_ORDER;
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
        weir_ordered_source *source = &o->sources[i];
        st = weir_stored_commit(s->store, source->prefix, &source->stored, err);
        source->reached = source->written = source->sequence.commit = source->stored;
    }
    return st;
}

weir_status weir_by_transaction_anew(weir_sync *s, uint32_t tag, weir_error *err)
{
    weir_ordered_source *source = source_of(s->by_transaction, &s->options.topics[tag]);
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

static weir_status write_now(const weir_sync *s, bool checked, weir_error *err)
{
    return s->store.ops->write_now ? s->store.ops->write_now(s->store.self, checked, err) : WEIR_OK;
}

weir_status weir_by_transaction_before(weir_sync *s, const weir_sync_item *item, weir_error *err)
{
    return item->is_change && s->by_transaction->in_order ? write_now(s, false, err) : WEIR_OK;
}

weir_status weir_by_transaction_save(weir_sync *s, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < o->n_sources && !st; i++) {
        weir_ordered_source *source = &o->sources[i];
        source->written = source->reached;
        if (source->written != source->stored) {
            st = weir_stored_commit_set(s->store, source->prefix, source->written, err);
        }
    }
    return st ? st : write_now(s, true, err);
}

/* Nobody else writes here. A net may meet its own cascade, where the store does not know of a
 * foreign key: in the source's order what it takes is gone. */
void weir_by_transaction_met_moved(weir_sync *s, unsigned times)
{
    struct weir_by_transaction *o = s->by_transaction;
    o->in_order |= times >= MOVED_BY_OTHERS;
}

void weir_by_transaction_accept(weir_sync *s, const weir_sync_topic *topic)
{
    weir_ordered_source *source = source_of(s->by_transaction, topic);
    if (source) {
        source->reached = 0;
        source->regressed = true;
    }
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
    weir_sync *s, size_t from, size_t to, bool restored, bool in_order, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (!make_room(o, to - from)) {
        return weir_fail_oom(err);
    }
    take_part(o, from, to);
    o->in_order = in_order;
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
    if (of_topic == WEIR_MOST_REFUSED ||
        o->n_refused == sizeof o->refused_at / sizeof *o->refused_at) {
        return false;
    }
    o->refused_at[o->n_refused++] = at;
    return true;
}

/* Net, or, where that was refused, in the source's order. */
static weir_status persist_either(
    weir_sync *s, size_t from, size_t to, bool restored, weir_error *err)
{
    struct weir_by_transaction *o = s->by_transaction;
    if (o->left_in_order) {
        return persist(s, from, to, restored, true, err);
    }
    weir_status st = persist(s, from, to, restored, false, err);
    if (!st || !is_refused(err)) {
        o->next_in_order = st ? o->next_in_order : FEWEST_IN_ORDER;
        return st;
    }
    o->left_in_order = o->next_in_order;
    o->next_in_order = 2 * o->left_in_order < MOST_IN_ORDER ? 2 * o->left_in_order : MOST_IN_ORDER;
    return persist(s, from, to, true, true, err);
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
    weir_status st = persist_either(s, from, to, restored, err);
    if (st && !is_refused(err)) {
        return st;
    }
    size_t cut = st ? cut_of(&o->batch, from, to) : to;
    if (st && cut < to) {
        st = apply(s, from, cut, true, end, err);
        return st || *end < cut ? st : apply(s, cut, all, true, end, err);
    }
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
    weir_by_transaction_refused(s, place_at(&o->batch, first)->item, is_read(o, first));
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
    o->left_in_order -= o->left_in_order > 0;
    if (st) {
        return st;
    }
    if (end > o->n_refused) {
        weir_by_transaction_moved(s);
    }
    if (end < o->batch.n || o->n_refused) {
        put_back(s, end);
        st = persist(s, 0, 0, true, false, err); /* what it has raised in memory is taken back */
    }
    finish(s);
    for (size_t i = 0; i < o->n_sources && !st; i++) {
        weir_ordered_source *source = &o->sources[i];
        if (source->regressed) {
            weir_sequence_regress(&source->sequence, source->stored);
            source->regressed = false;
        }
    }
    return st;
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
    int64_t now_ms = weir_by_transaction_now(s);
    bool applied = false, any = true;
    o->moved_ms = o->moved_ms && o->open ? o->moved_ms : now_ms;
    o->came_ms = taken->first ? now_ms : o->came_ms;
    weir_status st = push(s, taken, err);
    weir_by_transaction_try_again(s);
    while (any && !st) {
        st = collect(s, err);
        bool some = o->batch.n > 0;
        st = st || !some ? st : apply_batch(s, err);
        applied |= some;
        any = some || (!st && weir_by_transaction_release(s));
    }
    return st ? st : weir_by_transaction_look(s, applied, err);
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
