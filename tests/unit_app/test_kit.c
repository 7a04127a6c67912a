/* The test kit, on a service of its own: that it finds what is right, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/test.h>
#include <weir/weir.h>

static const char config[] = "weir: 1\n"
                             "name: payment\n"
                             "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"
                             "sources:\n  shop: { connector: postgresql }\n"
                             "stores:\n  local: { type: lmdb, path: /nowhere }\n"
                             "caches:\n  users: { from: shop.public.users, store: local }\n"
                             "events:\n"
                             "  order.placed: { topic: orders }\n"
                             "  payment.completed: { topic: payments }\n"
                             "errors: { dead_letter: { replay: payment.replay } }\n";

/* ---- A service ----------------------------------------------------------------------------------
 */

static unsigned calls, changes;
static char seen_id[64];

/* Waits for the user, who may come later than the order. */
static weir_status on_order(weir_message *m, void *ctx)
{
    (void)ctx;
    bool found;
    calls++;
    snprintf(seen_id, sizeof seen_id, "%.*s", WEIR_ARG(weir_id(m)));
    weir_reader order = weir_read(m), user;
    weir_view id = weir_text(&order, "orderId"), amount = weir_number(&order, "amount");
    weir_view user_id = weir_json(&order, "userId");
    char key[64];
    snprintf(key, sizeof key, "{\"id\":%.*s}", WEIR_ARG(user_id));
    weir_status s = weir_view_is(id, "fatal") ? WEIR_FATAL : weir_read_end(&order);
    s = s ? s : weir_lookup(m, "users", weir_view_of(key), NULL, &found, &user);
    if (s) {
        return s;
    }
    if (!found) {
        return weir_retry(m, 0, "the user has not come yet");
    }
    return weir_emit(m, .type = "payment.completed",
        .fields = W_OBJECT(W_TEXT("orderId", id), W_NUMBER("amount", amount),
            W_TEXT("to", weir_text(&user, "name"))));
}

static weir_status on_user(weir_message *m, void *ctx)
{
    (void)m, (void)ctx;
    changes++;
    return WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order.placed", .fn = on_order);
    weir_on(app, .change = "public.users", .fn = on_user);
}

static weir_test *begin(void)
{
    calls = changes = 0;
    return weir_test_new(config, setup, NULL);
}

#define ADA "{\"id\":7,\"name\":\"Ada\"}"
#define ORDER "{\"orderId\":\"o1\",\"userId\":7,\"amount\":12.30}"

/* ---- What is right ------------------------------------------------------------------------------
 */

static void test_an_order_is_paid(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_row(t, "users", "{\"id\":7}", "{\"name\":\"Ada\"}");
    weir_expect_row(t, "users", "{\"id\":8}", NULL);
    weir_expect_emit(
        t, "payment.completed", "{\"orderId\":\"o1\",\"amount\":12.30,\"to\":\"Ada\"}");
    weir_expect_quiet(t);
    assert_int_equal(changes, 1);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_an_order_waits_for_its_user(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_test_advance(t, 250);
    assert_int_equal(calls, 2);
    weir_test_change(t, "shop.public.users", 'c', "{\"id\":7}", ADA);
    weir_test_advance(t, 1000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_quiet(t);
    assert_int_equal(calls, 3);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_and_in_vain_it_is_a_dead_letter(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_record(t, "orders", "o2", "no JSON", W_OBJECT(W_STR("type", "order.placed")));
    weir_test_fail_letters(t, 1);
    weir_test_advance(t, 60000);
    weir_expect_dead(t, "JSON_SYNTAX");
    weir_expect_dead(t, "HANDLER_RETRY");
    weir_expect_quiet(t);
    assert_int_equal(calls, 5);
    assert_int_equal(weir_test_free(t), 0);
}

/* As in the service itself, a row that cannot be used is a dead letter and stops nothing. */
static void test_a_row_that_cannot_be_used(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_record(t, "shop.public.users", "{\"id\":7}", "no JSON", NULL);
    weir_test_change(t, "shop.public.users", 'c', "{\"id\":8}", "{\"id\":8,\"name\":\"Eve\"}");
    weir_test_run(t);
    weir_expect_dead(t, "JSON_SYNTAX");
    weir_expect_dead(t, NULL); /* of the table's handler, and of the cache */
    weir_expect_row(t, "users", "{\"id\":8}", "{\"name\":\"Eve\"}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_a_table_that_nobody_reads(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_change(t, "shop.public.usrs", 'c', "{\"id\":7}", ADA);
    weir_test_run(t);
    assert_int_equal(weir_test_free(t), 1);
}

static void test_what_comes_again_is_handled_again(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_change(t, "public.users", 'r', "{\"id\":7}", ADA);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_test_redeliver(t);
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_quiet(t);
    assert_int_equal(calls, 2);
    weir_test_change(t, "public.users", 'd', "{\"id\":7}", ADA);
    weir_test_run(t);
    weir_expect_row(t, "users", "{\"id\":7}", NULL);
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_change(t, "public.users", 't', NULL, NULL);
    weir_test_run(t);
    weir_expect_row(t, "users", "{\"id\":7}", NULL);
    assert_int_equal(weir_test_free(t), 0);
}

/* A dead letter that comes back is the record that it was; what is none is a dead letter itself. */
static void test_a_letter_is_replayed(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_record(t, "payment.replay", "o1", ORDER,
        W_OBJECT(W_STR("type", "order.placed"), W_STR("weir.dead.topic", "orders"),
            W_STR("weir.dead.partition", "3"), W_STR("weir.dead.offset", "4711"),
            W_STR("weir.dead.timestamp", "5")));
    weir_test_record(t, "payment.replay", "o2", ORDER, W_OBJECT(W_STR("type", "order.placed")));
    weir_test_record(t, "payment.replay", "o3", ORDER, /* of a topic that is not handled any more */
        W_OBJECT(W_STR("type", "order.placed"), W_STR("weir.dead.topic", "gone"),
            W_STR("weir.dead.partition", "3"), W_STR("weir.dead.offset", "4711"),
            W_STR("weir.dead.timestamp", "5")));
    weir_test_record(t, "payment.replay", "o4", ORDER, /* of a partition that no topic has */
        W_OBJECT(W_STR("type", "order.placed"), W_STR("weir.dead.topic", "orders"),
            W_STR("weir.dead.partition", "4294967299"), W_STR("weir.dead.offset", "4711"),
            W_STR("weir.dead.timestamp", "5")));
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o1\"}");
    for (int i = 0; i < 3; i++) {
        weir_expect_dead(t, "REPLAY_UNKNOWN");
    }
    weir_expect_quiet(t);
    assert_string_equal(seen_id, "orders/3/4711");
    assert_int_equal(weir_test_free(t), 0);
}

static void test_a_broker_that_is_away(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_fail_emits(t, 3);
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_test_advance(t, 5000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- What is not --------------------------------------------------------------------------------
 */

/* Runs a test that fails, its stderr read into `said`. */
static char said[2048];

static int failures_of(void (*test)(weir_test *t))
{
    int pipes[2], real = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipes), 0);
    fflush(stderr);
    dup2(pipes[1], STDERR_FILENO);
    weir_test *t = begin();
    test(t);
    int failures = weir_test_free(t);
    fflush(stderr);
    dup2(real, STDERR_FILENO);
    close(real);
    close(pipes[1]);
    ssize_t n = read(pipes[0], said, sizeof said - 1);
    said[n > 0 ? n : 0] = '\0';
    close(pipes[0]);
    return failures;
}

static void emit_is_missing(weir_test *t)
{
    weir_expect_emit(t, "payment.completed", NULL);
}

static void emit_is_another(weir_test *t)
{
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o2\"}");
}

static void nobody_asks(weir_test *t)
{
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
}

static void nobody_asks_before_the_end(weir_test *t)
{
    nobody_asks(t);
    weir_expect_quiet(t);
}

static void it_stops(weir_test *t)
{
    weir_test_event(t, "order.placed", "o1", "{\"orderId\":\"fatal\"}");
    weir_test_run(t);
}

static void it_waits(weir_test *t)
{
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_quiet(t);
}

static void there_is_no_such_row(weir_test *t)
{
    weir_expect_row(t, "users", "{\"id\":7}", "{}");
}

static void there_is_no_such_event(weir_test *t)
{
    weir_test_event(t, "order.lost", "o1", "{}");
}

static void test_what_is_not_as_expected_is_told(void **state)
{
    (void)state;
    static const struct {
        void (*test)(weir_test *t);
        const char *says;
    } cases[] = {
        {emit_is_missing, "no further one"},
        {emit_is_another, "and there is one of payment.completed {\"orderId\":\"o1\""},
        {nobody_asks, "nobody has expected an emit to payments"},
        {nobody_asks_before_the_end, "nobody has expected an emit to payments"},
        {it_stops, "[HANDLER_"},
        {it_waits, "expected 0 records to wait, and 1 do"},
        {there_is_no_such_row, "expected the row {\"id\":7} in users, and there is none"},
        {there_is_no_such_event, "events have no order.lost"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(failures_of(cases[i].test), 1);
        assert_non_null(strstr(said, cases[i].says));
        assert_non_null(strstr(said, "test_kit.c:"));
        assert_null(strstr(said, "weir_test:0"));
    }
}

static void test_a_service_that_cannot_be_opened(void **state)
{
    (void)state;
    int real = dup(STDERR_FILENO), null = dup(STDOUT_FILENO);
    FILE *nowhere = fopen("/dev/null", "w");
    dup2(fileno(nowhere), STDERR_FILENO);
    weir_test *t = weir_test_new("weir: 2\nname: no\n", setup, NULL);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 1);
    dup2(real, STDERR_FILENO);
    close(real);
    close(null);
    fclose(nowhere);
}

static weir_status seen_topic(weir_message *m, void *ctx)
{
    return weir_emit(
        m, .type = ctx, .topic = "out", .fields = W_OBJECT(W_TEXT("of", weir_topic(m))));
}

static void setup_patterns(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders.*", .fn = seen_topic, .ctx = "any");
    weir_on(app, .topic = "orders.eu.*", .fn = seen_topic, .ctx = "longer");
    weir_on(app, .topic = "orders.eu.de", .fn = seen_topic, .ctx = "named");
}

/* A topic's own name goes before patterns, and the longest of these before the others. */
static void test_patterns_of_topics(void **state)
{
    (void)state;
    weir_test *t =
        weir_test_new("weir: 1\nname: p\nkafka: { bootstrap.servers: b }\n", setup_patterns, NULL);
    weir_test_record(t, "orders.us", "k", "{}", NULL);
    weir_test_run(t);
    weir_expect_emit(t, "any", "{\"of\":\"orders.us\"}");
    weir_test_record(t, "orders.eu.fr", "k", "{}", NULL);
    weir_test_run(t);
    weir_expect_emit(t, "longer", "{\"of\":\"orders.eu.fr\"}");
    weir_test_record(t, "orders.eu.de", "k", "{}", NULL);
    weir_test_run(t);
    weir_expect_emit(t, "named", "{\"of\":\"orders.eu.de\"}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- Deferred messages --------------------------------------------------------------------------
 */

/* ---- Redelivery, and many ----------------------------------------------------------------------
 */

static unsigned seen[2];

static weir_status hold_first(weir_message *m, void *ctx)
{
    int64_t n = weir_record_offset(m);
    seen[n]++;
    return n == 0 && *(bool *)ctx ? weir_hold(m, "not yet") : WEIR_OK;
}

static bool holds;

static void setup_holding(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "jobs", .fn = hold_first, .ctx = &holds);
}

/* What waits comes again as well: nobody has committed it. */
static void test_what_waits_is_redelivered(void **state)
{
    (void)state;
    holds = true;
    seen[0] = seen[1] = 0;
    weir_test *t =
        weir_test_new("weir: 1\nname: d\nkafka: { bootstrap.servers: b }\n", setup_holding, NULL);
    weir_test_record(t, "jobs", "a", "{}", NULL);
    weir_test_record(t, "jobs", "b", "{}", NULL);
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_test_redeliver(t);
    holds = false;
    unsigned before = seen[0];
    weir_test_advance(t, 1000);
    assert_true(seen[0] > before);
    assert_int_equal(seen[1], 2);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static weir_status reject_all(weir_message *m, void *ctx)
{
    (void)ctx;
    return weir_reject(m, "BAD", "all are");
}

static void setup_rejecting(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "jobs", .fn = reject_all);
}

static void test_many_dead_letters(void **state)
{
    enum { MANY = 1500 };
    (void)state;
    weir_test *t =
        weir_test_new("weir: 1\nname: d\nkafka: { bootstrap.servers: b }\nlog: { level: error }\n",
            setup_rejecting, NULL);
    for (int i = 0; i < MANY; i++) {
        weir_test_record(t, "jobs", "a", "{}", NULL);
    }
    weir_test_run(t);
    for (int i = 0; i < MANY; i++) {
        weir_expect_dead(t, "BAD");
    }
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static weir_message *kept;

static weir_status keep(weir_message *m, void *ctx)
{
    (void)ctx;
    kept = m;
    return weir_defer(m, 5000);
}

static void setup_keeping(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "jobs", .fn = keep);
}

static void *settle_kept(void *ctx)
{
    (void)ctx;
    nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
    weir_settle(kept, WEIR_OK);
    return NULL;
}

/* A test may settle a message itself, or leave it to a thread. */
static void test_deferred_messages(void **state)
{
    (void)state;
    pthread_t settler;
    weir_test *t =
        weir_test_new("weir: 1\nname: d\nkafka: { bootstrap.servers: b }\n", setup_keeping, NULL);
    weir_test_patience(t, 0);
    weir_test_record(t, "jobs", "k", "{}", NULL);
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    assert_int_equal(pthread_create(&settler, NULL, settle_kept, NULL), 0);
    weir_test_patience(t, 5000);
    weir_test_advance(t, 1);
    weir_expect_quiet(t);
    pthread_join(settler, NULL);
    weir_test_record(t, "jobs", "k", "{}", NULL);
    weir_test_patience(t, 10);
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_settle(kept, WEIR_OK);
    weir_test_run(t);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_of_topics),
        cmocka_unit_test(test_what_waits_is_redelivered),
        cmocka_unit_test(test_many_dead_letters),
        cmocka_unit_test(test_deferred_messages),
        cmocka_unit_test(test_an_order_is_paid),
        cmocka_unit_test(test_an_order_waits_for_its_user),
        cmocka_unit_test(test_and_in_vain_it_is_a_dead_letter),
        cmocka_unit_test(test_a_row_that_cannot_be_used),
        cmocka_unit_test(test_a_table_that_nobody_reads),
        cmocka_unit_test(test_what_comes_again_is_handled_again),
        cmocka_unit_test(test_a_letter_is_replayed),
        cmocka_unit_test(test_a_broker_that_is_away),
        cmocka_unit_test(test_what_is_not_as_expected_is_told),
        cmocka_unit_test(test_a_service_that_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
