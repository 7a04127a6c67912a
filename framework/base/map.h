/* A hash map from bytes to a fixed-size entry, open addressing. The map owns copies of its keys, or
 * borrows them all. Thread: one owner at a time. */
#ifndef WEIR_BASE_MAP_H
#define WEIR_BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/view.h>

typedef struct weir_map_entry {
    uint32_t hash; /* 0: free */
    uint32_t key_len;
    char *key; /* owned, or borrowed */
    void *value;
} weir_map_entry;

typedef struct weir_map {
    weir_map_entry *entries; /* owned; capacity is a power of two */
    size_t count, capacity;
    bool borrows; /* the caller's keys; set before the first one is added */
} weir_map;

/* A good hash of bytes, never 0; also what places a key on a lane. Stable only within a process. */
uint32_t weir_hash(weir_view bytes);

static inline void weir_map_init(weir_map *m)
{
    *m = (weir_map){0};
}
/* Frees keys and table; values are the caller's (free_value may be NULL). */
void weir_map_fini(weir_map *m, void (*free_value)(void *));

/* The entry, or NULL. Valid until the next set or remove. */
weir_map_entry *weir_map_find(const weir_map *m, weir_view key);
weir_map_entry *weir_map_find_hashed(const weir_map *m, weir_view key, uint32_t hash);
static inline void *weir_map_get(const weir_map *m, weir_view key)
{
    weir_map_entry *e = weir_map_find(m, key);
    return e ? e->value : NULL;
}
/* Finds or adds (value NULL when new); NULL only when out of memory, the map is then unchanged. */
weir_map_entry *weir_map_add(weir_map *m, weir_view key);
/* Adds a key that find has not found; hash: the key's. A map that borrows keeps key.ptr until the
 * entry is removed. */
weir_map_entry *weir_map_add_new(weir_map *m, weir_view key, uint32_t hash);
/* Removes an entry that find gave; its value is the caller's. */
void weir_map_remove(weir_map *m, weir_map_entry *e);

/* Walks: index from 0; NULL at the end. Entries may be changed, not added or removed. */
weir_map_entry *weir_map_next(const weir_map *m, size_t *index);

#endif
