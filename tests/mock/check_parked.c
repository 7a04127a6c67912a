/* check-parked: a service that parks the followers of a rejected record, against librdkafka's mock
 * cluster, at least once and exactly once.
 *
 *   check_parked WEIR
 *
 * Orders come; one of a key is rejected: the key's further orders are parked, also by the service
 * that is started anew, while other keys go on. `WEIR stuck` lists the key and takes the operator's
 * word: what waited is handled, in order, and what comes behind it, too. (That exactly once means
 * once is the simulator's to show: the mock lets readers see what was aborted.) */
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

enum { KEYS = 5, EACH = 40, ROUNDS = 3, ORDERS = KEYS * EACH * ROUNDS, BAD_KEY = 2, WAIT_S = 60 };
/* The first order of the bad key in the first round: behind it all of the key's are parked. */
enum { POISON = BAD_KEY + KEYS };

static rd_kafka_mock_cluster_t *mock;
static weir_kafka_property brokers = {"bootstrap.servers", NULL, NULL};
static atomic_int repaired;
static char path[32];
static int failures, total;

static void expect(bool ok, const char *what)
{
    printf("%s  %s\n", ok ? "ok    " : "FAILED", what);
    failures += !ok;
    total++;
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
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("n", n)));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .fn = on_order);
}

static weir_app *start(void)
{
    weir_error err;
    weir_app *app = weir_app_new(path, setup, NULL, &err);
    need(app ? WEIR_OK : WEIR_FATAL, &err, "the app");
    need(weir_app_start(app, &err), &err, "its start");
    return app;
}

static void stop(weir_app *app)
{
    weir_error err;
    weir_app_stop(app);
    need(weir_app_wait(app, &err), &err, "its end");
    weir_app_free(app);
}

/* ---- The outside --------------------------------------------------------------------------------
 */

static void place_orders(int round)
{
    weir_error err;
    weir_kafka_writer *w;
    weir_kafka_writer_options o = {&brokers, 1, 30000, NULL, false};
    need(weir_kafka_writer_open(&o, &w, &err), &err, "a writer");
    for (int i = 0; i < KEYS * EACH; i++) {
        int n = round * KEYS * EACH + i;
        char key[16], value[32];
        snprintf(key, sizeof key, "k%d", n % KEYS);
        snprintf(value, sizeof value, "{\"n\":%d}", n);
        weir_raw_record r = {.topic = weir_view_of("orders"),
            .key = weir_view_of(key),
            .value = weir_view_of(value),
            .partition = n % KEYS % 2};
        need(weir_kafka_writer_put(w, "orders", &r, &err), &err, "an order");
    }
    need(weir_kafka_writer_flush(w, &err), &err, "the orders");
    weir_kafka_writer_close(w);
}

/* What was paid, as of the first time that each was. */
typedef struct payments {
    bool seen[ORDERS];
    int last[KEYS], of_key[KEYS];
    int different, out_of_order;
} payments;

static void note(payments *p, const weir_raw_record *r)
{
    int64_t n;
    weir_view digits = {r->value.ptr + 5, r->value.len - 6}; /* {"n":12} */
    if (!weir_text_to_int64(digits, &n) || n < 0 || n >= ORDERS) {
        return;
    }
    if (!p->seen[n]) {
        p->seen[n] = true;
        p->different++;
        p->of_key[n % KEYS]++;
        p->out_of_order += p->last[n % KEYS] > n;
        p->last[n % KEYS] = (int)n;
    }
}

/* Until so many have come, and none comes for a while. */
static void read_payments(payments *p, int wanted)
{
    static const weir_kafka_place places[] = {{"paid", 0, 0}, {"paid", 1, 0}};
    weir_kafka_reader_options o = {&brokers, 1, places, 2, NULL};
    weir_kafka_reader *r;
    weir_error err;
    memset(p, 0, sizeof *p);
    for (int i = 0; i < KEYS; i++) {
        p->last[i] = -1;
    }
    need(weir_kafka_reader_open(&o, &r, &err), &err, "a reader");
    int quiet = 0;
    for (time_t end = time(NULL) + WAIT_S; quiet < 10 && time(NULL) < end;) {
        weir_kafka_read what;
        weir_raw_record record;
        need(weir_kafka_reader_next(r, 100, &what, &record, &err), &err, "payments");
        if (what == WEIR_KAFKA_RECORD) {
            note(p, &record);
        }
        quiet = what == WEIR_KAFKA_NOTHING && p->different >= wanted ? quiet + 1 : 0;
    }
    weir_kafka_reader_close(r);
}

static int stuck(const char *weir, const char *words, char *out, size_t size)
{
    char command[400];
    snprintf(command, sizeof command, "%s stuck %s -c %s 2>&1", weir, words, path);
    FILE *f = popen(command, "r");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    out[n] = '\0';
    int status = f ? pclose(f) : -1;
    return status < 0 ? -1 : status >> 8;
}

/* One request in flight, since this cluster loses records otherwise. It looks at no sequence
 * numbers but those of transactions, so behind a request that it was told to refuse it takes the
 * next one, which a broker would refuse as well (OUT_OF_ORDER_SEQUENCE_NUMBER). An idempotent
 * producer may rightly conclude from that one's success that the first one, whose answer was
 * REQUEST_TIMED_OUT, is in the log, and reports it as written ("implicitly acked"); it is nowhere.
 */
static void write_config(const char *delivery)
{
    snprintf(path, sizeof path, "/tmp/weir-parked-XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        exit(1);
    }
    fprintf(f,
        "weir: 1\nname: shop\nkafka: { bootstrap.servers: \"%s\", consumer: { "
        "session.timeout.ms: 6000 }, producer: { max.in.flight: 1 } }\n"
        "events:\n  paid: { topic: paid }\n"
        "errors: { followers: park }\ndelivery: %s\nlog: { level: error }\n",
        brokers.value, delivery);
    fclose(f);
}

/* ---- The test -----------------------------------------------------------------------------------
 */

static void run(const char *weir)
{
    payments p;
    char out[2000];
    int others = (KEYS - 1) * EACH, before = POISON / KEYS; /* of the bad key */
    weir_error why = {.status = WEIR_OK};
    weir_app *app = start();
    place_orders(0);
    read_payments(&p, others + before);
    expect(p.different == others + before,
        "what is of other keys, or before it, is paid, and no more");
    expect(weir_app_health(app, &why) == WEIR_HOLD && strcmp(why.code, "KEY_PARKED") == 0,
        "the service is not well while a key is parked");
    stop(app);
    app = start();
    place_orders(1);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 3,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    read_payments(&p, 2 * others + before);
    expect(p.of_key[BAD_KEY] == before, "started anew, it knows that the key is parked");
    expect(p.different == 2 * others + before, "the other keys' orders are paid");
    char key[40], behind[40];
    snprintf(key, sizeof key, "k%d", BAD_KEY);
    snprintf(behind, sizeof behind, "\"followers\":%d,", 2 * EACH - before - 1);
    expect(stuck(weir, "ls --json", out, sizeof out) == 1 && strstr(out, behind) &&
               strstr(out, "\"code\":\"POISON\""),
        "weir stuck ls says what waits, and why");
    expect(stuck(weir, "release k0 --yes", out, sizeof out) == 1, "no other key waits");
    expect(stuck(weir, "release k2", out, sizeof out) == 2, "without consent nothing is released");
    atomic_store(&repaired, 1);
    place_orders(2);
    expect(stuck(weir, "release k2 --again --yes", out, sizeof out) == 0, "the key is released");
    read_payments(&p, ORDERS);
    expect(p.different == ORDERS, "all of it is paid");
    expect(p.out_of_order == 0, "the payments of each key are in the order of its orders");
    expect(stuck(weir, "ls", out, sizeof out) == 0, "nothing is parked any more");
    expect(weir_app_health(app, &why) == WEIR_OK, "and the service is well");
    stop(app);
}

static void run_with(const char *weir, const char *delivery)
{
    static const char *const topics[] = {"orders", "paid", "shop.dead", "shop.parked"};
    char why[200];
    printf("delivery: %s\n", delivery);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    mock = rd_kafka_mock_cluster_new(rk, 1);
    for (size_t i = 0; i < 4; i++) {
        rd_kafka_mock_topic_create(mock, topics[i], 2, 1);
    }
    brokers.value = rd_kafka_mock_cluster_bootstraps(mock);
    atomic_store(&repaired, 0);
    write_config(delivery);
    run(weir);
    unlink(path);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
}

int main(int argc, char **argv)
{
    const char *weir = argc > 1 ? argv[1] : "./weir";
    run_with(weir, "at_least_once");
    run_with(weir, "exactly_once");
    printf("%d passed, %d failed, 0 skipped\n", total - failures, failures);
    const char *tally = getenv("TALLY");
    FILE *f = tally ? fopen(tally, "a") : NULL;
    if (f) {
        fprintf(f, "%d %d 0\n", total - failures, failures);
        fclose(f);
    }
    return failures > 0;
}
