/* weir stuck: what of a running daemon does not go on by itself. */
#include <string.h>

#include "ask.h"
#include "stuck_parked.h"
#include "table.h"
#include "value/json.h"

typedef struct list {
    weir_answer *a;
    weir_table table;
    weir_buf json;
    size_t n;
} list;

static void add(list *l, const char *what, weir_view where, weir_view why)
{
    const char *const names[] = {"what", "where", "why"};
    const weir_view cells[] = {weir_view_of(what), where, why};
    weir_buf_puts(&l->json, l->n++ ? ",{" : "{");
    for (size_t i = 0; i < 3; i++) {
        weir_table_add(&l->table, cells[i]);
        weir_buf_printf(&l->json, "%s\"%s\":", i ? "," : "", names[i]);
        weir_json_put_string(&l->json, cells[i]);
    }
    weir_buf_putc(&l->json, '}');
}

static void add_error(list *l, const char *what, weir_view where, const weir_value *error)
{
    if (weir_is(error, WEIR_OBJECT)) {
        add(l, what, where, weir_answer_error(l->a, error));
    }
}

static void add_store(list *l, const weir_value *store)
{
    weir_arena *arena = &l->a->arena;
    weir_view name = weir_answer_text(l->a, store, "name");
    weir_view where = weir_arena_printf(arena, "store %.*s", WEIR_ARG(name));
    add_error(l, "stopped", where, weir_gets(store, "failure"));
    add_error(l, "held", where, weir_gets(store, "held"));
    if (!weir_answer_flag(store, "live")) {
        const weir_value *silence = weir_gets(store, "silence");
        weir_view thread = weir_answer_text(l->a, silence, "thread");
        weir_view seconds = weir_answer_text(l->a, silence, "seconds");
        add(l, "hanging", where,
            weir_arena_printf(
                arena, "%.*s has stood still for %.*s s", WEIR_ARG(thread), WEIR_ARG(seconds)));
    }
}

/* What is the store's own trouble stands there already. */
static void add_partition(list *l, const weir_value *p)
{
    weir_view state = weir_answer_text(l->a, p, "state");
    weir_view topic = weir_answer_text(l->a, p, "topic");
    weir_view number = weir_answer_text(l->a, p, "partition");
    bool stuck = weir_view_is(state, "stuck");
    if (stuck || weir_view_is(state, "waiting")) {
        weir_view where =
            weir_is(weir_gets(p, "partition"), WEIR_NULL)
                ? topic
                : weir_arena_printf(&l->a->arena, "%.*s/%.*s", WEIR_ARG(topic), WEIR_ARG(number));
        add(l, stuck ? "stuck" : "waiting", where, weir_answer_text(l->a, p, "why"));
    }
}

static void add_cache(list *l, const weir_value *cache)
{
    weir_view name = weir_answer_text(l->a, cache, "name");
    int64_t keys = weir_answer_number(weir_gets(cache, "counts"), "quarantined");
    if (keys > 0) {
        weir_arena *arena = &l->a->arena;
        add(l, "quarantined", weir_arena_printf(arena, "cache %.*s", WEIR_ARG(name)),
            weir_arena_printf(arena,
                "%lld keys since the start; which still are: weir dump %.*s --states -c CONFIG",
                (long long)keys, WEIR_ARG(name)));
    }
}

/* Followers of a rejected record, which wait for an operator. */
static void add_parked(list *l, const weir_value *k)
{
    weir_arena *arena = &l->a->arena;
    weir_view topic = weir_answer_text(l->a, k, "topic"), key = weir_answer_text(l->a, k, "key");
    weir_view state = weir_answer_text(l->a, k, "state");
    weir_view why = weir_answer_error(l->a, weir_gets(k, "error"));
    const char *what = weir_view_is(state, "parked") ? "parked" : "released";
    add(l, what,
        weir_arena_printf(arena, "%.*s/%lld, key %.*s", WEIR_ARG(topic),
            (long long)weir_answer_number(k, "partition"), WEIR_ARG(key)),
        weir_arena_printf(arena, "%lld records behind %.*s",
            (long long)weir_answer_number(k, "followers"), WEIR_ARG(why)));
}

/* Of a service: what its handlers hold, and what is not well with it. */
static void add_handlers(list *l, const weir_value *handlers)
{
    weir_arena *arena = &l->a->arena;
    WEIR_EACH_OF(handlers, "holds", k)
    {
        weir_view topic = weir_answer_text(l->a, k, "topic"),
                  key = weir_answer_text(l->a, k, "key");
        add_error(l, "held",
            weir_arena_printf(arena, "%.*s/%lld@%lld, key %.*s", WEIR_ARG(topic),
                (long long)weir_answer_number(k, "partition"),
                (long long)weir_answer_number(k, "offset"), WEIR_ARG(key)),
            weir_gets(k, "error"));
    }
    const weir_value *unwell = weir_gets(handlers, "unwell");
    bool parked = weir_view_is(weir_answer_text(l->a, unwell, "code"), "KEY_PARKED");
    if (weir_is(unwell, WEIR_OBJECT) && !parked) { /* which has its own lines */
        weir_view where = weir_answer_text(l->a, unwell, "where");
        add_error(l, "unwell", where.len ? where : weir_view_of("handlers"), unwell);
    }
    WEIR_EACH_OF(handlers, "partitions", p)
    {
        add_partition(l, p);
    }
}

static void gather(list *l)
{
    add_handlers(l, weir_gets(l->a->root, "handlers"));
    const weir_value *parked = weir_gets(l->a->root, "parked");
    WEIR_EACH_OF(parked, "first", k)
    {
        add_parked(l, k);
    }
    add_error(l, "unknown", weir_view_of("parked keys"), weir_gets(parked, "trouble"));
    WEIR_EACH_OF(l->a->root, "stores", store)
    {
        add_store(l, store);
        WEIR_EACH_OF(store, "partitions", p)
        {
            add_partition(l, p);
        }
        WEIR_EACH_OF(store, "caches", cache)
        {
            add_cache(l, cache);
        }
    }
}

static int show(weir_cli *cli, weir_answer *a, void *ctx)
{
    static const weir_table_heading columns[] = {
        {"WHAT", false}, {"WHERE", false}, {"WHY", false}, {NULL, false}};
    list l = {.a = a};
    (void)ctx;
    weir_table_init(&l.table, columns);
    gather(&l);
    if (cli->json) {
        printf("{\"stuck\":[%s]}\n", weir_buf_str(&l.json));
    } else if (l.n) {
        weir_table_print(&l.table, stdout);
    } else if (!cli->quiet) {
        fputs("nothing is held, stuck or quarantined\n", stderr);
    }
    weir_table_fini(&l.table);
    weir_buf_fini(&l.json);
    return l.n ? EXIT_NO : EXIT_YES;
}

static int run(weir_cli *cli)
{
    if (weir_stuck_is_verb(cli)) {
        return weir_stuck_parked(cli);
    }
    return weir_ask(cli, false, show, NULL);
}

static const weir_option options[] = {
    {"--of", "TOPIC", "ls, release, reject: keys of this topic alone"},
    {"--no-key", NULL, "release, reject: records without a key"},
    {"--all", NULL, "release, reject: all keys (of --of)"},
    {"--again", NULL, "release: the record that was rejected is handled again, before the others"},
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

const weir_command weir_command_stuck = {
    .name = "stuck",
    .arguments = "[CONFIG|URL] | ls | release KEY | reject KEY  -c CONFIG",
    .summary = "what is held, stuck, quarantined or parked, and what becomes of parked keys",
    .text =
        "Asks the daemon at URL, or at http.listen of CONFIG, or at http://127.0.0.1:8080, for "
        "what\n"
        "does not go on by itself: a store that cannot be written, a topic or broker that is not\n"
        "there, a key with too many records behind it, a thread that stands still, and keys that "
        "are\n"
        "quarantined because a record of theirs could not be used: weir dump CACHE --states lists\n"
        "those, a full image of the row heals one; and of a service, records that a handler holds\n"
        "(the first 64), partitions without progress, a lost place in the group, and keys whose\n"
        "followers are parked behind a rejected record. Exits 0 when there is nothing, 1 when "
        "there is\n"
        "something, 3 when nobody answers.\n\n"
        "ls reads the topic of parked records (errors.parked of the config), whether or not the\n"
        "service runs: a line a key, with the record that was rejected and how many wait behind "
        "it.\n"
        "Exits 0 when there is none, 1 when there is one.\n\n"
        "release lets the service handle what waits, in order, before what comes; with --again "
        "the\n"
        "rejected record, too (it is a dead letter besides). reject sends what waits to the dead\n"
        "letters, also where it was released and does not get on. The word is written to the "
        "topic, where it stays with its time: the service "
        "that\n"
        "has the partition acts on it, now or when it runs next. What is to happen is said first;\n"
        "--dry-run ends there, and off a terminal it needs --yes.\n\n"
        "Examples\n"
        "  weir stuck shop.yaml\n"
        "  weir stuck ls -c payment.yaml\n"
        "  weir stuck release o17 -c payment.yaml --of orders --again\n"
        "  weir stuck reject --all -c payment.yaml --yes\n"
        "  weir stuck --json http://10.0.0.7:8080\n",
    .options = options,
    .run = run,
};
