/* Keys and moves between the merge rule and its store. See merge_key.h. */
#include "cdc/merge_key.h"

weir_status weir_merge_keep(weir_merge *m, weir_view *v, weir_error *err)
{
    if (v->ptr) {
        *v = weir_arena_copy(&m->arena, *v);
        return v->ptr ? WEIR_OK : weir_fail_oom(err);
    }
    return WEIR_OK;
}

/* ---- Keys --------------------------------------------------------------------------------------
 */

weir_status weir_merge_key_load(weir_merge *m, weir_view key, weir_merge_key *out, weir_error *err)
{
    *out = (weir_merge_key){.key = key, .state = {.partition = -1, .offset = -1}};
    weir_view bytes;
    weir_status s = m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_STATE, key, &bytes, err);
    if (s || !bytes.ptr) {
        return s;
    }
    out->exists = true;
    weir_state *st = &out->state;
    s = weir_state_get(bytes, st, err);
    s = s ? s : weir_merge_keep(m, &st->ref.old_key, err);
    s = s ? s : weir_merge_keep(m, &st->missing, err);
    return s ? s : weir_merge_keep(m, &st->kept_row, err);
}

void weir_merge_key_reread(const weir_merge *m, weir_view key)
{
    if (m->store.ops->reread) {
        m->store.ops->reread(m->store.self, m->cache, WEIR_SPACE_STATE, key);
    }
}

weir_status weir_merge_key_row(
    weir_merge *m, const weir_merge_key *k, weir_merge_row *row, weir_error *err)
{
    *row = (weir_merge_row){k->state.kept_row, k->state.missing, k->state.ref};
    if (k->state.kept) {
        return WEIR_OK;
    }
    weir_status s =
        m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_ROW, k->key, &row->text, err);
    if (!s && !row->text.ptr) {
        s = weir_fail(err, WEIR_E_STORE_BROKEN, "the row of key %.*s is gone from the store",
            WEIR_ARG(k->key));
    }
    return s;
}

void weir_merge_key_set_row(weir_merge_key *k, const weir_merge_row *row)
{
    k->state.alive = true;
    k->state.bare = false;
    k->state.dead_ms = 0;
    k->state.missing = row->missing;
    k->state.ref = row->ref;
    k->row = row->text;
    k->row_change = WEIR_ROW_SET;
    k->dirty = true;
}

void weir_merge_key_set_dead(weir_merge_key *k, int64_t now_ms)
{
    weir_state *st = &k->state;
    k->row_change = st->alive ? WEIR_ROW_GONE : WEIR_ROW_SAME;
    st->alive = st->kept = st->quarantined = st->bare = false;
    st->missing = st->kept_row = (weir_view){NULL, 0};
    st->ref = (weir_move_ref){{NULL, 0}, 0};
    st->dead_ms = now_ms;
    k->dirty = true;
}

weir_status weir_merge_key_distrust(weir_merge *m, weir_merge_key *k, weir_error *err)
{
    weir_merge_row row;
    weir_status s = weir_merge_key_row(m, k, &row, err);
    s = s ? s : weir_merge_keep(m, &row.text, err);
    if (s) {
        return s;
    }
    weir_merge_key_set_row(k, &row);
    k->state.quarantined = true;
    m->count.quarantined++;
    return WEIR_OK;
}

/* Puts the row where readers see it, or keeps it in the state where they don't. */
static weir_status place_row(weir_merge *m, weir_merge_key *k, weir_error *err)
{
    weir_view row = k->row, shown = k->row;
    bool visible = true;
    weir_status s =
        m->show ? m->show(m->show_ctx, row, &k->state, &m->arena, &visible, &shown, err) : WEIR_OK;
    if (s) {
        return s;
    }
    k->state.kept = !visible || shown.ptr != row.ptr;
    k->state.kept_row = k->state.kept ? row : (weir_view){NULL, 0};
    return visible ? m->store.ops->put(m->store.self, m->cache, WEIR_SPACE_ROW, k->key, shown, err)
                   : m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, k->key, err);
}

static weir_status put_state(weir_merge *m, const weir_merge_key *k, weir_error *err)
{
    weir_buf_clear(&m->bytes);
    weir_state_put(&m->bytes, &k->state);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    return m->store.ops->put(
        m->store.self, m->cache, WEIR_SPACE_STATE, k->key, weir_buf_view(&m->bytes), err);
}

weir_status weir_merge_key_save(weir_merge *m, weir_merge_key *k, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (k->row_change == WEIR_ROW_SET) {
        s = place_row(m, k, err);
    } else if (k->row_change == WEIR_ROW_GONE) {
        s = m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_ROW, k->key, err);
    }
    return s || !k->dirty ? s : put_state(m, k, err);
}

/* ---- Moves -------------------------------------------------------------------------------------
 */

static weir_status move_key(weir_merge *m, weir_move_ref ref, weir_view *key, weir_error *err)
{
    weir_buf_clear(&m->bytes);
    weir_move_key_put(&m->bytes, ref);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    *key = weir_buf_view(&m->bytes);
    return weir_merge_keep(m, key, err);
}

weir_status weir_merge_move_reread(weir_merge *m, weir_move_ref ref, weir_error *err)
{
    weir_view key;
    if (!m->store.ops->reread) {
        return WEIR_OK;
    }
    weir_status s = move_key(m, ref, &key, err);
    if (!s) {
        m->store.ops->reread(m->store.self, m->cache, WEIR_SPACE_MOVE, key);
    }
    return s;
}

weir_status weir_merge_move_load(
    weir_merge *m, weir_move_ref ref, weir_move *out, bool *found, weir_error *err)
{
    weir_view key, bytes = {NULL, 0};
    weir_status s = move_key(m, ref, &key, err);
    s = s ? s : m->store.ops->get(m->store.self, m->cache, WEIR_SPACE_MOVE, key, &bytes, err);
    *found = !s && bytes.ptr;
    if (!*found) {
        return s;
    }
    s = weir_merge_keep(m, &bytes, err);
    return s ? s : weir_move_get(bytes, out, err);
}

weir_status weir_merge_move_save(
    weir_merge *m, weir_move_ref ref, const weir_move *move, weir_error *err)
{
    weir_view key;
    weir_status s = move_key(m, ref, &key, err);
    if (s) {
        return s;
    }
    weir_buf_clear(&m->bytes);
    weir_move_put(&m->bytes, move);
    if (m->bytes.failed) {
        return weir_fail_oom(err);
    }
    return m->store.ops->put(
        m->store.self, m->cache, WEIR_SPACE_MOVE, key, weir_buf_view(&m->bytes), err);
}

weir_status weir_merge_move_remove(weir_merge *m, weir_move_ref ref, weir_error *err)
{
    weir_view key;
    weir_status s = move_key(m, ref, &key, err);
    return s ? s : m->store.ops->del(m->store.self, m->cache, WEIR_SPACE_MOVE, key, err);
}

weir_status weir_merge_move_forget(weir_merge *m, weir_move_ref ref, weir_error *err)
{
    weir_move w;
    bool found;
    if (!weir_move_is(ref)) {
        return WEIR_OK;
    }
    weir_status s = weir_merge_move_load(m, ref, &w, &found, err);
    return !s && found && !w.given ? weir_merge_move_remove(m, ref, err) : s;
}
