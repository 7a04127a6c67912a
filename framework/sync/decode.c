/* The lanes' half of sync: decode each record and render its row for each cache. See sync.h. */
#include "base/alloc.h"
#include "cdc/projection.h"
#include "cdc/shape.h"
#include "sync/by_transaction.h"
#include "sync/job.h"
#include "sync/render.h"

enum {
    KEPT_JOBS = 8,
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 5000,
};

typedef struct weir_sync_lane {
    weir_decoder **decoders;     /* one per topic; topics of one source share theirs */
    weir_row_checker *checkers;  /* one per topic */
    weir_arena scratch;          /* of one record */
    bool held;                   /* a registry does not answer: said in the log */
    size_t typical_bytes;        /* that a record takes of a job's arena, lately */
    const weir_row_plan **plans; /* one per topic: of the rows of this chunk so far */
} weir_sync_lane;

static void free_lane(weir_sync *s, weir_sync_lane *l)
{
    for (size_t i = 0; l->decoders && i < s->options.n_topics; i++) {
        bool shared = false;
        for (size_t j = 0; j < i; j++) {
            shared |= l->decoders[j] == l->decoders[i];
        }
        if (!shared) {
            weir_decoder_free(l->decoders[i]);
        }
    }
    for (size_t i = 0; l->checkers && i < s->options.n_topics; i++) {
        weir_row_checker_fini(&l->checkers[i]);
    }
    weir_free(l->checkers);
    weir_free(l->plans);
    weir_free(l->decoders);
    weir_arena_fini(&l->scratch);
}

static weir_status new_lane(weir_sync *s, weir_sync_lane *l, weir_error *err)
{
    weir_arena_init(&l->scratch, 0);
    l->decoders = weir_calloc(s->options.n_topics, sizeof(weir_decoder *));
    l->checkers = weir_calloc(s->options.n_topics, sizeof *l->checkers);
    l->plans = weir_calloc(s->options.n_topics, sizeof(const weir_row_plan *));
    if (!l->decoders || !l->checkers || !l->plans) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < s->options.n_topics; i++) {
        for (size_t j = 0; j < i && !l->decoders[i]; j++) {
            if (s->options.topics[j].source == s->options.topics[i].source) {
                l->decoders[i] = l->decoders[j];
            }
        }
        weir_status st = l->decoders[i]
                             ? WEIR_OK
                             : weir_decoder_new(s->options.topics[i].source, &l->decoders[i], err);
        st = st ? st
                : weir_row_checker_init(&l->checkers[i], s->options.topics[i].check, s->options.log,
                      s->options.name, err);
        if (st) {
            return st;
        }
    }
    return WEIR_OK;
}

weir_status weir_sync_lanes_new(weir_sync *s, weir_error *err)
{
    s->lanes = weir_calloc(s->options.lanes, sizeof *s->lanes);
    if (!s->lanes) {
        return weir_fail_oom(err);
    }
    weir_status st = WEIR_OK;
    for (unsigned i = 0; i < s->options.lanes && !st; i++) {
        st = new_lane(s, &s->lanes[i], err);
    }
    return st;
}

static void free_job(weir_sync_job *job)
{
    weir_arena_fini(&job->arena);
    weir_free(job->records);
    weir_free(job->items);
    weir_free(job);
}

void weir_sync_lanes_free(weir_sync *s)
{
    for (unsigned i = 0; s->lanes && i < s->options.lanes; i++) {
        free_lane(s, &s->lanes[i]);
    }
    weir_free(s->lanes);
    while (s->free_jobs) {
        weir_sync_job *job = s->free_jobs;
        s->free_jobs = job->next;
        free_job(job);
    }
}

void weir_sync_job_done(weir_sync *s, weir_sync_job *job)
{
    weir_arena_fini(&job->arena); /* the next one's is as large as it needs */
    weir_arena_init(&job->arena, 0);
    pthread_mutex_lock(&s->queue_lock);
    bool keep = s->n_free < KEPT_JOBS;
    if (keep) {
        job->next = s->free_jobs;
        s->free_jobs = job;
        s->n_free++;
    }
    pthread_mutex_unlock(&s->queue_lock);
    if (!keep) {
        free_job(job);
    }
}

/* A job with room for n items; NULL: out of memory. */
static weir_sync_job *take_job(weir_sync *s, const weir_sync_lane *lane, size_t n)
{
    pthread_mutex_lock(&s->queue_lock);
    weir_sync_job *job = s->free_jobs;
    if (job) {
        s->free_jobs = job->next;
        s->n_free--;
    }
    pthread_mutex_unlock(&s->queue_lock);
    if (!job && (job = weir_calloc(1, sizeof *job))) {
        weir_arena_init(&job->arena, 0);
    }
    if (job && job->capacity < n) {
        weir_free(job->records);
        weir_free(job->items);
        job->records = weir_calloc(n, sizeof(weir_record *));
        job->items = weir_calloc(n, sizeof *job->items);
        job->capacity = n;
    }
    if (job && (!job->records || !job->items)) {
        free_job(job);
        return NULL;
    }
    if (job) {
        job->n = 0;
        job->next = NULL;
        /* An eighth more than is likely. If it is refused, so is what is taken from it. */
        (void)weir_arena_reserve(&job->arena, n * (lane->typical_bytes + lane->typical_bytes / 8));
    }
    return job;
}

static bool keep(weir_sync_job *job, weir_view *v)
{
    if (v->ptr) {
        *v = weir_arena_copy(&job->arena, *v);
    }
    return !job->arena.failed;
}

/* Renders the row as one cache wants it, and copies what the scratch memory holds. */
static weir_status change_for(weir_decoder *d, const weir_event *ev, const weir_sync_cache *cache,
    weir_sync_job *job, weir_arena *scratch, weir_change *c, weir_error *err)
{
    weir_status st = weir_sync_render(d, ev, cache, scratch, c, err);
    bool kept = !st && keep(job, &c->key) && keep(job, &c->other) && keep(job, &c->row) &&
                keep(job, &c->missing) && keep(job, &c->before);
    return st || kept ? st : weir_fail_oom(err);
}

static weir_status changes_of(weir_sync *s, weir_decoder *d, const weir_event *ev,
    weir_sync_job *job, weir_arena *scratch, weir_sync_item *item, weir_error *err)
{
    const weir_sync_topic *t = item->topic;
    weir_change *changes = weir_arena_alloc(&job->arena, t->n_caches * sizeof *changes);
    if (!changes) {
        return weir_fail_oom(err);
    }
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < t->n_caches && !st; i++) {
        const weir_sync_cache *cache = &s->options.caches[t->caches[i]];
        st = change_for(d, ev, cache, job, scratch, &changes[i], err);
        changes[i].gap = item->record->gap;
    }
    item->changes = changes;
    return st;
}

static bool is_all(const weir_projection *p)
{
    return !p->keep && !p->drop && !p->rename;
}

/* What the config says of columns is held against the first row of each plan. */
static weir_status check_columns(weir_sync *s, const weir_sync_topic *t, const weir_event *ev,
    weir_arena *scratch, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < t->n_caches && !st; i++) {
        const weir_sync_cache *c = &s->options.caches[t->caches[i]];
        const weir_projection *p = &c->view.projection;
        st =
            is_all(p) ? WEIR_OK : weir_projection_check(p, ev->after, ev->change.key, scratch, err);
        if (st) {
            (void)weir_at(err, "%s", c->name);
        }
    }
    return st;
}

static weir_status shapes_of(
    weir_sync *s, const weir_event *ev, weir_sync_job *job, weir_sync_item *item, weir_error *err)
{
    const weir_sync_topic *t = item->topic;
    const weir_shape **shapes =
        weir_arena_alloc(&job->arena, t->n_caches * sizeof(const weir_shape *));
    for (size_t i = 0; shapes && i < t->n_caches; i++) {
        shapes[i] =
            weir_shape_of(ev->plan, &s->options.caches[t->caches[i]].view.projection, &job->arena);
    }
    item->shapes = shapes;
    return shapes && !job->arena.failed ? WEIR_OK : weir_fail_oom(err);
}

/* With a chunk's first record of each plan; a store that keeps rows as columns is told of them. */
static weir_status meet_plan(weir_sync *s, weir_sync_lane *lane, const weir_event *ev,
    weir_sync_job *job, weir_sync_item *item, weir_error *err)
{
    uint32_t tag = item->record->partition->tag;
    if (!ev->plan || !ev->after || lane->plans[tag] == ev->plan) {
        return WEIR_OK;
    }
    weir_status st = check_columns(s, item->topic, ev, &lane->scratch, err);
    if (!st && s->store.ops->shape) {
        st = shapes_of(s, ev, job, item, err);
    }
    lane->plans[tag] = st ? lane->plans[tag] : ev->plan;
    return st;
}

static weir_status decode(
    weir_sync *s, weir_sync_lane *lane, weir_sync_job *job, weir_sync_item *item, weir_error *err)
{
    weir_decoder *d = lane->decoders[item->record->partition->tag];
    weir_event ev = {.kind = WEIR_EVENT_OTHER};
    weir_arena_reset(&lane->scratch);
    weir_status st = weir_decoder_read(d, &item->record->raw, &lane->scratch, &ev, err);
    st = st ? st : weir_sync_usable(item->topic, &ev, err);
    item->is_change = !st && weir_sync_is_change(item->topic, &ev);
    if (item->is_change) {
        st = weir_row_check(&lane->checkers[item->record->partition->tag], d, &item->record->raw,
            &ev, &lane->scratch, err);
    }
    if (item->is_change && !st) {
        st = changes_of(s, d, &ev, job, &lane->scratch, item, err);
        st = st ? st : meet_plan(s, lane, &ev, job, item, err);
    }
    if (st) {
        item->is_change = false;
        item->key = ev.change.key;
        st = keep(job, &item->key) ? st : weir_fail_oom(err);
    }
    return s->by_transaction ? weir_by_transaction_place(s, &ev, job, item, st, err) : st;
}

static void say_held(weir_sync *s, weir_sync_lane *lane, const weir_error *why)
{
    if (why && !lane->held) {
        weir_log_error(s->options.log, WEIR_LOG_WARN, s->options.name, why,
            "a lane waits until its schemas can be read");
    } else if (!why && lane->held) {
        weir_log_line(s->options.log, WEIR_LOG_INFO, s->options.name, "a lane goes on");
    }
    lane->held = why != NULL;
}

/* While a registry does not answer, this lane waits; it may not go on to later records of a key. */
static weir_status decode_held(
    weir_sync *s, weir_sync_lane *lane, weir_sync_job *job, weir_sync_item *item, weir_error *err)
{
    weir_status st = decode(s, lane, job, item, err);
    for (int64_t wait_ms = FIRST_WAIT_MS; st == WEIR_HOLD;) {
        say_held(s, lane, err);
        if (!s->options.wait(s->options.ctx, wait_ms)) {
            return st;
        }
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
        st = decode(s, lane, job, item, err);
    }
    say_held(s, lane, NULL);
    return st;
}

/* A failure of the record itself becomes the item's error; any other is returned. */
static weir_status decode_item(
    weir_sync *s, weir_sync_lane *lane, weir_sync_job *job, weir_sync_item *item, weir_error *err)
{
    weir_status st = decode_held(s, lane, job, item, err);
    if (st != WEIR_REJECT) {
        return st;
    }
    weir_error *copy = weir_arena_alloc(&job->arena, sizeof *copy);
    if (!copy) {
        return weir_fail_oom(err);
    }
    *copy = *err;
    item->error = copy;
    return WEIR_OK;
}

static size_t count_to_complete(const weir_sync_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < job->n; i++) {
        const weir_sync_item *item = &job->items[i];
        for (size_t c = 0; item->is_change && c < item->topic->n_caches; c++) {
            n += item->changes[c].missing.len > 0;
        }
    }
    return n;
}

static void push_job(weir_sync *s, weir_sync_job *job)
{
    job->to_complete = count_to_complete(job);
    pthread_mutex_lock(&s->queue_lock);
    if (s->last) {
        s->last->next = job;
    } else {
        s->first = job;
    }
    s->last = job;
    pthread_cond_signal(&s->queue_filled);
    pthread_mutex_unlock(&s->queue_lock);
}

/* What was taken is dropped, and comes again. A failure ends the engine; who was stopped while it
 * held has not failed. */
static void give_up(weir_sync *s, weir_chunk *chunk, size_t from, const weir_error *err)
{
    size_t count = chunk->count; /* the chunk goes with its last record */
    if (err->status != WEIR_HOLD) {
        weir_engine_fail(s->engine, err);
    }
    for (size_t i = from; i < count; i++) {
        weir_record *r = &chunk->records[i];
        weir_engine_drop(s->engine, &r, 1);
    }
}

/* The changes have their own bytes; only a dead letter needs the record's. */
static void unload(weir_sync *s, weir_sync_lane *lane, weir_sync_job *job)
{
    weir_record **done = weir_arena_alloc(&job->arena, job->n * sizeof(weir_record *));
    size_t n = 0;
    for (size_t i = 0; done && i < job->n; i++) {
        if (!job->items[i].error) {
            done[n++] = job->items[i].record;
        }
    }
    size_t each = job->n ? weir_arena_used(&job->arena) / job->n : 0;
    lane->typical_bytes = (lane->typical_bytes * 7 + each) / 8;
    size_t bytes = job->n * (sizeof(weir_record) + sizeof(weir_record *) + sizeof(weir_sync_item)) +
                   weir_arena_footprint(&job->arena);
    if (n) {
        weir_engine_unload(s->engine, done, n, bytes);
    }
}

static void sync_take(void *self, unsigned lane, weir_chunk *chunk)
{
    weir_sync *s = self;
    weir_error err = {.status = WEIR_OK};
    size_t count = chunk->count;
    for (size_t i = 0; i < s->options.n_topics; i++) {
        s->lanes[lane].plans[i] = NULL;
    }
    weir_sync_job *job = take_job(s, &s->lanes[lane], count);
    if (!job) {
        weir_fail_oom(&err);
        give_up(s, chunk, 0, &err);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        weir_record *r = &chunk->records[i];
        weir_sync_item *item = &job->items[job->n];
        *item = (weir_sync_item){.record = r, .topic = &s->options.topics[r->partition->tag]};
        if (decode_item(s, &s->lanes[lane], job, item, &err)) {
            give_up(s, chunk, i, &err);
            break;
        }
        job->records[job->n++] = r;
    }
    if (job->n) {
        unload(s, &s->lanes[lane], job);
        push_job(s, job); /* its records, and so the chunk, are the writer's from here on */
    } else {
        weir_sync_job_done(s, job);
    }
}

static int64_t sync_step(void *self, unsigned lane, int64_t now_ms)
{
    (void)self, (void)lane, (void)now_ms;
    return INT64_MAX; /* the writer does what is due by time */
}

const weir_processor_ops weir_sync_processor = {.take = sync_take, .step = sync_step};
