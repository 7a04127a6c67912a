/* A stretch of live topics. See stretch.h. */
#include "stretch.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "kafka/kafka_admin.h"
#include "words.h"

enum { POLL_MS = 100 };

/* ---- Where it begins ------------------------------------------------------------------------- */

/* The next of "TOPIC/PARTITION@OFFSET,…". False: *text is none. */
static bool next_place(const char **at, weir_view *text, weir_cli_place *place)
{
    const char *comma = strchr(*at, ',');
    *text = (weir_view){*at, comma ? (size_t)(comma - *at) : strlen(*at)};
    *at = comma ? comma + 1 : NULL;
    return weir_cli_place_of(*text, place) && place->topic.len;
}

bool weir_stretch_is_places(const char *text, weir_view *wrong)
{
    weir_cli_place place;
    for (const char *at = text; at;) {
        if (!next_place(&at, wrong, &place)) {
            return false;
        }
    }
    return true;
}

int weir_stretch_until(const weir_cli *cli, const char *text, const char **until, int64_t *until_ms)
{
    weir_view wrong;
    *until = NULL;
    *until_ms = -1;
    if (!text || strcmp(text, "end") == 0) {
        return EXIT_YES;
    }
    if (weir_stretch_is_places(text, &wrong)) {
        *until = text;
        return EXIT_YES;
    }
    *until_ms = weir_cli_time(text, weir_cli_now());
    return *until_ms < 0 ? weir_cli_usage(cli,
                               "--until: %s is no time (2026-11-22T10:00:00Z, or 30s from now) and "
                               "no place (TOPIC/PARTITION@OFFSET)",
                               text)
                         : EXIT_YES;
}

static bool is_word(const char *from, const char *word)
{
    return from && strcmp(from, word) == 0;
}

static weir_status add_part(
    weir_stretch *s, weir_kafka_admin *a, const char *topic, int32_t number, weir_error *err)
{
    weir_stretch_part *grown = weir_realloc(s->parts, (s->n_parts + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail_oom(err);
    }
    s->parts = grown;
    weir_stretch_part *p = &grown[s->n_parts];
    *p = (weir_stretch_part){.topic = topic, .number = number};
    weir_status st = weir_kafka_admin_ends(a, topic, number, &p->start, &p->end, err);
    p->start = is_word(s->from, "latest") ? p->end : p->start;
    s->n_parts += !st;
    return st;
}

static weir_status find_parts(weir_stretch *s, weir_kafka_admin *a, weir_error *err)
{
    weir_status st = weir_kafka_admin_look(a, err);
    for (size_t i = 0; i < s->n_topics && !st; i++) {
        int32_t n = 0;
        st = weir_kafka_admin_partitions(a, s->topics[i], &n, err);
        for (int32_t p = 0; p < n && !st; p++) {
            st = add_part(s, a, s->topics[i], p, err);
        }
    }
    return st;
}

static weir_stretch_part *part_of(const weir_stretch *s, weir_view topic, int32_t number)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i].number == number && weir_view_is(topic, s->parts[i].topic)) {
            return &s->parts[i];
        }
    }
    return NULL;
}

/* Sets what the option's places name; the other partitions keep their first record, or their end.
 */
static weir_status set_places(
    weir_stretch *s, const char *option, const char *places, bool ends, weir_error *err)
{
    weir_view text;
    weir_cli_place place;
    for (const char *at = places; at && next_place(&at, &text, &place);) {
        weir_stretch_part *p = part_of(s, place.topic, place.partition);
        if (!p) {
            return weir_fail(err, WEIR_E_KAFKA_NO_TOPIC, "%s: %.*s is not among the topics", option,
                WEIR_ARG(text));
        }
        if (ends) {
            p->end = place.offset < p->end ? place.offset : p->end;
        } else {
            p->start = place.offset > p->start ? place.offset : p->start;
        }
    }
    return WEIR_OK;
}

static weir_status begin_at_places(weir_stretch *s, weir_error *err)
{
    bool word = !s->from || is_word(s->from, "earliest") || is_word(s->from, "latest");
    weir_status st = set_places(s, "--from", word ? NULL : s->from, false, err);
    return st ? st : set_places(s, "--until", s->until, true, err);
}

/* What is empty is done before anything is read. */
static void mark_empty(weir_stretch *s)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        weir_stretch_part *p = &s->parts[i];
        p->next = p->start;
        p->done = s->until_ms < 0 && p->start >= p->end; /* the end may be before the start */
        p->end = p->done ? p->start : p->end;
        s->n_done += p->done;
    }
}

/* With the reader's properties, and maybe so that ends are those of all that is written. */
static weir_status open_admin(weir_stretch *s, weir_kafka_admin **a, weir_error *err)
{
    size_t n = s->kafka.n_reader;
    weir_kafka_property *all = weir_calloc(n + 1, sizeof *all);
    weir_kafka_admin_options ask = {all, n + (s->patience_ms > 0), s->cli->timeout_ms, NULL};
    if (!all) {
        return weir_fail_oom(err);
    }
    if (n) {
        memcpy(all, s->kafka.reader, n * sizeof *all);
    }
    all[n] = (weir_kafka_property){.name = "isolation.level", .value = "read_uncommitted"};
    weir_status st = weir_kafka_admin_open(&ask, a, err);
    weir_free(all);
    return st;
}

static weir_status look(weir_stretch *s, weir_error *err)
{
    weir_kafka_admin *a = NULL;
    weir_status st = open_admin(s, &a, err);
    st = st ? st : find_parts(s, a, err);
    st = st ? st : begin_at_places(s, err);
    weir_kafka_admin_close(a);
    if (!st) {
        mark_empty(s);
    }
    return st;
}

static weir_status open_reader(weir_stretch *s, weir_error *err)
{
    weir_kafka_place *places = weir_calloc(s->n_parts, sizeof *places);
    size_t n = 0;
    if (!places) {
        return weir_fail_oom(err);
    }
    for (size_t i = 0; i < s->n_parts; i++) {
        const weir_stretch_part *p = &s->parts[i];
        if (!p->done) {
            places[n++] = (weir_kafka_place){p->topic, p->number, p->start};
        }
    }
    weir_kafka_reader_options o = {s->kafka.reader, s->kafka.n_reader, places, n, NULL};
    weir_status st = weir_kafka_reader_open(&o, &s->reader, err);
    weir_free(places);
    return st;
}

weir_status weir_stretch_open(
    weir_stretch *s, const weir_config *config, const char *brokers, weir_error *err)
{
    weir_cli_signals_block(&s->signals);
    weir_status st = weir_cli_kafka_init(&s->kafka, config, brokers, err);
    st = st ? st : look(s, err);
    return st || s->n_done == s->n_parts ? st : open_reader(s, err);
}

void weir_stretch_close(weir_stretch *s)
{
    weir_kafka_reader_close(s->reader);
    weir_cli_kafka_fini(&s->kafka);
    weir_free(s->parts);
    s->reader = NULL;
    s->parts = NULL;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void finish_part(weir_stretch *s, weir_stretch_part *p)
{
    s->n_done += !p->done;
    p->done = true;
}

static weir_status take(weir_stretch *s, const weir_raw_record *raw, weir_error *err)
{
    weir_stretch_part *p = part_of(s, raw->topic, raw->partition);
    if (!p || p->done) {
        return WEIR_OK;
    }
    p->at_end = false;
    if (s->until_ms < 0 ? raw->offset >= p->end : raw->timestamp_ms >= s->until_ms) {
        finish_part(s, p);
        return WEIR_OK;
    }
    p->next = raw->offset + 1;
    if (s->until_ms < 0 && p->next >= p->end) {
        finish_part(s, p);
    }
    return s->take(s->ctx, p->topic, raw, err);
}

static void take_end(weir_stretch *s, const weir_raw_record *end)
{
    weir_stretch_part *p = part_of(s, end->topic, end->partition);
    if (p) {
        p->at_end = true;
        p->next = end->offset > p->next ? end->offset : p->next;
        if (s->until_ms < 0 && end->offset >= p->end) {
            finish_part(s, p); /* what was before it was compacted away, or aborted */
        }
    }
}

/* Nothing has come for a while, and all that is left is at the end of what is committed. */
static void give_up(weir_stretch *s)
{
    for (size_t i = 0; i < s->n_parts; i++) {
        weir_stretch_part *p = &s->parts[i];
        if (!p->done && p->at_end) {
            p->is_short = true;
            finish_part(s, p);
        }
    }
}

/* When the time is over, what has been read to its end is done. True: nothing is expected now. */
static bool look_at_clock(weir_stretch *s)
{
    bool over = s->until_ms >= 0 && weir_cli_now() >= s->until_ms, idle = true;
    for (size_t i = 0; i < s->n_parts; i++) {
        weir_stretch_part *p = &s->parts[i];
        if (over && p->at_end) {
            finish_part(s, p);
        }
        idle = idle && (p->done || p->at_end);
    }
    return idle;
}

static void show(const weir_stretch *s)
{
    uint64_t done = 0, all = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        const weir_stretch_part *p = &s->parts[i];
        done += (uint64_t)(p->next - p->start);
        all += s->until_ms < 0 ? (uint64_t)(p->end - p->start) : 0;
    }
    weir_bar_show(s->bar, done, all, *s->taken);
}

weir_status weir_stretch_read(weir_stretch *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    int64_t heard_ms = weir_monotonic_ms(), moved_ms = heard_ms;
    while (!st && s->n_done < s->n_parts && !weir_cli_signalled(&s->signals, 0)) {
        weir_kafka_read what = WEIR_KAFKA_NOTHING;
        weir_raw_record raw;
        st = weir_kafka_reader_next(s->reader, POLL_MS, &what, &raw, err);
        if (!st && what == WEIR_KAFKA_RECORD) {
            st = take(s, &raw, err);
        } else if (!st && what == WEIR_KAFKA_END) {
            take_end(s, &raw);
        }
        int64_t now = weir_monotonic_ms();
        bool idle = look_at_clock(s);
        heard_ms = what != WEIR_KAFKA_NOTHING || idle ? now : heard_ms;
        moved_ms = what == WEIR_KAFKA_RECORD || !idle ? now : moved_ms;
        if (!st && s->patience_ms && now - moved_ms > s->patience_ms) {
            give_up(s);
        }
        if (!st && now - heard_ms > s->cli->timeout_ms) {
            st = weir_kafka_reader_silent(s->reader, err);
        }
        show(s);
    }
    return st;
}
