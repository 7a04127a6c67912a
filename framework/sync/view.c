/* Which rows and columns a cache shows. See view.h. */
#include "sync/view.h"

#include "schema/decimal.h"
#include "value/json.h"

bool weir_row_view_decides(const weir_row_view *v)
{
    return v->n_where || v->hide_incomplete || v->n_unshown;
}

static bool among(const weir_view *names, size_t n, weir_view name)
{
    for (size_t i = 0; i < n; i++) {
        if (weir_view_eq(names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER;
}

static bool is_scalar(const weir_value *v)
{
    return is_number(v) || v->type == WEIR_STRING || v->type == WEIR_BOOL;
}

static weir_view bare(weir_view json)
{
    return json.len > 1 && json.ptr[0] == '"' ? weir_view_make(json.ptr + 1, json.len - 2) : json;
}

/* Numbers are equal by their value. What is in quotes on one side alone is equal by its text: in a
 * config they say little, and whether a column is a number there is the source's to know. */
bool weir_row_condition_holds(
    const weir_row_condition *c, const weir_value *value, weir_arena *scratch)
{
    weir_view has = weir_source(value), should = bare(c->value);
    bool both_texts = value->type == WEIR_STRING && should.ptr != c->value.ptr;
    if (weir_view_eq(has, c->value)) {
        return true;
    }
    if (both_texts || !is_scalar(value) || weir_view_is(c->value, "null")) {
        return false;
    }
    const weir_value *number;
    weir_error ignored;
    if (!is_number(value) || weir_json_read(should, scratch, &number, &ignored) ||
        !is_number(number)) {
        return weir_view_eq(bare(has), should);
    }
    weir_decimal x = weir_decimal_of(has), y = weir_decimal_of(weir_source(number));
    return weir_decimal_compare(&x, &y) == 0;
}

static bool matches(const weir_row_view *v, const weir_value *row, weir_arena *scratch)
{
    for (size_t i = 0; i < v->n_where; i++) {
        bool equal = false;
        WEIR_EACH_MEMBER(row, name, value)
        {
            if (weir_view_eq(weir_source(name), v->where[i].column)) {
                equal = weir_row_condition_holds(&v->where[i], value, scratch);
                break;
            }
        }
        if (!equal) {
            return false;
        }
    }
    return true;
}

/* The row without the columns that only the conditions needed. */
static weir_view cut(const weir_row_view *v, const weir_value *row, weir_arena *scratch)
{
    char *to = weir_arena_bytes(scratch, row->span), *at = to;
    if (!to) {
        return (weir_view){NULL, 0};
    }
    *at++ = '{';
    WEIR_EACH_MEMBER(row, name, value)
    {
        weir_view n = weir_source(name), x = weir_source(value);
        if (!among(v->unshown, v->n_unshown, n)) {
            size_t len = (size_t)(x.ptr + x.len - n.ptr);
            if (at != to + 1) {
                *at++ = ',';
            }
            memcpy(at, n.ptr, len);
            at += len;
        }
    }
    *at++ = '}';
    return (weir_view){to, (size_t)(at - to)};
}

weir_status weir_row_view_show(void *ctx, weir_view row, const weir_state *state,
    weir_arena *scratch, bool *visible, weir_view *shown, weir_error *err)
{
    const weir_row_view *v = ctx;
    *shown = row;
    *visible = !(v->hide_incomplete && (state->missing.len || state->quarantined));
    if (!*visible || (!v->n_where && !v->n_unshown)) {
        return WEIR_OK;
    }
    const weir_value *root;
    weir_status s = weir_json_read(row, scratch, &root, err);
    if (s) {
        return s == WEIR_REJECT
                   ? weir_fail(err, WEIR_E_INTERNAL, "a row that weir rendered is not JSON")
                   : s;
    }
    *visible = matches(v, root, scratch);
    if (*visible && v->n_unshown) {
        *shown = cut(v, root, scratch);
        return shown->ptr ? WEIR_OK : weir_fail_oom(err);
    }
    return WEIR_OK;
}
