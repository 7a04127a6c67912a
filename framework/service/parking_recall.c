/* Recalling what an operator has released: its copies are read again, and put into the lane of
 * their key. See parking.h. */
#include "service/parking_inside.h"

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

/* All of its copies are done with, or there were none: a record that stands for none goes through
 * its lane, to open it in order. Lock: lock. */
static void recall_opening(weir_parking *p, weir_parked_key *k)
{
    const weir_raw_record opening = {.topic = weir_view_of(k->topic),
        .partition = k->partition,
        .key = k->key,
        .offset = k->own.done,
        .timestamp_ms = -1};
    if (weir_engine_recall(p->engine, &opening, k->own_epoch, WEIR_RECALL_OPEN, k->round)) {
        k->under_way++;
        p->under_way++;
        p->did = true;
    }
}

/* Looks at all keys: which are to be recalled, and from where. Lock: lock. *behind: the reader does
 * not read for one of them. */
static bool survey(weir_parking *p, int64_t *from, bool *behind)
{
    bool any = false;
    size_t at = 0;
    *behind = false;
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        weir_parked_key *k = e->value;
        if (!is_ours_to_recall(p, k)) {
            continue;
        }
        if (k->own.copy <= k->own.done && !k->under_way) {
            recall_opening(p, k);
        }
        if (k->own.copy > k->recalled && k->log_partition < p->at.n) {
            int64_t *first = &from[k->log_partition];
            *first = *first < 0 || k->log_first < *first ? k->log_first : *first;
            *behind |= k->session != p->session;
            any = true;
        }
    }
    return any;
}

/* All keys that are to be recalled are read for from here on. Lock: lock. */
static void join_session(weir_parking *p)
{
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&p->book.keys, &at));) {
        weir_parked_key *k = e->value;
        if (is_ours_to_recall(p, k)) {
            k->session = p->session;
        }
    }
}

static weir_status open_recall(weir_parking *p, const int64_t *from, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    weir_parking_close_reader(p, &p->recalling);
    weir_status s = log->ops->open(log->self, from, p->at.n, &p->recalling, err);
    if (!s) {
        pthread_mutex_lock(&p->lock);
        p->session++;
        join_session(p);
        pthread_mutex_unlock(&p->lock);
    }
    return s;
}

static void recall_one(weir_parking *p, const weir_raw_record *record)
{
    weir_parked_note n;
    bool copy = weir_parked_note_read(record, &n) &&
                (n.what == WEIR_NOTE_FOLLOWER || n.what == WEIR_NOTE_PARKED);
    if (!copy) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    weir_parked_key *k = weir_parked_book_find(&p->book, n.name);
    bool wanted = k && k->session == p->session && is_ours_to_recall(p, k) &&
                  k->session == p->session && n.offset > k->recalled;
    if (wanted &&
        weir_engine_recall(p->engine, &n.original, k->own_epoch, WEIR_RECALL_HANDLE, k->round)) {
        k->recalled = n.offset;
        k->under_way++;
        p->under_way++;
        p->did = true;
    } else if (wanted) {
        k->session = 0; /* it is read again */
    }
    pthread_mutex_unlock(&p->lock);
}

static bool has_room(weir_parking *p)
{
    pthread_mutex_lock(&p->lock);
    bool room = p->under_way < p->options.recall_records;
    pthread_mutex_unlock(&p->lock);
    return room && weir_engine_recall_room(p->engine) > 0;
}

weir_status weir_parking_recall(weir_parking *p, bool *busy, weir_error *err)
{
    const weir_parked_log *log = &p->options.log;
    int64_t from[WEIR_PARKING_MOST_PARTITIONS];
    bool behind;
    for (int32_t i = 0; i < p->at.n; i++) {
        from[i] = -1;
    }
    pthread_mutex_lock(&p->lock);
    bool any = p->book.keys.count && survey(p, from, &behind);
    pthread_mutex_unlock(&p->lock);
    if (!any) {
        weir_parking_close_reader(p, &p->recalling);
        return WEIR_OK;
    }
    *busy = true;
    weir_status s = !p->recalling || behind ? open_recall(p, from, err) : WEIR_OK;
    weir_parked_read what = WEIR_PARKED_RECORD;
    weir_raw_record record;
    for (int i = 0; i < WEIR_PARKING_AT_ONCE && !s && what != WEIR_PARKED_NOTHING && has_room(p);
         i++) {
        s = log->ops->next(log->self, p->recalling, 0, &what, &record, err);
        if (!s && what == WEIR_PARKED_RECORD) {
            recall_one(p, &record);
        }
    }
    return s;
}
