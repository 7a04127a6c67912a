/* The status as JSON and as text. See status.h. */
#include "status.h"

#include <inttypes.h>
#include <time.h>

#include "value/json.h"

/* ---- Values -------------------------------------------------------------------------------------
 */

/* A name and its value; `first` of an object has no comma before it. */
static void put_name(weir_buf *to, const char *name, bool first)
{
    weir_buf_printf(to, "%s\"%s\":", first ? "" : ",", name);
}

static void put_text(weir_buf *to, const char *name, const char *text, bool first)
{
    put_name(to, name, first);
    weir_json_put_string(to, weir_view_of(text));
}

static void put_flag(weir_buf *to, const char *name, bool value)
{
    put_name(to, name, false);
    weir_buf_puts(to, value ? "true" : "false");
}

static void put_count(weir_buf *to, const char *name, uint64_t value)
{
    put_name(to, name, false);
    weir_buf_uint(to, value);
}

/* Below 0: not known. */
static void put_known(weir_buf *to, const char *name, int64_t value)
{
    put_name(to, name, false);
    if (value < 0) {
        weir_buf_puts(to, "null");
    } else {
        weir_buf_int(to, value);
    }
}

static void put_seconds(weir_buf *to, const char *name, int64_t ms)
{
    put_name(to, name, false);
    weir_buf_printf(to, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

static void put_time(weir_buf *to, const char *name, int64_t ms, bool first)
{
    time_t seconds = ms / 1000;
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    put_name(to, name, first);
    weir_buf_printf(to, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static void put_error(weir_buf *to, const char *name, bool there, const weir_error *err)
{
    put_name(to, name, false);
    if (!there) {
        weir_buf_puts(to, "null");
        return;
    }
    weir_buf_putc(to, '{');
    put_text(to, "code", err->code, true);
    put_text(to, "where", err->where, false);
    put_text(to, "text", err->text, false);
    weir_buf_putc(to, '}');
}

/* ---- Parts --------------------------------------------------------------------------------------
 */

static void put_applied(weir_buf *to, const weir_cache_status *c)
{
    const weir_sync_stats *s = &c->stats;
    put_name(to, "applied", false);
    if (s->applied_ms <= 0) {
        weir_buf_puts(to, "null");
        return;
    }
    weir_buf_putc(to, '{');
    put_time(to, "time", s->applied_ms, true);
    if (c->has_lsn) {
        weir_buf_printf(to, ",\"lsn\":\"%" PRIX64 "/%" PRIX64 "\"", s->applied_high >> 32,
            s->applied_high & UINT32_MAX);
    }
    weir_buf_putc(to, '}');
}

/* Of a table; null: nothing was written yet, or it is no table. */
static void put_written(weir_buf *to, const weir_store_written *w)
{
    put_name(to, "written", false);
    if (!w->batches) {
        weir_buf_puts(to, "null");
        return;
    }
    weir_buf_puts(to, "{\"rows\":");
    weir_buf_uint(to, w->rows);
    put_count(to, "batches", w->batches);
    put_seconds(to, "seconds", (int64_t)(w->busy_us / 1000));
    weir_buf_putc(to, '}');
}

static void put_cache(weir_buf *to, const weir_cache_status *c)
{
    weir_buf_putc(to, '{');
    put_text(to, "name", c->name, true);
    put_text(to, "from", c->from, false);
    put_count(to, "rows", c->stats.rows);
    put_applied(to, c);
    put_written(to, &c->stats.written);
    weir_buf_puts(to, ",\"counts\":{");
    size_t start = to->len;
#define X(kind, help)                      \
    put_name(to, #kind, to->len == start); \
    weir_buf_uint(to, c->stats.count.kind);
#include "cdc/merge_counters.def"
#undef X
    weir_buf_puts(to, "}}");
}

static void put_partition(weir_buf *to, const weir_partition_status *p)
{
    weir_buf_putc(to, '{');
    put_text(to, "topic", p->topic, true);
    put_known(to, "partition", p->number);
    put_known(to, "end", p->end);
    put_known(to, "frontier", p->frontier);
    put_known(to, "lag", p->lag_records);
    put_count(to, "open", p->open_records);
    put_text(to, "state", weir_partition_state_name(p->state), false);
    put_text(to, "why", p->why, false);
    weir_buf_putc(to, '}');
}

static void put_silence(weir_buf *to, const weir_silence *s)
{
    put_name(to, "silence", false);
    weir_buf_puts(to, "{\"thread\":\"");
    weir_silence_put(s, to);
    weir_buf_putc(to, '"');
    put_seconds(to, "seconds", s->ms);
    weir_buf_putc(to, '}');
}

static void put_store(weir_buf *to, const weir_snapshot *s, const weir_store_status *st)
{
    weir_buf_putc(to, '{');
    put_text(to, "name", st->name, true);
    put_text(to, "type", st->type, false);
    put_flag(to, "live", st->live);
    put_flag(to, "ready", st->ready);
    put_error(to, "held", st->held, &st->held_why);
    put_error(to, "failure", st->failure.status, &st->failure);
    put_silence(to, &st->silence);
    put_seconds(to, "away_seconds", st->away_ms);
    put_count(to, "bytes", st->bytes);
    if (st->limit_bytes) {
        put_count(to, "limit_bytes", st->limit_bytes);
    } else {
        weir_buf_puts(to, ",\"limit_bytes\":null");
    }
    put_count(to, "transactions", st->transactions);
    put_count(to, "delivered", st->counts.delivered);
    put_count(to, "settled", st->counts.settled);
    put_count(to, "rejected", st->rejected);
    put_count(to, "invalid", st->invalid);
    put_count(to, "unjudged", st->unjudged);
    put_count(to, "in_flight_records", st->counts.open);
    put_count(to, "in_flight_bytes", st->counts.open_bytes);
    put_count(to, "in_flight_limit_bytes", s->in_flight_limit_bytes);
    weir_buf_puts(to, ",\"caches\":[");
    for (size_t i = 0; i < st->n_caches; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_cache(to, &st->caches[i]);
    }
    weir_buf_puts(to, "],\"partitions\":[");
    for (size_t i = 0; i < st->n_partitions; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_partition(to, &st->partitions[i]);
    }
    weir_buf_puts(to, "]}");
}

static void put_outbox(weir_buf *to, const weir_outbox_status *o)
{
    const weir_relay_status *r = &o->relay;
    weir_buf_putc(to, '{');
    put_text(to, "store", o->store, true);
    put_flag(to, "leads", r->leads);
    put_error(to, "held", r->trouble.status, &r->trouble);
    put_count(to, "relayed", r->relayed);
    put_known(to, "pending", r->leads ? (int64_t)r->pending : -1);
    if (r->leads && r->oldest_ms) {
        put_time(to, "oldest", r->oldest_ms, false);
    }
    weir_buf_putc(to, '}');
}

static void put_outboxes(weir_buf *to, const weir_handlers_status *h)
{
    weir_buf_puts(to, ",\"outboxes\":[");
    for (size_t i = 0; i < h->n_outboxes; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_outbox(to, &h->outboxes[i]);
    }
    weir_buf_putc(to, ']');
}

static void put_breakers(weir_buf *to, const weir_handlers_status *h)
{
    static const char *const states[] = {[WEIR_BREAKER_CLOSED] = "closed",
        [WEIR_BREAKER_HALF_OPEN] = "half open",
        [WEIR_BREAKER_OPEN] = "open"};
    weir_buf_puts(to, ",\"breakers\":[");
    for (size_t i = 0; i < h->n_breakers; i++) {
        const weir_breaker_view *b = &h->breakers[i];
        weir_buf_puts(to, i ? ",{" : "{");
        put_text(to, "name", b->name, true);
        put_text(to, "state", states[b->state], false);
        put_count(to, "opened", b->opened);
        weir_buf_putc(to, '}');
    }
    weir_buf_putc(to, ']');
}

static void put_hold(weir_buf *to, const weir_stuck_key *k)
{
    weir_buf_putc(to, '{');
    put_text(to, "topic", k->topic, true);
    put_known(to, "partition", k->partition);
    put_known(to, "offset", k->offset);
    put_text(to, "key", k->key, false);
    put_count(to, "attempt", k->attempt);
    put_count(to, "followers", k->followers);
    put_error(to, "error", true, &k->error);
    weir_buf_putc(to, '}');
}

static void put_handlers(weir_buf *to, const weir_handlers_status *h)
{
    const weir_handlers_counters *c = &h->counts;
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {{"retried", c->retried}, {"held", c->held}, {"deferred", c->deferred},
        {"duplicate", c->duplicates}, {"rejected", c->rejected},
        {"dead_lettered", c->dead_lettered}, {"unrouted", c->unrouted}, {"emitted", c->emitted},
        {"parked", c->parked}, {"stalled_partitions", h->health.stalled}};
    weir_buf_puts(to, ",\"handlers\":{");
    put_name(to, "handled", true);
    weir_buf_uint(to, c->handled);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        put_count(to, counts[i].name, counts[i].n);
    }
    if (h->health.has_group) {
        put_flag(to, "member", h->health.out_ms == 0);
    }
    put_seconds(to, "away_seconds", h->away_ms);
    put_error(to, "unwell", h->unwell.status, &h->unwell);
    weir_buf_puts(to, ",\"holds\":[");
    for (size_t i = 0; i < h->n_holds; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_hold(to, &h->holds[i]);
    }
    weir_buf_puts(to, "],\"partitions\":[");
    for (size_t i = 0; i < h->n_partitions; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_partition(to, &h->partitions[i]);
    }
    weir_buf_puts(to, "]}");
}

static void put_parked_key(weir_buf *to, const weir_parked_view *k)
{
    put_text(to, "topic", k->topic, true);
    weir_buf_printf(to, ",\"partition\":%d", (int)k->partition);
    put_text(to, "key", k->key, false);
    put_text(to, "state", weir_key_state_name(k->state), false);
    put_time(to, "since", k->since_ms, false);
    put_count(to, "followers", k->followers);
    put_error(to, "error", true, &k->why);
}

static void put_parked(weir_buf *to, const weir_handlers_status *h)
{
    if (!h->parks) {
        return;
    }
    weir_buf_puts(to, ",\"parked\":{");
    put_name(to, "keys", true);
    weir_buf_uint(to, h->parking.keys);
    put_count(to, "followers", h->parking.followers);
    put_flag(to, "known", h->parking.known);
    put_error(to, "trouble", h->parking.trouble.status != WEIR_OK, &h->parking.trouble);
    weir_buf_puts(to, ",\"first\":[");
    for (size_t i = 0; i < h->n_parked; i++) {
        weir_buf_puts(to, i ? ",{" : "{");
        put_parked_key(to, &h->parked[i]);
        weir_buf_putc(to, '}');
    }
    weir_buf_puts(to, "]}");
}

void weir_status_put(const weir_snapshot *s, weir_buf *to)
{
    weir_buf_putc(to, '{');
    put_text(to, "name", s->app, true);
    put_text(to, "version", WEIR_VERSION, false);
    put_time(to, "time", s->taken_ms, false);
    put_seconds(to, "uptime_seconds", s->uptime_ms);
    put_flag(to, "live", s->live);
    put_flag(to, "ready", s->ready);
    put_flag(to, "stopping", s->stopping);
    weir_buf_puts(to, ",\"stores\":[");
    for (size_t i = 0; i < s->n_stores; i++) {
        weir_buf_puts(to, i ? "," : "");
        put_store(to, s, &s->stores[i]);
    }
    weir_buf_putc(to, ']');
    if (s->handlers) {
        put_handlers(to, s->handlers);
        put_breakers(to, s->handlers);
        put_outboxes(to, s->handlers);
        put_parked(to, s->handlers);
    }
    weir_buf_puts(to, "}\n");
}

/* ---- Readiness ----------------------------------------------------------------------------------
 */

/* The first partition that is not current, and how many there are. */
static void put_unready_store(weir_buf *to, const weir_store_status *st)
{
    const weir_partition_status *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < st->n_partitions; i++) {
        if (st->partitions[i].state != WEIR_PARTITION_CURRENT) {
            first = first ? first : &st->partitions[i];
            n++;
        }
    }
    weir_buf_printf(to, "store %s: ", st->name);
    if (!first) {
        weir_buf_puts(to, "no partition was met yet\n");
        return;
    }
    weir_buf_puts(to, first->topic);
    if (first->number >= 0) {
        weir_buf_printf(to, "/%d", (int)first->number);
    }
    if (first->lag_records > 0) {
        weir_buf_printf(to, " lags by %" PRId64 " records", first->lag_records);
    }
    weir_buf_printf(to, ": %s", first->why);
    if (n > 1) {
        weir_buf_printf(to, "; and %zu more of its partitions", n - 1);
    }
    weir_buf_putc(to, '\n');
}

static void put_unready(weir_buf *to, const weir_snapshot *s)
{
    weir_buf_puts(to, "not ready: ");
    for (size_t i = 0; i < s->n_stores && !s->stopping; i++) {
        if (!s->stores[i].ready) {
            put_unready_store(to, &s->stores[i]);
            return;
        }
    }
    weir_buf_puts(to, "stopping\n");
}

void weir_status_put_ready(const weir_snapshot *s, weir_buf *to)
{
    if (s->ready) {
        weir_buf_puts(to, "ready\n");
    } else {
        put_unready(to, s);
    }
    for (size_t i = 0; i < s->n_stores; i++) {
        for (size_t k = 0; k < s->stores[i].n_caches; k++) {
            const weir_cache_status *c = &s->stores[i].caches[k];
            if (c->stats.count.quarantined) {
                weir_buf_printf(to, "cache %s: %" PRIu64 " keys were quarantined since the start\n",
                    c->name, c->stats.count.quarantined);
            }
        }
    }
}
