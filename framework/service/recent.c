/* A window of ids. See recent.h. */
#include "service/recent.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 64 };

void weir_recent_init(weir_recent *r, size_t most, int64_t window_ms)
{
    *r = (weir_recent){.most = most, .window_ms = window_ms};
    r->map.borrows = true;
}

static void forget_oldest(weir_recent *r)
{
    weir_recent_id *oldest = &r->ring[r->head];
    weir_map_entry *e = weir_map_find(&r->map, weir_view_make(oldest->id, oldest->len));
    if (e) {
        weir_map_remove(&r->map, e);
    }
    weir_free(oldest->id);
    r->head = (r->head + 1) % r->capacity;
    r->count--;
}

void weir_recent_fini(weir_recent *r)
{
    while (r->count) {
        forget_oldest(r);
    }
    weir_map_fini(&r->map, NULL);
    weir_free(r->ring);
    *r = (weir_recent){.most = 0};
}

static void expire(weir_recent *r, int64_t now_ms)
{
    while (r->count && now_ms - r->ring[r->head].at_ms >= r->window_ms) {
        forget_oldest(r);
    }
}

/* The handler's address, then the id; false: it is too long. */
static bool whole(const void *of, weir_view id, char *room, weir_view *out)
{
    if (id.len > WEIR_RECENT_LONGEST) {
        return false;
    }
    memcpy(room, &of, sizeof of);
    memcpy(room + sizeof of, id.ptr ? id.ptr : "", id.len);
    *out = weir_view_make(room, sizeof of + id.len);
    return true;
}

bool weir_recent_has(weir_recent *r, const void *of, weir_view id, int64_t now_ms)
{
    char room[sizeof of + WEIR_RECENT_LONGEST];
    weir_view key;
    expire(r, now_ms);
    return r->count && whole(of, id, room, &key) && weir_map_find(&r->map, key);
}

/* False: out of memory. */
static bool make_room(weir_recent *r)
{
    if (r->count == r->most) {
        forget_oldest(r);
    }
    if (r->count < r->capacity) {
        return true;
    }
    size_t capacity = r->capacity ? r->capacity * 2 : FIRST_CAPACITY;
    capacity = capacity < r->most ? capacity : r->most;
    weir_recent_id *ring = weir_alloc(capacity * sizeof *ring);
    if (!ring) {
        return false;
    }
    for (size_t i = 0; r->capacity && i < r->count; i++) {
        ring[i] = r->ring[(r->head + i) % r->capacity];
    }
    weir_free(r->ring);
    r->ring = ring;
    r->capacity = capacity;
    r->head = 0;
    return true;
}

void weir_recent_add(weir_recent *r, const void *of, weir_view id, int64_t now_ms)
{
    char room[sizeof of + WEIR_RECENT_LONGEST];
    weir_view key;
    if (!r->most || !whole(of, id, room, &key) || weir_map_find(&r->map, key) || !make_room(r)) {
        return;
    }
    weir_recent_id added = {weir_strndup(key.ptr, key.len), (uint32_t)key.len, now_ms};
    key.ptr = added.id;
    if (!added.id || !weir_map_add_new(&r->map, key, weir_hash(key))) {
        weir_free(added.id);
        return;
    }
    r->ring[(r->head + r->count++) % r->capacity] = added;
}
