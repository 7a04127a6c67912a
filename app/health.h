/* What is not as it should be with an app's handlers, beside what makes it not live: partitions
 * without progress, and a membership of the group that is lost. Private to app/.
 *
 * Thread: any; one look after the other. */
#ifndef WEIR_APP_HEALTH_H
#define WEIR_APP_HEALTH_H

#include "engine/stall.h"
#include "service/handlers.h"

typedef struct weir_health {
    pthread_mutex_t lock;
    weir_stalls stalls; /* Lock: lock */
} weir_health;

typedef struct weir_health_figures {
    size_t stalled; /* partitions */
    bool has_group; /* it is to be a member of one … */
    int64_t out_ms; /* … and is not, for so long; 0: it is */
} weir_health_figures;

void weir_health_init(weir_health *h);
void weir_health_fini(weir_health *h);
/* after_ms: limits.stuck_after. WEIR_OK, or GROUP_LOST or PARTITION_STALLED, of class HOLD. */
weir_status weir_health_look(weir_health *h, weir_engine *e, weir_handlers *handlers,
    int64_t after_ms, weir_health_figures *figures, weir_error *why);

#endif
