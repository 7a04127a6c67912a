/* weir lag: how far a running daemon is behind its topics, and why. */
#include "ask.h"
#include "table.h"
#include "value/json.h"

static const weir_option options[] = {
    {"--max", "N", "exit 1 when a partition lags by more than N records, or nobody knows"},
    {"--watch", NULL, "again every two seconds, until it is interrupted"},
    {NULL, NULL, NULL},
};

/* Calls fn for each partition, of stores and of a service's handlers; store NULL: of handlers. */
typedef void partition_fn(void *ctx, const weir_value *store, const weir_value *partition);

static void each_partition(const weir_answer *a, partition_fn *fn, void *ctx)
{
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "partitions", p)
        {
            fn(ctx, store, p);
        }
    }
    WEIR_EACH_OF(weir_gets(a->root, "handlers"), "partitions", p)
    {
        fn(ctx, NULL, p);
    }
}

typedef struct verdict {
    int64_t max; /* -1: none */
    int64_t largest;
    size_t above, unknown, partitions;
} verdict;

static void judge(void *ctx, const weir_value *store, const weir_value *partition)
{
    verdict *v = ctx;
    (void)store;
    v->partitions++;
    int64_t lag = weir_answer_number(partition, "lag");
    v->unknown += lag < 0;
    v->above += lag > v->max;
    v->largest = lag > v->largest ? lag : v->largest;
}

typedef struct print {
    weir_answer *a;
    weir_table table;
    weir_buf json;
} print;

static void add_row(void *ctx, const weir_value *store, const weir_value *p)
{
    static const char *const names[] = {"topic", "partition", "end", "frontier", "lag", "open"};
    print *out = ctx;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_table_add(&out->table, weir_answer_text(out->a, p, names[i]));
    }
    weir_table_add(
        &out->table, store ? weir_answer_text(out->a, store, "name") : weir_view_of("(handlers)"));
    weir_table_add(&out->table, weir_answer_text(out->a, p, "state"));
    weir_table_add(&out->table, weir_answer_text(out->a, p, "why"));
}

static void print_table(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"TOPIC", false}, {"PARTITION", true},
        {"END", true}, {"FRONTIER", true}, {"LAG", true}, {"OPEN", true}, {"STORE", false},
        {"STATE", false}, {"WHY", false}, {NULL, false}};
    print out = {.a = a};
    weir_table_init(&out.table, columns);
    each_partition(a, add_row, &out);
    weir_table_print(&out.table, stdout);
    weir_table_fini(&out.table);
}

/* As /status has it, with its store. */
static void add_object(void *ctx, const weir_value *store, const weir_value *p)
{
    weir_buf *b = &((print *)ctx)->json;
    weir_buf_puts(b, b->len ? ",{\"store\":" : "{\"store\":");
    if (store) {
        weir_json_put(b, weir_gets(store, "name"));
    } else {
        weir_buf_puts(b, "null");
    }
    WEIR_EACH_MEMBER(p, name, value)
    {
        weir_buf_putc(b, ',');
        weir_json_put(b, name);
        weir_buf_putc(b, ':');
        weir_json_put(b, value);
    }
    weir_buf_putc(b, '}');
}

static void print_json(weir_answer *a)
{
    print out = {.a = a};
    each_partition(a, add_object, &out);
    printf("{\"partitions\":[%s]}\n", weir_buf_str(&out.json));
    weir_buf_fini(&out.json);
}

static int show(weir_cli *cli, weir_answer *a, void *ctx)
{
    verdict v = {.max = *(const int64_t *)ctx};
    each_partition(a, judge, &v);
    (cli->json ? print_json : print_table)(a);
    if (v.max < 0) {
        return EXIT_YES;
    }
    if (v.unknown || !v.partitions) {
        fprintf(stderr, "weir lag: the lag of %zu of %zu partitions is not known\n", v.unknown,
            v.partitions);
    }
    if (v.above) {
        fprintf(stderr,
            "weir lag: %zu of %zu partitions lag by more than %lld records, the worst by %lld\n",
            v.above, v.partitions, (long long)v.max, (long long)v.largest);
    }
    return v.above || v.unknown || !v.partitions ? EXIT_NO : EXIT_YES;
}

static int run(weir_cli *cli)
{
    bool watch = weir_cli_option(cli, "--watch") != NULL;
    const char *text = weir_cli_option(cli, "--max");
    int64_t max = -1;
    if (text && (!weir_text_to_int64(weir_view_of(text), &max) || max < 0)) {
        return weir_cli_usage(cli, "--max takes a number of records, not %s", text);
    }
    return weir_ask(cli, watch, show, &max);
}

const weir_command weir_command_lag = {
    .name = "lag",
    .arguments = "[CONFIG|URL]",
    .summary = "how far a running daemon is behind, and why",
    .text =
        "Asks the daemon at URL, or at http.listen of CONFIG, or at http://127.0.0.1:8080, for\n"
        "each partition's end, its frontier (below it every record is settled), what lies between\n"
        "and what is in hand, and says why a partition is not current. Of a service's\n"
        "handlers, too (STORE: \"(handlers)\", in JSON null): of those partitions that it has.\n\n"
        "  starting  what was there at the start is still being applied\n"
        "  behind    nothing is wrong: throughput\n"
        "  held      the store or the dead-letter topic cannot be written, or a handler says hold\n"
        "  waiting   the broker is not reached, the topic is not there, or the group has no place\n"
        "  stuck     a key that is being retried has too many records behind it\n"
        "  hanging   a thread stands still\n"
        "  stopped   the sync has failed\n\n"
        "Exits 0, or 3 when nobody answers. With --max it exits 1 when a partition lags by more, "
        "or\n"
        "when a lag is not known.\n\n"
        "Examples\n"
        "  weir lag shop.yaml\n"
        "  weir lag --max 1000 --quiet http://10.0.0.7:8080 || page-somebody\n",
    .options = options,
    .run = run,
};
