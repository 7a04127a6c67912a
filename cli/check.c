/* weir check: is the config good, and is the world as it expects it to be? */
#include <string.h>

#include "check_online.h"
#include "config_table.h"
#include "check_registry.h"
#include "findings.h"
#include "patterns.h"
#include "validation.h"
#include "kafka/kafka_admin.h"
#include "value/json.h"

static const weir_option options[] = {
    {"--online", NULL, "ask the brokers, the topics and the disks too"},
    {NULL, NULL, NULL},
};

typedef struct check {
    weir_cli *cli;
    const char *path;
    weir_config *config; /* NULL: it is wrong */
    weir_config_problems problems;
    weir_findings properties, schemas, online;
} check;

/* ---- librdkafka's own opinion ---------------------------------------------------------------- */

typedef struct near_property {
    weir_config_nearest nearest;
    char name[80]; /* a copy: librdkafka's own goes */
} near_property;

static void offer(void *ctx, const char *name)
{
    near_property *near = ctx;
    weir_config_offer(&near->nearest, name);
    if (near->nearest.best == name) {
        snprintf(near->name, sizeof near->name, "%s", name);
        near->nearest.best = near->name;
    }
}

/* The property that a misspelt name is near to; NULL: none, or there is one of that name. */
static const char *meant(const char *name, near_property *near)
{
    *near = (near_property){.nearest = {.word = name}};
    weir_kafka_each_property(offer, near);
    return near->nearest.distance ? weir_config_meant(&near->nearest) : NULL;
}

static void try_properties(check *c, const weir_config_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const weir_config_pair *p = &pairs->items[i];
        weir_kafka_property property = {p->name, p->value, NULL};
        weir_error err;
        char what[300];
        if (weir_kafka_try_property(&property, &err)) {
            snprintf(what, sizeof what, "%s:%u:%u", c->path, p->place.line, p->place.column);
            near_property found;
            const char *near = meant(p->name, &found);
            /* Its message quotes the value, which may be a secret. */
            weir_find(&c->properties, WEIR_FOUND_WRONG, what, "%s%s%s%s",
                p->secret ? "librdkafka refuses the value of a secret property" : err.text,
                near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
        }
    }
}

/* Of a config that is wrong elsewhere, too. */
static void try_all_properties(void *ctx, const weir_config *config)
{
    try_properties(ctx, &config->kafka.properties);
    try_properties(ctx, &config->kafka.consumer);
    try_properties(ctx, &config->kafka.producer);
}

/* ---- The schemas of rows and events
 * -----------------------------------------------------------------------
 */

static void try_schemas(check *c)
{
    weir_validations all;
    const weir_config_validation *failed = NULL;
    weir_error err;
    if (!weir_validations_open(c->config, NULL, &all, &failed, &err)) {
        weir_validations_close(&all);
        return;
    }
    char what[300];
    weir_config_place place = {0, 0};
    if (failed) {
        place = weir_config_place_of(failed->node, "schema");
    }
    snprintf(what, sizeof what, "%s:%u:%u", c->path, place.line, place.column);
    weir_find(&c->schemas, WEIR_FOUND_WRONG, what, "%s%s%s [%s]", err.where, *err.where ? ": " : "",
        err.text, err.code);
}

/* ---- Saying it ------------------------------------------------------------------------------- */

static const char *mode_of(const weir_config_store *store)
{
    return weir_config_store_is_shared(store) ? "share" : "replicate";
}

static void put_stores_text(const weir_config *config, weir_buf *to)
{
    for (size_t i = 0; i < config->stores.count; i++) {
        const weir_config_store *store = &config->stores.items[i];
        weir_buf_printf(to, "store %s: %s%s%s, %s (%s)\n", store->name,
            weir_config_word(store_type, store->type), store->path ? " " : "",
            store->path ? store->path : "", mode_of(store),
            weir_config_store_is_shared(store) ? "the instances split the partitions"
                                               : "each instance reads all partitions");
        for (size_t k = 0; k < config->followed.count; k++) {
            const weir_config_cache *c = config->followed.items[k];
            if (c->store == store) {
                weir_buf_printf(to, "  %s %s: from %s, topic %s\n", c->as_table ? "table" : "cache",
                    c->name, c->from, c->topic);
            }
        }
        for (size_t k = 0; k < config->moulds.count; k++) {
            const weir_config_cache *c = config->moulds.items[k];
            if (c->store == store) {
                weir_buf_printf(to, "  %s %s.…: each that fits %s\n", weir_config_section_of(c),
                    c->name, c->from);
            }
        }
    }
    if (config->errors.reject == WEIR_CONFIG_REJECT_DEAD_LETTER) {
        weir_buf_printf(to, "dead letters: topic %s\n", config->errors.dead_letter.topic);
    }
}

static bool follows_nothing(const weir_config *config)
{
    return !config->followed.count && !config->moulds.count;
}

static size_t errors_of(const check *c)
{
    return c->problems.errors + c->properties.wrong + c->schemas.wrong;
}

static void put_text(const check *c, weir_buf *to)
{
    size_t errors = errors_of(c);
    if (c->config) {
        put_stores_text(c->config, to);
        weir_buf_puts(to, follows_nothing(c->config)
                              ? "no caches and no tables: a service's config; weir sync would have "
                                "nothing to do\n"
                              : "");
    }
    weir_findings_text(&c->online, to);
    weir_buf_printf(to, "%s: %zu error%s, %zu warning%s\n", c->path, errors, errors == 1 ? "" : "s",
        c->problems.warnings, c->problems.warnings == 1 ? "" : "s");
}

static void put_string(weir_buf *to, const char *before, const char *text)
{
    weir_buf_puts(to, before);
    weir_json_put_string(to, weir_view_of(text));
}

static void put_problems_json(const check *c, weir_buf *to)
{
    weir_buf_putc(to, '[');
    for (size_t i = 0; i < c->problems.count; i++) {
        const weir_config_problem *p = &c->problems.items[i];
        weir_buf_printf(to, "%s{\"warning\":%s,\"line\":%u,\"column\":%u,\"code\":\"%s\"",
            i ? "," : "", p->warning ? "true" : "false", p->place.line, p->place.column,
            weir_code_get(p->code)->name);
        put_string(to, ",\"where\":", p->where);
        put_string(to, ",\"text\":", p->text);
        weir_buf_putc(to, '}');
    }
    weir_buf_putc(to, ']');
}

static void put_caches_json(const weir_config *config, const weir_config_store *store, weir_buf *to)
{
    const char *comma = "";
    for (size_t i = 0; i < config->followed.count; i++) {
        const weir_config_cache *c = config->followed.items[i];
        if (c->store == store) {
            weir_buf_puts(to, comma);
            put_string(to, "{\"name\":", c->name);
            put_string(to, ",\"from\":", c->from);
            put_string(to, ",\"topic\":", c->topic);
            weir_buf_putc(to, '}');
            comma = ",";
        }
    }
}

static void put_json(const check *c, weir_buf *to)
{
    put_string(to, "{\"config\":", c->path);
    weir_buf_printf(
        to, ",\"errors\":%zu,\"warnings\":%zu,\"problems\":", errors_of(c), c->problems.warnings);
    put_problems_json(c, to);
    weir_buf_puts(to, ",\"properties\":");
    weir_findings_json(&c->properties, to);
    weir_buf_puts(to, ",\"schemas\":");
    weir_findings_json(&c->schemas, to);
    weir_buf_puts(to, ",\"stores\":[");
    for (size_t i = 0; c->config && i < c->config->stores.count; i++) {
        const weir_config_store *store = &c->config->stores.items[i];
        put_string(to, i ? ",{\"name\":" : "{\"name\":", store->name);
        weir_buf_printf(to, ",\"type\":\"%s\",\"mode\":\"%s\",\"caches\":[",
            weir_config_word(store_type, store->type), mode_of(store));
        put_caches_json(c->config, store, to);
        weir_buf_puts(to, "]}");
    }
    weir_buf_puts(to, "],\"online\":");
    weir_findings_json(&c->online, to);
    weir_buf_puts(to, "}\n");
}

/* What is wrong with the file is talk, unless JSON was asked for. */
static void say(const check *c)
{
    weir_buf talk = {0}, out = {0};
    if (c->cli->json) {
        put_json(c, &out);
    } else {
        for (size_t i = 0; i < c->problems.count; i++) {
            weir_config_problem_put(c->path, &c->problems.items[i], &talk);
        }
        for (const weir_finding *n = c->properties.first; n; n = n->next) {
            weir_buf_printf(&talk, "%s: error: %s [KAFKA_CONFIG]\n", n->what, n->text);
        }
        for (const weir_finding *n = c->schemas.first; n; n = n->next) {
            weir_buf_printf(&talk, "%s: error: %s\n", n->what, n->text);
        }
        put_text(c, &out);
    }
    fputs(weir_buf_str(&talk), stderr);
    fputs(weir_buf_str(&out), stdout);
    weir_buf_fini(&talk);
    weir_buf_fini(&out);
}

/* ---- The command ----------------------------------------------------------------------------- */

static int judge(const check *c, weir_status asked, const weir_error *err)
{
    if (errors_of(c)) {
        return EXIT_USAGE;
    }
    return asked ? weir_exit_of(err) : c->online.wrong ? EXIT_NO : EXIT_YES;
}

static int run_check(check *c, bool online)
{
    weir_error err = {.status = WEIR_OK};
    const weir_config_options asked = {.seen = try_all_properties, .ctx = c};
    weir_status s = weir_config_load(c->path, &asked, &c->config, &c->problems, &err);
    if (s && !c->problems.errors) {
        return weir_cli_fail(c->cli, &err); /* out of memory */
    }
    s = WEIR_OK;
    if (c->config) {
        try_schemas(c);
    }
    if (c->config && online && !errors_of(c)) {
        weir_check_registry(c->config, &c->online);
        if (weir_patterns_take(c->config, NULL, 1, NULL, &err)) {
            weir_find(&c->online, WEIR_FOUND_WRONG, "patterns", "%s", err.text);
        }
        s = weir_check_online(c->cli, c->config, &c->online, &err);
    }
    say(c);
    return judge(c, s, &err);
}

static int run(weir_cli *cli)
{
    bool online = weir_cli_option(cli, "--online") != NULL;
    check c = {.cli = cli};
    c.path = cli->config_path ? cli->config_path : weir_cli_argument(cli);
    int code = weir_cli_end(cli);
    if (code || !c.path) {
        return code ? code : weir_cli_usage(cli, "which config?");
    }
    weir_config_problems_init(&c.problems);
    weir_findings_init(&c.properties);
    weir_findings_init(&c.schemas);
    weir_findings_init(&c.online);
    code = run_check(&c, online);
    weir_findings_fini(&c.online);
    weir_findings_fini(&c.schemas);
    weir_findings_fini(&c.properties);
    weir_config_problems_fini(&c.problems);
    weir_config_free(c.config);
    return code;
}

const weir_command weir_command_check = {
    .name = "check",
    .arguments = "CONFIG",
    .summary = "is the config good, and the world as it expects it?",
    .text =
        "Offline: every problem of the file with its line and column, each librdkafka property "
        "tried, the schemas\n"
        "of `validation` compiled, and what\n"
        "the config comes to: its stores, whether each replicates or shares, caches and topics. "
        "Exit code 2: the\n"
        "config is wrong.\n\n"
        "--online asks, and changes nothing: are the brokers and topics there, and with as many "
        "partitions as\n"
        "when the store was filled; can the store go on from its offsets; is a topic compacted "
        "whose table has\n"
        "no full images, and how long does it keep records; are the topics of dead letters, events "
        "and replays there and "
        "large enough; are\n"
        "the columns that CONFIG names in the newest records; do heartbeats arrive; is there room "
        "on the disk; do the databases of tables answer, and can each table be kept (its key, "
        "foreign keys, further "
        "unique indexes); does the registry answer, and has it the subjects. Exit code 1: "
        "something is "
        "wrong, 3: no "
        "broker answers,\n"
        "4: it refuses. What a broker cannot tell is \"not checked\".\n\n"
        "Examples\n"
        "  weir check shop.yaml\n"
        "  weir check shop.yaml --online --timeout 5s\n"
        "  weir check shop.yaml --online --json | jq '.online[] | select(.result == \"wrong\")'\n",
    .options = options,
    .run = run,
};
