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

#include <time.h>

#include "base/alloc.h"
#include "cdc/state.h"
#include "table/table_key.h"

enum {
    KEPT_BYTES = 2 << 20,  /* of a batch's arena, for the next one */
    MOST_ENTRIES = 100000, /* in memory; then they are written, though the transaction goes on */
};

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

uint64_t weir_table_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What the commit took is each table's, by its rows: SQLite takes most of its time there. */
static void tell_written(weir_table_store *s, uint64_t took_us)
{
    uint64_t rows = 0;
    for (unsigned i = 0; i < s->n_tables; i++) {
        rows += s->tables[i] ? s->tables[i]->written_rows : 0;
    }
    for (unsigned i = 0; i < s->n_tables; i++) {
        weir_table *t = s->tables[i];
        if (t && t->written_rows) {
            atomic_fetch_add(&t->written.busy_us, took_us * t->written_rows / rows);
            atomic_fetch_add(&t->written.rows, t->written_rows);
            atomic_fetch_add(&t->written.batches, t->written_batches);
        }
    }
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
        t->written_rows = t->written_batches = 0;
        if (t->changed && !committed) {
            pthread_mutex_lock(&s->lock);
            weir_table_forget(s, t);
            pthread_mutex_unlock(&s->lock);
        }
        t->changed = false;
        t->may_widen &= !committed;
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
    uint64_t began_us = weir_table_now_us();
    st = weir_table_met(s, s->driver->commit(s->self, err), err);
    if (!st) {
        tell_written(s, weir_table_now_us() - began_us);
    }
    end(s, !st);
    if (!st) {
        s->doubts -= s->doubts > 0;
        s->careful = false;
    }
    return st;
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
    weir_table *t = weir_table_of(s, cache);
    weir_status st =
        t ? bound(s, err)
          : weir_fail(err, WEIR_E_INTERNAL, "cache %u of a store was not opened", cache);
    if (st) {
        return st;
    }
    weir_view copy = value.ptr ? weir_arena_copy(&s->arena, value) : value;
    if (!weir_table_holds(t, space)) {
        weir_side_entry *e = weir_table_side_entry_of(s, cache, space, key);
        if (!e || (value.ptr && !copy.ptr)) {
            return weir_fail_oom(err);
        }
        weir_view before;
        if (space == WEIR_SPACE_MOVE || s->shared) { /* the write is guarded by what is there now */
            st = weir_table_get_side(s, cache, space, key, &before, err);
        }
        e->set = !st;
        e->value = copy;
        return st;
    }
    weir_table_entry *e = weir_table_entry_of(s, cache, key);
    if (!e || (value.ptr && !copy.ptr)) {
        return weir_fail_oom(err);
    }
    weir_table_list_entry(t, e);
    if (space == WEIR_SPACE_ROW) {
        bool dies = !value.ptr && t->rule->soft_delete;
        e->last_row = dies && e->row_set && e->new_row.ptr ? e->new_row
                      : dies                               ? e->last_row
                                                           : (weir_view){NULL, 0};
        e->row_set = true;
        e->new_row = copy;
    } else {
        e->state_set = true;
        e->new_state = copy;
    }
    return WEIR_OK;
}

static weir_status sql_write_now(void *self, bool checked, weir_error *err)
{
    weir_table_store *s = self;
    weir_status st = weir_table_flush(s, err);
    return st || !checked || !s->driver->check
               ? st
               : weir_table_met(s, s->driver->check(s->self, err), err);
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

static weir_status sql_sort(void *self, unsigned *caches, size_t n, weir_error *err)
{
    return weir_table_sort(self, caches, n, err);
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

/* ---- The rest of the port, where it is written --------------------------------------------------
 */

static weir_status sql_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    return weir_table_open(self, number, name, err);
}

static weir_status sql_get(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    return weir_table_get(self, cache, space, key, value, err);
}

static weir_status sql_expect(
    void *self, unsigned cache, const weir_expected *keys, size_t n, weir_error *err)
{
    return weir_table_expect(self, cache, keys, n, err);
}

static void sql_reread(void *self, unsigned cache, weir_space space, weir_view key)
{
    weir_table_reread(self, cache, space, key);
}

static weir_status sql_shape(void *self, unsigned cache, const weir_shape *shape, weir_error *err)
{
    return weir_table_shape(self, cache, shape, err);
}

static weir_status sql_each(void *self, unsigned cache, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    return weir_table_each(self, cache, space, from, fn, ctx, err);
}

static weir_status sql_each_aside(void *self, unsigned cache, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    return weir_table_each_aside(self, cache, space, from, fn, ctx, err);
}

static weir_status sql_clear(void *self, unsigned cache, weir_space space, weir_error *err)
{
    return weir_table_clear(self, cache, space, err);
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
    const weir_table *t = weir_table_of(s, cache);
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

static void sql_written(void *self, unsigned cache, weir_store_written *out)
{
    const weir_table *t = weir_table_of(self, cache);
    *out = (weir_store_written){0};
    if (t) {
        out->rows = atomic_load(&t->written.rows);
        out->batches = atomic_load(&t->written.batches);
        out->busy_us = atomic_load(&t->written.busy_us);
    }
}

static uint64_t sql_count(void *self, unsigned cache, weir_space space)
{
    const weir_table *t = weir_table_of(self, cache);
    return t && space == WEIR_SPACE_ROW && t->rows > 0 ? (uint64_t)t->rows : 0;
}

static void sql_close(void *self)
{
    weir_table_store *s = self;
    for (unsigned i = 0; i < s->n_tables; i++) {
        weir_table_free(s, s->tables[i]);
    }
    weir_free(s->tables);
    weir_free(s->order);
    weir_free(s->refusals);
    weir_buf_fini(&s->plain);
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
    .each_aside = sql_each_aside,
    .written = sql_written,
    .clear = sql_clear,
    .read = sql_read,
    .bytes = sql_bytes,
    .count = sql_count,
    .close = sql_close,
    .expect = sql_expect,
    .shape = sql_shape,
    .refused = sql_refused,
    .write_now = sql_write_now,
    .sort = sql_sort,
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
    weir_state_put(&s->store.plain, &(weir_state){.alive = true, .offset = -1, .missing = {"", 0}});
    if (s->store.plain.failed) {
        weir_buf_fini(&s->store.plain);
        weir_free(s);
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
    weir_arena_keep(&s->store.arena, KEPT_BYTES);
    weir_arena_keep(&s->store.scratch, KEPT_BYTES / 8);
    weir_arena_init(&s->store.refusal_arena, 0);
    s->ops = ops_without_type;
    s->ops.type = driver->type;
    s->ops.shared = s->store.shared = shared;
    s->ops.reread = shared ? sql_reread : NULL;
    *out = (weir_store){&s->ops, &s->store};
    return WEIR_OK;
}
