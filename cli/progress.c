/* Status line and summary. See progress.h. */
#include "progress.h"

#include <inttypes.h>
#include <string.h>

enum { BAR = 24 };

weir_progress_start weir_progress_now(void)
{
    return (weir_progress_start){weir_monotonic_ms()};
}

void weir_progress_init(weir_progress *p, const weir_cli *cli)
{
    *p = (weir_progress){.terminal = weir_cli_terminal(cli), .last_ms = weir_monotonic_ms()};
}

typedef struct totals {
    uint64_t rows, changes, settled, open;
    uint64_t read_bytes, all_bytes;
    bool from_file;
} totals;

static totals count(weir_daemon *d)
{
    totals t = {0};
    for (size_t i = 0; i < weir_daemon_replicas(d); i += weir_daemon_members(d, i)) {
        const weir_rules *rules = weir_replica_rules(weir_daemon_replica(d, i));
        for (size_t c = 0; c < rules->n_caches; c++) {
            weir_sync_stats s;
            weir_daemon_cache_stats(d, i, c, &s);
            t.rows += s.rows;
            t.changes += s.count.changes;
        }
    }
    for (size_t i = 0; i < weir_daemon_replicas(d); i++) {
        weir_replica *r = weir_daemon_replica(d, i);
        uint64_t read_bytes, all_bytes;
        if (weir_replica_progress(r, &read_bytes, &all_bytes)) {
            t.from_file = true;
            t.read_bytes += read_bytes;
            t.all_bytes += all_bytes;
        }
        weir_engine_counts counts = weir_engine_get_counts(weir_replica_engine(r));
        t.settled += counts.settled;
        t.open += counts.open;
    }
    return t;
}

static void put_bar(uint64_t done, uint64_t all)
{
    uint64_t full = all ? done * BAR / all : 0;
    for (uint64_t i = 0; i < BAR; i++) {
        fputs(i < full ? "█" : "░", stderr);
    }
}

void weir_progress_show(weir_progress *p, weir_daemon *d)
{
    if (!p->terminal) {
        return;
    }
    totals t = count(d);
    int64_t now = weir_monotonic_ms();
    if (now > p->last_ms) {
        double rate = (double)(t.settled - p->last_records) * 1000.0 / (double)(now - p->last_ms);
        p->rate = p->rate > 0 ? p->rate * 0.7 + rate * 0.3 : rate;
        p->last_ms = now;
        p->last_records = t.settled;
    }
    fputs("\r\033[K", stderr);
    if (t.from_file && t.all_bytes) {
        put_bar(t.read_bytes, t.all_bytes);
        fputs("  ", stderr);
    }
    fprintf(stderr, "%" PRIu64 " records   rows %" PRIu64 "   %.0f/s   in flight %" PRIu64 "   %s",
        t.settled, t.rows, p->rate, t.open, weir_daemon_ready(d) ? "READY" : "catching up");
    fflush(stderr);
    p->shown = true;
}

void weir_progress_clear(weir_progress *p)
{
    if (p->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->shown = false;
    }
}

static void put_text(const char *name, int width, const weir_sync_stats *s)
{
    const weir_merge_counters *c = &s->count;
    printf("%-*s rows %" PRIu64 "   changes %" PRIu64 "   deletes %" PRIu64 "   key moves %" PRIu64
           "   placeholders kept %" PRIu64 "   incomplete %" PRIu64 "\n",
        width, name, s->rows, c->changes, c->deletes, c->key_moves, c->placeholders_kept,
        c->incomplete);
}

/* That of the longest name of a cache or table, so that the numbers stand below each other. */
static int name_width(weir_daemon *d)
{
    size_t width = 16;
    for (size_t i = 0; i < weir_daemon_replicas(d); i += weir_daemon_members(d, i)) {
        const weir_rules *rules = weir_replica_rules(weir_daemon_replica(d, i));
        for (size_t c = 0; c < rules->n_caches; c++) {
            size_t len = strlen(rules->caches[c].name);
            width = len > width ? len : width;
        }
    }
    return (int)width;
}

static void put_json(const char *name, const weir_sync_stats *s)
{
    printf("{\"cache\":\"%s\",\"rows\":%" PRIu64, name, s->rows);
#define X(field, help) printf(",\"" #field "\":%" PRIu64, s->count.field);
#include "cdc/merge_counters.def"
#undef X
    puts("}");
}

static void put_end_json(weir_daemon_counts n, double seconds, bool whole)
{
    printf("{\"records\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"seconds\":%.3f,\"complete\":%s}\n",
        n.settled, n.rejected, seconds, whole ? "true" : "false");
}

static void put_end_text(
    const weir_config *config, weir_daemon_counts n, double seconds, const char *stopped_by)
{
    printf("%" PRIu64 " records in %.1f s (%.0f/s)", n.settled, seconds,
        seconds > 0 ? (double)n.settled / seconds : 0.0);
    if (n.rejected) {
        printf(", %" PRIu64 " could not be used%s", n.rejected,
            config->errors.reject == WEIR_CONFIG_REJECT_DEAD_LETTER
                ? " (from a recording they are written nowhere)"
                : "");
    }
    putchar('\n');
    if (stopped_by) {
        printf("stopped by %s before the recording's end: the rest is not in the caches\n",
            stopped_by);
    }
}

/* How many records came in one transaction: what a database makes of a stream. */
static void put_batches(weir_daemon *d)
{
    for (size_t i = 0, members; i < weir_daemon_replicas(d); i += members) {
        uint64_t n = 0, records = 0;
        members = weir_daemon_members(d, i);
        for (size_t m = i; m < i + members; m++) {
            n += weir_sync_transactions(weir_replica_sync(weir_daemon_replica(d, m)));
            records +=
                weir_engine_get_counts(weir_replica_engine(weir_daemon_replica(d, m))).settled;
        }
        printf("store %-10s %" PRIu64 " transactions, %" PRIu64 " records each\n",
            weir_replica_config(weir_daemon_replica(d, i))->name, n, n ? records / n : 0);
    }
}

void weir_progress_summary(
    const weir_cli *cli, weir_daemon *d, weir_progress_start start, const char *stopped_by)
{
    if (cli->quiet) {
        return;
    }
    int width = name_width(d);
    for (size_t i = 0; i < weir_daemon_replicas(d); i += weir_daemon_members(d, i)) {
        const weir_rules *rules = weir_replica_rules(weir_daemon_replica(d, i));
        for (size_t c = 0; c < rules->n_caches; c++) {
            weir_sync_stats s;
            weir_daemon_cache_stats(d, i, c, &s);
            if (cli->json) {
                put_json(rules->caches[c].name, &s);
            } else {
                put_text(rules->caches[c].name, width, &s);
            }
        }
    }
    double seconds = (double)(weir_monotonic_ms() - start.ms) / 1000.0;
    if (!cli->json) {
        put_batches(d);
    }
    if (cli->json) {
        put_end_json(weir_daemon_count(d), seconds, !stopped_by);
    } else {
        put_end_text(weir_daemon_config(d), weir_daemon_count(d), seconds, stopped_by);
    }
}
