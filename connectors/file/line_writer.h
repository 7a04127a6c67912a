/* Lines into a file, compressed by its name: .gz, .zst, anything else plain. The reverse of
 * file/lines.h. A file that ends too early reads as far as it goes, up to its last flushed line.
 *
 * Thread: one owner. */
#ifndef WEIR_FILE_LINE_WRITER_H
#define WEIR_FILE_LINE_WRITER_H

#include "base/buf.h"
#include "base/err.h"

typedef struct weir_line_writer weir_line_writer;

/* path "-": standard output, plain. replace: an existing file is written anew; else it is an error.
 * Errors: FILE_UNWRITABLE (also a kind of compression that cannot be written), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_line_writer_open(
    const char *path, bool replace, weir_line_writer **out, weir_error *err);
/* Whole lines, with their ends. */
WEIR_MUST_USE weir_status weir_line_writer_put(
    weir_line_writer *w, weir_view lines, weir_error *err);
/* Ends the file and closes it; the writer is gone, on failure too. */
WEIR_MUST_USE weir_status weir_line_writer_finish(weir_line_writer *w, weir_error *err);

#endif
