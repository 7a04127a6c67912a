/* How the values of a cache's rows were read. See reading.h. */
#include "sync/reading.h"

#include "base/arena.h"
#include "sync/stored.h"
#include "value/json.h"

typedef struct comparison {
    const weir_read_cache *cache;
    const weir_value *was, *is;
    weir_arena row;
} comparison;

static weir_view type_of(const weir_value *reading, weir_view column)
{
    const weir_value *type = weir_get(reading, column);
    return type ? weir_raw(type) : (weir_view){"", 0};
}

static weir_status refuse(const comparison *c, weir_view column, weir_error *err)
{
    weir_view was = type_of(c->was, column), is = type_of(c->is, column);
    const char *name = c->cache->name;
    if (!column.len) {
        return weir_fail(err, WEIR_E_CACHE_RULE_CHANGED,
            "the rows of %.60s were read by %.*s, and now it is %.*s; run: weir rebuild %s", name,
            WEIR_ARG(was), WEIR_ARG(is), name);
    }
    return weir_fail(err, WEIR_E_CACHE_RULE_CHANGED,
        "column %.*s of %.60s was read as %.*s, and is %.*s now: the rows that are there have it "
        "in "
        "the other way; run: weir rebuild %s",
        WEIR_ARG(column), name, WEIR_ARG(was.len ? was : weir_view_of("it came, without a type")),
        WEIR_ARG(is.len ? is : weir_view_of("without a type")), name);
}

/* Columns that stand in one of the readings, and otherwise or not at all in the other. */
static weir_status compare_columns(
    comparison *c, const weir_value *reading, const weir_value *row, weir_error *err)
{
    WEIR_EACH_MEMBER(reading, name, type)
    {
        weir_view column = weir_string(name, &c->row);
        const weir_value *value = weir_get(row, column);
        bool has = !column.len || (value && value->type != WEIR_NULL);
        (void)type;
        if (has && !weir_view_eq(type_of(c->was, column), type_of(c->is, column))) {
            return refuse(c, column, err);
        }
    }
    return c->row.failed ? weir_fail_oom(err) : WEIR_OK;
}

static weir_status compare_row(
    void *ctx, weir_view key, weir_view text, bool *remove, weir_error *err)
{
    comparison *c = ctx;
    const weir_value *row;
    (void)key;
    *remove = false;
    weir_arena_reset(&c->row);
    weir_status s = weir_json_read(text, &c->row, &row, err);
    s = s ? s : compare_columns(c, c->was, row, err);
    return s ? s : compare_columns(c, c->is, row, err);
}

/* A column that is typed before any row has it is read like that from its first value on. */
static weir_status compare(
    weir_store store, const weir_read_cache *cache, weir_view was, weir_error *err)
{
    comparison c = {.cache = cache};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_arena_init(&c.row, 0);
    weir_view kept = weir_arena_copy(&arena, was); /* what is borrowed ends with the next call */
    weir_status s = kept.ptr ? WEIR_OK : weir_fail_oom(err);
    s = s ? s : weir_json_read(kept, &arena, &c.was, err);
    s = s ? s : weir_json_read(cache->reading, &arena, &c.is, err);
    s = s ? s
          : store.ops->each(store.self, cache->number, WEIR_SPACE_ROW, (weir_view){"", 0},
                compare_row, &c, err);
    weir_arena_fini(&c.row);
    weir_arena_fini(&arena);
    return s;
}

weir_status weir_reading_check(weir_store store, const weir_read_cache *cache, weir_error *err)
{
    weir_view was;
    if (!cache->reading.ptr) {
        return WEIR_OK;
    }
    weir_status s = weir_stored_reading(store, cache->name, &was, err);
    if (!s && was.ptr && weir_view_eq(was, cache->reading)) {
        return WEIR_OK;
    }
    s = s || !was.ptr || cache->is_new ? s : compare(store, cache, was, err);
    return s ? s : weir_stored_reading_set(store, cache->name, cache->reading, err);
}
