/* A store whose caches are tables of a database. See table.h.
 *
 * A transaction gathers: what the merge rule asks for is read once (announced keys in one
 * question), what it puts stays in memory, so that many changes of a row become one. At the end
 * (table_flush.c) all of it is written in few statements, each guarded by what was read: where the
 * database has something else meanwhile, another process was there, and the transaction is done
 * again.
 *
 *   begun --get, put, del--> gathering --flush--> written --commit--> done
 *
 * Invariants
 *  1. Outside of a transaction there are no entries.
 *  2. An entry that is written says what the database has, as of this transaction. */
#include "table/table_store.h"

#include "base/alloc.h"
#include "table/table_key.h"

enum {
    PAGE_ROWS = 1000,
    MOST_ENTRIES = 100000, /* in memory; then they are written, though the transaction goes on */
};

/* ---- Tables ------------------------------------------------------------------------------------
 */

static weir_table *table_of(const weir_table_store *s, unsigned cache)
{
    return cache < s->n_tables ? s->tables[cache] : NULL;
}

static bool in_rows(const weir_table *t, weir_space space)
{
    return t->rule && (space == WEIR_SPACE_ROW || space == WEIR_SPACE_STATE);
}

static void free_signatures(weir_table *t)
{
    for (size_t i = 0; i < t->n_signatures; i++) {
        weir_arena_fini(&t->signatures[i]->arena);
        weir_free(t->signatures[i]);
    }
    weir_free(t->signatures);
    t->signatures = NULL;
    t->n_signatures = 0;
}

static void forget_description(weir_table_store *s, weir_table *t)
{
    s->driver->forget(s->self, t);
    free_signatures(t);
    for (size_t i = 0; i < t->n_columns; i++) {
        weir_free(t->columns[i].name);
        weir_free(t->columns[i].type);
        weir_free(t->columns[i].pg_type);
    }
    weir_free(t->columns);
    weir_free(t->key);
    weir_free(t->depends);
    t->columns = NULL;
    t->key = NULL;
    t->depends = NULL;
    t->n_columns = t->n_key = 0;
    t->described = t->exists = t->changed = false;
    weir_arena_reset(&t->arena);
}

static void free_table(weir_table_store *s, weir_table *t)
{
    if (!t) {
        return;
    }
    forget_description(s, t);
    for (int i = 0; i < WEIR_SPACES; i++) {
        weir_map_fini(&t->entries[i], NULL);
    }
    weir_arena_fini(&t->arena);
    weir_arena_fini(&t->shape_arena);
    weir_free(t->name);
    weir_free(t->quoted);
    weir_free(t);
}

static const weir_table_rule *rule_of(const weir_table_store *s, const char *name)
{
    for (size_t i = 0; i < s->n_rules; i++) {
        if (strcmp(s->rules[i].cache, name) == 0) {
            return &s->rules[i];
        }
    }
    return NULL;
}

static char *quoted_name(const weir_table_rule *rule)
{
    weir_buf b = {0};
    if (rule->schema) {
        weir_sql_quote(&b, weir_view_of(rule->schema));
        weir_buf_putc(&b, '.');
    }
    weir_sql_quote(&b, weir_view_of(rule->table));
    char *text = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    return text;
}

/* NULL: out of memory. */
static weir_table *new_table(weir_table_store *s, const char *name)
{
    weir_table *t = weir_calloc(1, sizeof *t);
    if (!t) {
        return NULL;
    }
    weir_arena_init(&t->arena, 0);
    weir_arena_init(&t->shape_arena, 0);
    t->rule = rule_of(s, name);
    t->name = weir_strdup(name);
    t->quoted = t->rule ? quoted_name(t->rule) : weir_strdup(name);
    if (!t->name || !t->quoted) {
        free_table(s, t);
        return NULL;
    }
    return t;
}

static weir_status check_described(weir_table_store *s, weir_table *t, weir_error *err)
{
    bool unique = false;
    if (!t->n_key) {
        return weir_fail(err, WEIR_E_TABLE_KEY,
            "table %s has no primary key: name its key columns by `key`", t->quoted);
    }
    if (!weir_table_column_named(t, weir_view_of(t->rule->position_column), NULL)) {
        return weir_fail(err, WEIR_E_TABLE_COLUMN,
            "table %s has no column \"%s\", which holds each row's position: add it (bytea, in "
            "SQLite "
            "blob), or name another one by position_column",
            t->quoted, t->rule->position_column);
    }
    weir_status st = s->driver->check_key(s->self, t, &unique, err);
    return st || unique
               ? st
               : weir_fail(err, WEIR_E_TABLE_KEY,
                     "table %s has no unique index on exactly the columns of its key", t->quoted);
}

weir_status weir_table_describe(weir_table_store *s, weir_table *t, weir_error *err)
{
    if (t->described) {
        return WEIR_OK;
    }
    pthread_mutex_lock(&s->lock);
    forget_description(s, t);
    weir_status st = s->driver->describe(s->self, t, err); /* with the primary key as t->key */
    if (!st && t->exists && t->rule->n_key) {
        st = weir_table_learn_key(t, t->rule->key, t->rule->n_key, err);
    }
    st = st || !t->exists ? st : check_described(s, t, err);
    t->described = !st;
    pthread_mutex_unlock(&s->lock);
    return st;
}

static weir_status make_room(weir_table_store *s, unsigned number, weir_error *err)
{
    if (number < s->n_tables) {
        return WEIR_OK;
    }
    weir_table **grown = weir_realloc(s->tables, (number + 1) * sizeof(weir_table *));
    if (!grown) {
        return weir_fail_oom(err);
    }
    for (unsigned i = s->n_tables; i <= number; i++) {
        grown[i] = NULL;
    }
    s->tables = grown;
    s->n_tables = number + 1;
    return WEIR_OK;
}

static weir_status open_table(weir_table_store *s, weir_table *t, weir_error *err)
{
    weir_status st = s->driver->begin(s->self, err);
    if (st) {
        return st;
    }
    st = weir_table_describe(s, t, err);
    if (!st && !t->exists && !t->rule->create) {
        st = weir_fail(
            err, WEIR_E_TABLE_MISSING, "there is no table %s, and create is never", t->quoted);
    }
    st = st || !t->exists ? st : s->driver->count(s->self, t, &t->rows, err);
    s->driver->abort(s->self);
    return st;
}

static weir_status sql_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    weir_table_store *s = self;
    weir_status st = make_room(s, number, err);
    weir_table *t = st ? NULL : new_table(s, name);
    if (!t) {
        return st ? st : weir_fail_oom(err);
    }
    free_table(s, s->tables[number]);
    s->tables[number] = t;
    return t->rule ? open_table(s, t, err) : WEIR_OK;
}

/* ---- Entries -----------------------------------------------------------------------------------
 */

weir_table_entry *weir_table_entry_of(weir_table_store *s, unsigned cache, weir_view key)
{
    weir_map *map = &s->tables[cache]->entries[WEIR_SPACE_ROW];
    weir_map_entry *m = weir_map_add(map, key);
    if (m && !m->value) {
        weir_table_entry *e = weir_arena_alloc(&s->arena, sizeof *e);
        if (!e) {
            weir_map_remove(map, m);
            return NULL;
        }
        *e = (weir_table_entry){.key = weir_arena_copy(&s->arena, key)};
        m->value = e;
        s->n_entries++;
    }
    return m && !s->arena.failed ? m->value : NULL;
}

static weir_side_entry *side_entry_of(
    weir_table_store *s, unsigned cache, weir_space space, weir_view key)
{
    weir_map *map = &s->tables[cache]->entries[space];
    weir_map_entry *m = weir_map_add(map, key);
    if (m && !m->value) {
        weir_side_entry *e = weir_arena_alloc(&s->arena, sizeof *e);
        if (!e) {
            weir_map_remove(map, m);
            return NULL;
        }
        *e = (weir_side_entry){.key = weir_arena_copy(&s->arena, key)};
        m->value = e;
        s->n_entries++;
    }
    return m && !s->arena.failed ? m->value : NULL;
}

void weir_table_forget_entries(weir_table_store *s)
{
    for (unsigned i = 0; i < s->n_tables; i++) {
        for (int space = 0; s->tables[i] && space < WEIR_SPACES; space++) {
            weir_map_fini(&s->tables[i]->entries[space], NULL);
            weir_map_init(&s->tables[i]->entries[space]);
        }
    }
    weir_arena_reset(&s->arena);
    s->n_entries = 0;
}

/* ---- Transactions ------------------------------------------------------------------------------
 */

static weir_status sql_begin(void *self, weir_error *err)
{
    weir_table_store *s = self;
    weir_arena_reset(&s->refusal_arena);
    s->n_refusals = 0;
    weir_status st = s->driver->begin(s->self, err);
    s->begun = !st;
    s->excluding = false;
    return st;
}

static void end(weir_table_store *s, bool committed)
{
    weir_table_forget_entries(s);
    for (unsigned i = 0; i < s->n_tables; i++) {
        weir_table *t = s->tables[i];
        if (!t) {
            continue;
        }
        t->rows += committed ? t->rows_delta : 0;
        t->rows_delta = 0;
        if (t->changed && !committed) {
            pthread_mutex_lock(&s->lock);
            forget_description(s, t);
            pthread_mutex_unlock(&s->lock);
        }
        t->changed = false;
    }
    s->begun = false;
}

static void sql_abort(void *self)
{
    weir_table_store *s = self;
    s->driver->abort(s->self);
    end(s, false);
}

static weir_status sql_commit(void *self, weir_error *err)
{
    weir_table_store *s = self;
    weir_status st = weir_table_flush(s, err);
    if (st) {
        sql_abort(s);
        return st;
    }
    st = s->driver->commit(s->self, err);
    end(s, !st);
    if (!st) {
        s->doubtful = s->careful = false;
    }
    return st;
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
    return weir_table_take(f->store, f->entries[i], position, row, err);
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
    if (!e->in_table) {
        e->state = copy;
    }
    return WEIR_OK;
}

static weir_status fetch_some(weir_table_store *s, unsigned cache, weir_table_entry **entries,
    size_t n, bool rows, weir_error *err)
{
    weir_table *t = s->tables[cache];
    const weir_view **values = weir_arena_alloc(&s->arena, n * sizeof(const weir_view *));
    weir_view *keys = weir_arena_alloc(&s->arena, n * sizeof *keys);
    weir_status st = values && keys ? WEIR_OK : weir_fail_oom(err);
    fetching f = {s, cache, entries};
    for (size_t i = 0; i < n && !st; i++) {
        weir_table_entry *e = entries[i];
        st = e->values || !t->exists ? WEIR_OK
                                     : weir_table_key_values(t, e->key, &s->arena, &e->values, err);
        values[i] = e->values;
        keys[i] = e->key;
    }
    if (!st && t->exists) {
        st = s->driver->fetch(s->self, t, values, n, rows, found_row, &f, err);
    }
    st = st ? st
            : s->driver->side_fetch(
                  s->self, t->name, WEIR_SPACE_STATE, keys, n, found_side, &f, err);
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

static weir_status get_side(weir_table_store *s, unsigned cache, weir_space space, weir_view key,
    weir_view *value, weir_error *err)
{
    weir_side_entry *e = side_entry_of(s, cache, space, key);
    if (!e) {
        return weir_fail_oom(err);
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

static weir_status sql_get(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    weir_table_store *s = self;
    weir_table *t = table_of(s, cache);
    *value = (weir_view){NULL, 0};
    if (!t) {
        return weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    }
    if (!in_rows(t, space)) {
        return get_side(s, cache, space, key, value, err);
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
static weir_status sql_expect(
    void *self, unsigned cache, const weir_expected *keys, size_t n, weir_error *err)
{
    weir_table_store *s = self;
    weir_table_entry **ask[2];
    size_t count[2] = {0, 0};
    if (!table_of(s, cache) || !s->tables[cache]->rule) {
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
        if (!e->fetched && (!k->absent || s->doubtful)) {
            ask[k->row][count[k->row]++] = e;
        }
        e->fetched = true;
    }
    weir_status st = count[0] ? weir_table_fetch(s, cache, ask[0], count[0], false, err) : WEIR_OK;
    return st || !count[1] ? st : weir_table_fetch(s, cache, ask[1], count[1], true, err);
}

/* ---- Writing -----------------------------------------------------------------------------------
 */

static weir_status bound(weir_table_store *s, weir_error *err)
{
    if (s->n_entries < MOST_ENTRIES) {
        return WEIR_OK;
    }
    weir_status st = weir_table_flush(s, err);
    if (!st) {
        weir_table_forget_entries(s);
    }
    return st;
}

/* value ptr NULL: it goes. */
static weir_status set(weir_table_store *s, unsigned cache, weir_space space, weir_view key,
    weir_view value, weir_error *err)
{
    weir_table *t = table_of(s, cache);
    weir_status st =
        t ? bound(s, err)
          : weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    if (st) {
        return st;
    }
    weir_view copy = value.ptr ? weir_arena_copy(&s->arena, value) : value;
    if (!in_rows(t, space)) {
        weir_side_entry *e = side_entry_of(s, cache, space, key);
        if (!e || (value.ptr && !copy.ptr)) {
            return weir_fail_oom(err);
        }
        weir_view before;
        if (space == WEIR_SPACE_MOVE || s->shared) { /* the write is guarded by what is there now */
            st = get_side(s, cache, space, key, &before, err);
        }
        e->set = !st;
        e->value = copy;
        return st;
    }
    weir_table_entry *e = weir_table_entry_of(s, cache, key);
    if (!e || (value.ptr && !copy.ptr)) {
        return weir_fail_oom(err);
    }
    if (space == WEIR_SPACE_ROW) {
        e->row_set = true;
        e->new_row = copy;
    } else {
        e->state_set = true;
        e->new_state = copy;
    }
    return WEIR_OK;
}

static weir_status sql_put(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    return set(self, cache, space, key, value.ptr ? value : weir_view_make("", 0), err);
}

static weir_status sql_del(
    void *self, unsigned cache, weir_space space, weir_view key, weir_error *err)
{
    return set(self, cache, space, key, (weir_view){NULL, 0}, err);
}

static const weir_shape_column *column_in(const weir_shape *shape, weir_view name)
{
    for (size_t i = 0; shape && i < shape->n_columns; i++) {
        if (weir_view_eq(shape->columns[i].name, name)) {
            return &shape->columns[i];
        }
    }
    return NULL;
}

static bool is_known(const weir_shape *known, const weir_shape *told)
{
    for (size_t i = 0; i < told->n_columns; i++) {
        const weir_shape_column *c = column_in(known, told->columns[i].name);
        if (!c || !weir_view_eq(c->type, told->columns[i].type)) {
            return false;
        }
    }
    return true;
}

/* What is known and what is told, in one: rows of several shapes come side by side, since lanes run
 * ahead of each other where the source's table changes. */
static weir_status add_shape(weir_table *t, const weir_shape *told, weir_error *err)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    size_t n = (t->shape ? t->shape->n_columns : 0) + told->n_columns;
    weir_shape *s = weir_arena_alloc(&arena, sizeof *s);
    weir_shape_column *columns = weir_arena_alloc(&arena, n * sizeof *columns);
    if (s && columns) {
        *s = (weir_shape){columns, 0};
    }
    for (size_t i = 0; s && columns && i < n; i++) {
        size_t old = n - told->n_columns;
        const weir_shape_column *c = i < old ? &t->shape->columns[i] : &told->columns[i - old];
        const weir_shape_column *newer = i < old ? column_in(told, c->name) : NULL;
        if (i >= old && column_in(t->shape, c->name)) {
            continue;
        }
        c = newer && newer->type.len ? newer : c;
        columns[s->n_columns++] =
            (weir_shape_column){weir_arena_copy(&arena, c->name), weir_arena_copy(&arena, c->type)};
    }
    if (!s || !columns || arena.failed) {
        weir_arena_fini(&arena);
        return weir_fail_oom(err);
    }
    weir_arena_fini(&t->shape_arena);
    t->shape_arena = arena;
    t->shape = s;
    return WEIR_OK;
}

static weir_status sql_shape(void *self, unsigned cache, const weir_shape *shape, weir_error *err)
{
    weir_table_store *s = self;
    weir_table *t = table_of(s, cache);
    if (!t || !t->rule || is_known(t->shape, shape)) {
        return WEIR_OK;
    }
    pthread_mutex_lock(&s->lock);
    s->driver->forget(s->self, t); /* its statements name the columns */
    weir_status st = add_shape(t, shape, err);
    pthread_mutex_unlock(&s->lock);
    return st;
}

static bool sql_refused(void *self, size_t i, unsigned *cache, weir_view *key, weir_error *why)
{
    const weir_table_store *s = self;
    if (i >= s->n_refusals) {
        return false;
    }
    *cache = s->refusals[i].cache;
    *key = s->refusals[i].key;
    *why = s->refusals[i].why;
    return true;
}

/* ---- Walks: all that was set is written first, so that the database is what is walked ----------
 */

typedef struct walk {
    weir_table_store *store;
    unsigned cache;
    weir_space space;
    weir_store_each_fn *fn;
    void *ctx;
    weir_arena page; /* what the next page begins behind */
    weir_view last;  /* a side table's key */
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
    weir_view *last = weir_arena_alloc(&w->page, t->n_key * sizeof *last);
    for (size_t i = 0; last && i < t->n_key; i++) {
        last[i] = weir_arena_copy(&w->page, values[i]);
    }
    w->last_values = last;
    if (!last || w->page.failed) {
        return weir_fail_oom(err);
    }
    weir_status st = position.ptr ? weir_position_unpack(position, &state, &key, err) : WEIR_OK;
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
    w->last = weir_arena_copy(&w->page, key);
    bool remove = false;
    weir_status st = w->last.ptr ? w->fn(w->ctx, key, value, &remove, err) : weir_fail_oom(err);
    if (st || !remove) {
        return st;
    }
    w->removed = true;
    if (w->space != WEIR_SPACE_STATE) {
        weir_side_entry *e = side_entry_of(w->store, w->cache, w->space, key);
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
    e->fetched = e->in_side = e->state_set = true;
    e->side = e->state = old;
    e->new_state = (weir_view){NULL, 0};
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

static weir_status walk_rows(walk *w, weir_view from, weir_error *err)
{
    weir_table_store *s = w->store;
    weir_table *t = s->tables[w->cache];
    const weir_view *after = NULL;
    weir_status st = weir_table_describe(s, t, err);
    if (st || !t->exists) {
        return st;
    }
    st = from.len ? weir_table_key_values(t, from, &w->page, &after, err) : WEIR_OK;
    bool inclusive = true;
    do {
        w->n_page = 0;
        st = st ? st
                : s->driver->page(s->self, t, after, inclusive, PAGE_ROWS,
                      w->space == WEIR_SPACE_ROW, visit_row, w, err);
        weir_status ended = end_page(w, err);
        st = st ? st : ended;
        after = w->last_values;
        inclusive = false;
    } while (!st && w->n_page == PAGE_ROWS);
    return st;
}

static weir_status walk_side(walk *w, weir_view from, weir_error *err)
{
    weir_table_store *s = w->store;
    weir_status st = WEIR_OK;
    weir_view after = from;
    bool inclusive = true;
    do {
        w->n_page = 0;
        st = s->driver->side_page(s->self, s->tables[w->cache]->name, w->space, after, inclusive,
            PAGE_ROWS, visit_side, w, err);
        weir_status ended = end_page(w, err);
        st = st ? st : ended;
        after = w->last;
        inclusive = false;
    } while (!st && w->n_page == PAGE_ROWS);
    return st;
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

/* A walk over states that was left within the side table begins at a key that the rows do not have,
 * or may have: both parts begin there, since both are in the order of their own keys. */
static weir_status sql_each(void *self, unsigned cache, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    weir_table_store *s = self;
    weir_table *t = table_of(s, cache);
    if (!t) {
        return weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    }
    walk w = {.store = s, .cache = cache, .space = space, .fn = fn, .ctx = ctx};
    if (space != WEIR_SPACE_META) {
        weir_status alone = be_alone(s, err);
        if (alone) {
            return alone;
        }
    }
    weir_arena_init(&w.page, 0);
    weir_view start = from.len ? weir_arena_copy(&w.page, from) : weir_view_make("", 0);
    weir_status st = start.ptr ? weir_table_flush(s, err) : weir_fail_oom(err);
    if (!st) {
        weir_table_forget_entries(s);
        st = in_rows(t, space) ? walk_rows(&w, start, err) : WEIR_OK;
    }
    if (!st && !(t->rule && space == WEIR_SPACE_ROW)) {
        st = walk_side(&w, start, err);
    }
    weir_arena_fini(&w.page);
    return st;
}

static weir_status sql_clear(void *self, unsigned cache, weir_space space, weir_error *err)
{
    weir_table_store *s = self;
    weir_table *t = table_of(s, cache);
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

/* ---- From any thread ---------------------------------------------------------------------------
 */

static weir_status read_row(weir_table_store *s, const weir_table *t, weir_view key, weir_buf *to,
    bool *found, weir_error *err)
{
    weir_arena arena;
    const weir_view *values;
    weir_arena_init(&arena, 0);
    pthread_mutex_lock(&s->lock);
    weir_status st = WEIR_OK;
    if (t->described && t->exists) {
        st = weir_table_key_values(t, key, &arena, &values, err);
        st = st ? st : s->driver->read(s->self, t, values, to, found, err);
    }
    pthread_mutex_unlock(&s->lock);
    weir_arena_fini(&arena);
    return st;
}

static weir_status sql_read(void *self, unsigned cache, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    weir_table_store *s = self;
    const weir_table *t = table_of(s, cache);
    *found = false;
    if (!t) {
        return weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    }
    if (t->rule && space == WEIR_SPACE_ROW) {
        return read_row(s, t, key, to, found, err);
    }
    return s->driver->side_read(s->self, t->name, space, key, to, found, err);
}

static uint64_t sql_bytes(void *self)
{
    const weir_table_store *s = self;
    return s->driver->bytes(s->self);
}

static uint64_t sql_count(void *self, unsigned cache, weir_space space)
{
    const weir_table *t = table_of(self, cache);
    return t && space == WEIR_SPACE_ROW && t->rows > 0 ? (uint64_t)t->rows : 0;
}

static void sql_close(void *self)
{
    weir_table_store *s = self;
    for (unsigned i = 0; i < s->n_tables; i++) {
        free_table(s, s->tables[i]);
    }
    weir_free(s->tables);
    weir_free(s->refusals);
    weir_arena_fini(&s->arena);
    weir_arena_fini(&s->scratch);
    weir_arena_fini(&s->refusal_arena);
    pthread_mutex_destroy(&s->lock);
    s->driver->close(s->self);
    weir_free(s);
}

static const weir_store_ops ops_without_type = {
    .durable = true,
    .open_cache = sql_open_cache,
    .begin = sql_begin,
    .commit = sql_commit,
    .abort = sql_abort,
    .get = sql_get,
    .put = sql_put,
    .del = sql_del,
    .each = sql_each,
    .clear = sql_clear,
    .read = sql_read,
    .bytes = sql_bytes,
    .count = sql_count,
    .close = sql_close,
    .expect = sql_expect,
    .shape = sql_shape,
    .refused = sql_refused,
};

typedef struct typed_store {
    weir_table_store store;
    weir_store_ops ops;
} typed_store;

weir_status weir_table_store_open(const weir_table_driver *driver, void *self,
    const weir_table_rule *rules, size_t n_rules, bool shared, weir_store *out, weir_error *err)
{
    typed_store *s = weir_calloc(1, sizeof *s);
    if (!s) {
        driver->close(self);
        return weir_fail_oom(err);
    }
    s->store.driver = driver;
    s->store.self = self;
    s->store.rules = rules;
    s->store.n_rules = n_rules;
    pthread_mutex_init(&s->store.lock, NULL);
    weir_arena_init(&s->store.arena, 0);
    weir_arena_init(&s->store.scratch, 0);
    weir_arena_init(&s->store.refusal_arena, 0);
    s->ops = ops_without_type;
    s->ops.type = driver->type;
    s->ops.shared = s->store.shared = shared;
    *out = (weir_store){&s->ops, &s->store};
    return WEIR_OK;
}

/* ---- For drivers -------------------------------------------------------------------------------
 */

static void put_doubling(weir_buf *to, weir_view text, char quote)
{
    weir_buf_putc(to, quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote) {
            weir_buf_putc(to, quote);
        }
        weir_buf_putc(to, text.ptr[i]);
    }
    weir_buf_putc(to, quote);
}

void weir_sql_quote(weir_buf *to, weir_view name)
{
    put_doubling(to, name, '"');
}

void weir_sql_literal(weir_buf *to, weir_view text)
{
    put_doubling(to, text, '\'');
}

const weir_table_column *weir_table_column_named(const weir_table *t, weir_view name, size_t *at)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        if (weir_view_is(name, t->columns[i].name)) {
            if (at) {
                *at = i;
            }
            return &t->columns[i];
        }
    }
    return NULL;
}

bool weir_table_add_column(weir_table *t, weir_table_column column, const char *name,
    const char *type, const char *pg_type)
{
    weir_table_column *grown = weir_realloc(t->columns, (t->n_columns + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    t->columns = grown;
    column.name = weir_strdup(name);
    column.type = weir_strdup(type);
    column.pg_type = weir_strdup(pg_type);
    if (!column.name || !column.type || !column.pg_type) {
        weir_free(column.name);
        weir_free(column.type);
        weir_free(column.pg_type);
        return false;
    }
    grown[t->n_columns++] = column;
    return true;
}
