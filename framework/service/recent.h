/* Ids that were handled lately: a window of so many, and so long. What has left it is not known any
 * more, and nothing is after a restart: it drops duplicates that come soon, such as a producer's,
 * and is no inbox.
 *
 * No lock, no clock: the lane's worker owns it. */
#ifndef WEIR_SERVICE_RECENT_H
#define WEIR_SERVICE_RECENT_H

#include "base/map.h"

enum { WEIR_RECENT_LONGEST = 256 }; /* bytes; longer ids are not remembered */

typedef struct weir_recent_id {
    char *id; /* owned */
    uint32_t len;
    int64_t at_ms;
} weir_recent_id;

typedef struct weir_recent {
    weir_map map;         /* of the ring's ids, borrowed */
    weir_recent_id *ring; /* the oldest first, from `head` on; grows up to `most` */
    size_t head, count, capacity, most;
    int64_t window_ms;
} weir_recent;

/* most 0: remembers nothing. */
void weir_recent_init(weir_recent *r, size_t most, int64_t window_ms);
void weir_recent_fini(weir_recent *r);
/* `of`: whose id it is, as one handler's are not another's. */
bool weir_recent_has(weir_recent *r, const void *of, weir_view id, int64_t now_ms);
/* One that it has is as young as it was. Without memory it is not remembered. */
void weir_recent_add(weir_recent *r, const void *of, weir_view id, int64_t now_ms);

#endif
