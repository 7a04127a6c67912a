/* What the log says of a run as a whole: one line when it starts, one when it has caught up, one
 * when it ends. Thread: one owner. */
#ifndef WEIR_APP_MILESTONES_H
#define WEIR_APP_MILESTONES_H

#include "base/log.h"
#include "config.h"

typedef struct weir_milestones {
    const weir_config *config;
    const weir_log *log;
    int64_t start_ms; /* monotonic */
    bool ready;       /* and the log says so */
} weir_milestones;

/* Says what starts: version, config, caches, and where records come from. recording NULL: Kafka. */
void weir_milestones_start(
    weir_milestones *m, const weir_config *config, const char *recording, const weir_log *log);
/* Says so when the run has caught up, once. records: settled so far. */
void weir_milestones_look(weir_milestones *m, bool ready, uint64_t records);
/* why: "SIGTERM", "the recording's end"; failure of WEIR_OK: none. */
void weir_milestones_end(
    const weir_milestones *m, const char *why, const weir_error *failure, uint64_t records);

#endif
