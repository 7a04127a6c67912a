/* A table of text with aligned columns, for people. Thread: one owner. */
#ifndef WEIR_CLI_TABLE_H
#define WEIR_CLI_TABLE_H

#include <stdio.h>

#include "base/buf.h"

typedef struct weir_table_heading {
    const char *title;
    bool right; /* numbers stand to the right */
} weir_table_heading;

typedef struct weir_table {
    const weir_table_heading *columns; /* ends with a NULL title */
    size_t n_columns, n_cells;
    weir_buf cells; /* one behind the other, each with a NUL */
} weir_table;

void weir_table_init(weir_table *t, const weir_table_heading *columns);
void weir_table_fini(weir_table *t);
/* The next cell, row by row. Its text must be without control characters. */
void weir_table_add(weir_table *t, weir_view text);
void weir_table_print(const weir_table *t, FILE *to);

#endif
