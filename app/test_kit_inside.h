/* What the parts of the test kit know of each other. Private to app/test_*.c. */
#ifndef WEIR_APP_TEST_KIT_INSIDE_H
#define WEIR_APP_TEST_KIT_INSIDE_H

#include <weir/test.h>

#include "app_inside.h"
#include "memory/memory_emitter.h"
#include "memory/memory_source.h"
#include "test_caches.h"

/* The next emit that a handler has made, and no test has expected; NULL: there is none. */
const weir_memory_emit *weir_test_unseen_emit(weir_test *t);
/* Each as a failure. */
void weir_test_tell_what_is_left(weir_test *t, const char *file, int line);
/* NULL: it could not be opened. */
weir_app *weir_test_app(weir_test *t);
/* Writes as a producer of weir's does; false: it was refused. */
bool weir_test_write(weir_test *t, weir_sending *s);
/* Has the service failed? That is told once; nothing runs any more then. */
bool weir_test_is_over(weir_test *t);
void weir_test_fail_at(weir_test *t, const char *file, int line, const char *fmt, ...)
    WEIR_PRINTF(4, 5);
/* Is the text JSON that is equal to what is wanted, members that it does not name left aside? */
bool weir_test_text_matches(weir_view is, const char *wanted);

/* For cases (app/case_service.c). */

/* A record, as it came: to every handler and cache that reads its topic. False: none does, or
 * err->status says why it could not be. */
bool weir_test_feed(weir_test *t, const weir_raw_record *r, weir_error *err);
weir_test_caches *weir_test_caches_of(weir_test *t);
typedef struct weir_test_letter {
    weir_view topic, key;
    int64_t offset;
    const weir_error *why;
} weir_test_letter;
bool weir_test_letter_at(const weir_test *t, size_t i, weir_test_letter *out);
/* The keys that are parked, to be freed by weir_free; *n of them. NULL: none, or out of memory. */
weir_parked_view *weir_test_parked_views(weir_test *t, size_t *n);
/* What a handler has emitted, one behind the other; NULL: there is no further one. */
const weir_memory_emit *weir_test_next_emit(weir_test *t);
/* Nothing that has left is a surprise. */
void weir_test_expect_anything(weir_test *t);

/* test_wait.c: messages that were deferred. */

/* Are there any? */
bool weir_test_deferred(weir_app *app);
/* Lock: takes the queue's; another thread may complete a message meanwhile. */
bool weir_test_lane_has_more(weir_lane_queue *q);
/* Waits, in real time, until one is completed. False: there is none, or *left_ms, which is what may
 * still be waited, is over. */
WEIR_MUST_USE bool weir_test_await(weir_app *app, int64_t *left_ms);

/* test_parked.c: the topic of parked records, as it is among the emits. */
typedef struct weir_test_parked_reader {
    weir_memory_emitter *emits;
    const weir_memory_source *source; /* of what copies lack */
} weir_test_parked_reader;
weir_parked_log weir_test_parked_log(
    weir_memory_emitter *emits, const weir_memory_source *source, weir_test_parked_reader *self);

/* test_transactions.c: transactions of `delivery: exactly_once`, in memory: all of one, or nothing,
 * with the offsets. */
typedef struct weir_test_transactions {
    weir_test *test;
    weir_emitter emitter;             /* to write by … */
    const weir_memory_emitter *emits; /* … which keeps them here … */
    weir_memory_source *source;       /* … and the offsets */
    const char *letters;              /* where dead letters go */
    unsigned fail;                    /* so many transactions more do not come to pass */
} weir_test_transactions;
weir_transaction_port weir_test_transactions_of(weir_test_transactions *x);
/* A dead letter that came in one. */
void weir_test_take_letter(weir_test *t, const weir_raw_record *record, const weir_error *why);

/* test_sql.c: sends what is in outboxes; when a refused one is due again, INT64_MAX: there is none.
 */
int64_t weir_test_relay(weir_test *t, int64_t now_ms);
/* Says so where an outbox has something that was not sent. */
void weir_test_expect_relayed(weir_test *t, const char *file, int line);

/* ---- The kit itself: test_kit.c, test_expect.c ---- */

typedef struct weir_test_kept_letter {
    weir_error error;
    char place[96];
    weir_view topic, key;
    int64_t offset;
} weir_test_kept_letter;

struct weir_test {
    weir_app *app;
    weir_app_ports ports;
    weir_memory_source *source;
    weir_memory_emitter *emitter;
    weir_test_parked_reader parked_reader;
    weir_test_transactions transactions;
    weir_test_caches *caches;
    weir_log log;
    weir_arena arena;
    int64_t now_ms;
    int64_t patience_ms, left_ms; /* real time for deferred messages */
    unsigned ids;
    uint64_t lsn;
    const char *last_topic; /* of the last record of handlers */
    int64_t last_offset;
    weir_test_kept_letter *letters;
    size_t n_letters, letters_capacity, letters_seen, emits_seen;
    unsigned letters_fail;
    const char *file; /* of the call that lets things happen */
    int line;         /* 0: the file says it all */
    int failures;
    bool over; /* the service has failed, and that was told */
};

#endif
