/* Does a key that somebody wrote look like those of a table? Its columns have names and kinds of
 * values; a key of others is a mistake, and would only not be found. Thread: plain functions. */
#ifndef WEIR_CDC_KEY_LIKE_H
#define WEIR_CDC_KEY_LIKE_H

#include "base/buf.h"
#include "value/value.h"

/* What is wrong with `written`, to be said behind it: "has other columns than …"; NULL: nothing.
 * key: one of the table's; where it is no object nothing is wrong. */
const char *weir_key_unlike(const weir_value *key, const weir_value *written);

/* {"id":NUMBER,"name":"…"} */
void weir_key_put_like(weir_buf *to, const weir_value *key);

#endif
