/* Is a broker reached at all? librdkafka says when a connection is lost, not when one is back, and
 * nothing while no topic has news: so once one was lost, it is asked until there is an answer. See
 * kafka_source.h. */
#include "kafka/kafka_source_inside.h"

enum { ASK_MS = 1000, ASK_AGAIN_MS = 3000 };

void weir_kafka_lost_connection(weir_kafka_live_source *s)
{
    if (!s->lost_ms) {
        s->lost_ms = s->probe_ms = weir_monotonic_ms();
    }
}

void weir_kafka_is_away(weir_kafka_live_source *s)
{
    weir_kafka_lost_connection(s);
    atomic_store(&s->away_since_ms, s->lost_ms);
}

static void reached(weir_kafka_live_source *s)
{
    long long since_ms = atomic_exchange(&s->away_since_ms, 0);
    s->lost_ms = 0;
    if (since_ms) {
        weir_log_line(s->options.log, WEIR_LOG_INFO, "kafka",
            "a broker is reached again, after %lld s", (weir_monotonic_ms() - since_ms) / 1000);
    }
}

/* The answer is waited for: where a broker is reached it comes at once, and where none is there is
 * nothing else to do. */
void weir_kafka_probe(weir_kafka_live_source *s)
{
    int32_t n;
    bool no_leader;
    weir_error err;
    if (!s->lost_ms || weir_monotonic_ms() < s->probe_ms) {
        return;
    }
    weir_status st =
        weir_kafka_ask_partitions(s->rk, s->options.topics[0], ASK_MS, &n, &no_leader, &err);
    if (st != WEIR_HOLD) {
        reached(s);
        return;
    }
    s->probe_ms = weir_monotonic_ms() + ASK_AGAIN_MS;
    weir_kafka_is_away(s);
    s->events->error(s->engine, &err);
}

bool weir_kafka_source_away(const weir_record_source *source, int64_t *away_ms)
{
    const weir_kafka_live_source *s = weir_kafka_live(source);
    long long since_ms = s ? atomic_load(&s->away_since_ms) : 0;
    *away_ms = since_ms ? weir_monotonic_ms() - since_ms : 0;
    return since_ms != 0;
}
