/* JSON that can be changed: schemas are made and mutated as trees, and written out. */
#ifndef WEIR_TESTS_COMPAT_TREE_H
#define WEIR_TESTS_COMPAT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"

typedef struct tree {
    char kind;        /* '{', '[', or 's': text is JSON */
    const char *text; /* of a scalar */
    size_t n;
    const char **names; /* of an object; plain ASCII */
    struct tree **items;
} tree;

enum { TREE_MOST = 24 }; /* members */

tree *tree_new(weir_arena *a, char kind);
tree *tree_scalar(weir_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
tree *tree_copy(weir_arena *a, const tree *t);
/* Sets a member, which is replaced where it is there. */
void tree_set(tree *t, const char *name, tree *value);
void tree_push(tree *t, tree *value);
void tree_drop(tree *t, size_t i);
tree *tree_get(const tree *t, const char *name);
void tree_put(weir_buf *to, const tree *t);
/* Of a scalar. */
bool tree_is(const tree *t, const char *text);

#endif
