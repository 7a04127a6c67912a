/* When does a record show in an LMDB store? Prints a line for each partition and transaction that
 * moved it on: "PARTITION NEXT_OFFSET MICROSECONDS", the clock read right after the transaction was
 * seen. Offsets are stored in the same transaction as the rows they belong to
 * (docs/lmdb-layout.md), so every record below NEXT_OFFSET is visible then.
 *
 *   watch FOLDER      until SIGTERM */
#define _POSIX_C_SOURCE 200809L
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_PARTITIONS = 64, LOOK_AGAIN_NS = 50000 };

typedef struct store {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    long long next[MOST_PARTITIONS];
} store;

static void must(int code, const char *what)
{
    if (code) {
        fprintf(stderr, "watch: %s: %s\n", what, mdb_strerror(code));
        exit(3);
    }
}

static void pause_ns(long ns)
{
    nanosleep(&(struct timespec){0, ns}, NULL);
}

/* A new store has no such database before its first transaction. */
static bool open_meta(store *s)
{
    must(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn), "transaction");
    int code = mdb_dbi_open(s->txn, ".weir.meta", 0, &s->meta);
    must(code == MDB_NOTFOUND ? 0 : code, ".weir.meta");
    must(mdb_txn_commit(s->txn), "keeping the database's handle");
    return !code;
}

static void open_store(store *s, const char *path)
{
    must(mdb_env_create(&s->env), "environment");
    must(mdb_env_set_maxdbs(s->env, 64), "databases");
    must(mdb_env_open(s->env, path, MDB_RDONLY, 0644), path);
    while (!open_meta(s)) {
        pause_ns(LOOK_AGAIN_NS);
    }
    must(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn), "transaction");
    mdb_txn_reset(s->txn);
}

static long long now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* "offset:PARTITION:TOPIC" */
static void print_offset(store *s, const MDB_val *key, const MDB_val *value, long long at)
{
    char text[64];
    size_t length = key->mv_size < sizeof text ? key->mv_size : sizeof text - 1;
    memcpy(text, key->mv_data, length);
    text[length] = 0;
    long partition = strtol(text + strlen("offset:"), NULL, 10);
    length = value->mv_size < sizeof text ? value->mv_size : sizeof text - 1;
    memcpy(text, value->mv_data, length);
    text[length] = 0;
    long long next = strtoll(text, NULL, 10);
    if (partition >= 0 && partition < MOST_PARTITIONS && s->next[partition] != next) {
        s->next[partition] = next;
        printf("%ld %lld %lld\n", partition, next, at);
    }
}

static void print_moved(store *s, long long at)
{
    static const char prefix[] = "offset:";
    MDB_cursor *cursor;
    must(mdb_cursor_open(s->txn, s->meta, &cursor), "cursor");
    MDB_val key = {sizeof prefix - 1, (void *)(size_t)prefix}, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (!code && key.mv_size > sizeof prefix &&
           memcmp(key.mv_data, prefix, sizeof prefix - 1) == 0) {
        print_offset(s, &key, &value, at);
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: watch FOLDER\n", stderr);
        return 2;
    }
    store s = {.env = NULL};
    open_store(&s, argv[1]);
    for (size_t seen = 0;;) {
        must(mdb_txn_renew(s.txn), "renewing");
        if (mdb_txn_id(s.txn) != seen) {
            seen = mdb_txn_id(s.txn);
            print_moved(&s, now_us());
        }
        mdb_txn_reset(s.txn);
        pause_ns(LOOK_AGAIN_NS);
    }
}
