/* The test kit and handlers with `.tx`: rows, outbox, redelivery, a database that is away; and what
 * is refused when they are registered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/test.h>
#include <weir/weir.h>

static const char config[] =
    "weir: 1\n"
    "name: payment\n"
    "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"
    "sources:\n  shop: { connector: postgresql }\n"
    "stores:\n"
    "  books: { type: postgres, conninfo: host=/nowhere, sql_errors: { \"23505\": retry } }\n"
    "  local: { type: memory }\n"
    "tables:\n  users: { from: shop.public.users, store: books }\n"
    "events:\n"
    "  order.placed: { topic: orders }\n"
    "  payment.completed: { topic: payments }\n";

static const char *const migrations[] = {
    "create table users (id bigint primary key, name text)",
    "create table payments (order_id text primary key, amount text not null)",
};

/* ---- A service ----------------------------------------------------------------------------------
 */

static unsigned calls;

static weir_status on_order(weir_message *m, void *ctx)
{
    weir_tx *tx = weir_tx_of(m);
    weir_reader order = weir_read(m), user;
    (void)ctx;
    calls++;
    weir_view id = weir_text(&order, "orderId"), amount = weir_number(&order, "amount");
    int64_t user_id = weir_int(&order, "userId");
    if (weir_read_end(&order)) {
        return weir_read_end(&order);
    }
    weir_rows rows = weir_query(tx, "select name from users where id = $1", W_INT("id", user_id));
    bool found = weir_next_row(&rows, &user);
    if (weir_rows_end(&rows)) {
        return weir_rows_end(&rows);
    }
    if (!found) {
        return weir_retry(m, 0, "no such user yet");
    }
    weir_sql(tx, "insert into payments values ($1, $2)", W_TEXT("id", id), W_TEXT("n", amount));
    return weir_emit(m, .type = "payment.completed",
        .fields = W_OBJECT(W_TEXT("orderId", id), W_TEXT("to", weir_text(&user, "name"))));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_migrations(app, "books", migrations, 2);
    weir_on(app, .event = "order.placed", .fn = on_order, .tx = "books");
}

#define ORDER(id) "{\"orderId\":\"" id "\",\"userId\":7,\"amount\":12.30}"

static weir_test *begin(void)
{
    calls = 0;
    weir_test *t = weir_test_new(config, setup, NULL);
    weir_test_sql(t, "books", "insert into users values (7, 'Ada')");
    return t;
}

/* ---- What is right ------------------------------------------------------------------------------
 */

static void test_rows_and_events_are_one(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_event(t, "order.placed", "o2", ORDER("o2"));
    weir_test_run(t);
    weir_expect_sql(t, "books", "select order_id, amount from payments order by order_id",
        "[{\"order_id\":\"o1\",\"amount\":\"12.30\"},{\"order_id\":\"o2\"}]");
    weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o1\",\"to\":\"Ada\"}");
    weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o2\"}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_what_comes_again_is_dropped(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_run(t);
    weir_test_redeliver(t);
    weir_test_run(t);
    assert_int_equal(calls, 1);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_a_failed_attempt_leaves_nothing(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_sql(t, "books", "delete from users");
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_run(t);
    weir_expect_waiting(t, 1);
    weir_expect_sql(t, "books", "select attempts from weir_inbox", "[{\"attempts\":1}]");
    weir_test_sql(t, "books", "insert into users values (7, 'Eve')");
    weir_test_advance(t, 1000);
    weir_expect_emit(t, "payment.completed", "{\"to\":\"Eve\"}");
    weir_expect_sql(t, "books", "select done from weir_inbox", "[{\"done\":1}]");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void test_a_database_that_is_away(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 40; n++) { /* also while a transaction is taken back */
        weir_test *t = begin();
        weir_test_event(t, "order.placed", "o1", ORDER("o1"));
        weir_test_fail_sql(t, n);
        weir_test_run(t);
        weir_expect_waiting(t, 1);
        weir_test_advance(t, 600000);
        weir_expect_emit(t, "payment.completed", NULL);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

static void test_a_broker_that_is_away(void **state)
{
    (void)state;
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_fail_emits(t, 3);
    weir_test_run(t);
    weir_expect_waiting(t, 0); /* the record is settled: its event is safe */
    weir_test_advance(t, 10000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_quiet(t);
    assert_int_equal(calls, 1);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- What is not --------------------------------------------------------------------------------
 */

static char said[4096];

static int failures_of(void (*test)(void))
{
    char path[] = "/tmp/weir-kit-XXXXXX";
    int real = dup(STDERR_FILENO), file = mkstemp(path);
    dup2(file, STDERR_FILENO);
    test();
    fflush(stderr);
    dup2(real, STDERR_FILENO);
    close(real);
    ssize_t n = pread(file, said, sizeof said - 1, 0);
    said[n > 0 ? n : 0] = '\0';
    close(file);
    unlink(path);
    return n > 0;
}

static void rows_are_others(void)
{
    weir_test *t = begin();
    weir_expect_sql(t, "books", "select name from users", "[{\"name\":\"Eve\"}]");
    assert_int_equal(weir_test_free(t), 1);
}

static void there_is_no_such_store(void)
{
    weir_test *t = begin();
    weir_test_sql(t, "boks", "select 1");
    assert_int_equal(weir_test_free(t), 1);
}

static void events_wait(void)
{
    weir_test *t = begin();
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_fail_emits(t, 3);
    weir_test_run(t);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 1);
}

static void setup_of_no_store(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order.placed", .fn = on_order, .tx = "boks");
}

static void no_store(void)
{
    assert_int_equal(weir_test_free(weir_test_new(config, setup_of_no_store, NULL)), 1);
}

static void setup_of_memory(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order.placed", .fn = on_order, .tx = "local");
}

static void memory(void)
{
    assert_int_equal(weir_test_free(weir_test_new(config, setup_of_memory, NULL)), 1);
}

static void exactly_once(void)
{
    char other[2048];
    snprintf(other, sizeof other, "%sdelivery: exactly_once\n", config);
    assert_int_equal(weir_test_free(weir_test_new(other, setup, NULL)), 1);
}

static void broadcast(void)
{
    char other[2048];
    snprintf(other, sizeof other, "%sbroadcast: from_end\n", config);
    assert_int_equal(weir_test_free(weir_test_new(other, setup, NULL)), 1);
}

static void setup_of_bad_migrations(weir_app *app, void *ctx)
{
    (void)ctx;
    static const char *const bad[] = {"create tabel x"};
    weir_migrations(app, "books", bad, 1);
    weir_on(app, .event = "order.placed", .fn = on_order, .tx = "books");
}

static void bad_migrations(void)
{
    weir_test *t = weir_test_new(config, setup_of_bad_migrations, NULL);
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_run(t);
    assert_int_equal(weir_test_free(t), 1);
}

static weir_status writes_a_copy(weir_message *m, void *ctx)
{
    (void)ctx;
    return weir_sql(weir_tx_of(m), "delete from users");
}

static void setup_of_a_copy(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_migrations(app, "books", migrations, 2);
    weir_on(app, .event = "order.placed", .fn = writes_a_copy, .tx = "books");
}

static void a_copy(void)
{
    weir_test *t = weir_test_new(config, setup_of_a_copy, NULL);
    weir_test_event(t, "order.placed", "o1", ORDER("o1"));
    weir_test_run(t);
    assert_int_equal(weir_test_free(t), 1);
}

static void test_what_is_not_as_expected_is_told(void **state)
{
    (void)state;
    static const struct {
        void (*test)(void);
        const char *says;
    } cases[] = {
        {rows_are_others, "to be [{\"name\":\"Eve\"}], and it is [{\"name\":\"Ada\"}]"},
        {there_is_no_such_store, "no handler has the .tx boks"},
        {events_wait, "the outbox of books waits"},
        {no_store, "the config has no store of this name: boks"},
        {memory, "is a store of the type sqlite or postgres: local"},
        {exactly_once, "needs delivery: at_least_once"},
        {broadcast, "cannot each handle all records"},
        {bad_migrations, "migration 1 of store books"},
        {a_copy, "a handler may not write to users"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(failures_of(cases[i].test));
        if (!strstr(said, cases[i].says)) {
            fail_msg("%s is not in: %s", cases[i].says, said);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_events_are_one),
        cmocka_unit_test(test_what_comes_again_is_dropped),
        cmocka_unit_test(test_a_failed_attempt_leaves_nothing),
        cmocka_unit_test(test_a_database_that_is_away),
        cmocka_unit_test(test_a_broker_that_is_away),
        cmocka_unit_test(test_what_is_not_as_expected_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
