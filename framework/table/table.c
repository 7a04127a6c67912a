/* What drivers of databases share. See table.h. */
#include "table/table.h"

#include "base/alloc.h"

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

void weir_sql_put_name(weir_buf *to, const char *before, const char *name)
{
    weir_buf_puts(to, before);
    weir_sql_quote(to, weir_view_of(name));
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

/* A type that the config names is one that may round. */
static bool is_cast(const weir_table *t, const char *column)
{
    for (size_t i = 0; i < t->rule->n_cast; i++) {
        if (weir_view_is(t->rule->cast[i][0], column)) {
            return true;
        }
    }
    return false;
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
    column.bound = is_cast(t, name) ? (weir_bound){WEIR_BOUND_NONE, 0} : column.bound;
    if (!column.name || !column.type || !column.pg_type) {
        weir_free(column.name);
        weir_free(column.type);
        weir_free(column.pg_type);
        return false;
    }
    grown[t->n_columns++] = column;
    return true;
}
