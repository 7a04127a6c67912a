/* Writing what a transaction has set. See table_store.h.
 *
 * Entries become changes of rows (insert, update, position alone, delete) and of the side table; a
 * table that is not there is made by the shape of its rows, and columns that it lacks are added, as
 * the rule allows. A row that is refused for its data is found by halving what was written. */
#include <stdlib.h>

#include "base/alloc.h"
#include "table/table_key.h"
#include "table/table_store.h"
#include "table/table_text.h"
#include "value/json.h"

enum { DOUBTS = 16 };

typedef enum rows_part { FLUSH_ALL, FLUSH_STAYING, FLUSH_GOING } rows_part;

typedef struct flush {
    weir_table_store *store;
    unsigned cache;
    weir_table *table;
    weir_table_entry **entries; /* that are set; sorted by key */
    size_t n_entries;
    weir_table_change *changes;
    weir_table_entry **changed; /* of each of them */
    size_t n_changes;
    bool wrote;                      /* any */
    const weir_signature *signature; /* of the row before */
    bool redescribed;                /* the table has changed: what was made of entries is void */
    bool moved;
    rows_part part; /* of those that are set */
} flush;

/* ---- From entries to changes -------------------------------------------------------------------
 */

static weir_status refuse(flush *f, weir_view key, const weir_error *why, weir_error *err)
{
    weir_table_store *s = f->store;
    if (s->n_refusals == s->refusals_capacity) {
        size_t capacity = s->refusals_capacity ? s->refusals_capacity * 2 : 16;
        weir_table_refusal *grown = weir_realloc(s->refusals, capacity * sizeof *grown);
        if (!grown) {
            return weir_fail_oom(err);
        }
        s->refusals = grown;
        s->refusals_capacity = capacity;
    }
    weir_view copy = weir_arena_copy(&s->refusal_arena, key);
    if (!copy.ptr) {
        return weir_fail_oom(err);
    }
    s->refusals[s->n_refusals++] = (weir_table_refusal){f->cache, copy, *why};
    return WEIR_OK;
}

static weir_status value_text(
    flush *f, const weir_table_column *c, const weir_value *value, weir_view *text, weir_error *err)
{
    weir_arena *arena = &f->store->scratch;
    weir_status st = weir_table_check(c, value, arena, err);
    return st ? st : weir_table_text(c, value, arena, text, err);
}

/* The texts of a row's columns, in the order of its signature's members. */
static weir_status row_values(
    flush *f, const weir_value *row, const weir_view **values, weir_error *err)
{
    const weir_signature *g = f->signature;
    weir_view *to = weir_arena_alloc(&f->store->scratch, g->n_members * sizeof *to);
    size_t i = 0;
    if (!to) {
        return weir_fail_oom(err);
    }
    WEIR_EACH_MEMBER(row, name, value)
    {
        size_t at = g->columns[i];
        to[i] = (weir_view){NULL, 0};
        weir_status st =
            at == SIZE_MAX ? WEIR_OK : value_text(f, &f->table->columns[at], value, &to[i], err);
        if (st) {
            return st;
        }
        i++;
        (void)name;
    }
    *values = to;
    return WEIR_OK;
}

/* A key whose JSON was rendered in another way than its column's in the row is a key that would not
 * be found again, and a row that is not the source's. */
static weir_status check_key(
    const flush *f, const weir_table_entry *e, const weir_view *values, weir_error *err)
{
    const weir_table *t = f->table;
    for (size_t k = 0; k < t->n_key; k++) {
        size_t m = f->signature->key[k];
        if (m != SIZE_MAX && !weir_view_eq(values[m], e->values[k])) {
            return weir_fail(err, WEIR_E_TABLE_KEY,
                "column \"%s\" of table %s is %.*s in a row and %.*s by its key: give it the "
                "source's type, or say under sources.NAME.modes how the connector writes it",
                weir_table_key_column(t, k)->name, t->quoted, WEIR_ARG(values[m]),
                WEIR_ARG(e->values[k]));
        }
        weir_status st = weir_table_check_text(weir_table_key_column(t, k), e->values[k], err);
        if (st) {
            return st;
        }
    }
    return WEIR_OK;
}

static weir_status row_change(
    flush *f, const weir_table_entry *e, weir_table_change *c, weir_error *err)
{
    const weir_value *row;
    weir_view text = c->buried ? e->last_row : e->new_row;
    weir_status st = weir_json_read(text, &f->store->scratch, &row, err);
    if (st) {
        return st == WEIR_REJECT && !f->store->scratch.failed
                   ? weir_fail(err, WEIR_E_INTERNAL, "a row that weir rendered is not JSON")
                   : st;
    }
    weir_table_store *s = f->store;
    if (!f->table->exists) {
        st = weir_table_make(s, f->table, e->key, err);
        f->redescribed = true;
    }
    st = st ? st : weir_table_sign(s, f->table, row, &f->signature, &f->redescribed, err);
    st = st ? st : row_values(f, row, &c->values, err);
    c->signature = f->signature;
    return st;
}

static weir_status own_values(flush *f, weir_table_entry *e, weir_error *err)
{
    return e->values ? WEIR_OK
                     : weir_table_key_values(f->table, e->key, &f->store->arena, &e->values, err);
}

static bool stays(const weir_table_entry *e)
{
    return e->row_set ? e->new_row.ptr != NULL : e->in_table;
}

static weir_view state_after(const weir_table_entry *e)
{
    return e->state_set ? e->new_state : e->state;
}

/* *any: there is something to be done to the row. */
static weir_status change_of(
    flush *f, weir_table_entry *e, weir_table_change *c, bool *any, weir_error *err)
{
    weir_view state = state_after(e);
    bool buried = !stays(e) && e->last_row.ptr, row = stays(e) || buried;
    *c = (weir_table_change){.key = e->key, .old_position = e->position, .buried = buried};
    bool in_column = f->table->rule->position_column != NULL;
    *any = row ? e->row_set || (e->state_set && in_column) : e->in_table;
    if (!*any) {
        return WEIR_OK;
    }
    c->op = !row           ? WEIR_TABLE_DELETE
            : !e->in_table ? WEIR_TABLE_INSERT
            : e->row_set   ? WEIR_TABLE_UPDATE
                           : WEIR_TABLE_POSITION;
    bool with_row = c->op == WEIR_TABLE_INSERT || c->op == WEIR_TABLE_UPDATE;
    weir_status st = with_row ? row_change(f, e, c, err) : WEIR_OK;
    st = st ? st : own_values(f, e, err);
    st = st || !with_row ? st : check_key(f, e, c->values, err);
    c->key_values = e->values;
    return st || !row || !state.ptr || !in_column
               ? st
               : weir_position_pack(f->table, e->key, state, &f->store->scratch, &c->position, err);
}

static weir_status add_changes(flush *f, size_t from, size_t n, weir_error *err)
{
    f->changes = weir_arena_alloc(&f->store->scratch, n * sizeof *f->changes);
    f->changed = weir_arena_alloc(&f->store->scratch, n * sizeof(weir_table_entry *));
    f->n_changes = 0;
    f->signature = NULL;
    if (!f->changes || !f->changed) {
        return weir_fail_oom(err);
    }
    size_t n_refusals = f->store->n_refusals;
    for (size_t i = from; i < from + n; i++) {
        bool any;
        if (f->redescribed) { /* once for each column that is new, at most */
            f->redescribed = false;
            f->signature = NULL;
            f->n_changes = 0;
            f->store->n_refusals = n_refusals;
            i = from;
        }
        f->changed[f->n_changes] = f->entries[i];
        weir_status st = change_of(f, f->entries[i], &f->changes[f->n_changes], &any, err);
        if (st == WEIR_REJECT) {
            st = refuse(f, f->entries[i]->key, err, err);
            any = false;
        }
        if (st) {
            return st;
        }
        f->n_changes += any;
        i = f->redescribed && i + 1 == from + n ? from - 1 : i;
    }
    return WEIR_OK;
}

/* ---- Rows --------------------------------------------------------------------------------------
 */

/* Everything before these stays as it is; what is written here is taken back in the end anyway. */
static weir_status halve(flush *f, const weir_table_change *changes, size_t n, weir_error *err)
{
    weir_table_store *s = f->store;
    weir_status st = s->driver->savepoint(s->self, err);
    st = st ? st : s->driver->write(s->self, f->table, changes, n, &f->moved, err);
    if (st != WEIR_REJECT) {
        return st;
    }
    weir_error why = *err;
    st = s->driver->rollback_to(s->self, err);
    if (st) {
        return st;
    }
    if (n == 1) {
        return refuse(f, changes->key, &why, err);
    }
    st = halve(f, changes, n / 2, err);
    return st ? st : halve(f, changes + n / 2, n - n / 2, err);
}

static weir_status write_changes(flush *f, weir_error *err)
{
    weir_table_store *s = f->store;
    if (!f->n_changes) {
        return WEIR_OK;
    }
    if (s->careful) {
        return halve(f, f->changes, f->n_changes, err);
    }
    weir_status st = s->driver->write(s->self, f->table, f->changes, f->n_changes, &f->moved, err);
    if (st == WEIR_REJECT) {
        s->careful = true; /* the whole transaction is gone: it is done again, halving */
        return weir_fail(err, WEIR_E_TABLE_MOVED, "table %s has refused a row, which is looked for",
            f->table->quoted);
    }
    return st;
}

/* What came and went within the transaction stays with its time, whatever was in the batch: it is
 * written as any other row, and deleted. */
static weir_status bury(flush *f, weir_error *err)
{
    weir_table_change *deaths = weir_arena_alloc(&f->store->scratch, f->n_changes * sizeof *deaths);
    size_t n = 0;
    if (!deaths) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < f->n_changes; i++) {
        weir_table_change *c = &f->changes[i];
        if (c->buried) {
            deaths[n++] = (weir_table_change){.op = WEIR_TABLE_DELETE,
                .key = c->key,
                .key_values = c->key_values,
                .old_position = c->position};
            c->position = (weir_view){NULL, 0};
        }
    }
    const weir_table_store *s = f->store;
    return n ? s->driver->write(s->self, f->table, deaths, n, &f->moved, err) : WEIR_OK;
}

static int by_key(const void *a, const void *b)
{
    weir_view x = (*(weir_table_entry *const *)a)->key, y = (*(weir_table_entry *const *)b)->key;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static weir_status collect(flush *f, weir_error *err)
{
    weir_table *t = f->table;
    weir_table_entry *left = NULL;
    f->entries = weir_arena_alloc(&f->store->arena, t->n_listed * sizeof(weir_table_entry *));
    weir_table_entry **unknown =
        weir_arena_alloc(&f->store->arena, t->n_listed * sizeof(weir_table_entry *));
    size_t n_unknown = 0;
    f->n_entries = 0;
    if (!f->entries || !unknown) {
        return weir_fail_oom(err);
    }
    for (weir_table_entry *e = t->listed, *next; e; e = next) {
        next = e->next;
        bool goes = e->row_set && !e->new_row.ptr;
        if (f->part == FLUSH_STAYING && goes) {
            e->next = left;
            left = e;
            continue;
        }
        e->listed = false;
        f->entries[f->n_entries++] = e;
        unknown[n_unknown] = e;
        n_unknown += !e->fetched;
    }
    t->listed = left;
    t->n_listed -= f->n_entries;
    if (f->n_entries > 1) {
        qsort(f->entries, f->n_entries, sizeof(weir_table_entry *), by_key);
    }
    return n_unknown ? weir_table_fetch(f->store, f->cache, unknown, n_unknown, false, err)
                     : WEIR_OK;
}

/* ---- The side table ----------------------------------------------------------------------------
 */

static bool same(weir_view a, weir_view b)
{
    return a.ptr && b.ptr ? weir_view_eq(a, b) : a.ptr == b.ptr;
}

static weir_status write_side(flush *f, weir_space space, weir_side_change *changes, size_t n,
    bool unguarded, weir_error *err)
{
    weir_table_store *s = f->store;
    return n ? s->driver->side_write(
                   s->self, f->table->name, space, changes, n, unguarded, &f->moved, err)
             : WEIR_OK;
}

/* States of keys that have no row, or of all where no column keeps them. */
static weir_status write_states(flush *f, size_t from, size_t n, weir_error *err)
{
    weir_side_change *changes = weir_arena_alloc(&f->store->scratch, n * sizeof *changes);
    size_t count = 0;
    if (!changes) {
        return weir_fail_oom(err);
    }
    for (size_t i = from; i < from + n; i++) {
        const weir_table_entry *e = f->entries[i];
        bool in_column = f->table->rule->position_column && stays(e);
        weir_view after = in_column ? (weir_view){NULL, 0} : state_after(e);
        weir_view before = e->in_side ? e->side : (weir_view){NULL, 0};
        if (!same(before, after)) {
            changes[count++] = (weir_side_change){e->key, before, after};
        }
    }
    return write_side(f, WEIR_SPACE_STATE, changes, count, false, err);
}

static weir_status write_names(flush *f, weir_space space, weir_error *err)
{
    weir_map *map = &f->table->entries[space];
    weir_side_change *changes = weir_arena_alloc(&f->store->scratch, map->count * sizeof *changes);
    size_t n = 0;
    bool unguarded = space != WEIR_SPACE_MOVE &&
                     !f->store->shared; /* halves of moves are always asked for first */
    weir_map_entry *m;
    if (!changes) {
        return weir_fail_oom(err);
    }
    for (size_t at = 0; (m = weir_map_next(map, &at)) != NULL;) {
        weir_side_entry *e = m->value;
        if (!e->set) {
            continue;
        }
        if (unguarded || !same(e->old, e->value)) {
            changes[n++] = (weir_side_change){e->key, e->old, e->value};
        }
    }
    return write_side(f, space, changes, n, unguarded, err);
}

/* ---- The whole ---------------------------------------------------------------------------------
 */

static void written(flush *f, weir_table_entry *e)
{
    bool row = stays(e);
    weir_view state = state_after(e);
    f->table->rows_delta += (int)row - (int)e->in_table;
    e->row = e->row_set ? e->new_row : e->row;
    e->row_fetched |= e->row_set;
    e->state = state;
    e->in_side = state.ptr && (!row || !f->table->rule->position_column);
    e->side = e->in_side ? state : (weir_view){NULL, 0};
    e->in_table = row;
    e->row_set = e->state_set = false;
    e->last_row = (weir_view){NULL, 0};
}

static weir_status settle_entries(flush *f, size_t from, size_t n, weir_error *err)
{
    for (size_t i = 0; i < f->n_changes; i++) {
        const weir_table_change *c = &f->changes[i];
        weir_view copy =
            c->position.ptr ? weir_arena_copy(&f->store->arena, c->position) : c->position;
        if (c->position.ptr && !copy.ptr) {
            return weir_fail_oom(err);
        }
        f->changed[i]->position = copy;
    }
    for (size_t i = from; i < from + n; i++) {
        written(f, f->entries[i]);
    }
    return WEIR_OK;
}

static weir_status flush_some(flush *f, size_t from, size_t n, weir_error *err)
{
    weir_arena_reset(&f->store->scratch);
    weir_status st = add_changes(f, from, n, err);
    uint64_t began_us = weir_table_now_us();
    st = st ? st : write_changes(f, err);
    st = st || f->moved || f->store->n_refusals || !f->n_changes ? st : bury(f, err);
    if (f->n_changes) {
        f->wrote = true;
        f->table->written_rows += f->n_changes;
        atomic_fetch_add(&f->table->written.busy_us, weir_table_now_us() - began_us);
    }
    if (st || f->moved) {
        return st; /* nothing more is taken by a transaction that has failed */
    }
    bool states = !f->store->n_refusals && !f->table->rule->unguarded;
    st = states ? write_states(f, from, n, err) : WEIR_OK;
    return st ? st : settle_entries(f, from, n, err);
}

static weir_status flush_rows(flush *f, weir_error *err)
{
    weir_status st = weir_table_describe(f->store, f->table, err);
    st = st ? st : weir_table_widen(f->store, f->table, err);
    st = st ? st : collect(f, err);
    const weir_table_driver *driver = f->store->driver;
    size_t most = f->table->depends ? driver->write_at_once : driver->write_independent;
    for (size_t at = 0; !st && !f->moved && at < f->n_entries; at += most) {
        size_t n = f->n_entries - at < most ? f->n_entries - at : most;
        st = flush_some(f, at, n, err);
    }
    f->table->written_batches += f->wrote;
    return st;
}

static weir_status flush_table(flush *f, weir_error *err)
{
    weir_table *t = f->table;
    weir_status st = t->rule && t->n_listed ? flush_rows(f, err) : WEIR_OK;
    for (int space = 0; space < WEIR_SPACES && !st && !f->moved; space++) {
        bool names = !t->rule || (space != WEIR_SPACE_ROW && space != WEIR_SPACE_STATE);
        names = names && !weir_table_forgets(t, (weir_space)space);
        if (names && t->entries[space].count) {
            weir_arena_reset(&f->store->scratch);
            st = write_names(f, (weir_space)space, err);
        }
    }
    if (!st && f->moved) {
        st = weir_fail(err, WEIR_E_TABLE_MOVED, "a row of %s is not as it was read", t->quoted);
    }
    return st;
}

static void clear_side_sets(weir_table *t)
{
    for (int space = 0; space < WEIR_SPACES; space++) {
        weir_map_entry *m;
        bool names = !t->rule || (space != WEIR_SPACE_ROW && space != WEIR_SPACE_STATE);
        for (size_t at = 0; names && (m = weir_map_next(&t->entries[space], &at)) != NULL;) {
            weir_side_entry *e = m->value;
            e->old = e->set ? e->value : e->old;
            e->fetched |= e->set;
            e->set = false;
        }
    }
}

static weir_status flush_part(weir_table_store *s, unsigned i, rows_part part, weir_error *err)
{
    weir_table *t = s->tables[i];
    flush f = {.store = s, .cache = i, .table = t, .part = part};
    weir_status st = flush_table(&f, err);
    if (!st) {
        clear_side_sets(t);
    }
    return st;
}

/* Parents before children; from those that others refer to, rows go in the end, children's first.
 */
weir_status weir_table_flush(weir_table_store *s, weir_error *err)
{
    weir_status st = weir_table_order(s, err);
    for (unsigned i = 0; i < s->n_tables && !st; i++) {
        const weir_table *t = s->tables[s->order[i]];
        bool late = t && t->referred && t->rule && t->rule->by_transaction;
        st = t ? flush_part(s, s->order[i], late ? FLUSH_STAYING : FLUSH_ALL, err) : WEIR_OK;
    }
    for (unsigned i = s->n_tables; i > 0 && !st; i--) {
        const weir_table *t = s->tables[s->order[i - 1]];
        st = t && t->n_listed ? flush_part(s, s->order[i - 1], FLUSH_GOING, err) : WEIR_OK;
    }
    if (!st && s->n_refusals) {
        *err = s->refusals[0].why;
        st = err->status = WEIR_REJECT;
    }
    return weir_table_met(s, st, err);
}

weir_status weir_table_met(weir_table_store *s, weir_status st, const weir_error *err)
{
    if (st == WEIR_RETRY && strcmp(err->code, "TABLE_MOVED") == 0) {
        s->doubts = DOUBTS;
    }
    return st;
}
