/* A cache in the making. See merge_making.h and merge.h. */
#include "cdc/merge_making.h"

#include "base/alloc.h"
#include "cdc/merge_key.h"

enum { SWEEP_KEYS = 10000 }; /* at once: bounds the memory, not the transaction */

static const weir_making_partition untouched = {.first_row = -1, .top_offset = -1};

static weir_status make_room(weir_making *k, int32_t n, weir_error *err)
{
    if (n <= k->n_partitions) {
        return WEIR_OK;
    }
    weir_making_partition *p = weir_realloc(k->partitions, (size_t)n * sizeof *p);
    if (!p) {
        return weir_fail_oom(err);
    }
    for (int32_t i = k->n_partitions; i < n; i++) {
        p[i] = untouched;
    }
    k->partitions = p;
    k->n_partitions = n;
    return WEIR_OK;
}

/* ---- Meeting records ----------------------------------------------------------------------------
 */

/* What was known of partitions was about the snapshot before. */
static void start_over(weir_merge *m, uint64_t l)
{
    weir_making *k = &m->making;
    m->snapshot_l = l;
    k->spanned = k->spanned && k->spanning_H >= l;
    for (int32_t i = 0; i < k->n_partitions; i++) {
        k->partitions[i].first_row = -1;
    }
}

static void meet_row(weir_merge *m, const weir_change *c)
{
    weir_making *k = &m->making;
    weir_making_partition *p = &k->partitions[c->partition];
    k->older_met = k->older_met || (m->snapshot_l && c->at.l != m->snapshot_l);
    if (c->at.l < m->snapshot_l) {
        return;
    }
    if (c->at.l > m->snapshot_l) {
        start_over(m, c->at.l);
    }
    bool behind = p->first_row < 0 && p->top_offset >= 0 && p->top_offset < c->offset;
    if (behind && p->top_H > k->old_H && p->top_H < c->at.l) {
        k->old_H = p->top_H;
    }
    if (p->first_row < 0 || c->offset < p->first_row) {
        p->first_row = c->offset;
    }
}

static void meet_change(weir_merge *m, const weir_change *c)
{
    weir_making *k = &m->making;
    weir_making_partition *p = &k->partitions[c->partition];
    bool above = c->at.H >= m->snapshot_l;
    bool behind = p->first_row >= 0 && c->offset > p->first_row;
    bool spans = above ? !c->has_commit : behind;
    if (c->has_tx && m->snapshot_l && spans) {
        k->spanned = true;
        k->spanning_tx = c->tx;
        k->spanning_H = c->at.H;
    }
    if (c->at.H >= p->top_H) {
        p->top_H = c->at.H;
        p->top_offset = c->offset;
    }
}

weir_status weir_making_meet(weir_merge *m, const weir_change *c, weir_error *err)
{
    weir_status s = make_room(&m->making, c->partition + 1, err);
    if (!s && weir_is_initial(c)) {
        meet_row(m, c);
    } else if (!s && c->kind == WEIR_STREAMED) {
        meet_change(m, c);
    }
    return s;
}

bool weir_making_goes_back(const weir_merge *m, const weir_change *c)
{
    const weir_making *k = &m->making;
    if (c->partition >= k->n_partitions || c->at.l < m->snapshot_l) {
        return false;
    }
    const weir_making_partition *p = &k->partitions[c->partition];
    bool met = c->at.l == m->snapshot_l && p->first_row >= 0; /* sent again, maybe */
    return !met && p->top_offset >= 0 && p->top_offset < c->offset && p->top_H > c->at.l;
}

/* ---- In the store -------------------------------------------------------------------------------
 */

static const weir_view name = {"making", 6};

typedef struct making_bytes {
    uint64_t version, older_met, spanned, spanning_tx, spanning_H, old_H;
} making_bytes;

weir_status weir_making_save(weir_merge *m, weir_error *err)
{
    const weir_making *k = &m->making;
    making_bytes b = {1, k->older_met, k->spanned, k->spanning_tx, k->spanning_H, k->old_H};
    weir_buf_clear(&m->bytes);
    weir_buf_put(&m->bytes, &b, sizeof b);
    weir_buf_put(&m->bytes, k->partitions, (size_t)k->n_partitions * sizeof *k->partitions);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    return m->store.ops->put(
        m->store.self, m->cache, WEIR_SPACE_META, name, weir_buf_view(&m->bytes), err);
}

weir_status weir_making_load(weir_merge *m, weir_error *err)
{
    weir_making *k = &m->making;
    weir_view bytes;
    weir_status s = m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_META, name, &bytes, err);
    k->on = !s && bytes.ptr;
    if (!k->on) {
        return s;
    }
    making_bytes b = {0};
    size_t n = bytes.len < sizeof b ? 0 : (bytes.len - sizeof b) / sizeof *k->partitions;
    memcpy(&b, bytes.ptr, bytes.len < sizeof b ? 0 : sizeof b);
    if (b.version != 1 || bytes.len != sizeof b + n * sizeof *k->partitions) {
        return weir_fail(
            err, WEIR_E_STORE_BROKEN, "what the store knows of a new cache is damaged");
    }
    s = make_room(k, (int32_t)n, err);
    if (s) {
        return s;
    }
    if (n) {
        memcpy(k->partitions, bytes.ptr + sizeof b, n * sizeof *k->partitions);
    }
    for (size_t i = n; i < (size_t)k->n_partitions; i++) {
        k->partitions[i] = untouched; /* met only in a transaction that was aborted */
    }
    k->older_met = b.older_met;
    k->spanned = b.spanned;
    k->spanning_tx = b.spanning_tx;
    k->spanning_H = b.spanning_H;
    k->old_H = b.old_H;
    return WEIR_OK;
}

weir_status weir_merge_begin(weir_merge *m, weir_error *err)
{
    m->making.on = true;
    return weir_making_save(m, err);
}

/* ---- Made --------------------------------------------------------------------------------------
 */

typedef enum verdict { STAYS, GOES, DOUBTFUL } verdict;

static verdict judge(const weir_merge *m, const weir_state *st)
{
    const weir_making *k = &m->making;
    uint64_t H = st->has_mark && st->mark.at.H > st->stamp.H ? st->mark.at.H : st->stamp.H;
    bool placed = st->partition >= 0 && st->partition < k->n_partitions;
    if (!st->alive || H >= m->snapshot_l) {
        return STAYS;
    }
    if (placed && k->partitions[st->partition].first_row >= 0) {
        return st->offset > k->partitions[st->partition].first_row ? STAYS : GOES;
    }
    if (!st->stamp.l) {
        return GOES; /* only ever read, by an older snapshot */
    }
    if (k->spanned) {
        return st->has_tx && st->tx == k->spanning_tx ? STAYS : GOES;
    }
    return H <= k->old_H ? GOES : DOUBTFUL;
}

/* Keys that do not stay, of one stretch of the walk: a walk must not write. */
typedef struct sweep {
    weir_merge *m;
    weir_view from; /* where the stretch begins; looked at already, if any */
    size_t left;
    struct swept {
        weir_view key;
        verdict verdict;
        struct swept *next;
    } * first, **tail;
} sweep;

static weir_status look(void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    sweep *w = ctx;
    weir_state st;
    (void)remove;
    weir_status s = weir_state_get(value, &st, err);
    verdict v = s || weir_view_eq(key, w->from) ? STAYS : judge(w->m, &st);
    if (s || v == STAYS) {
        return s;
    }
    struct swept *found = weir_arena_alloc(&w->m->arena, sizeof *found);
    weir_view copy = weir_arena_copy(&w->m->arena, key);
    if (!found || !copy.ptr) {
        return weir_fail_oom(err);
    }
    *found = (struct swept){copy, v, NULL};
    *w->tail = found;
    w->tail = &found->next;
    return --w->left ? WEIR_OK : WEIR_DEFERRED;
}

/* Its stamp and mark stay, and refuse what is sent again of the time before. No clock says when the
 * last of that has come, so the delete mark does not expire. */
static weir_status remove_row(weir_merge *m, weir_merge_key *k, weir_error *err)
{
    weir_status s = weir_merge_move_forget(m, k->state.ref, err);
    weir_merge_key_set_dead(k, 0);
    return s;
}

static weir_status sweep_key(weir_merge *m, const struct swept *w, uint64_t *gone, weir_error *err)
{
    weir_merge_key k;
    weir_status s = weir_merge_key_load(m, w->key, &k, err);
    if (s) {
        return s;
    }
    s = w->verdict == GOES ? remove_row(m, &k, err) : weir_merge_key_distrust(m, &k, err);
    *gone += w->verdict == GOES;
    return s ? s : weir_merge_key_save(m, &k, err);
}

/* *from: the last key that does not stay; unchanged: there are no more. */
static weir_status sweep_stretch(weir_merge *m, weir_buf *from, uint64_t *gone, weir_error *err)
{
    weir_arena_reset(&m->arena);
    sweep w = {.m = m, .left = SWEEP_KEYS, .tail = &w.first};
    w.from = weir_arena_copy(&m->arena, weir_buf_view(from));
    weir_status s = w.from.ptr ? m->store.ops->each(m->store.self, m->cache, WEIR_SPACE_STATE,
                                     w.from, look, &w, err)
                               : weir_fail_oom(err);
    s = s == WEIR_DEFERRED ? WEIR_OK : s;
    weir_buf_clear(from);
    for (const struct swept *key = w.first; key && !s; key = key->next) {
        s = sweep_key(m, key, gone, err);
        if (!key->next && !w.left) {
            weir_buf_putv(from, key->key);
        }
    }
    return s || !from->failed ? s : weir_fail_oom(err);
}

weir_status weir_merge_made(weir_merge *m, uint64_t *gone, weir_error *err)
{
    const weir_making *k = &m->making;
    *gone = 0;
    if (!k->on) {
        return WEIR_OK;
    }
    weir_status s = WEIR_OK;
    weir_buf from = {0};
    bool more = m->snapshot_l && (k->older_met || k->old_H);
    while (more && !s) {
        s = sweep_stretch(m, &from, gone, err);
        more = from.len > 0;
    }
    weir_buf_fini(&from);
    return s ? s : m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_META, name, err);
}
