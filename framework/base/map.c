/* Hash map with linear probing; removal shifts back, so that there are no grave stones. See map.h.
 */
#include "base/map.h"

#include "base/alloc.h"

enum { FIRST_CAPACITY = 16 };

/* One to seven bytes, each of which counts: pieces that overlap, so that no loop is needed. */
static uint64_t tail(const char *p, size_t n)
{
    uint32_t first, last;
    if (n >= 4) {
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return (uint64_t)last << 32 | first;
    }
    const unsigned char *c = (const unsigned char *)p;
    return (uint64_t)c[0] | (uint64_t)c[n / 2] << 8 | (uint64_t)c[n - 1] << 16;
}

uint32_t weir_hash(weir_view bytes)
{
    const uint64_t prime = 0x9E3779B97F4A7C15u;
    uint64_t h = bytes.len * prime, word;
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= 8; p += 8, left -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * prime;
        h ^= h >> 29;
    }
    if (left) {
        h = (h ^ tail(p, left)) * prime;
        h ^= h >> 29;
    }
    h *= prime;
    h ^= h >> 32;
    return (uint32_t)h ? (uint32_t)h : 1;
}

static void free_key(const weir_map *m, weir_map_entry *e)
{
    if (!m->borrows) {
        weir_free(e->key);
    }
}

void weir_map_fini(weir_map *m, void (*free_value)(void *))
{
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->entries[i].hash) {
            free_key(m, &m->entries[i]);
            if (free_value) {
                free_value(m->entries[i].value);
            }
        }
    }
    weir_free(m->entries);
    *m = (weir_map){0};
}

weir_map_entry *weir_map_find_hashed(const weir_map *m, weir_view key, uint32_t hash)
{
    if (!m->count) {
        return NULL;
    }
    size_t mask = m->capacity - 1;
    for (size_t i = hash & mask; m->entries[i].hash; i = (i + 1) & mask) {
        weir_map_entry *e = &m->entries[i];
        if (e->hash == hash && e->key_len == key.len && memcmp(e->key, key.ptr, key.len) == 0) {
            return e;
        }
    }
    return NULL;
}

weir_map_entry *weir_map_find(const weir_map *m, weir_view key)
{
    return m->count ? weir_map_find_hashed(m, key, weir_hash(key)) : NULL;
}

static weir_map_entry *free_place(weir_map_entry *entries, size_t capacity, uint32_t hash)
{
    size_t i = hash & (capacity - 1);
    while (entries[i].hash) {
        i = (i + 1) & (capacity - 1);
    }
    return &entries[i];
}

static bool grow(weir_map *m)
{
    size_t capacity = m->capacity ? m->capacity * 2 : FIRST_CAPACITY;
    weir_map_entry *entries = weir_calloc(capacity, sizeof *entries);
    if (!entries) {
        return false;
    }
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->entries[i].hash) {
            *free_place(entries, capacity, m->entries[i].hash) = m->entries[i];
        }
    }
    weir_free(m->entries);
    m->entries = entries;
    m->capacity = capacity;
    return true;
}

weir_map_entry *weir_map_add(weir_map *m, weir_view key)
{
    uint32_t hash = weir_hash(key);
    weir_map_entry *e = weir_map_find_hashed(m, key, hash);
    return e ? e : weir_map_add_new(m, key, hash);
}

weir_map_entry *weir_map_add_new(weir_map *m, weir_view key, uint32_t hash)
{
    if (key.len > UINT32_MAX || (m->count + 1 > m->capacity / 4 * 3 && !grow(m))) {
        return NULL;
    }
    char *own = m->borrows ? (char *)(uintptr_t)key.ptr : weir_strndup(key.ptr, key.len);
    if (!own) {
        return NULL;
    }
    weir_map_entry *e = free_place(m->entries, m->capacity, hash);
    *e = (weir_map_entry){hash, (uint32_t)key.len, own, NULL};
    m->count++;
    return e;
}

void weir_map_remove(weir_map *m, weir_map_entry *e)
{
    size_t mask = m->capacity - 1, hole = (size_t)(e - m->entries);
    free_key(m, e);
    m->count--;
    for (size_t i = (hole + 1) & mask; m->entries[i].hash; i = (i + 1) & mask) {
        size_t home = m->entries[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->entries[hole] = m->entries[i];
            hole = i;
        }
    }
    m->entries[hole] = (weir_map_entry){0};
}

weir_map_entry *weir_map_next(const weir_map *m, size_t *index)
{
    while (*index < m->capacity) {
        weir_map_entry *e = &m->entries[(*index)++];
        if (e->hash) {
            return e;
        }
    }
    return NULL;
}
