/* Entries of `caches` and `tables` that follow every table of a source whose name fits a pattern.
 *
 * Such an entry is a mould: it is in no list of what is followed. For each table that turns out to
 * be there, by its topic or because a command names it, an entry is cast from it, called by the
 * mould's name and the table's with a dot between them, and is from then on like any other. */
#include "config_load.h"

#include <stdio.h>

#include "config_value.h"

bool weir_config_is_pattern(const char *from)
{
    return strchr(from, '*') != NULL;
}

/* `*` is any run of characters. */
static bool fits(const char *pattern, const char *name)
{
    for (; *pattern && *pattern != '*'; pattern++, name++) {
        if (*pattern != *name) {
            return false;
        }
    }
    if (!*pattern) {
        return !*name;
    }
    for (const char *rest = name;; rest++) {
        if (fits(pattern + 1, rest)) {
            return true;
        }
        if (!*rest) {
            return false;
        }
    }
}

/* A schema's name has no dots, so that the first dot of either parts the schema from the table. */
bool weir_config_matches(const char *pattern, const char *table_name)
{
    char of_pattern[256], of_name[256];
    const char *a = strchr(pattern, '.'), *b = strchr(table_name, '.');
    if (!a || !b || (size_t)(a - pattern) >= sizeof of_pattern ||
        (size_t)(b - table_name) >= sizeof of_name) {
        return false;
    }
    snprintf(of_pattern, sizeof of_pattern, "%.*s", (int)(a - pattern), pattern);
    snprintf(of_name, sizeof of_name, "%.*s", (int)(b - table_name), table_name);
    return fits(of_pattern, of_name) && fits(a + 1, b + 1);
}

/* ---- Casting -----------------------------------------------------------------------------------
 */

/* Has the table an entry of its own in this store, or been cast from this mould before? */
static bool is_followed(
    const weir_config *c, const weir_config_cache *mould, const char *table_name)
{
    for (size_t i = 0; i < c->followed.count; i++) {
        const weir_config_cache *o = c->followed.items[i];
        bool of_it = o->source == mould->source && o->store == mould->store &&
                     weir_config_same(o->table_name, table_name);
        if (of_it && (!o->mould || o->mould == mould)) {
            return true;
        }
    }
    return false;
}

/* Makes room for so many more, in what is followed and in the mould's store's tables. */
static bool make_room(weir_config *c, const weir_config_cache *mould, size_t more)
{
    weir_config_store *store = (weir_config_store *)(uintptr_t)mould->store;
    weir_config_cache **items =
        weir_arena_alloc(&c->arena, (c->followed.count + more) * sizeof(weir_config_cache *));
    weir_table_rule *rules =
        weir_arena_alloc(&c->arena, (store->n_tables + more) * sizeof *store->tables);
    if (!items || !rules) {
        return false;
    }
    if (c->followed.count) {
        memcpy(items, c->followed.items, c->followed.count * sizeof(weir_config_cache *));
    }
    if (store->n_tables) {
        memcpy(rules, store->tables, store->n_tables * sizeof *rules);
    }
    c->followed.items = items;
    store->tables = rules;
    return true;
}

/* The mould's copy, a cache or a table. NULL: out of memory. */
static weir_config_cache *copy_of(weir_config *c, const weir_config_cache *mould)
{
    if (!mould->as_table) {
        weir_config_cache *cache = weir_arena_alloc(&c->arena, sizeof *cache);
        return cache ? (*cache = *mould, cache) : NULL;
    }
    weir_config_table *t = weir_arena_alloc(&c->arena, sizeof *t);
    if (!t) {
        return NULL;
    }
    *t = *mould->as_table;
    t->cache.as_table = t;
    return &t->cache;
}

/* Two entries that are called alike would be one in the store. */
static void check_name(const weir_config_loader *loader, const weir_config_cache *cache)
{
    const weir_config *c = loader->config;
    for (size_t i = 0; i < c->followed.count; i++) {
        if (weir_config_same(c->followed.items[i]->name, cache->name)) {
            weir_config_scope all = {NULL, weir_config_section_of(cache)};
            weir_config_scope item = {&all, cache->name};
            weir_config_error(loader, &item, weir_config_place_of(cache->node, ""),
                WEIR_E_CONFIG_CONFLICT, "there is an entry of this name already");
        }
    }
}

/* There is room for it. */
static weir_status cast(
    weir_config *c, const weir_config_cache *mould, const char *table_name, weir_error *err)
{
    weir_config_problems problems;
    weir_config_problems_init(&problems);
    weir_config_loader loader = {c, NULL, &problems};
    weir_config_cache *cache = copy_of(c, mould);
    if (!cache) {
        return weir_fail_oom(err);
    }
    cache->mould = mould;
    cache->name = weir_arena_printf(&c->arena, "%s.%s", mould->name, table_name).ptr;
    cache->from = weir_arena_printf(&c->arena, "%s.%s", mould->source->name, table_name).ptr;
    if (cache->name && cache->from) {
        check_name(&loader, cache);
        weir_config_resolve_from(&loader, cache);
        if (cache->as_table) {
            weir_config_table *t = (weir_config_table *)(uintptr_t)cache->as_table;
            t->name = cache->name;
            weir_config_add_table(&loader, t);
        }
        c->followed.items[c->followed.count++] = cache;
    }
    weir_status st = c->arena.failed || problems.failed ? weir_fail_oom(err)
                     : problems.errors ? weir_config_first_error(c->file, &problems, err)
                                       : WEIR_OK;
    weir_config_problems_fini(&problems);
    return st;
}

/* ---- By topics ---------------------------------------------------------------------------------
 */

/* The table whose records are in a topic; NULL: none of this source. */
static const char *table_of(const weir_config_source *s, const char *topic)
{
    size_t len = strlen(s->topic_prefix);
    for (size_t i = 0; i < s->topics.count; i++) {
        if (weir_config_same(s->topics.items[i].value, topic)) {
            return s->topics.items[i].name;
        }
    }
    if (strncmp(topic, s->topic_prefix, len) != 0 || topic[len] != '.' ||
        !strchr(topic + len + 1, '.')) {
        return NULL;
    }
    const char *table = topic + len + 1;
    for (size_t i = 0; i < s->topics.count; i++) {
        if (weir_config_same(s->topics.items[i].name, table)) {
            return NULL; /* its records are elsewhere */
        }
    }
    return table;
}

weir_status weir_config_take_topics(
    weir_config *c, const char *const *topics, size_t n, size_t *added, weir_error *err)
{
    weir_status st = WEIR_OK;
    *added = 0;
    for (size_t m = 0; m < c->moulds.count; m++) {
        const weir_config_cache *mould = c->moulds.items[m];
        if (!make_room(c, mould, n)) {
            return weir_fail_oom(err);
        }
        for (size_t i = 0; i < n && !st; i++) {
            const char *table = table_of(mould->source, topics[i]);
            if (table && weir_config_matches(mould->table_name, table) &&
                !is_followed(c, mould, table)) {
                st = cast(c, mould, table, err);
                *added += !st;
            }
        }
    }
    return st;
}

bool weir_config_has_news(const weir_config *c, const char *topic)
{
    for (size_t m = 0; m < c->moulds.count; m++) {
        const weir_config_cache *mould = c->moulds.items[m];
        const char *table = table_of(mould->source, topic);
        if (table && weir_config_matches(mould->table_name, table) &&
            !is_followed(c, mould, table)) {
            return true;
        }
    }
    return false;
}

weir_status weir_config_take_name(weir_config *c, const char *name, weir_error *err)
{
    for (size_t m = 0; m < c->moulds.count; m++) {
        const weir_config_cache *mould = c->moulds.items[m];
        size_t len = strlen(mould->name);
        if (strncmp(name, mould->name, len) == 0 && name[len] == '.' &&
            weir_config_matches(mould->table_name, name + len + 1) &&
            !is_followed(c, mould, name + len + 1)) {
            return make_room(c, mould, 1) ? cast(c, mould, name + len + 1, err)
                                          : weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

/* ---- Templates ---------------------------------------------------------------------------------
 */

static const char *word_of(const weir_config_cache *c, weir_view word)
{
    return weir_view_is(word, "source")   ? c->source->name
           : weir_view_is(word, "schema") ? c->schema
           : weir_view_is(word, "table")  ? c->table
                                          : NULL;
}

/* What is wrong with a template; false: nothing. */
bool weir_config_template_wrong(const char *text, char *why, size_t room)
{
    for (const char *at = text; *at; at++) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (*at == '}' || (*at == '{' && !end)) {
            snprintf(why, room, "a `%c` without its other half: words stand in `{` and `}`", *at);
            return true;
        }
        if (!end) {
            continue;
        }
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)(end - at - 1), at + 1);
        if (!weir_config_lists("source schema table", word)) {
            weir_config_nearest nearest = {.word = word};
            weir_config_offer(&nearest, "source");
            weir_config_offer(&nearest, "schema");
            weir_config_offer(&nearest, "table");
            const char *meant = weir_config_meant(&nearest);
            snprintf(why, room, "there is no word `{%s}`%s%s%s", word,
                meant ? "; did you mean `{" : "; there are `{source}`, `{schema}`, `{table}",
                meant ? meant : "", meant ? "}`?" : "`");
            return true;
        }
        at = end;
    }
    return false;
}

const char *weir_config_fill(weir_arena *arena, weir_view template, const weir_config_cache *c)
{
    weir_buf b = {0};
    for (size_t i = 0; i < template.len; i++) {
        const char *end =
            template.ptr[i] == '{' ? memchr(template.ptr + i, '}', template.len - i) : NULL;
        if (!end) {
            weir_buf_putc(&b, template.ptr[i]);
            continue;
        }
        weir_view word = {template.ptr + i + 1, (size_t)(end - template.ptr) - i - 1};
        const char *stands_for = word_of(c, word);
        weir_buf_puts(&b, stands_for ? stands_for : "");
        i += word.len + 1;
    }
    const char *text = b.failed ? NULL : weir_arena_copy(arena, weir_buf_view(&b)).ptr;
    arena->failed |= b.failed;
    weir_buf_fini(&b);
    return text;
}
