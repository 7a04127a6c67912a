/* What a store keeps by name. See stored.h. */
#include "sync/stored.h"

#include <stdio.h>

#include "cdc/merge.h"
#include "value/value.h"

enum { LONGEST_NAME = 300 }; /* a topic's name ends at 249 characters */

static const char offset_prefix[] = "offset:";

/* ---- Entries of META of cache 0 -------------------------------------------------------------- */

static weir_status get(weir_store store, const char *name, weir_view *value, weir_error *err)
{
    return store.ops->get(store.self, 0, WEIR_SPACE_META, weir_view_of(name), value, err);
}

/* value.ptr NULL: it is deleted. */
static weir_status set(weir_store store, const char *name, weir_view value, weir_error *err)
{
    weir_view key = weir_view_of(name);
    return value.ptr ? store.ops->put(store.self, 0, WEIR_SPACE_META, key, value, err)
                     : store.ops->del(store.self, 0, WEIR_SPACE_META, key, err);
}

static weir_status get_number(
    weir_store store, const char *name, int64_t absent, int64_t *n, weir_error *err)
{
    weir_view value;
    *n = absent;
    weir_status s = get(store, name, &value, err);
    if (!s && value.ptr && (!weir_text_to_int64(value, n) || *n < 0)) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "the store's entry %s is damaged", name);
    }
    return s;
}

static weir_status set_number(
    weir_store store, const char *name, int64_t absent, int64_t n, weir_error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    return set(store, name, n == absent ? (weir_view){NULL, 0} : weir_view_of(text), err);
}

/* ---- Offsets --------------------------------------------------------------------------------- */

static const char *offset_name(char name[LONGEST_NAME], const char *topic, int32_t partition)
{
    snprintf(name, LONGEST_NAME, "%s%d:%s", offset_prefix, (int)partition, topic);
    return name;
}

typedef struct offset_walk {
    weir_stored_offset_fn *fn; /* NULL: those of the topic are removed */
    void *ctx;
    weir_view forget;
} offset_walk;

/* "offset:PARTITION:TOPIC"; other entries are passed over. */
static weir_status walk_offset(
    void *ctx, weir_view name, weir_view value, bool *remove, weir_error *err)
{
    const offset_walk *w = ctx;
    const size_t skip = sizeof offset_prefix - 1;
    if (name.len < skip || memcmp(name.ptr, offset_prefix, skip) != 0) {
        return WEIR_OK;
    }
    weir_view rest = {name.ptr + skip, name.len - skip};
    const char *colon = memchr(rest.ptr, ':', rest.len);
    size_t digits = colon ? (size_t)(colon - rest.ptr) : 0;
    int64_t partition, next;
    if (!colon || !weir_text_to_int64((weir_view){rest.ptr, digits}, &partition) || partition < 0 ||
        partition > INT32_MAX || !weir_text_to_int64(value, &next) || next < 0) {
        return weir_fail(
            err, WEIR_E_STORE_BROKEN, "a stored offset is damaged: %.*s", WEIR_ARG(name));
    }
    weir_view topic = {colon + 1, rest.len - digits - 1};
    *remove = !w->fn && weir_view_eq(topic, w->forget);
    return w->fn ? w->fn(w->ctx, topic, (int32_t)partition, next, err) : WEIR_OK;
}

static weir_status walk_offsets(weir_store store, offset_walk *w, weir_error *err)
{
    const weir_view start = {"", 0};
    return store.ops->each(store.self, 0, WEIR_SPACE_META, start, walk_offset, w, err);
}

weir_status weir_stored_offsets(
    weir_store store, weir_stored_offset_fn *fn, void *ctx, weir_error *err)
{
    offset_walk w = {fn, ctx, {NULL, 0}};
    return walk_offsets(store, &w, err);
}

weir_status weir_stored_forget_offsets(weir_store store, const char *topic, weir_error *err)
{
    offset_walk w = {NULL, NULL, weir_view_of(topic)};
    return walk_offsets(store, &w, err);
}

weir_status weir_stored_offset(
    weir_store store, const char *topic, int32_t partition, int64_t *next, weir_error *err)
{
    char name[LONGEST_NAME];
    return get_number(store, offset_name(name, topic, partition), -1, next, err);
}

weir_status weir_stored_offset_set(
    weir_store store, const char *topic, int32_t partition, int64_t next, weir_error *err)
{
    char name[LONGEST_NAME];
    return set_number(store, offset_name(name, topic, partition), -1, next, err);
}

/* ---- Partitions and rules -------------------------------------------------------------------- */

static const char *named(char name[LONGEST_NAME], const char *kind, const char *what)
{
    snprintf(name, LONGEST_NAME, "%s:%s", kind, what);
    return name;
}

weir_status weir_stored_partitions(weir_store store, const char *topic, int32_t *n, weir_error *err)
{
    char name[LONGEST_NAME];
    int64_t count;
    weir_status s = get_number(store, named(name, "partitions", topic), 0, &count, err);
    if (!s && count > INT32_MAX) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "the store's entry %s is damaged", name);
    }
    *n = (int32_t)count;
    return s;
}

weir_status weir_stored_partitions_set(
    weir_store store, const char *topic, int32_t n, weir_error *err)
{
    char name[LONGEST_NAME];
    return set_number(store, named(name, "partitions", topic), 0, n, err);
}

weir_status weir_stored_commit(
    weir_store store, const char *prefix, uint64_t *commit, weir_error *err)
{
    char name[LONGEST_NAME];
    int64_t n;
    weir_status s = get_number(store, named(name, "transactions", prefix), 0, &n, err);
    *commit = (uint64_t)n;
    return s;
}

weir_status weir_stored_commit_set(
    weir_store store, const char *prefix, uint64_t commit, weir_error *err)
{
    char name[LONGEST_NAME];
    return set_number(store, named(name, "transactions", prefix), 0, (int64_t)commit, err);
}

/* In the place of its rule: the cache was here, and is to be made anew. */
static const weir_view forgotten = {"-", 1};

weir_status weir_stored_rule(weir_store store, const char *cache, weir_view *rule, weir_error *err)
{
    char name[LONGEST_NAME];
    weir_status s = get(store, named(name, "cache", cache), rule, err);
    if (!s && rule->ptr && weir_view_eq(*rule, forgotten)) {
        *rule = (weir_view){NULL, 0};
    }
    return s;
}

weir_status weir_stored_has(weir_store store, const char *cache, bool *has, weir_error *err)
{
    char name[LONGEST_NAME];
    weir_view rule = {NULL, 0};
    weir_status s = get(store, named(name, "cache", cache), &rule, err);
    *has = !s && rule.ptr;
    return s;
}

weir_status weir_stored_rule_set(
    weir_store store, const char *cache, weir_view rule, weir_error *err)
{
    char name[LONGEST_NAME];
    return set(store, named(name, "cache", cache), rule, err);
}

weir_status weir_stored_reading(
    weir_store store, const char *cache, weir_view *reading, weir_error *err)
{
    char name[LONGEST_NAME];
    return get(store, named(name, "reading", cache), reading, err);
}

weir_status weir_stored_reading_set(
    weir_store store, const char *cache, weir_view reading, weir_error *err)
{
    char name[LONGEST_NAME];
    return set(store, named(name, "reading", cache), reading, err);
}

weir_status weir_stored_forget_cache(
    weir_store store, unsigned cache, const char *name, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (int space = 0; space < WEIR_SPACES && !s; space++) {
        s = store.ops->clear(store.self, cache, (weir_space)space, err);
    }
    return s ? s : weir_stored_rule_set(store, name, forgotten, err);
}

/* ---- Position -------------------------------------------------------------------------------- */

weir_status weir_stored_position_of(
    weir_store store, unsigned cache, weir_stored_position *out, weir_error *err)
{
    weir_merge m;
    *out = (weir_stored_position){.high_H = 0};
    weir_merge_init(&m, store, cache);
    weir_status s = weir_merge_load(&m, err);
    if (!s) {
        weir_merge_newest(&m, &out->high_H, &out->high_ms);
    }
    weir_merge_fini(&m);
    return s;
}
