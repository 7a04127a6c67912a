/* Base64 (RFC 4648). Thread: any. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "base/buf.h"

/* Appends the bytes in the standard alphabet, padded. */
void weir_base64_put(weir_buf *to, weir_view bytes);

/* Decodes either alphabet, padded or not; -1: it is no base64. `out` has room for text.len / 4 * 3
 * + 3 bytes. */
ptrdiff_t weir_base64_get(weir_view text, char *out);

#endif
