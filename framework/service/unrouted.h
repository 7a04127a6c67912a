/* Records that no handler takes, by type: each type of a topic is told once, for it may be one that
 * somebody has misspelt. Private to service/.
 *
 * Thread: a lane's memo its worker's; the rest under the lock. */
#ifndef WEIR_SERVICE_UNROUTED_H
#define WEIR_SERVICE_UNROUTED_H

#include "service/message.h"

enum { WEIR_UNROUTED_MEMO = 64, WEIR_UNROUTED_TYPES = 64 };

/* What a lane knows to be told. Two types in one place cost a look at the rest for each record. */
typedef struct weir_unrouted_memo {
    uint32_t types[WEIR_UNROUTED_MEMO]; /* hashes; 0: none */
} weir_unrouted_memo;

typedef struct weir_unrouted {
    pthread_mutex_t lock;
    uint32_t types[WEIR_UNROUTED_TYPES]; /* that were told; further ones are not */
    size_t n;
} weir_unrouted;

void weir_unrouted_init(weir_unrouted *u);
void weir_unrouted_fini(weir_unrouted *u);
/* No handler takes the message. */
void weir_unrouted_tell(weir_unrouted *u, weir_unrouted_memo *memo, const weir_message *m);

#endif
