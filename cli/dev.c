/* weir dev: a broker in memory, for demos and tests. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bar.h"
#include "config_value.h"
#include "feed.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_mock.h"
#include "signals.h"
#include "words.h"

static const weir_option options[] = {
    {"--topics", "A:2,B", "topics to make, with their partitions (1 by default)"},
    {"--port-file", "FILE", "write the address there too, once it listens"},
    {"--replay", "FILE", "feed it a recording; its topics are made"},
    {"--rate", "N", "replay at most N records a second"},
    {"--ahead", "N",
        "replay at most N records of a partition before what the stores of -c CONFIG have read"},
    {NULL, NULL, NULL},
};

enum { MOST_PARTITIONS = 1000 };

typedef struct dev {
    weir_cli *cli;
    const char *topics, *port_file, *recording;
    int64_t rate, ahead;
    weir_config *config; /* for --ahead; NULL: none */
    weir_kafka_mock *broker;
    weir_cli_signals signals;
    weir_log log;
} dev;

/* ---- Topics ---------------------------------------------------------------------------------- */

/* One of "A:2,B", up to the comma. */
static weir_status make_named(dev *d, const char *text, size_t len, weir_error *err)
{
    char name[256];
    int64_t partitions = 1;
    if (!len || len >= sizeof name) {
        return weir_fail(err, WEIR_E_CONFIG_BAD_VALUE, "--topics: %.60s is no A:2,B", d->topics);
    }
    memcpy(name, text, len);
    name[len] = '\0';
    char *colon = strrchr(name, ':');
    if (colon) {
        *colon = '\0';
        partitions = weir_cli_count(colon + 1, MOST_PARTITIONS);
    }
    if (partitions < 0) {
        return weir_fail(
            err, WEIR_E_CONFIG_BAD_VALUE, "--topics: %.60s is no number of partitions", colon + 1);
    }
    const char *must_be;
    if (!weir_config_is_topic(name, &must_be)) {
        return weir_fail(err, WEIR_E_CONFIG_BAD_VALUE,
            "--topics: `%.60s` is no name of a topic: %s", name, must_be);
    }
    return weir_kafka_mock_create_topic(d->broker, name, (int32_t)partitions, err);
}

static weir_status make_all_named(dev *d, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (const char *at = d->topics; at && !s;) {
        const char *comma = strchr(at, ',');
        s = make_named(d, at, comma ? (size_t)(comma - at) : strlen(at), err);
        at = comma ? comma + 1 : NULL;
    }
    return s;
}

/* Was the topic named on the command line? */
static bool is_named(const dev *d, const char *topic)
{
    size_t len = strlen(topic);
    for (const char *at = d->topics; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, topic, len) == 0 && (!at[len] || at[len] == ',' || at[len] == ':')) {
            return true;
        }
    }
    return false;
}

static weir_status make_recorded(void *ctx, const char *topic, int32_t partitions, weir_error *err)
{
    dev *d = ctx;
    return is_named(d, topic) ? WEIR_OK
                              : weir_kafka_mock_create_topic(d->broker, topic, partitions, err);
}

/* ---- The address ----------------------------------------------------------------------------- */

/* Whoever waits for the file finds it whole. */
static weir_status write_port_file(const dev *d, weir_error *err)
{
    weir_buf beside = {0};
    weir_buf_printf(&beside, "%s.new", d->port_file);
    FILE *f = fopen(weir_buf_str(&beside), "w");
    bool good = f && fprintf(f, "%s\n", weir_kafka_mock_address(d->broker)) > 0;
    good = f && fclose(f) == 0 && good;
    good = good && rename(weir_buf_str(&beside), d->port_file) == 0;
    weir_buf_fini(&beside);
    return good ? WEIR_OK
                : weir_fail(err, WEIR_E_FILE_UNWRITABLE, "%s cannot be written", d->port_file);
}

static weir_status announce(const dev *d, weir_error *err)
{
    const char *address = weir_kafka_mock_address(d->broker);
    weir_status s = d->port_file ? write_port_file(d, err) : WEIR_OK;
    if (!s) {
        printf(d->cli->json ? "{\"bootstrap.servers\":\"%s\"}\n" : "%s\n", address);
        fflush(stdout);
    }
    return s;
}

/* ---- Replaying ------------------------------------------------------------------------------- */

/* The broker keeps about 5 MiB of a partition. What it has dropped unread is lost to a reader that
 * comes later, so it is not to happen in silence. */
static weir_status warn_of_loss(void *ctx, const char *topic, int32_t partitions, weir_error *err)
{
    weir_kafka_admin *a = ctx;
    weir_status s = WEIR_OK;
    for (int32_t p = 0; p < partitions && !s; p++) {
        int64_t first = 0, end;
        s = weir_kafka_admin_ends(a, topic, p, &first, &end, err);
        if (!s && first > 0) {
            fprintf(stderr,
                "weir dev: the broker has dropped the first %" PRId64
                " records of %s/%d: replay with --ahead, or slower\n",
                first, topic, (int)p);
        }
    }
    return s;
}

static weir_status look_for_loss(const dev *d, const weir_cli_kafka *k, weir_error *err)
{
    weir_kafka_admin *a;
    weir_kafka_admin_options o = {k->reader, k->n_reader, d->cli->timeout_ms, NULL};
    weir_status s = weir_kafka_admin_open(&o, &a, err);
    if (!s) {
        s = weir_feed_topics(d->recording, warn_of_loss, a, err);
        weir_kafka_admin_close(a);
    }
    return s;
}

static weir_status feed_all(dev *d, weir_feed *f, bool *stopped, weir_error *err)
{
    weir_bar bar;
    bool more = true;
    weir_status s = WEIR_OK;
    weir_bar_init(&bar, d->cli);
    while (!s && more && !*stopped) {
        uint64_t done, all;
        s = weir_feed_some(f, &more, err);
        weir_feed_progress(f, &done, &all);
        weir_bar_show(&bar, done, all, weir_feed_records(f));
        *stopped = weir_cli_signalled(&d->signals, 0);
    }
    weir_bar_clear(&bar);
    if (!s && !more && !d->cli->quiet) {
        fprintf(stderr, "replayed %" PRIu64 " records in %.1f s\n", weir_feed_records(f),
            weir_bar_seconds(&bar));
    }
    return s;
}

/* Batches are large and compressed, since what the broker keeps is measured as it is sent. */
static weir_status replay(
    dev *d, weir_cli_kafka *k, weir_pace *pace, bool *stopped, weir_error *err)
{
    const weir_kafka_property writer[] = {
        {"bootstrap.servers", weir_kafka_mock_address(d->broker), NULL},
        {"compression.codec", "zstd", NULL},
        {"batch.size", "900000", NULL},
        {"linger.ms", "20", NULL},
    };
    weir_feed *f;
    weir_feed_options o = {.path = d->recording,
        .reader = k->reader,
        .n_reader = k->n_reader,
        .writer = writer,
        .n_writer = sizeof writer / sizeof *writer,
        .timeout_ms = d->cli->timeout_ms,
        .rate = d->rate,
        .ahead = d->ahead,
        .pace = pace};
    weir_status s = weir_feed_open(&o, &f, err);
    if (s) {
        return s;
    }
    s = feed_all(d, f, stopped, err);
    weir_feed_close(f);
    return s || pace || *stopped || d->cli->quiet ? s : look_for_loss(d, k, err);
}

/* ---- The command ----------------------------------------------------------------------------- */

static weir_status serve(dev *d, weir_error *err)
{
    weir_cli_kafka k;
    weir_pace *pace = NULL;
    bool stopped = false;
    weir_status s = make_all_named(d, err);
    s = s || !d->recording ? s : weir_feed_topics(d->recording, make_recorded, d, err);
    s = s || !d->ahead ? s : weir_pace_open(d->config, &pace, err);
    s = s ? s : announce(d, err);
    if (!s && d->recording) {
        s = weir_cli_kafka_init(&k, NULL, weir_kafka_mock_address(d->broker), err);
        s = s ? s : replay(d, &k, pace, &stopped, err);
        weir_cli_kafka_fini(&k);
    }
    if (!s && !stopped) {
        weir_cli_signalled(&d->signals, -1);
    }
    weir_pace_close(pace);
    return s;
}

static int parse(weir_cli *cli, dev *d)
{
    d->topics = weir_cli_option(cli, "--topics");
    d->port_file = weir_cli_option(cli, "--port-file");
    d->recording = weir_cli_option(cli, "--replay");
    int code = weir_cli_count_option(cli, "--rate", &d->rate);
    code = code ? code : weir_cli_count_option(cli, "--ahead", &d->ahead);
    code = code ? code : weir_cli_end(cli);
    if (code) {
        return code;
    }
    if (d->recording && strcmp(d->recording, "-") == 0) {
        return weir_cli_usage(cli, "a recording on stdin cannot be read twice: name a file");
    }
    if ((d->rate || d->ahead) && !d->recording) {
        return weir_cli_usage(cli, "--rate and --ahead are for --replay");
    }
    return d->ahead ? weir_cli_config_option(cli, &d->config) : EXIT_YES;
}

static int run(weir_cli *cli)
{
    dev d = {.cli = cli};
    weir_error err = {.status = WEIR_OK};
    int code = parse(cli, &d);
    if (code) {
        return code;
    }
    weir_cli_signals_block(&d.signals);
    d.log = (weir_log){.write = weir_log_to_fd, .ctx = (void *)(intptr_t)STDERR_FILENO};
    atomic_init(&d.log.level, WEIR_LOG_ERROR);
    weir_status s = weir_kafka_mock_open(&d.log, &d.broker, &err);
    s = s ? s : serve(&d, &err);
    weir_kafka_mock_close(d.broker);
    weir_config_free(d.config);
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}

const weir_command weir_command_dev = {
    .name = "dev",
    .arguments = "[--topics A:2,B] [--replay FILE]",
    .summary = "a broker in memory, for demos and tests",
    .text =
        "Runs librdkafka's mock broker until SIGTERM or SIGINT, at a port that the system chooses: "
        "the address is\n"
        "the first line on stdout. Consumer groups and their commits work, idempotent producers "
        "too; there is no\n"
        "compaction, no disk and no admin request, and a topic that a program asks for is "
        "made with four\n"
        "partitions when it is not known (weir replay asks for none: name its topics by --topics, "
        "or use\n"
        "--replay). A member of a group that was killed is missed only when its session.timeout.ms "
        "is over\n"
        "(45 s by default): until then its partitions stand still. Of a transaction it forgets the "
        "offsets: a\n"
        "service with delivery: exactly_once handles everything anew at each start. While a group "
        "divides its\n"
        "partitions it refuses commits, which Kafka takes from members that give theirs away: a "
        "second instance\n"
        "that starts or stops has records handled again that would not be with Kafka.\n\n"
        "It keeps about 5 MiB of a partition, as sent, then drops its head. A replay is sent "
        "compressed, so that\n"
        "some 50 to 100 MiB of JSON a partition fit; what does not fit must wait for its reader: "
        "--ahead watches\n"
        "the stores of a config. Whatever was dropped unread is told.\n\n"
        "Examples\n"
        "  weir dev --topics orders:3,audit --port-file /tmp/broker\n"
        "  weir dev --replay shop.jsonl.xz\n"
        "  weir dev --replay large.jsonl.zst --ahead 20000 -c shop.yaml\n",
    .options = options,
    .run = run,
};
