/* A recording as the engine's source: its records in the file's order, to the end.
 * Thread: as the port says. */
#ifndef WEIR_FILE_SOURCE_H
#define WEIR_FILE_SOURCE_H

#include "engine/source.h"
#include "file/lines.h"

typedef struct weir_file_source_options {
    const char *path; /* "-": standard input */
    /* Is this topic wanted? */
    bool (*wanted)(void *ctx, weir_view topic);
    /* Where reading goes on; -1: from the first record. */
    int64_t (*start)(void *ctx, weir_view topic, int32_t partition);
    void *ctx;
} weir_file_source_options;

WEIR_MUST_USE weir_status weir_file_source_open(
    const weir_file_source_options *options, weir_record_source *out, weir_error *err);
/* For a progress bar. Thread: any. */
void weir_file_source_progress(
    const weir_record_source *source, uint64_t *read_bytes, uint64_t *all_bytes);

#endif
