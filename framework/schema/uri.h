/* URI references (RFC 3986) and IRI references (RFC 3987): their parts, resolving one against a
 * base, and whether a text is one. Thread: plain functions over their arguments. */
#ifndef WEIR_SCHEMA_URI_H
#define WEIR_SCHEMA_URI_H

#include "base/arena.h"

/* A part that is not there has ptr NULL; the path is always there. Borrows the text. */
typedef struct weir_uri {
    weir_view scheme, authority, path, query, fragment;
} weir_uri;

weir_uri weir_uri_of(weir_view text);
/* The reference without its fragment, resolved against the base; {NULL, 0} when the arena refuses.
 */
weir_view weir_uri_resolve(weir_view base, weir_view reference, weir_arena *arena);
/* What stands behind '#', percent-decoded; empty when there is none. {NULL, 0} when the arena
 * refuses. */
weir_view weir_uri_fragment(weir_view reference, weir_arena *arena);

typedef enum weir_uri_kind {
    WEIR_URI_ABSOLUTE = 1, /* it needs a scheme */
    WEIR_URI_IRI = 2,      /* characters beyond ASCII are allowed */
} weir_uri_kind;
/* kind: flags. */
bool weir_uri_is_valid(weir_view text, unsigned kind);
bool weir_ipv4_is_valid(weir_view text);
bool weir_ipv6_is_valid(weir_view text);

#endif
