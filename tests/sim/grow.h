/* Growing arrays of the simulator. It is a test: it stops when there is no memory. */
#ifndef SIM_GROW_H
#define SIM_GROW_H

#include <stdio.h>
#include <stdlib.h>

static inline void *sim_grown(void *items, size_t used, size_t *capacity, size_t item_bytes)
{
    if (used < *capacity) {
        return items;
    }
    *capacity = *capacity ? *capacity * 2 : 16;
    void *grown = realloc(items, *capacity * item_bytes);
    if (!grown) {
        fputs("the simulator is out of memory\n", stderr);
        exit(2);
    }
    return grown;
}

/* A place for one more item at the end of {items, count, capacity}. */
#define SIM_APPEND(list)                                                                       \
    ((list)->items =                                                                           \
            sim_grown((list)->items, (list)->count, &(list)->capacity, sizeof *(list)->items), \
        &(list)->items[(list)->count++])

#endif
