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

weir_status weir_daemon_open(const weir_config *config, const char *recording, const weir_log *log,
    weir_daemon **out, weir_error *err)
{
    *out = NULL;
    weir_daemon *d = weir_calloc(1, sizeof *d);
    if (d) {
        d->replicas = weir_calloc(config->stores.count, sizeof(weir_replica *));
        d->config = config;
        d->opened_ms = weir_monotonic_ms();
    }
    weir_status s = d && d->replicas ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < config->stores.count && !s; i++) {
        const weir_config_store *store = &config->stores.items[i];
        if (has_caches(config, store)) {
            weir_replica_options o = {config, store, recording, log};
            s = weir_replica_open(&o, &d->replicas[d->n], err);
            d->n += !s;
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
    for (size_t i = 0; d && i < d->n; i++) {
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
    for (size_t i = 0; i < d->n; i++) {
        weir_replica_tell_columns(d->replicas[i]);
    }
}
