/* A whole file into memory, bounded.
 * Thread: any. */
#ifndef WEIR_APP_CONFIG_FILE_H
#define WEIR_APP_CONFIG_FILE_H

#include "base/buf.h"

/* Appends the file's bytes. Returns 0, or an errno: EFBIG when there are more than `most`. */
int weir_config_read_file(const char *path, size_t most, weir_buf *to);

#endif
