/* The parking of an app's keys: its topic, and the thread that reads it. Private to app/.
 * Thread: the app's owner. */
#ifndef WEIR_APP_PARKING_H
#define WEIR_APP_PARKING_H

#include "config.h"
#include "kafka/kafka_source.h"
#include "service/parking.h"

typedef struct weir_app_parking {
    weir_parking *parking; /* NULL: none */
    weir_parked_log log;   /* Kafka's; self NULL: the tests' */
    weir_engine *engine;
    pthread_t thread;
    bool running;
    atomic_bool ends;
} weir_app_parking;

/* properties: of a consumer; borrowed. log: instead of Kafka (tests); ops NULL: Kafka. */
WEIR_MUST_USE weir_status weir_app_parking_open(weir_app_parking *k, const weir_config *config,
    const weir_kafka_property *properties, size_t n, const weir_parked_log *log,
    const weir_log *to_log, weir_error *err);
void weir_app_parking_attach(weir_app_parking *k, weir_engine *e);
/* Its thread; before the run, and behind it. */
WEIR_MUST_USE weir_status weir_app_parking_start(weir_app_parking *k, weir_error *err);
void weir_app_parking_stop(weir_app_parking *k);
/* Behind the handlers. */
void weir_app_parking_close(weir_app_parking *k);

#endif
