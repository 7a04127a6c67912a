/* Stores of processes. See kept.h. */
#include "recordings/kept.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory/memory_store.h"
#include "postgres/postgres_store.h"
#include "sqlite/sqlite_store.h"
#include "value/json.h"

static weir_table_rule rules[RECORDED_TABLES];

static size_t rules_of(const recording *r)
{
    for (size_t i = 0; i < r->rules.n_caches && i < RECORDED_TABLES; i++) {
        const weir_config_cache *c = weir_config_cache_named(r->config, r->rules.caches[i].name);
        rules[i] = (weir_table_rule){.cache = c->name,
            .table = c->name,
            .position_column = getenv("SCHEDULE_SIDE") ? NULL : "_weir_pos",
            .soft_delete = getenv("SCHEDULE_SOFT") ? "_gone_at" : NULL,
            .create = true,
            .modes = weir_config_column_modes(c->source)};
    }
    return r->rules.n_caches;
}

static weir_store in_sqlite(const recording *r)
{
    static char path[64];
    weir_error err;
    weir_store s;
    snprintf(path, sizeof path, "/dev/shm/weir-schedules-%d.db", (int)getpid());
    const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    weir_sqlite_options o = {.path = path, .tables = rules, .n_tables = rules_of(r)};
    if (weir_sqlite_store_open(&o, &s, &err)) {
        recording_die("the store does not open", err.text);
    }
    return s;
}

static void empty_database(const char *conninfo)
{
    PGconn *c = PQconnectdb(conninfo);
    PGresult *g = PQexec(c,
        "set client_min_messages = error; drop schema public cascade; create schema public; "
        "create extension hstore; create extension citext; create extension ltree");
    if (PQresultStatus(g) != PGRES_COMMAND_OK) {
        recording_die("the database cannot be emptied", PQerrorMessage(c));
    }
    PQclear(g);
    PQfinish(c);
}

static weir_store in_postgres(const recording *r)
{
    weir_error err;
    weir_store s;
    const char *conninfo = getenv("WEIR_TEST_PG");
    if (!conninfo) {
        printf("skipped: PostgreSQL is not installed\n");
        exit(0);
    }
    empty_database(conninfo);
    weir_postgres_options o = {.conninfo = conninfo,
        .shared = strcmp(getenv("SCHEDULE_STORE"), "shared") == 0,
        .tables = rules,
        .n_tables = rules_of(r)};
    if (weir_postgres_store_open(&o, &s, &err)) {
        recording_die("the store does not open", err.text);
    }
    return s;
}

bool kept_in_tables(void)
{
    return getenv("SCHEDULE_STORE") != NULL;
}

static weir_store open_kept(const recording *r)
{
    const char *where = getenv("SCHEDULE_STORE");
    weir_error err;
    weir_store s;
    if (where) {
        return strcmp(where, "sqlite") == 0 ? in_sqlite(r) : in_postgres(r);
    }
    if (weir_memory_store_open(0, &s, &err)) {
        recording_die("the store does not open", err.text);
    }
    return s;
}

/* A process may die before it has opened any cache, and its store be looked into. */
weir_store kept_store(const recording *r)
{
    weir_error err;
    weir_store s = open_kept(r);
    weir_status st = s.ops->open_cache(s.self, 0, ".weir", &err);
    if (st) {
        recording_die("the store does not open", err.text);
    }
    return s;
}

bool kept_row_is(weir_view row, weir_view wanted)
{
    if (!kept_in_tables()) {
        return weir_view_eq(row, wanted);
    }
    weir_arena arena;
    weir_error err;
    const weir_value *have, *want;
    weir_arena_init(&arena, 0);
    bool same =
        !weir_json_read(row, &arena, &have, &err) && !weir_json_read(wanted, &arena, &want, &err);
    if (same) {
        WEIR_EACH_MEMBER(want, name, value)
        {
            const weir_value *own = weir_get(have, weir_string(name, &arena));
            same = same && own && weir_view_eq(weir_source(own), weir_source(value));
        }
    }
    weir_arena_fini(&arena);
    return same;
}
