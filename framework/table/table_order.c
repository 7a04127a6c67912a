/* The order of tables by their foreign keys. See table_store.h.
 *
 * Rows go into tables in this order, and out of those that others refer to in the opposite one, so
 * that a constraint which is looked at by each statement holds. Where tables refer to each other in
 * a circle no order does; then it is that of their numbers. */
#include "base/alloc.h"
#include "table/table_store.h"

typedef struct sorting {
    weir_table_store *store;
    bool *met;
    unsigned *order;
    size_t n;
} sorting;

static weir_table *named(const weir_table_store *s, weir_view identity, unsigned *number)
{
    for (unsigned i = 0; i < s->n_tables; i++) {
        if (s->tables[i] && s->tables[i]->identity.len &&
            weir_view_eq(s->tables[i]->identity, identity)) {
            *number = i;
            return s->tables[i];
        }
    }
    return NULL;
}

/* It goes as deep as foreign keys do. */
static void visit(sorting *q, unsigned number)
{
    const weir_table *t = q->store->tables[number];
    q->met[number] = true;
    for (size_t i = 0; t && i < t->n_parents; i++) {
        unsigned parent;
        weir_table *of = named(q->store, t->parents[i], &parent);
        if (of) {
            of->referred = true;
        }
        if (of && !q->met[parent]) {
            visit(q, parent);
        }
    }
    q->order[q->n++] = number;
}

weir_status weir_table_order(weir_table_store *s, weir_error *err)
{
    if (s->n_order == s->n_tables && !s->reorder) {
        return WEIR_OK;
    }
    sorting q = {s, weir_calloc(s->n_tables + 1, sizeof(bool)),
        weir_calloc(s->n_tables + 1, sizeof(unsigned)), 0};
    if (!q.met || !q.order) {
        weir_free(q.met);
        weir_free(q.order);
        return weir_fail_oom(err);
    }
    for (unsigned i = 0; i < s->n_tables; i++) {
        if (s->tables[i]) {
            s->tables[i]->referred = false;
        }
    }
    for (unsigned i = 0; i < s->n_tables; i++) {
        if (!q.met[i]) {
            visit(&q, i);
        }
    }
    weir_free(q.met);
    weir_free(s->order);
    s->order = q.order;
    s->n_order = s->n_tables;
    s->reorder = false;
    return WEIR_OK;
}

static size_t place_of(const weir_table_store *s, unsigned cache)
{
    size_t i = 0;
    while (i < s->n_tables && s->order[i] != cache) {
        i++;
    }
    return i;
}

weir_status weir_table_sort(weir_table_store *s, unsigned *caches, size_t n, weir_error *err)
{
    weir_status st = weir_table_order(s, err);
    for (size_t i = 1; i < n && !st; i++) {
        unsigned cache = caches[i];
        size_t at = i;
        for (; at > 0 && place_of(s, caches[at - 1]) > place_of(s, cache); at--) {
            caches[at] = caches[at - 1];
        }
        caches[at] = cache;
    }
    return st;
}
