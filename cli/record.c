/* weir record: Kafka's records into a recording. */
#include <inttypes.h>
#include <string.h>

#include "bar.h"
#include "base/alloc.h"
#include "cache.h"
#include "engine/run.h"
#include "file/line_writer.h"
#include "file/recording.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"
#include "signals.h"
#include "words.h"

static const weir_option options[] = {
    {"--from", "WHERE",
        "earliest (by default), latest, or TOPIC/PARTITION@OFFSET,… (the others: earliest)"},
    {"--until", "WHEN", "end (as of now, by default), or a time"},
    {"--topic", "TOPIC", "record this topic (may be given several times), not those of the caches"},
    {NULL, NULL, NULL},
};

enum { POLL_MS = 100, FLUSH_BYTES = 1 << 18 };

/* A partition that is recorded. */
typedef struct part {
    const char *topic;
    int32_t number;
    int64_t start, end; /* end: as of the start */
    int64_t next;
    bool at_end, done; /* at_end: as far as was heard */
} part;

typedef struct record {
    weir_cli *cli;
    const weir_config *config;
    const char *path, *from, *until;
    int64_t until_ms; /* -1: to the end */
    weir_arena arena;
    const char **topics;
    size_t n_topics;
    part *parts; /* owned */
    size_t n_parts, n_done;
    uint64_t records;
    weir_line_writer *file;
    weir_buf lines;
} record;

/* ---- What is to be recorded ------------------------------------------------------------------ */

static bool has_topic(const record *r, const char *topic)
{
    for (size_t i = 0; i < r->n_topics; i++) {
        if (strcmp(r->topics[i], topic) == 0) {
            return true;
        }
    }
    return false;
}

/* Those that were named, or those of the caches. */
static void choose_topics(record *r, const char *const *named, size_t n_named)
{
    for (size_t i = 0; i < n_named; i++) {
        if (!has_topic(r, named[i])) {
            r->topics[r->n_topics++] = named[i];
        }
    }
    for (size_t i = 0; !n_named && i < r->config->caches.count; i++) {
        if (!has_topic(r, r->config->caches.items[i].topic)) {
            r->topics[r->n_topics++] = r->config->caches.items[i].topic;
        }
    }
}

static weir_status add_part(
    record *r, weir_kafka_admin *a, const char *topic, int32_t number, weir_error *err)
{
    part *grown = weir_realloc(r->parts, (r->n_parts + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail_oom(err);
    }
    r->parts = grown;
    part *p = &grown[r->n_parts];
    *p = (part){.topic = topic, .number = number};
    weir_status s = weir_kafka_admin_ends(a, topic, number, &p->start, &p->end, err);
    p->start = r->from && strcmp(r->from, "latest") == 0 ? p->end : p->start;
    r->n_parts += !s;
    return s;
}

static weir_status find_parts(record *r, weir_kafka_admin *a, weir_error *err)
{
    weir_status s = weir_kafka_admin_look(a, err);
    for (size_t i = 0; i < r->n_topics && !s; i++) {
        int32_t n = 0;
        s = weir_kafka_admin_partitions(a, r->topics[i], &n, err);
        for (int32_t p = 0; p < n && !s; p++) {
            s = add_part(r, a, r->topics[i], p, err);
        }
    }
    return s;
}

static part *part_of(const record *r, weir_view topic, int32_t number)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].number == number && weir_view_is(topic, r->parts[i].topic)) {
            return &r->parts[i];
        }
    }
    return NULL;
}

/* The places of --from; NULL: it is a word, or not there. */
static const char *places_of(const record *r)
{
    bool word = !r->from || strcmp(r->from, "earliest") == 0 || strcmp(r->from, "latest") == 0;
    return word ? NULL : r->from;
}

/* The next of "TOPIC/PARTITION@OFFSET,…". False: *text is none. */
static bool next_place(const char **at, weir_view *text, weir_cli_place *place)
{
    const char *comma = strchr(*at, ',');
    *text = (weir_view){*at, comma ? (size_t)(comma - *at) : strlen(*at)};
    *at = comma ? comma + 1 : NULL;
    return weir_cli_place_of(*text, place) && place->topic.len;
}

/* The partitions that are not named begin at their first record. */
static weir_status begin_at(record *r, weir_error *err)
{
    weir_view text;
    weir_cli_place place;
    for (const char *at = places_of(r); at && next_place(&at, &text, &place);) {
        part *p = part_of(r, place.topic, place.partition);
        if (!p) {
            return weir_fail(err, WEIR_E_KAFKA_NO_TOPIC,
                "--from: %.*s is not among what is recorded", WEIR_ARG(text));
        }
        p->start = place.offset > p->start ? place.offset : p->start;
    }
    return WEIR_OK;
}

/* What is empty is done before anything is read. */
static void mark_empty(record *r)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        part *p = &r->parts[i];
        p->next = p->start;
        p->done = r->until_ms < 0 && p->start >= p->end;
        r->n_done += p->done;
    }
}

/* ---- Recording ------------------------------------------------------------------------------- */

static void finish_part(record *r, part *p)
{
    r->n_done += !p->done;
    p->done = true;
}

static weir_status flush(record *r, size_t from_bytes, weir_error *err)
{
    if (r->lines.failed) {
        return weir_fail_oom(err);
    }
    if (r->lines.len < from_bytes) {
        return WEIR_OK;
    }
    weir_status s = weir_line_writer_put(r->file, weir_buf_view(&r->lines), err);
    weir_buf_clear(&r->lines);
    return s;
}

static bool is_beyond(const record *r, const part *p, const weir_raw_record *raw)
{
    return r->until_ms < 0 ? raw->offset >= p->end : raw->timestamp_ms >= r->until_ms;
}

static weir_status take(record *r, const weir_raw_record *raw, weir_error *err)
{
    part *p = part_of(r, raw->topic, raw->partition);
    if (!p || p->done) {
        return WEIR_OK;
    }
    if (is_beyond(r, p, raw)) {
        finish_part(r, p);
        return WEIR_OK;
    }
    weir_recording_put(&r->lines, raw);
    r->records++;
    p->next = raw->offset + 1;
    p->at_end = false;
    if (r->until_ms < 0 && p->next >= p->end) {
        finish_part(r, p);
    }
    return flush(r, FLUSH_BYTES, err);
}

static void take_end(record *r, const weir_raw_record *end)
{
    part *p = part_of(r, end->topic, end->partition);
    if (p) {
        p->at_end = true;
        p->next = end->offset > p->next ? end->offset : p->next;
        if (r->until_ms < 0 && end->offset >= p->end) {
            finish_part(r, p); /* what was before it was compacted away, or aborted */
        }
    }
}

/* The time is over: what has been read to its end is done. */
static void look_at_clock(record *r)
{
    for (size_t i = 0; r->until_ms >= 0 && weir_cli_now() >= r->until_ms && i < r->n_parts; i++) {
        if (r->parts[i].at_end) {
            finish_part(r, &r->parts[i]);
        }
    }
}

static bool all_at_end(const record *r)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (!r->parts[i].done && !r->parts[i].at_end) {
            return false;
        }
    }
    return true;
}

static void show(const record *r, weir_bar *bar)
{
    uint64_t done = 0, all = 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        const part *p = &r->parts[i];
        done += (uint64_t)(p->next - p->start);
        all += r->until_ms < 0 ? (uint64_t)(p->end - p->start) : 0;
    }
    weir_bar_show(bar, done, all, r->records);
}

/* Until all is done, or the program is asked to end: what was read then is a recording too. */
static weir_status read_all(record *r, weir_kafka_reader *reader, weir_bar *bar,
    const weir_cli_signals *signals, weir_error *err)
{
    weir_status s = WEIR_OK;
    int64_t heard_ms = weir_monotonic_ms();
    while (!s && r->n_done < r->n_parts && !weir_cli_signalled(signals, 0)) {
        weir_kafka_read what;
        weir_raw_record raw;
        s = weir_kafka_reader_next(reader, POLL_MS, &what, &raw, err);
        if (!s && what == WEIR_KAFKA_RECORD) {
            s = take(r, &raw, err);
        } else if (!s && what == WEIR_KAFKA_END) {
            take_end(r, &raw);
        }
        int64_t now = weir_monotonic_ms();
        heard_ms = what != WEIR_KAFKA_NOTHING || all_at_end(r) ? now : heard_ms;
        if (!s && now - heard_ms > r->cli->timeout_ms) {
            s = weir_kafka_reader_silent(reader, err);
        }
        look_at_clock(r);
        show(r, bar);
    }
    return s;
}

static weir_status open_reader(
    const record *r, const weir_cli_kafka *k, weir_kafka_reader **out, weir_error *err)
{
    weir_kafka_place *places = weir_calloc(r->n_parts, sizeof *places);
    size_t n = 0;
    if (!places) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        const part *p = &r->parts[i];
        if (!p->done) {
            places[n++] = (weir_kafka_place){p->topic, p->number, p->start};
        }
    }
    weir_kafka_reader_options o = {k->reader, k->n_reader, places, n, NULL};
    weir_status s = weir_kafka_reader_open(&o, out, err);
    weir_free(places);
    return s;
}

/* ---- The command ----------------------------------------------------------------------------- */

static void say_done(const record *r, const weir_bar *bar)
{
    bool to_stdout = strcmp(r->path, "-") == 0;
    if (r->cli->json && !to_stdout) {
        printf("{\"records\":%" PRIu64 ",\"partitions\":%zu,\"whole\":%s}\n", r->records,
            r->n_parts, r->n_done == r->n_parts ? "true" : "false");
    } else if (!r->cli->quiet) {
        fprintf(stderr, "%" PRIu64 " records of %zu partitions in %.1f s%s\n", r->records,
            r->n_parts, weir_bar_seconds(bar),
            r->n_done == r->n_parts ? "" : "; ended before all was read");
    }
}

static weir_status write_recording(
    record *r, weir_kafka_reader *reader, const weir_cli_signals *signals, weir_error *err)
{
    weir_bar bar;
    weir_bar_init(&bar, r->cli);
    weir_status s = weir_line_writer_open(r->path, r->cli->yes, &r->file, err);
    if (s) {
        return s;
    }
    s = read_all(r, reader, &bar, signals, err);
    s = s ? s : flush(r, 1, err);
    weir_error why;
    weir_status end = weir_line_writer_finish(r->file, &why);
    weir_bar_clear(&bar);
    if (!s && end) {
        *err = why;
        s = end;
    }
    if (!s) {
        say_done(r, &bar);
    }
    return s;
}

static weir_status run_record(record *r, weir_error *err)
{
    weir_cli_kafka k;
    weir_cli_signals signals;
    weir_kafka_admin *a = NULL;
    weir_kafka_reader *reader = NULL;
    weir_cli_signals_block(&signals);
    weir_status s = weir_cli_kafka_init(&k, r->config, NULL, err);
    weir_kafka_admin_options ask = {k.reader, k.n_reader, r->cli->timeout_ms, NULL};
    s = s ? s : weir_kafka_admin_open(&ask, &a, err);
    s = s ? s : find_parts(r, a, err);
    s = s ? s : begin_at(r, err);
    if (!s) {
        mark_empty(r);
        s = open_reader(r, &k, &reader, err);
    }
    s = s ? s : write_recording(r, reader, &signals, err);
    weir_kafka_reader_close(reader);
    weir_kafka_admin_close(a);
    weir_cli_kafka_fini(&k);
    return s;
}

/* Takes the arguments out; named: the topics, as many as there are words at most. */
static int parse(record *r, const char **named, size_t *n_named)
{
    weir_cli *cli = r->cli;
    for (const char *topic; (topic = weir_cli_option(cli, "--topic"));) {
        named[(*n_named)++] = topic;
    }
    r->from = weir_cli_option(cli, "--from");
    r->until = weir_cli_option(cli, "--until");
    r->path = weir_cli_argument(cli);
    bool to_end = !r->until || strcmp(r->until, "end") == 0;
    r->until_ms = to_end ? -1 : weir_cli_time(r->until, weir_cli_now());
    if (!to_end && r->until_ms < 0) {
        return weir_cli_usage(
            cli, "--until: %s is no time (2026-11-22T10:00:00Z, or 30s from now)", r->until);
    }
    weir_view text;
    weir_cli_place place;
    for (const char *at = places_of(r); at;) {
        if (!next_place(&at, &text, &place)) {
            return weir_cli_usage(cli,
                "--from: %.*s is no earliest, latest or TOPIC/PARTITION@OFFSET", WEIR_ARG(text));
        }
    }
    return r->path ? weir_cli_end(cli) : weir_cli_usage(cli, "into which file? (- is stdout)");
}

static weir_status record_topics(
    record *r, const char *const *named, size_t n_named, weir_error *err)
{
    size_t most = n_named + r->config->caches.count;
    r->topics = weir_arena_alloc(&r->arena, most * sizeof(const char *));
    if (!r->topics) {
        return weir_fail_oom(err);
    }
    choose_topics(r, named, n_named);
    return run_record(r, err);
}

static int run_with(record *r)
{
    weir_cli *cli = r->cli;
    weir_config *config = NULL;
    weir_error err = {.status = WEIR_OK};
    size_t n_named = 0;
    const char **named = weir_arena_alloc(&r->arena, (size_t)(cli->argc + 1) * sizeof *named);
    if (!named) {
        weir_fail_oom(&err);
        return weir_cli_fail(cli, &err);
    }
    int code = parse(r, named, &n_named);
    code = code ? code : weir_cli_config_option(cli, &config);
    if (code) {
        return code;
    }
    r->config = config;
    weir_status s = record_topics(r, named, n_named, &err);
    weir_config_free(config);
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}

static int run(weir_cli *cli)
{
    record r = {.cli = cli};
    weir_arena_init(&r.arena, 0);
    int code = run_with(&r);
    weir_free(r.parts);
    weir_buf_fini(&r.lines);
    weir_arena_fini(&r.arena);
    return code;
}

const weir_command weir_command_record = {
    .name = "record",
    .arguments = "FILE -c CONFIG",
    .summary = "write Kafka's records into a recording",
    .text =
        "FILE is compressed by its name (.gz, .zst), - is stdout; an existing file is replaced "
        "with --yes only.\n"
        "Recorded are the topics of the caches, or those named. A recording is a JSON object a "
        "record: topic,\n"
        "partition, offset, timestamp, key, value, headers; weir sync --from, weir replay and "
        "weir explain read it.\n\n"
        "It begins at each partition's first record, with --from latest at its end, so that only "
        "what comes is\n"
        "recorded (with --until TIME). --from TOPIC/PARTITION@OFFSET,… begins there in the "
        "partitions named, or at\n"
        "their first record where that is later; those not named are recorded from their first "
        "record.\n\n"
        "It ends at the topics' ends as of the start; with a time, when each partition has brought "
        "a record of\n"
        "that time or later, or was read to its end after it. SIGINT ends it too: what was read "
        "until then is\n"
        "a recording. Nothing is committed.\n\n"
        "Examples\n"
        "  weir record shop.jsonl.zst -c shop.yaml\n"
        "  weir record - --topic orders --topic audit -c shop.yaml | head\n"
        "  weir record incident.jsonl.gz --from shop.public.orders/0@4711 --until 30s -c "
        "shop.yaml\n",
    .options = options,
    .run = run,
};
