/* Recalling what an operator has released: its copies are read again, and put into the lane of
 * their key. See parking.h.
 *
 * One reader reads for all keys that are in its *session*, from the first copy that any of them
 * lacks. A key has a few records in its lane at a time, its *places*, so that it goes on without a
 * pause; a key that has nothing there may always have one. A copy that comes while its key has no
 * place
 *  - is kept (`head`), and nothing is read, if no other key of the session could go on;
 *  - else its key leaves the session, with a mark where its first copy stands that was not recalled
 *    (`recall_next`), and others are read for.
 * A key that has places again and is in no session begins a new one, for all; but not before this
 * one has come as far as those before it (`recall_goal`), unless nobody of it could go on, and was
 * there for as long as the way had taken: or a slow key far behind the others would have the reader
 * go back for ever, before it reaches theirs. */
#include "service/parking_inside.h"

enum { SHARES = 8, RETRY_MS = 1000, FETCH_RETRY_MS = 15000, NEAR_MS = 20 };

/* ---- Who may be recalled ------------------------------------------------------------------------
 */

/* Its decision is made, and it is this process' to carry out. Lock: lock. */
static bool is_ours_to_recall(weir_parking *p, weir_parked_key *k)
{
    if (!weir_key_is_decided(&k->log)) {
        return false;
    }
    uint64_t epoch = weir_engine_epoch_of(p->engine, k->topic, k->partition);
    if (!epoch || epoch > atomic_load(&p->known)) {
        return false;
    }
    weir_parking_refresh(p, k, epoch);
    return weir_key_is_decided(&k->own);
}

/* More of its copies may be put into its lane. Lock: lock. */
static bool has_place(const weir_parking *p, const weir_parked_key *k)
{
    unsigned most = p->options.recall_records, share = most / SHARES + 1;
    return !k->under_way || (k->under_way < share && p->under_way < most);
}

/* There are copies of it that are to be read. Lock: lock. */
static bool lacks_copies(const weir_parking *p, const weir_parked_key *k)
{
    return k->own.copy > k->recalled && k->log_partition >= 0 && k->log_partition < p->at.n;
}

static bool is_in_session(const weir_parking *p, const weir_parked_key *k)
{
    return p->recalling && k->session == p->session;
}

/* One that has left comes back when half of its places are free: each return is a new session. */
static bool may_return(const weir_parking *p, const weir_parked_key *k, int64_t now_ms)
{
    unsigned share = p->options.recall_records / SHARES + 1;
    return now_ms >= k->retry_ms && has_place(p, k) && k->under_way <= share / 2;
}

/* All of its copies are done with, or there were none: a record that stands for none goes through
 * its lane, to open it in order. Lock: lock. */
static void recall_opening(weir_parking *p, weir_parked_key *k)
{
    const weir_raw_record opening = {.topic = weir_view_of(k->topic),
        .partition = k->partition,
        .key = k->key,
        .offset = k->own.done,
        .timestamp_ms = -1};
    const weir_recalling as = {.epoch = k->own_epoch, .kind = WEIR_RECALL_OPEN, .round = k->round};
    if (weir_engine_recall(p->engine, &opening, &as)) {
        k->under_way++;
        p->under_way++;
        p->did = true;
    }
}

typedef struct survey {
    bool any;    /* keys have copies that are to be read */
    bool behind; /* the reader does not read for one that could go on … */
    bool goes;   /* … and does for one that could */
} survey;

/* Lock: lock. */
static survey look_at_keys(weir_parking *p, int64_t now_ms)
{
    survey s = {.any = false};
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        weir_parked_key *k = e->value;
        if (!is_ours_to_recall(p, k)) {
            continue;
        }
        if (k->own.copy <= k->own.done && !k->under_way) {
            recall_opening(p, k);
        }
        if (lacks_copies(p, k)) {
            s.any = true;
            s.goes |= is_in_session(p, k) && has_place(p, k);
            s.behind |= !is_in_session(p, k) && may_return(p, k, now_ms);
        }
    }
    return s;
}

/* ---- Sessions -----------------------------------------------------------------------------------
 */

void weir_parking_close_recall(weir_parking *p)
{
    weir_parking_close_reader(p, &p->recalling);
    p->has_head = false;
    p->recall_goal.n = 0;
}

/* The reader has read as far as in the sessions before, where it reads at all. */
static bool has_come_as_far(const weir_parking *p)
{
    for (int32_t i = 0; i < p->recall_goal.n; i++) {
        if (p->recall_at.next[i] >= 0 && p->recall_at.next[i] < p->recall_goal.next[i]) {
            return false;
        }
    }
    return true;
}

/* A session ends: how far it has come counts for the next ones. */
static void note_goal(weir_parking *p)
{
    for (int32_t i = 0; i < p->at.n; i++) {
        int64_t before = i < p->recall_goal.n ? p->recall_goal.next[i] : 0;
        int64_t here = p->recalling && i < p->recall_at.n ? p->recall_at.next[i] : 0;
        p->recall_goal.next[i] = here > before ? here : before;
    }
    p->recall_goal.n = p->at.n;
}

/* It is not read for any more; its first copy that is not recalled is not before this place.
 * Lock: lock. */
static void leave_session(weir_parked_key *k, int64_t next)
{
    k->session = 0;
    k->recall_next = next > k->recall_next ? next : k->recall_next;
}

/* Who is read for from here on, and from where. Lock: lock. */
static void gather_session(weir_parking *p, int64_t now_ms, int64_t *from)
{
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        weir_parked_key *k = e->value;
        if (!is_ours_to_recall(p, k) || k->log_partition < 0 || k->log_partition >= p->at.n) {
            continue;
        }
        if (is_in_session(p, k)) {
            leave_session(k, p->recall_at.next[k->log_partition]);
        }
        if (now_ms >= k->retry_ms && has_place(p, k)) {
            int64_t *first = &from[k->log_partition];
            int64_t next = k->recall_next > k->log_first ? k->recall_next : k->log_first;
            *first = *first < 0 || next < *first ? next : *first;
            k->session = p->session + 1;
        }
    }
}

static weir_status begin_session(weir_parking *p, int64_t now_ms, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    int64_t from[WEIR_PARKING_MOST_PARTITIONS];
    const int32_t n = p->at.n;
    for (int32_t i = 0; i < n; i++) {
        from[i] = -1;
    }
    pthread_mutex_lock(&p->lock);
    gather_session(p, now_ms, from);
    p->session++;
    pthread_mutex_unlock(&p->lock);
    note_goal(p);
    p->session_ms = now_ms;
    p->there_ms = -1;
    weir_parking_close_reader(p, &p->recalling);
    p->has_head = false;
    for (int32_t i = 0; i < n; i++) {
        p->recall_at.next[i] = from[i]; /* -1: it is not read */
    }
    p->recall_at.n = n;
    return log->ops->open(log->self, from, n, &p->recalling, err);
}

/* ---- Records ------------------------------------------------------------------------------------
 */

/* Where the record is a copy for a key of the session. Lock: lock. */
static weir_parked_key *key_of(weir_parking *p, const weir_raw_record *record, weir_parked_note *n)
{
    bool copy = weir_parked_note_read(record, n) &&
                (n->what == WEIR_NOTE_FOLLOWER || n->what == WEIR_NOTE_PARKED);
    weir_parked_key *k = copy ? weir_parked_book_find(&p->book, n->name) : NULL;
    bool wanted = k && is_in_session(p, k) && k->log_partition == record->partition &&
                  is_ours_to_recall(p, k) && is_in_session(p, k) && n->offset > k->recalled;
    return wanted ? k : NULL;
}

/* Lock: lock. */
static bool recall_one(weir_parking *p, weir_parked_key *k, const weir_parked_note *n)
{
    const weir_recalling as = {
        .epoch = k->own_epoch, .kind = WEIR_RECALL_HANDLE, .round = k->round, .lacks = n->lacks};
    if (!weir_engine_recall(p->engine, &n->original, &as)) {
        return false;
    }
    k->recalled = n->offset;
    k->under_way++;
    p->under_way++;
    p->did = true;
    return true;
}

/* What the copy lacks, from where its record was. False: not now. Without the lock, since it takes
 * its time. */
static bool complete(weir_parking *p, weir_parked_note *n, int64_t now_ms)
{
    const weir_parked_log *log = &p->options.log;
    weir_raw_record whole = {.offset = -1};
    weir_error err;
    bool found = false;
    if (!n->lacks || now_ms < p->fetch_ms) {
        return !n->lacks;
    }
    if (log->ops->fetch(log->self, n->topic, n->partition, n->offset, &found, &whole, &err)) {
        weir_log_error(p->options.to_log, WEIR_LOG_WARN, p->options.name, &err,
            "the record %.*s/%d@%lld, which has no copy, cannot be read; it is tried again",
            WEIR_ARG(n->topic), (int)n->partition, (long long)n->offset);
        p->fetch_ms = now_ms + FETCH_RETRY_MS; /* others are not read for while one is waited for */
        return false;
    }
    if (found) {
        n->original.key = whole.key;
        n->original.value = whole.value;
        n->original.headers = whole.headers;
        n->lacks = 0;
    }
    return true;
}

/* False: it has to wait for a place. */
static bool take(weir_parking *p, const weir_raw_record *record, int64_t now_ms)
{
    weir_parked_note n, again;
    pthread_mutex_lock(&p->lock);
    weir_parked_key *k = key_of(p, record, &n);
    bool full = k && !has_place(p, k);
    pthread_mutex_unlock(&p->lock);
    if (!k || full) {
        return !full;
    }
    bool whole = complete(p, &n, now_ms);
    pthread_mutex_lock(&p->lock);
    k = key_of(p, record, &again); /* it may have been done with meanwhile */
    if (k && !(whole && recall_one(p, k, &n))) {
        leave_session(k, record->offset);
        k->retry_ms = now_ms + (whole ? 0 : RETRY_MS);
    }
    pthread_mutex_unlock(&p->lock);
    return true;
}

/* There is no place for the record. False: nor is there for any other key of the session. */
static bool pass_over(weir_parking *p, const weir_raw_record *record, int64_t now_ms)
{
    weir_parked_note n;
    pthread_mutex_lock(&p->lock);
    bool goes = look_at_keys(p, now_ms).goes;
    weir_parked_key *k = key_of(p, record, &n);
    if (goes && k) {
        leave_session(k, record->offset);
    }
    pthread_mutex_unlock(&p->lock);
    return goes;
}

/* The next record, or the one that has waited. */
static weir_status next(weir_parking *p, weir_parked_read *what, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    *what = WEIR_PARKED_RECORD;
    weir_status s =
        p->has_head ? WEIR_OK : log->ops->next(log->self, p->recalling, 0, what, &p->head, err);
    p->has_head = !s && *what == WEIR_PARKED_RECORD;
    return s;
}

/* Behind the record, or at the end that there was in its place. */
static void step_behind_head(weir_parking *p)
{
    int32_t i = p->head.partition;
    if (i >= 0 && i < p->recall_at.n) {
        p->recall_at.next[i] = p->head.offset + p->has_head;
    }
    p->has_head = false;
}

static weir_status read_on(weir_parking *p, int64_t now_ms, weir_error *err)
{
    for (int i = 0; i < WEIR_PARKING_AT_ONCE && weir_engine_recall_room(p->engine); i++) {
        weir_parked_read what;
        weir_status s = next(p, &what, err);
        if (s || what == WEIR_PARKED_NOTHING) {
            return s;
        }
        if (p->has_head && !take(p, &p->head, now_ms) && !pass_over(p, &p->head, now_ms)) {
            return WEIR_OK;
        }
        step_behind_head(p);
    }
    return WEIR_OK;
}

/* A way that is short costs little to go again. */
static bool may_begin(const weir_parking *p, const survey *s, int64_t now_ms)
{
    if (!p->recalling || p->there_ms < 0) {
        return !p->recalling || !s->goes;
    }
    int64_t way_ms = p->there_ms - p->session_ms, stay_ms = now_ms - p->there_ms;
    bool near = way_ms <= NEAR_MS;
    return stay_ms >= (near ? NEAR_MS : way_ms) || (near && !s->goes);
}

weir_status weir_parking_recall(weir_parking *p, int64_t now_ms, bool *busy, weir_error *err)
{
    pthread_mutex_lock(&p->lock);
    survey s = p->book.keys.count ? look_at_keys(p, now_ms) : (survey){.any = false};
    pthread_mutex_unlock(&p->lock);
    *busy = s.any;
    if (!s.any) {
        weir_parking_close_recall(p);
        return WEIR_OK;
    }
    weir_status st = s.behind && may_begin(p, &s, now_ms) ? begin_session(p, now_ms, err) : WEIR_OK;
    st = st || !p->recalling ? st : read_on(p, now_ms, err);
    if (p->there_ms < 0 && has_come_as_far(p)) {
        p->there_ms = now_ms;
    }
    return st;
}
