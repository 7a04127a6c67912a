/* weir lag: how far a running daemon is behind its topics, and why. */
#include "ask.h"
#include "table.h"
#include "value/json.h"

static const weir_option options[] = {
    {"--max", "N", "exit 1 when a partition lags by more than N records, or nobody knows"},
    {"--watch", NULL, "again every two seconds, until it is interrupted"},
    {NULL, NULL, NULL},
};

typedef struct verdict {
    int64_t max; /* -1: none */
    int64_t largest;
    size_t above, unknown;
} verdict;

static void judge(verdict *v, const weir_value *partition)
{
    int64_t lag = weir_answer_number(partition, "lag");
    v->unknown += lag < 0;
    v->above += lag > v->max;
    v->largest = lag > v->largest ? lag : v->largest;
}

static void print_table(weir_answer *a)
{
    static const weir_table_heading columns[] = {{"TOPIC", false}, {"PARTITION", true},
        {"END", true}, {"FRONTIER", true}, {"LAG", true}, {"OPEN", true}, {"STORE", false},
        {"STATE", false}, {"WHY", false}, {NULL, false}};
    static const char *const names[] = {"topic", "partition", "end", "frontier", "lag", "open"};
    weir_table t;
    weir_table_init(&t, columns);
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "partitions", p)
        {
            for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                weir_table_add(&t, weir_answer_text(a, p, names[i]));
            }
            weir_table_add(&t, weir_answer_text(a, store, "name"));
            weir_table_add(&t, weir_answer_text(a, p, "state"));
            weir_table_add(&t, weir_answer_text(a, p, "why"));
        }
    }
    weir_table_print(&t, stdout);
    weir_table_fini(&t);
}

/* The partitions as /status has them, each with its store. */
static void print_json(weir_answer *a)
{
    weir_buf b = {0};
    const char *between = "";
    weir_buf_puts(&b, "{\"partitions\":[");
    WEIR_EACH_OF(a->root, "stores", store)
    {
        WEIR_EACH_OF(store, "partitions", p)
        {
            weir_buf_printf(&b, "%s{\"store\":", between);
            weir_json_put(&b, weir_gets(store, "name"));
            WEIR_EACH_MEMBER(p, name, value)
            {
                weir_buf_putc(&b, ',');
                weir_json_put(&b, name);
                weir_buf_putc(&b, ':');
                weir_json_put(&b, value);
            }
            weir_buf_putc(&b, '}');
            between = ",";
        }
    }
    weir_buf_puts(&b, "]}");
    puts(weir_buf_str(&b));
    weir_buf_fini(&b);
}

static int show(weir_cli *cli, weir_answer *a, void *ctx)
{
    verdict v = {.max = *(const int64_t *)ctx};
    size_t partitions = 0;
    WEIR_EACH_OF(a->root, "stores", store){WEIR_EACH_OF(store, "partitions", p){judge(&v, p);
    partitions++;
}
}
(cli->json ? print_json : print_table)(a);
if (v.max < 0) {
    return EXIT_YES;
}
if (v.unknown || !partitions) {
    fprintf(
        stderr, "weir lag: the lag of %zu of %zu partitions is not known\n", v.unknown, partitions);
}
if (v.above) {
    fprintf(stderr,
        "weir lag: %zu of %zu partitions lag by more than %lld records, the worst by %lld\n",
        v.above, partitions, (long long)v.max, (long long)v.largest);
}
return v.above || v.unknown || !partitions ? EXIT_NO : EXIT_YES;
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
        "and what is in hand, and says why a partition is not current:\n\n"
        "  starting  what was there at the start is still being applied\n"
        "  behind    nothing is wrong: throughput\n"
        "  held      the store or the dead-letter topic cannot be written; weir waits\n"
        "  waiting   the broker is not reached, or the topic is not there\n"
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
