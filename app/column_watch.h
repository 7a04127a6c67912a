/* Columns that the config names and no record has: most likely a misspelt name, which would pass
 * silently. Names are looked for in the first records of each topic, as text between quotes, so
 * what is warned of is nowhere in them; only names that JSON writes as they are are looked for.
 *
 * Thread: look and tell from any; new and free from one owner. */
#ifndef WEIR_APP_COLUMN_WATCH_H
#define WEIR_APP_COLUMN_WATCH_H

#include "engine/record.h"
#include "rules.h"

typedef struct weir_column_watch weir_column_watch;

/* Borrows everything. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_column_watch_new(const weir_config *config, const weir_rules *rules,
    const weir_log *log, weir_column_watch **out, weir_error *err);
/* Records on their way to a lane; warns once a topic's first thousand have passed. */
void weir_column_watch_look(weir_column_watch *w, const weir_chunk *chunk);
/* The same for one record of a topic, by its number in the rules. */
void weir_column_watch_record(weir_column_watch *w, size_t topic, weir_view value);

typedef struct weir_missing_column {
    const char *owner; /* "caches.orders.where" */
    const char *table, *column;
    unsigned records; /* that it is not in */
} weir_missing_column;
typedef void weir_column_missing_fn(void *ctx, const weir_missing_column *c);
/* Tells fn what was not met in the records so far, where there were any. Once for each name. */
void weir_column_watch_missing(weir_column_watch *w, weir_column_missing_fn *fn, void *ctx);
/* Warns of what was not met in the records so far, where there were any. Once for each name. */
void weir_column_watch_tell(weir_column_watch *w);
/* NULL is allowed. */
void weir_column_watch_free(weir_column_watch *w);

#endif
