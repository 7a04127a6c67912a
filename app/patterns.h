/* Which tables the patterns of a config stand for: asked of Kafka's topics, or of a recording.
 * Thread: the config's owner; taking, while nothing runs by it. */
#ifndef WEIR_APP_PATTERNS_H
#define WEIR_APP_PATTERNS_H

#include "base/log.h"
#include "config.h"

/* Casts an entry for each table that is there and has none, and logs it. recording NULL: Kafka is
 * asked `tries` times, five seconds each, while no broker answers. A config without patterns
 * asks nobody. Errors: KAFKA_UNREACHABLE, KAFKA_REFUSED, KAFKA_NO_TOPIC (there is nothing to
 * follow), FILE_UNREADABLE, RECORDING_LINE, those of weir_config_take_topics. */
WEIR_MUST_USE weir_status weir_patterns_take(weir_config *config, const char *recording,
    unsigned tries, const weir_log *log, weir_error *err);
/* Half a minute, of a start. */
enum { WEIR_PATTERNS_TRIES = 6 };

/* Has Kafka tables by now that this would add? Asks as often as librdkafka looks for new topics
 * (topic.metadata.refresh.interval.ms), and waits for the answer, some seconds at most. Brokers
 * that do not answer have none. */
typedef struct weir_patterns_watch {
    const weir_config *config;
    int64_t next_ms; /* monotonic; 0: not begun */
} weir_patterns_watch;
bool weir_patterns_news(weir_patterns_watch *w, int64_t now_ms);

#endif
