/* Walks over a space of a store of tables. See table_store.h.
 *
 * All that was set is written first, so that the database is what is walked, page by page. */
#include "table/table_store.h"

#include "table/table_key.h"

enum { PAGE_ROWS = 1000 };

/* ---- Walks: all that was set is written first, so that the database is what is walked ----------
 */

typedef struct walk {
    weir_table_store *store;
    unsigned cache;
    weir_space space;
    weir_store_each_fn *fn;
    void *ctx;
    weir_arena pages[2]; /* the page's, and what it begins behind: the one before */
    unsigned turn;       /* which one is the page's */
    weir_view last;      /* a side table's key */
    const weir_view *last_values;
    size_t n_page;
    bool removed;
} walk;

static weir_status visit_row(void *ctx, weir_view row_key, const weir_view *values,
    weir_view position, weir_view row, weir_error *err)
{
    walk *w = ctx;
    const weir_table *t = w->store->tables[w->cache];
    weir_view state = {NULL, 0}, key = {NULL, 0};
    w->n_page++;
    weir_view *last = weir_arena_alloc(&w->pages[w->turn], t->n_key * sizeof *last);
    for (size_t i = 0; last && i < t->n_key; i++) {
        last[i] = weir_arena_copy(&w->pages[w->turn], values[i]);
    }
    w->last_values = last;
    if (!last || w->pages[w->turn].failed) {
        return weir_fail_oom(err);
    }
    weir_status st = position.ptr ? weir_position_unpack(position, &state, &key, err) : WEIR_OK;
    state = t->rule->unguarded ? weir_buf_view(&w->store->plain) : state;
    key = key.ptr ? key : row_key;
    bool remove = false, wants_state = w->space == WEIR_SPACE_STATE;
    if (st || (wants_state && !state.ptr)) {
        return st;
    }
    st = w->fn(w->ctx, key, wants_state ? state : row, &remove, err);
    if (st || !remove) {
        return st;
    }
    weir_table_entry *e = weir_table_entry_of(w->store, w->cache, key);
    if (!e) {
        return weir_fail_oom(err);
    }
    e->values = last;
    e->fetched = true;
    st = weir_table_take(w->store, e, position, (weir_view){NULL, 0}, err);
    weir_table_list_entry(w->store->tables[w->cache], e);
    e->row_set = true; /* a row without its state is none */
    e->state_set = wants_state;
    e->new_row = e->new_state = (weir_view){NULL, 0};
    w->removed = true;
    weir_view *kept = weir_arena_alloc(&w->store->arena, t->n_key * sizeof *kept);
    for (size_t i = 0; kept && i < t->n_key; i++) {
        kept[i] = weir_arena_copy(&w->store->arena, last[i]);
    }
    e->values = kept;
    return st ? st : kept && !w->store->arena.failed ? WEIR_OK : weir_fail_oom(err);
}

static weir_status visit_side(void *ctx, weir_view key, weir_view value, weir_error *err)
{
    walk *w = ctx;
    w->n_page++;
    w->last = weir_arena_copy(&w->pages[w->turn], key);
    bool remove = false;
    weir_status st = w->last.ptr ? w->fn(w->ctx, key, value, &remove, err) : weir_fail_oom(err);
    if (st || !remove) {
        return st;
    }
    w->removed = true;
    if (w->space != WEIR_SPACE_STATE) {
        weir_side_entry *e = weir_table_side_entry_of(w->store, w->cache, w->space, key);
        weir_view old = weir_arena_copy(&w->store->arena, value);
        if (!e || !old.ptr) {
            return weir_fail_oom(err);
        }
        e->fetched = e->set = true;
        e->old = old;
        e->value = (weir_view){NULL, 0};
        return WEIR_OK;
    }
    weir_table_entry *e = weir_table_entry_of(w->store, w->cache, key);
    weir_view old = weir_arena_copy(&w->store->arena, value);
    if (!e || !old.ptr) {
        return weir_fail_oom(err);
    }
    weir_table_list_entry(w->store->tables[w->cache], e);
    e->in_side = e->state_set = true;
    e->side = e->state = old;
    e->new_state = (weir_view){NULL, 0};
    /* Where there may be a row of it, it goes with its state. */
    const weir_table *t = w->store->tables[w->cache];
    e->fetched = !t->rule || t->rule->position_column;
    e->row_set = !e->fetched;
    e->new_row = (weir_view){NULL, 0};
    return WEIR_OK;
}

/* What was asked to be removed from a page goes before the next page is read. */
static weir_status end_page(walk *w, weir_error *err)
{
    if (!w->removed) {
        return WEIR_OK;
    }
    w->removed = false;
    weir_status st = weir_table_flush(w->store, err);
    if (!st) {
        weir_table_forget_entries(w->store);
    }
    return st;
}

typedef weir_status page_fn(walk *w, bool inclusive, weir_error *err);

static weir_status rows_page(walk *w, bool inclusive, weir_error *err)
{
    weir_table_store *s = w->store;
    return s->driver->page(s->self, s->tables[w->cache], w->last_values, inclusive, PAGE_ROWS,
        w->space == WEIR_SPACE_ROW, visit_row, w, err);
}

static weir_status side_page(walk *w, bool inclusive, weir_error *err)
{
    weir_table_store *s = w->store;
    return s->driver->side_page(s->self, s->tables[w->cache]->name, w->space, w->last, inclusive,
        PAGE_ROWS, visit_side, w, err);
}

static weir_status walk_pages(walk *w, page_fn *read, weir_error *err)
{
    weir_status st = WEIR_OK;
    bool inclusive = true;
    do {
        w->turn ^= 1;
        weir_arena_reset(&w->pages[w->turn]);
        w->n_page = 0;
        st = read(w, inclusive, err);
        weir_status ended = end_page(w, err);
        st = st ? st : ended;
        inclusive = false;
    } while (!st && w->n_page == PAGE_ROWS);
    return st;
}

static weir_status walk_rows(walk *w, weir_view from, weir_error *err)
{
    weir_table *t = w->store->tables[w->cache];
    weir_status st = weir_table_describe(w->store, t, err);
    if (st || !t->exists) {
        return st;
    }
    if (from.len) {
        st = weir_table_key_values(t, from, &w->pages[w->turn], &w->last_values, err);
    }
    return st ? st : walk_pages(w, rows_page, err);
}

static weir_status walk_side(walk *w, weir_view from, weir_error *err)
{
    w->last = weir_arena_copy(&w->pages[w->turn], from);
    return w->last.ptr ? walk_pages(w, side_page, err) : weir_fail_oom(err);
}

/* What is walked is to be all there is, and to stay so: a truncate must meet every row that was
 * written by who did not know of it yet. */
static weir_status be_alone(weir_table_store *s, weir_error *err)
{
    if (!s->shared || s->excluding || !s->driver->exclude) {
        return WEIR_OK;
    }
    weir_status st = s->driver->exclude(s->self, err);
    s->excluding = !st;
    return st;
}

/* Over the table's rows, the side table, or both. `from` may be of the transaction's own memory. */
static weir_status walk_both(walk *w, weir_view from, bool rows, bool side, weir_error *err)
{
    weir_arena kept;
    weir_arena_init(&kept, 0);
    weir_arena_init(&w->pages[0], 0);
    weir_arena_init(&w->pages[1], 0);
    weir_view start = from.len ? weir_arena_copy(&kept, from) : weir_view_make("", 0);
    weir_status st = start.ptr ? weir_table_flush(w->store, err) : weir_fail_oom(err);
    if (!st) {
        weir_table_forget_entries(w->store);
        st = rows ? walk_rows(w, start, err) : WEIR_OK;
    }
    st = st || !side ? st : walk_side(w, start, err);
    weir_arena_fini(&w->pages[0]);
    weir_arena_fini(&w->pages[1]);
    weir_arena_fini(&kept);
    return st;
}

/* A walk over states that was left within the side table begins at a key that the rows do not have,
 * or may have: both parts begin there, since both are in the order of their own keys. */
weir_status weir_table_each(weir_table_store *s, unsigned cache, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    weir_table *t = weir_table_of(s, cache);
    if (!t) {
        return weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    }
    walk w = {.store = s, .cache = cache, .space = space, .fn = fn, .ctx = ctx};
    bool of_rows = t->rule && (t->rule->position_column || t->rule->unguarded);
    bool rows = weir_table_holds(t, space) && (space == WEIR_SPACE_ROW || of_rows);
    bool side = !(t->rule && space == WEIR_SPACE_ROW) && !weir_table_forgets(t, space);
    weir_status st = space == WEIR_SPACE_META ? WEIR_OK : be_alone(s, err);
    return st ? st : walk_both(&w, from, rows, side, err);
}

weir_status weir_table_each_aside(weir_table_store *s, unsigned cache, weir_space space,
    weir_view from, weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    walk w = {.store = s, .cache = cache, .space = space, .fn = fn, .ctx = ctx};
    return weir_table_of(s, cache)
               ? walk_both(&w, from, false, true, err)
               : weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
}

weir_status weir_table_clear(weir_table_store *s, unsigned cache, weir_space space, weir_error *err)
{
    weir_table *t = weir_table_of(s, cache);
    weir_status st = weir_table_flush(s, err);
    if (st) {
        return st;
    }
    weir_table_forget_entries(s);
    if (t->rule && space == WEIR_SPACE_ROW) {
        st = weir_table_describe(s, t, err);
        t->rows_delta = -t->rows;
        return st || !t->exists ? st : s->driver->clear(s->self, t, err);
    }
    return s->driver->side_clear(s->self, t->name, space, err);
}
