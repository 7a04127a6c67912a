/* Feeding a recording to Kafka. See feed.h. */
#include "feed.h"

#include <inttypes.h>
#include <time.h>

#include "base/alloc.h"
#include "base/map.h"
#include "engine/run.h"
#include "file/lines.h"
#include "file/recording.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_writer.h"

enum { SOME_RECORDS = 500, WAIT_MS = 20 };

typedef struct partition {
    int64_t base; /* its end before anything was written; -1: not asked yet */
    int64_t sent;
    int64_t read; /* offset that the stores read next, as last seen */
} partition;

typedef struct topic {
    char *name; /* where it is written to; owned */
    int32_t n;
    partition partitions[];
} topic;

struct weir_feed {
    weir_feed_options options;
    weir_lines *lines;
    weir_kafka_admin *admin;
    weir_kafka_writer *writer;
    weir_map topics;     /* by the recorded name */
    weir_arena scratch;  /* of a line */
    weir_recorded *next; /* read, not written yet: it waits for its time */
    uint64_t records;
    int64_t start_ms;
};

/* ---- Life ------------------------------------------------------------------------------------ */

static weir_status connect(weir_feed *f, weir_error *err)
{
    const weir_feed_options *o = &f->options;
    weir_kafka_admin_options ask = {o->reader, o->n_reader, o->timeout_ms, NULL};
    weir_kafka_writer_options write = {o->writer, o->n_writer, o->timeout_ms, NULL, false};
    weir_status s = weir_kafka_admin_open(&ask, &f->admin, err);
    s = s ? s : weir_kafka_admin_look(f->admin, err);
    return s ? s : weir_kafka_writer_open(&write, &f->writer, err);
}

weir_status weir_feed_open(const weir_feed_options *options, weir_feed **out, weir_error *err)
{
    *out = NULL;
    weir_feed *f = weir_calloc(1, sizeof *f);
    if (!f) {
        return weir_fail_oom(err);
    }
    f->options = *options;
    weir_arena_init(&f->scratch, 0);
    weir_status s = weir_lines_open(options->path, &f->lines, err);
    s = s ? s : connect(f, err);
    f->start_ms = weir_monotonic_ms();
    if (s) {
        weir_feed_close(f);
        return s;
    }
    *out = f;
    return WEIR_OK;
}

static void free_topic(void *value)
{
    topic *t = value;
    if (t) {
        weir_free(t->name);
        weir_free(t);
    }
}

void weir_feed_close(weir_feed *f)
{
    if (!f) {
        return;
    }
    weir_kafka_writer_close(f->writer);
    weir_kafka_admin_close(f->admin);
    weir_lines_close(f->lines);
    weir_map_fini(&f->topics, free_topic);
    weir_arena_fini(&f->scratch);
    weir_free(f->next);
    weir_free(f);
}

/* ---- Topics ---------------------------------------------------------------------------------- */

/* The name under which a recorded topic is written. NULL: out of memory. */
static char *target_name(const weir_feed_options *o, weir_view recorded)
{
    size_t skip = o->prefix ? strlen(o->prefix) : 0;
    if (!skip || recorded.len < skip || memcmp(recorded.ptr, o->prefix, skip) != 0) {
        return weir_strndup(recorded.ptr, recorded.len);
    }
    weir_buf b = {0};
    weir_buf_puts(&b, o->new_prefix);
    weir_buf_put(&b, recorded.ptr + skip, recorded.len - skip);
    char *name = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    return name;
}

/* NULL: *err says why not. */
static topic *new_topic(weir_feed *f, weir_view recorded, weir_error *err)
{
    char *name = target_name(&f->options, recorded);
    int32_t n = 0;
    weir_status s =
        name ? weir_kafka_admin_partitions(f->admin, name, &n, err) : weir_fail_oom(err);
    topic *t = s ? NULL : weir_alloc(sizeof *t + (size_t)n * sizeof t->partitions[0]);
    if (!s && !t) {
        weir_fail_oom(err);
    }
    if (!t) {
        weir_free(name);
        return NULL;
    }
    *t = (topic){name, n};
    for (int32_t i = 0; i < n; i++) {
        t->partitions[i] = (partition){-1, 0, -1};
    }
    return t;
}

/* NULL: *err says why not. */
static topic *meet_topic(weir_feed *f, weir_view recorded, weir_error *err)
{
    weir_map_entry *e = weir_map_add(&f->topics, recorded);
    if (!e) {
        weir_fail_oom(err);
        return NULL;
    }
    if (!e->value) {
        e->value = new_topic(f, recorded, err);
    }
    return e->value;
}

/* ---- Pace ------------------------------------------------------------------------------------ */

/* Is it too early for the next record, by the rate? */
static bool too_fast(const weir_feed *f)
{
    int64_t ms = weir_monotonic_ms() - f->start_ms;
    return f->options.rate && (double)f->records * 1000.0 > (double)f->options.rate * (double)ms;
}

/* Have the stores fallen too far behind this partition? */
static weir_status too_far(weir_feed *f, const topic *t, int32_t number, bool *far, weir_error *err)
{
    partition *p = (partition *)(uintptr_t)&t->partitions[number];
    int64_t first;
    bool read;
    *far = false;
    if (!f->options.pace) {
        return WEIR_OK;
    }
    weir_status s = p->base < 0
                        ? weir_kafka_admin_ends(f->admin, t->name, number, &first, &p->base, err)
                        : WEIR_OK;
    int64_t from = p->read < 0 ? p->base : p->read;
    if (s || p->base + p->sent - from < f->options.ahead) {
        return s;
    }
    s = weir_pace_next(f->options.pace, t->name, number, &read, &p->read, err);
    from = p->read < 0 ? p->base : p->read;
    *far = !s && read && p->base + p->sent - from >= f->options.ahead;
    return s;
}

/* ---- Feeding --------------------------------------------------------------------------------- */

/* Leaves `next` NULL at the end. */
static weir_status read_next(weir_feed *f, weir_error *err)
{
    while (!f->next) {
        weir_view line;
        weir_status s = weir_lines_next(f->lines, &line, err);
        if (s || !line.ptr) {
            return s;
        }
        s = line.len ? weir_recording_read(line, &f->scratch, &f->next, err) : WEIR_OK;
        if (s) {
            weir_at(err, "%.80s:%lu", f->options.path, weir_lines_number(f->lines));
            return s;
        }
    }
    return WEIR_OK;
}

/* *later: the record has to wait. */
static weir_status write_next(weir_feed *f, bool *later, weir_error *err)
{
    weir_recorded *r = f->next;
    topic *t = meet_topic(f, r->raw.topic, err);
    *later = false;
    if (!t) {
        return err->status;
    }
    if (r->raw.partition >= t->n) {
        return weir_fail(err, WEIR_E_KAFKA_NO_TOPIC,
            "topic %s has %d partitions, the recording has records of partition %d", t->name,
            (int)t->n, (int)r->raw.partition);
    }
    weir_status s = too_far(f, t, r->raw.partition, later, err);
    if (s || *later) {
        return s;
    }
    s = weir_kafka_writer_put(f->writer, t->name, &r->raw, err);
    t->partitions[r->raw.partition].sent++;
    f->records++;
    weir_free(r);
    f->next = NULL;
    return s;
}

static void wait_a_little(void)
{
    struct timespec step = {0, WAIT_MS * 1000000L};
    nanosleep(&step, NULL);
}

weir_status weir_feed_some(weir_feed *f, bool *more, weir_error *err)
{
    bool later = false;
    weir_status s = WEIR_OK;
    *more = true;
    for (int i = 0; i < SOME_RECORDS && !s && *more && !later; i++) {
        s = read_next(f, err);
        *more = f->next != NULL;
        later = too_fast(f);
        s = s || !*more || later ? s : write_next(f, &later, err);
    }
    if (!s && later) {
        wait_a_little();
    }
    return s || *more ? s : weir_kafka_writer_flush(f->writer, err);
}

uint64_t weir_feed_records(const weir_feed *f)
{
    return f->records;
}

void weir_feed_progress(const weir_feed *f, uint64_t *done, uint64_t *all)
{
    weir_lines_progress(f->lines, done, all);
}

/* ---- A recording's topics -------------------------------------------------------------------- */

/* Topics by name, each with its number of partitions so far. */
typedef struct topic_list {
    weir_map counts; /* of int32_t, in the arena */
    weir_arena arena, scratch;
} topic_list;

static weir_status note_topic(topic_list *l, const weir_raw_record *r, weir_error *err)
{
    weir_map_entry *e = weir_map_add(&l->counts, r->topic);
    int32_t *n = e && e->value ? e->value : weir_arena_alloc(&l->arena, sizeof *n);
    if (!e || !n) {
        return weir_fail_oom(err);
    }
    *n = e->value && *n > r->partition ? *n : r->partition + 1;
    e->value = n;
    return WEIR_OK;
}

static weir_status note_topics(const char *path, weir_lines *lines, topic_list *l, weir_error *err)
{
    for (;;) {
        weir_view line;
        weir_recorded *r = NULL;
        weir_status s = weir_lines_next(lines, &line, err);
        if (s || !line.ptr) {
            return s;
        }
        s = line.len ? weir_recording_read(line, &l->scratch, &r, err) : WEIR_OK;
        if (s) {
            weir_at(err, "%.80s:%lu", path, weir_lines_number(lines));
        } else if (r) {
            s = note_topic(l, &r->raw, err);
        }
        weir_free(r);
        if (s) {
            return s;
        }
    }
}

static weir_status tell_topics(
    const topic_list *l, weir_feed_topic_fn *fn, void *ctx, weir_error *err)
{
    weir_status s = WEIR_OK;
    size_t at = 0;
    for (weir_map_entry *e; !s && (e = weir_map_next(&l->counts, &at));) {
        char *name = weir_strndup(e->key, e->key_len);
        s = name ? fn(ctx, name, *(const int32_t *)e->value, err) : weir_fail_oom(err);
        weir_free(name);
    }
    return s;
}

weir_status weir_feed_topics(const char *path, weir_feed_topic_fn *fn, void *ctx, weir_error *err)
{
    weir_lines *lines;
    topic_list l;
    weir_status s = weir_lines_open(path, &lines, err);
    if (s) {
        return s;
    }
    weir_map_init(&l.counts);
    weir_arena_init(&l.arena, 0);
    weir_arena_init(&l.scratch, 0);
    s = note_topics(path, lines, &l, err);
    s = s ? s : tell_topics(&l, fn, ctx, err);
    weir_map_fini(&l.counts, NULL);
    weir_arena_fini(&l.arena);
    weir_arena_fini(&l.scratch);
    weir_lines_close(lines);
    return s;
}
