/* The topic of parked records in Kafka. See kafka_parked.h. */
#include "kafka/kafka_parked.h"

#include <string.h>

#include "base/alloc.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"

enum { ASK_MS = 5000 };

typedef struct kafka_parked {
    weir_kafka_parked_options options;
    weir_kafka_admin *admin; /* NULL: not open */
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

static weir_status kafka_open(
    void *self, const int64_t *from, int32_t n, void **reader, weir_error *err)
{
    const kafka_parked *k = self;
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
    weir_status s = weir_kafka_reader_open(&o, &r, err);
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
    (void)self;
    weir_kafka_read read;
    weir_status s = weir_kafka_reader_next(reader, wait_ms, &read, record, err);
    *what = is[read];
    return s;
}

static void kafka_close(void *self, void *reader)
{
    (void)self;
    weir_kafka_reader_close(reader);
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static const weir_parked_log_ops ops = {
    .bounds = kafka_bounds, .open = kafka_open, .next = kafka_next, .close = kafka_close};

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
        weir_kafka_admin_close(k->admin);
        weir_free(k);
    }
    *log = (weir_parked_log){.ops = NULL};
}
