/* The topic of parked records in Kafka. See kafka_parked.h. */
#include "kafka/kafka_parked.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"

enum { ASK_MS = 5000, WAIT_MS = 100, MOST_NAME = 250 };

typedef struct kafka_parked {
    weir_kafka_parked_options options;
    weir_kafka_admin *admin;    /* NULL: not open */
    weir_kafka_reader *spare;   /* that was closed; NULL: none */
    weir_kafka_reader *broken;  /* that has failed: it is no spare */
    weir_kafka_reader *fetcher; /* has what was fetched last; NULL: none */
} kafka_parked;

/* ---- Bounds -------------------------------------------------------------------------------------
 */

static weir_status ask(
    kafka_parked *k, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    const char *topic = k->options.topic;
    weir_status s = weir_kafka_admin_look(k->admin, err);
    s = s ? s : weir_kafka_admin_partitions(k->admin, topic, n, err);
    for (int32_t i = 0; i < *n && i < most && !s; i++) {
        s = weir_kafka_admin_ends(k->admin, topic, i, &out[i].first, &out[i].end, err);
    }
    return s;
}

/* The end is that of all that is written. Behind a transaction that is still open, as one is whose
 * owner has just lost its partitions, the end of what is committed is told as the end; and what it
 * has noted would not be waited for. */
static weir_status open_admin(kafka_parked *k, weir_error *err)
{
    size_t n = k->options.n_properties;
    weir_kafka_property *all = weir_calloc(n + 1, sizeof *all);
    const weir_kafka_admin_options o = {
        .properties = all, .n_properties = n + 1, .timeout_ms = ASK_MS, .log = k->options.log};
    if (!all) {
        return weir_fail_oom(err);
    }
    if (n) {
        memcpy(all, k->options.properties, n * sizeof *all);
    }
    all[n] = (weir_kafka_property){.name = "isolation.level", .value = "read_uncommitted"};
    weir_status s = weir_kafka_admin_open(&o, &k->admin, err);
    weir_free(all);
    return s;
}

static weir_status kafka_bounds(
    void *self, weir_parked_bounds *out, int32_t most, int32_t *n, weir_error *err)
{
    kafka_parked *k = self;
    *n = 0;
    weir_status s = k->admin ? WEIR_OK : open_admin(k, err);
    return s ? s : ask(k, out, most, n, err);
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

/* Released keys that are served by turns have the reader begin anew often: it keeps its client. */
static weir_status open_or_move(
    kafka_parked *k, const weir_kafka_reader_options *o, weir_kafka_reader **r, weir_error *err)
{
    *r = k->spare;
    k->spare = NULL;
    weir_status s = *r ? weir_kafka_reader_move(*r, o->places, o->n_places, err)
                       : weir_kafka_reader_open(o, r, err);
    if (s) {
        weir_kafka_reader_close(*r);
        *r = NULL;
    }
    return s;
}

static weir_status kafka_open(
    void *self, const int64_t *from, int32_t n, void **reader, weir_error *err)
{
    kafka_parked *k = self;
    weir_kafka_place *places = weir_calloc((size_t)n + 1, sizeof *places);
    weir_kafka_reader_options o = {.properties = k->options.properties,
        .n_properties = k->options.n_properties,
        .places = places,
        .log = k->options.log};
    if (!places) {
        return weir_fail_oom(err);
    }
    for (int32_t i = 0; i < n; i++) {
        if (from[i] >= 0) {
            places[o.n_places++] = (weir_kafka_place){k->options.topic, i, from[i]};
        }
    }
    weir_kafka_reader *r;
    weir_status s = open_or_move(k, &o, &r, err);
    *reader = r;
    weir_free(places);
    return s;
}

static weir_status kafka_next(void *self, void *reader, int wait_ms, weir_parked_read *what,
    weir_raw_record *record, weir_error *err)
{
    static const weir_parked_read is[] = {[WEIR_KAFKA_NOTHING] = WEIR_PARKED_NOTHING,
        [WEIR_KAFKA_RECORD] = WEIR_PARKED_RECORD,
        [WEIR_KAFKA_END] = WEIR_PARKED_END};
    kafka_parked *k = self;
    weir_kafka_read read;
    weir_status s = weir_kafka_reader_next(reader, wait_ms, &read, record, err);
    *what = is[read];
    k->broken = s ? reader : k->broken;
    return s;
}

static void kafka_close(void *self, void *reader)
{
    kafka_parked *k = self;
    weir_error err;
    bool keeps = reader && !k->spare && reader != k->broken &&
                 !weir_kafka_reader_move(reader, NULL, 0, &err); /* it fetches nothing meanwhile */
    k->spare = keeps ? reader : k->spare;
    k->broken = reader == k->broken ? NULL : k->broken;
    if (!keeps) {
        weir_kafka_reader_close(reader);
    }
}

/* ---- What a copy lacks --------------------------------------------------------------------------
 */

static weir_status await(
    weir_kafka_reader *r, int64_t offset, bool *found, weir_raw_record *record, weir_error *err)
{
    weir_kafka_read what = WEIR_KAFKA_NOTHING;
    for (int waited = 0; what == WEIR_KAFKA_NOTHING && waited < ASK_MS; waited += WAIT_MS) {
        weir_status s = weir_kafka_reader_next(r, WAIT_MS, &what, record, err);
        if (s) {
            bool gone = strcmp(err->code, weir_code_get(WEIR_E_KAFKA_OFFSETS_LOST)->name) == 0 ||
                        strcmp(err->code, weir_code_get(WEIR_E_KAFKA_NO_TOPIC)->name) == 0;
            return gone ? WEIR_OK : s;
        }
    }
    *found = what == WEIR_KAFKA_RECORD && record->offset == offset;
    return what != WEIR_KAFKA_NOTHING ? WEIR_OK : weir_kafka_reader_silent(r, err);
}

static weir_status kafka_fetch(void *self, weir_view topic, int32_t partition, int64_t offset,
    bool *found, weir_raw_record *record, weir_error *err)
{
    kafka_parked *k = self;
    char name[MOST_NAME];
    const weir_kafka_place place = {name, partition, offset};
    const weir_kafka_reader_options o = {.properties = k->options.properties,
        .n_properties = k->options.n_properties,
        .places = &place,
        .n_places = 1,
        .log = k->options.log};
    *found = false;
    snprintf(name, sizeof name, "%.*s", WEIR_ARG(topic));
    weir_status s = k->fetcher ? weir_kafka_reader_move(k->fetcher, &place, 1, err)
                               : weir_kafka_reader_open(&o, &k->fetcher, err);
    s = s ? s : await(k->fetcher, offset, found, record, err);
    if (s) {
        weir_kafka_reader_close(k->fetcher);
        k->fetcher = NULL;
        err->status = WEIR_HOLD; /* whatever it is: others go on */
    }
    return s ? WEIR_HOLD : WEIR_OK;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static const weir_parked_log_ops ops = {.bounds = kafka_bounds,
    .open = kafka_open,
    .next = kafka_next,
    .close = kafka_close,
    .fetch = kafka_fetch};

weir_status weir_kafka_parked_open(
    const weir_kafka_parked_options *options, weir_parked_log *out, weir_error *err)
{
    kafka_parked *k = weir_calloc(1, sizeof *k);
    if (!k) {
        return weir_fail_oom(err);
    }
    k->options = *options;
    *out = (weir_parked_log){&ops, k};
    return WEIR_OK;
}

void weir_kafka_parked_close(weir_parked_log *log)
{
    kafka_parked *k = log->self;
    if (k) {
        weir_kafka_reader_close(k->spare);
        weir_kafka_reader_close(k->fetcher);
        weir_kafka_admin_close(k->admin);
        weir_free(k);
    }
    *log = (weir_parked_log){.ops = NULL};
}
