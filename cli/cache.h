/* A cache of the config, for the commands that look into its store beside a running daemon.
 * Thread: the main thread. */
#ifndef WEIR_CLI_CACHE_H
#define WEIR_CLI_CACHE_H

#include "cdc/store.h"
#include "cli.h"

enum { WEIR_CLI_CACHE = 1 }; /* its number in the store; 0 is the store's own */

/* Takes -c FILE: every command that has no CONFIG of its own among its arguments. Exit code. */
int weir_cli_config_option(weir_cli *cli, weir_config **out);
/* The same for what looks into stores alone: it may lack the brokers' names. */
int weir_cli_config_of_stores(weir_cli *cli, weir_config **out);
/* The cache of this name (NULL: none was given), or a table that a pattern follows,
 * ENTRY.schema.table. Exit code; says which there are. */
int weir_cli_find_cache(
    const weir_cli *cli, weir_config *config, const char *name, const weir_config_cache **out);

/* Opens the cache and its store to be read, while a daemon may be writing it. Errors: STORE_*,
 * NO_CACHE (no daemon has made it yet), CACHE_IN_MEMORY (only its own process can see it). */
WEIR_MUST_USE weir_status weir_cli_open_cache(
    const weir_config_cache *cache, weir_store *out, weir_error *err);
/* The same for a store without any of its caches. */
WEIR_MUST_USE weir_status weir_cli_open_store(
    const weir_config_store *config, weir_store *out, weir_error *err);
static inline void weir_cli_close_store(weir_store *s)
{
    if (s->ops) {
        s->ops->close(s->self);
        s->ops = NULL;
    }
}

/* A row as one line: a raw newline, which stands between two tokens of a json column, is a space.
 * Appended. */
void weir_cli_put_row(weir_buf *to, weir_view row);
/* "0/16B3748". Appended. */
void weir_cli_put_lsn(weir_buf *to, uint64_t lsn);
/* "2026-11-22T10:00:00.123Z". Appended. */
void weir_cli_put_time(weir_buf *to, int64_t ms);
/* Text of a stranger's on a terminal: control characters, and what is no UTF-8, are a dot each.
 * Appended. */
void weir_cli_put_clean(weir_buf *to, weir_view text);
/* The same, at most so many bytes of it, and then an ellipsis. */
void weir_cli_put_short(weir_buf *to, weir_view text, size_t most);

#endif
