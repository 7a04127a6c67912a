/* Is a store's data file as long as its pages need? LMDB maps the file and trusts it: to read a
 * page behind the end of a file that was cut short is a SIGBUS. */
#ifndef WEIR_LMDB_LENGTH_H
#define WEIR_LMDB_LENGTH_H

#include <lmdb.h>

#include "base/err.h"

/* To be asked before anything is read. Another process may be writing. Errors: STORE_BROKEN,
 * STORE_IO, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_lmdb_check_length(MDB_env *env, weir_error *err);

#endif
