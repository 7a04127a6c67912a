/* Which columns of a row are kept, and how they are called. See projection.h. */
#include "cdc/projection.h"

#include "value/json.h"

static bool contains(const weir_view *names, size_t n, weir_view name, size_t *next)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = *next + i < n ? *next + i : *next + i - n;
        if (weir_view_eq(names[at], name)) {
            *next = at + 1;
            return true;
        }
    }
    return false;
}

bool weir_projection_keeps(const weir_projection *p, weir_view name, size_t *next)
{
    size_t start = 0;
    return !p || ((!p->keep || contains(p->keep, p->n_keep, name, next)) &&
                     !contains(p->drop, p->drop ? p->n_drop : 0, name, &start));
}

weir_view weir_projection_shows(const weir_projection *p, weir_view name)
{
    for (size_t i = 0; p && p->rename && i < p->n_rename; i++) {
        if (weir_view_eq(p->rename[i][0], name)) {
            return p->rename[i][1];
        }
    }
    return name;
}

/* ---- Does it fit? -------------------------------------------------------------------------------
 */

static bool is_shown(const weir_projection *p, const weir_value *row, weir_view name)
{
    size_t start = 0;
    return weir_get(row, name) && weir_projection_keeps(p, name, &start);
}

/* A column that is renamed, and another one that has its new name. */
static weir_status check_names(const weir_projection *p, const weir_value *row, weir_error *err)
{
    for (size_t i = 0; p->rename && i < p->n_rename; i++) {
        weir_view from = p->rename[i][0], to = p->rename[i][1];
        if (!is_shown(p, row, from)) {
            continue;
        }
        bool own = is_shown(p, row, to) && !weir_view_eq(from, to) &&
                   weir_view_eq(weir_projection_shows(p, to), to);
        for (size_t k = 0; k < i && !own; k++) {
            own = weir_view_eq(p->rename[k][1], to) && is_shown(p, row, p->rename[k][0]);
        }
        if (own) {
            return weir_fail(err, WEIR_E_CONFIG_COLUMN_TWICE,
                "column %.*s is renamed to %.*s, and another one has that name", WEIR_ARG(from),
                WEIR_ARG(to));
        }
    }
    return WEIR_OK;
}

/* What only the key has (a router's addition) is no column. */
static weir_status check_key(const weir_projection *p, const weir_value *row, weir_view key,
    weir_arena *scratch, weir_error *err)
{
    const weir_value *root = NULL;
    weir_error ignored;
    if (!key.ptr || weir_json_read(key, scratch, &root, &ignored)) {
        return scratch->failed ? weir_fail_oom(err) : WEIR_OK;
    }
    if (root->type != WEIR_OBJECT) {
        return WEIR_OK;
    }
    WEIR_EACH_MEMBER(root, node, value)
    {
        weir_view name = weir_string(node, scratch);
        if (!name.ptr) {
            return weir_fail_oom(err);
        }
        if (weir_get(row, name) && !is_shown(p, row, name)) {
            return weir_fail(err, WEIR_E_CONFIG_COLUMN_OF_KEY,
                "column %.*s is of the key, and is left out by columns.keep or columns.drop",
                WEIR_ARG(name));
        }
        (void)value;
    }
    return WEIR_OK;
}

weir_status weir_projection_check(const weir_projection *p, const weir_value *row, weir_view key,
    weir_arena *scratch, weir_error *err)
{
    weir_status st = check_names(p, row, err);
    return st || (!p->keep && !p->drop) ? st : check_key(p, row, key, scratch, err);
}
