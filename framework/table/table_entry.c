/* What a transaction knows of keys: what the database has, and what is to become of it. See
 * table_store.h. */
#include "table/table_store.h"

#include "base/alloc.h"
#include "table/table_key.h"

/* ---- Entries -----------------------------------------------------------------------------------
 */

/* The key's entry of a map, all zeros behind its key when it is new. Entries of both kinds begin
 * with their key. NULL: out of memory. */
static void *entry_in(weir_table_store *s, weir_map *map, weir_view key, size_t size)
{
    weir_map_entry *m = weir_map_add(map, key);
    if (m && !m->value) {
        weir_view *e = weir_arena_alloc(&s->arena, size);
        if (!e) {
            weir_map_remove(map, m);
            return NULL;
        }
        memset(e, 0, size);
        *e = weir_arena_copy(&s->arena, key);
        m->value = e;
        s->n_entries++;
    }
    return m && !s->arena.failed ? m->value : NULL;
}

_Static_assert(offsetof(weir_table_entry, key) == 0, "entry_in");
_Static_assert(offsetof(weir_side_entry, key) == 0, "entry_in");

weir_table_entry *weir_table_entry_of(weir_table_store *s, unsigned cache, weir_view key)
{
    weir_map *map = &s->tables[cache]->entries[WEIR_SPACE_ROW];
    return entry_in(s, map, key, sizeof(weir_table_entry));
}

weir_side_entry *weir_table_side_entry_of(
    weir_table_store *s, unsigned cache, weir_space space, weir_view key)
{
    return entry_in(s, &s->tables[cache]->entries[space], key, sizeof(weir_side_entry));
}

void weir_table_list_entry(weir_table *t, weir_table_entry *e)
{
    if (!e->listed) {
        e->listed = true;
        e->next = t->listed;
        t->listed = e;
        t->n_listed++;
    }
}

void weir_table_reread(weir_table_store *s, unsigned cache, weir_space space, weir_view key)
{
    weir_table *t = weir_table_of(s, cache);
    bool side = t && !weir_table_holds(t, space);
    weir_map_entry *m = t ? weir_map_find(&t->entries[side ? space : WEIR_SPACE_ROW], key) : NULL;
    weir_side_entry *name = m && side ? m->value : NULL;
    weir_table_entry *e = m && !side ? m->value : NULL;
    if (name && !name->set) {
        name->fetched = false;
        name->old = (weir_view){NULL, 0};
    }
    if (e && !e->state_set && !e->row_set) {
        *e = (weir_table_entry){.key = e->key, .values = e->values};
    }
}

void weir_table_forget_entries(weir_table_store *s)
{
    for (unsigned i = 0; i < s->n_tables; i++) {
        for (int space = 0; s->tables[i] && space < WEIR_SPACES; space++) {
            weir_map_fini(&s->tables[i]->entries[space], NULL);
            weir_map_init(&s->tables[i]->entries[space]);
        }
        if (s->tables[i]) {
            s->tables[i]->listed = NULL;
            s->tables[i]->n_listed = 0;
        }
    }
    weir_arena_reset(&s->arena);
    s->n_entries = 0;
}

/* ---- Reading -----------------------------------------------------------------------------------
 */

weir_status weir_table_take(
    weir_table_store *s, weir_table_entry *e, weir_view position, weir_view row, weir_error *err)
{
    weir_view state = {NULL, 0}, key;
    e->in_table = true;
    if (position.ptr) {
        e->position = weir_arena_copy(&s->arena, position);
        if (!e->position.ptr) {
            return weir_fail_oom(err);
        }
        weir_status st = weir_position_unpack(e->position, &state, &key, err);
        if (st) {
            return st;
        }
    }
    e->state = state;
    if (row.ptr) {
        e->row = weir_arena_copy(&s->arena, row);
        if (!e->row.ptr) {
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

typedef struct fetching {
    weir_table_store *store;
    unsigned cache;
    weir_table_entry **entries;
} fetching;

static weir_status found_row(
    void *ctx, size_t i, weir_view position, weir_view row, weir_error *err)
{
    fetching *f = ctx;
    weir_status st = weir_table_take(f->store, f->entries[i], position, row, err);
    if (!st && f->store->tables[f->cache]->rule->unguarded) {
        f->entries[i]->state = weir_buf_view(&f->store->plain);
    }
    return st;
}

static weir_status found_side(void *ctx, weir_view key, weir_view value, weir_error *err)
{
    fetching *f = ctx;
    weir_table_entry *e = weir_table_entry_of(f->store, f->cache, key);
    weir_view copy = weir_arena_copy(&f->store->arena, value);
    if (!e || !copy.ptr) {
        return weir_fail_oom(err);
    }
    e->in_side = true;
    e->side = copy;
    if (!e->in_table || !f->store->tables[f->cache]->rule->position_column) {
        e->state = copy;
    }
    return WEIR_OK;
}

static weir_status fetch_rows(fetching *f, size_t n, bool rows, weir_error *err)
{
    weir_table_store *s = f->store;
    weir_table *t = s->tables[f->cache];
    const weir_view **values = weir_arena_alloc(&s->arena, n * sizeof(const weir_view *));
    weir_status st = values ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < n && !st; i++) {
        weir_table_entry *e = f->entries[i];
        st = e->values ? WEIR_OK : weir_table_key_values(t, e->key, &s->arena, &e->values, err);
        values[i] = e->values;
    }
    return st ? st : s->driver->fetch(s->self, t, values, n, rows, found_row, f, err);
}

/* A row with a position has nothing in the side table; where that was wrong, the write was told. */
static bool may_be_aside(const weir_table_store *s, const weir_table_entry *e)
{
    return !e->in_table || !e->position.ptr || s->doubts;
}

static weir_status fetch_aside(fetching *f, size_t n, weir_error *err)
{
    weir_table_store *s = f->store;
    weir_view *keys = weir_arena_alloc(&s->arena, n * sizeof *keys);
    size_t n_keys = 0;
    for (size_t i = 0; keys && i < n; i++) {
        if (may_be_aside(s, f->entries[i])) {
            keys[n_keys++] = f->entries[i]->key;
        }
    }
    if (!keys) {
        return weir_fail_oom(err);
    }
    return n_keys ? s->driver->side_fetch(s->self, s->tables[f->cache]->name, WEIR_SPACE_STATE,
                        keys, n_keys, found_side, f, err)
                  : WEIR_OK;
}

static weir_status fetch_some(weir_table_store *s, unsigned cache, weir_table_entry **entries,
    size_t n, bool rows, weir_error *err)
{
    fetching f = {s, cache, entries};
    weir_status st = s->tables[cache]->exists ? fetch_rows(&f, n, rows, err) : WEIR_OK;
    if (!st && !s->tables[cache]->rule->unguarded) {
        st = fetch_aside(&f, n, err);
    }
    for (size_t i = 0; i < n && !st; i++) {
        entries[i]->fetched = true;
        entries[i]->row_fetched |= rows;
    }
    return st;
}

weir_status weir_table_fetch(weir_table_store *s, unsigned cache, weir_table_entry **entries,
    size_t n, bool rows, weir_error *err)
{
    weir_status st = weir_table_describe(s, s->tables[cache], err);
    size_t most = s->driver->write_at_once;
    for (size_t at = 0; at < n && !st; at += most) {
        size_t some = n - at < most ? n - at : most;
        st = fetch_some(s, cache, entries + at, some, rows, err);
    }
    return st;
}

typedef struct copying {
    weir_arena *arena;
    weir_view value;
} copying;

static weir_status copy_value(void *ctx, weir_view key, weir_view value, weir_error *err)
{
    copying *c = ctx;
    (void)key;
    c->value = weir_arena_copy(c->arena, value);
    return c->value.ptr ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_table_get_side(weir_table_store *s, unsigned cache, weir_space space,
    weir_view key, weir_view *value, weir_error *err)
{
    weir_side_entry *e = weir_table_side_entry_of(s, cache, space, key);
    if (!e) {
        return weir_fail_oom(err);
    }
    if (weir_table_forgets(s->tables[cache], space)) {
        e->fetched = true; /* only what this transaction has put is known */
    }
    if (!e->fetched) {
        copying c = {&s->arena, {NULL, 0}};
        weir_status st = s->driver->side_fetch(
            s->self, s->tables[cache]->name, space, &e->key, 1, copy_value, &c, err);
        if (st) {
            return st;
        }
        e->old = c.value;
        e->fetched = true;
    }
    *value = e->set ? e->value : e->old;
    return WEIR_OK;
}

weir_status weir_table_get(weir_table_store *s, unsigned cache, weir_space space, weir_view key,
    weir_view *value, weir_error *err)
{
    weir_table *t = weir_table_of(s, cache);
    *value = (weir_view){NULL, 0};
    if (!t) {
        return weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    }
    if (!weir_table_holds(t, space)) {
        return weir_table_get_side(s, cache, space, key, value, err);
    }
    bool row = space == WEIR_SPACE_ROW;
    weir_table_entry *e = weir_table_entry_of(s, cache, key);
    if (!e) {
        return weir_fail_oom(err);
    }
    bool known = row ? e->row_set || e->row_fetched || (e->fetched && !e->in_table)
                     : e->state_set || e->fetched;
    weir_status st = known ? WEIR_OK : weir_table_fetch(s, cache, &e, 1, row, err);
    if (!st) {
        *value = row ? (e->row_set ? e->new_row : e->row) : e->state_set ? e->new_state : e->state;
    }
    return st;
}

/* Several processes write: each partition that a transaction changes keys of is its own until its
 * end. */
static weir_status take_partitions(
    weir_table_store *s, const char *cache, const weir_expected *keys, size_t n, weir_error *err)
{
    int32_t last = -1;
    for (size_t i = 0; i < n; i++) {
        last = keys[i].partition > last ? keys[i].partition : last;
    }
    size_t room = (size_t)last + 1, count = 0;
    bool *met = weir_calloc(room, sizeof *met);
    int32_t *partitions = weir_calloc(room, sizeof *partitions);
    for (size_t i = 0; met && i < n; i++) {
        if (keys[i].partition >= 0) {
            met[keys[i].partition] = true;
        }
    }
    for (size_t i = 0; met && partitions && i < room; i++) {
        partitions[count] = (int32_t)i;
        count += met[i];
    }
    weir_status st = !met || !partitions ? weir_fail_oom(err)
                     : count ? s->driver->take_partitions(s->self, cache, partitions, count, err)
                             : WEIR_OK;
    weir_free(met);
    weir_free(partitions);
    return st;
}

/* Keys that are likely new are not asked for: the write tells if they are not. */
weir_status weir_table_expect(
    weir_table_store *s, unsigned cache, const weir_expected *keys, size_t n, weir_error *err)
{
    weir_table_entry **ask[2];
    size_t count[2] = {0, 0};
    if (!weir_table_of(s, cache) || !s->tables[cache]->rule) {
        return WEIR_OK;
    }
    if (s->shared && s->driver->take_partitions) {
        weir_status taken = take_partitions(s, s->tables[cache]->name, keys, n, err);
        if (taken) {
            return taken;
        }
    }
    ask[0] = weir_arena_alloc(&s->arena, n * sizeof(weir_table_entry *));
    ask[1] = weir_arena_alloc(&s->arena, n * sizeof(weir_table_entry *));
    if (!ask[0] || !ask[1]) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < 2 * n; i++) { /* first those whose rows are needed */
        const weir_expected *k = &keys[i < n ? i : i - n];
        if (k->row != (i < n)) {
            continue;
        }
        weir_table_entry *e = weir_table_entry_of(s, cache, k->key);
        if (!e) {
            return weir_fail_oom(err);
        }
        if (!e->fetched && (!k->absent || s->doubts)) {
            ask[k->row][count[k->row]++] = e;
        }
        e->fetched = true;
    }
    weir_status st = count[0] ? weir_table_fetch(s, cache, ask[0], count[0], false, err) : WEIR_OK;
    return st || !count[1] ? st : weir_table_fetch(s, cache, ask[1], count[1], true, err);
}
