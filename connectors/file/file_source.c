/* A recording as a source. See file_source.h. A partition is assigned when its first record is met.
 */
#include "file/file_source.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "engine/engine.h"
#include "file/recording.h"

typedef struct known_partition {
    weir_partition *partition;
    int64_t start, last; /* last: of the records met */
} known_partition;

typedef struct file_source {
    weir_file_source_options options;
    weir_lines *lines;
    weir_arena scratch;
    weir_recorded *next; /* read, not delivered: its partition had no room */
    known_partition *known;
    size_t n_known;
    atomic_bool finished;
    atomic_ullong read_bytes, all_bytes;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool wake;
} file_source;

static known_partition *find(file_source *s, weir_view topic, int32_t number)
{
    for (size_t i = 0; i < s->n_known; i++) {
        known_partition *k = &s->known[i];
        if (k->partition->number == number && weir_view_is(topic, k->partition->topic)) {
            return k;
        }
    }
    return NULL;
}

/* NULL: out of memory, and the engine knows. */
static known_partition *know(
    file_source *s, const weir_source_events *events, void *engine, const weir_raw_record *r)
{
    known_partition *k = find(s, r->topic, r->partition);
    if (k) {
        return k;
    }
    known_partition *grown = weir_realloc(s->known, (s->n_known + 1) * sizeof *grown);
    int64_t start =
        s->options.start ? s->options.start(s->options.ctx, r->topic, r->partition) : -1;
    weir_partition *p = NULL;
    if (grown) {
        s->known = grown;
        p = events->assigned(engine, r->topic, r->partition, start);
    }
    if (!p) {
        return NULL;
    }
    k = &s->known[s->n_known++];
    *k = (known_partition){p, start, -1};
    return k;
}

/* Reads up to the next wanted record into `next`; leaves it NULL at the end, or when a pipe has
 * nothing yet. */
static weir_status read_next(file_source *s, weir_error *err)
{
    while (!s->next) {
        weir_view line;
        weir_status st = weir_lines_next(s->lines, &line, err);
        if (st || !line.ptr) {
            return st;
        }
        if (!line.len) {
            continue;
        }
        st = weir_recording_read(line, &s->scratch, &s->next, err);
        if (st) {
            weir_at(err, "%.80s:%lu", s->options.path, weir_lines_number(s->lines));
            return st;
        }
        if (s->options.wanted && !s->options.wanted(s->options.ctx, s->next->raw.topic)) {
            weir_free(s->next);
            s->next = NULL;
        }
    }
    return WEIR_OK;
}

static void wait_for_room(file_source *s, int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    until.tv_sec += timeout_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&s->lock);
    while (!s->wake && pthread_cond_timedwait(&s->woken, &s->lock, &until) == 0) {
    }
    s->wake = false;
    pthread_mutex_unlock(&s->lock);
}

static void end_all(file_source *s, const weir_source_events *events, void *engine)
{
    for (size_t i = 0; i < s->n_known; i++) {
        events->end(engine, s->known[i].partition, s->known[i].last + 1);
    }
    atomic_store(&s->finished, true);
}

/* Its offsets grow (docs/recordings.md): what goes back is of another order, or of two topics in
 * one file, and cannot be told from what was settled. What an earlier run settled is left out. */
static weir_status check_order(const file_source *s, const known_partition *k, weir_error *err)
{
    const weir_raw_record *r = &s->next->raw;
    if (!k || r->offset < k->start || r->offset > k->last) {
        return WEIR_OK;
    }
    weir_fail(err, WEIR_E_RECORDING_LINE,
        "the offset %lld of %.100s/%d stands behind %lld: within a partition they grow",
        (long long)r->offset, k->partition->topic, (int)r->partition, (long long)k->last);
    return weir_at(err, "%.80s:%lu", s->options.path, weir_lines_number(s->lines));
}

/* Gives one record to the engine. False: its partition has no room, or memory ran out. */
static bool deliver(file_source *s, known_partition *k, const weir_source_events *events,
    void *engine, unsigned *delivered)
{
    if (!k || *delivered >= weir_partition_room(engine, k->partition)) {
        return false;
    }
    weir_recorded *r = s->next;
    s->next = NULL;
    if (r->raw.offset < k->start) {
        weir_free(r); /* settled in an earlier run */
        return true;
    }
    k->last = r->raw.offset;
    r->raw.topic = weir_view_of(k->partition->topic);
    events->record(engine, k->partition, &r->raw, r);
    ++*delivered;
    return true;
}

static weir_status file_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    file_source *s = self;
    unsigned delivered = 0;
    if (atomic_load(&s->finished)) {
        wait_for_room(s, timeout_ms);
        return WEIR_OK;
    }
    while (delivered < max_records) {
        weir_lines_patience(s->lines, delivered ? 0 : timeout_ms);
        weir_status st = read_next(s, err);
        if (st) {
            return st;
        }
        if (!s->next) {
            if (weir_lines_ended(s->lines)) {
                end_all(s, events, engine);
            }
            break;
        }
        known_partition *k = know(s, events, engine, &s->next->raw);
        st = check_order(s, k, err);
        if (st) {
            return st;
        }
        if (!deliver(s, k, events, engine, &delivered)) {
            if (!delivered) {
                wait_for_room(s, timeout_ms);
            }
            break;
        }
    }
    uint64_t read_bytes, all_bytes;
    weir_lines_progress(s->lines, &read_bytes, &all_bytes);
    atomic_store(&s->read_bytes, read_bytes);
    atomic_store(&s->all_bytes, all_bytes);
    return WEIR_OK;
}

static weir_status file_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    (void)self, (void)offsets, (void)n, (void)wait, (void)err;
    return WEIR_OK; /* a file remembers nothing */
}

static void file_release(void *self, void *message)
{
    (void)self;
    weir_free(message);
}

static void file_wake(void *self)
{
    file_source *s = self;
    pthread_mutex_lock(&s->lock);
    s->wake = true;
    pthread_cond_signal(&s->woken);
    pthread_mutex_unlock(&s->lock);
}

static int64_t file_end_offset(void *self, const weir_partition *p)
{
    (void)self, (void)p;
    return -1;
}

static bool file_finished(void *self)
{
    return atomic_load(&((file_source *)self)->finished);
}

static void file_close(void *self)
{
    file_source *s = self;
    weir_lines_close(s->lines);
    weir_arena_fini(&s->scratch);
    weir_free(s->next);
    weir_free(s->known);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->woken);
    weir_free(s);
}

static const weir_source_ops file_ops = {
    .type = "file",
    .poll = file_poll,
    .commit = file_commit,
    .release = file_release,
    .wake = file_wake,
    .end_offset = file_end_offset,
    .finished = file_finished,
    .close = file_close,
};

weir_status weir_file_source_open(
    const weir_file_source_options *options, weir_record_source *out, weir_error *err)
{
    file_source *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->options = *options;
    weir_arena_init(&s->scratch, 0);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->woken, NULL);
    weir_status st = weir_lines_open(options->path, &s->lines, err);
    if (st) {
        file_close(s);
        return st;
    }
    *out = (weir_record_source){&file_ops, s};
    return WEIR_OK;
}

void weir_file_source_progress(
    const weir_record_source *source, uint64_t *read_bytes, uint64_t *all_bytes)
{
    const file_source *s = source->self;
    *read_bytes = atomic_load(&s->read_bytes);
    *all_bytes = atomic_load(&s->all_bytes);
}
