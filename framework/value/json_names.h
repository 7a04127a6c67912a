/* No object may have one name twice. The check must cost next to nothing for the usual object and
 * must not be quadratic for a huge one:
 *
 *   - each open object keeps a filter of its names' hashes, a Bloom filter of 256 bits that sets
 * two bits of one word per name. A name that the filter does not know is new: the usual case.
 *   - a name that it may know is compared with the names before it, while there are few;
 *   - an object of more than WEIR_NAMES_FEW members is checked once, by sorting, when it closes. An
 *     adversary who picks names of equal hash gains nothing: the sort compares bytes.
 *
 * Thread: any. */
#ifndef WEIR_VALUE_JSON_NAMES_H
#define WEIR_VALUE_JSON_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "value/value.h"

enum { WEIR_NAMES_FEW = 128 };

typedef struct weir_name_filter {
    uint64_t words[4];
} weir_name_filter;

static inline uint64_t weir_name_filter_bits(uint16_t hash)
{
    return 1ULL << (hash >> 2 & 63) | 1ULL << (hash >> 8 & 63);
}

/* False: no name with this hash was added. */
static inline bool weir_name_filter_has(const weir_name_filter *f, uint16_t hash)
{
    uint64_t bits = weir_name_filter_bits(hash);
    return (f->words[hash & 3] & bits) == bits;
}

static inline void weir_name_filter_add(weir_name_filter *f, uint16_t hash)
{
    f->words[hash & 3] |= weir_name_filter_bits(hash);
}

/* The name between first and last (not included) that equals *last, or NULL. first: an object's
 * first name. */
const weir_value *weir_names_find(const weir_value *first, const weir_value *last);

/* Looks for two equal names in a whole object. */
typedef struct weir_names_twice {
    const weir_value *first,
        *second; /* the earliest second one, with its first; NULL: there is none */
    bool out_of_memory;
} weir_names_twice;
weir_names_twice weir_names_check(const weir_value *object);

#endif
