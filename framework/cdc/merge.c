/* The merge rule. See merge.h. Section names follow docs/merge-rule.md. */
#include "cdc/merge.h"

#include "base/alloc.h"
#include "cdc/merge_key.h"
#include "cdc/merge_watch.h"
#include "cdc/row.h"

/* Refers to no move. */
static const weir_move_ref no_move = {{NULL, 0}, 0};

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

/* A tombstone alone has no position: what is read again from before it in its partition is older.
 */
static bool before_bare_tombstone(const weir_state *st, int32_t partition, int64_t offset)
{
    return st->bare && partition == st->partition && offset < st->offset;
}

static bool stream_wins(const weir_merge *m, const weir_change *c, const weir_merge_key *k)
{
    if (truncated(m, c->at.l)) {
        return false;
    }
    if (!k->exists) {
        return true;
    }
    if (before_bare_tombstone(&k->state, c->partition, c->offset)) {
        return false;
    }
    if (k->state.stamp.l && !newer(c, &k->state)) {
        return false;
    }
    return !k->state.has_mark || after(c->at, c->partition, c->offset, &k->state.mark);
}

static bool read_wins(const weir_merge *m, const weir_mark *mark, const weir_merge_key *k)
{
    if (truncated_read(m, mark)) {
        return false;
    }
    if (!k->exists) {
        return true;
    }
    if (before_bare_tombstone(&k->state, mark->partition, mark->offset)) {
        return false;
    }
    if (k->state.has_mark && !position_after(mark->at, k->state.mark.at)) {
        return false;
    }
    return !k->state.stamp.l || !after(k->state.stamp, k->state.partition, -1, mark);
}

/* Has this key certainly gone beyond the streamed change, whose other half touches it? */
static weir_status past(
    weir_merge *m, weir_view key, const weir_change *c, bool *is_past, weir_error *err)
{
    *is_past = truncated(m, c->at.l);
    weir_merge_key k;
    weir_status s = *is_past ? WEIR_OK : weir_merge_key_load(m, key, &k, err);
    if (s || *is_past || !k.exists) {
        return s;
    }
    const weir_state *st = &k.state;
    *is_past = (st->stamp.l && !newer(c, st)) ||
               (st->has_mark && !st->mark.first && !after(c->at, -1, -1, &st->mark));
    return WEIR_OK;
}

/* May the stored row be stale? Compaction took a record since it was written, or one could not be
 * used. */
static bool suspect(const weir_merge *m, const weir_change *c, const weir_state *st)
{
    if (m->unguarded) {
        return false; /* the value that is there is better than none */
    }
    return st->quarantined ||
           (m->gap_rule && weir_merge_gap_since(m, c, st->partition, st->offset));
}

/* The stamp after a streamed change was applied. */
static void stamp(weir_merge_key *k, const weir_change *c)
{
    weir_state *st = &k->state;
    if (st->has_mark && after(c->at, -1, -1, &st->mark)) {
        st->has_mark = false; /* beaten by position alone: it has nothing more to say */
    }
    st->stamp = c->at;
    st->has_tx = c->has_tx;
    st->tx = c->tx;
    st->partition = c->partition;
    st->offset = c->offset;
    st->moved_in = c->op == 'c' && c->other.ptr;
    k->dirty = true;
}

/* ---- Moves -------------------------------------------------------------------------------------
 */

/* A half that this change leaves behind; the caller says what it is. */
static weir_move half(const weir_change *c, int64_t now_ms)
{
    return (weir_move){.H = c->at.H, .at_ms = now_ms};
}

/* The new half will never ask for what the old half handed over. */
static weir_status drop_given(weir_merge *m, weir_move_ref move, weir_error *err)
{
    weir_move g;
    bool found;
    weir_status s = weir_merge_move_load(m, move, &g, &found, err);
    if (s || !found || !g.given) {
        return s;
    }
    s = weir_merge_move_forget(m, g.ref, err);
    return s ? s : weir_merge_move_remove(m, move, err);
}

/* Fills what the row misses from the base. What the base misses too stays missing and waits for the
 * base's move; without one it is counted as lost. */
static weir_status fill(
    weir_merge *m, weir_merge_row *row, const weir_merge_row *base, uint64_t *lost, weir_error *err)
{
    weir_buf_clear(&m->row);
    weir_buf_clear(&m->missing);
    m->bases += base->text.ptr != NULL;
    m->base_bytes += base->text.len;
    weir_status s = weir_row_fill(
        row->text, row->missing, base->text, base->missing, &m->arena, &m->row, &m->missing, err);
    if (s) {
        return s;
    }
    row->text = weir_arena_copy(&m->arena, weir_buf_view(&m->row));
    row->missing = weir_arena_copy(&m->arena, weir_buf_view(&m->missing));
    if (!row->text.ptr || !row->missing.ptr) {
        return weir_fail_oom(err);
    }
    row->ref = row->missing.len ? base->ref : no_move;
    m->count.placeholders_kept += !row->missing.len;
    *lost += row->missing.len && !weir_move_is(row->ref);
    return WEIR_OK;
}

/* c(new): its placeholders come from the moved row only, never from what is stored under the new
 * key. */
static weir_status take_from_move(
    weir_merge *m, const weir_change *c, weir_merge_row *row, weir_error *err)
{
    weir_move_ref move = {c->other, c->at.l};
    if (!row->missing.len) {
        return drop_given(m, move, err);
    }
    weir_move g;
    bool found, is_past; /* asked first: who was past it has left the half that is read behind it */
    weir_status s = past(m, move.old_key, c, &is_past, err);
    s = s ? s : weir_merge_move_load(m, move, &g, &found, err);
    if (s) {
        return s;
    }
    if (found && g.given) {
        weir_merge_row moved = {g.row, g.missing, g.ref};
        s = weir_merge_move_remove(m, move, err);
        s = s ? s : fill(m, row, &moved, &m->count.moves_lost, err);
        return s || row->missing.len ? s : weir_merge_move_forget(m, g.ref, err);
    }
    if (is_past) { /* the old half was here and kept nothing: expired */
        m->count.moves_lost++;
    } else {
        row->ref = move;
    }
    return s;
}

/* What d(old) hands over: the row, or nothing if that may be another one than the row that moved:
 * one that was read ahead of the stream, or a stale one. */
static weir_status moved_row(weir_merge *m, const weir_change *c, const weir_merge_key *k,
    weir_merge_row *row, weir_error *err)
{
    *row = (weir_merge_row){0};
    if (!k->state.alive) {
        return WEIR_OK;
    }
    if (c->ts_ms <= k->state.ahead_ms || suspect(m, c, &k->state)) {
        return weir_merge_move_forget(m, k->state.ref, err);
    }
    weir_status s = weir_merge_key_row(m, k, row, err);
    return s ? s : weir_merge_keep(m, &row->text, err);
}

/* A row that waits for the move takes from the moved row. *row: what it then is; untouched when it
 * does not wait any more. */
static weir_status fill_waiting_row(weir_merge *m, weir_view key, weir_move_ref move,
    const weir_merge_row *moved, weir_merge_row *row, weir_error *err)
{
    weir_merge_key k;
    weir_merge_key_reread(m, key); /* it has come to wait since the key was read, maybe */
    weir_status s = weir_merge_key_load(m, key, &k, err);
    if (s || !weir_move_same(k.state.ref, move)) {
        return s;
    }
    const weir_merge_row nothing = {0};
    bool withheld = m->withheld && m->withheld(m->withheld_ctx, m->cache, key);
    s = weir_merge_key_row(m, &k, row, err);
    s = s ? s : fill(m, row, withheld ? &nothing : moved, &m->count.moves_lost, err);
    if (s) {
        return s;
    }
    weir_merge_key_set_row(&k, row);
    return weir_merge_key_save(m, &k, err);
}

/* The same for a row that has itself moved on, and waits for its own new half. */
static weir_status fill_waiting_move(weir_merge *m, weir_move_ref waiter, weir_move_ref move,
    const weir_merge_row *moved, weir_merge_row *row, weir_error *err)
{
    weir_move g;
    bool found;
    weir_status s = weir_merge_move_reread(m, waiter, err);
    s = s ? s : weir_merge_move_load(m, waiter, &g, &found, err);
    if (s || !found || !g.given || !weir_move_same(g.ref, move)) {
        return s;
    }
    *row = (weir_merge_row){g.row, g.missing, g.ref};
    s = fill(m, row, moved, &m->count.moves_lost, err);
    if (s) {
        return s;
    }
    g.row = row->text;
    g.missing = row->missing;
    g.ref = row->ref;
    return weir_merge_move_save(m, waiter, &g, err);
}

/* Hands a moved row to whoever waits for it. Never brings a row back. */
static weir_status resolve(weir_merge *m, const weir_change *c, const weir_move *w,
    const weir_merge_row *moved, int64_t now_ms, weir_error *err)
{
    weir_move_ref move = {c->key, c->at.l};
    weir_merge_row row = {0};
    weir_status s = w->waiter_is_move ? fill_waiting_move(m, w->ref, move, moved, &row, err)
                                      : fill_waiting_row(m, w->waiter_key, move, moved, &row, err);
    if (s || !row.text.ptr || !weir_move_is(moved->ref)) {
        return s;
    }
    if (!row.missing.len) {
        return weir_merge_move_forget(m, moved->ref, err);
    }
    weir_move next = half(c, now_ms);
    next.waiter_is_move = w->waiter_is_move;
    next.ref = w->ref;
    next.waiter_key = w->waiter_key;
    return weir_merge_move_save(m, moved->ref, &next, err);
}

/* Keeps the moved row until c(new) comes. */
static weir_status give(weir_merge *m, const weir_change *c, const weir_merge_row *moved,
    int64_t now_ms, weir_error *err)
{
    weir_move_ref move = {c->key, c->at.l};
    weir_move g = half(c, now_ms);
    g.given = true;
    g.row = moved->text;
    g.missing = moved->missing;
    g.ref = moved->ref;
    weir_status s = weir_merge_move_save(m, move, &g, err);
    if (s || !weir_move_is(moved->ref)) {
        return s;
    }
    weir_move w = half(c, now_ms);
    w.waiter_is_move = true;
    w.ref = move;
    return weir_merge_move_save(m, moved->ref, &w, err);
}

/* d(old) of a move: hands the row over to whoever waits, or keeps it until c(new) comes. */
static weir_status old_half(
    weir_merge *m, const weir_change *c, const weir_merge_key *k, int64_t now_ms, weir_error *err)
{
    weir_move_ref move = {c->key, c->at.l};
    weir_merge_row moved;
    weir_move w;
    bool found = false, is_past = false; /* asked first, as in take_from_move */
    weir_status s = moved_row(m, c, k, &moved, err);
    s = s ? s : past(m, c->other, c, &is_past, err);
    s = s ? s : weir_merge_move_load(m, move, &w, &found, err);
    s = s || !found ? s : weir_merge_move_remove(m, move, err);
    if (s) {
        return s;
    }
    if (found && !w.given) {
        return resolve(m, c, &w, &moved, now_ms, err);
    }
    return is_past ? weir_merge_move_forget(m, moved.ref, err) : give(m, c, &moved, now_ms, err);
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static bool is_new_half(const weir_change *c)
{
    return c->op == 'c' && c->other.ptr;
}

/* The row that an upsert leaves. A c takes nothing from what is stored: if it has placeholders, it
 * is the new half of a move that has lost its header. */
static weir_status row_after(weir_merge *m, const weir_change *c, const weir_merge_key *k,
    weir_merge_row *row, weir_error *err)
{
    *row = (weir_merge_row){c->row, c->missing, no_move};
    if (is_new_half(c)) {
        return take_from_move(m, c, row, err);
    }
    if (!c->missing.len) {
        return WEIR_OK;
    }
    weir_merge_row base = {0};
    bool usable = c->op == 'u' && k->state.alive && !suspect(m, c, &k->state);
    weir_status s = usable ? weir_merge_key_row(m, k, &base, err) : WEIR_OK;
    return s ? s : fill(m, row, &base, &m->count.incomplete, err);
}

static weir_status upsert(
    weir_merge *m, const weir_change *c, weir_merge_key *k, int64_t now_ms, weir_error *err)
{
    if (!stream_wins(m, c, k)) {
        m->count.older++;
        return is_new_half(c) ? drop_given(m, (weir_move_ref){c->other, c->at.l}, err) : WEIR_OK;
    }
    weir_merge_row row;
    weir_move_ref old_ref = k->state.ref;
    weir_status s = row_after(m, c, k, &row, err);
    if (s) {
        return s;
    }
    if (is_new_half(c) || !c->missing.len) {
        k->state.ahead_ms = 0;
    }
    weir_merge_key_set_row(k, &row);
    k->state.quarantined = false;
    stamp(k, c);
    m->count.inserts += c->op == 'c';
    m->count.updates += c->op == 'u';
    m->count.key_moves += is_new_half(c);
    s = weir_move_same(old_ref, row.ref) ? WEIR_OK : weir_merge_move_forget(m, old_ref, err);
    if (s || !weir_move_is(row.ref)) {
        return s;
    }
    weir_move w = half(c, now_ms);
    w.waiter_key = k->key;
    return weir_merge_move_save(m, row.ref, &w, err);
}

/* A deferrable key with `id = id + 1`: within one transaction a row moves onto this key before the
 * row that was here moves away; the stream then moves the wrong one. */
static weir_status look_for_shifted_key(
    weir_merge *m, const weir_change *c, const weir_merge_key *k, weir_error *err)
{
    const weir_state *st = &k->state;
    if (!c->before.ptr || !st->alive || !st->moved_in || !c->has_tx || !st->has_tx ||
        c->tx != st->tx) {
        return WEIR_OK;
    }
    weir_merge_row row;
    weir_status s = weir_merge_key_row(m, k, &row, err);
    m->count.shifted_keys += !s && !weir_view_eq(row.text, c->before);
    return s;
}

static weir_status delete_row(
    weir_merge *m, const weir_change *c, weir_merge_key *k, int64_t now_ms, weir_error *err)
{
    if (!stream_wins(m, c, k)) {
        m->count.older++;
        return WEIR_OK;
    }
    weir_status s;
    if (c->other.ptr) {
        s = look_for_shifted_key(m, c, k, err);
        s = s ? s : old_half(m, c, k, now_ms, err);
        m->count.key_moves++;
    } else {
        s = weir_merge_move_forget(m, k->state.ref, err);
        m->count.deletes++;
    }
    weir_merge_key_set_dead(k, now_ms);
    stamp(k, c);
    return s;
}

static weir_mark mark_of(const weir_change *c)
{
    bool first = c->kind == WEIR_READ && !c->has_commit;
    return (weir_mark){
        .at = c->at,
        .first = first,
        .edge = first || (c->has_commit && c->commit == c->at.l),
        .partition = c->partition,
        .offset = c->offset,
    };
}

/* Its ts_ms is the time at which Debezium began with the table: it may have seen what was committed
 * since. */
static int64_t read_before(const weir_change *c)
{
    return c->made_ms > c->ts_ms ? c->made_ms : c->ts_ms;
}

/* A row of a snapshot. The streamed stamp stays, as a floor for streamed changes. */
static weir_status read_row(weir_merge *m, const weir_change *c, weir_merge_key *k, weir_error *err)
{
    weir_mark mark = mark_of(c);
    if (!read_wins(m, &mark, k)) {
        m->count.older_reads++;
        return WEIR_OK;
    }
    weir_status s = weir_merge_move_forget(m, k->state.ref, err);
    weir_merge_key_set_row(k, &(weir_merge_row){.text = c->row});
    k->state.quarantined = false;
    k->state.has_mark = true;
    k->state.mark = mark;
    k->state.ahead_ms = c->kind == WEIR_READ && c->has_commit ? read_before(c) : 0;
    k->state.partition = c->partition;
    k->state.offset = c->offset;
    m->count.snapshot_rows++;
    return s;
}

/* Behind its d a tombstone says nothing. Alone (compaction took the d) it deletes what is older in
 * Kafka's order. Which of the two it is, is known per key: by the last record of it in this
 * partition. That was a d, the row lives on (the d was a repeated one), and records are missing in
 * between: then it may be either. */
static weir_status tombstone(
    weir_merge *m, const weir_change *c, weir_merge_key *k, int64_t now_ms, weir_error *err)
{
    weir_state *st = &k->state;
    if (m->unguarded) { /* behind a d, or the delete itself */
        m->count.deletes += c->unwrapped && st->alive;
        if (c->unwrapped) {
            weir_merge_key_set_dead(k, now_ms);
        }
        return WEIR_OK;
    }
    if (!st->alive || !st->has_seen || st->seen_partition != c->partition ||
        c->offset <= st->seen_offset) {
        return WEIR_OK;
    }
    if (st->seen_delete) {
        bool unclear = m->gap_rule && weir_merge_gap_since(m, c, c->partition, st->seen_offset);
        return unclear ? weir_merge_key_distrust(m, k, err) : WEIR_OK;
    }
    m->count.bare_tombstones += !c->unwrapped;
    m->count.deletes += c->unwrapped;
    weir_status s = weir_merge_move_forget(m, st->ref, err);
    weir_merge_key_set_dead(k, now_ms);
    st->has_mark = false;
    st->stamp.l -= st->stamp.l > 0; /* the same change may come again behind it */
    st->partition = c->partition;
    st->offset = c->offset;
    st->bare = true;
    return s;
}

/* ---- Truncates ---------------------------------------------------------------------------------
 */

typedef struct sweep {
    weir_merge *m;
    struct swept {
        weir_view key;
        struct swept *next;
    } * rows; /* to be removed when the walk is over */
} sweep;

static weir_status sweep_state(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    sweep *w = ctx;
    weir_state st;
    weir_status s = weir_state_get(value, &st, err);
    *remove =
        !s && st.stamp.l < w->m->truncated.l && (!st.has_mark || truncated_read(w->m, &st.mark));
    if (!*remove || !st.alive) {
        return s;
    }
    struct swept *row = weir_arena_alloc(&w->m->arena, sizeof *row);
    weir_view copy = weir_arena_copy(&w->m->arena, key);
    if (!row || !copy.ptr) {
        return weir_fail_oom(err);
    }
    *row = (struct swept){copy, w->rows};
    w->rows = row;
    return WEIR_OK;
}

static weir_status sweep_move(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)value, (void)err;
    *remove = weir_move_key_position(key) < ((sweep *)ctx)->m->truncated.l;
    return WEIR_OK;
}

static weir_status truncate_table(weir_merge *m, const weir_change *c, weir_error *err)
{
    bool of_old_history = c->offset < m->partitions[c->partition].anew;
    if (truncated(m, c->at.l) || of_old_history) {
        m->count.older++;
        return WEIR_OK;
    }
    m->truncated = c->at;
    m->count.truncates++;
    const weir_store_ops *ops = m->store.ops;
    const weir_view start = {"", 0};
    sweep w = {.m = m};
    weir_status s =
        ops->each(m->store.self, m->cache, WEIR_SPACE_STATE, start, sweep_state, &w, err);
    for (struct swept *row = w.rows; row && !s; row = row->next) {
        s = ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, row->key, err);
    }
    return s ? s : ops->each(m->store.self, m->cache, WEIR_SPACE_MOVE, start, sweep_move, &w, err);
}

/* ---- Applying ----------------------------------------------------------------------------------
 */

static bool seen(const weir_merge_key *k, int32_t partition, int64_t offset)
{
    const weir_state *st = &k->state;
    return st->has_seen && st->seen_partition == partition && offset <= st->seen_offset;
}

/* The record was met, taken or refused: a tombstone behind it must know. */
static void see(weir_merge_key *k, int32_t partition, int64_t offset, bool is_delete)
{
    weir_state *st = &k->state;
    if ((k->exists || k->dirty) && !seen(k, partition, offset)) {
        st->has_seen = true;
        st->seen_partition = partition;
        st->seen_offset = offset;
        st->seen_delete = is_delete;
        k->dirty = true;
    }
}

/* The source's history has begun anew since the key was written: its positions say nothing against
 * this change. */
static void forget_history(const weir_merge *m, const weir_change *c, weir_merge_key *k)
{
    weir_state *st = &k->state;
    int64_t anew = m->partitions[c->partition].anew;
    if (st->partition == c->partition && st->offset < anew && c->offset >= anew) {
        st->stamp = (weir_position){0, 0};
        st->has_tx = st->has_mark = false;
        st->ahead_ms = 0;
    }
}

weir_status weir_merge_apply_met(
    weir_merge *m, const weir_change *c, int64_t now_ms, weir_error *err)
{
    weir_arena_reset(&m->arena);
    m->count.changes++;
    if (c->op == 't') {
        return truncate_table(m, c, err);
    }
    weir_merge_key k;
    weir_status s = weir_merge_key_load(m, c->key, &k, err);
    if (s) {
        return s;
    }
    forget_history(m, c, &k);
    if (c->kind == WEIR_TOMBSTONE) {
        s = tombstone(m, c, &k, now_ms, err);
    } else if (c->kind != WEIR_STREAMED) {
        s = read_row(m, c, &k, err);
    } else if (c->op == 'd') {
        s = delete_row(m, c, &k, now_ms, err);
    } else {
        s = upsert(m, c, &k, now_ms, err);
    }
    see(&k, c->partition, c->offset, c->kind == WEIR_STREAMED && c->op == 'd');
    return s ? s : weir_merge_key_save(m, &k, err);
}

weir_status weir_merge_apply(weir_merge *m, const weir_change *c, int64_t now_ms, weir_error *err)
{
    weir_status s = weir_merge_meet(m, c, err);
    return s ? s : weir_merge_apply_met(m, c, now_ms, err);
}

static weir_status flag(weir_merge *m, weir_merge_key *k, int64_t now_ms, weir_error *err)
{
    if (k->state.alive) {
        return weir_merge_key_distrust(m, k, err);
    }
    k->state.quarantined = k->dirty = true;
    k->state.dead_ms = now_ms;
    m->count.quarantined++;
    return WEIR_OK;
}

weir_status weir_merge_quarantine(weir_merge *m, weir_view key, int32_t partition, int64_t offset,
    int64_t now_ms, weir_error *err)
{
    weir_arena_reset(&m->arena);
    weir_merge_key k;
    weir_status s = weir_merge_pass(m, partition, -1, err);
    s = s ? s : weir_merge_key_load(m, key, &k, err);
    if (s || seen(&k, partition, offset)) {
        return s; /* met before: what came behind it may have healed the row */
    }
    s = flag(m, &k, now_ms, err);
    see(&k, partition, offset, false);
    return s ? s : weir_merge_key_save(m, &k, err);
}

/* ---- Life --------------------------------------------------------------------------------------
 */

void weir_merge_init(weir_merge *m, weir_store store, unsigned cache)
{
    *m = (weir_merge){.store = store, .cache = cache, .shared = store.ops && store.ops->shared};
    weir_arena_init(&m->arena, 0);
}

void weir_merge_fini(weir_merge *m)
{
    weir_arena_fini(&m->arena);
    weir_buf_fini(&m->row);
    weir_buf_fini(&m->missing);
    weir_buf_fini(&m->bytes);
    weir_free(m->partitions);
    weir_free(m->loaded);
    weir_free(m->making.partitions);
    m->partitions = m->loaded = NULL;
    m->making.partitions = NULL;
}
