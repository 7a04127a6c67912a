/* weir offsets: where the topics of a store were read to. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cache.h"
#include "consent.h"
#include "file/lines.h"
#include "replica.h"
#include "sync/stored.h"
#include "value/json.h"
#include "words.h"

static const weir_option options[] = {
    {"--from", "FILE", "set: what export has printed (- is stdin)"},
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

/* An offset that is to be set. The topic is in the arena, or the config's. */
typedef struct setting {
    const weir_config_store *store;
    const char *topic;
    int32_t partition;
    int64_t offset, old; /* -1: none */
    int32_t partitions;  /* that the topic had when it was read; 0: not known */
    struct setting *next;
} setting;

typedef struct offsets {
    weir_config *config;
    const weir_config_cache *cache; /* NULL: all */
    weir_arena arena;
    setting *first, **last;
    bool json; /* show as export does */
} offsets;

/* ---- show and export ------------------------------------------------------------------------- */

typedef struct shown {
    const offsets *offsets;
    const weir_config_store *store;
} shown;

static weir_status show_one(
    void *ctx, weir_view topic, int32_t partition, int64_t next, weir_error *err)
{
    const shown *s = ctx;
    (void)err;
    if (s->offsets->cache && !weir_view_is(topic, s->offsets->cache->topic)) {
        return WEIR_OK;
    }
    if (s->offsets->json) {
        printf("{\"store\":\"%s\",\"topic\":\"%.*s\",\"partition\":%d,\"offset\":%" PRId64 "}\n",
            s->store->name, WEIR_ARG(topic), (int)partition, next);
    } else {
        printf("%-12s %-48.*s %5d %12" PRId64 "\n", s->store->name, WEIR_ARG(topic), (int)partition,
            next);
    }
    return WEIR_OK;
}

static bool has_caches(const offsets *o, const weir_config_store *store)
{
    const weir_config_followed *lists[] = {&o->config->followed, &o->config->moulds};
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            if (lists[l]->items[i]->store == store && (!o->cache || o->cache->store == store)) {
                return true;
            }
        }
    }
    return false;
}

static weir_status show_store(const offsets *o, const weir_config_store *config, weir_error *err)
{
    weir_store store;
    shown ctx = {o, config};
    weir_status s = weir_cli_open_store(config, &store, err);
    if (s) {
        return s;
    }
    s = store.ops->begin(store.self, err);
    if (!s) {
        s = weir_stored_offsets(store, show_one, &ctx, err);
        store.ops->abort(store.self);
    }
    weir_cli_close_store(&store);
    return s;
}

static int show(weir_cli *cli, offsets *o, bool export)
{
    weir_error err = {.status = WEIR_OK};
    weir_status s = WEIR_OK;
    int code = weir_cli_end(cli);
    if (code) {
        return code;
    }
    o->json = export || cli->json;
    if (!o->json) {
        printf("%-12s %-48s %5s %12s\n", "STORE", "TOPIC", "PART.", "NEXT OFFSET");
    }
    for (size_t i = 0; i < o->config->stores.count && !s; i++) {
        const weir_config_store *store = &o->config->stores.items[i];
        s = has_caches(o, store) ? show_store(o, store, &err) : WEIR_OK;
    }
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}

/* ---- set: what is asked for
 * ---------------------------------------------------------------------- */

static const weir_config_cache *reader_of(
    const offsets *o, weir_view topic, const weir_config_store *store)
{
    for (size_t i = 0; i < o->config->followed.count; i++) {
        const weir_config_cache *c = o->config->followed.items[i];
        if (c->store == store && weir_view_is(topic, c->topic)) {
            return c;
        }
    }
    return NULL;
}

static weir_status add(
    offsets *o, const weir_config_cache *c, int32_t partition, int64_t offset, weir_error *err)
{
    setting *n = weir_arena_alloc(&o->arena, sizeof *n);
    if (!n) {
        return weir_fail_oom(err);
    }
    *n = (setting){c->store, c->topic, partition, offset, -1, 0, NULL};
    *o->last = n;
    o->last = &n->next;
    return WEIR_OK;
}

/* In every store that reads the topic; store_name "": in all of them. */
static weir_status add_place(
    offsets *o, weir_view store_name, const weir_cli_place *place, weir_error *err)
{
    const char *topic = weir_arena_copy(&o->config->arena, place->topic).ptr;
    size_t added; /* by a pattern, which may follow its table */
    weir_status s =
        topic ? weir_config_take_topics(o->config, &topic, 1, &added, err) : weir_fail_oom(err);
    bool any = false;
    for (size_t i = 0; i < o->config->stores.count && !s; i++) {
        const weir_config_store *store = &o->config->stores.items[i];
        const weir_config_cache *c = reader_of(o, place->topic, store);
        if (c && (!store_name.len || weir_view_is(store_name, store->name)) &&
            (!o->cache || o->cache->store == store)) {
            any = true;
            s = add(o, c, place->partition, place->offset, err);
        }
    }
    return s || any ? s
                    : weir_fail(err, WEIR_E_CONFIG_DANGLING_NAME,
                          "no cache here is made from topic %.*s", WEIR_ARG(place->topic));
}

/* {"store":…,"topic":…,"partition":…,"offset":…}; false: it is not. */
static bool read_line(
    const weir_value *v, weir_arena *scratch, weir_view *store, weir_cli_place *place)
{
    const weir_value *topic = weir_gets(v, "topic"), *name = weir_gets(v, "store");
    int64_t partition = -1;
    bool good = weir_is(topic, WEIR_STRING) &&
                weir_to_int64(weir_gets(v, "partition"), &partition) && partition >= 0 &&
                partition <= INT32_MAX && weir_to_int64(weir_gets(v, "offset"), &place->offset) &&
                place->offset >= 0;
    if (good) {
        place->topic = weir_string(topic, scratch);
        place->partition = (int32_t)partition;
        *store = weir_is(name, WEIR_STRING) ? weir_raw(name) : (weir_view){"", 0};
    }
    return good && place->topic.ptr;
}

static weir_status add_line(offsets *o, weir_view line, unsigned long number, weir_error *err)
{
    weir_arena scratch;
    const weir_value *v = NULL;
    weir_cli_place place;
    weir_view store;
    weir_arena_init(&scratch, 0);
    weir_status s = weir_json_read(line, &scratch, &v, err);
    if (s == WEIR_REJECT || (!s && !read_line(v, &scratch, &store, &place))) {
        s = weir_fail(err, WEIR_E_RECORDING_LINE,
            "line %lu is not {\"store\":…,\"topic\":…,\"partition\":…,\"offset\":…}", number);
    } else if (!s) {
        s = add_place(o, store, &place, err);
    }
    weir_arena_fini(&scratch);
    return s;
}

static weir_status add_file(offsets *o, const char *path, weir_error *err)
{
    weir_lines *lines;
    weir_view line;
    weir_status s = weir_lines_open(path, &lines, err);
    if (s) {
        return s;
    }
    while (!(s = weir_lines_next(lines, &line, err)) && line.ptr) {
        s = line.len ? add_line(o, line, weir_lines_number(lines), err) : WEIR_OK;
        if (s) {
            break;
        }
    }
    weir_lines_close(lines);
    return s;
}

/* ---- set: the plan, and doing it
 * ------------------------------------------------------------------ */

static weir_status look_up_old(const offsets *o, const weir_config_store *config, weir_error *err)
{
    weir_store store;
    weir_status s = weir_cli_open_store(config, &store, err);
    if (s) {
        return s;
    }
    s = store.ops->begin(store.self, err);
    for (setting *n = o->first; n && !s; n = n->next) {
        if (n->store == config) {
            s = weir_stored_offset(store, n->topic, n->partition, &n->old, err);
            s = s ? s : weir_stored_partitions(store, n->topic, &n->partitions, err);
        }
    }
    if (!s) {
        store.ops->abort(store.self);
    }
    weir_cli_close_store(&store);
    return s;
}

static void put_offset(weir_buf *to, int64_t offset)
{
    if (offset < 0) {
        weir_buf_puts(to, "the first record");
    } else {
        weir_buf_int(to, offset);
    }
}

static void make_plan(const offsets *o, weir_buf *plan)
{
    bool forward = false;
    weir_buf_puts(plan, "The next weir sync goes on reading at:\n");
    for (const setting *n = o->first; n; n = n->next) {
        weir_buf_printf(plan, "  %s/%d in store %s: ", n->topic, (int)n->partition, n->store->name);
        put_offset(plan, n->old);
        weir_buf_puts(plan, " -> ");
        put_offset(plan, n->offset);
        weir_buf_putc(plan, '\n');
        forward |= n->offset > (n->old < 0 ? 0 : n->old);
    }
    weir_buf_puts(plan, "Records that are met again change nothing: an older position never "
                        "overwrites a newer one.\n");
    weir_buf_puts(plan,
        forward ? "SKIPPED RECORDS ARE NEVER APPLIED: rows that they changed stay as they were, "
                  "and nothing shows\nit. The repair is weir rebuild.\n"
                : "");
}

static weir_status set_in(const offsets *o, const weir_config_store *config, weir_error *err)
{
    weir_store store;
    weir_status s = weir_open_store(config, false, NULL, &store, err);
    if (s) {
        return s;
    }
    s = store.ops->open_cache(store.self, 0, ".weir", err);
    s = s ? s : store.ops->begin(store.self, err);
    if (!s) {
        for (const setting *n = o->first; n && !s; n = n->next) {
            if (n->store == config) {
                s = weir_stored_offset_set(store, n->topic, n->partition, n->offset, err);
            }
        }
        if (s) {
            store.ops->abort(store.self);
        } else {
            s = store.ops->commit(store.self, err);
        }
    }
    weir_cli_close_store(&store);
    return s;
}

static bool is_touched(const offsets *o, const weir_config_store *store)
{
    for (const setting *n = o->first; n; n = n->next) {
        if (n->store == store) {
            return true;
        }
    }
    return false;
}

/* Each store with settings, one after the other. */
static weir_status for_stores(const offsets *o,
    weir_status (*fn)(const offsets *o, const weir_config_store *store, weir_error *err),
    weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < o->config->stores.count && !s; i++) {
        const weir_config_store *store = &o->config->stores.items[i];
        s = is_touched(o, store) ? fn(o, store, err) : WEIR_OK;
    }
    return s;
}

/* Fails where a daemon holds the store, before anybody is asked. */
static weir_status try_lock(const offsets *o, const weir_config_store *config, weir_error *err)
{
    weir_store store;
    (void)o;
    weir_status s = weir_open_store(config, false, NULL, &store, err);
    if (!s) {
        weir_cli_close_store(&store);
    }
    return s;
}

/* A partition that the topic does not have. NULL: none. */
static const setting *of_no_partition(const offsets *o)
{
    for (const setting *n = o->first; n; n = n->next) {
        if (n->partitions && n->partition >= n->partitions) {
            return n;
        }
    }
    return NULL;
}

static int apply(const weir_cli *cli, offsets *o, weir_error *err)
{
    int code = EXIT_YES;
    weir_buf plan = {0};
    weir_status s = for_stores(o, look_up_old, err);
    const setting *wrong = s ? NULL : of_no_partition(o);
    if (wrong) {
        return weir_cli_usage(cli, "%s has no partition %d: it had %d when store %s read it last",
            wrong->topic, (int)wrong->partition, (int)wrong->partitions, wrong->store->name);
    }
    s = s || cli->dry_run ? s : for_stores(o, try_lock, err);
    if (!s) {
        make_plan(o, &plan);
        if (weir_cli_consented(cli, weir_buf_str(&plan), &code)) {
            s = for_stores(o, set_in, err);
        }
    }
    weir_buf_fini(&plan);
    return s ? weir_cli_fail(cli, err) : code;
}

static int set(weir_cli *cli, offsets *o, const char *from)
{
    weir_error err = {.status = WEIR_OK};
    weir_status s = from ? add_file(o, from, &err) : WEIR_OK;
    for (const char *word; !s && (word = weir_cli_argument(cli));) {
        weir_cli_place place;
        if (!weir_cli_place_of(weir_view_of(word), &place) || (!place.topic.len && !o->cache)) {
            return weir_cli_usage(
                cli, "%s is no TOPIC/PARTITION@OFFSET (behind a CACHE: PARTITION@OFFSET)", word);
        }
        place.topic = place.topic.len ? place.topic : weir_view_of(o->cache->topic);
        s = add_place(o, (weir_view){"", 0}, &place, &err);
    }
    if (s) {
        return weir_cli_fail(cli, &err);
    }
    int code = weir_cli_end(cli);
    return code ? code : o->first ? apply(cli, o, &err) : weir_cli_usage(cli, "set which offsets?");
}

/* ---- The command
 * --------------------------------------------------------------------------------- */

/* The next word, if it is a cache and no place. */
static int take_cache(weir_cli *cli, offsets *o)
{
    weir_cli_place ignored;
    if (!cli->argc || weir_cli_place_of(weir_view_of(cli->argv[0]), &ignored) ||
        cli->argv[0][0] == '-') {
        return EXIT_YES;
    }
    return weir_cli_find_cache(cli, o->config, weir_cli_argument(cli), &o->cache);
}

static int run(weir_cli *cli)
{
    const char *from = weir_cli_option(cli, "--from"), *verb = weir_cli_argument(cli);
    bool is_set = verb && strcmp(verb, "set") == 0, is_export = verb && strcmp(verb, "export") == 0;
    if (!verb || !(is_set || is_export || strcmp(verb, "show") == 0) || (from && !is_set)) {
        return weir_cli_usage(cli, "show, set or export? (--from is for set)");
    }
    weir_config *config;
    int code = weir_cli_no_more_options(cli);
    code = code ? code : weir_cli_config_of_stores(cli, &config);
    if (code) {
        return code;
    }
    offsets o = {.config = config};
    o.last = &o.first;
    weir_arena_init(&o.arena, 0);
    code = take_cache(cli, &o);
    code = code ? code : is_set ? set(cli, &o, from) : show(cli, &o, is_export);
    weir_arena_fini(&o.arena);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_offsets = {
    .name = "offsets",
    .arguments = "show|export|set [CACHE] [PLACE…] -c CONFIG",
    .summary = "where the topics of a store were read to",
    .text =
        "A store keeps the offsets of its topics beside the rows, in the same transaction; no "
        "consumer group has\n"
        "them. show prints them, export prints them as JSON lines, and set changes them: PLACE is\n"
        "TOPIC/PARTITION@OFFSET, or PARTITION@OFFSET behind a CACHE; the offset may be "
        "earliest.\n\n"
        "Setting an offset back is harmless: an older position never overwrites a newer one. "
        "Setting it forward\n"
        "SKIPS records for good: the rows that they changed stay as they were, and nothing shows "
        "it. What is\n"
        "wanted is nearly always weir rebuild. set refuses while a daemon runs (exit code 5), "
        "prints what it\n"
        "will do, and asks; off a terminal it needs --yes.\n\n"
        "Examples\n"
        "  weir offsets show -c shop.yaml\n"
        "  weir offsets export orders -c shop.yaml > offsets.jsonl\n"
        "  weir offsets set --from offsets.jsonl -c shop.yaml\n"
        "  weir offsets set orders 0@4711 1@earliest -c shop.yaml --dry-run\n",
    .options = options,
    .run = run,
};
