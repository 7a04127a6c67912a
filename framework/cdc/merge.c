/* The merge rule. See merge.h. Section names follow docs/merge-rule.md. */
#include "cdc/merge.h"

#include "base/alloc.h"
#include "cdc/row.h"

/* A key at work: its state, and what becomes of its row. Saved once, at the end. */
typedef struct slot {
    weir_view key;
    weir_state state;
    bool exists; /* the store has a state */
    bool dirty;
    enum { ROW_SAME, ROW_SET, ROW_GONE } row_change;
    weir_view row; /* ROW_SET */
} slot;

/* ---- The order ----------------------------------------------------------------------------------
 */

static bool position_after(weir_position a, weir_position b)
{
    return a.H != b.H ? a.H > b.H : a.l > b.l;
}

/* Two streamed changes of one key: commit order, then LSN. The LSN alone is not the order: an
 * insert writes its heap record before the unique index makes it wait for a concurrent delete of
 * that key. */
static bool newer(const weir_change *c, const weir_state *st)
{
    if (c->at.l == st->stamp.l) {
        return false;
    }
    if (c->has_tx && st->has_tx && c->tx == st->tx) {
        return c->at.l > st->stamp.l;
    }
    return position_after(c->at, st->stamp);
}

/* Is a streamed change later than the read that the mark stands for? partition -1: its place in
 * Kafka is not to be used. */
static bool after(weir_position at, int32_t partition, int64_t offset, const weir_mark *m)
{
    if (at.H > m->at.H) {
        return true;
    }
    if (at.H == m->at.H && (m->edge || at.l >= m->at.l)) {
        return true;
    }
    return m->first && partition == m->partition && offset > m->offset;
}

static bool truncated(const weir_merge *m, uint64_t l)
{
    return l <= m->truncated.l;
}

static bool truncated_read(const weir_merge *m, const weir_mark *mark)
{
    return m->truncated.l > 0 && after(m->truncated, -1, -1, mark);
}

/* ---- Guards -------------------------------------------------------------------------------------
 */

static bool stream_wins(const weir_merge *m, const weir_change *c, const slot *s)
{
    if (truncated(m, c->at.l)) {
        return false;
    }
    if (!s->exists) {
        return true;
    }
    if (s->state.stamp.l && !newer(c, &s->state)) {
        return false;
    }
    return !s->state.has_mark || after(c->at, c->partition, c->offset, &s->state.mark);
}

static bool read_wins(const weir_merge *m, const weir_mark *mark, const slot *s)
{
    if (truncated_read(m, mark)) {
        return false;
    }
    if (!s->exists) {
        return true;
    }
    if (s->state.has_mark && !position_after(mark->at, s->state.mark.at)) {
        return false;
    }
    return !s->state.stamp.l || !after(s->state.stamp, s->state.partition, -1, mark);
}

/* Has this key certainly gone beyond the streamed change, whose other half touches it? */
static weir_status past(
    weir_merge *m, weir_view key, const weir_change *c, bool *is_past, weir_error *err)
{
    *is_past = truncated(m, c->at.l);
    if (*is_past) {
        return WEIR_OK;
    }
    weir_view bytes;
    weir_state st;
    weir_status s = m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_STATE, key, &bytes, err);
    if (s || !bytes.ptr) {
        return s;
    }
    if ((s = weir_state_get(bytes, &st, err))) {
        return s;
    }
    *is_past = (st.stamp.l && !newer(c, &st)) ||
               (st.has_mark && !st.mark.first && !after(c->at, -1, -1, &st.mark));
    return WEIR_OK;
}

/* ---- Loading and saving a key
 * -------------------------------------------------------------------- */

/* Borrowed bytes end with the next write: what is kept longer is copied. */
static weir_status keep(weir_merge *m, weir_view *v, weir_error *err)
{
    if (v->ptr) {
        *v = weir_arena_copy(&m->arena, *v);
        return v->ptr ? WEIR_OK : weir_fail_oom(err);
    }
    return WEIR_OK;
}

static weir_status load(weir_merge *m, weir_view key, slot *out, weir_error *err)
{
    *out = (slot){.key = key, .state = {.partition = -1, .offset = -1}};
    weir_view bytes;
    weir_status s = m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_STATE, key, &bytes, err);
    if (s || !bytes.ptr) {
        return s;
    }
    out->exists = true;
    weir_state *st = &out->state;
    s = weir_state_get(bytes, st, err);
    s = s ? s : keep(m, &st->ref.old_key, err);
    s = s ? s : keep(m, &st->missing, err);
    return s ? s : keep(m, &st->kept_row, err);
}

/* The full row of an alive key; borrowed until the next write. */
static weir_status row_of(weir_merge *m, const slot *s, weir_view *row, weir_error *err)
{
    if (s->row_change == ROW_SET) {
        *row = s->row;
        return WEIR_OK;
    }
    if (s->state.kept) {
        *row = s->state.kept_row;
        return WEIR_OK;
    }
    weir_status st = m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_ROW, s->key, row, err);
    if (!st && !row->ptr) {
        st = weir_fail(err, WEIR_E_STORE_BROKEN, "the row of key %.*s is gone from the store",
            WEIR_ARG(s->key));
    }
    return st;
}

static weir_status put_state(weir_merge *m, const slot *s, weir_error *err)
{
    weir_buf_clear(&m->bytes);
    weir_state_put(&m->bytes, &s->state);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    return m->store.ops->put(
        m->store.self, m->cache, WEIR_SPACE_STATE, s->key, weir_buf_view(&m->bytes), err);
}

/* Puts the row where readers see it, or keeps it in the state where they don't. */
static weir_status place_row(weir_merge *m, slot *s, weir_error *err)
{
    weir_view row = s->row, shown = s->row;
    bool visible = true;
    weir_status st =
        m->show ? m->show(m->show_ctx, row, &s->state, &m->arena, &visible, &shown, err) : WEIR_OK;
    if (st) {
        return st;
    }
    s->state.kept = !visible || shown.ptr != row.ptr;
    s->state.kept_row = s->state.kept ? row : (weir_view){NULL, 0};
    return visible ? m->store.ops->put(m->store.self, m->cache, WEIR_SPACE_ROW, s->key, shown, err)
                   : m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, s->key, err);
}

static weir_status save(weir_merge *m, slot *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    if (s->row_change == ROW_SET) {
        st = place_row(m, s, err);
    } else if (s->row_change == ROW_GONE) {
        st = m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, s->key, err);
    }
    return st || !s->dirty ? st : put_state(m, s, err);
}

static void set_row(slot *s, weir_view row)
{
    s->state.alive = true;
    s->state.dead_ms = 0;
    s->state.quarantined = false;
    s->row = row;
    s->row_change = ROW_SET;
    s->dirty = true;
}

/* A dead key keeps its state: that is the delete mark. */
static void set_dead(slot *s, int64_t now_ms)
{
    weir_state *st = &s->state;
    s->row_change = st->alive ? ROW_GONE : ROW_SAME;
    st->alive = st->kept = st->quarantined = false;
    st->missing = st->kept_row = (weir_view){NULL, 0};
    st->ref = (weir_move_ref){{NULL, 0}, 0};
    st->dead_ms = now_ms;
    s->dirty = true;
}

static void stamp(slot *s, const weir_change *c)
{
    weir_state *st = &s->state;
    if (st->has_mark && after(c->at, -1, -1, &st->mark)) {
        st->has_mark = false; /* beaten by position alone: it has nothing more to say */
    }
    st->stamp = c->at;
    st->has_tx = c->has_tx;
    st->tx = c->tx;
    st->partition = c->partition;
    st->offset = c->offset;
    st->moved_in = c->op == 'c' && c->other.ptr;
    s->dirty = true;
}

/* ---- Moves -------------------------------------------------------------------------------------
 */

static bool same_ref(weir_move_ref a, weir_move_ref b)
{
    return a.l == b.l && weir_view_eq(a.old_key, b.old_key);
}

static weir_status move_key(weir_merge *m, weir_move_ref ref, weir_view *key, weir_error *err)
{
    weir_buf b = {0};
    weir_move_key_put(&b, ref);
    *key = b.failed ? (weir_view){NULL, 0} : weir_arena_copy(&m->arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return key->ptr ? WEIR_OK : weir_fail_oom(err);
}

static weir_status get_move(
    weir_merge *m, weir_move_ref ref, weir_move *out, bool *found, weir_error *err)
{
    weir_view key, bytes = {NULL, 0};
    weir_status s = move_key(m, ref, &key, err);
    s = s ? s : m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_MOVE, key, &bytes, err);
    *found = !s && bytes.ptr;
    if (!*found) {
        return s;
    }
    s = keep(m, &bytes, err);
    return s ? s : weir_move_get(bytes, out, err);
}

static weir_status put_move(
    weir_merge *m, weir_move_ref ref, const weir_move *move, weir_error *err)
{
    weir_view key;
    weir_status s = move_key(m, ref, &key, err);
    weir_buf_clear(&m->bytes);
    weir_move_put(&m->bytes, move);
    if (!s && m->bytes.failed) {
        s = weir_fail_oom(err);
    }
    return s ? s
             : m->store.ops->put(
                   m->store.self, m->cache, WEIR_SPACE_MOVE, key, weir_buf_view(&m->bytes), err);
}

static weir_status del_move(weir_merge *m, weir_move_ref ref, weir_error *err)
{
    weir_view key;
    weir_status s = move_key(m, ref, &key, err);
    return s ? s : m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_MOVE, key, err);
}

/* Nobody waits for this move any more. */
static weir_status forget(weir_merge *m, weir_move_ref ref, weir_error *err)
{
    weir_move w;
    bool found;
    if (!ref.old_key.ptr) {
        return WEIR_OK;
    }
    weir_status s = get_move(m, ref, &w, &found, err);
    return !s && found && !w.given ? del_move(m, ref, err) : s;
}

static weir_status wait_row(
    weir_merge *m, weir_move_ref ref, weir_view key, int64_t now_ms, weir_error *err)
{
    weir_move w = {.waiter_key = key, .at_ms = now_ms};
    return put_move(m, ref, &w, err);
}

static weir_status wait_move(
    weir_merge *m, weir_move_ref ref, weir_move_ref waiter, int64_t now_ms, weir_error *err)
{
    weir_move w = {.waiter_is_move = true, .ref = waiter, .at_ms = now_ms};
    return put_move(m, ref, &w, err);
}

/* The new half will never ask for what the old half handed over. */
static weir_status drop_given(weir_merge *m, weir_move_ref move, weir_error *err)
{
    weir_move g;
    bool found;
    weir_status s = get_move(m, move, &g, &found, err);
    if (s || !found || !g.given) {
        return s;
    }
    s = forget(m, g.ref, err);
    return s ? s : del_move(m, move, err);
}

/* Fills the gaps of `row` from `base`; both results live in the merge's buffers until the next
 * fill. */
static weir_status fill(weir_merge *m, weir_view row, weir_view missing, weir_view base,
    weir_view base_missing, weir_view *row_out, weir_view *missing_out, weir_error *err)
{
    weir_buf_clear(&m->row);
    weir_buf_clear(&m->missing);
    weir_status s =
        weir_row_fill(row, missing, base, base_missing, &m->arena, &m->row, &m->missing, err);
    if (s) {
        return s;
    }
    *row_out = weir_arena_copy(&m->arena, weir_buf_view(&m->row));
    *missing_out = weir_arena_copy(&m->arena, weir_buf_view(&m->missing));
    return row_out->ptr && missing_out->ptr ? WEIR_OK : weir_fail_oom(err);
}

/* c(new): its placeholders come from the moved row only, never from what is stored under the new
 * key. */
static weir_status take_from_move(weir_merge *m, const weir_change *c, weir_view *row,
    weir_view *missing, weir_move_ref *ref, weir_error *err)
{
    weir_move_ref move = {c->other, c->at.l};
    *row = c->row;
    *missing = c->missing;
    *ref = (weir_move_ref){{NULL, 0}, 0};
    if (!c->missing.len) {
        return drop_given(m, move, err);
    }
    weir_move g;
    bool found, is_past;
    weir_status s = get_move(m, move, &g, &found, err);
    if (s) {
        return s;
    }
    if (found && g.given) {
        s = del_move(m, move, err);
        s = s ? s : fill(m, c->row, c->missing, g.row, g.missing, row, missing, err);
        if (s) {
            return s;
        }
        if (!missing->len) {
            m->count.placeholders_kept++;
            return forget(m, g.ref, err);
        }
        m->count.moves_lost += !g.ref.old_key.ptr;
        *ref = g.ref;
        return WEIR_OK;
    }
    s = past(
        m, move.old_key, c, &is_past, err); /* the old half was here and kept nothing: expired */
    if (is_past) {
        m->count.moves_lost++;
    } else {
        *ref = move;
    }
    return s;
}

/* Hands a moved row to whoever waits for it. Never brings a row back. */
static weir_status resolve(weir_merge *m, const weir_move *w, const weir_move *g,
    weir_move_ref move, int64_t now_ms, weir_error *err)
{
    slot x = {0};
    weir_move xm = {0};
    bool found = false;
    weir_status s =
        w->waiter_is_move ? get_move(m, w->ref, &xm, &found, err) : load(m, w->waiter_key, &x, err);
    if (s) {
        return s;
    }
    weir_move_ref waits_for = w->waiter_is_move ? xm.ref : x.state.ref;
    bool waits = w->waiter_is_move ? found && xm.given : x.exists && x.state.alive;
    if (!waits || !waits_for.old_key.ptr || !same_ref(waits_for, move)) {
        return WEIR_OK;
    }
    weir_view row = {NULL, 0}, missing;
    if (w->waiter_is_move) {
        row = xm.row;
        missing = xm.missing;
    } else {
        s = row_of(m, &x, &row, err);
        missing = x.state.missing;
    }
    s = s ? s : fill(m, row, missing, g->row, g->missing, &row, &missing, err);
    if (s) {
        return s;
    }
    weir_move_ref ref = missing.len ? g->ref : (weir_move_ref){{NULL, 0}, 0};
    m->count.moves_lost += missing.len && !ref.old_key.ptr;
    m->count.placeholders_kept += !missing.len;
    if (w->waiter_is_move) {
        xm.row = row;
        xm.missing = missing;
        xm.ref = ref;
        s = put_move(m, w->ref, &xm, err);
    } else {
        x.state.missing = missing;
        x.state.ref = ref;
        set_row(&x, row);
        s = save(m, &x, err);
    }
    if (s || !g->ref.old_key.ptr) {
        return s;
    }
    if (!missing.len) {
        return forget(m, g->ref, err);
    }
    return w->waiter_is_move ? wait_move(m, g->ref, w->ref, now_ms, err)
                             : wait_row(m, g->ref, w->waiter_key, now_ms, err);
}

/* May stored values be stale? Compaction took a record since the row was written, or one could not
 * be used. */
static bool suspect(const weir_merge *m, const weir_state *st)
{
    return st->quarantined ||
           (m->gap_rule && st->partition >= 0 && st->partition < m->n_partitions &&
               m->partitions[st->partition].gap > st->offset);
}

/* d(old) of a move: hand the row over to whoever waits, or keep it until c(new) comes. */
static weir_status old_half(
    weir_merge *m, const weir_change *c, const slot *s, int64_t now_ms, weir_error *err)
{
    weir_move_ref move = {c->key, c->at.l};
    weir_move g = {.given = true, .at_ms = now_ms}, w;
    weir_status st = WEIR_OK;
    if (s->state.alive && c->ts_ms <= s->state.ahead_ms) {
        /* A row read ahead of the stream may be a later one than the moved one: not to be trusted.
         */
        st = forget(m, s->state.ref, err);
    } else if (s->state.alive) {
        g.missing = s->state.missing;
        g.ref = s->state.ref;
        if (!suspect(m, &s->state)) {
            st = row_of(m, s, &g.row, err);
            st = st ? st : keep(m, &g.row, err);
        }
    }
    bool found = false, is_past = false;
    st = st ? st : get_move(m, move, &w, &found, err);
    if (st) {
        return st;
    }
    if (found && !w.given) {
        st = del_move(m, move, err);
        return st ? st : resolve(m, &w, &g, move, now_ms, err);
    }
    st = past(m, c->other, c, &is_past, err);
    if (st || is_past) {
        st = st ? st : forget(m, g.ref, err);
        return st || !found ? st : del_move(m, move, err);
    }
    st = put_move(m, move, &g, err);
    return st || !g.ref.old_key.ptr ? st : wait_move(m, g.ref, move, now_ms, err);
}

/* ---- Records -----------------------------------------------------------------------------------
 */

/* What becomes of an upsert's placeholders. */
static weir_status complete(weir_merge *m, const weir_change *c, const slot *s, weir_view *row,
    weir_view *missing, weir_move_ref *ref, weir_error *err)
{
    *row = c->row;
    *missing = c->missing;
    *ref = (weir_move_ref){{NULL, 0}, 0};
    if (c->op == 'c' && c->other.ptr) {
        return take_from_move(m, c, row, missing, ref, err);
    }
    if (!c->missing.len) {
        return WEIR_OK;
    }
    weir_view base = {NULL, 0};
    weir_status st = WEIR_OK;
    if (s->state.alive && c->op == 'u' && !suspect(m, &s->state)) { /* a c has lost its header */
        st = row_of(m, s, &base, err);
    }
    st = st ? st : fill(m, c->row, c->missing, base, s->state.missing, row, missing, err);
    if (!st && missing->len) {
        *ref = c->op == 'u' ? s->state.ref : *ref;
        m->count.incomplete += !ref->old_key.ptr;
    } else {
        m->count.placeholders_kept++;
    }
    return st;
}

static weir_status upsert(
    weir_merge *m, const weir_change *c, slot *s, int64_t now_ms, weir_error *err)
{
    bool move = c->op == 'c' && c->other.ptr;
    if (!stream_wins(m, c, s)) {
        m->count.older++;
        return move ? drop_given(m, (weir_move_ref){c->other, c->at.l}, err) : WEIR_OK;
    }
    weir_view row, missing;
    weir_move_ref ref, old_ref = s->state.ref;
    weir_status st = complete(m, c, s, &row, &missing, &ref, err);
    if (st) {
        return st;
    }
    if (move || !c->missing.len) {
        s->state.ahead_ms = 0;
    }
    set_row(s, row);
    s->state.missing = missing;
    s->state.ref = missing.len ? ref : (weir_move_ref){{NULL, 0}, 0};
    stamp(s, c);
    m->count.inserts += c->op == 'c';
    m->count.updates += c->op == 'u';
    m->count.key_moves += move;
    if (old_ref.old_key.ptr && !(s->state.ref.old_key.ptr && same_ref(old_ref, s->state.ref))) {
        st = forget(m, old_ref, err);
    }
    return st || !s->state.ref.old_key.ptr ? st : wait_row(m, s->state.ref, s->key, now_ms, err);
}

/* A deferrable key with `id = id + 1`: within one transaction a row moves onto this key before the
 * row that was here moves away; the stream then moves the wrong one. */
static weir_status look_for_shifted_key(
    weir_merge *m, const weir_change *c, const slot *s, weir_error *err)
{
    const weir_state *st = &s->state;
    if (!c->before.ptr || !st->alive || !st->moved_in || !c->has_tx || !st->has_tx ||
        c->tx != st->tx) {
        return WEIR_OK;
    }
    weir_view row;
    weir_status status = row_of(m, s, &row, err);
    m->count.shifted_keys += !status && !weir_view_eq(row, c->before);
    return status;
}

static weir_status delete_row(
    weir_merge *m, const weir_change *c, slot *s, int64_t now_ms, weir_error *err)
{
    if (!stream_wins(m, c, s)) {
        m->count.older++;
        return WEIR_OK;
    }
    weir_status st;
    if (c->other.ptr) {
        st = look_for_shifted_key(m, c, s, err);
        st = st ? st : old_half(m, c, s, now_ms, err);
        m->count.key_moves++;
    } else {
        st = forget(m, s->state.ref, err);
        m->count.deletes++;
    }
    set_dead(s, now_ms);
    stamp(s, c);
    return st;
}

/* A snapshot row keeps the streamed stamp as a floor for streamed changes. */
static weir_status read_row(weir_merge *m, const weir_change *c, slot *s, weir_error *err)
{
    weir_mark mark = {.at = c->at,
        .first = c->kind == WEIR_READ && !c->has_commit,
        .partition = c->partition,
        .offset = c->offset};
    mark.edge = mark.first || (c->has_commit && c->commit == c->at.l);
    if (!read_wins(m, &mark, s)) {
        m->count.older_reads++;
        return WEIR_OK;
    }
    weir_status st = forget(m, s->state.ref, err);
    set_row(s, c->row);
    s->state.missing = (weir_view){NULL, 0};
    s->state.ref = (weir_move_ref){{NULL, 0}, 0};
    s->state.has_mark = true;
    s->state.mark = mark;
    s->state.ahead_ms = c->kind == WEIR_READ && c->has_commit ? c->ts_ms : 0;
    s->state.partition = c->partition;
    s->state.offset = c->offset;
    m->count.snapshot_rows++;
    return st;
}

/* Behind its d a tombstone says nothing. Alone (compaction ate the d) it deletes what is older in
 * Kafka's order. Which of the two it is, is known per key: by the last record of it in this
 * partition. */
static weir_status tombstone(
    weir_merge *m, const weir_change *c, slot *s, int64_t now_ms, weir_error *err)
{
    weir_state *st = &s->state;
    if (!st->alive || !st->has_seen || st->seen_partition != c->partition ||
        c->offset <= st->seen_offset || st->seen_delete) {
        return WEIR_OK;
    }
    m->count.bare_tombstones += !c->unwrapped;
    m->count.deletes += c->unwrapped;
    weir_status status = forget(m, st->ref, err);
    set_dead(s, now_ms);
    st->has_mark = false;
    st->stamp.l -= st->stamp.l > 0; /* the same change may come again behind it */
    st->partition = c->partition;
    st->offset = c->offset;
    return status;
}

typedef struct sweep_ctx {
    weir_merge *m;
    weir_error *err;
    weir_arena *dead; /* keys whose rows go too */
    struct doomed {
        weir_view key;
        struct doomed *next;
    } * rows;
} sweep_ctx;

static weir_status sweep_state(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    sweep_ctx *sc = ctx;
    weir_state st;
    weir_status s = weir_state_get(value, &st, err);
    if (s) {
        return s;
    }
    *remove = st.stamp.l < sc->m->truncated.l && (!st.has_mark || truncated_read(sc->m, &st.mark));
    if (*remove && st.alive) {
        struct doomed *d = weir_arena_alloc(sc->dead, sizeof *d);
        weir_view copy = d ? weir_arena_copy(sc->dead, key) : (weir_view){NULL, 0};
        if (!copy.ptr) {
            return weir_fail_oom(err);
        }
        *d = (struct doomed){copy, sc->rows};
        sc->rows = d;
    }
    return WEIR_OK;
}

static weir_status sweep_move(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)value, (void)err;
    *remove = weir_move_key_position(key) < ((sweep_ctx *)ctx)->m->truncated.l;
    return WEIR_OK;
}

static weir_status truncate_table(weir_merge *m, const weir_change *c, weir_error *err)
{
    if (c->at.l <= m->truncated.l) {
        m->count.older++;
        return WEIR_OK;
    }
    m->truncated = c->at;
    m->count.truncates++;
    const weir_store_ops *ops = m->store.ops;
    weir_arena dead;
    weir_arena_init(&dead, 0);
    sweep_ctx sc = {.m = m, .dead = &dead};
    weir_view start = {"", 0};
    weir_status s =
        ops->each(m->store.self, m->cache, WEIR_SPACE_STATE, start, sweep_state, &sc, err);
    for (struct doomed *d = sc.rows; d && !s; d = d->next) {
        s = ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, d->key, err);
    }
    s = s ? s : ops->each(m->store.self, m->cache, WEIR_SPACE_MOVE, start, sweep_move, &sc, err);
    weir_arena_fini(&dead);
    return s;
}

/* The record was seen, taken or refused: a tombstone behind it must know. */
static void see(slot *s, const weir_change *c)
{
    weir_state *st = &s->state;
    if ((s->exists || s->dirty) &&
        (!st->has_seen || st->seen_partition != c->partition || c->offset > st->seen_offset)) {
        st->has_seen = true;
        st->seen_partition = c->partition;
        st->seen_offset = c->offset;
        st->seen_delete = c->kind == WEIR_STREAMED && c->op == 'd';
        s->dirty = true;
    }
}

static weir_status watch(weir_merge *m, const weir_change *c, weir_error *err);

weir_status weir_merge_apply(weir_merge *m, const weir_change *c, int64_t now_ms, weir_error *err)
{
    weir_arena_reset(&m->arena);
    m->count.changes++;
    weir_status st = watch(m, c, err);
    if (st || c->op == 't') {
        return st ? st : truncate_table(m, c, err);
    }
    slot s;
    st = load(m, c->key, &s, err);
    if (st) {
        return st;
    }
    if (c->kind == WEIR_TOMBSTONE) {
        st = tombstone(m, c, &s, now_ms, err);
    } else if (c->kind != WEIR_STREAMED) {
        st = read_row(m, c, &s, err);
    } else if (c->op == 'd') {
        st = delete_row(m, c, &s, now_ms, err);
    } else {
        st = upsert(m, c, &s, now_ms, err);
    }
    see(&s, c);
    return st ? st : save(m, &s, err);
}

weir_status weir_merge_quarantine(weir_merge *m, weir_view key, int32_t partition, int64_t offset,
    int64_t now_ms, weir_error *err)
{
    weir_arena_reset(&m->arena);
    slot s;
    weir_status st = weir_merge_pass(m, partition, offset, err);
    st = st ? st : load(m, key, &s, err);
    if (st || (s.state.has_seen && s.state.seen_partition == partition &&
                  offset <= s.state.seen_offset)) {
        return st; /* met before: what came behind it may have healed the row */
    }
    weir_view row = {NULL, 0};
    if (s.state.alive) {
        st = row_of(m, &s, &row, err);
        st = st ? st : keep(m, &row, err);
        set_row(&s, row);
    } else {
        s.state.dead_ms = now_ms;
    }
    s.state.quarantined = s.dirty = true;
    s.state.has_seen = true;
    s.state.seen_partition = partition;
    s.state.seen_offset = offset;
    s.state.seen_delete = false;
    m->count.quarantined++;
    return st ? st : save(m, &s, err);
}

/* ---- Partitions --------------------------------------------------------------------------------
 */

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
        p[i] = (weir_merge_partition){.gap = -1};
    }
    m->partitions = p;
    m->n_partitions = partition + 1;
    return WEIR_OK;
}

weir_status weir_merge_pass(weir_merge *m, int32_t partition, int64_t offset, weir_error *err)
{
    weir_status s = know_partition(m, partition, err);
    if (s) {
        return s;
    }
    weir_merge_partition *p = &m->partitions[partition];
    if (offset > p->next) {
        p->gap = offset; /* compaction took what was between */
    }
    p->next = offset >= p->next ? offset + 1 : p->next;
    return WEIR_OK;
}

weir_merge_alarm weir_merge_alarm_of(const weir_merge *m, const weir_change *c)
{
    if (c->kind == WEIR_READ && !c->has_commit) {
        return m->snapshot_l && c->at.l > m->snapshot_l ? WEIR_ALARM_NEW_SNAPSHOT : WEIR_ALARM_NONE;
    }
    if (c->kind != WEIR_STREAMED || c->partition >= m->n_partitions) {
        return WEIR_ALARM_NONE;
    }
    /* What is sent again was seen before, so it is not later than everything seen. */
    const weir_merge_partition *p = &m->partitions[c->partition];
    return c->at.H < p->high_H && c->ts_ms > p->high_ms ? WEIR_ALARM_POSITION_REGRESS
                                                        : WEIR_ALARM_NONE;
}

void weir_merge_accept(weir_merge *m, const weir_change *c)
{
    if (c->kind == WEIR_READ) {
        m->snapshot_l = c->at.l;
    } else if (c->partition < m->n_partitions) {
        m->partitions[c->partition].high_H = c->at.H;
        m->partitions[c->partition].high_commit = c->commit;
    }
}

/* How far a partition has come. */
static weir_status watch(weir_merge *m, const weir_change *c, weir_error *err)
{
    weir_status s = weir_merge_pass(m, c->partition, c->offset, err);
    if (s) {
        return s;
    }
    weir_merge_partition *p = &m->partitions[c->partition];
    if (c->kind == WEIR_READ && !c->has_commit && !m->snapshot_l) {
        m->snapshot_l = c->at.l;
    }
    if (c->kind == WEIR_STREAMED) {
        p->high_H = c->at.H > p->high_H ? c->at.H : p->high_H;
        p->high_ms = c->ts_ms > p->high_ms ? c->ts_ms : p->high_ms;
        p->high_commit = c->commit > p->high_commit ? c->commit : p->high_commit;
    }
    return WEIR_OK;
}

/* ---- Watermarks in META -------------------------------------------------------------------------
 */

static const weir_view watermarks = {"watermarks", 10};

typedef struct watermark_bytes {
    uint64_t version, H, l, snapshot_l;
} watermark_bytes;

weir_status weir_merge_save(weir_merge *m, weir_error *err)
{
    watermark_bytes w = {1, m->truncated.H, m->truncated.l, m->snapshot_l};
    weir_buf_clear(&m->bytes);
    weir_buf_put(&m->bytes, &w, sizeof w);
    weir_buf_put(&m->bytes, m->partitions, (size_t)m->n_partitions * sizeof *m->partitions);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    return m->store.ops->put(
        m->store.self, m->cache, WEIR_SPACE_META, watermarks, weir_buf_view(&m->bytes), err);
}

weir_status weir_merge_load(weir_merge *m, weir_error *err)
{
    weir_view bytes;
    watermark_bytes w;
    weir_status s =
        m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_META, watermarks, &bytes, err);
    if (s || !bytes.ptr) {
        return s;
    }
    size_t n = bytes.len < sizeof w ? 0 : (bytes.len - sizeof w) / sizeof *m->partitions;
    memcpy(&w, bytes.ptr, bytes.len < sizeof w ? 0 : sizeof w);
    if (bytes.len != sizeof w + n * sizeof *m->partitions || w.version != 1) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "the stored watermarks are damaged");
    }
    s = n ? know_partition(m, (int32_t)n - 1, err) : WEIR_OK;
    if (!s && n) {
        memcpy(m->partitions, bytes.ptr + sizeof w, n * sizeof *m->partitions);
    }
    m->truncated = (weir_position){w.H, w.l};
    m->snapshot_l = w.snapshot_l;
    return s;
}

/* ---- Expiry ------------------------------------------------------------------------------------
 */

typedef struct expire_ctx {
    uint64_t below_H, removed;
    int64_t before_ms;
    unsigned left;
    weir_buf *resume;
} expire_ctx;

static weir_status expire_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    expire_ctx *e = ctx;
    if (!e->left--) {
        weir_buf_clear(e->resume);
        weir_buf_putv(e->resume, key);
        return WEIR_DEFERRED; /* enough for now */
    }
    weir_state st;
    weir_status s = weir_state_get(value, &st, err);
    *remove = !s && !st.alive && !st.quarantined && st.stamp.H < e->below_H && st.dead_ms &&
              st.dead_ms < e->before_ms;
    e->removed += *remove;
    return s;
}

weir_status weir_merge_expire(weir_merge *m, uint64_t below_H, int64_t before_ms, unsigned limit,
    weir_buf *resume, uint64_t *removed, weir_error *err)
{
    expire_ctx e = {below_H, 0, before_ms, limit, resume};
    weir_view from = weir_arena_copy(&m->arena, weir_buf_view(resume));
    weir_buf_clear(resume);
    weir_status s =
        m->store.ops->each(m->store.self, m->cache, WEIR_SPACE_STATE, from, expire_one, &e, err);
    *removed = e.removed;
    return s == WEIR_DEFERRED ? WEIR_OK : s;
}

/* ---- Life --------------------------------------------------------------------------------------
 */

void weir_merge_init(weir_merge *m, weir_store store, unsigned cache)
{
    *m = (weir_merge){.store = store, .cache = cache};
    weir_arena_init(&m->arena, 0);
}

void weir_merge_fini(weir_merge *m)
{
    weir_arena_fini(&m->arena);
    weir_buf_fini(&m->row);
    weir_buf_fini(&m->missing);
    weir_buf_fini(&m->bytes);
    weir_free(m->partitions);
    m->partitions = NULL;
}
