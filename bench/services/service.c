/* One runner of bench-services: weir's handlers, or a bare loop of librdkafka (what no service can
 * be faster than).
 *
 *   service weir|raw BROKERS TOPIC RECORDS WORK_US       prints what report() says
 *
 * Records are "NUMBER" by key, the numbers of a key growing. A handler of 0 µs returns at once; a
 * longer one defers its message, and a timer settles it when its time is over, so that as many keys
 * are at work as there are. Time runs from the first record to the last one that is done. */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { MOST_KEYS = 1 << 16 };

static long wanted, work_us;
static atomic_long done_records, disorders;
static atomic_llong first_ns, last_ns;
static atomic_long last_of_key[MOST_KEYS];

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long number_of(const char *text, size_t len)
{
    long n = 0;
    for (size_t i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        n = n * 10 + (text[i] - '0');
    }
    return n;
}

/* The key "k17" is number 17. Each key's numbers must come in their order, one at a time. */
static void begin(const char *key, size_t key_len, const char *value, size_t value_len)
{
    if (!atomic_load_explicit(&first_ns, memory_order_relaxed)) {
        long long none = 0;
        atomic_compare_exchange_strong(&first_ns, &none, now_ns());
    }
    long k = number_of(key + 1, key_len - 1) % MOST_KEYS, n = number_of(value, value_len) + 1;
    if (atomic_exchange_explicit(&last_of_key[k], n, memory_order_relaxed) >= n) {
        atomic_fetch_add(&disorders, 1);
    }
}

static void end(void)
{
    if (atomic_fetch_add(&done_records, 1) + 1 == wanted) {
        atomic_store(&last_ns, now_ns());
    }
}

static int report(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double seconds = (double)(atomic_load(&last_ns) - atomic_load(&first_ns)) / 1e9;
    printf("{\"records\":%ld,\"seconds\":%.4f,\"disorders\":%ld,\"peak_kib\":%ld}\n",
        atomic_load(&done_records), seconds, atomic_load(&disorders), usage.ru_maxrss);
    return 0;
}

/* ---- weir ---------------------------------------------------------------------------------------
 */

/* What is deferred is due in the order in which it came, since all take as long: a ring will do. */
typedef struct due {
    weir_message *message;
    long long at_ns;
} due;

static due *ring;
static size_t ring_size, ring_head, ring_tail;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ring_filled = PTHREAD_COND_INITIALIZER;

static void *settle_what_is_due(void *arg)
{
    for (;;) {
        pthread_mutex_lock(&ring_lock);
        while (ring_head == ring_tail) {
            pthread_cond_wait(&ring_filled, &ring_lock);
        }
        due d = ring[ring_head++ % ring_size];
        pthread_mutex_unlock(&ring_lock);
        long long left = d.at_ns - now_ns();
        if (left > 0) {
            nanosleep(&(struct timespec){left / 1000000000, left % 1000000000}, NULL);
        }
        end();
        weir_settle(d.message, WEIR_OK);
    }
    return arg;
}

static weir_status on_record(weir_message *m, void *ctx)
{
    weir_view key = weir_key(m), value = weir_value_bytes(m);
    (void)ctx;
    begin(key.ptr, key.len, value.ptr, value.len);
    if (!work_us) {
        end();
        return WEIR_OK;
    }
    weir_status s = weir_defer(m, 60000);
    pthread_mutex_lock(&ring_lock);
    ring[ring_tail++ % ring_size] = (due){m, now_ns() + work_us * 1000};
    pthread_cond_signal(&ring_filled);
    pthread_mutex_unlock(&ring_lock);
    return s;
}

static void setup(weir_app *app, void *ctx)
{
    weir_on(app, .topic = ctx, .fn = on_record);
}

static int run_weir(const char *brokers, char *topic)
{
    char config[512];
    weir_error err;
    pthread_t timer;
    ring_size = MOST_KEYS; /* no more than there are keys */
    ring = calloc(ring_size, sizeof *ring);
    if (!ring || pthread_create(&timer, NULL, settle_what_is_due, NULL)) {
        return 2;
    }
    snprintf(config, sizeof config,
        "weir: 1\nname: bench-weir-%ld\nkafka: { bootstrap.servers: \"%s\" }\n"
        "errors: { reject: stop }\nlimits: { in_flight: 16MiB }\nlog: { level: error }\n",
        work_us, brokers);
    weir_app *app = weir_app_new(config, setup, topic, &err);
    if (!app || weir_app_start(app, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    while (!atomic_load(&last_ns) && !weir_app_ended(app)) {
        usleep(2000);
    }
    weir_app_stop(app);
    weir_status s = weir_app_wait(app, &err);
    return s ? fprintf(stderr, "%s\n", err.text) : report();
}

/* ---- librdkafka ---------------------------------------------------------------------------------
 */

static int run_raw(const char *brokers, const char *topic)
{
    enum { BATCH = 1000 };
    static rd_kafka_message_t *messages[BATCH];
    char why[256];
    const char *const properties[][2] = {{"bootstrap.servers", brokers}, {"group.id", "bench-raw"},
        {"auto.offset.reset", "earliest"}, {"enable.auto.commit", "false"},
        {"fetch.wait.max.ms", "50"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        rd_kafka_conf_set(conf, properties[i][0], properties[i][1], why, sizeof why);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        return fprintf(stderr, "%s\n", why);
    }
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    while (!atomic_load(&last_ns)) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 100, messages, BATCH);
        for (ssize_t i = 0; i < n; i++) {
            const rd_kafka_message_t *m = messages[i];
            if (!m->err) {
                begin(m->key, m->key_len, m->payload, m->len);
                end();
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return report();
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("service weir|raw BROKERS TOPIC RECORDS WORK_US\n", stderr);
        return 2;
    }
    wanted = atol(argv[4]);
    work_us = atol(argv[5]);
    return strcmp(argv[1], "raw") == 0 ? run_raw(argv[2], argv[3]) : run_weir(argv[2], argv[3]);
}
