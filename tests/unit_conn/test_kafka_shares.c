/* How much librdkafka may hold for each partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/kafka_fetch.h"

enum { MIB = 1 << 20 };

static void test_shares_a_quarter(void **state)
{
    (void)state;
    assert_int_equal(weir_kafka_queue_bytes(8 * MIB, 4), MIB / 2);
    assert_int_equal(weir_kafka_queue_bytes(256 * MIB, 4), MIB); /* enough for a fetch */
    assert_int_equal(weir_kafka_queue_bytes(64 * MIB, 64), MIB / 4);
}

/* Two fetches of 32 KiB each: less would be a request for a record. */
static void test_is_never_too_small(void **state)
{
    (void)state;
    assert_int_equal(weir_kafka_queue_bytes(MIB, 1000), 64 << 10);
}

static void test_of_an_unknown_number(void **state)
{
    (void)state;
    assert_true(weir_kafka_queue_bytes(16 * MIB, 0) < weir_kafka_queue_bytes(16 * MIB, 1));
    assert_int_equal(weir_kafka_queue_bytes(0, 4), weir_kafka_queue_bytes(256 * MIB, 4));
}

/* Two fetches fit into a queue; what the user says goes over it. */
static void test_is_in_the_configuration(void **state)
{
    const weir_kafka_property own = {"fetch.message.max.bytes", "4711", NULL};
    weir_kafka_source_options o = {.properties = &own, .n_properties = 0, .in_flight_bytes = MIB};
    weir_kafka_nudge nudge;
    rd_kafka_conf_t *conf;
    weir_error err;
    char value[32];
    size_t size = sizeof value;
    (void)state;
    assert_int_equal(weir_kafka_consumer_conf(&o, 512 << 10, &nudge, &conf, &err), WEIR_OK);
    rd_kafka_conf_get(conf, "queued.max.messages.kbytes", value, &size);
    assert_string_equal(value, "512");
    size = sizeof value; /* records of a few bytes: what is around them counts, too */
    rd_kafka_conf_get(conf, "queued.min.messages", value, &size);
    assert_string_equal(value, "1024");
    size = sizeof value;
    rd_kafka_conf_get(conf, "fetch.message.max.bytes", value, &size);
    assert_string_equal(value, "262144");
    rd_kafka_conf_destroy(conf);
    o.n_properties = 1;
    assert_int_equal(weir_kafka_consumer_conf(&o, 512 << 10, &nudge, &conf, &err), WEIR_OK);
    size = sizeof value;
    rd_kafka_conf_get(conf, "fetch.message.max.bytes", value, &size);
    assert_string_equal(value, "4711");
    rd_kafka_conf_destroy(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_a_quarter),
        cmocka_unit_test(test_is_never_too_small),
        cmocka_unit_test(test_of_an_unknown_number),
        cmocka_unit_test(test_is_in_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
