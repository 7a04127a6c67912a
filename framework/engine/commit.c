/* Committing: what a commit says, and by whom it is made: the source, or a transactor, which
 * commits it together with what the records have come to. See engine.h. */
#include "base/alloc.h"
#include "engine/parts.h"

/* ---- What is said -------------------------------------------------------------------------------
 */

bool weir_partition_wants_commit(const weir_engine *e, const weir_partition *p)
{
    bool says_more =
        e->options.resume && weir_frontier_open(&p->frontier) && p->changes != p->committed_changes;
    says_more |= p->recall_changes > p->committed_changes;
    return p->frontier.next > p->committed || (p->frontier.next >= 0 && says_more);
}

/* Its texts are in c->texts: first as places in it, since it may move. Lock: `lock`. */
static void say(weir_engine *e, weir_partition *p, weir_commit *c)
{
    size_t name = c->texts.len, metadata = name + strlen(p->topic) + 1;
    weir_buf_put(&c->texts, p->topic, metadata - name);
    if (e->options.resume) {
        weir_resume_put(&c->texts, &p->frontier, &p->known);
    }
    c->offsets[c->n++] = (weir_offset){.number = p->number,
        .next = p->frontier.next,
        .metadata = {NULL, c->texts.failed ? 0 : c->texts.len - metadata},
        .changes = p->changes};
}

static void place_texts(weir_commit *c)
{
    const char *at = c->texts.ptr;
    for (size_t i = 0; i < c->n; i++) {
        c->offsets[i].topic = at;
        at += strlen(at) + 1;
        c->offsets[i].metadata.ptr = at;
        at += c->offsets[i].metadata.len;
    }
}

/* Lock: `lock`. */
static weir_status gather(
    weir_engine *e, weir_partition **partitions, size_t n, weir_commit *c, weir_error *err)
{
    *c = (weir_commit){.offsets = weir_alloc(n * sizeof *c->offsets)};
    for (size_t i = 0; i < n && c->offsets; i++) {
        if (weir_partition_wants_commit(e, partitions[i])) {
            say(e, partitions[i], c);
        }
    }
    if (!c->offsets || c->texts.failed) {
        weir_commit_fini(c);
        return weir_fail_oom(err);
    }
    place_texts(c);
    return WEIR_OK;
}

void weir_commit_fini(weir_commit *c)
{
    weir_free(c->offsets);
    weir_buf_fini(&c->texts);
    *c = (weir_commit){.n = 0};
}

/* ---- By the source ------------------------------------------------------------------------------
 */

/* Lock: `lock`. */
static weir_partition *find(weir_engine *e, const char *topic, int32_t number)
{
    for (size_t i = 0; i < e->n_partitions; i++) {
        weir_partition *p = e->partitions[i];
        if (p->number == number && strcmp(p->topic, topic) == 0) {
            return p;
        }
    }
    return NULL;
}

/* An answer does not say which commit it is to. The oldest one that is open knew the least; where
 * its answer is lost, what others knew is committed once more. */
static void note_open(weir_engine *e, const weir_commit *c)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < c->n; i++) {
        weir_partition *p = find(e, c->offsets[i].topic, c->offsets[i].number);
        if (p && p->open_next < 0) {
            p->open_next = c->offsets[i].next;
            p->open_changes = c->offsets[i].changes;
        }
    }
    pthread_mutex_unlock(&e->lock);
}

void weir_commit_answered(void *engine, const char *topic, int32_t number, int64_t next)
{
    weir_engine *e = engine;
    pthread_mutex_lock(&e->lock);
    weir_partition *p = find(e, topic, number);
    if (p) {
        p->committed = next > p->committed ? next : p->committed;
    }
    if (p && p->open_next >= 0 && next >= p->open_next) {
        p->committed_changes = p->open_changes;
        p->open_next = -1;
    }
    pthread_mutex_unlock(&e->lock);
}

/* One that was waited for: it is known what it knew. */
void weir_engine_committed(weir_engine *e, const weir_commit *c)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < c->n; i++) {
        const weir_offset *o = &c->offsets[i];
        weir_partition *p = find(e, o->topic, o->number);
        if (p) {
            p->committed = o->next > p->committed ? o->next : p->committed;
            p->committed_changes = o->changes;
            p->open_next = -1;
        }
    }
    pthread_mutex_unlock(&e->lock);
}

/* An engine that has failed commits nothing more. */
weir_status weir_commit_some(
    weir_engine *e, weir_partition **partitions, size_t n, bool wait, weir_error *err)
{
    weir_commit c;
    if (atomic_load(&e->failed)) {
        return WEIR_OK;
    }
    pthread_mutex_lock(&e->lock);
    weir_status s = gather(e, partitions, n, &c, err);
    pthread_mutex_unlock(&e->lock);
    if (c.n && !wait) {
        note_open(e, &c);
    }
    if (c.n) {
        s = e->source.ops->commit(e->source.self, c.offsets, c.n, wait, err);
    }
    if (wait && !s) {
        weir_engine_committed(e, &c);
    }
    weir_commit_fini(&c);
    return s;
}

/* What comes to pass of one and the same record (an attempt, its end) counts as one each. */
static uint64_t changes_missing(weir_engine *e, weir_partition *const *partitions, size_t n)
{
    uint64_t sum = 0;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        sum += partitions[i]->changes - partitions[i]->committed_changes;
    }
    pthread_mutex_unlock(&e->lock);
    return sum;
}

void weir_commit_tell_missing(
    weir_engine *e, weir_partition *const *partitions, size_t n, const weir_error *err)
{
    uint64_t missing = changes_missing(e, partitions, n);
    if (missing) {
        weir_log_error(e->options.log, WEIR_LOG_WARN, e->options.name, err,
            "the last commit of %zu partitions failed: up to %llu records that were handled are "
            "handled again",
            n, (unsigned long long)missing);
    }
}

weir_status weir_engine_commit(weir_engine *e, bool wait, weir_error *err)
{
    /* Assignments change on this thread only, so the list needs no copy. */
    return weir_commit_some(e, e->partitions, e->n_partitions, wait, err);
}

/* ---- By a transactor ----------------------------------------------------------------------------
 */

/* A recalled record moves nothing. Its partition's offset is committed with what it has come to all
 * the same: so the group refuses that of a process which has lost the partition; and by the stamp
 * it is known whether a commit that was not answered has come to pass. Lock: `lock`. */
static void note_recalled(weir_partition *p)
{
    weir_resume_stamp(&p->known);
    p->recall_changes = ++p->changes;
}

weir_marking weir_engine_mark_within(weir_engine *e, weir_record *r, uint64_t round)
{
    weir_partition *p = r->partition;
    weir_marking m = WEIR_MARK_LATER;
    bool moved = false;
    pthread_mutex_lock(&e->lock);
    if (p->mark_round != round) {
        p->mark_round = round;
        p->mark_begin = p->frontier.next;
    }
    if (atomic_load(&p->gone)) {
        m = WEIR_MARK_GONE;
    } else if (r->seq == WEIR_NO_SEQ) {
        note_recalled(p);
        m = WEIR_MARKED;
    } else if (r->raw.offset - p->mark_begin < WEIR_RESUME_AHEAD) {
        moved = weir_frontier_settle(&p->frontier, r->seq);
        p->changes++;
        e->settled_total++;
        m = WEIR_MARKED;
    }
    bool wake = e->too_far && moved;
    e->starved &= !wake;
    e->too_far &= !wake;
    pthread_mutex_unlock(&e->lock);
    if (wake) {
        e->source.ops->wake(e->source.self);
    }
    return m;
}

weir_status weir_engine_gather(weir_engine *e, weir_record *const *records, size_t n, bool *gone,
    weir_commit *c, weir_error *err)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        gone[i] = atomic_load(&records[i]->partition->gone);
    }
    weir_status s = gather(e, e->partitions, e->n_partitions, c, err);
    pthread_mutex_unlock(&e->lock);
    return s;
}

bool weir_engine_is_first(weir_engine *e, const weir_record *r)
{
    pthread_mutex_lock(&e->lock);
    bool first = r->raw.offset <= r->partition->frontier.next;
    pthread_mutex_unlock(&e->lock);
    return first;
}
