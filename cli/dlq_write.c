/* weir dlq replay and drop: what is done about letters, each with a line in the audit topic. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "consent.h"
#include "dlq.h"
#include "engine/dead_letter.h"
#include "engine/run.h"

enum { TIMEOUT_MS = 30000, AT_ONCE = 500, PLAN = 900 };

static const char *replay_topic(const weir_dlq *d)
{
    return d->config->errors.dead_letter.replay;
}

/* ---- A letter that goes back --------------------------------------------------------------------
 */

/* The headers of a record that is replayed: its own, why it was a letter, and how often it was. */
typedef struct replayed {
    const weir_raw_record *letter, *record; /* record: of a bare letter; else the letter itself */
    char count[24];
} replayed;

static bool begins(weir_view name, const char *prefix)
{
    size_t n = strlen(prefix);
    return name.len >= n && memcmp(name.ptr, prefix, n) == 0;
}

/* Of a bare letter its own headers alone: the record's are taken from the record. */
static bool keeps(const replayed *h, weir_view name)
{
    bool bare = h->record != h->letter;
    return !weir_view_is(name, WEIR_LETTER_COUNT) && !weir_view_is(name, WEIR_DEAD_LETTER_LACKS) &&
           (!bare || begins(name, "weir.dead."));
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const replayed *h = self;
    const weir_header_list *l = &h->letter->headers, *o = &h->record->headers;
    for (size_t k = 0; h->record != h->letter && o->at && o->at(o->self, k, name, value); k++) {
        if (i-- == 0) {
            return true;
        }
    }
    for (size_t k = 0; l->at && l->at(l->self, k, name, value); k++) {
        if (keeps(h, *name) && i-- == 0) {
            return true;
        }
    }
    *name = weir_view_of(WEIR_LETTER_COUNT);
    *value = weir_view_of(h->count);
    return i == 0;
}

/* The record of a bare letter, from its place, borrowed from the reader. False: it is gone. */
static bool fetch(weir_dlq *d, const weir_raw_record *letter, weir_kafka_reader **reader,
    weir_raw_record *out, weir_error *err)
{
    weir_raw_record o = weir_letter_original(letter);
    const char *topic = weir_arena_copy(&d->kafka.arena, o.topic).ptr;
    weir_kafka_place place = {topic, o.partition, o.offset};
    weir_kafka_reader_options options = {d->kafka.reader, d->kafka.n_reader, &place, 1, NULL};
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    int64_t until_ms = weir_monotonic_ms() + d->cli->timeout_ms;
    weir_status s = topic && o.partition >= 0 && o.offset >= 0
                        ? weir_kafka_reader_open(&options, reader, err)
                        : WEIR_REJECT;
    while (!s && what == WEIR_KAFKA_NOTHING && weir_monotonic_ms() < until_ms) {
        s = weir_kafka_reader_next(*reader, 100, &what, out, err);
    }
    return !s && what == WEIR_KAFKA_RECORD && out->offset == o.offset;
}

static void keep_rate(const weir_dlq *d)
{
    if (d->rate > 0) {
        int64_t ns = 1000000000 / d->rate;
        nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
    }
}

/* Now and then what was done is made safe, and noted: a replay that is cut short goes on there. */
static weir_status settle_some(weir_dlq *d, weir_error *err)
{
    bool due = d->rate > 0 || d->audit.n_waiting >= AT_ONCE;
    return due ? weir_letter_audit_settle(&d->audit, d->writer, err) : WEIR_OK;
}

static size_t bytes_of(const weir_raw_record *r)
{
    size_t n = r->key.len + r->value.len;
    weir_view name, value;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        n += name.len + value.len;
    }
    return n;
}

/* It stays as it is, and the others go on. */
static void tell_refused(weir_dlq *d, const weir_raw_record *letter, size_t bytes)
{
    d->refused++;
    weir_bar_clear(&d->bar);
    fprintf(stderr,
        "not replayed: %s/%d@%" PRId64
        " has %zu bytes, which %s does not take (max.message.bytes)\n",
        d->topic, (int)letter->partition, letter->offset, bytes, replay_topic(d));
}

static weir_status write_replay(
    weir_dlq *d, const weir_raw_record *letter, const replayed *headers, weir_error *err)
{
    weir_raw_record again = *letter;
    again.key = headers->record->key;
    again.value = headers->record->value;
    again.partition = -1; /* by its key */
    again.headers.at = header_at;
    again.headers.self = headers;
    bool refused = false;
    weir_status s =
        bytes_of(&again) > WEIR_KAFKA_APART
            ? weir_kafka_writer_put_apart(d->writer, replay_topic(d), &again, &refused, err)
            : weir_kafka_writer_put(d->writer, replay_topic(d), &again, err);
    if (!s && refused) {
        tell_refused(d, letter, bytes_of(&again));
        return WEIR_OK;
    }
    s = s ? s
          : weir_letter_audit_note(
                &d->audit, WEIR_LETTER_REPLAYED, letter, "to", replay_topic(d), err);
    s = s ? s : settle_some(d, err);
    d->written += !s;
    return s;
}

static weir_status replay(
    weir_dlq *d, const char *topic, const weir_raw_record *letter, weir_error *err)
{
    replayed h = {.letter = letter, .record = letter};
    weir_raw_record record;
    weir_kafka_reader *reader = NULL;
    weir_error gone;
    int64_t times = weir_letter_number(letter, WEIR_LETTER_COUNT, 0);
    bool bare = weir_letter_header(letter, WEIR_DEAD_LETTER_LACKS).ptr;
    (void)topic;
    if (times >= d->most) {
        d->left++;
        return WEIR_OK;
    }
    if (!d->writing) {
        return WEIR_OK;
    }
    snprintf(h.count, sizeof h.count, "%" PRId64, times + 1);
    bool has = !bare || fetch(d, letter, &reader, &record, &gone);
    h.record = bare ? &record : letter;
    weir_status s = has ? write_replay(d, letter, &h, err) : WEIR_OK;
    d->gone += !has;
    weir_kafka_reader_close(reader);
    if (!s && has) {
        keep_rate(d);
    }
    return s;
}

/* ---- Dropping -----------------------------------------------------------------------------------
 */

static weir_status drop(
    weir_dlq *d, const char *topic, const weir_raw_record *letter, weir_error *err)
{
    (void)topic;
    if (!d->writing) {
        return WEIR_OK;
    }
    weir_status s =
        weir_letter_audit_note(&d->audit, WEIR_LETTER_DROPPED, letter, "reason", d->reason, err);
    s = s ? s : settle_some(d, err);
    d->written += !s;
    return s;
}

/* ---- Both ---------------------------------------------------------------------------------------
 */

static weir_status write_all(weir_dlq *d, weir_error *err)
{
    weir_status s = weir_letter_audit_make(&d->audit, d->cli, d->config, err);
    weir_status k = weir_cli_kafka_init(&d->kafka, d->config, NULL, err);
    weir_kafka_writer_options o = {.properties = d->kafka.writer,
        .n_properties = d->kafka.n_writer,
        .timeout_ms = TIMEOUT_MS,
        .large = true};
    s = s ? s : k ? k : weir_kafka_writer_open(&o, &d->writer, err);
    d->writing = true;
    s = s ? s : weir_dlq_read(d, err);
    weir_status settled = d->writer ? WEIR_OK : s;
    weir_error why;
    for (int i = 0; i < 2 && !settled; i++) { /* the lines, then that they are there */
        settled = weir_letter_audit_settle(&d->audit, d->writer, &why);
    }
    if (!s && settled) {
        *err = why;
        s = settled;
    }
    weir_kafka_writer_close(d->writer);
    weir_cli_kafka_fini(&d->kafka);
    return s;
}

/* The plan of what is done with d->matched letters, less those that are left. */
static int do_all(weir_dlq *d, const char *plan, void (*say)(const weir_dlq *d))
{
    int code;
    weir_error err;
    if (d->matched == d->left) {
        say(d);
        return EXIT_NO;
    }
    if (!weir_cli_consented(d->cli, plan, &code)) {
        return code;
    }
    weir_status s = write_all(d, &err);
    say(d);
    return s ? weir_cli_fail(d->cli, &err) : d->refused ? EXIT_NO : EXIT_YES;
}

static void say_replayed(const weir_dlq *d)
{
    if (d->cli->json) {
        printf("{\"replayed\":%" PRIu64 ",\"left\":%" PRIu64 ",\"gone\":%" PRIu64
               ",\"refused\":%" PRIu64 ",\"done\":%" PRIu64 ",\"others\":%" PRIu64
               ",\"of\":%" PRIu64 "}\n",
            d->written, d->left, d->gone, d->refused, d->done, d->others, d->matched);
        return;
    }
    if (d->cli->quiet) {
        return;
    }
    fprintf(stderr, "%" PRIu64 " letters replayed to %s, %" PRIu64 " left for their count",
        d->written, replay_topic(d), d->left);
    if (d->gone) {
        fprintf(stderr, ", %" PRIu64 " left without their value, which is gone", d->gone);
    }
    if (d->refused) {
        fprintf(stderr, ", %" PRIu64 " left that are too large for it", d->refused);
    }
    weir_dlq_say_passed(d);
}

int weir_dlq_replay(weir_dlq *d)
{
    weir_error err;
    char plan[PLAN], from[300], until[300];
    int code = d->place ? weir_dlq_bind_place(d, from, until) : EXIT_YES;
    if (code) {
        return code;
    }
    if (!replay_topic(d)) {
        return weir_cli_usage(
            d->cli, "errors.dead_letter.replay is not in the config: the topic that letters go to");
    }
    d->each = replay;
    if (weir_dlq_read(d, &err)) {
        return weir_cli_fail(d->cli, &err);
    }
    snprintf(plan, sizeof plan,
        "%" PRIu64 " letters of %s are written to %s, and handled again (%" PRIu64
        " were replayed too often and are left)\n",
        d->matched - d->left, d->topic, replay_topic(d), d->left);
    return do_all(d, plan, say_replayed);
}

static void say_dropped(const weir_dlq *d)
{
    if (d->cli->json) {
        printf("{\"dropped\":%" PRIu64 ",\"done\":%" PRIu64 ",\"others\":%" PRIu64 "}\n",
            d->written, d->done, d->others);
    } else if (!d->cli->quiet) {
        fprintf(stderr, "%" PRIu64 " letters dropped", d->written);
        weir_dlq_say_passed(d);
    }
}

int weir_dlq_drop(weir_dlq *d)
{
    weir_error err;
    char plan[PLAN], from[300], until[300];
    int code = d->place ? weir_dlq_bind_place(d, from, until) : EXIT_YES;
    if (code) {
        return code;
    }
    if (!d->reason || !*d->reason) {
        return weir_cli_usage(d->cli, "--reason: why are they dropped?");
    }
    d->each = drop;
    if (weir_dlq_read(d, &err)) {
        return weir_cli_fail(d->cli, &err);
    }
    snprintf(plan, sizeof plan,
        "%" PRIu64 " letters of %s are dropped: nobody is to do anything about them any more\n",
        d->matched, d->topic);
    return do_all(d, plan, say_dropped);
}
