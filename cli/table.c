/* Aligned columns. See table.h. */
#include "table.h"

#include <assert.h>

enum { MOST_COLUMNS = 16, GAP = 2 };

void weir_table_init(weir_table *t, const weir_table_heading *columns)
{
    *t = (weir_table){.columns = columns};
    while (t->n_columns < MOST_COLUMNS && columns[t->n_columns].title) {
        t->n_columns++;
    }
}

void weir_table_fini(weir_table *t)
{
    weir_buf_fini(&t->cells);
}

void weir_table_add(weir_table *t, weir_view text)
{
    weir_buf_putv(&t->cells, text);
    weir_buf_putc(&t->cells, '\0');
    t->n_cells += !t->cells.failed;
}

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return n;
}

static void put_spaces(FILE *to, size_t n)
{
    while (n--) {
        fputc(' ', to);
    }
}

/* The last column has no spaces behind it. */
static void put_cell(FILE *to, const weir_table *t, size_t column, const char *text, size_t width)
{
    size_t room = width - width_of(text);
    bool last = column + 1 == t->n_columns;
    bool right = t->columns[column].right;
    put_spaces(to, right ? room : 0);
    fputs(text, to);
    put_spaces(to, last ? 0 : GAP + (right ? 0 : room));
    if (last) {
        fputc('\n', to);
    }
}

void weir_table_print(const weir_table *t, FILE *to)
{
    size_t widths[MOST_COLUMNS];
    const char *cell = t->cells.ptr;
    assert(t->n_columns > 0);
    for (size_t c = 0; c < t->n_columns; c++) {
        widths[c] = width_of(t->columns[c].title);
    }
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        size_t width = width_of(cell), c = i % t->n_columns;
        widths[c] = width > widths[c] ? width : widths[c];
    }
    for (size_t c = 0; c < t->n_columns; c++) {
        put_cell(to, t, c, t->columns[c].title, widths[c]);
    }
    cell = t->cells.ptr;
    for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
        size_t c = i % t->n_columns;
        put_cell(to, t, c, cell, widths[c]);
    }
}
