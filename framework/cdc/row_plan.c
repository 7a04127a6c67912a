/* Row plans. See row_plan.h. */
#include "cdc/row_plan.h"

#include "base/map.h"
#include "cdc/fields.h"

/* ---- the index of names ------------------------------------------------------------------ */

/* Slots hold a column's number + 1; at most half of them are used. */
static weir_status build_index(weir_row_plan *plan, weir_arena *arena, weir_error *err)
{
    size_t slots = 2;
    while (slots < 2 * plan->n_columns) {
        slots *= 2;
    }
    uint32_t *index = weir_arena_alloc(arena, slots * sizeof *index);
    if (!index) {
        return weir_fail_oom(err);
    }
    memset(index, 0, slots * sizeof *index);
    for (size_t i = 0; i < plan->n_columns; i++) {
        size_t slot = weir_hash(plan->columns[i].name) & (slots - 1);
        while (index[slot]) {
            slot = (slot + 1) & (slots - 1);
        }
        index[slot] = (uint32_t)i + 1;
    }
    plan->index = index;
    plan->index_mask = slots - 1;
    return WEIR_OK;
}

const weir_column *weir_row_plan_find(const weir_row_plan *plan, weir_view name, size_t *next)
{
    if (*next < plan->n_columns && weir_view_eq(plan->columns[*next].name, name)) {
        return &plan->columns[(*next)++];
    }
    if (!plan->n_columns) {
        return NULL;
    }
    size_t slot = weir_hash(name) & plan->index_mask;
    for (; plan->index[slot]; slot = (slot + 1) & plan->index_mask) {
        size_t i = plan->index[slot] - 1;
        if (weir_view_eq(plan->columns[i].name, name)) {
            *next = i + 1;
            return &plan->columns[i];
        }
    }
    return NULL;
}

/* ---- compiling --------------------------------------------------------------------------- */

static weir_view type_of(const weir_table_types *types, weir_view column)
{
    for (size_t i = 0; types && i < types->n_columns; i++) {
        if (weir_view_eq(types->columns[i].name, column)) {
            return types->columns[i].type;
        }
    }
    return (weir_view){"", 0};
}

static weir_status bad_schema(weir_error *err, const char *why)
{
    weir_status s = weir_fail(err, WEIR_E_CDC_BAD_SCHEMA, "%s", why);
    (void)weir_at(err, "/schema");
    return s;
}

static weir_status add_name(
    weir_map *seen, const weir_value *field, weir_arena *arena, weir_error *err)
{
    const weir_value *name = weir_gets(field, "field");
    if (!weir_is(name, WEIR_STRING)) {
        return bad_schema(err, "a struct has a field without a name");
    }
    weir_view text = weir_string(name, arena);
    weir_map_entry *e = text.ptr ? weir_map_add(seen, text) : NULL;
    if (!e) {
        return weir_fail_oom(err);
    }
    if (e->value) {
        return bad_schema(err, "a struct has two fields of one name");
    }
    e->value = seen;
    return WEIR_OK;
}

/* The names of every struct in the schema differ, so that every object written by it can be read
 * again. Its nodes stand one after the other, whatever their depth. */
static weir_status check_names(const weir_value *schema, weir_arena *arena, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (const weir_value *v = schema; v < schema + schema->skip && !s; v++) {
        const weir_value *fields = weir_gets(v, "fields");
        if (!weir_string_is(weir_gets(v, "type"), weir_view_of("struct")) ||
            !weir_is(fields, WEIR_ARRAY)) {
            continue;
        }
        weir_map seen;
        weir_map_init(&seen);
        WEIR_EACH_ITEM(fields, field)
        {
            s = s ? s : add_name(&seen, field, arena, err);
        }
        weir_map_fini(&seen, NULL);
    }
    return s;
}

static weir_status compile_fields(const weir_value *fields, const weir_table_types *types,
    const weir_column_modes *modes, weir_view added_prefix, weir_arena *arena, weir_row_plan *out,
    weir_error *err)
{
    weir_column *columns = weir_arena_alloc(arena, fields->len * sizeof *columns);
    if (!columns) {
        return weir_fail_oom(err);
    }
    size_t n = 0;
    WEIR_EACH_ITEM(fields, field)
    {
        weir_view text = weir_string(weir_gets(field, "field"), arena);
        if (!text.ptr) {
            return weir_fail_oom(err);
        }
        if (added_prefix.len && weir_is_added(text, added_prefix)) {
            continue;
        }
        weir_status s =
            weir_column_from_connect(field, type_of(types, text), modes, arena, &columns[n], err);
        if (s) {
            (void)weir_at(err, "/schema");
            return s;
        }
        n++;
    }
    *out = (weir_row_plan){.columns = columns, .n_columns = n, .typed = true};
    return build_index(out, arena, err);
}

weir_status weir_row_plan_of_connect(const weir_value *row_struct, const weir_table_types *types,
    const weir_column_modes *modes, weir_view added_prefix, weir_arena *arena, weir_row_plan *out,
    weir_error *err)
{
    const weir_value *fields = weir_gets(row_struct, "fields");
    if (!weir_is(fields, WEIR_ARRAY) ||
        !weir_string_is(weir_gets(row_struct, "type"), weir_view_of("struct"))) {
        return bad_schema(err, "the schema has no struct of a row's fields");
    }
    weir_status s = check_names(row_struct, arena, err);
    return s ? s : compile_fields(fields, types, modes, added_prefix, arena, out, err);
}

weir_status weir_row_plan_of_types(const weir_table_types *types, const weir_column_modes *modes,
    weir_arena *arena, weir_row_plan *out, weir_error *err)
{
    weir_column *columns = weir_arena_alloc(arena, types->n_columns * sizeof *columns);
    if (!columns) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < types->n_columns; i++) {
        const weir_typed_column *t = &types->columns[i];
        weir_status s = weir_column_from_pg(t->name, t->type, modes, arena, &columns[i], err);
        if (s) {
            return s;
        }
    }
    *out = (weir_row_plan){.columns = columns, .n_columns = types->n_columns, .typed = true};
    return build_index(out, arena, err);
}
