/* Store in LMDB. See lmdb_store.h.
 *
 * A cache NAME has four databases: NAME (key -> row, plain JSON), NAME.state, NAME.move, NAME.meta;
 * the store's own entries are in .weir.meta. LMDB's keys end at 511 bytes: a longer key stands as
 * its first bytes and a hash, and the key itself in NAME.long, where equal hashes of unequal keys
 * are noticed. */
#include "lmdb/lmdb_store.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lmdb/lmdb_length.h"

enum {
    LONGEST_KEY = 511,
    HASH_HEX = 32,
    MOST_DATABASES = 4096,
    MOST_READERS = 510,
    LONG_KEYS = WEIR_SPACES, /* beside the spaces */
    DATABASES,
};

typedef struct cache_dbs {
    bool open;
    MDB_dbi dbi[DATABASES];
    MDB_cursor *cursor[DATABASES]; /* of the writer's transaction, which frees them; or NULL */
} cache_dbs;

typedef struct lmdb_store {
    MDB_env *env;
    MDB_txn *txn; /* the writer's, while one runs */
    int lock_fd;
    bool read_only;
    cache_dbs *caches;
    unsigned n_caches;
    size_t map_bytes;
    time_t readers_checked; /* when it was last looked whether they live */
} lmdb_store;

static const char *const suffixes[DATABASES] = {
    [WEIR_SPACE_ROW] = "",
    [WEIR_SPACE_STATE] = ".state",
    [WEIR_SPACE_MOVE] = ".move",
    [WEIR_SPACE_META] = ".meta",
    [LONG_KEYS] = ".long",
};

/* ---- Errors -------------------------------------------------------------------------------------
 */

/* s NULL: what is done names the store itself. */
static weir_status fail(const lmdb_store *s, int rc, const char *doing, weir_error *err)
{
    const char *why = mdb_strerror(rc), *path = NULL;
    bool named = s && mdb_env_get_path(s->env, &path) == 0 && path;
    char place[224];
    snprintf(place, sizeof place, "%.140s%s%s", named ? path : "", named ? ": " : "", doing);
    switch (rc) {
    case MDB_MAP_FULL:
        return weir_fail(err, WEIR_E_STORE_FULL,
            "%s: the map is full; raise the store's map_size, or end a reader that stays in one "
            "transaction",
            place);
    case ENOSPC:
    case EDQUOT:
        return weir_fail(err, WEIR_E_STORE_FULL, "%s: %s", place, why);
    case ENOMEM:
        return weir_fail_oom(err);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
        return weir_fail(err, WEIR_E_STORE_BROKEN, "%s: %s", place, why);
    default:
        return weir_fail(err, WEIR_E_STORE_IO, "%s: %s", place, why);
    }
}

/* ---- Keys -------------------------------------------------------------------------------------
 */

/* Two independent 64-bit hashes; a collision is noticed (note_long_key), so it need not be
 * stronger. */
static void hash128(weir_view key, uint64_t out[2])
{
    uint64_t a = 0xCBF29CE484222325u, b = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < key.len; i++) {
        a = (a ^ (unsigned char)key.ptr[i]) * 0x100000001B3u;
        b = (b + (unsigned char)key.ptr[i]) * 0xFF51AFD7ED558CCDu;
        b ^= b >> 31;
    }
    out[0] = a;
    out[1] = b;
}

/* The key as LMDB takes it; `room` is used for a long one. */
static MDB_val db_key(weir_view key, char room[LONGEST_KEY + 1])
{
    if (key.len <= LONGEST_KEY) {
        return (MDB_val){key.len, (void *)(uintptr_t)key.ptr};
    }
    uint64_t h[2];
    hash128(key, h);
    memcpy(room, key.ptr, LONGEST_KEY - HASH_HEX);
    snprintf(room + LONGEST_KEY - HASH_HEX, HASH_HEX + 1, "%016llx%016llx",
        (unsigned long long)h[0], (unsigned long long)h[1]);
    return (MDB_val){LONGEST_KEY, room};
}

static weir_status note_long_key(
    lmdb_store *s, const cache_dbs *c, weir_view key, MDB_val *short_key, weir_error *err)
{
    MDB_val have = {key.len, (void *)(uintptr_t)key.ptr};
    int rc = mdb_put(s->txn, c->dbi[LONG_KEYS], short_key, &have, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST) {
        bool same = have.mv_size == key.len && memcmp(have.mv_data, key.ptr, key.len) == 0;
        return same ? WEIR_OK
                    : weir_fail(err, WEIR_E_STORE_BROKEN, "two keys of over %d bytes have one hash",
                          LONGEST_KEY);
    }
    return rc ? fail(s, rc, "writing a long key", err) : WEIR_OK;
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static weir_status make_folder(const char *path, weir_error *err)
{
    char part[4096];
    size_t len = strlen(path);
    if (!len || len >= sizeof part) {
        return weir_fail(err, WEIR_E_STORE_IO, "the store's path is empty or too long");
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0777) && errno != EEXIST) {
                return weir_fail(err, WEIR_E_STORE_IO, "cannot make %s: %s", part, strerror(errno));
            }
        }
    }
    return WEIR_OK;
}

/* LMDB would let two writers take turns; two syncs of one store must not. */
static weir_status lock_for_writing(lmdb_store *s, const char *path, weir_error *err)
{
    char name[4200];
    snprintf(name, sizeof name, "%s/weir.lock", path);
    s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->lock_fd < 0) {
        return weir_fail(err, WEIR_E_STORE_IO, "cannot open %s: %s", name, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB)) {
        return weir_fail(
            err, WEIR_E_STORE_LOCKED, "%s is locked: another process writes this store", name);
    }
    return WEIR_OK;
}

/* What a reader sees is kept: one that was killed in its transaction would keep all that is freed
 * since, until the map is full. */
static void let_dead_readers_go(lmdb_store *s)
{
    time_t now = time(NULL);
    int dead;
    if (!s->read_only && now != s->readers_checked) {
        mdb_reader_check(s->env, &dead);
        s->readers_checked = now;
    }
}

static weir_status open_env(lmdb_store *s, const weir_lmdb_options *o, weir_error *err)
{
    s->map_bytes = o->map_bytes ? o->map_bytes : (uint64_t)64 << 30;
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (o->read_only ? MDB_RDONLY : 0) |
                     (o->sync_each_commit ? 0u : MDB_NOMETASYNC);
    int rc = mdb_env_create(&s->env);
    rc = rc ? rc : mdb_env_set_mapsize(s->env, o->read_only ? 0 : s->map_bytes);
    rc = rc ? rc : mdb_env_set_maxdbs(s->env, MOST_DATABASES);
    rc = rc ? rc : mdb_env_set_maxreaders(s->env, MOST_READERS);
    rc = rc ? rc : mdb_env_open(s->env, o->path, flags, 0666);
    if (rc) {
        char doing[200];
        snprintf(doing, sizeof doing, "opening the store %.150s", o->path);
        return fail(NULL, rc, doing, err);
    }
    weir_status st = weir_lmdb_check_length(s->env, err);
    if (st) {
        return weir_at(err, "%.80s", o->path);
    }
    let_dead_readers_go(s);
    return WEIR_OK;
}

static void lmdb_close(void *self)
{
    lmdb_store *s = self;
    if (s->txn) {
        mdb_txn_abort(s->txn);
    }
    if (s->env) {
        mdb_env_close(s->env);
    }
    if (s->lock_fd >= 0) {
        close(s->lock_fd);
    }
    weir_free(s->caches);
    weir_free(s);
}

static int open_databases(lmdb_store *s, MDB_txn *txn, const char *name, cache_dbs *out)
{
    char db[512];
    unsigned create = s->read_only ? 0 : MDB_CREATE;
    int rc = 0;
    for (int i = 0; i < DATABASES && !rc; i++) {
        int n = snprintf(db, sizeof db, "%s%s", name, suffixes[i]);
        rc = n < 0 || (size_t)n >= sizeof db || n > LONGEST_KEY
                 ? MDB_BAD_VALSIZE
                 : mdb_dbi_open(txn, db, create, &out->dbi[i]);
    }
    return rc;
}

static weir_status lmdb_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    lmdb_store *s = self;
    if (number >= s->n_caches) {
        cache_dbs *grown = weir_realloc(s->caches, (number + 1) * sizeof *grown);
        if (!grown) {
            return weir_fail_oom(err);
        }
        memset(grown + s->n_caches, 0, (number + 1 - s->n_caches) * sizeof *grown);
        s->caches = grown;
        s->n_caches = number + 1;
    }
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &txn);
    if (rc) {
        return fail(s, rc, "opening a cache", err);
    }
    rc = open_databases(s, txn, name, &s->caches[number]);
    if (rc) {
        mdb_txn_abort(txn);
        return rc == MDB_NOTFOUND ? weir_fail(err, WEIR_E_NO_CACHE, "there is no cache %s", name)
                                  : fail(s, rc, "opening a cache", err);
    }
    rc = mdb_txn_commit(txn);
    s->caches[number].open = !rc;
    return rc ? fail(s, rc, "opening a cache", err) : WEIR_OK;
}

/* ---- Transactions -------------------------------------------------------------------------------
 */

static weir_status lmdb_begin(void *self, weir_error *err)
{
    lmdb_store *s = self;
    let_dead_readers_go(s);
    int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &s->txn);
    if (rc) {
        s->txn = NULL;
        return fail(s, rc, "beginning a transaction", err);
    }
    return WEIR_OK;
}

static void forget_cursors(lmdb_store *s)
{
    for (unsigned i = 0; i < s->n_caches; i++) {
        memset(s->caches[i].cursor, 0, sizeof s->caches[i].cursor);
    }
}

/* LMDB calls a write that was cut short for want of space an I/O error. */
static bool disk_is_full(const lmdb_store *s)
{
    struct statvfs disk;
    return fstatvfs(s->lock_fd, &disk) == 0 && disk.f_bavail == 0;
}

static weir_status lmdb_commit(void *self, weir_error *err)
{
    lmdb_store *s = self;
    int rc = mdb_txn_commit(s->txn);
    s->txn = NULL;
    forget_cursors(s);
    rc = rc == EIO && disk_is_full(s) ? ENOSPC : rc;
    return rc ? fail(s, rc, "committing", err) : WEIR_OK;
}

static void lmdb_abort(void *self)
{
    lmdb_store *s = self;
    if (s->txn) {
        mdb_txn_abort(s->txn);
    }
    s->txn = NULL;
    forget_cursors(s);
}

/* The transaction's cursor of a space: near where it stands, it need not come down from the root.
 */
static int cursor_of(lmdb_store *s, unsigned number, weir_space space, MDB_cursor **out)
{
    cache_dbs *c = &s->caches[number];
    int rc = c->cursor[space] ? 0 : mdb_cursor_open(s->txn, c->dbi[space], &c->cursor[space]);
    *out = c->cursor[space];
    return rc;
}

/* Before something is removed otherwise: a cursor that stays would have to be kept right. */
static void let_go(lmdb_store *s, unsigned number, weir_space space)
{
    MDB_cursor **c = &s->caches[number].cursor[space];
    if (*c) {
        mdb_cursor_close(*c);
        *c = NULL;
    }
}

static weir_status found(
    const lmdb_store *s, int rc, const MDB_val *v, weir_view *value, weir_error *err)
{
    *value = rc ? (weir_view){NULL, 0} : (weir_view){v->mv_data, v->mv_size};
    return rc && rc != MDB_NOTFOUND ? fail(s, rc, "reading", err) : WEIR_OK;
}

static weir_status find(const lmdb_store *s, MDB_txn *txn, const cache_dbs *c, weir_space space,
    weir_view key, weir_view *value, weir_error *err)
{
    char room[LONGEST_KEY + 1];
    MDB_val k = db_key(key, room), v;
    return found(s, mdb_get(txn, c->dbi[space], &k, &v), &v, value, err);
}

static weir_status lmdb_get(
    void *self, unsigned number, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    lmdb_store *s = self;
    if (s->read_only) {
        return find(s, s->txn, &s->caches[number], space, key, value, err);
    }
    char room[LONGEST_KEY + 1];
    MDB_val k = db_key(key, room), v;
    MDB_cursor *c;
    int rc = cursor_of(s, number, space, &c);
    return found(s, rc ? rc : mdb_cursor_get(c, &k, &v, MDB_SET), &v, value, err);
}

static weir_status lmdb_put(
    void *self, unsigned number, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    lmdb_store *s = self;
    const cache_dbs *c = &s->caches[number];
    char room[LONGEST_KEY + 1];
    MDB_val k = db_key(key, room), v = {value.len, (void *)(uintptr_t)value.ptr};
    if (key.len > LONGEST_KEY && space == WEIR_SPACE_STATE) {
        weir_status st = note_long_key(s, c, key, &k, err);
        if (st) {
            return st;
        }
    }
    MDB_cursor *cursor;
    int rc = cursor_of(s, number, space, &cursor);
    rc = rc ? rc : mdb_cursor_put(cursor, &k, &v, 0);
    return rc ? fail(s, rc, "writing", err) : WEIR_OK;
}

/* A key's state is gone: nothing is known of the key any more, nor what it stands for. */
static int forget_long_key(lmdb_store *s, const cache_dbs *c, weir_space space, MDB_val *k)
{
    int rc = space == WEIR_SPACE_STATE && k->mv_size == LONGEST_KEY
                 ? mdb_del(s->txn, c->dbi[LONG_KEYS], k, NULL)
                 : 0;
    return rc == MDB_NOTFOUND ? 0 : rc; /* a key of just that length has none */
}

static weir_status lmdb_del(
    void *self, unsigned number, weir_space space, weir_view key, weir_error *err)
{
    lmdb_store *s = self;
    const cache_dbs *c = &s->caches[number];
    char room[LONGEST_KEY + 1];
    MDB_val k = db_key(key, room);
    let_go(s, number, space);
    int rc = mdb_del(s->txn, c->dbi[space], &k, NULL);
    rc = rc ? rc : forget_long_key(s, c, space, &k);
    return rc && rc != MDB_NOTFOUND ? fail(s, rc, "deleting", err) : WEIR_OK;
}

/* The key itself: a cut one stands whole in NAME.long. */
static weir_view whole_key(const lmdb_store *s, const cache_dbs *c, MDB_val *k)
{
    MDB_val whole;
    if (k->mv_size == LONGEST_KEY && !mdb_get(s->txn, c->dbi[LONG_KEYS], k, &whole)) {
        return (weir_view){whole.mv_data, whole.mv_size};
    }
    return (weir_view){k->mv_data, k->mv_size};
}

/* The key's bytes are the page's, which the first deletion may change. */
static int remove_at(
    lmdb_store *s, const cache_dbs *c, weir_space space, MDB_cursor *cursor, const MDB_val *k)
{
    char room[LONGEST_KEY];
    memcpy(room, k->mv_data, k->mv_size);
    MDB_val copy = {k->mv_size, room};
    int rc = mdb_cursor_del(cursor, 0);
    return rc ? rc : forget_long_key(s, c, space, &copy);
}

static weir_status lmdb_each(void *self, unsigned number, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    lmdb_store *s = self;
    MDB_cursor *cursor;
    char room[LONGEST_KEY + 1];
    MDB_val k = db_key(from, room), v;
    let_go(s, number, space);
    int rc = mdb_cursor_open(s->txn, s->caches[number].dbi[space], &cursor);
    if (rc) {
        return fail(s, rc, "walking", err);
    }
    weir_status st = WEIR_OK;
    rc = mdb_cursor_get(cursor, &k, &v, from.len ? MDB_SET_RANGE : MDB_FIRST);
    while (!rc && !st) {
        bool remove = false;
        st = fn(ctx, whole_key(s, &s->caches[number], &k), (weir_view){v.mv_data, v.mv_size},
            &remove, err);
        if (!st && remove) {
            rc = remove_at(s, &s->caches[number], space, cursor, &k);
        }
        rc = rc ? rc : mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return st || rc == MDB_NOTFOUND || !rc ? st : fail(s, rc, "walking", err);
}

static weir_status lmdb_clear(void *self, unsigned number, weir_space space, weir_error *err)
{
    lmdb_store *s = self;
    let_go(s, number, space);
    int rc = mdb_drop(s->txn, s->caches[number].dbi[space], 0);
    if (!rc && space == WEIR_SPACE_STATE) {
        rc = mdb_drop(s->txn, s->caches[number].dbi[LONG_KEYS], 0);
    }
    return rc ? fail(s, rc, "clearing", err) : WEIR_OK;
}

static weir_status lmdb_read(void *self, unsigned number, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    lmdb_store *s = self;
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc) {
        return fail(s, rc, "reading", err);
    }
    weir_view value = {NULL, 0};
    weir_status st = find(s, txn, &s->caches[number], space, key, &value, err);
    *found = !st && value.ptr;
    if (*found) {
        weir_buf_putv(to, value);
    }
    mdb_txn_abort(txn);
    return st ? st : to->failed ? weir_fail_oom(err) : WEIR_OK;
}

/* ---- Figures ------------------------------------------------------------------------------------
 */

static uint64_t lmdb_bytes(void *self)
{
    lmdb_store *s = self;
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &stat);
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

static uint64_t lmdb_count(void *self, unsigned number, weir_space space)
{
    lmdb_store *s = self;
    MDB_txn *txn;
    MDB_stat stat = {0};
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn)) {
        return 0;
    }
    mdb_stat(txn, s->caches[number].dbi[space], &stat);
    mdb_txn_abort(txn);
    return stat.ms_entries;
}

static bool is_cache_name(weir_view name)
{
    if (!name.len || name.ptr[0] == '.') {
        return false;
    }
    for (int i = WEIR_SPACE_STATE; i < DATABASES; i++) {
        size_t len = strlen(suffixes[i]);
        if (name.len > len && memcmp(name.ptr + name.len - len, suffixes[i], len) == 0) {
            return false;
        }
    }
    return true;
}

weir_status weir_lmdb_each_cache(
    weir_store store, weir_status (*fn)(void *ctx, const char *name), void *ctx, weir_error *err)
{
    lmdb_store *s = store.self;
    MDB_txn *txn;
    MDB_dbi main_db;
    MDB_cursor *cursor = NULL;
    MDB_val k, v;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
    if (rc) {
        return fail(s, rc, "reading", err);
    }
    rc = mdb_dbi_open(txn, NULL, 0, &main_db);
    rc = rc ? rc : mdb_cursor_open(txn, main_db, &cursor);
    weir_status st = WEIR_OK;
    rc = rc ? rc : mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    for (; !rc && !st; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        char name[LONGEST_KEY + 1];
        if (is_cache_name((weir_view){k.mv_data, k.mv_size})) {
            memcpy(name, k.mv_data, k.mv_size);
            name[k.mv_size] = '\0';
            st = fn(ctx, name);
        }
    }
    if (cursor) {
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return st || rc == MDB_NOTFOUND || !rc ? st : fail(s, rc, "reading", err);
}

static const weir_store_ops lmdb_ops = {
    .type = "lmdb",
    .durable = true,
    .by_key = true,
    .open_cache = lmdb_open_cache,
    .begin = lmdb_begin,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .get = lmdb_get,
    .put = lmdb_put,
    .del = lmdb_del,
    .each = lmdb_each,
    .clear = lmdb_clear,
    .read = lmdb_read,
    .bytes = lmdb_bytes,
    .count = lmdb_count,
    .close = lmdb_close,
};

weir_status weir_lmdb_store_open(const weir_lmdb_options *options, weir_store *out, weir_error *err)
{
    lmdb_store *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->lock_fd = -1;
    s->read_only = options->read_only;
    weir_status st = WEIR_OK;
    if (!options->read_only) {
        st = make_folder(options->path, err);
        st = st ? st : lock_for_writing(s, options->path, err);
    }
    st = st ? st : open_env(s, options, err);
    if (st) {
        lmdb_close(s);
        return st;
    }
    *out = (weir_store){&lmdb_ops, s};
    return WEIR_OK;
}
