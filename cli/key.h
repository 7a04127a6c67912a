/* The key of a row as people write it: a JSON object, or only the value where the key has one
 * column. Thread: plain functions. */
#ifndef WEIR_CLI_KEY_H
#define WEIR_CLI_KEY_H

#include "cdc/store.h"

/* The forms that a written key may have in the store, likelier ones first. */
typedef struct weir_cli_keys {
    weir_buf forms[4];
    size_t n;
} weir_cli_keys;

/* Looks at a stored key to learn its columns; inside a transaction of the store. Errors:
 * KEY_COLUMNS (what is written is no key of this cache: not JSON, other columns, another type;
 * where nothing is stored, only the first can be told), the store's. */
WEIR_MUST_USE weir_status weir_cli_keys_of(
    const char *written, weir_store store, weir_cli_keys *out, weir_error *err);
void weir_cli_keys_fini(weir_cli_keys *k);

#endif
