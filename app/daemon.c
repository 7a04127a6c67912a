/* The sync daemon. See daemon.h. */
#include "daemon.h"

#include "base/alloc.h"

struct weir_daemon {
    const weir_config *config;
    weir_replica **replicas;
    size_t n;
    int64_t opened_ms; /* monotonic */
    atomic_bool stopping;
};

static bool has_caches(const weir_config *config, const weir_config_store *store)
{
    for (size_t i = 0; i < config->followed.count; i++) {
        if (config->followed.items[i]->store == store) {
            return true;
        }
    }
    return false;
}

static size_t most_replicas(const weir_config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->stores.count; i++) {
        n += weir_config_writers(&config->stores.items[i]);
    }
    return n;
}

/* A recording has one reader. */
static weir_status open_replicas(weir_daemon *d, const weir_config_store *store,
    const char *recording, const weir_log *log, weir_error *err)
{
    unsigned members = recording ? 1 : weir_config_writers(store);
    weir_status s = WEIR_OK;
    for (unsigned i = 0; i < members && !s; i++) {
        weir_replica_options o = {.config = d->config,
            .store = store,
            .recording = recording,
            .log = log,
            .member = i,
            .members = members};
        s = weir_replica_open(&o, &d->replicas[d->n], err);
        d->n += !s;
    }
    return s;
}

weir_status weir_daemon_open(const weir_config *config, const char *recording, const weir_log *log,
    weir_daemon **out, weir_error *err)
{
    *out = NULL;
    weir_daemon *d = weir_calloc(1, sizeof *d);
    if (d) {
        d->replicas = weir_calloc(most_replicas(config), sizeof(weir_replica *));
        d->config = config;
        d->opened_ms = weir_monotonic_ms();
    }
    weir_status s = d && d->replicas ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < config->stores.count && !s; i++) {
        const weir_config_store *store = &config->stores.items[i];
        if (has_caches(config, store)) {
            s = open_replicas(d, store, recording, log, err);
        }
    }
    if (s) {
        weir_daemon_close(d);
        return s;
    }
    *out = d;
    return WEIR_OK;
}

weir_status weir_daemon_start(weir_daemon *d, weir_error *err)
{
    for (size_t i = 0; i < d->n; i++) {
        weir_status s = weir_replica_start(d->replicas[i], err);
        if (s) {
            weir_daemon_wait(d, NULL);
            return s;
        }
    }
    return WEIR_OK;
}

void weir_daemon_stop(weir_daemon *d)
{
    atomic_store(&d->stopping, true);
    for (size_t i = 0; i < d->n; i++) {
        weir_replica_stop(d->replicas[i]);
    }
}

bool weir_daemon_ended(const weir_daemon *d)
{
    bool all = true;
    for (size_t i = 0; i < d->n; i++) {
        if (weir_engine_failure(weir_replica_engine(d->replicas[i]), NULL)) {
            return true;
        }
        all = all && weir_replica_ended(d->replicas[i]);
    }
    return all;
}

weir_status weir_daemon_wait(weir_daemon *d, weir_error *err)
{
    weir_status first = WEIR_OK;
    weir_daemon_stop(d);
    for (size_t i = 0; i < d->n; i++) {
        weir_error why;
        weir_status s = weir_replica_wait(d->replicas[i], &why);
        if (s && !first) {
            first = s;
            if (err) {
                *err = why;
            }
        }
    }
    return first;
}

void weir_daemon_close(weir_daemon *d)
{
    for (size_t i = 0; d && d->replicas && i < d->n; i++) {
        weir_replica_close(d->replicas[i]);
    }
    if (d) {
        weir_free(d->replicas);
        weir_free(d);
    }
}

size_t weir_daemon_replicas(const weir_daemon *d)
{
    return d->n;
}

weir_replica *weir_daemon_replica(const weir_daemon *d, size_t i)
{
    return d->replicas[i];
}

size_t weir_daemon_members(const weir_daemon *d, size_t i)
{
    const weir_config_store *store = weir_replica_config(d->replicas[i]);
    size_t n = 1;
    while (i + n < d->n && weir_replica_config(d->replicas[i + n]) == store) {
        n++;
    }
    return n;
}

/* The rows are those of the one database that all of them write. */
static void add_stats(weir_sync_stats *to, const weir_sync_stats *s)
{
#define X(name, help) to->count.name += s->count.name;
#include "cdc/merge_counters.def"
#undef X
    to->rows = s->rows > to->rows ? s->rows : to->rows;
    to->bytes = s->bytes > to->bytes ? s->bytes : to->bytes;
    to->applied_high = s->applied_high > to->applied_high ? s->applied_high : to->applied_high;
    to->written.rows += s->written.rows;
    to->written.batches += s->written.batches;
    to->written.busy_us += s->written.busy_us;
    to->applied_ms = s->applied_ms > to->applied_ms ? s->applied_ms : to->applied_ms;
}

void weir_daemon_cache_stats(const weir_daemon *d, size_t first, size_t cache, weir_sync_stats *out)
{
    *out = (weir_sync_stats){0};
    for (size_t i = 0; i < weir_daemon_members(d, first); i++) {
        weir_sync_stats s;
        weir_sync_get_stats(weir_replica_sync(d->replicas[first + i]), cache, &s);
        add_stats(out, &s);
    }
}

const weir_config *weir_daemon_config(const weir_daemon *d)
{
    return d->config;
}

int64_t weir_daemon_uptime_ms(const weir_daemon *d)
{
    return weir_monotonic_ms() - d->opened_ms;
}

bool weir_daemon_stopping(const weir_daemon *d)
{
    return atomic_load(&d->stopping);
}

bool weir_daemon_ready(const weir_daemon *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (!weir_replica_ready(d->replicas[i])) {
            return false;
        }
    }
    return d->n > 0;
}

bool weir_daemon_live(const weir_daemon *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (!weir_replica_live(d->replicas[i])) {
            return false;
        }
    }
    return true;
}

weir_daemon_counts weir_daemon_count(const weir_daemon *d)
{
    weir_daemon_counts sum = {0};
    for (size_t i = 0; i < d->n; i++) {
        sum.settled += weir_engine_get_counts(weir_replica_engine(d->replicas[i])).settled;
        sum.rejected += weir_sync_rejected(weir_replica_sync(d->replicas[i]));
    }
    return sum;
}

void weir_daemon_tell_columns(weir_daemon *d)
{
    for (size_t i = 0, members; i < d->n; i += members) {
        members = weir_daemon_members(d, i);
        if (members == 1) { /* else another one may have had what this one has not */
            weir_replica_tell_columns(d->replicas[i]);
        }
    }
}
