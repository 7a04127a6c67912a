/* Random Avro schemas, random changes of them, and random values in Avro's binary encoding. */
#ifndef WEIR_TESTS_COMPAT_AVRO_SCHEMAS_H
#define WEIR_TESTS_COMPAT_AVRO_SCHEMAS_H

#include "compat/tree.h"
#include "sim/prng.h"

typedef struct avro_maker {
    sim_rng *rng;
    weir_arena *arena;
    unsigned names;     /* that were given out */
    const char *record; /* the one that is being made: it may refer to itself */
} avro_maker;

tree *avro_make(avro_maker *m, int depth);
/* Changes a type in place, or returns another one; rate: how often. */
tree *avro_change(avro_maker *m, tree *type, double rate, bool in_union);
/* root: where names are defined. Text is ASCII, so that bytes can be read as a string, too. */
void avro_put_value(sim_rng *rng, const tree *root, const tree *type, int depth, weir_buf *to);

#endif
