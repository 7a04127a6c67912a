/* The parking of an app's keys. See app_parking.h. */
#include "app_parking.h"

#include "engine/run.h"
#include "kafka/kafka_parked.h"

enum { WAIT_MS = 100, IDLE_MS = 20 };

weir_status weir_app_parking_open(weir_app_parking *k, const weir_config *config,
    const weir_kafka_property *properties, size_t n, const weir_parked_log *log,
    const weir_log *to_log, weir_error *err)
{
    weir_kafka_parked_options kafka = {
        .properties = properties, .n_properties = n, .topic = config->errors.parked, .log = to_log};
    weir_parking_options o = {.topic = config->errors.parked,
        .most_keys = config->limits.parked_keys,
        .name = config->name,
        .to_log = to_log};
    if (log) {
        o.log = *log;
        return weir_parking_new(&o, &k->parking, err);
    }
    weir_status s = weir_kafka_parked_open(&kafka, &k->log, err);
    o.log = k->log;
    return s ? s : weir_parking_new(&o, &k->parking, err);
}

void weir_app_parking_attach(weir_app_parking *k, weir_engine *e)
{
    k->engine = e;
    if (k->parking) {
        weir_parking_attach(k->parking, e);
    }
}

static void *main_of(void *arg)
{
    weir_app_parking *k = arg;
    weir_error err;
    pthread_setname_np(pthread_self(), "weir-parking");
    while (!atomic_load(&k->ends)) {
        int64_t begun_ms = weir_monotonic_ms();
        bool did;
        if (weir_parking_step(k->parking, begun_ms, WAIT_MS, &did, &err)) {
            weir_engine_fail(k->engine, &err);
            return NULL;
        }
        if (!did && weir_monotonic_ms() == begun_ms) { /* it has not waited */
            nanosleep(&(struct timespec){0, IDLE_MS * 1000000L}, NULL);
        }
    }
    return NULL;
}

weir_status weir_app_parking_start(weir_app_parking *k, weir_error *err)
{
    if (!k->parking) {
        return WEIR_OK;
    }
    atomic_store(&k->ends, false);
    k->running = pthread_create(&k->thread, NULL, main_of, k) == 0;
    return k->running ? WEIR_OK
                      : weir_fail(err, WEIR_E_OUT_OF_MEMORY, "a thread cannot be started");
}

void weir_app_parking_stop(weir_app_parking *k)
{
    if (k->running) {
        atomic_store(&k->ends, true);
        pthread_join(k->thread, NULL);
        k->running = false;
    }
}

void weir_app_parking_close(weir_app_parking *k)
{
    weir_app_parking_stop(k);
    weir_parking_free(k->parking);
    k->parking = NULL;
    weir_kafka_parked_close(&k->log);
}
