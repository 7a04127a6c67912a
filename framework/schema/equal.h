/* When two values are the same to a schema: numbers by what they are worth, strings by their
 * characters, objects whatever the order of their members. Thread: any. */
#ifndef WEIR_SCHEMA_EQUAL_H
#define WEIR_SCHEMA_EQUAL_H

#include "value/value.h"

/* Each visited node takes one from *steps; at 0 the answer is false, and the caller looks at
 * *steps. */
bool weir_equal(const weir_value *a, const weir_value *b, int64_t *steps);
/* Equal values have equal hashes. */
uint64_t weir_value_hash(const weir_value *v);

#endif
