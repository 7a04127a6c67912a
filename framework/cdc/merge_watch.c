/* Partitions, alarms, watermarks and expiry of the merge rule. See merge.h and merge_watch.h. */
#include "cdc/merge_watch.h"

#include <stdio.h>

#include "base/alloc.h"
#include "cdc/merge_making.h"
#include "value/value.h"

enum { REGRESS_MARGIN_MS = 10000 };

/* ---- Partitions --------------------------------------------------------------------------------
 */

static const weir_merge_partition untouched = {.gap = -1, .gap_met = -1};

static weir_status know_partition(weir_merge *m, int32_t partition, weir_error *err)
{
    if (partition < 0) {
        return weir_fail(err, WEIR_E_INTERNAL, "a change of partition %d", partition);
    }
    if (partition < m->n_partitions) {
        return WEIR_OK;
    }
    size_t n = (size_t)partition + 1;
    weir_merge_partition *p = weir_realloc(m->partitions, n * sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    for (int32_t i = m->n_partitions; i <= partition; i++) {
        p[i] = untouched;
    }
    m->partitions = p;
    weir_merge_partition *loaded = m->shared ? weir_realloc(m->loaded, n * sizeof *loaded) : NULL;
    if (m->shared && !loaded) {
        return weir_fail_oom(err);
    }
    for (int32_t i = m->n_partitions; m->shared && i <= partition; i++) {
        loaded[i] = untouched;
    }
    m->loaded = loaded;
    m->n_partitions = partition + 1;
    return WEIR_OK;
}

weir_status weir_merge_pass(weir_merge *m, int32_t partition, int64_t gap, weir_error *err)
{
    weir_status s = know_partition(m, partition, err);
    if (s) {
        return s;
    }
    weir_merge_partition *p = &m->partitions[partition];
    p->gap_met = gap > p->gap_met ? gap : p->gap_met;
    return WEIR_OK;
}

weir_status weir_merge_meet(weir_merge *m, const weir_change *c, weir_error *err)
{
    weir_status s = weir_merge_pass(m, c->partition, c->gap, err);
    if (s) {
        return s;
    }
    s = m->making.on ? weir_making_meet(m, c, err) : WEIR_OK;
    if (s) {
        return s;
    }
    weir_merge_partition *p = &m->partitions[c->partition];
    if (weir_is_initial(c) && !m->snapshot_l) {
        m->snapshot_l = c->at.l;
    }
    if (c->kind == WEIR_STREAMED && c->offset >= p->anew) { /* not of a history that was left */
        if (c->at.H >= p->high_H) {
            p->high_ms = c->ts_ms;
            p->high_H = c->at.H;
        }
        p->high_commit = c->commit > p->high_commit ? c->commit : p->high_commit;
    }
    return WEIR_OK;
}

/* ---- Alarms ------------------------------------------------------------------------------------
 */

weir_merge_alarm weir_merge_alarm_of(const weir_merge *m, const weir_change *c)
{
    if (m->making.on && weir_is_initial(c)) {
        return weir_making_goes_back(m, c) ? WEIR_ALARM_POSITION_REGRESS : WEIR_ALARM_NONE;
    }
    if (weir_is_initial(c)) {
        return m->snapshot_l && c->at.l > m->snapshot_l ? WEIR_ALARM_NEW_SNAPSHOT : WEIR_ALARM_NONE;
    }
    if (c->kind != WEIR_STREAMED || c->partition >= m->n_partitions) {
        return WEIR_ALARM_NONE;
    }
    /* What is sent again was committed before the highest position was, and what lanes bring out of
     * order at about its time: only what is clearly later is another history. Where Kafka's offsets
     * are the positions (no commit is known), they cannot go back. */
    const weir_merge_partition *p = &m->partitions[c->partition];
    bool offsets = c->has_commit && !c->commit;
    return !offsets && c->at.H < p->high_H && c->ts_ms > p->high_ms + REGRESS_MARGIN_MS
               ? WEIR_ALARM_POSITION_REGRESS
               : WEIR_ALARM_NONE;
}

void weir_merge_accept(weir_merge *m, const weir_change *c)
{
    if (c->kind == WEIR_READ) {
        m->snapshot_l = c->at.l;
    } else if (c->partition < m->n_partitions) {
        m->partitions[c->partition].high_H = c->at.H;
        m->partitions[c->partition].high_ms = c->ts_ms;
        m->partitions[c->partition].high_commit = c->commit;
        m->partitions[c->partition].anew = c->offset;
        m->truncated = (weir_position){0, 0};
    }
}

/* ---- Watermarks in META -------------------------------------------------------------------------
 */

static const weir_view watermarks = {"watermarks", 10};

typedef struct watermark_bytes {
    uint64_t version, H, l, snapshot_l;
} watermark_bytes;

static weir_merge_partition as_stored(const weir_merge_partition *met)
{
    weir_merge_partition p = *met;
    p.gap = p.gap_met > p.gap ? p.gap_met : p.gap;
    return p;
}

static weir_status put_entry(weir_merge *m, weir_view entry, weir_error *err)
{
    return m->bytes.failed ? weir_fail_oom(err)
                           : m->store.ops->put(m->store.self, m->cache, WEIR_SPACE_META, entry,
                                 weir_buf_view(&m->bytes), err);
}

static weir_view partition_entry(char name[32], int32_t partition)
{
    snprintf(name, 32, "partition:%d", (int)partition);
    return weir_view_of(name);
}

static bool equal(const weir_merge_partition *a, const weir_merge_partition *b)
{
    return a->gap == b->gap && a->high_H == b->high_H && a->high_ms == b->high_ms &&
           a->high_commit == b->high_commit && a->anew == b->anew;
}

/* Those that have changed. */
static weir_status save_partitions(weir_merge *m, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (int32_t i = 0; i < m->n_partitions && !s; i++) {
        char name[32];
        weir_merge_partition p = as_stored(&m->partitions[i]);
        if (!equal(&p, &m->loaded[i])) {
            weir_buf_clear(&m->bytes);
            weir_buf_put(&m->bytes, &p, sizeof p);
            s = put_entry(m, partition_entry(name, i), err);
        }
    }
    return s;
}

/* Several write: what is not changed is not written, lest it undo what another one has. */
static weir_status save_shared(weir_merge *m, weir_error *err)
{
    watermark_bytes w = {1, m->truncated.H, m->truncated.l, m->snapshot_l};
    weir_view stored;
    weir_status s =
        m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_META, watermarks, &stored, err);
    if (s) {
        return s;
    }
    if (!stored.ptr || stored.len != sizeof w || memcmp(stored.ptr, &w, sizeof w) != 0) {
        weir_buf_clear(&m->bytes);
        weir_buf_put(&m->bytes, &w, sizeof w);
        s = put_entry(m, watermarks, err);
    }
    return s ? s : save_partitions(m, err);
}

weir_status weir_merge_save(weir_merge *m, weir_error *err)
{
    if (m->shared) {
        return save_shared(m, err);
    }
    watermark_bytes w = {1, m->truncated.H, m->truncated.l, m->snapshot_l};
    weir_buf_clear(&m->bytes);
    weir_buf_put(&m->bytes, &w, sizeof w);
    for (int32_t i = 0; i < m->n_partitions; i++) {
        weir_merge_partition p = as_stored(&m->partitions[i]);
        weir_buf_put(&m->bytes, &p, sizeof p);
    }
    weir_status s = put_entry(m, watermarks, err);
    return s || !m->making.on ? s : weir_making_save(m, err);
}

void weir_merge_newest(const weir_merge *m, uint64_t *high_H, int64_t *high_ms)
{
    *high_H = 0;
    *high_ms = 0;
    for (int32_t i = 0; i < m->n_partitions; i++) {
        const weir_merge_partition *p = &m->partitions[i];
        *high_H = p->high_H > *high_H ? p->high_H : *high_H;
        *high_ms = p->high_ms > *high_ms ? p->high_ms : *high_ms;
    }
}

static weir_status load_partition(
    void *ctx, weir_view entry, weir_view value, bool *remove, weir_error *err)
{
    static const char prefix[] = "partition:";
    weir_merge *m = ctx;
    const size_t skip = sizeof prefix - 1;
    int64_t number;
    (void)remove;
    if (entry.len <= skip || memcmp(entry.ptr, prefix, skip) != 0) {
        return WEIR_OK;
    }
    if (!weir_text_to_int64((weir_view){entry.ptr + skip, entry.len - skip}, &number) ||
        number < 0 || number > INT32_MAX - 1 || value.len != sizeof(weir_merge_partition)) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "the stored watermarks are damaged");
    }
    weir_status s = know_partition(m, (int32_t)number, err);
    if (!s) {
        memcpy(&m->partitions[number], value.ptr, value.len);
        m->loaded[number] = m->partitions[number];
    }
    return s;
}

/* Shared: after `watermarks`, which have none of them. */
static weir_status load_partitions(weir_merge *m, weir_error *err)
{
    for (int32_t i = 0; i < m->n_partitions; i++) {
        m->loaded[i] = untouched;
    }
    return m->store.ops->each(
        m->store.self, m->cache, WEIR_SPACE_META, (weir_view){"", 0}, load_partition, m, err);
}

weir_status weir_merge_load(weir_merge *m, weir_error *err)
{
    weir_view bytes;
    watermark_bytes w = {0};
    weir_status s =
        m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_META, watermarks, &bytes, err);
    if (s) {
        return s;
    }
    size_t n =
        !bytes.ptr || bytes.len < sizeof w ? 0 : (bytes.len - sizeof w) / sizeof *m->partitions;
    if (bytes.ptr) {
        memcpy(&w, bytes.ptr, bytes.len < sizeof w ? 0 : sizeof w);
        if (bytes.len != sizeof w + n * sizeof *m->partitions || w.version != 1) {
            return weir_fail(err, WEIR_E_STORE_BROKEN, "the stored watermarks are damaged");
        }
    }
    s = n ? know_partition(m, (int32_t)n - 1, err) : WEIR_OK;
    if (s) {
        return s;
    }
    if (n) {
        memcpy(m->partitions, bytes.ptr + sizeof w, n * sizeof *m->partitions);
    }
    for (size_t i = n; i < (size_t)m->n_partitions; i++) {
        m->partitions[i] = untouched; /* met only in a transaction that was aborted */
    }
    m->truncated = (weir_position){w.H, w.l};
    m->snapshot_l = w.snapshot_l;
    return m->shared ? load_partitions(m, err) : weir_making_load(m, err);
}

/* ---- Expiry ------------------------------------------------------------------------------------
 */

typedef struct expiry {
    uint64_t below_H, removed;
    int64_t before_ms;
    unsigned left;
    weir_buf *resume;
} expiry;

static weir_status expire_state(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    expiry *e = ctx;
    if (!e->left) {
        weir_buf_putv(e->resume, key);
        return e->resume->failed ? weir_fail_oom(err) : WEIR_DEFERRED; /* enough for now */
    }
    e->left--;
    weir_state st;
    weir_status s = weir_state_get(value, &st, err);
    bool passed = st.stamp.H < e->below_H && (!st.has_mark || st.mark.at.H < e->below_H);
    *remove =
        !s && !st.alive && !st.quarantined && passed && st.dead_ms && st.dead_ms < e->before_ms;
    e->removed += *remove;
    return s;
}

/* A half whose other half never came: a row that waits for it stays flagged as incomplete. */
static weir_status expire_move(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    expiry *e = ctx;
    (void)key;
    if (!e->left) {
        return WEIR_DEFERRED;
    }
    e->left--;
    weir_move move;
    weir_status s = weir_move_get(value, &move, err);
    *remove = !s && move.H < e->below_H && move.at_ms < e->before_ms;
    e->removed += *remove;
    return s;
}

weir_status weir_merge_expire(weir_merge *m, uint64_t below_H, int64_t before_ms, unsigned limit,
    weir_buf *resume, uint64_t *removed, weir_error *err)
{
    const weir_store_ops *ops = m->store.ops;
    expiry e = {below_H, 0, before_ms, limit, resume};
    weir_arena_reset(&m->arena);
    weir_view from = weir_arena_copy(&m->arena, weir_buf_view(resume));
    if (!from.ptr) {
        return weir_fail_oom(err);
    }
    weir_buf_clear(resume);
    /* Dead keys have no row: where a store keeps those apart, it need not read them, nor keep
     * others out.
     */
    weir_status (*each)(void *, unsigned, weir_space, weir_view, weir_store_each_fn *, void *,
        weir_error *) = ops->each_aside ? ops->each_aside : ops->each;
    weir_status s = each(m->store.self, m->cache, WEIR_SPACE_STATE, from, expire_state, &e, err);
    if (!s) {
        e.left = limit;
        s = each(
            m->store.self, m->cache, WEIR_SPACE_MOVE, (weir_view){"", 0}, expire_move, &e, err);
    }
    *removed = e.removed;
    return s == WEIR_DEFERRED ? WEIR_OK : s;
}
