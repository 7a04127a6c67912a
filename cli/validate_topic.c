/* Records of live topics. See validate_topic.h. */
#include "validate_topic.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"
#include "signals.h"
#include "words.h"

enum { POLL_MS = 100 };

typedef struct part {
    const char *topic;
    int32_t number;
    int64_t start, next, end; /* end: as of the start */
    bool at_end, done;
} part;

typedef struct reading {
    weir_inputs *in;
    const weir_topic_options *o;
    part *parts; /* owned */
    size_t n_parts, n_done;
} reading;

/* ---- options -------------------------------------------------------------------------------- */

static bool is_places(const char *from)
{
    weir_cli_place place;
    size_t len = strcspn(from, ",");
    return weir_cli_place_of(weir_view_make(from, len), &place) && place.topic.len;
}

int weir_topic_options_of(weir_cli *cli, weir_topic_options *o)
{
    for (const char *topic; (topic = weir_cli_option(cli, "--topic"));) {
        o->topics[o->n_topics++] = topic;
    }
    o->brokers = weir_cli_option(cli, "--brokers");
    o->from = weir_cli_option(cli, "--from");
    o->until = weir_cli_option(cli, "--until");
    o->from_ms = o->until_ms = -1;
    int code = weir_cli_count_option(cli, "--sample", &o->sample);
    bool any = o->brokers || o->from || o->until || o->sample;
    o->sample = o->sample ? o->sample : 1;
    if (code || (any && !o->n_topics)) {
        return code
                   ? code
                   : weir_cli_usage(cli, "--brokers, --from, --until and --sample are for --topic");
    }
    if (o->from && strcmp(o->from, "earliest") != 0 && !is_places(o->from)) {
        o->from_ms = weir_cli_time(o->from, weir_cli_now());
        if (o->from_ms < 0) {
            return weir_cli_usage(cli, "--from: %s is no place and no time", o->from);
        }
    }
    if (o->until && strcmp(o->until, "end") != 0) {
        o->until_ms = weir_cli_time(o->until, weir_cli_now());
        if (o->until_ms < 0) {
            return weir_cli_usage(cli, "--until: %s is no time", o->until);
        }
    }
    return EXIT_YES;
}

/* ---- partitions ----------------------------------------------------------------------------- */

static weir_status add_part(
    reading *r, weir_kafka_admin *a, const char *topic, int32_t number, weir_error *err)
{
    part *grown = weir_realloc(r->parts, (r->n_parts + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail_oom(err);
    }
    r->parts = grown;
    part *p = &grown[r->n_parts];
    *p = (part){.topic = topic, .number = number};
    weir_status s = weir_kafka_admin_ends(a, topic, number, &p->start, &p->end, err);
    r->n_parts += !s;
    return s;
}

static weir_status find_parts(reading *r, weir_kafka_admin *a, weir_error *err)
{
    weir_status s = weir_kafka_admin_look(a, err);
    for (size_t i = 0; i < r->o->n_topics && !s; i++) {
        int32_t n = 0;
        s = weir_kafka_admin_partitions(a, r->o->topics[i], &n, err);
        for (int32_t p = 0; p < n && !s; p++) {
            s = add_part(r, a, r->o->topics[i], p, err);
        }
    }
    return s;
}

static part *part_of(const reading *r, weir_view topic, int32_t number)
{
    for (size_t i = 0; i < r->n_parts; i++) {
        if (r->parts[i].number == number && weir_view_is(topic, r->parts[i].topic)) {
            return &r->parts[i];
        }
    }
    return NULL;
}

static weir_status begin_at(reading *r, weir_error *err)
{
    const char *at = r->o->from && is_places(r->o->from) ? r->o->from : "";
    while (*at) {
        weir_cli_place place;
        weir_view text = {at, strcspn(at, ",")};
        part *p = weir_cli_place_of(text, &place) ? part_of(r, place.topic, place.partition) : NULL;
        if (!p) {
            return weir_fail(
                err, WEIR_E_KAFKA_NO_TOPIC, "--from: %.*s is not among the topics", WEIR_ARG(text));
        }
        p->start = place.offset > p->start ? place.offset : p->start;
        at += text.len + (at[text.len] == ',');
    }
    for (size_t i = 0; i < r->n_parts; i++) {
        part *p = &r->parts[i];
        p->next = p->start;
        p->done = r->o->until_ms < 0 && p->start >= p->end;
        r->n_done += p->done;
    }
    return WEIR_OK;
}

static void finish_part(reading *r, part *p)
{
    r->n_done += !p->done;
    p->done = true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static weir_status take(reading *r, const weir_raw_record *raw, weir_error *err)
{
    const weir_topic_options *o = r->o;
    part *p = part_of(r, raw->topic, raw->partition);
    if (!p || p->done) {
        return WEIR_OK;
    }
    p->at_end = false;
    if (o->until_ms < 0 ? raw->offset >= p->end : raw->timestamp_ms >= o->until_ms) {
        finish_part(r, p);
        return WEIR_OK;
    }
    p->next = raw->offset + 1;
    if (o->until_ms < 0 && p->next >= p->end) {
        finish_part(r, p);
    }
    bool wanted = raw->timestamp_ms >= o->from_ms && raw->offset % o->sample == 0;
    return wanted ? weir_inputs_record(r->in, p->topic, 0, raw, err) : WEIR_OK;
}

static void take_end(reading *r, const weir_raw_record *end)
{
    part *p = part_of(r, end->topic, end->partition);
    if (p) {
        p->at_end = true;
        p->next = end->offset > p->next ? end->offset : p->next;
        if (r->o->until_ms < 0 && end->offset >= p->end) {
            finish_part(r, p); /* what was before it was compacted away, or aborted */
        }
    }
}

/* True: nothing is expected now. */
static bool look_at_clock(reading *r)
{
    bool over = r->o->until_ms >= 0 && weir_cli_now() >= r->o->until_ms, idle = true;
    for (size_t i = 0; i < r->n_parts; i++) {
        part *p = &r->parts[i];
        if (over && p->at_end) {
            finish_part(r, p);
        }
        idle = idle && (p->done || p->at_end);
    }
    return idle;
}

static void show(const reading *r)
{
    uint64_t done = 0, all = 0;
    for (size_t i = 0; i < r->n_parts; i++) {
        const part *p = &r->parts[i];
        done += (uint64_t)(p->next - p->start);
        all += r->o->until_ms < 0 ? (uint64_t)(p->end - p->start) : 0;
    }
    weir_bar_show(&r->in->bar, done, all, r->in->documents);
}

static weir_status read_all(
    reading *r, weir_kafka_reader *reader, const weir_cli_signals *signals, weir_error *err)
{
    weir_status s = WEIR_OK;
    int64_t heard_ms = weir_monotonic_ms();
    while (!s && r->n_done < r->n_parts && !weir_cli_signalled(signals, 0)) {
        weir_kafka_read what = WEIR_KAFKA_NOTHING;
        weir_raw_record raw;
        s = weir_kafka_reader_next(reader, POLL_MS, &what, &raw, err);
        if (!s && what == WEIR_KAFKA_RECORD) {
            s = take(r, &raw, err);
        } else if (!s && what == WEIR_KAFKA_END) {
            take_end(r, &raw);
        }
        int64_t now = weir_monotonic_ms();
        bool idle = look_at_clock(r);
        heard_ms = what != WEIR_KAFKA_NOTHING || idle ? now : heard_ms;
        if (!s && now - heard_ms > r->in->cli->timeout_ms) {
            s = weir_kafka_reader_silent(reader, err);
        }
        show(r);
    }
    return s;
}

static weir_status open_reader(
    const reading *r, const weir_cli_kafka *k, weir_kafka_reader **out, weir_error *err)
{
    weir_kafka_place *places = weir_calloc(r->n_parts + 1, sizeof *places);
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

weir_status weir_topics_read(
    weir_inputs *in, const weir_topic_options *o, const weir_config *config, weir_error *err)
{
    weir_cli_kafka k;
    weir_cli_signals signals;
    weir_kafka_admin *a = NULL;
    weir_kafka_reader *reader = NULL;
    reading r = {.in = in, .o = o};
    weir_cli_signals_block(&signals);
    weir_status s = weir_cli_kafka_init(&k, config, o->brokers, err);
    weir_kafka_admin_options ask = {k.reader, k.n_reader, in->cli->timeout_ms, NULL};
    s = s ? s : weir_kafka_admin_open(&ask, &a, err);
    s = s ? s : find_parts(&r, a, err);
    s = s ? s : begin_at(&r, err);
    if (!s && r.n_done < r.n_parts) {
        s = open_reader(&r, &k, &reader, err);
        s = s ? s : read_all(&r, reader, &signals, err);
    }
    weir_kafka_reader_close(reader);
    weir_kafka_admin_close(a);
    weir_cli_kafka_fini(&k);
    weir_free(r.parts);
    return s;
}
