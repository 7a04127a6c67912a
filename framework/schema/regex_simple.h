/* Regular expressions that need no engine: classes of characters one after the other, each repeated
 * so often, where no choice ever has to be taken back. Thread: immutable once made. */
#ifndef WEIR_SCHEMA_REGEX_SIMPLE_H
#define WEIR_SCHEMA_REGEX_SIMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

enum { WEIR_SIMPLE_ITEMS = 32 };

typedef struct weir_simple_item {
    uint64_t ascii[2]; /* which of the first 128 characters */
    uint32_t least, most;
    bool wide; /* all others too */
    bool line; /* but not U+2028 and U+2029, which end lines */
} weir_simple_item;

typedef struct weir_simple {
    weir_simple_item items[WEIR_SIMPLE_ITEMS];
    uint32_t count;
    bool to_end;   /* '$' */
    bool anywhere; /* one item, once or not at all, wherever in the text */
} weir_simple;

/* False: the pattern is not of this kind (or no pattern at all). */
bool weir_simple_of(weir_view pattern, weir_simple *out);
bool weir_simple_match(const weir_simple *s, weir_view text);

#endif
