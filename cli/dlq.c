/* weir dlq: the dead-letter topic. Letters are looked at and replayed; none is ever removed. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "cache.h"
#include "consent.h"
#include "kafka/kafka_writer.h"
#include "letter.h"
#include "stretch.h"
#include "words.h"

static const weir_option options[] = {
    {"--code", "CODE", "letters with this error's code alone (may end with *)"},
    {"--key", "KEY", "letters of this key alone, as it stands in Kafka"},
    {"--of", "TOPIC", "letters of records of this topic alone"},
    {"--since", "TIME", "letters written at this time or later (2026-11-22T10:00:00Z)"},
    {"--before", "TIME", "letters written before this time"},
    {"--from", "PLACES", "begin at TOPIC/PARTITION@OFFSET,… of the dead-letter topic"},
    {"--raw", NULL, "show: the value's bytes as they are, and nothing else"},
    {"--rate", "N", "replay: at most N records a second"},
    {"--most", "N", "replay: leave letters that were replayed N times before (5)"},
    {NULL, NULL, NULL},
};

enum { MOST_REPLAYS = 5, TIMEOUT_MS = 30000 };

typedef struct dlq {
    weir_cli *cli;
    const weir_config *config;
    const char *verb;
    const char *code, *key, *of;
    int64_t since_ms, before_ms; /* -1: not given */
    int64_t rate, most;
    const char *place;          /* show; NULL: all that fit */
    bool raw;                   /* show: the value's bytes alone */
    weir_letter_reader letters; /* show */
    weir_arena arena;           /* of the letter at hand */
    weir_cli_place wanted;
    weir_stretch stretch;
    weir_bar bar;
    weir_buf out;
    uint64_t seen, matched, left, written;
    bool writing; /* the second round of a replay */
    weir_kafka_writer *writer;
    char last[300]; /* the place behind the last letter that was replayed */
} dlq;

/* ---- Letters ------------------------------------------------------------------------------------
 */

static bool code_fits(const char *wanted, weir_view is)
{
    size_t len = strlen(wanted);
    bool open = len && wanted[len - 1] == '*';
    if (!is.ptr) { /* there is no code */
        return open && len == 1;
    }
    return open ? is.len >= len - 1 && memcmp(is.ptr, wanted, len - 1) == 0
                : weir_view_is(is, wanted);
}

static bool fits(const dlq *d, const weir_raw_record *r)
{
    int64_t time_ms = weir_letter_number(r, "weir.dead.time", r->timestamp_ms);
    return (!d->code || code_fits(d->code, weir_letter_header(r, "weir.dead.code"))) &&
           (!d->key || weir_view_is(r->key, d->key)) &&
           (!d->of || weir_view_is(weir_letter_header(r, "weir.dead.topic"), d->of)) &&
           (d->since_ms < 0 || time_ms >= d->since_ms) &&
           (d->before_ms < 0 || time_ms < d->before_ms);
}

/* ---- Showing ------------------------------------------------------------------------------------
 */

/* All of one: the value's bytes alone, or what they say. */
static weir_status put_one(dlq *d, const char *topic, const weir_raw_record *r, weir_error *err)
{
    weir_letter l;
    if (d->raw) {
        weir_buf_putv(&d->out, r->value);
        return WEIR_OK;
    }
    weir_status s = weir_letter_read(&d->letters, r, &d->arena, &l, err);
    if (s) {
        return s;
    }
    (d->cli->json ? weir_letter_put_json : weir_letter_put_text)(&d->out, topic, &l);
    return WEIR_OK;
}

static weir_status show(dlq *d, const char *topic, const weir_raw_record *r, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_buf_clear(&d->out);
    if (d->place) {
        s = put_one(d, topic, r, err);
    } else {
        (d->cli->json ? weir_letter_put_json_line : weir_letter_put_line)(&d->out, topic, r);
    }
    if (s || d->out.failed) {
        return s ? s : weir_fail_oom(err);
    }
    weir_bar_clear(&d->bar);
    fwrite(d->out.ptr, 1, d->out.len, stdout);
    return WEIR_OK;
}

/* ---- Replaying ----------------------------------------------------------------------------------
 */

/* The letter's headers, and how often it was replayed in place of the old count. */
typedef struct counted {
    const weir_raw_record *letter;
    char count[24];
} counted;

static bool counted_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const counted *c = self;
    const weir_header_list *h = &c->letter->headers;
    for (size_t k = 0; h->at && h->at(h->self, k, name, value); k++) {
        if (!weir_view_is(*name, WEIR_LETTER_COUNT) && i-- == 0) {
            return true;
        }
    }
    *name = weir_view_of(WEIR_LETTER_COUNT);
    *value = weir_view_of(c->count);
    return i == 0;
}

static void keep_rate(const dlq *d)
{
    if (d->rate > 0) {
        int64_t ns = 1000000000 / d->rate;
        nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
    }
}

static weir_status replay(dlq *d, const char *topic, const weir_raw_record *r, weir_error *err)
{
    counted c = {.letter = r};
    int64_t times = weir_letter_number(r, WEIR_LETTER_COUNT, 0);
    if (times >= d->most) {
        d->left++;
        return WEIR_OK;
    }
    if (!d->writing) {
        return WEIR_OK;
    }
    snprintf(c.count, sizeof c.count, "%" PRId64, times + 1);
    weir_raw_record again = *r;
    again.partition = -1; /* by its key */
    again.headers.at = counted_at;
    again.headers.self = &c;
    weir_status s =
        weir_kafka_writer_put(d->writer, d->config->errors.dead_letter.replay, &again, err);
    s = s || d->rate <= 0 ? s : weir_kafka_writer_flush(d->writer, err);
    if (!s) {
        d->written++;
        snprintf(
            d->last, sizeof d->last, "%s/%d@%" PRId64, topic, (int)r->partition, r->offset + 1);
        keep_rate(d);
    }
    return s;
}

static weir_status take(void *ctx, const char *topic, const weir_raw_record *r, weir_error *err)
{
    dlq *d = ctx;
    bool other = d->place && (r->partition != d->wanted.partition || r->offset != d->wanted.offset);
    d->seen++;
    if (other || !fits(d, r)) {
        return WEIR_OK;
    }
    d->matched++;
    return strcmp(d->verb, "replay") == 0 ? replay(d, topic, r, err) : show(d, topic, r, err);
}

/* ---- The command --------------------------------------------------------------------------------
 */

static weir_status read_letters(dlq *d, weir_error *err)
{
    weir_stretch *t = &d->stretch;
    const char *topic = d->config->errors.dead_letter.topic;
    const char *from = t->from, *until = t->until;
    d->seen = d->matched = d->left = 0;
    *t = (weir_stretch){.cli = d->cli,
        .topics = &topic,
        .n_topics = 1,
        .from = from,
        .until = until,
        .until_ms = -1,
        .take = take,
        .ctx = d,
        .bar = &d->bar,
        .taken = &d->seen};
    weir_bar_init(&d->bar, d->cli);
    weir_status s = weir_stretch_open(t, d->config, NULL, err);
    s = s ? s : weir_stretch_read(t, err);
    weir_stretch_close(t);
    weir_bar_clear(&d->bar);
    return s;
}

/* The record of this place, and nothing behind it. */
static int bound_to_place(dlq *d, char from[300], char until[300])
{
    weir_cli_place p = {.offset = -1};
    const char *topic = d->config->errors.dead_letter.topic;
    if (!d->place || !weir_cli_place_of(weir_view_of(d->place), &p) || p.offset < 0 ||
        (p.topic.len && !weir_view_is(p.topic, topic))) {
        return weir_cli_usage(d->cli, "which letter? PARTITION@OFFSET of %s", topic);
    }
    d->wanted = p;
    snprintf(from, 300, "%s/%d@%" PRId64, topic, (int)p.partition, p.offset);
    snprintf(until, 300, "%s/%d@%" PRId64, topic, (int)p.partition, p.offset + 1);
    d->stretch.from = from;
    d->stretch.until = until;
    return EXIT_YES;
}

static int look(dlq *d)
{
    weir_error err = {.status = WEIR_OK};
    if (read_letters(d, &err)) {
        return weir_cli_fail(d->cli, &err);
    }
    if (d->place && !d->matched) {
        fprintf(stderr, "no letter at %s\n", d->stretch.from);
    } else if (!d->place && !d->cli->quiet && !d->cli->json) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " letters\n", d->matched, d->seen);
    }
    return d->matched ? EXIT_YES : EXIT_NO;
}

static int look_at_one(dlq *d)
{
    weir_error err;
    char from[300], until[300];
    int code = bound_to_place(d, from, until);
    if (code) {
        return code;
    }
    weir_arena_init(&d->arena, 0);
    code = weir_letter_reader_open(&d->letters, d->config, &err) ? weir_cli_fail(d->cli, &err)
                                                                 : look(d);
    weir_letter_reader_close(&d->letters);
    weir_arena_fini(&d->arena);
    return code;
}

/* What was done, for whoever asks later who did it. */
static void say_replayed(const dlq *d)
{
    if (d->cli->json) {
        printf("{\"replayed\":%" PRIu64 ",\"left\":%" PRIu64 ",\"of\":%" PRIu64
               ",\"next\":\"%s\"}\n",
            d->written, d->left, d->matched, d->last);
    } else if (!d->cli->quiet) {
        fprintf(stderr,
            "%" PRIu64 " letters replayed to %s, %" PRIu64 " left for their count%s%s\n",
            d->written, d->config->errors.dead_letter.replay, d->left,
            *d->last ? "; go on with --from " : "", d->last);
    }
}

static weir_status write_all(dlq *d, weir_error *err)
{
    weir_cli_kafka k;
    weir_status s = weir_cli_kafka_init(&k, d->config, NULL, err);
    weir_kafka_writer_options o = {
        .properties = k.writer, .n_properties = k.n_writer, .timeout_ms = TIMEOUT_MS};
    s = s ? s : weir_kafka_writer_open(&o, &d->writer, err);
    d->writing = true;
    s = s ? s : read_letters(d, err);
    s = s ? s : weir_kafka_writer_flush(d->writer, err);
    weir_kafka_writer_close(d->writer);
    weir_cli_kafka_fini(&k);
    return s;
}

static int replay_all(dlq *d)
{
    weir_error err;
    int code;
    char plan[800];
    const weir_config_dead_letter *c = &d->config->errors.dead_letter;
    if (!c->replay) {
        return weir_cli_usage(
            d->cli, "errors.dead_letter.replay is not in the config: the topic that letters go to");
    }
    if (read_letters(d, &err)) {
        return weir_cli_fail(d->cli, &err);
    }
    snprintf(plan, sizeof plan,
        "%" PRIu64 " letters of %s are written to %s, and handled again (%" PRIu64
        " were replayed too often and are left)\n",
        d->matched - d->left, c->topic, c->replay, d->left);
    if (d->matched == d->left) {
        say_replayed(d);
        return EXIT_NO;
    }
    if (!weir_cli_consented(d->cli, plan, &code)) {
        return code;
    }
    weir_status s = write_all(d, &err);
    say_replayed(d);
    return s ? weir_cli_fail(d->cli, &err) : EXIT_YES;
}

static int time_option(weir_cli *cli, const char *name, int64_t *out)
{
    const char *text = weir_cli_option(cli, name);
    *out = text ? weir_cli_time(text, weir_cli_now()) : -1;
    return text && *out < 0 ? weir_cli_usage(cli, "%s: %s is no time", name, text) : EXIT_YES;
}

static int parse(dlq *d)
{
    weir_cli *cli = d->cli;
    weir_view wrong;
    d->code = weir_cli_option(cli, "--code");
    d->key = weir_cli_option(cli, "--key");
    d->raw = weir_cli_option(cli, "--raw") != NULL;
    d->of = weir_cli_option(cli, "--of");
    d->stretch.from = weir_cli_option(cli, "--from");
    int code = time_option(cli, "--since", &d->since_ms);
    code = code ? code : time_option(cli, "--before", &d->before_ms);
    code = code ? code : weir_cli_count_option(cli, "--rate", &d->rate);
    code = code ? code : weir_cli_count_option(cli, "--most", &d->most);
    d->most = d->most ? d->most : MOST_REPLAYS;
    if (code) {
        return code;
    }
    if (d->stretch.from && !weir_stretch_is_places(d->stretch.from, &wrong)) {
        return weir_cli_usage(cli, "--from: %.*s is no TOPIC/PARTITION@OFFSET", WEIR_ARG(wrong));
    }
    d->verb = weir_cli_argument(cli);
    bool known = d->verb && (strcmp(d->verb, "ls") == 0 || strcmp(d->verb, "show") == 0 ||
                                strcmp(d->verb, "replay") == 0);
    if (!known) {
        return weir_cli_usage(cli, "ls, show or replay?");
    }
    bool one = strcmp(d->verb, "show") == 0;
    d->place = one ? weir_cli_argument(cli) : NULL;
    if (d->raw && (!one || cli->json)) {
        return weir_cli_usage(cli, "--raw is for show, without --json");
    }
    return weir_cli_end(cli);
}

static int run(weir_cli *cli)
{
    dlq d = {.cli = cli};
    weir_config *config = NULL;
    int code = parse(&d);
    code = code ? code : weir_cli_config_option(cli, &config);
    if (code) {
        return code;
    }
    d.config = config;
    code = strcmp(d.verb, "replay") == 0 ? replay_all(&d)
           : strcmp(d.verb, "show") == 0 ? look_at_one(&d)
                                         : look(&d);
    weir_buf_fini(&d.out);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_dlq = {
    .name = "dlq",
    .arguments = "ls|show PARTITION@OFFSET|replay -c CONFIG",
    .summary = "look at dead letters, and replay them",
    .text =
        "ls: a line a letter: its place, the record that it was, the error's code, key and text. "
        "Exit code 1:\n"
        "there is none.\n\n"
        "show: all of one: the record that it was, why it is here, its key, headers and value. "
        "The value is read\n"
        "as JSON, or as Avro by the config's registry; what cannot be read is said, and shown as "
        "it is. Where\n"
        "`events` or `validation` of the config have a schema for it, it is judged by that as it "
        "is now: what was\n"
        "mended fits. --json: one object; --raw: the value's bytes, for a file.\n\n"
        "replay writes the letters that the options name to errors.dead_letter.replay of the "
        "config, a topic that\n"
        "only this application reads, where each is handled as the record that it was, with the "
        "same weir_id;\n"
        "never to the original topic, which all others read, too. How many there are is said "
        "first; --dry-run\n"
        "ends there, and off a terminal it needs --yes. Each carries how often it was replayed, "
        "and is left\n"
        "alone after --most times. The letters themselves stay where they are: with --from, a "
        "replay goes on\n"
        "where the one before ended, which it says.\n\n"
        "Examples\n"
        "  weir dlq ls -c payment.yaml --code PROVIDER_* --since 2026-11-22\n"
        "  weir dlq show 0@17 -c payment.yaml\n"
        "  weir dlq show 0@17 -c payment.yaml --raw > letter.bin\n"
        "  weir dlq replay -c payment.yaml --code ORDER_UNKNOWN --rate 50 --yes\n",
    .options = options,
    .run = run,
};
