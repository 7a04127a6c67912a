/* A progress bar on a terminal's stderr, for work that may be long. Elsewhere it shows nothing.
 * Thread: the main thread. */
#ifndef WEIR_CLI_BAR_H
#define WEIR_CLI_BAR_H

#include <stdint.h>

#include "cli.h"

typedef struct weir_bar {
    bool terminal, shown;
    int64_t start_ms, next_ms;
} weir_bar;

void weir_bar_init(weir_bar *b, const weir_cli *cli);
/* Cheap to call often. done of all in any unit (all 0: not known); records: so far. */
void weir_bar_show(weir_bar *b, uint64_t done, uint64_t all, uint64_t records);
void weir_bar_clear(weir_bar *b);
/* Seconds since it began, never 0. */
double weir_bar_seconds(const weir_bar *b);

#endif
