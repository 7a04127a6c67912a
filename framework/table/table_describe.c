/* Tables of a store: their names, what the database says of them, and the shape of rows to come.
 * See table_store.h.
 *
 * A description is asked for once and holds until the store itself changes the table, an abort
 * takes such a change back, or the driver finds that somebody else has changed it. Lock: the
 * store's, since readers look at descriptions too. */
#include "table/table_store.h"

#include "base/alloc.h"
#include "table/table_key.h"
#include "table/table_type.h"

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

void weir_table_forget(weir_table_store *s, weir_table *t)
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
    s->reorder = true; /* other foreign keys may be found */
    t->columns = NULL;
    t->key = NULL;
    t->depends = NULL;
    t->version = t->identity = (weir_view){NULL, 0};
    t->parents = NULL;
    t->n_parents = 0;
    t->n_columns = t->n_key = 0;
    t->described = t->exists = t->changed = t->stale = false;
    weir_arena_reset(&t->arena);
}

void weir_table_free(weir_table_store *s, weir_table *t)
{
    if (!t) {
        return;
    }
    weir_table_forget(s, t);
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
        weir_table_free(s, t);
        return NULL;
    }
    return t;
}

/* A column that is to have a type of the config's has it. */
static weir_status check_casts(weir_table_store *s, const weir_table *t, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < t->rule->n_cast && !st; i++) {
        const weir_view *cast = t->rule->cast[i];
        const weir_table_column *c = weir_table_column_named(t, cast[0], NULL);
        bool same = true;
        st = c ? s->driver->is_type(s->self, t, c, cast[1], &same, err) : WEIR_OK;
        if (!st && !same) {
            st = weir_fail(err, WEIR_E_TABLE_COLUMN,
                "column \"%s\" of table %s is %s, and `cast` says %.*s: change one of them",
                c->name, t->quoted, c->type, WEIR_ARG(cast[1]));
        }
    }
    return st;
}

static weir_status check_described(weir_table_store *s, weir_table *t, weir_error *err)
{
    bool unique = false;
    if (!t->n_key) {
        return weir_fail(err, WEIR_E_TABLE_KEY,
            "table %s has no primary key: name its key columns by `key`", t->quoted);
    }
    if (!t->rule->position_column && !weir_table_key_is_plain(t)) {
        return weir_fail(err, WEIR_E_TABLE_KEY,
            "the key of table %s stands otherwise in its rows than in records' keys, which only a "
            "position_column can keep",
            t->quoted);
    }
    if (t->rule->position_column &&
        !weir_table_column_named(t, weir_view_of(t->rule->position_column), NULL)) {
        return weir_fail(err, WEIR_E_TABLE_COLUMN,
            "table %s has no column \"%s\", which holds each row's position: `alter table %s add "
            "column \"%s\" bytea` (in SQLite blob), or name another one by position_column, or say "
            "`positions: state_table`",
            t->quoted, t->rule->position_column, t->quoted, t->rule->position_column);
    }
    if (t->rule->soft_delete &&
        !weir_table_column_named(t, weir_view_of(t->rule->soft_delete), NULL)) {
        return weir_fail(err, WEIR_E_TABLE_COLUMN,
            "table %s has no column \"%s\", which soft_delete names: add it (timestamp with time "
            "zone, in SQLite TIMESTAMPTZ_TEXT)",
            t->quoted, t->rule->soft_delete);
    }
    weir_status st = check_casts(s, t, err);
    st = st ? st : s->driver->check_key(s->self, t, &unique, err);
    return st || unique
               ? st
               : weir_fail(err, WEIR_E_TABLE_KEY,
                     "table %s has no unique index on exactly the columns of its key", t->quoted);
}

/* Two names of one table, of which only the database knows that they are: one with a schema, one
 * without. Each would undo what the other one does. */
static weir_status check_alone(const weir_table_store *s, const weir_table *t, weir_error *err)
{
    for (unsigned i = 0; t->exists && t->identity.len && i < s->n_tables; i++) {
        const weir_table *o = s->tables[i];
        if (o && o != t && o->exists && weir_view_eq(o->identity, t->identity)) {
            return weir_fail(err, WEIR_E_CONFIG_CONFLICT,
                "%s and %s are kept in the same table: %s is %s", o->name, t->name, o->quoted,
                t->quoted);
        }
    }
    return WEIR_OK;
}

weir_status weir_table_describe(weir_table_store *s, weir_table *t, weir_error *err)
{
    bool known = t->described && !t->stale;
    if (known && (t->exists || !s->shared)) { /* another process may make it at any time */
        return WEIR_OK;
    }
    pthread_mutex_lock(&s->lock);
    weir_table_forget(s, t);
    weir_status st = s->driver->describe(s->self, t, err); /* with the primary key as t->key */
    if (!st && t->exists && t->rule->n_key) {
        st = weir_table_learn_key(t, t->rule->key, t->rule->n_key, err);
    }
    st = st || !t->exists ? st : check_described(s, t, err);
    st = st ? st : check_alone(s, t, err);
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

weir_status weir_table_open(weir_table_store *s, unsigned number, const char *name, weir_error *err)
{
    weir_status st = make_room(s, number, err);
    weir_table *t = st ? NULL : new_table(s, name);
    if (!t) {
        return st ? st : weir_fail_oom(err);
    }
    weir_table_free(s, s->tables[number]);
    s->tables[number] = t;
    return t->rule ? open_table(s, t, err) : WEIR_OK;
}

/* ---- The shape of rows to come ---- */

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
        weir_view type = told->columns[i].type;
        if (!c || !(weir_view_eq(c->type, type) || weir_type_widens(type, c->type))) {
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
        bool narrower = newer && weir_type_widens(newer->type, c->type);
        c = newer && newer->type.len && !narrower ? newer : c;
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

weir_status weir_table_shape(
    weir_table_store *s, unsigned cache, const weir_shape *shape, weir_error *err)
{
    weir_table *t = weir_table_of(s, cache);
    if (!t || !t->rule || is_known(t->shape, shape)) {
        return WEIR_OK;
    }
    pthread_mutex_lock(&s->lock);
    s->driver->forget(s->self, t); /* its statements name the columns */
    weir_status st = add_shape(t, shape, err);
    t->may_widen = true;
    pthread_mutex_unlock(&s->lock);
    return st;
}
