/* The status line of a running sync, on a terminal's stderr, and its closing summary.
 * Thread: the main thread. */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include "cli.h"
#include "daemon.h"

typedef struct weir_progress {
    bool terminal, shown;
    int64_t last_ms;
    uint64_t last_records;
    double rate;
} weir_progress;

typedef struct weir_progress_start {
    int64_t ms;
} weir_progress_start;

weir_progress_start weir_progress_now(void);
void weir_progress_init(weir_progress *p, const weir_cli *cli);
void weir_progress_show(weir_progress *p, weir_daemon *d);
void weir_progress_clear(weir_progress *p);
/* Rows, changes and what else was counted, per cache, on stdout. stopped_by: the signal that ended
 * it before the recording's end; NULL: none. */
void weir_progress_summary(
    const weir_cli *cli, weir_daemon *d, weir_progress_start start, const char *stopped_by);

#endif
