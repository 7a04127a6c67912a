/* Circuit breakers: one per dependency, shared by all handlers that name it.
 *
 *   closed --`failures` RETRYs in a row--> open --after a while--> half open: one record is let
 * through ^                                     ^                        | | '----- it fails (the
 * while doubles) ---|
 *     '----------------------------------------- it succeeds ----------------------'
 *
 * While open, records are not handled: they HOLD, counting nothing. No clock of its own.
 * Thread: any. */
#ifndef WEIR_SERVICE_BREAKER_H
#define WEIR_SERVICE_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct weir_breaker_rule {
    const char *name; /* borrowed */
    uint32_t failures;
    int64_t open_ms, max_open_ms;
} weir_breaker_rule;

typedef enum weir_breaker_state {
    WEIR_BREAKER_CLOSED,
    WEIR_BREAKER_HALF_OPEN,
    WEIR_BREAKER_OPEN,
} weir_breaker_state;

typedef struct weir_breaker {
    weir_breaker_rule rule;
    pthread_mutex_t lock;
    /* Lock: lock. */
    weir_breaker_state state;
    uint32_t in_a_row;
    int64_t open_ms, until_ms; /* how long this time, and until when */
    bool probing;              /* a record was let through, and is not back */
    uint64_t opened;
} weir_breaker;

void weir_breaker_init(weir_breaker *b, const weir_breaker_rule *rule);
void weir_breaker_fini(weir_breaker *b);

/* May a record be handled now? *probe: it is the one that a half-open breaker lets through. If not,
 * *wait_ms is when to ask again. */
bool weir_breaker_admit(weir_breaker *b, int64_t now_ms, bool *probe, int64_t *wait_ms);

typedef enum weir_breaker_outcome {
    WEIR_BREAKER_SUCCESS, /* the dependency has answered, whatever it said */
    WEIR_BREAKER_FAILURE,
    WEIR_BREAKER_NEITHER, /* it was not asked, or nobody knows */
} weir_breaker_outcome;
/* What became of a record that was admitted. */
void weir_breaker_report(weir_breaker *b, bool probe, weir_breaker_outcome o, int64_t now_ms);

typedef struct weir_breaker_view {
    const char *name;
    weir_breaker_state state;
    uint64_t opened; /* how often it has opened */
} weir_breaker_view;
weir_breaker_view weir_breaker_look(weir_breaker *b);

#endif
