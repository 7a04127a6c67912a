/* weir rebuild: empties caches, so that the next sync makes them anew from their topics. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cache.h"
#include "consent.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"
#include "replica.h"
#include "sync/stored.h"

typedef struct rebuild {
    weir_config *config;
    bool *chosen; /* by the caches of the config, those that are named on the way too; owned */
    const weir_config_store *store;
} rebuild;

static const weir_config_cache *cache_at(const rebuild *r, size_t i)
{
    return r->config->followed.items[i];
}

/* Does a cache that is not rebuilt share this one's topic and store? */
static const weir_config_cache *sharer(const rebuild *r, const weir_config_cache *of)
{
    for (size_t i = 0; i < r->config->followed.count; i++) {
        const weir_config_cache *c = cache_at(r, i);
        if (!r->chosen[i] && c->store == of->store && strcmp(c->topic, of->topic) == 0) {
            return c;
        }
    }
    return NULL;
}

/* ---- The plan -------------------------------------------------------------------------------- */

static weir_status plan_cache(
    const rebuild *r, const weir_config_cache *c, weir_buf *plan, weir_error *err)
{
    weir_store store;
    weir_status s = weir_cli_open_cache(c, &store, err);
    if (s) {
        return s;
    }
    weir_buf_printf(plan,
        "  %s %s in store %s (%s): %" PRIu64 " rows and all its delete marks go\n"
        "    topic %s is read again from its first record\n",
        c->as_table ? "table" : "cache", c->name, c->store->name,
        c->store->path ? c->store->path : weir_config_word(store_type, c->store->type),
        store.ops->count(store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW), c->topic);
    weir_cli_close_store(&store);
    const weir_config_cache *other = sharer(r, c);
    if (other) {
        weir_buf_printf(plan,
            "    cache %s follows the same topic: it meets the records again, which changes "
            "nothing;\n    if partitions were added to the topic, or it holds a second initial "
            "snapshot, rebuild "
            "both at once\n",
            other->name);
    }
    return WEIR_OK;
}

/* From what the store holds now; a daemon may still be writing it. */
static weir_status make_plan(const rebuild *r, weir_buf *plan, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_buf_puts(plan, "To be rebuilt:\n");
    for (size_t i = 0; i < r->config->followed.count && !s; i++) {
        s = r->chosen[i] ? plan_cache(r, cache_at(r, i), plan, err) : WEIR_OK;
    }
    weir_buf_puts(plan,
        "Readers see an empty cache, then a growing one, until weir sync has caught up. What the "
        "topic\nno longer holds does not come back: see its retention with weir check --online.\n");
    return s;
}

/* ---- Doing it -------------------------------------------------------------------------------- */

static weir_status forget_one(const rebuild *r, weir_store store, unsigned number, weir_error *err)
{
    const weir_config_cache *c = cache_at(r, number - 1);
    weir_status s = weir_stored_forget_cache(store, number, c->name, err);
    s = s ? s : weir_stored_forget_offsets(store, c->topic, err);
    /* A topic that has grown stays an alarm for the caches that were not rebuilt. */
    return s || sharer(r, c) ? s : weir_stored_partitions_set(store, c->topic, 0, err);
}

/* Rows go before those that they refer to. */
static weir_status forget_all(const rebuild *r, weir_store store, weir_error *err)
{
    size_t n = 0;
    unsigned *numbers = weir_calloc(r->config->followed.count + 1, sizeof *numbers);
    for (size_t i = 0; numbers && i < r->config->followed.count; i++) {
        numbers[n] = (unsigned)i + 1;
        n += r->chosen[i];
    }
    weir_status s = !numbers          ? weir_fail_oom(err)
                    : store.ops->sort ? store.ops->sort(store.self, numbers, n, err)
                                      : WEIR_OK;
    for (size_t i = n; i > 0 && !s; i--) {
        s = forget_one(r, store, numbers[i - 1], err);
    }
    weir_free(numbers);
    if (s && strcmp(err->code, "TABLE_DEPENDS") == 0) {
        weir_error why = *err;
        return weir_fail(err, WEIR_E_TABLE_DEPENDS,
            "%.170s: rebuild the tables that refer to it at the same time", why.text);
    }
    return s;
}

static weir_status rebuild_in(const rebuild *r, weir_store store, weir_error *err)
{
    weir_status s = store.ops->open_cache(store.self, 0, ".weir", err);
    for (size_t i = 0; i < r->config->followed.count && !s; i++) {
        if (r->chosen[i]) {
            s = store.ops->open_cache(store.self, (unsigned)i + 1, cache_at(r, i)->name, err);
        }
    }
    s = s ? s : store.ops->begin(store.self, err);
    if (s) {
        return s;
    }
    s = forget_all(r, store, err);
    if (s) {
        store.ops->abort(store.self);
        return s;
    }
    return store.ops->commit(store.self, err);
}

/* ---- Offsets of a group -------------------------------------------------------------------------
 */

typedef struct regrouping {
    weir_kafka_admin *admin;
    weir_offset *offsets;
    size_t n, capacity;
} regrouping;

static weir_status add_offset(
    regrouping *g, const char *topic, int32_t number, int64_t first, weir_error *err)
{
    if (g->n == g->capacity) {
        size_t capacity = g->capacity ? g->capacity * 2 : 64;
        weir_offset *grown = weir_realloc(g->offsets, capacity * sizeof *grown);
        if (!grown) {
            return weir_fail_oom(err);
        }
        g->offsets = grown;
        g->capacity = capacity;
    }
    g->offsets[g->n++] = (weir_offset){.topic = topic, .number = number, .next = first};
    return WEIR_OK;
}

static weir_status add_topic(regrouping *g, const char *topic, weir_error *err)
{
    int32_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->offsets[i].topic, topic) == 0) {
            return WEIR_OK;
        }
    }
    weir_status s = weir_kafka_admin_partitions(g->admin, topic, &n, err);
    for (int32_t p = 0; p < n && !s; p++) {
        int64_t first = 0, end;
        s = weir_kafka_admin_ends(g->admin, topic, p, &first, &end, err);
        s = s ? s : add_offset(g, topic, p, first, err);
    }
    return s;
}

/* Where instances share the partitions, their group's offsets say where reading goes on. They are
 * set before the tables are emptied: refused while an instance runs, and if it ends in between,
 * records that come again change nothing. */
static weir_status set_group_back(const weir_cli *cli, const rebuild *r, weir_error *err)
{
    weir_cli_kafka kafka;
    regrouping g = {.n = 0};
    char group[520];
    snprintf(group, sizeof group, "%s.%s", r->config->name, r->store->name);
    weir_status s = weir_cli_kafka_init(&kafka, r->config, NULL, err);
    if (s) {
        return s;
    }
    weir_kafka_admin_options o = {kafka.reader, kafka.n_reader, cli->timeout_ms, NULL};
    s = weir_kafka_admin_open(&o, &g.admin, err);
    s = s ? s : weir_kafka_admin_look(g.admin, err);
    for (size_t i = 0; i < r->config->followed.count && !s; i++) {
        s = r->chosen[i] ? add_topic(&g, cache_at(r, i)->topic, err) : WEIR_OK;
    }
    s = s ? s : weir_kafka_admin_set_offsets(g.admin, group, g.offsets, g.n, err);
    weir_kafka_admin_close(g.admin);
    weir_free(g.offsets);
    weir_cli_kafka_fini(&kafka);
    return s;
}

/* ---- The command ----------------------------------------------------------------------------- */

static int choose(weir_cli *cli, rebuild *r)
{
    const char *name = weir_cli_argument(cli);
    do {
        const weir_config_cache *c;
        int code = weir_cli_find_cache(cli, r->config, name, &c);
        if (code) {
            return code;
        }
        if (r->store && c->store != r->store) {
            return weir_cli_usage(cli, "%s is in another store: one store at a time", c->name);
        }
        r->store = c->store;
        for (size_t i = 0; i < r->config->followed.count; i++) {
            r->chosen[i] |= cache_at(r, i) == c;
        }
    } while ((name = weir_cli_argument(cli)));
    return weir_cli_end(cli);
}

/* Locks the store before anybody is asked. */
static weir_status ask_and_do(
    const weir_cli *cli, const rebuild *r, const char *plan, int *code, weir_error *err)
{
    weir_store store;
    weir_status s = weir_open_store(r->store, false, NULL, &store, err);
    if (s) {
        return s;
    }
    if (weir_cli_consented(cli, plan, code)) {
        s = weir_config_store_is_shared(r->store) ? set_group_back(cli, r, err) : WEIR_OK;
        s = s ? s : rebuild_in(r, store, err);
    }
    weir_cli_close_store(&store);
    return s;
}

/* An LMDB store must not be open twice in one process, so the plan is made before. */
static int apply(const weir_cli *cli, const rebuild *r)
{
    weir_error err = {.status = WEIR_OK};
    weir_buf plan = {0};
    int code = EXIT_YES;
    weir_status s = make_plan(r, &plan, &err);
    if (!s && cli->dry_run) {
        weir_cli_consented(cli, weir_buf_str(&plan), &code);
    } else if (!s) {
        s = ask_and_do(cli, r, weir_buf_str(&plan), &code, &err);
    }
    weir_buf_fini(&plan);
    return s ? weir_cli_fail(cli, &err) : code;
}

static int run(weir_cli *cli)
{
    weir_config *config;
    int code = weir_cli_no_more_options(cli);
    code = code ? code : weir_cli_config_option(cli, &config);
    if (code) {
        return code;
    }
    rebuild r = {.config = config,
        .chosen = weir_calloc(config->followed.count + (size_t)cli->argc, sizeof(bool))};
    weir_error err = {.status = WEIR_OK};
    if (r.chosen) {
        code = choose(cli, &r);
        code = code ? code : apply(cli, &r);
    } else {
        weir_fail_oom(&err);
        code = weir_cli_fail(cli, &err);
    }
    weir_free(r.chosen);
    weir_config_free(config);
    return code;
}

static const weir_option options[] = {
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

const weir_command weir_command_rebuild = {
    .name = "rebuild",
    .arguments = "CACHE… -c CONFIG",
    .summary = "empty caches, so that the next sync makes them anew",
    .text =
        "In one transaction: the rows, delete marks and watermarks of the caches go, the rule they "
        "were made by\n"
        "is forgotten, and so are the offsets of their topics. The next weir sync reads those "
        "topics from their\n"
        "first records, and where a topic holds several initial snapshots (a lost slot, a first "
        "one that was cut\n"
        "short) the newest one says which rows are there. It is what to do after a changed rule, a "
        "second snapshot,\n"
        "or added partitions; after a restored database it stops again (POSITION_REGRESS): that "
        "wants a new topic.\n"
        "It refuses while a daemon runs (exit code 5), prints what it will do, and "
        "asks; off a\n"
        "terminal it needs --yes. Of tables that instances share, the group's offsets go to the "
        "first\n"
        "records; all instances must be stopped (exit code 4). Tables that refer to each other by "
        "foreign "
        "keys are\n"
        "named together, in any order.\n\n"
        "Examples\n"
        "  weir rebuild orders -c shop.yaml --dry-run\n"
        "  weir rebuild orders open_orders -c shop.yaml --yes\n",
    .options = options,
    .run = run,
};
