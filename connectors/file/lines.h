/* Lines of a file that may be compressed (.gz, .xz, .zst, told by their first bytes), or of
 * standard input. Memory is bounded by the longest line. Thread: one owner. */
#ifndef WEIR_FILE_LINES_H
#define WEIR_FILE_LINES_H

#include "base/buf.h"
#include "base/err.h"

typedef struct weir_lines weir_lines;

/* path "-": standard input. Errors: FILE_UNREADABLE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_lines_open(const char *path, weir_lines **out, weir_error *err);
void weir_lines_close(weir_lines *l);
/* How long the next calls may wait for a pipe that has nothing to give; -1, as long as it takes, is
 * where it starts. */
void weir_lines_patience(weir_lines *l, int wait_ms);
/* The next line without its end, borrowed until the next call; ptr NULL at the end of the file, or
 * when nothing came in time (weir_lines_ended tells them apart).
 * Errors: FILE_UNREADABLE (also damaged or cut-off compressed data), TOO_LARGE (a line over 512
 * MiB). */
WEIR_MUST_USE weir_status weir_lines_next(weir_lines *l, weir_view *line, weir_error *err);
bool weir_lines_ended(const weir_lines *l);
/* Does what is left begin with these bytes (a few)? Errors: FILE_UNREADABLE. */
WEIR_MUST_USE weir_status weir_lines_begins(
    weir_lines *l, weir_view with, bool *yes, weir_error *err);
/* All that is left, not as lines; borrowed until the file is closed, and no line comes any more.
 * Errors: FILE_UNREADABLE, TOO_LARGE (over 1 GiB). */
WEIR_MUST_USE weir_status weir_lines_rest(weir_lines *l, weir_view *out, weir_error *err);
/* Number of the line that next gave last, from 1. */
unsigned long weir_lines_number(const weir_lines *l);
/* Compressed bytes read so far and in all (0: unknown), for a progress bar. */
void weir_lines_progress(const weir_lines *l, uint64_t *read_bytes, uint64_t *all_bytes);

#endif
