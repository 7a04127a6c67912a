/* Handled records into transactions. See transactor.h. */
#include "service/transactor.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/clock.h"

enum {
    DEFAULT_BYTES = 16 << 20,
    DEFAULT_RECORDS = 10000,
    DEFAULT_INTERVAL_MS = 1000,
    FIRST_BACKOFF_MS = 50,
    MOST_BACKOFF_MS = 2000,
};

typedef struct record_list {
    weir_record *first, *last;
} record_list;

struct weir_transactor {
    weir_transactor_options options;
    weir_engine *engine;

    pthread_mutex_t lock;
    pthread_cond_t filled;
    record_list coming; /* Lock: lock */
    bool woken;
    atomic_size_t bytes; /* of all that is not released */

    /* The background's: */
    record_list waiting;
    weir_record **marked; /* room for most_records … */
    const weir_outgoing **lists;
    bool *gone; /* … as these have */
    size_t n_marked, marked_bytes;
    uint64_t round;                               /* of choosing */
    int64_t next_commit_ms, retry_ms, backoff_ms; /* backoff 0: the last one worked */
    bool cancelled;

    atomic_ullong committed, failed;
};

/* ---- Lists --------------------------------------------------------------------------------------
 */

static void append(record_list *l, weir_record *r)
{
    r->next = NULL;
    if (l->last) {
        l->last->next = r;
    } else {
        l->first = r;
    }
    l->last = r;
}

static void append_all(record_list *l, record_list *more)
{
    if (more->first && l->last) {
        l->last->next = more->first;
    } else if (more->first) {
        l->first = more->first;
    }
    l->last = more->last ? more->last : l->last;
    *more = (record_list){NULL, NULL};
}

/* ---- From the lanes -----------------------------------------------------------------------------
 */

void weir_transactor_put(weir_transactor *t, weir_record *const *records, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += t->options.bytes(records[i]);
    }
    atomic_fetch_add(&t->bytes, bytes);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < n; i++) {
        append(&t->coming, records[i]);
    }
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->lock);
}

bool weir_transactor_is_full(const weir_transactor *t)
{
    return atomic_load(&t->bytes) >= t->options.most_bytes;
}

weir_transactor_counters weir_transactor_count(const weir_transactor *t)
{
    return (weir_transactor_counters){atomic_load(&t->committed), atomic_load(&t->failed)};
}

static void fetch_coming(weir_transactor *t)
{
    pthread_mutex_lock(&t->lock);
    append_all(&t->waiting, &t->coming);
    t->woken = false;
    pthread_mutex_unlock(&t->lock);
}

bool weir_transactor_has_work(weir_transactor *t)
{
    pthread_mutex_lock(&t->lock);
    bool has = t->coming.first || t->woken;
    pthread_mutex_unlock(&t->lock);
    return has;
}

/* ---- Records that are done with -----------------------------------------------------------------
 */

static void let_go(weir_transactor *t, weir_record *r)
{
    atomic_fetch_sub(&t->bytes, t->options.bytes(r));
    t->options.free(t->options.ctx, r);
    weir_engine_release(t->engine, &r, 1); /* settled before, or never */
}

/* Takes out what is gone; the order of the rest stays. True: there was something. */
static bool drop_gone(weir_transactor *t)
{
    size_t n = 0, before = t->n_marked;
    for (size_t i = 0; i < t->n_marked; i++) {
        if (t->gone[i]) {
            t->marked_bytes -= t->options.bytes(t->marked[i]);
            let_go(t, t->marked[i]);
        } else {
            t->marked[n++] = t->marked[i];
        }
    }
    t->n_marked = n;
    return n < before;
}

static void drop_all(weir_transactor *t)
{
    for (size_t i = 0; i < t->n_marked; i++) {
        let_go(t, t->marked[i]);
    }
    t->n_marked = t->marked_bytes = 0;
    fetch_coming(t);
    while (t->waiting.first) {
        weir_record *r = t->waiting.first;
        t->waiting.first = r->next;
        let_go(t, r);
    }
    t->waiting.last = NULL;
}

/* ---- A transaction ------------------------------------------------------------------------------
 */

/* False: the transaction has as much as it may have; but what is too large goes alone. */
static bool has_room(const weir_transactor *t, size_t bytes)
{
    return t->n_marked < t->options.most_records &&
           (!t->n_marked || t->marked_bytes + bytes <= t->options.most_bytes);
}

/* Marks what waits, in order. What a commit could not tell of yet goes on waiting. */
static void choose(weir_transactor *t)
{
    record_list later = {NULL, NULL};
    t->round++;
    while (t->waiting.first) {
        weir_record *r = t->waiting.first;
        size_t bytes = t->options.bytes(r);
        if (!has_room(t, bytes)) {
            break;
        }
        t->waiting.first = r->next;
        t->waiting.last = t->waiting.first ? t->waiting.last : NULL;
        weir_marking m = weir_engine_mark_within(t->engine, r, t->round);
        if (m == WEIR_MARKED) {
            t->marked[t->n_marked++] = r;
            t->marked_bytes += bytes;
        } else if (m == WEIR_MARK_LATER && !atomic_load(&r->partition->revoked)) {
            append(&later, r);
        } else { /* what its frontier waits for may have been dropped: it comes again */
            let_go(t, r);
        }
    }
    append_all(&later, &t->waiting);
    t->waiting = later;
}

static void succeeded(weir_transactor *t, const weir_commit *c)
{
    weir_engine_committed(t->engine, c);
    for (size_t i = 0; i < t->n_marked; i++) {
        let_go(t, t->marked[i]);
    }
    t->n_marked = t->marked_bytes = 0;
    atomic_fetch_add(&t->committed, 1);
    if (t->backoff_ms) {
        weir_log_line(t->options.log, WEIR_LOG_INFO, t->options.name, "transactions work again");
    }
    t->backoff_ms = 0;
}

static void try_again(weir_transactor *t, const weir_error *err, int64_t now_ms)
{
    atomic_fetch_add(&t->failed, 1);
    if (!t->backoff_ms) {
        weir_log_error(t->options.log, WEIR_LOG_WARN, t->options.name, err,
            "a transaction was not committed; it is tried again until it is");
    }
    t->backoff_ms = t->backoff_ms ? t->backoff_ms * 2 : FIRST_BACKOFF_MS;
    t->backoff_ms = t->backoff_ms < MOST_BACKOFF_MS ? t->backoff_ms : MOST_BACKOFF_MS;
    t->retry_ms = now_ms + t->backoff_ms;
}

/* The others of the transaction are written again, without it. */
static void reject(weir_transactor *t, const weir_fault *fault, weir_error *err, int64_t now_ms)
{
    weir_record *r = t->marked[fault->list];
    size_t before = t->options.bytes(r);
    weir_status s = t->options.reject(t->options.ctx, r, fault->record, err);
    if (s == WEIR_HOLD) {
        try_again(t, err, now_ms);
    } else if (s) {
        weir_engine_fail(t->engine, err);
    } else {
        atomic_fetch_add(&t->failed, 1);
    }
    size_t now = t->options.bytes(r);
    t->marked_bytes += now - before;
    atomic_fetch_add(&t->bytes, now - before);
}

static void fit(weir_transactor *t, weir_record *r)
{
    size_t before = t->options.bytes(r);
    t->options.fit(t->options.ctx, r);
    size_t now = t->options.bytes(r);
    t->marked_bytes += now - before;
    atomic_fetch_add(&t->bytes, now - before);
}

static void commit(weir_transactor *t, const weir_commit *c, int64_t now_ms)
{
    weir_error err = {.status = WEIR_OK};
    weir_fault fault = {.list = WEIR_NO_FAULT};
    for (size_t i = 0; i < t->n_marked; i++) {
        if (t->options.fit) {
            fit(t, t->marked[i]);
        }
        t->lists[i] = t->options.list(t->marked[i]);
    }
    weir_transaction tx = {t->lists, t->n_marked, c->offsets, c->n};
    weir_status s = t->options.port.commit(t->options.port.self, &tx, &fault, &err);
    bool known = fault.list >= 0 && (size_t)fault.list < t->n_marked;
    bool waits = (s == WEIR_HOLD || s == WEIR_RETRY) &&
                 (!known || t->options.may_hold(t->options.ctx, t->marked[fault.list], &err));
    if (!s) {
        succeeded(t, c);
    } else if (s == WEIR_REJECT && known) {
        reject(t, &fault, &err, now_ms);
    } else if (waits) {
        try_again(t, &err, now_ms);
    } else {
        weir_engine_fail(t->engine, &err);
    }
}

static bool is_due(weir_transactor *t, const weir_commit *c, int64_t now_ms)
{
    bool soon = atomic_exchange(&t->engine->commit_soon, false);
    bool due = t->n_marked || (c->n && (soon || now_ms >= t->next_commit_ms));
    if (due) {
        t->next_commit_ms = now_ms + t->options.commit_interval_ms;
    }
    return due;
}

int64_t weir_transactor_round(weir_transactor *t, int64_t now_ms)
{
    weir_error err = {.status = WEIR_OK};
    weir_commit c;
    fetch_coming(t);
    if (weir_engine_failed(t->engine) || t->cancelled) {
        return INT64_MAX; /* behind a failure nothing is committed */
    }
    if (t->backoff_ms && now_ms < t->retry_ms) {
        return t->retry_ms;
    }
    weir_status s = t->options.port.begin(t->options.port.self, &err);
    if (s && s != WEIR_HOLD && s != WEIR_RETRY) {
        weir_engine_fail(t->engine, &err);
        return INT64_MAX;
    }
    if (s) {
        try_again(t, &err, now_ms);
        return t->retry_ms;
    }
    choose(t);
    if (weir_engine_gather(t->engine, t->marked, t->n_marked, t->gone, &c, &err)) {
        weir_engine_fail(t->engine, &err);
        return INT64_MAX;
    }
    bool made_room = drop_gone(t) && t->waiting.first;
    int64_t next_ms = made_room ? now_ms : c.n ? t->next_commit_ms : INT64_MAX;
    if (is_due(t, &c, now_ms)) {
        commit(t, &c, now_ms);
        bool more = t->n_marked || t->waiting.first;
        next_ms = t->backoff_ms ? t->retry_ms : more ? now_ms : INT64_MAX;
    }
    weir_commit_fini(&c);
    return next_ms;
}

/* ---- The background -----------------------------------------------------------------------------
 */

static weir_status background_work(void *self, int64_t wait_ms)
{
    weir_transactor *t = self;
    int64_t now_ms = t->options.now_ms(t->options.ctx);
    int64_t due_ms = weir_transactor_round(t, now_ms);
    wait_ms = due_ms <= now_ms ? 0 : due_ms - now_ms < wait_ms ? due_ms - now_ms : wait_ms;
    struct timespec until = weir_in_ms(wait_ms);
    pthread_mutex_lock(&t->lock);
    bool retries = t->backoff_ms; /* then what comes does not hasten it */
    while (wait_ms && (retries || !t->coming.first) && !t->woken &&
           pthread_cond_timedwait(&t->filled, &t->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&t->lock);
    return WEIR_OK;
}

static void background_wake(void *self)
{
    weir_transactor *t = self;
    t->options.port.cancel(t->options.port.self);
    pthread_mutex_lock(&t->lock);
    t->woken = true;
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->lock);
}

static void background_abandon(void *self)
{
    weir_transactor *t = self;
    t->cancelled = true;
    drop_all(t);
}

weir_background weir_transactor_background(weir_transactor *t)
{
    return (weir_background){background_work, background_wake, background_abandon, t};
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_transactor_new(
    const weir_transactor_options *options, weir_transactor **out, weir_error *err)
{
    weir_transactor *t = *out = weir_calloc(1, sizeof *t);
    if (!t) {
        return weir_fail_oom(err);
    }
    t->options = *options;
    weir_transactor_options *o = &t->options;
    o->most_bytes = o->most_bytes ? o->most_bytes : DEFAULT_BYTES;
    o->most_records = o->most_records ? o->most_records : DEFAULT_RECORDS;
    o->commit_interval_ms = o->commit_interval_ms ? o->commit_interval_ms : DEFAULT_INTERVAL_MS;
    pthread_mutex_init(&t->lock, NULL);
    weir_cond_init(&t->filled);
    t->marked = weir_calloc(o->most_records, sizeof(weir_record *));
    t->lists = weir_calloc(o->most_records, sizeof(weir_outgoing *));
    t->gone = weir_calloc(o->most_records, sizeof *t->gone);
    if (!t->marked || !t->lists || !t->gone) {
        weir_transactor_free(t);
        *out = NULL;
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

void weir_transactor_free(weir_transactor *t)
{
    if (!t) {
        return;
    }
    weir_free(t->marked);
    weir_free(t->lists);
    weir_free(t->gone);
    pthread_cond_destroy(&t->filled);
    pthread_mutex_destroy(&t->lock);
    weir_free(t);
}

void weir_transactor_attach(weir_transactor *t, weir_engine *e)
{
    t->engine = e;
}
