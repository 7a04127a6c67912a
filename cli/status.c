/* weir status: how a running daemon is doing. */
#include <stdlib.h>

#include "ask.h"
#include "table.h"

static const weir_option options[] = {
    {"--watch", NULL, "again every two seconds, until it is interrupted"},
    {NULL, NULL, NULL},
};

/* ---- Cells --------------------------------------------------------------------------------------
 */

static void add_text(weir_table *t, weir_answer *a, const weir_value *object, const char *name)
{
    weir_table_add(t, weir_answer_text(a, object, name));
}

static void add_bytes(weir_table *t, const weir_value *object, const char *name)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    if (weir_is(weir_gets(object, name), WEIR_NULL)) {
        weir_table_add(t, weir_view_of("-")); /* no bound */
        return;
    }
    double n = (double)weir_answer_number(object, name);
    size_t unit = 0;
    char text[32];
    while (n >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        n /= 1024;
        unit++;
    }
    snprintf(text, sizeof text, unit && n < 10 ? "%.1f %s" : "%.0f %s", n, units[unit]);
    weir_table_add(t, weir_view_of(text));
}

/* A store's state in words. */
static weir_view state_of(weir_answer *a, const weir_value *store)
{
    const weir_value *failure = weir_gets(store, "failure"), *held = weir_gets(store, "held");
    bool ready = weir_answer_flag(store, "ready");
    if (weir_is(failure, WEIR_OBJECT) || weir_is(held, WEIR_OBJECT)) {
        bool failed = weir_is(failure, WEIR_OBJECT);
        weir_view why = weir_answer_error(a, failed ? failure : held);
        return weir_arena_printf(
            &a->arena, "%s %.*s", failed ? "stopped by" : "held by", WEIR_ARG(why));
    }
    if (!weir_answer_flag(store, "live")) {
        const weir_value *silence = weir_gets(store, "silence");
        weir_view thread = weir_answer_text(a, silence, "thread");
        weir_view seconds = weir_answer_text(a, silence, "seconds");
        return weir_arena_printf(&a->arena, "hanging: %.*s has stood still for %.*s s",
            WEIR_ARG(thread), WEIR_ARG(seconds));
    }
    return weir_view_of(ready ? "ready" : "catching up");
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

/* A service may have no stores, or no caches: a heading alone would say that something is wrong. */
static void print_section(weir_table *t)
{
    if (t->n_cells) {
        putchar('\n');
        weir_table_print(t, stdout);
    }
    weir_table_fini(t);
}

static void print_stores(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"STORE", false}, {"TYPE", false}, {"SIZE", true},
        {"LIMIT", true}, {"TRANSACTIONS", true}, {"SETTLED", true}, {"REJECTED", true},
        {"IN FLIGHT", true}, {"STATE", false}, {NULL, false}};
    weir_table t;
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "stores", store)
    {
        add_text(&t, a, store, "name");
        add_text(&t, a, store, "type");
        add_bytes(&t, store, "bytes");
        add_bytes(&t, store, "limit_bytes");
        add_text(&t, a, store, "transactions");
        add_text(&t, a, store, "settled");
        add_text(&t, a, store, "rejected");
        add_text(&t, a, store, "in_flight_records");
        weir_table_add(&t, state_of(a, store));
    }
    print_section(&t);
}

static void print_caches(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"CACHE", false}, {"STORE", false}, {"ROWS", true},
        {"CHANGES", true}, {"DELETES", true}, {"INCOMPLETE", true}, {"QUARANTINED", true},
        {"APPLIED", false}, {NULL, false}};
    weir_table t;
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "caches", cache)
        {
            const weir_value *counts = weir_gets(cache, "counts");
            add_text(&t, a, cache, "name");
            add_text(&t, a, store, "name");
            add_text(&t, a, cache, "rows");
            add_text(&t, a, counts, "changes");
            add_text(&t, a, counts, "deletes");
            add_text(&t, a, counts, "incomplete");
            add_text(&t, a, counts, "quarantined");
            add_text(&t, a, weir_gets(cache, "applied"), "time");
        }
    }
    print_section(&t);
}

static weir_view state_of_outbox(weir_answer *a, const weir_value *o)
{
    const weir_value *held = weir_gets(o, "held");
    if (weir_is(held, WEIR_OBJECT)) {
        weir_view why = weir_answer_text(a, held, "text");
        return weir_arena_printf(&a->arena, "held by %.*s", WEIR_ARG(why));
    }
    return weir_view_of(weir_answer_flag(o, "leads") ? "sends" : "another instance sends");
}

/* Of a service whose handlers have transactions. */
static void print_outboxes(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"OUTBOX", false}, {"PENDING", true},
        {"RELAYED", true}, {"OLDEST", false}, {"STATE", false}, {NULL, false}};
    weir_table t;
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "outboxes", o)
    {
        add_text(&t, a, o, "store");
        add_text(&t, a, o, "pending");
        add_text(&t, a, o, "relayed");
        add_text(&t, a, o, "oldest");
        weir_table_add(&t, state_of_outbox(a, o));
    }
    print_section(&t);
}

static void print_breakers(weir_answer *a)
{
    static const weir_table_heading columns[] = {
        {"BREAKER", false}, {"STATE", false}, {"OPENED", true}, {NULL, false}};
    weir_table t;
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "breakers", b)
    {
        add_text(&t, a, b, "name");
        add_text(&t, a, b, "state");
        add_text(&t, a, b, "opened");
    }
    print_section(&t);
}

static void print_handlers(weir_answer *a, const weir_value *h)
{
    static const char *const counts[] = {
        "handled", "retried", "held", "duplicate", "unrouted", "dead_lettered"};
    const char *before = "\nhandlers: ";
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        printf("%s%.*s %s", before, WEIR_ARG(weir_answer_text(a, h, counts[i])), counts[i]);
        before = ", ";
    }
    const weir_value *member = weir_gets(h, "member");
    bool out = member && !weir_answer_flag(h, "member");
    printf("%s\n", out ? "; NO PLACE IN ITS GROUP" : "");
}

/* Rows a second of the time that the database takes for them, so that the slowest one shows itself
 * also where none has much to do. */
static void add_rate(weir_table *t, int64_t n, double of)
{
    char text[32];
    snprintf(text, sizeof text, "%.0f", of > 0 ? (double)n / of : 0);
    weir_table_add(t, weir_view_of(of > 0 ? text : ""));
}

static double seconds_of(weir_answer *a, const weir_value *written)
{
    char text[32];
    weir_view v = weir_answer_text(a, written, "seconds");
    snprintf(text, sizeof text, "%.*s", WEIR_ARG(v));
    return strtod(text, NULL);
}

/* The table that the databases have spent most time on; NULL: none was written to. */
static const weir_value *busiest(weir_answer *a)
{
    const weir_value *found = NULL;
    double most = 0;
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "caches", cache)
        {
            const weir_value *w = weir_gets(cache, "written");
            if (weir_is(w, WEIR_OBJECT) && (!found || seconds_of(a, w) > most)) {
                most = seconds_of(a, w);
                found = cache;
            }
        }
    }
    return found;
}

static void print_written(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"TABLE", false}, {"STORE", false},
        {"WRITTEN", true}, {"ROWS/BATCH", true}, {"ROWS/S", true}, {"SECONDS", true}, {"", false},
        {NULL, false}};
    const weir_value *most = busiest(a);
    weir_table t;
    if (!most) {
        return;
    }
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "caches", cache)
        {
            const weir_value *w = weir_gets(cache, "written");
            if (!weir_is(w, WEIR_OBJECT)) {
                continue;
            }
            int64_t rows = weir_answer_number(w, "rows");
            add_text(&t, a, cache, "name");
            add_text(&t, a, store, "name");
            add_text(&t, a, w, "rows");
            add_rate(&t, rows, (double)weir_answer_number(w, "batches"));
            add_rate(&t, rows, seconds_of(a, w));
            add_text(&t, a, w, "seconds");
            weir_table_add(&t, weir_view_of(cache == most ? "takes the most time" : ""));
        }
    }
    print_section(&t);
}

static void print_head(weir_answer *a)
{
    weir_view name = weir_answer_text(a, a->root, "name");
    weir_view version = weir_answer_text(a, a->root, "version");
    weir_view uptime = weir_answer_text(a, a->root, "uptime_seconds");
    int64_t seconds = 0;
    const char *point = memchr(uptime.ptr, '.', uptime.len);
    uptime.len = point ? (size_t)(point - uptime.ptr) : uptime.len;
    if (!weir_text_to_int64(uptime, &seconds)) {
        seconds = 0;
    }
    printf("%.*s, weir %.*s: %s%s%s, up ", WEIR_ARG(name), WEIR_ARG(version),
        weir_answer_flag(a->root, "live") ? "" : "not live, ",
        weir_answer_flag(a->root, "ready") ? "ready" : "not ready",
        weir_answer_flag(a->root, "stopping") ? ", stopping" : "");
    if (seconds >= 86400) {
        printf("%lld d ", (long long)seconds / 86400);
    }
    printf("%lld:%02lld:%02lld\n", (long long)seconds % 86400 / 3600,
        (long long)seconds % 3600 / 60, (long long)seconds % 60);
}

static int show(weir_cli *cli, weir_answer *a, void *ctx)
{
    (void)ctx;
    if (cli->json) {
        fputs(weir_buf_str(&a->text), stdout);
    } else {
        print_head(a);
        print_stores(a);
        print_caches(a);
        print_written(a);
        const weir_value *handlers = weir_gets(a->root, "handlers");
        if (handlers) {
            print_handlers(a, handlers);
        }
        print_breakers(a);
        print_outboxes(a);
    }
    return weir_answer_flag(a->root, "ready") ? EXIT_YES : EXIT_NO;
}

static int run(weir_cli *cli)
{
    bool watch = weir_cli_option(cli, "--watch") != NULL;
    return weir_ask(cli, watch, show, NULL);
}

const weir_command weir_command_status = {
    .name = "status",
    .arguments = "[CONFIG|URL]",
    .summary = "how a running daemon is doing",
    .text =
        "Asks the daemon at URL, or at http.listen of CONFIG, or at http://127.0.0.1:8080, for "
        "its\n"
        "stores and caches, a service's also for its handlers, breakers and outboxes. Counts are "
        "since its start. With\n"
        "--json it prints the document of /status as it is. Exits 0 when the daemon is ready, 1 "
        "when it is not, 3 when nobody "
        "answers.\n\n"
        "Examples\n"
        "  weir status shop.yaml\n"
        "  weir status --watch http://10.0.0.7:8080\n"
        "  weir status --json shop.yaml | jq '.stores[].caches[] | {name, rows}'\n",
    .options = options,
    .run = run,
};
