/* A run's start, readiness and end in the log. See milestones.h. */
#include "milestones.h"

#include <string.h>

#include "engine/run.h"

static const char part[] = "weir";

/* A property of Kafka's section: the consumers' own wins. "": it is not there. */
static const char *property(const weir_config *c, const char *name)
{
    const weir_config_pairs *lists[] = {&c->kafka.properties, &c->kafka.consumer};
    const char *value = "";
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            value = strcmp(lists[l]->items[i].name, name) == 0 ? lists[l]->items[i].value : value;
        }
    }
    return value;
}

static void put_caches(const weir_config *c, weir_buf *to)
{
    weir_buf_puts(to, !c->followed.count ? "; no caches"
                      : !c->tables.count ? "; caches"
                      : !c->caches.count ? "; tables"
                                         : "; caches and tables");
    for (size_t i = 0; i < c->followed.count; i++) {
        const weir_config_cache *cache = c->followed.items[i];
        weir_buf_printf(to, "%s %s (%s)", i ? "," : "", cache->name,
            weir_config_word(store_type, cache->store->type));
    }
}

void weir_milestones_start(
    weir_milestones *m, const weir_config *config, const char *recording, const weir_log *log)
{
    weir_buf caches = {0}, from = {0};
    *m = (weir_milestones){.config = config, .log = log, .start_ms = weir_monotonic_ms()};
    put_caches(config, &caches);
    if (recording) {
        weir_buf_printf(&from, "recording %s", recording);
    } else {
        weir_buf_puts(&from, "brokers ");
        const char *brokers = property(config, "bootstrap.servers");
        weir_config_redact(config, weir_view_of(brokers), &from);
    }
    weir_log_line(log, WEIR_LOG_INFO, part, "%s %s starts: config %s; %s%s", config->name,
        WEIR_VERSION, config->file, weir_buf_str(&from), weir_buf_str(&caches));
    weir_buf_fini(&caches);
    weir_buf_fini(&from);
}

static double seconds(const weir_milestones *m)
{
    return (double)(weir_monotonic_ms() - m->start_ms) / 1000.0;
}

void weir_milestones_look(weir_milestones *m, bool ready, uint64_t records)
{
    if (ready && !m->ready) {
        weir_log_line(m->log, WEIR_LOG_INFO, part,
            "ready after %.1f s: all that was there is applied, %llu records", seconds(m),
            (unsigned long long)records);
        m->ready = true;
    }
}

void weir_milestones_end(
    const weir_milestones *m, const char *why, const weir_error *failure, uint64_t records)
{
    if (failure->status) {
        weir_log_error(m->log, WEIR_LOG_ERROR, part, failure,
            "ended by a failure after %.1f s and %llu records", seconds(m),
            (unsigned long long)records);
    } else {
        weir_log_line(m->log, WEIR_LOG_INFO, part, "ended by %s after %.1f s and %llu records", why,
            seconds(m), (unsigned long long)records);
    }
}
