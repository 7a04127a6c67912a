/* weir record: Kafka's records into a recording. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cache.h"
#include "file/line_writer.h"
#include "file/recording.h"
#include "patterns.h"
#include "stretch.h"
#include "words.h"

static const weir_option options[] = {
    {"--from", "WHERE",
        "earliest (by default), latest, or TOPIC/PARTITION@OFFSET,… (the others: earliest)"},
    {"--until", "WHERE",
        "end (as of now, by default), TOPIC/PARTITION@OFFSET,… (without it; the others: end), or a "
        "time"},
    {"--topic", "TOPIC", "record this topic (may be given several times), not those of the caches"},
    {NULL, NULL, NULL},
};

enum { FLUSH_BYTES = 1 << 18 };

typedef struct record {
    weir_cli *cli;
    weir_config *config;
    const char *path;
    weir_arena arena;
    const char **topics;
    size_t n_topics;
    weir_stretch stretch;
    weir_bar bar;
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
    for (size_t i = 0; !n_named && i < r->config->followed.count; i++) {
        if (!has_topic(r, r->config->followed.items[i]->topic)) {
            r->topics[r->n_topics++] = r->config->followed.items[i]->topic;
        }
    }
}

/* ---- Recording ------------------------------------------------------------------------------- */

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

static weir_status take(void *ctx, const char *topic, const weir_raw_record *raw, weir_error *err)
{
    record *r = ctx;
    (void)topic;
    weir_recording_put(&r->lines, raw);
    r->records++;
    return flush(r, FLUSH_BYTES, err);
}

/* ---- The command ----------------------------------------------------------------------------- */

static void say_done(const record *r)
{
    const weir_stretch *t = &r->stretch;
    bool to_stdout = strcmp(r->path, "-") == 0, whole = t->n_done == t->n_parts;
    if (r->cli->json && !to_stdout) {
        printf("{\"records\":%" PRIu64 ",\"partitions\":%zu,\"whole\":%s}\n", r->records,
            t->n_parts, whole ? "true" : "false");
    } else if (!r->cli->quiet) {
        fprintf(stderr, "%" PRIu64 " records of %zu partitions in %.1f s%s\n", r->records,
            t->n_parts, weir_bar_seconds(&r->bar), whole ? "" : "; ended before all was read");
    }
}

/* A failure that has recorded nothing leaves nothing behind, which the next try would not replace.
 */
static void remove_empty(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        (void)unlink(path);
    }
}

/* What was read until a signal came is a recording, too. */
static weir_status write_recording(record *r, weir_error *err)
{
    weir_bar_init(&r->bar, r->cli);
    weir_status s = weir_line_writer_open(r->path, r->cli->yes, &r->file, err);
    if (s) {
        return s;
    }
    s = weir_stretch_read(&r->stretch, err);
    s = s ? s : flush(r, 1, err);
    weir_error why;
    weir_status end = weir_line_writer_finish(r->file, &why);
    weir_bar_clear(&r->bar);
    if (!s && end) {
        *err = why;
        s = end;
    }
    if (!s) {
        say_done(r);
    } else if (!r->records) {
        remove_empty(r->path);
    }
    return s;
}

static weir_status run_record(record *r, weir_error *err)
{
    weir_stretch *t = &r->stretch;
    t->cli = r->cli;
    t->topics = r->topics;
    t->n_topics = r->n_topics;
    t->take = take;
    t->ctx = r;
    t->bar = &r->bar;
    t->taken = &r->records;
    weir_status s = weir_stretch_open(t, r->config, NULL, err);
    s = s ? s : write_recording(r, err);
    weir_stretch_close(t);
    return s;
}

/* --from and --until. */
static int parse_bounds(record *r)
{
    weir_stretch *t = &r->stretch;
    const char *until = weir_cli_option(r->cli, "--until");
    t->from = weir_cli_option(r->cli, "--from");
    int code = weir_stretch_until(r->cli, until, &t->until, &t->until_ms);
    if (code) {
        return code;
    }
    bool word = !t->from || strcmp(t->from, "earliest") == 0 || strcmp(t->from, "latest") == 0;
    weir_view wrong;
    if (!word && !weir_stretch_is_places(t->from, &wrong)) {
        return weir_cli_usage(r->cli,
            "--from: %.*s is no earliest, latest or TOPIC/PARTITION@OFFSET", WEIR_ARG(wrong));
    }
    return EXIT_YES;
}

/* Takes the arguments out; named: the topics, as many as there are words at most. */
static int parse(record *r, const char **named, size_t *n_named)
{
    weir_cli *cli = r->cli;
    for (const char *topic; (topic = weir_cli_option(cli, "--topic"));) {
        named[(*n_named)++] = topic;
    }
    int code = parse_bounds(r);
    if (code) {
        return code;
    }
    r->path = weir_cli_argument(cli); /* what is left is no option's */
    return r->path ? weir_cli_end(cli) : weir_cli_usage(cli, "into which file? (- is stdout)");
}

static weir_status record_topics(
    record *r, const char *const *named, size_t n_named, weir_error *err)
{
    weir_status s = n_named ? WEIR_OK : weir_patterns_take(r->config, NULL, 1, NULL, err);
    if (s) {
        return s;
    }
    size_t most = n_named + r->config->followed.count;
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
