/* What people write on a command line: durations, times, sizes of steps, places in Kafka.
 * Thread: plain functions. */
#ifndef WEIR_CLI_WORDS_H
#define WEIR_CLI_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

#include "cli.h"

/* "500ms", "2s", "1.5m", "1h", "7d" as milliseconds; -1: it is none. */
int64_t weir_cli_duration(const char *text);

/* A moment in milliseconds since 1970: "2026-11-22T10:00:00Z" (with or without a fraction and the
 * Z: always UTC), "2026-11-22", or a duration from now on; -1: it is none. */
int64_t weir_cli_time(const char *text, int64_t now_ms);
int64_t weir_cli_now(void);

/* A count from 1 to `most`; -1: it is none. */
int64_t weir_cli_count(const char *text, int64_t most);

/* "1000", "64KiB", "16MiB", "1GiB" as bytes; -1: it is none. */
int64_t weir_cli_size(const char *text);

/* Takes an option that is a count of up to a thousand million; 0: it was not given. Exit code. */
int weir_cli_count_option(weir_cli *cli, const char *name, int64_t *out);

/* "TOPIC/PARTITION@OFFSET", or "PARTITION@OFFSET" with an empty topic. The offset may be
 * `earliest`, which is -1. Borrows from the text. */
typedef struct weir_cli_place {
    weir_view topic;
    int32_t partition;
    int64_t offset;
} weir_cli_place;
bool weir_cli_place_of(weir_view text, weir_cli_place *out);

#endif
