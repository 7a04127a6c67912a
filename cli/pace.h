/* How far the stores of a config have read a topic, so that what writes the topic can wait for
 * them. A store that is not there yet has read nothing. Thread: the main thread. */
#ifndef WEIR_CLI_PACE_H
#define WEIR_CLI_PACE_H

#include "cache.h"

typedef struct weir_pace weir_pace;

/* Errors: CACHE_IN_MEMORY (nobody else can see how far it is), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_pace_open(
    const weir_config *config, weir_pace **out, weir_error *err);
/* NULL is allowed. */
void weir_pace_close(weir_pace *p);

/* The least offset that a store reads next; -1: nothing is stored. *read: whether a cache reads the
 * topic at all. */
WEIR_MUST_USE weir_status weir_pace_next(
    weir_pace *p, const char *topic, int32_t partition, bool *read, int64_t *next, weir_error *err);

#endif
