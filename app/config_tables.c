/* Tables of the config: as caches, for all that follows caches, and as what the drivers of
 * databases want to know. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "config_load.h"
#include "config_value.h"
#include "table/table_type.h"

/* ---- One list ----------------------------------------------------------------------------------
 */

static void check_name(const weir_config_loader *loader, const weir_config_cache *c)
{
    const weir_config_caches *caches = &loader->config->caches;
    for (size_t i = 0; i < caches->count; i++) {
        if (strcmp(caches->items[i].name, c->name) == 0) {
            weir_config_scope tables = {NULL, "tables"}, item = {&tables, c->name};
            weir_config_error(loader, &item, weir_config_place_of(c->node, ""),
                WEIR_E_CONFIG_CONFLICT, "there is a cache of this name already");
        }
    }
}

static void add_to_list(weir_config *c, weir_config_cache *cache)
{
    bool pattern = cache->from && weir_config_is_pattern(cache->from);
    weir_config_followed *list = pattern ? &c->moulds : &c->followed;
    list->items[list->count++] = cache;
}

void weir_config_gather(const weir_config_loader *loader)
{
    weir_config *c = loader->config;
    size_t n = c->caches.count + c->tables.count;
    c->followed.items = weir_arena_alloc(&c->arena, n * sizeof(weir_config_cache *));
    c->moulds.items = weir_arena_alloc(&c->arena, n * sizeof(weir_config_cache *));
    c->followed.count = c->moulds.count = 0;
    if (!c->followed.items || !c->moulds.items) {
        return; /* the arena's failure is sticky, and reported at the end */
    }
    for (size_t i = 0; i < c->caches.count; i++) {
        add_to_list(c, &c->caches.items[i]);
    }
    for (size_t i = 0; i < c->tables.count; i++) {
        weir_config_table *t = &c->tables.items[i];
        t->cache.name = t->name;
        t->cache.node = t->node;
        t->cache.as_table = t;
        add_to_list(c, &t->cache);
        check_name(loader, &t->cache);
    }
}

/* ---- What drivers want to know -----------------------------------------------------------------
 */

weir_column_modes weir_config_column_modes(const weir_config_source *s)
{
    static const weir_decimal_mode decimals[] = {
        [WEIR_CONFIG_DECIMAL_PRECISE] = WEIR_DECIMAL_PRECISE,
        [WEIR_CONFIG_DECIMAL_STRING] = WEIR_DECIMAL_STRING,
        [WEIR_CONFIG_DECIMAL_DOUBLE] = WEIR_DECIMAL_DOUBLE,
    };
    static const weir_time_mode times[] = {
        [WEIR_CONFIG_TIME_ADAPTIVE] = WEIR_TIME_ADAPTIVE,
        [WEIR_CONFIG_TIME_ADAPTIVE_TIME_MICROSECONDS] = WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS,
        [WEIR_CONFIG_TIME_CONNECT] = WEIR_TIME_CONNECT,
        [WEIR_CONFIG_TIME_ISOSTRING] = WEIR_TIME_ISOSTRING,
        [WEIR_CONFIG_TIME_MICROSECONDS] = WEIR_TIME_MICROSECONDS,
        [WEIR_CONFIG_TIME_NANOSECONDS] = WEIR_TIME_NANOSECONDS,
        [WEIR_CONFIG_TIME_STRUCTURED] = WEIR_TIME_STRUCTURED,
    };
    static const weir_binary_mode binaries[] = {
        [WEIR_CONFIG_BINARY_BYTES] = WEIR_BINARY_BYTES,
        [WEIR_CONFIG_BINARY_BASE64] = WEIR_BINARY_BASE64,
        [WEIR_CONFIG_BINARY_BASE64_URL_SAFE] = WEIR_BINARY_BASE64_URL_SAFE,
        [WEIR_CONFIG_BINARY_HEX] = WEIR_BINARY_HEX,
    };
    return (weir_column_modes){
        decimals[s->modes.decimal], times[s->modes.time], binaries[s->modes.binary]};
}

static bool is_database(const weir_config_store *s)
{
    return s->type == WEIR_CONFIG_STORE_POSTGRES || s->type == WEIR_CONFIG_STORE_SQLITE;
}

static void check_store(const weir_config_loader *loader, const weir_config_cache *c)
{
    weir_config_scope all = {NULL, weir_config_section_of(c)}, item = {&all, c->name};
    weir_config_scope scope = {&item, "store"};
    if (c->store && is_database(c->store) != (c->as_table != NULL)) {
        weir_config_error(loader, &scope, weir_config_place_of(c->node, "store"),
            WEIR_E_CONFIG_CONFLICT,
            c->as_table
                ? "a table is kept in a store of the type `postgres` or `sqlite`"
                : "a cache is kept in a store of the type `lmdb` or `memory`; what a database "
                  "keeps is an entry of `tables`");
    }
}

static bool report(const weir_config_loader *loader, const weir_config_table *t, const char *key,
    weir_code code, const char *why)
{
    weir_config_scope all = {NULL, "tables"}, item = {&all, t->name}, scope = {&item, key};
    return weir_config_error(loader, &scope, weir_config_place_of(t->node, key), code, "%s", why);
}

/* A pattern's tables must not all be one. */
static void check_template(const weir_config_loader *loader, const weir_config_table *t)
{
    char why[160];
    bool pattern = t->cache.from && weir_config_is_pattern(t->cache.from);
    if (t->table && weir_config_template_wrong(t->table, why, sizeof why)) {
        report(loader, t, "table", WEIR_E_CONFIG_BAD_VALUE, why);
    } else if (pattern && t->table && !strstr(t->table, "{table}")) {
        report(loader, t, "table", WEIR_E_CONFIG_CONFLICT,
            "all tables of the pattern would be one: write `{table}` where their names go");
    }
}

/* A type goes into statements as it is written. */
static void check_casts(const weir_config_loader *loader, const weir_config_table *t)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
                                  " .,()[]\"";
    const weir_config_columns *c = &t->cache.columns;
    weir_config_scope all = {NULL, "tables"}, item = {&all, t->name}, columns = {&item, "columns"};
    weir_config_scope cast = {&columns, "cast"};
    bool is_sqlite = t->cache.store && t->cache.store->type == WEIR_CONFIG_STORE_SQLITE;
    for (size_t i = 0; i < c->cast.count; i++) {
        const weir_config_pair *p = &c->cast.items[i];
        weir_config_scope scope = {&cast, p->name};
        if (!*p->value || strspn(p->value, letters) != strlen(p->value)) {
            weir_config_error(loader, &scope, p->place, WEIR_E_CONFIG_BAD_VALUE,
                "`%.60s` is no type: write it as PostgreSQL does, `numeric(12,2)`", p->value);
        } else if (is_sqlite && !weir_type_known(weir_view_of(p->value))) {
            weir_config_error(loader, &scope, p->place, WEIR_E_CONFIG_BAD_VALUE,
                "`%.60s` is no type that is known for SQLite: write one of PostgreSQL's own, or "
                "`text`",
                p->value);
        } else if (weir_config_leaves_out(c, p->name)) {
            weir_config_error(loader, &scope, p->place, WEIR_E_CONFIG_CONFLICT,
                "a column that is left out has no type");
        }
    }
    if (t->on_no_key == WEIR_CONFIG_NO_KEY_APPEND && t->key.count) {
        report(loader, t, "on_no_key", WEIR_E_CONFIG_CONFLICT,
            "rows that are appended have no `key`; drop one of the two");
    }
    if (t->soft_delete && strcmp(t->soft_delete, t->position_column) == 0) {
        report(loader, t, "soft_delete", WEIR_E_CONFIG_CONFLICT,
            "it is the `position_column` too: they are two columns");
    }
}

/* Rows that the source has no more, or the table does not show, are not the source's states. */
static void warn_of_kept(const weir_config_loader *loader, const weir_config_table *t)
{
    const char *key = t->soft_delete ? "soft_delete" : t->cache.where.count ? "where" : NULL;
    weir_config_scope tables = {NULL, "tables"}, item = {&tables, t->cache.name};
    weir_config_scope scope = {&item, key};
    if (key) {
        weir_config_warn(loader, &scope, weir_config_place_of(t->cache.node, key),
            WEIR_E_CONFIG_CONFLICT,
            "by transaction a table has the source's rows, and it keeps others: a foreign key or a "
            "further unique column of the target may refuse what the source took");
    }
}

/* Whole transactions are seen by who reads all partitions, and told by Debezium's envelope. */
static void check_apply(const weir_config_loader *loader, const weir_config_table *t)
{
    const weir_config_store *store = t->cache.store;
    const weir_config_source *source = t->cache.source;
    if (t->apply != WEIR_CONFIG_APPLY_BY_TRANSACTION) {
        return;
    }
    if (store && is_database(store) && weir_config_store_is_shared(store)) {
        report(loader, t, "apply", WEIR_E_CONFIG_CONFLICT,
            "instances that share a store see parts of transactions: give the store `mode: "
            "replicate`");
    }
    if (source &&
        (source->connector != WEIR_CONFIG_CONNECTOR_POSTGRESQL || source->unwrapped.node)) {
        report(loader, t, "apply", WEIR_E_CONFIG_CONFLICT,
            "transactions are told by the envelopes of a PostgreSQL connector: the source is of "
            "another kind, or `unwrapped`");
    }
    warn_of_kept(loader, t);
}

/* Without guards only the order of delivery is left, and nothing can be kept aside. */
static void check_guard(const weir_config_loader *loader, const weir_config_table *t)
{
    if (t->guard == WEIR_CONFIG_GUARD_ON) {
        return;
    }
    if (t->apply == WEIR_CONFIG_APPLY_BY_TRANSACTION) {
        report(loader, t, "guard", WEIR_E_CONFIG_CONFLICT,
            "what is applied by transaction, and sent again, is told by the positions of its rows");
    }
    if (t->cache.on_incomplete == WEIR_CONFIG_INCOMPLETE_HIDE) {
        report(loader, t, "guard", WEIR_E_CONFIG_CONFLICT,
            "a row that lacks a value cannot be kept aside: give the table `on_incomplete: serve`");
    }
    if (t->cache.where.count) {
        report(loader, t, "guard", WEIR_E_CONFIG_CONFLICT,
            "a row that does not match `where` cannot be kept aside: leave `where` to a view");
    }
}

/* PostgreSQL's names are schema.table; SQLite has no schemas, so that a dot is a dot. It is the
 * template's first dot that counts, since a table's own name may have some. */
static void name_target(
    const weir_config_loader *loader, const weir_config_table *t, weir_table_rule *rule)
{
    enum { MOST_BYTES = 63 };
    weir_arena *arena = &loader->config->arena;
    bool postgres = t->cache.store->type == WEIR_CONFIG_STORE_POSTGRES;
    weir_view written = weir_view_of(t->table ? t->table : t->cache.table);
    const char *dot = postgres && t->table ? strchr(t->table, '.') : NULL;
    if (!t->table) {
        rule->table = t->cache.table;
    } else if (dot) {
        weir_view schema = {t->table, (size_t)(dot - t->table)};
        rule->schema = weir_config_fill(arena, schema, &t->cache);
        rule->table = weir_config_fill(arena, weir_view_of(dot + 1), &t->cache);
    } else {
        rule->table = weir_config_fill(arena, written, &t->cache);
    }
    bool too_long = (rule->table && strlen(rule->table) > MOST_BYTES) ||
                    (rule->schema && strlen(rule->schema) > MOST_BYTES);
    if (postgres && too_long) {
        report(loader, t, "table", WEIR_E_CONFIG_BAD_VALUE,
            "PostgreSQL cuts names of more than 63 bytes");
    }
}

static void add_rule(const weir_config_loader *loader, const weir_config_table *t)
{
    static const weir_on_ddl on_ddl[] = {
        [WEIR_CONFIG_DDL_ADD_COLUMNS] = WEIR_DDL_ADD_COLUMNS,
        [WEIR_CONFIG_DDL_EVOLVE] = WEIR_DDL_EVOLVE,
        [WEIR_CONFIG_DDL_IGNORE] = WEIR_DDL_IGNORE,
        [WEIR_CONFIG_DDL_STOP] = WEIR_DDL_STOP,
    };
    weir_arena *arena = &loader->config->arena;
    weir_config_store *store = (weir_config_store *)(uintptr_t)t->cache.store;
    const weir_config_pairs *renamed = &t->cache.columns.rename;
    weir_view *key = weir_arena_alloc(arena, t->key.count * sizeof *key);
    weir_view(*rename)[2] = weir_arena_alloc(arena, renamed->count * sizeof *rename);
    for (size_t i = 0; key && i < t->key.count; i++) {
        key[i] = weir_view_of(t->key.items[i].text);
    }
    const weir_config_pairs *casts = &t->cache.columns.cast;
    weir_view(*cast)[2] = weir_arena_alloc(arena, casts->count * sizeof *cast);
    for (size_t i = 0; cast && i < casts->count; i++) {
        cast[i][0] = weir_view_of(weir_config_name_in_row(&t->cache.columns, casts->items[i].name));
        cast[i][1] = weir_view_of(casts->items[i].value);
    }
    for (size_t i = 0; rename && i < renamed->count; i++) {
        rename[i][0] = weir_view_of(renamed->items[i].name);
        rename[i][1] = weir_view_of(renamed->items[i].value);
    }
    weir_table_rule *rule = &store->tables[store->n_tables++];
    *rule = (weir_table_rule){.cache = t->name,
        .position_column =
            t->positions == WEIR_CONFIG_POSITIONS_COLUMN && t->guard == WEIR_CONFIG_GUARD_ON
                ? t->position_column
                : NULL,
        .unguarded = t->guard == WEIR_CONFIG_GUARD_OFF,
        .soft_delete = t->soft_delete,
        .by_transaction = t->apply == WEIR_CONFIG_APPLY_BY_TRANSACTION,
        .append = t->on_no_key == WEIR_CONFIG_NO_KEY_APPEND,
        .create = t->create == WEIR_CONFIG_CREATE_IF_MISSING,
        .on_ddl = on_ddl[t->on_ddl],
        .key = key,
        .n_key = t->key.count,
        .rename = (const weir_view(*)[2])rename,
        .n_rename = renamed->count,
        .cast = (const weir_view(*)[2])cast,
        .n_cast = casts->count,
        .modes = weir_config_column_modes(t->cache.source)};
    name_target(loader, t, rule);
}

/* SQLite's names are one whatever their letters' case. Where only one of two has a schema,
 * PostgreSQL knows, and the store is told when it looks at the tables. */
static bool same_target(
    const weir_config_store *store, const weir_table_rule *a, const weir_table_rule *b)
{
    if (store->type == WEIR_CONFIG_STORE_SQLITE) {
        return a->table && b->table && strcasecmp(a->table, b->table) == 0;
    }
    return weir_config_same_or_none(a->table, b->table) &&
           weir_config_same_or_none(a->schema, b->schema);
}

/* Two rules on one target would undo each other. */
static void check_target(const weir_config_loader *loader, const weir_config_table *t)
{
    const weir_config_store *store = t->cache.store;
    const weir_table_rule *own = &store->tables[store->n_tables - 1];
    for (const weir_table_rule *o = store->tables; o < own; o++) {
        if (same_target(store, o, own)) {
            char why[160];
            snprintf(why, sizeof why, "`%.120s` is kept in the same table already", o->cache);
            report(loader, t, "table", WEIR_E_CONFIG_CONFLICT, why);
        }
    }
    weir_table_rule state = {.table = store->state_table};
    if (same_target(store, &state, own)) {
        report(loader, t, "table", WEIR_E_CONFIG_CONFLICT,
            "it is the store's `state_table`, in which weir keeps what has no row");
    }
}

/* Would rows bring a column of this name? As far as the config tells. */
static bool brings(const weir_config_table *t, const char *column)
{
    const weir_config_columns *c = &t->cache.columns;
    const weir_config_column_types *types = &t->cache.source->types;
    for (size_t i = 0; i < c->rename.count; i++) {
        if (strcmp(c->rename.items[i].value, column) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < types->count && t->cache.table_name; i++) {
        const char *name = types->items[i].column;
        if (!weir_config_leaves_out(c, name) &&
            strcmp(types->items[i].table, t->cache.table_name) == 0 &&
            strcmp(weir_config_name_in_row(c, name), column) == 0) {
            return true;
        }
    }
    return false;
}

/* What weir keeps in a column is no column of the source's. */
static void check_own_columns(const weir_config_loader *loader, const weir_config_table *t)
{
    const weir_table_rule *rule = &t->cache.store->tables[t->cache.store->n_tables - 1];
    const char *const own[][2] = {
        {"soft_delete", rule->soft_delete}, {"position_column", rule->position_column}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i][1] && brings(t, own[i][1])) {
            char why[160];
            snprintf(
                why, sizeof why, "rows have a column `%.63s`: this one is weir's own", own[i][1]);
            report(loader, t, own[i][0], WEIR_E_CONFIG_CONFLICT, why);
        }
    }
}

void weir_config_add_table(const weir_config_loader *loader, const weir_config_table *t)
{
    add_rule(loader, t);
    check_target(loader, t);
    check_own_columns(loader, t);
}

void weir_config_resolve_tables(const weir_config_loader *loader)
{
    weir_config *c = loader->config;
    for (size_t i = 0; i < c->moulds.count; i++) {
        check_store(loader, c->moulds.items[i]);
    }
    for (size_t i = 0; i < c->followed.count; i++) {
        check_store(loader, c->followed.items[i]);
    }
    for (size_t i = 0; i < c->stores.count; i++) {
        c->stores.items[i].tables =
            weir_arena_alloc(&c->arena, c->tables.count * sizeof *c->stores.items[i].tables);
    }
    for (size_t i = 0; i < c->tables.count; i++) {
        const weir_config_table *t = &c->tables.items[i];
        bool pattern = t->cache.from && weir_config_is_pattern(t->cache.from);
        check_template(loader, t);
        check_casts(loader, t);
        check_apply(loader, t);
        check_guard(loader, t);
        if (!pattern && t->cache.store && t->cache.source && t->cache.store->tables) {
            weir_config_add_table(loader, t);
        }
    }
}
