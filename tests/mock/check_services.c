/* check-services: a service from its config to Kafka and back, against librdkafka's mock cluster.
 *
 *   check_services WEIR
 *
 * Orders come; the service emits payments, keyed and in order, also while the broker fails produce
 * requests; what it rejects is a dead letter; `WEIR dlq replay` brings it back, and it is handled
 * as the record that it was. */
#include <weir/weir.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app_inside.h"
#include "kafka/kafka_reader.h"
#include "kafka/kafka_writer.h"
#include "value/value.h"

enum { ORDERS = 400, KEYS = 20, POISON = 37, WAIT_S = 60 };

static rd_kafka_mock_cluster_t *mock;
static weir_kafka_property brokers = {"bootstrap.servers", NULL, NULL};
static atomic_int repaired; /* the cause of the dead letter is gone */
static char replayed_id[128];
static int failures;

static void expect(bool ok, const char *what)
{
    printf("%s  %s\n", ok ? "ok    " : "FAILED", what);
    failures += !ok;
}

static void need(weir_status s, const weir_error *err, const char *what)
{
    if (s) {
        printf("FAILED  %s: %s %s [%s]\n", what, err->where, err->text, err->code);
        exit(1);
    }
}

/* ---- The service --------------------------------------------------------------------------------
 */

static weir_status on_order(weir_message *m, void *ctx)
{
    (void)ctx;
    weir_reader order = weir_read(m);
    int64_t n = weir_int(&order, "n");
    if (weir_read_end(&order)) {
        return weir_read_end(&order);
    }
    if (n == POISON && !atomic_load(&repaired)) {
        return weir_reject(m, "POISON", "number %d", POISON);
    }
    if (n == POISON) {
        snprintf(replayed_id, sizeof replayed_id, "%.*s %.*s/%d@%lld", WEIR_ARG(weir_id(m)),
            WEIR_ARG(weir_topic(m)), (int)weir_partition_number(m),
            (long long)weir_record_offset(m));
    }
    return weir_emit(m, .type = "order.paid", .fields = W_OBJECT(W_INT("n", n)));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order.placed", .fn = on_order);
}

/* ---- The outside --------------------------------------------------------------------------------
 */

static bool order_header(const void *self, size_t i, weir_view *name, weir_view *value)
{
    (void)self;
    *name = weir_view_of("type");
    *value = weir_view_of("order.placed");
    return i == 0;
}

static void place_orders(void)
{
    weir_error err;
    weir_kafka_writer *w;
    weir_kafka_writer_options o = {&brokers, 1, 30000, NULL, false};
    need(weir_kafka_writer_open(&o, &w, &err), &err, "a writer");
    for (int n = 0; n < ORDERS; n++) {
        char key[16], value[32];
        snprintf(key, sizeof key, "k%d", n % KEYS);
        snprintf(value, sizeof value, "{\"n\":%d}", n);
        weir_raw_record r = {.topic = weir_view_of("orders"),
            .key = weir_view_of(key),
            .value = weir_view_of(value),
            .partition = n % KEYS % 2,
            .headers = {order_header, NULL}};
        need(weir_kafka_writer_put(w, "orders", &r, &err), &err, "an order");
    }
    need(weir_kafka_writer_flush(w, &err), &err, "the orders");
    weir_kafka_writer_close(w);
}

/* Reads payments until `wanted` of different numbers have come, or the time is over. */
typedef struct payments {
    unsigned char times[ORDERS];
    int last[KEYS]; /* of each key, to see their order */
    int different, out_of_order, without_id;
} payments;

static void note(payments *p, const weir_raw_record *r)
{
    int64_t n;
    weir_view name, value, digits = {r->value.ptr + 5, r->value.len - 6}; /* {"n":12} */
    bool has_id = false;
    if (!weir_text_to_int64(digits, &n) || n < 0 || n >= ORDERS) {
        p->without_id++;
        return;
    }
    for (size_t i = 0; r->headers.at(r->headers.self, i, &name, &value); i++) {
        has_id |= weir_view_is(name, "id");
    }
    p->without_id += !has_id;
    if (p->times[n]++ == 0) {
        p->different++;
        p->out_of_order += n != POISON && p->last[n % KEYS] > n;
        p->last[n % KEYS] = (int)n;
    }
}

static void read_payments(payments *p, int wanted)
{
    static const weir_kafka_place places[] = {{"payments", 0, 0}, {"payments", 1, 0}};
    weir_kafka_reader_options o = {&brokers, 1, places, 2, NULL};
    weir_kafka_reader *r;
    weir_error err;
    memset(p, 0, sizeof *p);
    for (int i = 0; i < KEYS; i++) {
        p->last[i] = -1;
    }
    need(weir_kafka_reader_open(&o, &r, &err), &err, "a reader");
    for (time_t end = time(NULL) + WAIT_S; p->different < wanted && time(NULL) < end;) {
        weir_kafka_read what;
        weir_raw_record record;
        need(weir_kafka_reader_next(r, 100, &what, &record, &err), &err, "payments");
        if (what == WEIR_KAFKA_RECORD) {
            note(p, &record);
        }
    }
    weir_kafka_reader_close(r);
}

/* ---- The test -----------------------------------------------------------------------------------
 */

static char path[32];

static void write_config(const char *delivery)
{
    snprintf(path, sizeof path, "/tmp/weir-services-XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        exit(1);
    }
    fprintf(f,
        "weir: 1\nname: shop\nkafka: { bootstrap.servers: \"%s\", producer: { max.in.flight: 1 } "
        "}\n"
        "events:\n  order.placed: { topic: orders }\n  order.paid: { topic: payments }\n"
        "errors: { dead_letter: { topic: shop.dead, replay: shop.replay } }\n"
        "delivery: %s\nlog: { level: error }\n",
        brokers.value, delivery);
    fclose(f);
}

static int replay(const char *weir, const char *more)
{
    char command[400];
    snprintf(command, sizeof command, "%s dlq replay -c %s %s >/dev/null 2>&1", weir, path, more);
    int status = system(command);
    return status < 0 ? -1 : status >> 8;
}

static void run(const char *weir)
{
    payments p;
    weir_error err;
    weir_app *app = weir_app_new(path, setup, NULL, &err);
    need(app ? WEIR_OK : WEIR_FATAL, &err, "the app");
    need(weir_app_start(app, &err), &err, "its start");
    place_orders();
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 3,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    read_payments(&p, ORDERS - 1);
    expect(p.different == ORDERS - 1, "each order but the rejected one is paid");
    expect(p.out_of_order == 0, "the payments of a key are in the order of its orders");
    expect(p.without_id == 0, "each has an id");
    expect(replay(weir, "--dry-run") == 0, "a dry run says what would be replayed");
    expect(replay(weir, "--code OTHER --yes") == 1, "no letter has another code");
    atomic_store(&repaired, 1);
    expect(replay(weir, "--code POISON --yes") == 0, "the letter is replayed");
    read_payments(&p, ORDERS);
    expect(p.different == ORDERS && p.times[POISON] == 1, "its order is paid, once");
    weir_app_stop(app);
    need(weir_app_wait(app, &err), &err, "its end");
    expect(strstr(replayed_id, "orders/") == replayed_id && strstr(replayed_id, " orders/"),
        "it is handled as the record that it was");
    weir_app_free(app);
}

/* ---- Broadcast ----------------------------------------------------------------------------------
 */

typedef struct listener {
    weir_app *app;
    atomic_int heard;
} listener;

static weir_status on_any(weir_message *m, void *ctx)
{
    (void)m;
    atomic_fetch_add(&((listener *)ctx)->heard, 1);
    return WEIR_OK;
}

static void setup_listener(weir_app *app, void *ctx)
{
    weir_on(app, .topic = "orders", .fn = on_any, .ctx = ctx);
}

static void start_listener(listener *l, const char *from)
{
    char config[300];
    weir_error err;
    snprintf(config, sizeof config,
        "weir: 1\nname: heard\nkafka: { bootstrap.servers: \"%s\" }\nbroadcast: %s\n"
        "log: { level: error }\n",
        brokers.value, from);
    atomic_store(&l->heard, 0);
    l->app = weir_app_new(config, setup_listener, l, &err);
    need(l->app ? WEIR_OK : WEIR_FATAL, &err, "a listener");
    need(weir_app_start(l->app, &err), &err, "its start");
    for (int ms = 0; ms < WAIT_S * 1000 && !weir_engine_has(weir_app_engine(l->app), 0); ms += 20) {
        usleep(20000);
    }
}

/* Until it has heard so many, and then for a while: has it heard more? */
static bool hears(listener *l, int n)
{
    for (int ms = 0; ms < WAIT_S * 1000 && atomic_load(&l->heard) < n; ms += 20) {
        usleep(20000);
    }
    usleep(300000);
    return atomic_load(&l->heard) == n;
}

static void setup_pattern(weir_app *app, void *ctx)
{
    weir_on(app, .topic = "ord*", .fn = on_any, .ctx = ctx);
}

/* A group that reads all topics that begin so, also one that is made later. */
static void run_pattern(void)
{
    static listener l;
    char config[400];
    weir_error err;
    snprintf(config, sizeof config,
        "weir: 1\nname: matched\nkafka: { bootstrap.servers: \"%s\", "
        "topic.metadata.refresh.interval.ms: 500, consumer: { session.timeout.ms: 4000, "
        "heartbeat.interval.ms: 200 } }\nlog: { level: error }\n",
        brokers.value);
    l.app = weir_app_new(config, setup_pattern, &l, &err);
    need(l.app ? WEIR_OK : WEIR_FATAL, &err, "a listener");
    need(weir_app_start(l.app, &err), &err, "its start");
    expect(hears(&l, 2 * ORDERS), "a pattern takes in the topics that begin so");
    rd_kafka_mock_topic_create(mock, "ordinary", 1, 1);
    weir_kafka_writer *w;
    weir_kafka_writer_options o = {&brokers, 1, 30000, NULL, false};
    weir_raw_record r = {.key = weir_view_of("k"), .value = weir_view_of("v")};
    need(weir_kafka_writer_open(&o, &w, &err), &err, "a writer");
    need(weir_kafka_writer_put(w, "ordinary", &r, &err), &err, "a record");
    need(weir_kafka_writer_flush(w, &err), &err, "a record");
    weir_kafka_writer_close(w);
    expect(hears(&l, 2 * ORDERS + 1), "also one that is made later");
    weir_app_stop(l.app);
    need(weir_app_wait(l.app, &err), &err, "its end");
    weir_app_free(l.app);
}

static void stop_listener(listener *l)
{
    weir_error err;
    weir_app_stop(l->app);
    need(weir_app_wait(l->app, &err), &err, "a listener's end");
    weir_app_free(l->app);
}

static void run_broadcast(void)
{
    static listener first, second, late;
    place_orders();
    start_listener(&first, "from_beginning");
    start_listener(&second, "from_beginning");
    expect(hears(&first, ORDERS) && hears(&second, ORDERS),
        "each instance handles all there is, side by side");
    start_listener(&late, "from_end");
    expect(hears(&late, 0), "one that begins at the end handles nothing of it");
    place_orders();
    expect(hears(&late, ORDERS) && hears(&first, 2 * ORDERS) && hears(&second, 2 * ORDERS),
        "what comes later is handled by all");
    stop_listener(&first);
    start_listener(&first, "from_beginning");
    expect(hears(&first, 2 * ORDERS), "a restart begins anew: nothing is committed");
    stop_listener(&first);
    stop_listener(&second);
    stop_listener(&late);
}

/* A cluster of its own. */
static void run_with(const char *weir, const char *delivery)
{
    static const char *const topics[] = {"orders", "payments", "shop.dead", "shop.replay"};
    char why[200];
    printf("delivery: %s\n", delivery ? delivery : "to all");
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    mock = rd_kafka_mock_cluster_new(rk, 1);
    for (size_t i = 0; i < 4; i++) {
        rd_kafka_mock_topic_create(mock, topics[i], 2, 1);
    }
    brokers.value = rd_kafka_mock_cluster_bootstraps(mock);
    atomic_store(&repaired, 0);
    replayed_id[0] = '\0';
    if (delivery) {
        write_config(delivery);
        run(weir);
        unlink(path);
    } else {
        run_broadcast();
        run_pattern();
    }
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
    const char *weir = argc > 1 ? argv[1] : "./weir";
    run_with(weir, "at_least_once");
    run_with(weir, "exactly_once");
    run_with(weir, NULL);
    int total = 22;
    printf("%d passed, %d failed, 0 skipped\n", total - failures, failures);
    const char *tally = getenv("TALLY");
    FILE *f = tally ? fopen(tally, "a") : NULL;
    if (f) {
        fprintf(f, "%d %d 0\n", total - failures, failures);
        fclose(f);
    }
    return failures > 0;
}
