/* Columns that are named and never met. See column_watch.h. */
#include "column_watch.h"

#include <string.h>

#include "base/alloc.h"

enum { ENOUGH_RECORDS = 1000 };

typedef struct named_column {
    struct named_column *next;
    const char *owner; /* "caches.orders.where", "sources.shop.types" */
    const char *table, *column;
    weir_view quoted; /* as JSON writes it */
    atomic_bool met, told;
} named_column;

typedef struct watched_topic {
    named_column *first;
    atomic_uint records; /* looked at */
} watched_topic;

struct weir_column_watch {
    const weir_rules *rules;
    const weir_log *log;
    weir_arena arena;
    watched_topic topics[]; /* as in the rules */
};

/* ---- What to look for ---------------------------------------------------------------------------
 */

/* Does every JSON writer write the name as it is? */
static bool is_plain(const char *name)
{
    for (; *name; name++) {
        if (*name < 0x20 || *name > 0x7E || *name == '"' || *name == '\\' || *name == '/') {
            return false;
        }
    }
    return true;
}

static void add(weir_column_watch *w, size_t topic, const char *owner, const weir_config_cache *c,
    const char *column)
{
    if (!is_plain(column)) {
        return;
    }
    named_column *n = weir_arena_alloc(&w->arena, sizeof *n);
    if (n) {
        *n = (named_column){.next = w->topics[topic].first,
            .owner = owner,
            .table = c->table_name,
            .column = column,
            .quoted = weir_arena_printf(&w->arena, "\"%s\"", column)};
        w->topics[topic].first = n;
    }
}

static void add_types(weir_column_watch *w, size_t topic, const weir_config_cache *c)
{
    const weir_config_column_types *t = &c->source->types;
    const char *owner = weir_arena_printf(&w->arena, "sources.%s.types", c->source->name).ptr;
    for (size_t i = 0; i < t->count && owner; i++) {
        if (strcmp(t->items[i].table, c->table_name) == 0) {
            add(w, topic, owner, c, t->items[i].column);
        }
    }
}

static void add_cache(weir_column_watch *w, size_t topic, const weir_config_cache *c)
{
    const weir_config_columns *cols = &c->columns;
    const char *section = c->as_table ? "tables" : "caches"; /* as the config has it */
    const char *name = c->mould ? c->mould->name : c->name;
    const char *columns = weir_arena_printf(&w->arena, "%s.%s.columns", section, name).ptr;
    const char *where = weir_arena_printf(&w->arena, "%s.%s.where", section, name).ptr;
    if (!columns || !where) {
        return; /* the arena has failed, and says so */
    }
    for (size_t i = 0; i < cols->keep.count; i++) {
        add(w, topic, columns, c, cols->keep.items[i].text);
    }
    for (size_t i = 0; i < cols->drop.count; i++) {
        add(w, topic, columns, c, cols->drop.items[i].text);
    }
    for (size_t i = 0; i < cols->rename.count; i++) {
        add(w, topic, columns, c, cols->rename.items[i].name);
    }
    for (size_t i = 0; i < cols->cast.count; i++) {
        add(w, topic, columns, c, cols->cast.items[i].name);
    }
    for (size_t i = 0; i < c->where.count; i++) {
        add(w, topic, where, c, c->where.items[i].column);
    }
}

weir_status weir_column_watch_new(const weir_config *config, const weir_rules *rules,
    const weir_log *log, weir_column_watch **out, weir_error *err)
{
    weir_column_watch *w = weir_calloc(1, sizeof *w + rules->n_topics * sizeof w->topics[0]);
    *out = w;
    if (!w) {
        return weir_fail_oom(err);
    }
    w->rules = rules;
    w->log = log;
    weir_arena_init(&w->arena, 0);
    for (size_t t = 0; t < rules->n_topics; t++) {
        const weir_sync_topic *topic = &rules->topics[t];
        for (size_t i = 0; i < topic->n_caches; i++) {
            const weir_config_cache *c =
                weir_config_cache_named(config, rules->caches[topic->caches[i]].name);
            add_cache(w, t, c);
            if (i == 0) { /* a topic's caches are of one table */
                add_types(w, t, c);
            }
        }
    }
    return w->arena.failed ? weir_fail_oom(err) : WEIR_OK;
}

void weir_column_watch_free(weir_column_watch *w)
{
    if (w) {
        weir_arena_fini(&w->arena);
        weir_free(w);
    }
}

/* ---- Looking ------------------------------------------------------------------------------------
 */

static bool has(weir_view text, weir_view part)
{
    return memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* A tombstone, a delete or a truncate need not name the columns. */
static bool carries_a_row(weir_view value)
{
    return value.ptr && !has(value, weir_view_of("\"after\":null")) &&
           !has(value, weir_view_of("\"after\": null")) &&
           !has(value, weir_view_of("\"op\":\"t\"")) && !has(value, weir_view_of("\"op\":\"m\""));
}

static void tell_each(watched_topic *t, weir_column_missing_fn *fn, void *ctx)
{
    weir_missing_column missing = {.records = atomic_load(&t->records)};
    for (named_column *n = t->first; n && missing.records; n = n->next) {
        if (!atomic_load(&n->met) && !atomic_exchange(&n->told, true)) {
            missing.owner = n->owner;
            missing.table = n->table;
            missing.column = n->column;
            fn(ctx, &missing);
        }
    }
}

static void log_missing(void *ctx, const weir_missing_column *c)
{
    const weir_column_watch *w = ctx;
    weir_log_line(w->log, WEIR_LOG_WARN, c->owner,
        "column %s was in none of the %u records of %s so far: is the name right?", c->column,
        c->records, c->table);
}

static void look_at(weir_column_watch *w, watched_topic *t, weir_view value)
{
    if (!t->first || atomic_load(&t->records) >= ENOUGH_RECORDS || !carries_a_row(value)) {
        return;
    }
    for (named_column *n = t->first; n; n = n->next) {
        if (!atomic_load(&n->met) && has(value, n->quoted)) {
            atomic_store(&n->met, true);
        }
    }
    if (atomic_fetch_add(&t->records, 1) + 1 == ENOUGH_RECORDS) {
        tell_each(t, log_missing, w);
    }
}

void weir_column_watch_record(weir_column_watch *w, size_t topic, weir_view value)
{
    look_at(w, &w->topics[topic], value);
}

void weir_column_watch_look(weir_column_watch *w, const weir_chunk *chunk)
{
    for (unsigned i = 0; i < chunk->count; i++) {
        const weir_record *r = &chunk->records[i];
        look_at(w, &w->topics[r->partition->tag], r->raw.value);
    }
}

void weir_column_watch_missing(weir_column_watch *w, weir_column_missing_fn *fn, void *ctx)
{
    for (size_t i = 0; i < w->rules->n_topics; i++) {
        tell_each(&w->topics[i], fn, ctx);
    }
}

void weir_column_watch_tell(weir_column_watch *w)
{
    weir_column_watch_missing(w, log_missing, w);
}
