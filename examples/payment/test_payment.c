/* Tests of the payment service: its handlers and config as they are, no broker, no provider, no
 * waiting. Each test is a story; the kit says which line of it did not come true. */
#include "payment.h"

#include <stdio.h>
#include <string.h>
#include <weir/test.h>

#define ADA "{\"id\":7,\"name\":\"Ada\"}"
#define ORDER "{\"orderId\":\"o1\",\"userId\":7,\"amount\":12.30}"

/* A provider that answers as it is told, and remembers what it was asked. */
static struct {
    verdict answer;
    int times;
    char key[80];
} provider;

static verdict charge(void *ctx, weir_view key, weir_view order, weir_view amount)
{
    (void)ctx, (void)order, (void)amount;
    provider.times++;
    snprintf(provider.key, sizeof provider.key, "%.*s", WEIR_ARG(key));
    return provider.answer;
}

static int failures;

static void expect(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        failures++;
    }
}

static void there_is_ada(weir_test *t)
{
    weir_test_change(t, "public.users", 'c', "{\"id\":7}", ADA);
}

static void pays(weir_test *t)
{
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o1\",\"amount\":12.30}");
    weir_expect_emit(t, "fulfilment.started", "{\"orderId\":\"o1\"}");
    weir_expect_sql(t, "books", "select * from payments",
        "[{\"order_id\":\"o1\",\"user_id\":7,\"amount\":\"12.30\",\"decision\":\"paid\"}]");
    weir_expect_quiet(t);
}

static void a_declined_order_fails(weir_test *t)
{
    provider.answer = DECLINED;
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_emit(t, "payment.failed", "{\"orderId\":\"o1\",\"reason\":\"declined\"}");
    weir_expect_quiet(t);
}

static void an_order_waits_for_its_user(weir_test *t)
{
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_advance(t, 600000);
    weir_expect_waiting(t, 1);
    expect(provider.times == 0, "nothing is charged without a user");
    there_is_ada(t);
    weir_test_advance(t, 60000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_quiet(t);
}

static void a_record_that_comes_again_is_dropped(weir_test *t)
{
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_test_redeliver(t);
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_quiet(t);
    expect(provider.times == 1, "charged once");
}

/* Two events with ids of their own: the shop has told it twice. */
static void an_order_that_is_placed_twice_is_paid_once(weir_test *t)
{
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_quiet(t);
    expect(
        strcmp(provider.key, "o1") == 0, "the provider's key is the order's, so it charges once");
    weir_expect_sql(t, "books", "select count(*) as n from transactions", "[{\"n\":1}]");
}

static void an_order_of_somebody_else(weir_test *t)
{
    there_is_ada(t);
    weir_test_change(t, "public.orders", 'c', "{\"id\":\"o1\"}",
        "{\"id\":\"o1\",\"user_id\":8,\"amount\":12.30}");
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_run(t);
    weir_expect_dead(t, "USER_DIFFERS");
    weir_expect_sql(t, "books", "select * from payments", "[]");
    weir_expect_quiet(t);
}

/* Ten orders, and nobody answers: after five charges the breaker spares the provider. */
static void a_provider_that_is_away(weir_test *t)
{
    char order[80], key[16];
    provider.answer = UNREACHABLE;
    there_is_ada(t);
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "o%d", i);
        snprintf(order, sizeof order, "{\"orderId\":\"o%d\",\"userId\":7,\"amount\":1}", i);
        weir_test_event(t, "order.placed", key, order);
    }
    weir_test_advance(t, 900);
    expect(provider.times == 5, "five charges, and then it is left alone");
    weir_expect_sql(t, "books", "select * from payments", "[]");
    provider.answer = PAID;
    weir_test_advance(t, 60000);
    for (int i = 0; i < 10; i++) {
        weir_expect_emit(t, "payment.completed", NULL);
        weir_expect_emit(t, "fulfilment.started", NULL);
    }
    weir_expect_quiet(t);
    weir_expect_sql(t, "books", "select count(*) as n from payments", "[{\"n\":10}]");
}

static void who_is_trusted_pays_later(weir_test *t)
{
    provider.answer = UNREACHABLE;
    weir_test_change(
        t, "public.users", 'c', "{\"id\":7}", "{\"id\":7,\"name\":\"Ada\",\"trusted\":true}");
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_advance(t, 60000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_sql(t, "books", "select decision from payments", "[{\"decision\":\"on account\"}]");
    weir_expect_quiet(t);
}

static void a_provider_that_stays_away(weir_test *t)
{
    provider.answer = UNREACHABLE;
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_advance(t, 3600000);
    weir_expect_dead(t, "HANDLER_RETRY");
    weir_expect_quiet(t);
    expect(provider.times == 10, "ten attempts");
}

static void a_broker_that_is_away(weir_test *t)
{
    there_is_ada(t);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_fail_emits(t, 3);
    weir_test_run(t);
    weir_expect_waiting(t, 0); /* the order is done with: its events are safe */
    weir_test_advance(t, 10000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_quiet(t);
    expect(provider.times == 1, "charged once");
}

static void books_that_are_away(weir_test *t)
{
    there_is_ada(t);
    weir_test_fail_sql(t, 20);
    weir_test_event(t, "order.placed", "o1", ORDER);
    weir_test_advance(t, 60000);
    weir_expect_emit(t, "payment.completed", NULL);
    weir_expect_emit(t, "fulfilment.started", NULL);
    weir_expect_quiet(t);
}

static void what_does_not_fit_its_schema(weir_test *t)
{
    weir_test_event(t, "order.placed", "o1", "{\"orderId\":\"o1\",\"userId\":7,\"amount\":-1}");
    weir_test_run(t);
    weir_expect_dead(t, "EVENT_INVALID");
    weir_expect_quiet(t);
}

static void a_user_gets_a_profile(weir_test *t)
{
    weir_test_event(t, "user.created", "7", "{\"userId\":7,\"name\":\"Ada\"}");
    weir_test_event(t, "user.created", "7", "{\"userId\":7,\"name\":\"Ada L.\"}");
    weir_test_run(t);
    weir_expect_sql(t, "books", "select * from profiles", "[{\"user_id\":7,\"name\":\"Ada L.\"}]");
    weir_expect_quiet(t);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*story)(weir_test *t);
    } stories[] = {{"pays", pays}, {"a declined order fails", a_declined_order_fails},
        {"an order waits for its user", an_order_waits_for_its_user},
        {"a record that comes again is dropped", a_record_that_comes_again_is_dropped},
        {"an order that is placed twice is paid once", an_order_that_is_placed_twice_is_paid_once},
        {"an order of somebody else", an_order_of_somebody_else},
        {"a provider that is away", a_provider_that_is_away},
        {"who is trusted pays later", who_is_trusted_pays_later},
        {"a provider that stays away", a_provider_that_stays_away},
        {"a broker that is away", a_broker_that_is_away},
        {"books that are away", books_that_are_away},
        {"what does not fit its schema", what_does_not_fit_its_schema},
        {"a user gets a profile", a_user_gets_a_profile}};
    size_t n = sizeof stories / sizeof *stories, failed = 0;
    for (size_t i = 0; i < n; i++) {
        service s = {.charge = charge};
        memset(&provider, 0, sizeof provider);
        failures = 0;
        weir_test *t = weir_test_new("examples/payment/payment.yaml", payment_setup, &s);
        stories[i].story(t);
        failures += weir_test_free(t);
        printf("%s  %s\n", failures ? "FAILED" : "ok    ", stories[i].name);
        failed += failures > 0;
    }
    printf("%zu passed, %zu failed, 0 skipped\n", n - failed, failed);
    return failed > 0;
}
