/* The neutral value tree: what JSON, Avro and rows are turned into.
 *
 * A document is one array of nodes in preorder: a container's first child follows it, and `skip`
 * leads over a node and all below it. An object's members are pairs: a string node (the name), then
 * the value's node. Nodes borrow the source text, so a document lives no longer than its text and
 * its arena. Nothing is converted while reading: a number is its exact digits, a string with
 * escapes is decoded when asked for.
 *
 * Thread: immutable once read; any thread may read. */
#ifndef WEIR_VALUE_VALUE_H
#define WEIR_VALUE_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/status.h>
#include <weir/view.h>

#include "base/arena.h"
#include "base/buf.h"

typedef enum weir_value_type {
    WEIR_NULL,
    WEIR_BOOL,   /* flag WEIR_TRUE */
    WEIR_INT,    /* digits with an optional minus sign, of any length */
    WEIR_NUMBER, /* digits with a fraction or an exponent, exact text */
    WEIR_STRING, /* flag WEIR_ESCAPED: `at` still has its escapes */
    WEIR_BYTES,  /* raw bytes (not from JSON) */
    WEIR_ARRAY,
    WEIR_OBJECT,
} weir_value_type;

enum {
    WEIR_TRUE = 1,    /* of a WEIR_BOOL */
    WEIR_ESCAPED = 2, /* of a WEIR_STRING */
};

typedef struct weir_value {
    const char
        *at; /* scalars: their text (strings without quotes); containers: the opening bracket */
    uint32_t len;  /* scalars: bytes at `at`; arrays: elements; objects: members */
    uint32_t span; /* bytes of source text: quotes and brackets included */
    uint32_t skip; /* nodes from this one to its next sibling; 1 for a scalar */
    uint8_t type;  /* weir_value_type */
    uint8_t flags;
    uint16_t hash; /* names: weir_name_hash of value/text.h, which rejects most others at once; a
                      value of Avro: which branch of its union it was; else 0 */
} weir_value;

/* First child of a container (of an object: the first name). Meaningless when len is 0. */
static inline const weir_value *weir_child(const weir_value *v)
{
    return v + 1;
}
static inline const weir_value *weir_next(const weir_value *v)
{
    return v + v->skip;
}

/* Loops over an object's members: NAME and VALUE are const weir_value * declared by the macro. */
#define WEIR_EACH_MEMBER(object, name, value)                      \
    for (const weir_value *name = (object) + 1, *value = name + 1, \
                          *name##_end = (object) + (object)->skip; \
         name < name##_end; name = value + value->skip, value = name + 1)
#define WEIR_EACH_ITEM(array, item)                                                   \
    for (const weir_value *item = (array) + 1, *item##_end = (array) + (array)->skip; \
         item < item##_end; item += item->skip)

/* The member's value, or NULL when there is none or v is not an object (v may be NULL). */
const weir_value *weir_get(const weir_value *v, weir_view name);
const weir_value *weir_gets(const weir_value *v, const char *name);
/* By JSON Pointer (RFC 6901): "" is v itself, "/a/0". NULL when there is none. */
const weir_value *weir_pointer(const weir_value *v, const char *pointer);

/* NULL-safe tests: also false for NULL. */
static inline bool weir_is(const weir_value *v, weir_value_type type)
{
    return v && v->type == type;
}

/* The text of a scalar as it stands in the source (strings without quotes, escapes not decoded). */
static inline weir_view weir_raw(const weir_value *v)
{
    return (weir_view){v->at, v->len};
}
/* The node's whole source text: a string with its quotes (one of Avro has none), a container with
 * its brackets (of Avro it is ""). */
static inline weir_view weir_source(const weir_value *v)
{
    return (weir_view){v->type == WEIR_STRING && v->span != v->len ? v->at - 1 : v->at, v->span};
}
/* Is its source text JSON? Not of Avro's: strings have no quotes there, containers no brackets. */
static inline bool weir_has_source(const weir_value *v)
{
    return v->type == WEIR_STRING                            ? v->span != v->len
           : v->type == WEIR_ARRAY || v->type == WEIR_OBJECT ? v->span != 0
                                                             : v->type != WEIR_BYTES;
}
/* The decoded characters of a string (may contain NULs): borrowed from the source when it has no
 * escapes, else from the arena; {NULL, 0} only when the arena refuses. */
weir_view weir_string(const weir_value *v, weir_arena *arena);
/* Is the string (decoded) equal to text? False for any other type and for NULL. */
bool weir_string_is(const weir_value *v, weir_view text);
/* Appends the decoded characters of a string. */
void weir_string_put(weir_buf *to, const weir_value *v);

/* False when v is not a WEIR_INT or does not fit. */
bool weir_to_int64(const weir_value *v, int64_t *out);
/* Of decimal text, e.g. from a header or a string. False when it is not one or does not fit. */
bool weir_text_to_int64(weir_view text, int64_t *out);

#endif
