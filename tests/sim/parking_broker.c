/* The broker of sim-parking: what is written, at least once or in transactions, and how the topic
 * of parked records is read; each call may be a process' last. See parking_world.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "parking_world.h"

parking_counts counts;

const char *const topic_names[TOPICS] = {"t0", "t1"};

const char *key_name(int topic, int record)
{
    static const char *const keys[KEYS] = {"a", "b/c", NULL};
    return keys[(topic * 7 + record * 5 + record / 3) % KEYS];
}

void wrong(history *h, const char *what, int topic, int64_t record)
{
    if (!h->wrong[0]) {
        snprintf(h->wrong, sizeof h->wrong, "%s (topic %d, record %d)", what, topic, (int)record);
    }
}

void must(weir_status s, const char *what)
{
    if (s) {
        fprintf(stderr, "sim-parking: %s failed\n", what);
        abort();
    }
}

void say(const history *h, const char *fmt, ...)
{
    if (h->verbose) {
        va_list ap;
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
    }
}

/* Is this its last call? */
bool dies(life *l)
{
    if (l->dead || l->in_calls < 0) {
        return l->dead;
    }
    l->dead = l->in_calls-- == 0;
    if (l->dead) {
        say(l->h, "%d is killed", l->generation);
    }
    counts.kills += l->dead;
    return l->dead;
}

/* ---- The topics that are written ----------------------------------------------------------------
 */

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const written *w = self;
    if (i >= w->n_headers) {
        return false;
    }
    *name = w->headers[i].name;
    *value = w->headers[i].value;
    return true;
}

static weir_raw_record read_at(const history *h, int32_t log, size_t i)
{
    const written *w = &h->log[log][i];
    return (weir_raw_record){.topic = weir_view_of("parked"),
        .partition = log,
        .offset = (int64_t)i,
        .key = w->key,
        .value = w->value,
        .headers = {header_at, w}};
}

static void fold(history *h, int32_t log)
{
    weir_raw_record r = read_at(h, log, h->n_log[log] - 1);
    weir_parked_note note;
    weir_parked_key *key;
    if (!weir_parked_note_read(&r, &note)) {
        wrong(h, "a note cannot be read", -1, -1);
        return;
    }
    must(weir_parked_book_take(&h->truth, &r, &note, &key, NULL), "the book");
    static const char *const words[] = {
        "", "parked", "follower", "done", "last", "release", "again", "reject"};
    say(h, "  note %d@%d: %s of %.*s: %d", (int)log, (int)r.offset, words[note.what],
        WEIR_ARG(note.name), (int)note.offset);
    counts.parked += note.what == WEIR_NOTE_PARKED;
}

/* A copy that is too large for the topic. */
static bool is_refused(const history *h, const weir_outgoing *o)
{
    return strcmp(o->topic, "parked") == 0 && o->value.len > h->most_copy;
}

void append_log(history *h, const weir_outgoing *o)
{
    int32_t log = o->place ? (int32_t)o->place - 1 : weir_parked_partition_of(o->key, h->logs);
    if (log >= h->logs) {
        wrong(h, "a note for a partition that is not there", -1, log);
        return;
    }
    if (h->n_log[log] == MOST_LOG) {
        wrong(h, "too many notes", -1, -1);
        return;
    }
    written *w = &h->log[log][h->n_log[log]++];
    *w = (written){weir_arena_copy(&h->arena, o->key), weir_arena_copy(&h->arena, o->value),
        weir_arena_alloc(&h->arena, (o->n_headers + 1) * sizeof *w->headers), o->n_headers};
    for (size_t i = 0; i < o->n_headers; i++) {
        w->headers[i].name = weir_arena_copy(&h->arena, o->headers[i].name);
        w->headers[i].value = weir_arena_copy(&h->arena, o->headers[i].value);
    }
    fold(h, log);
}

fate *fate_of(history *h, weir_view topic, int64_t record)
{
    bool there = topic.len == 2 && topic.ptr[1] - '0' < TOPICS && record >= 0 && record < RECORDS;
    if (!there) {
        wrong(h, "a record that there never was", -1, record);
        return &h->fates[0][0];
    }
    return &h->fates[topic.ptr[1] - '0'][record];
}

void count_output(history *h, weir_view what)
{
    fate *f = fate_of(h, weir_view_make(what.ptr, 2), atoi(what.ptr + 3));
    f->outputs++;
    f->first = f->first ? f->first : ++h->outputs;
}

static int64_t number_of(const weir_outgoing *o, const char *header)
{
    for (size_t i = o->n_headers; i--;) {
        if (weir_view_is(o->headers[i].name, header)) {
            return atoll(o->headers[i].value.ptr);
        }
    }
    return -1;
}

static void append(history *h, const weir_outgoing *o)
{
    if (strcmp(o->topic, "parked") == 0) {
        append_log(h, o);
    } else if (strcmp(o->topic, "out") == 0) {
        count_output(h, o->value);
    } else {
        char topic[] = {'t', '0', '\0'};
        for (size_t i = 0; i < o->n_headers; i++) {
            if (weir_view_is(o->headers[i].name, "weir.dead.topic")) {
                topic[1] = o->headers[i].value.ptr[1];
            }
        }
        fate_of(h, weir_view_of(topic), number_of(o, "weir.dead.offset"))->letters++;
    }
}

/* ---- At least once ------------------------------------------------------------------------------
 */

static void answer(weir_sending *s, bool good)
{
    weir_error err = {.status = WEIR_OK};
    if (!good) {
        weir_fail(&err, WEIR_E_KAFKA_PRODUCE, "the simulator's broker is away");
    }
    s->done(s, &err);
}

static void refuse(life *l, weir_sending *s)
{
    weir_error err;
    weir_fail(&err, WEIR_E_EMIT_TOO_LARGE, "the simulator's topic takes no such records");
    counts.stripped += !l->dead;
    s->done(s, &err);
}

void send_out(void *self, weir_sending *s)
{
    life *l = self;
    int n = 0, all = 0, most;
    for (const weir_outgoing *o = s->first; o; o = o->next) {
        all++;
        if (is_refused(l->h, o)) {
            refuse(l, s);
            return;
        }
    }
    bool was_dead = l->dead, fails = dies(l) || sim_chance(&l->h->rng, 0.05);
    most = was_dead ? 0 : fails ? sim_between(&l->h->rng, 0, all) : all;
    for (const weir_outgoing *o = s->first; o && n < most; o = o->next, n++) {
        append(l->h, o);
    }
    if (fails) {
        answer(s, false);
    } else if (l->n_held < MOST_HELD && sim_chance(&l->h->rng, 0.3)) {
        l->held[l->n_held++] = s;
    } else {
        answer(s, true);
    }
}

void answer_held(life *l, bool good)
{
    while (l->n_held) {
        answer(l->held[--l->n_held], good);
    }
}

weir_status write_letter(void *self, const weir_dead_letter *letters, size_t n, weir_error *err)
{
    life *l = self;
    bool was_dead = l->dead, fails = dies(l) || sim_chance(&l->h->rng, 0.05);
    for (size_t i = 0; i < n && !was_dead && (!fails || sim_chance(&l->h->rng, 0.5)); i++) {
        fate *f = fate_of(l->h, letters[i].record->topic, letters[i].record->offset);
        f->letters++;
        f->passed_over |= strcmp(letters[i].error.code, "KEY_REJECTED") == 0;
    }
    return fails ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "no letters now") : WEIR_OK;
}

/* ---- Exactly once -------------------------------------------------------------------------------
 */

static weir_status begin(void *self, weir_error *err)
{
    life *l = self;
    return l->dead ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "it is dead") : WEIR_OK;
}

static void write_all(history *h, const weir_transaction *t)
{
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            append(h, o);
        }
    }
    for (size_t i = 0; i < t->n_offsets; i++) {
        int topic = t->offsets[i].topic[1] - '0';
        h->committed[topic] = t->offsets[i].next;
        h->said_len[topic] = t->offsets[i].metadata.len;
        memcpy(h->said[topic], t->offsets[i].metadata.ptr, t->offsets[i].metadata.len);
    }
}

static weir_fault find_refused(const history *h, const weir_transaction *t)
{
    for (size_t i = 0; i < t->n_lists; i++) {
        for (const weir_outgoing *o = t->lists[i]; o; o = o->next) {
            if (is_refused(h, o)) {
                return (weir_fault){(ptrdiff_t)i, o};
            }
        }
    }
    return (weir_fault){.list = WEIR_NO_FAULT};
}

static weir_status commit(void *self, const weir_transaction *t, weir_fault *fault, weir_error *err)
{
    life *l = self;
    *fault = find_refused(l->h, t);
    if (fault->record) {
        counts.stripped++;
        return weir_fail(err, WEIR_E_EMIT_TOO_LARGE, "the topic takes no such records");
    }
    if (l->zombie && t->n_offsets) { /* by the generation of its group, as offsets have it */
        return weir_fail(err, WEIR_E_KAFKA_FENCED, "another one has its place");
    }
    bool was_dead = l->dead, last = dies(l);
    if (!was_dead && (last ? sim_chance(&l->h->rng, 0.5) : !sim_chance(&l->h->rng, 0.1))) {
        write_all(l->h, t);
        return last ? weir_fail(err, WEIR_E_KAFKA_PRODUCE, "it is dead") : WEIR_OK;
    }
    return weir_fail(err, WEIR_E_KAFKA_PRODUCE, "not now");
}

static void cancel(void *self)
{
    (void)self;
}

weir_transaction_port parking_transactions(life *l)
{
    return (weir_transaction_port){begin, commit, cancel, l};
}

/* ---- The topic of parked records, read ----------------------------------------------------------
 */

typedef struct reader {
    int64_t next[LOGS]; /* -1: not read */
    bool told[LOGS];    /* its end, there */
} reader;

static weir_status away(life *l, weir_error *err)
{
    bool fails = dies(l) || sim_chance(&l->h->rng, 0.005);
    return fails ? weir_fail(err, WEIR_E_KAFKA_UNREACHABLE, "not now") : WEIR_OK;
}

static weir_status log_bounds(
    void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    life *l = self;
    (void)most;
    *n = l->h->logs;
    for (int i = 0; i < *n; i++) {
        out[i] = (weir_parked_bounds){0, (int64_t)l->h->n_log[i]};
    }
    return away(l, err);
}

static weir_status log_open(void *self, const int64_t *from, int32_t n, void **out, weir_error *err)
{
    reader *r = calloc(1, sizeof *r);
    must(r ? WEIR_OK : WEIR_RETRY, "memory");
    for (int32_t i = 0; i < LOGS; i++) {
        r->next[i] = i < n ? from[i] : -1;
    }
    *out = r;
    return away(self, err);
}

static weir_status log_next(void *self, void *given, int wait_ms, weir_parked_read *what,
    weir_raw_record *record, weir_error *err)
{
    life *l = self;
    reader *r = given;
    (void)wait_ms;
    *what = WEIR_PARKED_NOTHING;
    weir_status s = away(l, err);
    int32_t first = (int32_t)sim_below(&l->h->rng, LOGS);
    for (int32_t k = 0; k < LOGS && !s; k++) {
        int32_t i = (first + k) % LOGS;
        if (r->next[i] < 0 || (r->next[i] == (int64_t)l->h->n_log[i] && r->told[i])) {
            continue;
        }
        bool end = r->next[i] == (int64_t)l->h->n_log[i];
        *record = (weir_raw_record){.partition = i, .offset = r->next[i]};
        if (!end) {
            *record = read_at(l->h, i, (size_t)r->next[i]++);
        }
        r->told[i] = end;
        *what = end ? WEIR_PARKED_END : WEIR_PARKED_RECORD;
        return WEIR_OK;
    }
    return s;
}

static void log_close(void *self, void *given)
{
    (void)self;
    free(given);
}

static bool traced_header(const void *self, size_t i, weir_view *name, weir_view *value)
{
    *name = weir_view_of("trace");
    *value = weir_view_of(self);
    return i == 0;
}

static weir_status log_fetch(void *self, weir_view topic, int32_t partition, int64_t offset,
    bool *found, weir_raw_record *record, weir_error *err)
{
    life *l = self;
    (void)partition;
    int t = (int)(fate_of(l->h, topic, offset) - &l->h->fates[0][0]) / RECORDS;
    *found = true;
    *record = (weir_raw_record){.topic = topic,
        .offset = offset,
        .key = weir_view_of(key_name(t, (int)offset)),
        .value = weir_view_of(l->h->fates[t][offset].large ? LARGE_VALUE : SMALL_VALUE),
        .headers = {traced_header, topic_names[t]}};
    counts.fetched++;
    return away(l, err);
}

const weir_parked_log_ops parking_log_ops = {log_bounds, log_open, log_next, log_close, log_fetch};
