/* Columns in the newest records. See check_columns.h. */
#include "check_columns.h"

#include <string.h>

#include "base/alloc.h"
#include "column_watch.h"
#include "engine/run.h"
#include "kafka/kafka_reader.h"

enum { NEWEST_RECORDS = 100, POLL_MS = 100, LONGEST_MS = 5000 };

/* Some of the newest records of a store's topics. */
typedef struct sample {
    const weir_cli *cli;
    const weir_cli_kafka *kafka;
    weir_kafka_admin *admin;
    weir_rules rules;
    weir_column_watch *watch;
    weir_kafka_place *places; /* owned */
    size_t n_places, n_ended;
} sample;

/* ---- Where to look --------------------------------------------------------------------------- */

static weir_status add_place(
    sample *s, const char *topic, int32_t partition, int32_t n, weir_error *err)
{
    int64_t first, end, from;
    weir_status st = weir_kafka_admin_ends(s->admin, topic, partition, &first, &end, err);
    if (st || first == end) {
        return st;
    }
    from = end - NEWEST_RECORDS / n - 1;
    weir_kafka_place *grown = weir_realloc(s->places, (s->n_places + 1) * sizeof *grown);
    if (!grown) {
        return weir_fail_oom(err);
    }
    s->places = grown;
    grown[s->n_places++] = (weir_kafka_place){topic, partition, from < first ? first : from};
    return WEIR_OK;
}

static weir_status find_places(sample *s, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t t = 0; t < s->rules.n_topics && !st; t++) {
        const char *topic = s->rules.topic_names[t];
        weir_error absent;
        int32_t n = 0;
        if (weir_kafka_admin_partitions(s->admin, topic, &n, &absent)) {
            continue; /* which is told already */
        }
        for (int32_t p = 0; p < n && !st; p++) {
            st = add_place(s, topic, p, n, err);
        }
    }
    return st;
}

/* ---- Looking --------------------------------------------------------------------------------- */

static void take(sample *s, weir_kafka_read what, const weir_raw_record *record)
{
    if (what == WEIR_KAFKA_END) {
        s->n_ended++;
    }
    for (size_t t = 0; what == WEIR_KAFKA_RECORD && t < s->rules.n_topics; t++) {
        if (weir_view_is(record->topic, s->rules.topic_names[t])) {
            weir_column_watch_record(s->watch, t, record->value);
        }
    }
}

/* To the end of each partition, for a while: it is a sample. */
static weir_status read_places(sample *s, weir_error *err)
{
    weir_kafka_reader *r;
    weir_kafka_reader_options o = {
        s->kafka->reader, s->kafka->n_reader, s->places, s->n_places, NULL};
    int64_t ms = s->cli->timeout_ms < LONGEST_MS ? s->cli->timeout_ms : LONGEST_MS;
    int64_t until = weir_monotonic_ms() + ms;
    weir_status st = weir_kafka_reader_open(&o, &r, err);
    if (st) {
        return st;
    }
    while (!st && s->n_ended < s->n_places && weir_monotonic_ms() < until) {
        weir_kafka_read what;
        weir_raw_record record;
        st = weir_kafka_reader_next(r, POLL_MS, &what, &record, err);
        if (!st) {
            take(s, what, &record);
        }
    }
    weir_kafka_reader_close(r);
    return st;
}

static void find_missing(void *ctx, const weir_missing_column *c)
{
    weir_find(ctx, WEIR_FOUND_RISK, c->owner,
        "column %s is in none of the %u newest records of %s: is the name right?", c->column,
        c->records, c->table);
}

static weir_status check_store(sample *s, const weir_config *config, const weir_config_store *store,
    weir_findings *to, weir_error *err)
{
    weir_status st = weir_rules_build(config, store, &s->rules, err);
    if (st) {
        return st;
    }
    st = weir_column_watch_new(config, &s->rules, NULL, &s->watch, err);
    st = st ? st : find_places(s, err);
    st = st || !s->n_places ? st : read_places(s, err);
    if (!st) {
        weir_column_watch_missing(s->watch, find_missing, to);
    }
    weir_column_watch_free(s->watch);
    weir_free(s->places);
    weir_rules_fini(&s->rules);
    return st;
}

weir_status weir_check_columns(const weir_cli *cli, const weir_config *config,
    const weir_cli_kafka *k, weir_kafka_admin *admin, weir_findings *to, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (size_t i = 0; i < config->stores.count && !st; i++) {
        sample s = {.cli = cli, .kafka = k, .admin = admin};
        st = check_store(&s, config, &config->stores.items[i], to, err);
    }
    return st;
}
