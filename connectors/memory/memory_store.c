/* Store in memory: hash maps of slots, and an undo log while a transaction runs.
 *
 * A slot is what is known of a key; rows and states share one, since a change reads and writes
 * both.
 *
 * Invariants
 *  1. Inside a transaction no slot leaves its map: a deleted value is &gone. So the log's slots
 * stay, and neither commit nor abort needs memory.
 *  2. Outside of a transaction the log is empty, every slot has a value, and none is &gone. */
#include "memory/memory_store.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/slab.h"

typedef struct blob {
    size_t len;
    uint64_t transaction; /* that wrote it */
    char data[];
} blob;

static blob gone;

enum { SLOT_VALUES = 2 };

typedef struct slot {
    blob *values[SLOT_VALUES]; /* owned; NULL: the key has none */
    uint32_t key_len;
    char key[]; /* what the map borrows */
} slot;

enum {
    SLOT_COST = sizeof(slot) + sizeof(weir_map_entry) * 4 / 3 + WEIR_SLAB_STEP,
    BLOB_COST = sizeof(blob) + WEIR_SLAB_STEP / 2, /* and what rounding up adds */
};

typedef struct cache {
    weir_map keys, moves, metas;
    uint64_t counts[WEIR_SPACES];
} cache;

/* A space of a cache: a map, and which of its slots' values. */
typedef struct space {
    cache *of;
    weir_map *map; /* NULL: out of memory */
    weir_space number;
    unsigned value;
} space;

typedef struct undo {
    space of;
    slot *slot;
    blob *old; /* owned; NULL: there was none */
} undo;

typedef struct memory_store {
    pthread_rwlock_t lock;
    weir_slab slab; /* of slots and blobs */
    cache **caches;
    unsigned n_caches;
    undo *log;
    size_t n_log, log_capacity;
    uint64_t bytes, max_bytes, transaction;
    const weir_map *last_map; /* where `last` was found; a change asks for its key several times */
    slot *last;               /* NULL: none, as after each transaction */
} memory_store;

/* ---- Values and slots ------------------------------------------------------------------------ */

static bool is_there(const blob *b)
{
    return b && b != &gone;
}

static uint64_t cost(const blob *b)
{
    return is_there(b) ? b->len + BLOB_COST : 0;
}

static void free_blob(memory_store *s, blob *b)
{
    if (is_there(b)) {
        weir_slab_free(&s->slab, b, sizeof *b + b->len);
    }
}

static void free_slot(memory_store *s, slot *k)
{
    for (int i = 0; i < SLOT_VALUES; i++) {
        free_blob(s, k->values[i]);
    }
    weir_slab_free(&s->slab, k, sizeof *k + k->key_len);
}

static weir_view key_of(const slot *k)
{
    return (weir_view){k->key, k->key_len};
}

/* A slot costs something while one of its values is there. */
static uint64_t cost_of_slot(const slot *k)
{
    return is_there(k->values[0]) || is_there(k->values[1]) ? SLOT_COST + k->key_len : 0;
}

static slot *find(memory_store *s, const weir_map *map, weir_view key)
{
    if (s->last && s->last_map == map && weir_view_eq(key_of(s->last), key)) {
        return s->last;
    }
    slot *k = weir_map_get(map, key);
    if (k) {
        s->last = k;
        s->last_map = map;
    }
    return k;
}

/* A slot without values, for a key that has none; NULL: out of memory. */
static slot *add(memory_store *s, weir_map *map, weir_view key)
{
    slot *k = key.len <= UINT32_MAX ? weir_slab_alloc(&s->slab, sizeof *k + key.len) : NULL;
    if (!k) {
        return NULL;
    }
    *k = (slot){.key_len = (uint32_t)key.len};
    if (key.len) {
        memcpy(k->key, key.ptr, key.len);
    }
    weir_map_entry *e = weir_map_add_new(map, key_of(k), weir_hash(key));
    if (!e) {
        free_slot(s, k);
        return NULL;
    }
    e->value = k;
    s->last = k;
    s->last_map = map;
    return k;
}

static void remove_if_empty(memory_store *s, weir_map *map, slot *k)
{
    if (!k->values[0] && !k->values[1]) {
        s->last = s->last == k ? NULL : s->last;
        weir_map_remove(map, weir_map_find(map, key_of(k)));
        free_slot(s, k);
    }
}

/* ---- Caches ---------------------------------------------------------------------------------- */

static space space_in(cache *c, weir_space number)
{
    switch (number) {
    case WEIR_SPACE_MOVE:
        return (space){c, &c->moves, number, 0};
    case WEIR_SPACE_META:
        return (space){c, &c->metas, number, 0};
    default:
        return (space){c, &c->keys, number, number == WEIR_SPACE_STATE};
    }
}

static space space_of(memory_store *s, unsigned number, weir_space of)
{
    const space none = {NULL, NULL, of, 0};
    if (number >= s->n_caches) {
        cache **grown = weir_realloc(s->caches, (number + 1) * sizeof *grown);
        if (!grown) {
            return none;
        }
        s->caches = grown;
        while (s->n_caches <= number) {
            grown[s->n_caches++] = NULL;
        }
    }
    cache *c = s->caches[number];
    if (!c && (c = weir_calloc(1, sizeof *c))) {
        c->keys.borrows = c->moves.borrows = c->metas.borrows = true;
        s->caches[number] = c;
    }
    return c ? space_in(c, of) : none;
}

static weir_status memory_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    memory_store *s = self;
    (void)name;
    pthread_rwlock_wrlock(&s->lock);
    bool opened = space_of(s, number, WEIR_SPACE_ROW).map;
    pthread_rwlock_unlock(&s->lock);
    return opened ? WEIR_OK : weir_fail_oom(err);
}

/* ---- Transactions ---------------------------------------------------------------------------- */

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
        blob **value = &u->slot->values[u->of.value];
        free_blob(s, u->old);
        if (*value == &gone) {
            *value = NULL;
            remove_if_empty(s, u->of.map, u->slot);
        }
    }
    s->last = NULL;
    pthread_rwlock_unlock(&s->lock);
    return WEIR_OK;
}

/* The value becomes `now`; the old one is the caller's. */
static void set(memory_store *s, space in, slot *k, blob *now)
{
    blob **value = &k->values[in.value];
    s->bytes -= cost_of_slot(k) + cost(*value);
    in.of->counts[in.number] += (uint64_t)is_there(now) - (uint64_t)is_there(*value);
    *value = now;
    s->bytes += cost_of_slot(k) + cost(now);
}

static void memory_abort(void *self)
{
    memory_store *s = self;
    while (s->n_log) {
        undo *u = &s->log[--s->n_log];
        blob *now = u->slot->values[u->of.value];
        set(s, u->of, u->slot, u->old);
        free_blob(s, now);
        remove_if_empty(s, u->of.map, u->slot);
    }
    s->last = NULL;
    pthread_rwlock_unlock(&s->lock);
}

/* Remembers what the value was at begin. False: out of memory. */
static bool remember(memory_store *s, space in, slot *k)
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
    s->log[s->n_log++] = (undo){in, k, k->values[in.value]};
    return true;
}

/* The value changes to `now`, which the store owns from here on. False: out of memory, nothing
 * changed. */
static bool change(memory_store *s, space in, slot *k, blob *now)
{
    blob *old = k->values[in.value];
    bool of_this = old && (old == &gone || old->transaction == s->transaction);
    if (!of_this && !remember(s, in, k)) {
        return false;
    }
    set(s, in, k, now);
    if (of_this) {
        free_blob(s, old);
    }
    return true;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static weir_status memory_get(
    void *self, unsigned number, weir_space of, weir_view key, weir_view *value, weir_error *err)
{
    memory_store *s = self;
    space in = space_of(s, number, of);
    if (!in.map) {
        return weir_fail_oom(err);
    }
    const slot *k = find(s, in.map, key);
    const blob *b = k ? k->values[in.value] : NULL;
    *value = is_there(b) ? (weir_view){b->data, b->len} : (weir_view){NULL, 0};
    return WEIR_OK;
}

/* Would the value fit, in place of what the slot (or NULL) has? */
static bool has_room(const memory_store *s, space in, const slot *k, weir_view key, weir_view value)
{
    uint64_t now = s->bytes - (k ? cost(k->values[in.value]) : 0);
    uint64_t more = (k && cost_of_slot(k) ? 0 : SLOT_COST + key.len) + BLOB_COST + value.len;
    return !s->max_bytes || now + more <= s->max_bytes;
}

static blob *copy(memory_store *s, weir_view value)
{
    blob *b = weir_slab_alloc(&s->slab, sizeof *b + value.len);
    if (b) {
        b->len = value.len;
        b->transaction = s->transaction;
        if (value.len) {
            memcpy(b->data, value.ptr, value.len);
        }
    }
    return b;
}

static weir_status memory_put(
    void *self, unsigned number, weir_space of, weir_view key, weir_view value, weir_error *err)
{
    memory_store *s = self;
    space in = space_of(s, number, of);
    slot *k = in.map ? find(s, in.map, key) : NULL;
    if (!has_room(s, in, k, key, value)) {
        return weir_fail(err, WEIR_E_STORE_FULL,
            "the memory store holds %llu bytes, its max_bytes is %llu",
            (unsigned long long)s->bytes, (unsigned long long)s->max_bytes);
    }
    k = k || !in.map ? k : add(s, in.map, key);
    blob *b = k ? copy(s, value) : NULL;
    if (b && change(s, in, k, b)) {
        return WEIR_OK;
    }
    free_blob(s, b);
    if (k) {
        remove_if_empty(s, in.map, k); /* new, and not in the log */
    }
    return weir_fail_oom(err);
}

static weir_status memory_del(
    void *self, unsigned number, weir_space of, weir_view key, weir_error *err)
{
    memory_store *s = self;
    space in = space_of(s, number, of);
    slot *k = in.map ? find(s, in.map, key) : NULL;
    if (!in.map || (k && is_there(k->values[in.value]) && !change(s, in, k, &gone))) {
        return weir_fail_oom(err);
    }
    return WEIR_OK;
}

static weir_status memory_each(void *self, unsigned number, weir_space of, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    memory_store *s = self;
    space in = space_of(s, number, of);
    if (!in.map) {
        return weir_fail_oom(err);
    }
    const weir_map_entry *start = from.len ? weir_map_find(in.map, from) : NULL;
    size_t i = start ? (size_t)(start - in.map->entries) : 0;
    weir_status st = WEIR_OK;
    for (weir_map_entry *e; !st && (e = weir_map_next(in.map, &i));) {
        slot *k = e->value;
        const blob *b = k->values[in.value];
        bool remove = false;
        if (!is_there(b)) {
            continue;
        }
        st = fn(ctx, key_of(k), (weir_view){b->data, b->len}, &remove, err);
        if (!st && remove && !change(s, in, k, &gone)) {
            st = weir_fail_oom(err);
        }
    }
    return st;
}

static weir_status clear_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    *remove = true;
    return WEIR_OK;
}

static weir_status memory_clear(void *self, unsigned number, weir_space of, weir_error *err)
{
    return memory_each(self, number, of, (weir_view){"", 0}, clear_one, NULL, err);
}

/* ---- Outside of transactions ----------------------------------------------------------------- */

static uint64_t memory_count(void *self, unsigned number, weir_space of)
{
    memory_store *s = self;
    pthread_rwlock_rdlock(&s->lock);
    const cache *c = number < s->n_caches ? s->caches[number] : NULL;
    uint64_t count = c ? c->counts[of] : 0;
    pthread_rwlock_unlock(&s->lock);
    return count;
}

static weir_status memory_read(void *self, unsigned number, weir_space of, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    memory_store *s = self;
    pthread_rwlock_rdlock(&s->lock);
    cache *c = number < s->n_caches ? s->caches[number] : NULL;
    space in = c ? space_in(c, of) : (space){.map = NULL};
    const slot *k = in.map ? weir_map_get(in.map, key) : NULL;
    const blob *b = k ? k->values[in.value] : NULL;
    *found = is_there(b);
    if (*found) {
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

/* Slots one by one: of a large value, and where memory is watched, each block is malloc's. */
static void free_map(memory_store *s, weir_map *map)
{
    size_t i = 0;
    for (weir_map_entry *e; (e = weir_map_next(map, &i));) {
        free_slot(s, e->value);
    }
    weir_map_fini(map, NULL);
}

static void memory_close(void *self)
{
    memory_store *s = self;
    for (unsigned i = 0; i < s->n_caches; i++) {
        cache *c = s->caches[i];
        if (c) {
            free_map(s, &c->keys);
            free_map(s, &c->moves);
            free_map(s, &c->metas);
            weir_free(c);
        }
    }
    weir_slab_fini(&s->slab);
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
