/* Random JSON Schemas, and random changes of them; all keywords that weir knows. They are small,
 * and take names, texts and numbers out of few, so that they meet. */
#ifndef WEIR_TESTS_COMPAT_SCHEMAS_H
#define WEIR_TESTS_COMPAT_SCHEMAS_H

#include "compat/tree.h"
#include "sim/prng.h"

typedef struct maker {
    sim_rng *rng;
    weir_arena *arena;
    int draft;        /* 4, 6, 7, 19, 20 */
    size_t favourite; /* keywords that it likes best, so that they meet others of their kind */
} maker;

#define PICK_TEXT(rng, ...)                          \
    (((const char *const[]){__VA_ARGS__})[sim_below( \
        (rng), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

const char *make_name(maker *m);
const char *make_number(maker *m);
const char *make_text(maker *m); /* with its quotes */
tree *make_value(maker *m, int depth);
/* A whole schema, with $schema and definitions. */
tree *make_schema(maker *m);
/* Changes something somewhere. */
void mutate(maker *m, tree *root);

#endif
