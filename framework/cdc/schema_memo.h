/* The memo of schema blocks. With JsonConverter's schemas.enable a record is
 * {"schema":…,"payload":…}, and its schema, three quarters of its bytes, is the same as the last
 * time. Per topic the last few are kept, for keys and for values: the bytes of a record up to its
 * payload, and the row plan that was compiled from them. A record that begins with the same bytes
 * needs only its payload parsed.
 *
 * Invariants
 *  1. A known schema's prefix is what stood before a payload in a record that was parsed as a
 * whole, so it ends where a value must begin. A text that begins with it is a block exactly when
 * the rest is one value and a closing brace.
 *  2. What is forgotten is freed by the next weir_schema_memo_release, not before: an event may
 * still use its plan.
 *  3. bytes is the sum over everything in `topics`, and at most MOST_BYTES.
 *
 * Thread: one owner at a time. */
#ifndef WEIR_CDC_SCHEMA_MEMO_H
#define WEIR_CDC_SCHEMA_MEMO_H

#include "base/map.h"
#include "cdc/decoder.h"

/* Two versions of a schema alternate while a change of the table is on its way; four leave room. */
enum { WEIR_KNOWN_SCHEMAS = 4 };

typedef struct weir_known_schema {
    weir_view prefix; /* the record's bytes before its payload; "" if they cannot serve */
    weir_view text;   /* the schema's own bytes */
    const weir_table_types *types; /* the config's, which the plan has taken in */
    weir_row_plan plan;            /* of a value */
    weir_arena arena;              /* all of the above, and what the plan needs */
    struct weir_known_schema *next;
} weir_known_schema;

/* The latest first. */
typedef struct weir_known_schemas {
    weir_known_schema *of[WEIR_KNOWN_SCHEMAS];
} weir_known_schemas;

typedef struct weir_topic_schemas {
    weir_known_schemas keys, values;
} weir_topic_schemas;

typedef struct weir_schema_memo {
    weir_map topics; /* weir_topic_schemas */
    size_t bytes;
    weir_known_schema *forgotten;
} weir_schema_memo;

static inline void weir_schema_memo_init(weir_schema_memo *m)
{
    *m = (weir_schema_memo){0};
}
void weir_schema_memo_fini(weir_schema_memo *m);

/* Frees what was forgotten. */
void weir_schema_memo_release(weir_schema_memo *m);

/* What is known of a topic; NULL: nothing yet. Valid until the next weir_schema_memo_keep. */
static inline weir_topic_schemas *weir_schema_memo_topic(const weir_schema_memo *m, weir_view topic)
{
    return weir_map_get(&m->topics, topic);
}

/* The schema whose prefix `text` begins with, or NULL. */
weir_known_schema *weir_known_schema_match(weir_known_schemas *known, weir_view text);
/* The schema of these bytes and types, or NULL. A prefix that can serve must be its own, so that it
 * serves from now on. */
weir_known_schema *weir_known_schema_find(
    weir_known_schemas *known, weir_view prefix, weir_view text, const weir_table_types *types);

/* A new one that nobody knows yet, without a plan; NULL: out of memory. `prefix` may be empty. */
weir_known_schema *weir_known_schema_new(
    weir_view prefix, weir_view text, const weir_table_types *types);
void weir_known_schema_free(weir_known_schema *s);

/* Takes it over, on failure too: it lives at least until the next release. What is too large to be
 * kept is forgotten at once; when there are too many, the oldest is. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_schema_memo_keep(
    weir_schema_memo *m, weir_view topic, bool of_key, weir_known_schema *s, weir_error *err);

#endif
