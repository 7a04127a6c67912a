/* Parking. See parking.h. */
#include "service/parking.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "service/parking_inside.h"
#include "value/utf8.h"

enum { DEFAULT_RECALL = 256 };

/* ---- Life ---------------------------------------------------------------------------------------
 */

weir_status weir_parking_new(
    const weir_parking_options *options, weir_parking **out, weir_error *err)
{
    weir_parking *p = *out = weir_calloc(1, sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    p->options = *options;
    p->options.recall_records = options->recall_records ? options->recall_records : DEFAULT_RECALL;
    weir_parked_book_init(&p->book, options->most_keys);
    pthread_mutex_init(&p->lock, NULL);
    return WEIR_OK;
}

void weir_parking_close_reader(weir_parking *p, void **reader)
{
    p->options.log.ops->close(p->options.log.self, *reader);
    *reader = NULL;
}

void weir_parking_free(weir_parking *p)
{
    if (p) {
        weir_parking_close_reader(p, &p->tail);
        weir_parking_close_recall(p);
        weir_parked_book_fini(&p->book);
        weir_buf_fini(&p->scratch);
        pthread_mutex_destroy(&p->lock);
        weir_free(p);
    }
}

void weir_parking_attach(weir_parking *p, weir_engine *e)
{
    p->engine = e;
}

const char *weir_parking_topic(const weir_parking *p)
{
    return p->options.topic;
}

/* ---- Keys ---------------------------------------------------------------------------------------
 */

/* Lock: lock. */
static void note_count(weir_parking *p)
{
    atomic_store(&p->any, p->book.keys.count);
}

/* What was not read of an assignment that has ended is not so. Lock: lock. */
void weir_parking_refresh(weir_parking *p, weir_parked_key *k, uint64_t epoch)
{
    if (k->own_epoch != epoch) {
        p->under_way -= k->under_way;
        k->own = k->log;
        k->own_epoch = epoch;
        k->is_refused = false;
        k->under_way = 0;
        weir_parked_key_rewind(k);
    }
}

typedef enum finding {
    FOUND,
    NOT_FOUND,
    NOT_ASKED, /* no memory to look, or the record is of an assignment before the one that is known
                */
} finding;

/* Lock: lock. */
static finding find(weir_parking *p, const weir_record *r, weir_parked_key **out)
{
    weir_buf_clear(&p->scratch);
    weir_parked_name_put(
        &p->scratch, weir_view_of(r->partition->topic), r->partition->number, r->raw.key);
    *out = NULL;
    if (p->scratch.failed) {
        weir_buf_fini(&p->scratch);
        return NOT_ASKED;
    }
    weir_parked_key *k = weir_parked_book_find(&p->book, weir_buf_view(&p->scratch));
    if (!k || r->partition->epoch < k->own_epoch) {
        return k ? NOT_ASKED : NOT_FOUND;
    }
    weir_parking_refresh(p, k, r->partition->epoch);
    *out = k;
    return FOUND;
}

/* Nothing is known of it that is worth a place. Lock: lock. */
static bool is_idle(const weir_parked_key *k)
{
    return k->log.state == WEIR_KEY_OPEN && k->own.state == WEIR_KEY_OPEN && !k->under_way;
}

/* ---- For lanes ----------------------------------------------------------------------------------
 */

static weir_parking_gate ask_recalled(const weir_parked_key *k, const weir_record *r)
{
    if (!k || !weir_key_is_decided(&k->own)) {
        return WEIR_GATE_NOT_NOW;
    }
    if (r->recall == WEIR_RECALL_OPEN) {
        return k->own.copy <= k->own.done ? WEIR_GATE_OPEN : WEIR_GATE_NOT_NOW;
    }
    if (r->raw.offset <= k->own.done || r->round != k->round) {
        return WEIR_GATE_NOT_NOW;
    }
    return k->own.state == WEIR_KEY_REJECTED ? WEIR_GATE_REJECT : WEIR_GATE_HANDLE;
}

static weir_parking_gate ask_new(const weir_parked_key *k, const weir_record *r)
{
    if (!k || k->own.state == WEIR_KEY_OPEN || r->raw.offset < k->own.first) {
        return WEIR_GATE_HANDLE;
    }
    if (k->is_refused) {
        return WEIR_GATE_REFUSED;
    }
    return r->raw.offset <= k->own.copy ? WEIR_GATE_COPIED : WEIR_GATE_COPY;
}

weir_parking_gate weir_parking_ask(weir_parking *p, const weir_record *r)
{
    weir_parked_key *k;
    if (r->partition->epoch > atomic_load(&p->known)) {
        return WEIR_GATE_WAIT;
    }
    if (!atomic_load(&p->any)) {
        return r->recall ? WEIR_GATE_NOT_NOW : WEIR_GATE_HANDLE;
    }
    pthread_mutex_lock(&p->lock);
    weir_parking_gate g = find(p, r, &k) == NOT_ASKED ? WEIR_GATE_WAIT
                          : r->recall                 ? ask_recalled(k, r)
                                                      : ask_new(k, r);
    pthread_mutex_unlock(&p->lock);
    return g;
}

/* Its name is in the scratch. Lock: lock. */
static int32_t place_of(const weir_parking *p, const weir_parked_key *k)
{
    int32_t width = atomic_load(&p->width);
    return k && k->log_partition >= 0 ? k->log_partition
           : width                    ? weir_parked_partition_of(weir_buf_view(&p->scratch), width)
                                      : -1;
}

uint32_t weir_parking_place(weir_parking *p, const weir_record *r, int32_t *partitions)
{
    weir_parked_key *k;
    pthread_mutex_lock(&p->lock);
    (void)find(p, r, &k);
    k = k ? k : weir_parked_book_find(&p->book, weir_buf_view(&p->scratch));
    uint32_t place = (uint32_t)(place_of(p, k) + 1);
    *partitions = atomic_load(&p->width);
    pthread_mutex_unlock(&p->lock);
    return place;
}

weir_status weir_parking_park(weir_parking *p, const weir_record *r, weir_error *err)
{
    weir_parked_key *k;
    weir_status s = WEIR_OK;
    pthread_mutex_lock(&p->lock);
    finding f = find(p, r, &k);
    if (!k) {
        s = f == NOT_ASKED ? weir_fail_oom(err)
                           : weir_parked_book_add(&p->book, weir_buf_view(&p->scratch),
                                 weir_view_of(r->partition->topic), r->partition->number,
                                 r->raw.key.ptr != NULL, &k, err);
    }
    if (!s) {
        k->log_partition = place_of(p, k);
        weir_parking_refresh(p, k, r->partition->epoch);
        if (weir_parked_standing_park(&k->own, r->raw.offset)) {
            weir_parked_key_rewind(k);
        }
        note_count(p);
    }
    pthread_mutex_unlock(&p->lock);
    return s;
}

void weir_parking_refuse(
    weir_parking *p, const weir_record *r, const weir_error *why, int64_t now_ms)
{
    weir_parked_key *k;
    pthread_mutex_lock(&p->lock);
    if (find(p, r, &k) == FOUND && k->own.state == WEIR_KEY_PARKED) {
        k->is_refused = true;
        k->since_ms = now_ms;
        k->why = *why;
    }
    pthread_mutex_unlock(&p->lock);
}

void weir_parking_copied(weir_parking *p, const weir_record *r)
{
    weir_parked_key *k;
    pthread_mutex_lock(&p->lock);
    if (find(p, r, &k) == FOUND && r->raw.offset > k->own.copy) {
        k->own.copy = r->raw.offset;
    }
    pthread_mutex_unlock(&p->lock);
}

bool weir_parking_done(weir_parking *p, const weir_record *r, bool *last)
{
    weir_parked_key *k;
    *last = false;
    pthread_mutex_lock(&p->lock);
    bool ours = find(p, r, &k) == FOUND;
    if (ours) {
        weir_key_standing *own = &k->own;
        own->done = r->raw.offset > own->done ? r->raw.offset : own->done;
        *last = weir_key_is_decided(own) && own->copy <= own->done;
        own->state = *last ? WEIR_KEY_OPEN : own->state;
    }
    pthread_mutex_unlock(&p->lock);
    return ours;
}

void weir_parking_left(weir_parking *p, const weir_record *r)
{
    weir_parked_key *k;
    pthread_mutex_lock(&p->lock);
    if (find(p, r, &k) == FOUND && k->under_way) {
        k->under_way--;
        p->under_way--;
        if (is_idle(k)) {
            weir_parked_book_remove(&p->book, k);
            note_count(p);
        }
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

static weir_status ask_bounds(
    weir_parking *p, weir_parked_bounds *bounds, int32_t *n, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    weir_status s = log->ops->bounds(log->self, bounds, WEIR_PARKING_MOST_PARTITIONS, n, err);
    if (!s && *n > WEIR_PARKING_MOST_PARTITIONS) {
        return weir_fail(err, WEIR_E_APP_SETUP, "the topic %s has %d partitions, and may have %d",
            p->options.topic, (int)*n, WEIR_PARKING_MOST_PARTITIONS);
    }
    return s;
}

/* Begins to read, or reads on with partitions that were added. */
static weir_status open_tail(
    weir_parking *p, const weir_parked_bounds *bounds, int32_t n, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    for (int32_t i = p->at.n; i < n; i++) {
        p->at.next[i] = 0;
    }
    for (int32_t i = 0; i < n; i++) { /* what retention has taken is not to be had */
        p->book.is_cut |= bounds[i].first > p->at.next[i];
        p->at.next[i] = bounds[i].first > p->at.next[i] ? bounds[i].first : p->at.next[i];
    }
    if (!p->at.n) {
        atomic_store(&p->width, n);
    }
    p->at.n = n;
    weir_parking_close_reader(p, &p->tail);
    return log->ops->open(log->self, p->at.next, n, &p->tail, err);
}

/* A new assignment: what must be read before its records are handled. */
static weir_status want(weir_parking *p, uint64_t epoch, weir_error *err)
{
    weir_parked_bounds *bounds = weir_calloc(WEIR_PARKING_MOST_PARTITIONS, sizeof *bounds);
    int32_t n = 0;
    if (!bounds) {
        return weir_fail_oom(err);
    }
    weir_status s = ask_bounds(p, bounds, &n, err);
    if (!s && (!p->tail || n > p->at.n)) {
        s = open_tail(p, bounds, n, err);
    }
    for (int32_t i = 0; i < n && !s; i++) {
        p->ends[i] = bounds[i].end;
    }
    p->wanted_epoch = s ? p->wanted_epoch : epoch;
    weir_free(bounds);
    return s;
}

static bool all_reached(const weir_parking *p)
{
    for (int32_t i = 0; i < p->at.n; i++) {
        if (p->at.next[i] < p->ends[i]) {
            return false;
        }
    }
    return true;
}

/* What an assignment has left behind that nobody ever read. Lock: lock. */
static void sweep(weir_parking *p)
{
    weir_parked_key *idle = NULL;
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        weir_parked_key *k = e->value;
        uint64_t epoch = weir_engine_epoch_of(p->engine, k->topic, k->partition);
        if (k->own_epoch && k->own_epoch != epoch) {
            weir_parking_refresh(p, k, 0);
        }
        if (is_idle(k)) {
            k->next = idle;
            idle = k;
        }
    }
    while (idle) {
        weir_parked_key *k = idle;
        idle = k->next;
        weir_parked_book_remove(&p->book, k);
    }
    note_count(p);
}

/* All of it is read: records of the assignment may be handled. */
static void know(weir_parking *p)
{
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->known, p->wanted_epoch);
    sweep(p);
    pthread_mutex_unlock(&p->lock);
    p->wanted_epoch = 0;
    for (unsigned lane = 0; lane < p->engine->options.lanes; lane++) {
        weir_engine_wake(p->engine, lane);
    }
}

static void step_to(weir_place_list *at, int32_t partition, int64_t next)
{
    if (partition >= 0 && partition < at->n && next > at->next[partition]) {
        at->next[partition] = next;
    }
}

/* The topic may have got partitions since others began with it, or this process did. All place new
 * keys by the fewest that a note tells of: so a key's notes stay in one partition, whoever writes
 * them. Those that are added count once retention has taken the last of these notes. */
static void heed_width(weir_parking *p, const weir_parked_note *n)
{
    int width = atomic_load(&p->width);
    if (n->partitions && n->partitions < width) {
        atomic_store(&p->width, n->partitions);
    }
}

static weir_status take(weir_parking *p, const weir_raw_record *record, weir_error *err)
{
    weir_parked_note note;
    weir_parked_key *key;
    weir_status s = WEIR_OK;
    if (weir_parked_note_read(record, &note)) {
        pthread_mutex_lock(&p->lock);
        heed_width(p, &note);
        s = weir_parked_book_take(&p->book, record, &note, &key, err);
        note_count(p);
        pthread_mutex_unlock(&p->lock);
    }
    return s;
}

/* What has come since; waits for the first of it. *read: how many records there were. */
static weir_status read_tail(weir_parking *p, int wait_ms, int *read, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    weir_parked_read what = WEIR_PARKED_RECORD;
    weir_raw_record record;
    *read = 0;
    for (int i = 0; i < WEIR_PARKING_AT_ONCE && what != WEIR_PARKED_NOTHING; i++) {
        weir_status s = log->ops->next(log->self, p->tail, i ? 0 : wait_ms, &what, &record, err);
        if (!s && what == WEIR_PARKED_RECORD) {
            s = take(p, &record, err);
            (*read)++;
        }
        if (s) {
            return s;
        }
        if (what != WEIR_PARKED_NOTHING) {
            int64_t next = record.offset + (what == WEIR_PARKED_RECORD);
            step_to(&p->at, record.partition, next);
        }
    }
    return WEIR_OK;
}

/* ---- Driving ------------------------------------------------------------------------------------
 */

enum { TROUBLE_MS = 500 };

/* Nobody knows what is parked meanwhile: lanes wait. */
static weir_status wait_out(weir_parking *p, int64_t now_ms, weir_error *err)
{
    if (err->status == WEIR_FATAL) {
        return err->status;
    }
    weir_parking_close_reader(p, &p->tail);
    weir_parking_close_recall(p);
    p->retry_ms = now_ms + TROUBLE_MS;
    if (!p->told) {
        weir_log_error(p->options.to_log, WEIR_LOG_WARN, p->options.name, err,
            "the topic of parked records cannot be read; it is tried again");
    }
    p->told = true;
    pthread_mutex_lock(&p->lock);
    p->trouble = *err;
    pthread_mutex_unlock(&p->lock);
    return WEIR_OK;
}

static void all_is_well(weir_parking *p)
{
    if (p->told) {
        weir_log_line(p->options.to_log, WEIR_LOG_INFO, p->options.name,
            "the topic of parked records is read again");
        pthread_mutex_lock(&p->lock);
        p->trouble.status = WEIR_OK;
        pthread_mutex_unlock(&p->lock);
    }
    p->told = false;
}

static weir_status step(weir_parking *p, int64_t now_ms, int wait_ms, weir_error *err)
{
    uint64_t epochs = weir_engine_epochs(p->engine);
    weir_status s = WEIR_OK;
    int read = 0;
    bool busy = false;
    if (!p->tail || (epochs > atomic_load(&p->known) && epochs > p->wanted_epoch)) {
        s = want(p, epochs, err);
    }
    s = s ? s : weir_parking_recall(p, now_ms, &busy, err);
    bool waits = !busy && !(p->wanted_epoch && all_reached(p));
    s = s ? s : read_tail(p, waits ? wait_ms : busy && wait_ms ? 1 : 0, &read, err);
    p->did |= read > 0;
    if (!s && p->wanted_epoch && all_reached(p)) {
        p->did = true;
        know(p);
    }
    return s;
}

weir_status weir_parking_step(
    weir_parking *p, int64_t now_ms, int wait_ms, bool *did, weir_error *err)
{
    *err = (weir_error){.status = WEIR_OK};
    p->did = false;
    weir_status s = now_ms < p->retry_ms ? WEIR_OK : step(p, now_ms, wait_ms, err);
    if (did) {
        *did = p->did;
    }
    if (s) {
        return wait_out(p, now_ms, err);
    }
    if (now_ms >= p->retry_ms) {
        all_is_well(p);
    }
    return WEIR_OK;
}

/* ---- Looking ------------------------------------------------------------------------------------
 */

weir_parking_figures weir_parking_look(weir_parking *p)
{
    weir_parking_figures f = {.keys = 0};
    size_t at = 0;
    pthread_mutex_lock(&p->lock);
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        const weir_parked_key *k = e->value;
        f.keys += k->log.state != WEIR_KEY_OPEN || k->own.state != WEIR_KEY_OPEN;
        f.followers += k->followers;
    }
    f.known = atomic_load(&p->known) > 0;
    f.trouble = p->trouble;
    pthread_mutex_unlock(&p->lock);
    return f;
}

bool weir_parking_unwell(weir_parking *p, weir_error *why)
{
    weir_parking_figures f = weir_parking_look(p);
    weir_parked_view first;
    if (f.trouble.status) {
        weir_fail(why, WEIR_E_PARKED_UNREADABLE, "%.60s: %.150s", p->options.topic, f.trouble.text);
        return true;
    }
    if (!f.keys || !weir_parking_views(p, &first, 1)) {
        return false;
    }
    weir_fail(why, WEIR_E_KEY_PARKED,
        "%llu keys are parked, %llu records behind them; one is %.60s", (unsigned long long)f.keys,
        (unsigned long long)f.followers, first.key);
    (void)weir_at(why, "%.60s/%d", first.topic, (int)first.partition);
    return true;
}

/* What is no UTF-8, or a control character, is a dot. */
static void show_key(weir_view key, weir_parked_view *v)
{
    size_t n = 0;
    for (const char *p = key.ptr, *end = p + key.len; key.ptr && p < end;) {
        size_t length = weir_utf8_length(p, end);
        bool plain = length && (unsigned char)*p >= ' ';
        size_t put = plain ? length : 1;
        if (n + put >= sizeof v->key) {
            break;
        }
        memcpy(v->key + n, plain ? p : ".", put);
        n += put;
        p += length ? length : 1;
    }
}

static void show(const weir_parked_key *k, weir_parked_view *v)
{
    *v = (weir_parked_view){.partition = k->partition,
        .state = k->log.state != WEIR_KEY_OPEN ? k->log.state : k->own.state,
        .since_ms = k->since_ms,
        .followers = k->followers,
        .why = k->why};
    snprintf(v->topic, sizeof v->topic, "%s", k->topic);
    show_key(k->key, v);
}

size_t weir_parking_views(weir_parking *p, weir_parked_view *out, size_t max)
{
    size_t at = 0, n = 0;
    pthread_mutex_lock(&p->lock);
    for (weir_map_entry *e; n < max && (e = weir_map_next(&p->book.keys, &at));) {
        show(e->value, &out[n++]);
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}
