/* Prometheus' text format. See metrics.h. For each line of base/metrics.def there is a function
 * here that puts its samples. */
#include "metrics.h"

#include <stdio.h>

/* ---- Samples ------------------------------------------------------------------------------------
 */

typedef struct out {
    weir_buf *to;
    const char *name, *app;
} out;

typedef struct label {
    const char *name, *value;
} label;

static void put_escaped(weir_buf *to, const char *text, bool quotes)
{
    for (; *text; text++) {
        if (*text == '\n') {
            weir_buf_puts(to, "\\n");
        } else {
            if (*text == '\\' || (quotes && *text == '"')) {
                weir_buf_putc(to, '\\');
            }
            weir_buf_putc(to, *text);
        }
    }
}

static void put_label(weir_buf *to, const char *name, const char *value)
{
    weir_buf_puts(to, name);
    weir_buf_puts(to, "=\"");
    put_escaped(to, value, true);
    weir_buf_putc(to, '"');
}

/* Up to the value. */
static void put_head(const out *o, const label *labels, size_t n)
{
    weir_buf_puts(o->to, o->name);
    weir_buf_putc(o->to, '{');
    put_label(o->to, "app", o->app);
    for (size_t i = 0; i < n; i++) {
        weir_buf_putc(o->to, ',');
        put_label(o->to, labels[i].name, labels[i].value);
    }
    weir_buf_puts(o->to, "} ");
}

static void put_count(const out *o, const label *labels, size_t n, uint64_t value)
{
    put_head(o, labels, n);
    weir_buf_uint(o->to, value);
    weir_buf_putc(o->to, '\n');
}

static void put_seconds(const out *o, const label *labels, size_t n, int64_t ms)
{
    put_head(o, labels, n);
    weir_buf_printf(o->to, "%lld.%03d\n", (long long)(ms / 1000), (int)(ms % 1000));
}

/* ---- Of the process -----------------------------------------------------------------------------
 */

static void put_build_info(const weir_snapshot *s, const out *o)
{
    (void)s;
    put_count(o, &(label){"version", WEIR_VERSION}, 1, 1);
}

static void put_uptime_seconds(const weir_snapshot *s, const out *o)
{
    put_seconds(o, NULL, 0, s->uptime_ms);
}

static void put_live(const weir_snapshot *s, const out *o)
{
    put_count(o, NULL, 0, s->live);
}

/* ---- Of a store ---------------------------------------------------------------------------------
 */

/* A metric with one sample a store; `value` is of `st`. */
#define PER_STORE(id, value)                                     \
    static void put_##id(const weir_snapshot *s, const out *o)   \
    {                                                            \
        for (size_t i = 0; i < s->n_stores; i++) {               \
            const weir_store_status *st = &s->stores[i];         \
            put_count(o, &(label){"store", st->name}, 1, value); \
        }                                                        \
    }

static uint64_t missing_topics(const weir_store_status *st)
{
    uint64_t n = 0;
    for (size_t i = 0; i < st->n_partitions; i++) {
        n += st->partitions[i].number < 0;
    }
    return n;
}

PER_STORE(ready, st->ready)
PER_STORE(delivered_records_total, st->counts.delivered)
PER_STORE(settled_records_total, st->counts.settled)
PER_STORE(rejected_records_total, st->rejected)
PER_STORE(invalid_rows_total, st->invalid)
PER_STORE(unjudged_rows_total, st->unjudged)
PER_STORE(in_flight_records, st->counts.open)
PER_STORE(in_flight_bytes, st->counts.open_bytes)
PER_STORE(in_flight_limit_bytes, s->in_flight_limit_bytes)
PER_STORE(consumer_missing_topics, missing_topics(st))

static void put_consumer_away_seconds(const weir_snapshot *s, const out *o)
{
    for (size_t i = 0; i < s->n_stores; i++) {
        put_seconds(o, &(label){"store", s->stores[i].name}, 1, s->stores[i].away_ms);
    }
    if (s->handlers) {
        put_seconds(o, &(label){"store", ""}, 1, s->handlers->away_ms);
    }
}

static void put_thread_silence_seconds(const weir_snapshot *s, const out *o)
{
    for (size_t i = 0; i < s->n_stores; i++) {
        put_seconds(o, &(label){"store", s->stores[i].name}, 1, s->stores[i].silence.ms);
    }
}

#define PER_STORE_AND_TYPE(id, value)                                                   \
    static void put_##id(const weir_snapshot *s, const out *o)                          \
    {                                                                                   \
        for (size_t i = 0; i < s->n_stores; i++) {                                      \
            const weir_store_status *st = &s->stores[i];                                \
            put_count(o, (label[]){{"store", st->name}, {"type", st->type}}, 2, value); \
        }                                                                               \
    }

PER_STORE_AND_TYPE(store_bytes, st->bytes)
PER_STORE_AND_TYPE(store_transactions_total, st->transactions)
PER_STORE_AND_TYPE(store_held, st->held)

/* Of stores that have one: a share of none is no number to be warned of. */
static void put_store_limit_bytes(const weir_snapshot *s, const out *o)
{
    for (size_t i = 0; i < s->n_stores; i++) {
        const weir_store_status *st = &s->stores[i];
        if (st->limit_bytes) {
            put_count(o, (label[]){{"store", st->name}, {"type", st->type}}, 2, st->limit_bytes);
        }
    }
}

/* ---- Of handlers --------------------------------------------------------------------------------
 */

static void put_handler_records_total(const weir_snapshot *s, const out *o)
{
    if (!s->handlers) {
        return;
    }
    const weir_handlers_counters *c = &s->handlers->counts;
    const struct {
        const char *result;
        uint64_t count;
    } all[] = {{"handled", c->handled}, {"retried", c->retried}, {"held", c->held},
        {"deferred", c->deferred}, {"duplicate", c->duplicates}, {"rejected", c->rejected},
        {"dead_lettered", c->dead_lettered}, {"unrouted", c->unrouted}, {"parked", c->parked}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        put_count(o, &(label){"result", all[i].result}, 1, all[i].count);
    }
}

static void put_emitted_events_total(const weir_snapshot *s, const out *o)
{
    if (s->handlers) {
        put_count(o, NULL, 0, s->handlers->counts.emitted);
    }
}

/* A metric with one sample an outbox; `value` is of `r`. */
#define PER_OUTBOX(id, put, value)                                               \
    static void put_outbox_##id(const weir_snapshot *s, const out *o)            \
    {                                                                            \
        for (size_t i = 0; s->handlers && i < s->handlers->n_outboxes; i++) {    \
            const weir_relay_status *r = &s->handlers->outboxes[i].relay;        \
            put(o, &(label){"store", s->handlers->outboxes[i].store}, 1, value); \
        }                                                                        \
    }

PER_OUTBOX(relayed_events_total, put_count, r->relayed)
PER_OUTBOX(leads, put_count, r->leads)
PER_OUTBOX(pending_events, put_count, r->leads ? r->pending : 0)
PER_OUTBOX(oldest_age_seconds, put_seconds,
    r->leads && r->oldest_ms && s->taken_ms > r->oldest_ms ? s->taken_ms - r->oldest_ms : 0)
PER_OUTBOX(held, put_count, r->trouble.status != WEIR_OK)

static void put_parked_keys(const weir_snapshot *s, const out *o)
{
    if (s->handlers && s->handlers->parks) {
        put_count(o, NULL, 0, s->handlers->parking.keys);
    }
}

static void put_parked_records(const weir_snapshot *s, const out *o)
{
    if (s->handlers && s->handlers->parks) {
        put_count(o, NULL, 0, s->handlers->parking.followers);
    }
}

static void put_stalled_partitions(const weir_snapshot *s, const out *o)
{
    if (s->handlers) {
        put_count(o, NULL, 0, s->handlers->health.stalled);
    }
}

static void put_group_member(const weir_snapshot *s, const out *o)
{
    if (s->handlers && s->handlers->health.has_group) {
        put_count(o, NULL, 0, s->handlers->health.out_ms == 0);
    }
}

static void put_transactions_total(const weir_snapshot *s, const out *o)
{
    if (s->handlers && s->handlers->exactly_once) {
        const weir_transactor_counters *c = &s->handlers->transactions;
        put_count(o, &(label){"result", "committed"}, 1, c->committed);
        put_count(o, &(label){"result", "failed"}, 1, c->failed);
    }
}

static void put_breaker_state(const weir_snapshot *s, const out *o)
{
    for (size_t i = 0; s->handlers && i < s->handlers->n_breakers; i++) {
        const weir_breaker_view *b = &s->handlers->breakers[i];
        put_count(o, &(label){"breaker", b->name}, 1, b->state);
    }
}

static void put_breaker_opened_total(const weir_snapshot *s, const out *o)
{
    for (size_t i = 0; s->handlers && i < s->handlers->n_breakers; i++) {
        const weir_breaker_view *b = &s->handlers->breakers[i];
        put_count(o, &(label){"breaker", b->name}, 1, b->opened);
    }
}

static void put_invalid_events_total(const weir_snapshot *s, const out *o)
{
    const weir_validations *v = s->handlers ? s->handlers->validations : NULL;
    for (size_t i = 0; v && i < v->n; i++) {
        const weir_config_validation *c = &v->config->checked.items[i];
        put_count(o,
            &(label){"of", c->table   ? c->table
                           : c->event ? c->event
                                      : c->topic},
            1, atomic_load(&v->counts[i].invalid));
    }
}

/* ---- Of a partition -----------------------------------------------------------------------------
 */

static void put_of_partition(
    const out *o, const char *store, const weir_partition_status *p, int64_t value)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)p->number);
    const label labels[] = {{"store", store}, {"topic", p->topic}, {"partition", number}};
    if (p->number >= 0 && value >= 0) {
        put_count(o, labels, 3, (uint64_t)value);
    }
}

/* One sample a partition; `value` is of `p`, and below 0 there is none. */
#define PER_PARTITION(id, value)                                                \
    static void put_##id(const weir_snapshot *s, const out *o)                  \
    {                                                                           \
        for (size_t i = 0; i < s->n_stores; i++) {                              \
            const weir_store_status *st = &s->stores[i];                        \
            for (size_t k = 0; k < st->n_partitions; k++) {                     \
                const weir_partition_status *p = &st->partitions[k];            \
                put_of_partition(o, st->name, p, value);                        \
            }                                                                   \
        }                                                                       \
        for (size_t k = 0; s->handlers && k < s->handlers->n_partitions; k++) { \
            const weir_partition_status *p = &s->handlers->partitions[k];       \
            put_of_partition(o, "", p, value);                                  \
        }                                                                       \
    }

PER_PARTITION(consumer_lag_records, p->lag_records)
PER_PARTITION(consumer_end_offset, p->end)
PER_PARTITION(consumer_frontier_offset, p->frontier)
PER_PARTITION(consumer_open_records, (int64_t)p->open_records)

/* ---- Of a cache ---------------------------------------------------------------------------------
 */

typedef void cache_fn(const out *o, const weir_store_status *st, const weir_cache_status *c);

static void each_cache(const weir_snapshot *s, const out *o, cache_fn *fn)
{
    for (size_t i = 0; i < s->n_stores; i++) {
        for (size_t k = 0; k < s->stores[i].n_caches; k++) {
            fn(o, &s->stores[i], &s->stores[i].caches[k]);
        }
    }
}

static void rows_of(const out *o, const weir_store_status *st, const weir_cache_status *c)
{
    put_count(o, (label[]){{"store", st->name}, {"cache", c->name}}, 2, c->stats.rows);
}

static void put_cache_rows(const weir_snapshot *s, const out *o)
{
    each_cache(s, o, rows_of);
}

/* A metric with one sample a table that something was written to; `value` is of `w`. */
#define PER_TABLE(id, put, value)                                                              \
    static void id##_of(const out *o, const weir_store_status *st, const weir_cache_status *c) \
    {                                                                                          \
        const weir_store_written *w = &c->stats.written;                                       \
        if (w->batches) {                                                                      \
            put(o, (label[]){{"store", st->name}, {"cache", c->name}}, 2, value);              \
        }                                                                                      \
    }                                                                                          \
    static void put_##id(const weir_snapshot *s, const out *o)                                 \
    {                                                                                          \
        each_cache(s, o, id##_of);                                                             \
    }

PER_TABLE(table_written_rows_total, put_count, w->rows)
PER_TABLE(table_write_batches_total, put_count, w->batches)
PER_TABLE(table_write_seconds_total, put_seconds, (int64_t)(w->busy_us / 1000))

static void changes_of(const out *o, const weir_store_status *st, const weir_cache_status *c)
{
    label labels[] = {{"store", st->name}, {"cache", c->name}, {"kind", NULL}};
#define X(kind, help)        \
    labels[2].value = #kind; \
    put_count(o, labels, 3, c->stats.count.kind);
#include "cdc/merge_counters.def"
#undef X
}

static void put_cache_changes_total(const weir_snapshot *s, const out *o)
{
    each_cache(s, o, changes_of);
}

static void applied_of(const out *o, const weir_store_status *st, const weir_cache_status *c)
{
    if (c->stats.applied_ms > 0) {
        const label labels[] = {{"store", st->name}, {"cache", c->name}};
        put_seconds(o, labels, 2, c->stats.applied_ms);
    }
}

static void put_cache_applied_time_seconds(const weir_snapshot *s, const out *o)
{
    each_cache(s, o, applied_of);
}

/* ---- The whole ----------------------------------------------------------------------------------
 */

const weir_metric_info weir_metrics[] = {
#define X(id, type, unit, labels, help) {"weir_" #id, #type, unit, labels, help},
#include "base/metrics.def"
#undef X
    {NULL, NULL, NULL, NULL, NULL},
};

static void (*const put_samples[])(const weir_snapshot *s, const out *o) = {
#define X(id, type, unit, labels, help) put_##id,
#include "base/metrics.def"
#undef X
};

void weir_metrics_put(const weir_snapshot *s, weir_buf *to)
{
    for (size_t i = 0; weir_metrics[i].name; i++) {
        const weir_metric_info *m = &weir_metrics[i];
        weir_buf_printf(to, "# HELP %s ", m->name);
        put_escaped(to, m->help, false);
        weir_buf_printf(to, "\n# TYPE %s %s\n", m->name, m->type);
        put_samples[i](s, &(out){to, m->name, s->app});
    }
}
