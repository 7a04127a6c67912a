/* A table and the columns of the rows that are to go into it: made, added to, and told apart by the
 * members that rows have. See table_store.h. */
#include "base/alloc.h"
#include "table/table_key.h"
#include "table/table_store.h"
#include "table/table_type.h"
#include "value/json.h"

/* ---- The table and its columns -----------------------------------------------------------------
 */

static weir_status missing_type(const weir_table *t, weir_view column, weir_error *err)
{
    return weir_fail(err, WEIR_E_TABLE_NO_TYPE,
        "column \"%.*s\" of table %s has no type: its records do not tell one; name it under "
        "sources.NAME.types, or make the table",
        WEIR_ARG(column), t->quoted);
}

static weir_status fail_own(const weir_table *t, weir_view column, weir_error *err)
{
    return weir_fail(err, WEIR_E_TABLE_COLUMN,
        "rows of table %s have a column \"%.*s\", which is weir's own there: rename or drop one of "
        "them",
        t->quoted, WEIR_ARG(column));
}

static bool is_cast(const weir_table *t, weir_view column, weir_view *type)
{
    for (size_t i = 0; i < t->rule->n_cast; i++) {
        if (weir_view_eq(t->rule->cast[i][0], column)) {
            *type = t->rule->cast[i][1];
            return true;
        }
    }
    return false;
}

/* A column of rows to come, with the type that it is to have in the table. */
static weir_status typed_column(
    const weir_table *t, const weir_shape_column *told, weir_shape_column *out, weir_error *err)
{
    *out = *told;
    bool known = is_cast(t, told->name, &out->type) || told->type.len;
    return known ? WEIR_OK : missing_type(t, told->name, err);
}

static weir_status typed_shape(
    weir_table_store *s, const weir_table *t, weir_shape *out, weir_error *err)
{
    static const weir_shape_column place[] = {
        {{WEIR_OFFSET_COLUMN, sizeof WEIR_OFFSET_COLUMN - 1}, {"bigint", 6}},
        {{WEIR_PARTITION_COLUMN, sizeof WEIR_PARTITION_COLUMN - 1}, {"integer", 7}}};
    size_t n = t->shape->n_columns, more = t->rule->append ? 2 : 0;
    weir_shape_column *columns = weir_arena_alloc(&s->scratch, (n + more) * sizeof *columns);
    weir_status st = columns ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < n && !st; i++) {
        const weir_shape_column *told = &t->shape->columns[i];
        weir_view name = weir_arena_copy(&s->scratch, told->name); /* with its end */
        st = !name.ptr                        ? weir_fail_oom(err)
             : weir_table_is_own(t, name.ptr) ? fail_own(t, told->name, err)
                                              : typed_column(t, told, &columns[i], err);
    }
    for (size_t i = 0; i < more && !st; i++) {
        columns[n + i] = place[i];
    }
    *out = (weir_shape){columns, n + more};
    return st;
}

static weir_status make(weir_table_store *s, weir_table *t, weir_view key, weir_error *err)
{
    weir_view *names = (weir_view *)(uintptr_t)t->rule->key;
    size_t n = t->rule->n_key;
    weir_status st = n ? WEIR_OK : weir_table_key_names(t, key, &s->scratch, &names, &n, err);
    if (st) {
        return st;
    }
    if (!n) {
        return weir_fail(err, WEIR_E_TABLE_KEY,
            "the records' keys are single values: name the key's column by `key` of table %s",
            t->quoted);
    }
    if (!t->shape || !t->shape->n_columns) {
        return weir_fail(err, WEIR_E_TABLE_NO_TYPE,
            "table %s cannot be made: its records do not tell their columns' types; name them, of "
            "%.*s and all the others, under sources.NAME.types, or make the table",
            t->quoted, WEIR_ARG(names[0]));
    }
    weir_shape shape = {NULL, 0};
    st = typed_shape(s, t, &shape, err);
    st = st ? st : s->driver->create(s->self, t, &shape, names, n, err);
    t->described = false;
    st = st ? st : weir_table_describe(s, t, err);
    t->changed = true;
    return st;
}

/* Within this transaction it may have been made already, by another name of it. */
weir_status weir_table_make(weir_table_store *s, weir_table *t, weir_view key, weir_error *err)
{
    t->described = false;
    weir_status st = weir_table_describe(s, t, err);
    return st || t->exists ? st : make(s, t, key, err);
}

static const weir_shape_column *shape_column(const weir_table *t, weir_view name)
{
    for (size_t i = 0; t->shape && i < t->shape->n_columns; i++) {
        if (weir_view_eq(t->shape->columns[i].name, name)) {
            return &t->shape->columns[i];
        }
    }
    return NULL;
}

/* ---- Types that have become wider -------------------------------------------------------------
 */

/* The first column, from the shape's `at` on, whose records' type is wider than its own; NULL:
 * none. */
static const weir_table_column *narrow_column(const weir_table *t, size_t *at)
{
    for (; t->exists && t->shape && *at < t->shape->n_columns; ++*at) {
        const weir_shape_column *told = &t->shape->columns[*at];
        const weir_table_column *c = weir_table_column_named(t, told->name, NULL);
        weir_view ignored;
        if (c && !c->generated && !is_cast(t, told->name, &ignored) &&
            weir_type_widens(weir_view_of(c->pg_type), told->type)) {
            return c;
        }
    }
    return NULL;
}

weir_status weir_table_widen(weir_table_store *s, weir_table *t, weir_error *err)
{
    size_t at = 0;
    weir_status st = WEIR_OK;
    if (t->rule->on_ddl != WEIR_DDL_EVOLVE || !t->may_widen || !narrow_column(t, &at)) {
        return WEIR_OK;
    }
    if (s->driver->lock) { /* another process may have been quicker: it is looked at again */
        st = s->driver->lock(s->self, t, err);
        t->described = false;
        st = st ? st : weir_table_describe(s, t, err);
    }
    const weir_table_column *c;
    for (at = 0; !st && (c = narrow_column(t, &at)) != NULL; at++) {
        t->changed = true;
        st = s->driver->widen(s->self, t, c, t->shape->columns[at].type, err);
        t->described = false;
        st = st ? st : weir_table_describe(s, t, err);
    }
    return st;
}

/* ---- Columns of rows ---------------------------------------------------------------------------
 */

/* *at: SIZE_MAX where the member is left out. */
static weir_status place_member(
    weir_table_store *s, weir_table *t, weir_view name, size_t *at, bool *changed, weir_error *err)
{
    *at = SIZE_MAX;
    if (weir_table_column_named(t, name, at)) {
        if (weir_table_is_own(t, t->columns[*at].name)) {
            return fail_own(t, name, err);
        }
        *at = t->columns[*at].generated ? SIZE_MAX : *at;
        return WEIR_OK;
    }
    if (t->rule->on_ddl == WEIR_DDL_IGNORE) {
        return WEIR_OK;
    }
    if (t->rule->on_ddl == WEIR_DDL_STOP) {
        return weir_fail(err, WEIR_E_TABLE_COLUMN,
            "table %s has no column \"%.*s\", which its rows have, and on_ddl is stop", t->quoted,
            WEIR_ARG(name));
    }
    const weir_shape_column *told = shape_column(t, name);
    weir_shape_column c;
    weir_status st = told ? typed_column(t, told, &c, err) : missing_type(t, name, err);
    st = st ? st : s->driver->add_column(s->self, t, &c, err);
    if (st) {
        return st;
    }
    t->described = false;
    st = weir_table_describe(s, t, err);
    t->changed = *changed = true;
    if (!st && !weir_table_column_named(t, name, at)) {
        return weir_fail(
            err, WEIR_E_TABLE_COLUMN, "table %s has no column \"%.*s\"", t->quoted, WEIR_ARG(name));
    }
    return st;
}

/* ---- Signatures --------------------------------------------------------------------------------
 */

static bool has_members(const weir_signature *g, const weir_value *row)
{
    size_t i = 0;
    if (g->n_members != row->len) {
        return false;
    }
    WEIR_EACH_MEMBER(row, name, value)
    {
        (void)value;
        if (!weir_view_eq(weir_raw(name), g->members[i++])) {
            return false;
        }
    }
    return true;
}

/* All the members first, since adding a column forgets what was known of the table. */
static weir_status add_columns(
    weir_table_store *s, weir_table *t, const weir_value *row, bool *changed, weir_error *err)
{
    WEIR_EACH_MEMBER(row, name, value)
    {
        (void)value;
        size_t at;
        weir_view text = weir_string(name, &s->scratch);
        weir_status st =
            text.ptr ? place_member(s, t, text, &at, changed, err) : weir_fail_oom(err);
        if (st) {
            return st;
        }
    }
    return WEIR_OK;
}

static bool fill_signature(
    weir_table_store *s, const weir_table *t, weir_signature *g, const weir_value *row)
{
    g->members = weir_arena_alloc(&g->arena, row->len * sizeof *g->members);
    g->columns = weir_arena_alloc(&g->arena, row->len * sizeof *g->columns);
    g->key = weir_arena_alloc(&g->arena, t->n_key * sizeof *g->key);
    if (!g->members || !g->columns || !g->key) {
        return false;
    }
    WEIR_EACH_MEMBER(row, name, value)
    {
        (void)value;
        size_t at = SIZE_MAX;
        weir_view text = weir_string(name, &s->scratch);
        const weir_table_column *c = text.ptr ? weir_table_column_named(t, text, &at) : NULL;
        g->columns[g->n_members] = c && !c->generated ? at : SIZE_MAX;
        g->n_columns += g->columns[g->n_members] != SIZE_MAX;
        g->members[g->n_members++] = weir_arena_copy(&g->arena, weir_raw(name));
    }
    for (size_t k = 0; k < t->n_key; k++) {
        g->key[k] = SIZE_MAX;
        for (size_t m = 0; m < g->n_members; m++) {
            g->key[k] = g->columns[m] == t->key[k].column ? m : g->key[k];
        }
    }
    return !g->arena.failed && !s->scratch.failed;
}

static weir_status new_signature(weir_table_store *s, weir_table *t, const weir_value *row,
    const weir_signature **signature, bool *changed, weir_error *err)
{
    weir_status st = add_columns(s, t, row, changed, err);
    if (st) {
        return st;
    }
    weir_signature **grown =
        weir_realloc(t->signatures, (t->n_signatures + 1) * sizeof(weir_signature *));
    weir_signature *g = grown ? weir_calloc(1, sizeof *g) : NULL;
    t->signatures = grown ? grown : t->signatures;
    if (!g) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&g->arena, 0);
    g->number = (unsigned)t->n_signatures;
    if (!fill_signature(s, t, g, row)) {
        weir_arena_fini(&g->arena);
        weir_free(g);
        return weir_fail_oom(err);
    }
    t->signatures[t->n_signatures++] = g;
    *signature = g;
    return WEIR_OK;
}

weir_status weir_table_sign(weir_table_store *s, weir_table *t, const weir_value *row,
    const weir_signature **signature, bool *changed, weir_error *err)
{
    if (*signature && has_members(*signature, row)) {
        return WEIR_OK;
    }
    for (size_t i = 0; i < t->n_signatures; i++) {
        if (has_members(t->signatures[i], row)) {
            *signature = t->signatures[i];
            return WEIR_OK;
        }
    }
    return new_signature(s, t, row, signature, changed, err);
}
