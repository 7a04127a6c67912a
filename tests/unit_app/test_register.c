/* Registering handlers: what cannot work is said when the app is opened, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static char path[] = "/tmp/test_register.XXXXXX";

static weir_status nothing(weir_message *m, void *ctx)
{
    (void)m, (void)ctx;
    return WEIR_OK;
}

typedef struct registration {
    weir_handler handler;
    const char *said; /* in the error; NULL: it is taken */
} registration;

static void set_up(weir_app *a, void *ctx)
{
    const registration *r = ctx;
    weir_on_handler(a, sizeof r->handler, &r->handler);
}

static void set_up_both(weir_app *a, void *ctx)
{
    const weir_handler *both = ctx;
    weir_on_handler(a, sizeof both[0], &both[0]);
    weir_on_handler(a, sizeof both[1], &both[1]);
}

static void write_config(void)
{
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(f);
    fputs("weir: 1\nname: registering\nkafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"
          "sources:\n  shop: { connector: postgresql }\n"
          "events:\n  order.paid: { topic: payments }\n",
        f);
    fclose(f);
}

static void test_registrations(void **state)
{
    (void)state;
    static const registration table[] = {
        {{.change = "public.orders", .fn = nothing}, NULL},
        {{.change = "shop.public.orders", .fn = nothing}, NULL},
        {{.topic = "orders.v1", .fn = nothing}, NULL},
        {{.event = "order.placed", .topic = "orders", .fn = nothing}, NULL},
        {{.topic = "orders"}, "without a function"},
        {{.fn = nothing}, "needs one of"},
        {{.change = "public.orders", .topic = "orders", .fn = nothing}, "needs one of"},
        {{.change = "public.orders", .ops = WEIR_INSERT | WEIR_DELETE, .fn = nothing}, NULL},
        {{.change = "public.orders", .ops = 1 << 5, .fn = nothing}, "operations"},
        {{.topic = "orders", .ops = WEIR_INSERT, .fn = nothing}, "operations"},
        {{.topic = "orders.*", .fn = nothing}, NULL},
        {{.topic = "*", .fn = nothing}, "Kafka takes"},
        {{.topic = "orders.*.eu", .fn = nothing}, "Kafka takes"},
        {{.topic = "orders.**", .fn = nothing}, "Kafka takes"},
        {{.topic = "orders.*", .event = "placed", .fn = nothing}, "Kafka takes"},
        {{.topic = "orders.*", .dead_letter = "orders.dead", .fn = nothing}, "dead letters"},
        {{.topic = "orders", .dead_letter = "orders.dead", .fn = nothing}, NULL},
        {{.topic = "orders", .dead_letter = "orders", .fn = nothing}, "own dead letters"},
        {{.topic = "registering.dead", .fn = nothing}, "own dead letters"},
        {{.topic = "registering.dead", .dead_letter = "registering.dead.again", .fn = nothing},
            NULL},
        {{.topic = "registering.parked", .fn = nothing}, "parked records"},
        {{.event = "order.paid", .dead_letter = "payments", .fn = nothing}, "own dead letters"},
        {{.change = "public.orders", .dead_letter = "shop.public.orders", .fn = nothing},
            "own dead letters"},
        {{.topic = "orders", .batch_most = 5, .fn = nothing}, "with .batch"},
        {{.topic = "orders", .batch_wait_ms = 5, .fn = nothing}, "with .batch"},
        {{.topic = "orders", .backoff_ms = 5, .max_backoff_ms = 4, .fn = nothing},
            "max_backoff_ms"},
        {{.topic = "orders", .backoff_ms = 5, .max_backoff_ms = 5, .fn = nothing}, NULL},
        {{.topic = "orders", .dead_letter = "my letters", .fn = nothing}, "my letters"},
        {{.change = "public.orders", .dead_letter = "", .fn = nothing}, "Kafka takes"},
        {{.event = "order.paid", .fn = nothing}, NULL},
        {{.event = "order.placed", .fn = nothing}, "order.placed"},
        {{.change = "other.public.orders", .fn = nothing}, "no source"},
        {{.change = "orders", .fn = nothing}, "schema.table"},
        {{.change = "public.", .fn = nothing}, "schema.table"},
        {{.change = ".orders", .fn = nothing}, "schema.table"},
        {{.change = "a.shop.public.orders", .fn = nothing}, "no source"},
        {{.change = "", .fn = nothing}, "schema.table"},
        {{.topic = "^orders.*", .fn = nothing}, "^orders.*"},
        {{.topic = "", .fn = nothing}, "Kafka takes"},
        {{.event = "order.placed", .topic = "two words", .fn = nothing}, "two words"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        registration r = table[i];
        weir_error err = {.status = WEIR_OK};
        weir_app *a = weir_app_new(path, set_up, &r, &err);
        if (!a != !!r.said) {
            fail_msg("%zu: %s", i, a ? "it is taken" : err.text);
        }
        if (r.said && !strstr(err.text, r.said) && !strstr(err.where, r.said)) {
            fail_msg("%zu: %s %s, and not %s", i, err.where, err.text, r.said);
        }
        weir_app_free(a);
    }
}

static void set_up_nothing(weir_app *a, void *ctx)
{
    (void)a, (void)ctx;
}

/* Nothing is registered, and the config follows nothing: it would idle, and nobody know why. */
static void test_nothing_to_do(void **state)
{
    (void)state;
    weir_error err;
    assert_null(weir_app_new(path, set_up_nothing, NULL, &err));
    assert_string_equal(err.code, "APP_SETUP");
    assert_non_null(strstr(err.text, "nothing to do"));
}

/* A record goes to the first handler that it fits: one that is behind what takes all gets none. */
static void test_handlers_that_get_nothing(void **state)
{
    (void)state;
    static const weir_field paid[] = {
        {.name = "status", .kind = WEIR_FIELD_TEXT, .text = {"paid", 4}}, {.name = NULL}};
    static const struct {
        weir_handler first, second;
        bool fits;
    } table[] = {
        {{.topic = "orders"}, {.topic = "orders"}, false},
        {{.topic = "orders"}, {.event = "placed", .topic = "orders"}, false},
        {{.topic = "orders"}, {.topic = "orders", .where = paid}, false},
        {{.event = "placed", .topic = "orders"}, {.event = "placed", .topic = "orders"}, false},
        {{.change = "public.orders"}, {.change = "public.orders", .ops = WEIR_INSERT}, false},
        {{.topic = "orders", .where = paid}, {.topic = "orders"}, true},
        {{.event = "placed", .topic = "orders"}, {.topic = "orders"}, true},
        {{.event = "placed", .topic = "orders"}, {.event = "paid", .topic = "orders"}, true},
        {{.topic = "orders"}, {.topic = "payments"}, true},
        {{.change = "public.orders", .ops = WEIR_INSERT}, {.change = "public.orders"}, true},
        {{.change = "public.orders", .ops = WEIR_INSERT},
            {.change = "public.orders", .ops = WEIR_UPDATE}, true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        weir_handler both[] = {table[i].first, table[i].second};
        both[0].fn = both[1].fn = nothing;
        weir_error err = {.status = WEIR_OK};
        weir_app *a = weir_app_new(path, set_up_both, both, &err);
        if (!a == table[i].fits) {
            fail_msg("%zu: %s", i, a ? "it is taken" : err.text);
        }
        assert_true(a || strstr(err.text, "is never called"));
        weir_app_free(a);
    }
}

static void use_nothing(weir_app *a, void *ctx)
{
    (void)ctx;
    weir_use(a, NULL, NULL);
}

static void test_nothing_in_place_of_a_function(void **state)
{
    (void)state;
    weir_error err = {.status = WEIR_OK};
    assert_null(weir_app_new(path, NULL, NULL, &err));
    assert_string_equal(err.code, "APP_SETUP");
    err.code[0] = '\0';
    assert_null(weir_app_new(path, use_nothing, NULL, &err));
    assert_string_equal(err.code, "APP_SETUP");
}

int main(void)
{
    write_config();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_registrations),
        cmocka_unit_test(test_nothing_to_do), cmocka_unit_test(test_handlers_that_get_nothing),
        cmocka_unit_test(test_nothing_in_place_of_a_function)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
