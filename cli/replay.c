/* weir replay: writes a recording into Kafka. */
#include <inttypes.h>
#include <string.h>

#include "bar.h"
#include "consent.h"
#include "feed.h"
#include "kafka.h"
#include "signals.h"
#include "words.h"

static const weir_option options[] = {
    {"--to", "BROKERS", "write there, and not to the brokers that the config names"},
    {"--topic-prefix", "A=B", "a topic that begins with A begins with B instead"},
    {"--rate", "N", "at most N records a second"},
    {"--ahead", "N",
        "stay at most N records of a partition before what the stores of CONFIG have read"},
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

typedef struct replay {
    const char *path, *to;
    const weir_config *config; /* NULL: none */
    char prefix[256];          /* "A\0B" */
    weir_feed_options feed;
} replay;

/* ---- What is asked for ----------------------------------------------------------------------- */

static int parse_prefix(weir_cli *cli, replay *r)
{
    const char *text = weir_cli_option(cli, "--topic-prefix");
    const char *equals = text ? strchr(text, '=') : NULL;
    if (!text) {
        return EXIT_YES;
    }
    if (!equals || equals == text || strlen(text) >= sizeof r->prefix) {
        return weir_cli_usage(cli, "%s is no A=B", text);
    }
    memcpy(r->prefix, text, strlen(text) + 1);
    r->prefix[equals - text] = '\0';
    r->feed.prefix = r->prefix;
    r->feed.new_prefix = r->prefix + (equals - text) + 1;
    return EXIT_YES;
}

static int parse(weir_cli *cli, replay *r)
{
    int code = parse_prefix(cli, r);
    code = code ? code : weir_cli_count_option(cli, "--rate", &r->feed.rate);
    code = code ? code : weir_cli_count_option(cli, "--ahead", &r->feed.ahead);
    r->to = weir_cli_option(cli, "--to");
    r->path = weir_cli_argument(cli);
    if (code) {
        return code;
    }
    if (!r->path) {
        return weir_cli_usage(cli, "which recording?");
    }
    if (!cli->config_path && (!r->to || r->feed.ahead)) {
        return weir_cli_usage(cli, "which config? (-c FILE%s)", r->to ? "" : ", or --to BROKERS");
    }
    return weir_cli_end(cli);
}

/* ---- Consent: to other brokers than the config's by naming them, to those by saying yes ------ */

static weir_status plan_topic(void *ctx, const char *topic, int32_t partitions, weir_error *err)
{
    (void)err;
    weir_buf_printf(ctx, "  %s (%d partitions)\n", topic, (int)partitions);
    return WEIR_OK;
}

static const char *brokers_of(const replay *r)
{
    for (size_t i = 0; r->config && !r->to && i < r->config->kafka.properties.count; i++) {
        const weir_config_pair *p = &r->config->kafka.properties.items[i];
        if (strcmp(p->name, "bootstrap.servers") == 0) {
            return p->value;
        }
    }
    return r->to ? r->to : "";
}

/* False: not to go on; *code, or the error of *s, says why. */
static bool agreed(const weir_cli *cli, const replay *r, int *code, weir_status *s, weir_error *err)
{
    weir_buf plan = {0};
    weir_cli asked = *cli;
    asked.yes = cli->yes || (r->to && !cli->dry_run);
    weir_buf_printf(&plan,
        "Records to be written to %s, where every reader of these topics meets "
        "them:\n",
        brokers_of(r));
    *s = !asked.yes && strcmp(r->path, "-") != 0 ? weir_feed_topics(r->path, plan_topic, &plan, err)
                                                 : WEIR_OK;
    weir_buf_printf(
        &plan, "%s", r->feed.prefix ? "Their topics are renamed by --topic-prefix.\n" : "");
    bool yes = !*s && (asked.yes || weir_cli_consented(&asked, weir_buf_str(&plan), code));
    weir_buf_fini(&plan);
    return yes;
}

/* ---- Replaying ------------------------------------------------------------------------------- */

static void say_done(const weir_cli *cli, const weir_feed *f, const weir_bar *bar, bool whole)
{
    uint64_t n = weir_feed_records(f);
    if (cli->json) {
        printf("{\"records\":%" PRIu64 ",\"whole\":%s}\n", n, whole ? "true" : "false");
    } else if (!cli->quiet) {
        fprintf(stderr, "%" PRIu64 " records in %.1f s%s\n", n, weir_bar_seconds(bar),
            whole ? "" : "; ended before the recording did");
    }
}

static weir_status feed_all(const weir_cli *cli, const replay *r, weir_error *err)
{
    weir_feed *f;
    weir_bar bar;
    weir_cli_signals signals;
    bool more = true, stopped = false;
    weir_cli_signals_block(&signals);
    weir_status s = weir_feed_open(&r->feed, &f, err);
    if (s) {
        return s;
    }
    weir_bar_init(&bar, cli);
    while (!s && more && !stopped) {
        uint64_t done, all;
        s = weir_feed_some(f, &more, err);
        weir_feed_progress(f, &done, &all);
        weir_bar_show(&bar, done, all, weir_feed_records(f));
        stopped = weir_cli_signalled(&signals, 0);
    }
    weir_bar_clear(&bar);
    if (!s) {
        say_done(cli, f, &bar, !more);
    }
    weir_feed_close(f);
    return s;
}

static int run_with(weir_cli *cli, replay *r)
{
    weir_error err = {.status = WEIR_OK};
    weir_cli_kafka k;
    weir_pace *pace = NULL;
    int code = EXIT_YES;
    weir_status s = weir_cli_kafka_init(&k, r->config, r->to, &err);
    if (!s && r->feed.ahead) {
        s = weir_pace_open(r->config, &pace, &err);
    }
    r->feed.path = r->path;
    r->feed.reader = k.reader;
    r->feed.n_reader = k.n_reader;
    r->feed.writer = k.writer;
    r->feed.n_writer = k.n_writer;
    r->feed.timeout_ms = cli->timeout_ms;
    r->feed.pace = pace;
    if (!s && agreed(cli, r, &code, &s, &err)) {
        s = feed_all(cli, r, &err);
    }
    weir_pace_close(pace);
    weir_cli_kafka_fini(&k);
    return s ? weir_cli_fail(cli, &err) : code;
}

static int run(weir_cli *cli)
{
    replay r = {.to = NULL};
    weir_config *config = NULL;
    int code = parse(cli, &r);
    if (!code && cli->config_path) {
        code = weir_cli_config(cli, cli->config_path, NULL, false, &config);
    }
    r.config = config;
    code = code ? code : run_with(cli, &r);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_replay = {
    .name = "replay",
    .arguments = "FILE -c CONFIG",
    .summary = "write a recording into Kafka",
    .text =
        "Each record of FILE (.jsonl, .gz, .xz, .zst; - is stdin) is written to its topic and "
        "partition with its\n"
        "key, value, headers and timestamp. Offsets are the broker's own. No topic is created: "
        "each must be there\n"
        "with enough partitions. With -c the brokers are those of CONFIG, and it asks first "
        "(--yes off a\n"
        "terminal), since every reader of the topics meets the records; --to writes to other "
        "brokers, with the\n"
        "other properties of CONFIG if there is one.\n\n"
        "--ahead is for a broker that keeps little (weir dev): writing waits for the stores of "
        "CONFIG.\n\n"
        "Examples\n"
        "  weir replay shop.jsonl.zst --to 127.0.0.1:42815\n"
        "  weir replay shop.jsonl.zst -c staging.yaml --topic-prefix shop.=shop-test. --rate 500\n",
    .options = options,
    .run = run,
};
