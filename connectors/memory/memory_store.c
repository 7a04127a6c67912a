/* Store in memory: a hash map per cache and space, and an undo log while a transaction runs.
 *
 * Invariants
 *  1. Inside a transaction no entry leaves a map: a deleted one has the value &gone. So the keys
 * that the log borrows stay, and neither commit nor abort needs memory.
 *  2. Outside of a transaction the log is empty and every entry has a value.
 *  3. n_gone is how many entries have the value &gone. */
#include "memory/memory_store.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/map.h"

enum { ENTRY_COST = sizeof(weir_map_entry) * 4 / 3 + 48 }; /* its slot, and what malloc adds */

typedef struct blob {
    size_t len;
    uint64_t transaction; /* that wrote it */
    char data[];
} blob;

static blob gone;

typedef struct cache {
    weir_map spaces[WEIR_SPACES];
} cache;

typedef struct undo {
    weir_map *map;
    weir_view key; /* the map's */
    blob *old;     /* owned; NULL: the key was not there */
} undo;

typedef struct memory_store {
    pthread_rwlock_t lock;
    cache **caches;
    unsigned n_caches;
    undo *log;
    size_t n_log, log_capacity, n_gone;
    uint64_t bytes, max_bytes, transaction;
} memory_store;

static uint64_t cost(weir_view key, const blob *b)
{
    return b && b != &gone ? key.len + b->len + ENTRY_COST : 0;
}

static void free_blob(void *value)
{
    if (value != &gone) {
        weir_free(value);
    }
}

/* NULL: out of memory. */
static weir_map *map_of(memory_store *s, unsigned number, weir_space space)
{
    if (number >= s->n_caches) {
        cache **grown = weir_realloc(s->caches, (number + 1) * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        s->caches = grown;
        while (s->n_caches <= number) {
            grown[s->n_caches++] = NULL;
        }
    }
    if (!s->caches[number]) {
        s->caches[number] = weir_calloc(1, sizeof(cache));
    }
    return s->caches[number] ? &s->caches[number]->spaces[space] : NULL;
}

static weir_status memory_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    memory_store *s = self;
    (void)name;
    pthread_rwlock_wrlock(&s->lock);
    bool opened = map_of(s, number, WEIR_SPACE_ROW);
    pthread_rwlock_unlock(&s->lock);
    return opened ? WEIR_OK : weir_fail_oom(err);
}

static weir_status memory_begin(void *self, weir_error *err)
{
    memory_store *s = self;
    (void)err;
    pthread_rwlock_wrlock(&s->lock);
    s->transaction++;
    return WEIR_OK;
}

static weir_status memory_commit(void *self, weir_error *err)
{
    memory_store *s = self;
    (void)err;
    while (s->n_log) {
        undo *u = &s->log[--s->n_log];
        weir_map_entry *e = s->n_gone ? weir_map_find(u->map, u->key) : NULL;
        if (e && e->value == &gone) {
            weir_map_remove(u->map, e);
            s->n_gone--;
        }
        weir_free(u->old);
    }
    pthread_rwlock_unlock(&s->lock);
    return WEIR_OK;
}

static void memory_abort(void *self)
{
    memory_store *s = self;
    while (s->n_log) {
        undo *u = &s->log[--s->n_log];
        weir_map_entry *e = weir_map_find(u->map, u->key);
        s->bytes -= cost(u->key, e->value);
        s->bytes += cost(u->key, u->old);
        s->n_gone -= e->value == &gone;
        free_blob(e->value);
        e->value = u->old;
        if (!u->old) {
            weir_map_remove(u->map, e);
        }
    }
    pthread_rwlock_unlock(&s->lock);
}

/* What is there for this transaction; NULL: nothing. */
static const blob *look(const weir_map *map, weir_view key)
{
    const blob *b = weir_map_get(map, key);
    return b == &gone ? NULL : b;
}

static weir_status memory_get(
    void *self, unsigned number, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    weir_map *map = map_of(self, number, space);
    if (!map) {
        return weir_fail_oom(err);
    }
    const blob *b = look(map, key);
    *value = b ? (weir_view){b->data, b->len} : (weir_view){NULL, 0};
    return WEIR_OK;
}

/* Remembers what the entry was at begin. False: out of memory. */
static bool remember(memory_store *s, weir_map *map, weir_map_entry *e)
{
    if (s->n_log == s->log_capacity) {
        size_t capacity = s->log_capacity ? s->log_capacity * 2 : 256;
        undo *grown = weir_realloc(s->log, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        s->log = grown;
        s->log_capacity = capacity;
    }
    s->log[s->n_log++] = (undo){map, {e->key, e->key_len}, e->value};
    return true;
}

/* The entry changes to `now`, which the store owns from here on. False: out of memory, nothing
 * changed. */
static bool change(memory_store *s, weir_map *map, weir_map_entry *e, blob *now)
{
    blob *old = e->value;
    bool of_this = old && (old == &gone || old->transaction == s->transaction);
    if (!of_this && !remember(s, map, e)) {
        return false;
    }
    weir_view key = {e->key, e->key_len};
    s->bytes -= cost(key, old);
    s->bytes += cost(key, now);
    s->n_gone += now == &gone;
    s->n_gone -= old == &gone;
    if (of_this) {
        free_blob(old);
    }
    e->value = now;
    return true;
}

/* Would the blob fit, in place of what is there (or NULL)? */
static bool has_room(const memory_store *s, const weir_map_entry *e, weir_view key, const blob *b)
{
    return !s->max_bytes ||
           s->bytes - cost(key, e ? e->value : NULL) + cost(key, b) <= s->max_bytes;
}

static weir_status memory_put(
    void *self, unsigned number, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    memory_store *s = self;
    weir_map *map = map_of(s, number, space);
    blob *b = map ? weir_alloc(sizeof *b + value.len) : NULL;
    if (!b) {
        return weir_fail_oom(err);
    }
    b->len = value.len;
    b->transaction = s->transaction;
    if (value.len) {
        memcpy(b->data, value.ptr, value.len);
    }
    uint32_t hash = weir_hash(key);
    weir_map_entry *e = weir_map_find_hashed(map, key, hash);
    if (!has_room(s, e, key, b)) {
        weir_free(b);
        return weir_fail(err, WEIR_E_STORE_FULL,
            "the memory store holds %llu bytes, its max_bytes is %llu",
            (unsigned long long)s->bytes, (unsigned long long)s->max_bytes);
    }
    e = e ? e : weir_map_add_new(map, key, hash);
    if (e && change(s, map, e, b)) {
        return WEIR_OK;
    }
    if (e && !e->value) {
        weir_map_remove(map, e); /* new, and not in the log */
    }
    weir_free(b);
    return weir_fail_oom(err);
}

static weir_status memory_del(
    void *self, unsigned number, weir_space space, weir_view key, weir_error *err)
{
    weir_map *map = map_of(self, number, space);
    weir_map_entry *e = map ? weir_map_find(map, key) : NULL;
    if (!map || (e && e->value != &gone && !change(self, map, e, &gone))) {
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

static weir_status memory_each(void *self, unsigned number, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    weir_map *map = map_of(self, number, space);
    if (!map) {
        return weir_fail_oom(err);
    }
    const weir_map_entry *start = from.len ? weir_map_find(map, from) : NULL;
    size_t i = start ? (size_t)(start - map->entries) : 0;
    weir_status s = WEIR_OK;
    for (weir_map_entry *e; !s && (e = weir_map_next(map, &i));) {
        const blob *b = e->value;
        bool remove = false;
        if (b == &gone) {
            continue;
        }
        s = fn(ctx, (weir_view){e->key, e->key_len}, (weir_view){b->data, b->len}, &remove, err);
        if (!s && remove && !change(self, map, e, &gone)) {
            s = weir_fail_oom(err);
        }
    }
    return s;
}

static weir_status clear_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    *remove = true;
    return WEIR_OK;
}

static weir_status memory_clear(void *self, unsigned number, weir_space space, weir_error *err)
{
    return memory_each(self, number, space, (weir_view){"", 0}, clear_one, NULL, err);
}

static uint64_t memory_count(void *self, unsigned number, weir_space space)
{
    memory_store *s = self;
    pthread_rwlock_rdlock(&s->lock);
    const cache *c = number < s->n_caches ? s->caches[number] : NULL;
    uint64_t count = c ? c->spaces[space].count : 0;
    pthread_rwlock_unlock(&s->lock);
    return count;
}

static weir_status memory_read(void *self, unsigned number, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    memory_store *s = self;
    pthread_rwlock_rdlock(&s->lock);
    const cache *c = number < s->n_caches ? s->caches[number] : NULL;
    const blob *b = c ? look(&c->spaces[space], key) : NULL;
    *found = b != NULL;
    if (b) {
        weir_buf_put(to, b->data, b->len);
    }
    pthread_rwlock_unlock(&s->lock);
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

static uint64_t memory_bytes(void *self)
{
    memory_store *s = self;
    pthread_rwlock_rdlock(&s->lock);
    uint64_t bytes = s->bytes;
    pthread_rwlock_unlock(&s->lock);
    return bytes;
}

static void memory_close(void *self)
{
    memory_store *s = self;
    for (unsigned i = 0; i < s->n_caches; i++) {
        for (int space = 0; s->caches[i] && space < WEIR_SPACES; space++) {
            weir_map_fini(&s->caches[i]->spaces[space], free_blob);
        }
        weir_free(s->caches[i]);
    }
    weir_free(s->caches);
    weir_free(s->log);
    pthread_rwlock_destroy(&s->lock);
    weir_free(s);
}

static const weir_store_ops memory_ops = {
    .type = "memory",
    .durable = false,
    .open_cache = memory_open_cache,
    .begin = memory_begin,
    .commit = memory_commit,
    .abort = memory_abort,
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .each = memory_each,
    .read = memory_read,
    .bytes = memory_bytes,
    .count = memory_count,
    .clear = memory_clear,
    .close = memory_close,
};

weir_status weir_memory_store_open(uint64_t max_bytes, weir_store *out, weir_error *err)
{
    memory_store *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->max_bytes = max_bytes;
    pthread_rwlock_init(&s->lock, NULL);
    *out = (weir_store){&memory_ops, s};
    return WEIR_OK;
}
