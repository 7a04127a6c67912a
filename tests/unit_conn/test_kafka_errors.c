/* What errors of librdkafka mean to weir: which pass, which stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kafka/kafka_client.h"
#include "kafka/kafka_source_inside.h"

static void test_meanings(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t code;
        weir_status status;
        const char *name;
    } table[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, WEIR_HOLD, "KAFKA_UNREACHABLE"},
        {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, WEIR_HOLD, "KAFKA_UNREACHABLE"},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WEIR_FATAL, "KAFKA_REFUSED"},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, WEIR_FATAL, "KAFKA_NO_TOPIC"},
        {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, WEIR_FATAL, "KAFKA_OFFSETS_LOST"},
        /* behind these librdkafka may go on: records would be missing, and nobody know */
        {RD_KAFKA_RESP_ERR__BAD_MSG, WEIR_FATAL, "KAFKA_DAMAGED"},
        {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, WEIR_FATAL, "KAFKA_DAMAGED"},
        {RD_KAFKA_RESP_ERR__FATAL, WEIR_FATAL, "KAFKA_FATAL"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        weir_error err;
        assert_int_equal(weir_kafka_fail(&err, table[i].code, "reading"), table[i].status);
        assert_string_equal(err.code, table[i].name);
    }
}

/* What librdkafka 2.1 and later say of a log that was cut, and what all say of one that has moved
 * on. */
static void test_truncation(void **state)
{
    (void)state;
    assert_true(weir_kafka_tells_truncation("fetch failed due to requested offset not available on "
                                            "the broker: Partition log truncation "
                                            "detected at offset 1000 (leader epoch 3), broker end "
                                            "offset is 900 (offset leader epoch 4)"));
    assert_false(weir_kafka_tells_truncation("Broker: Offset out of range"));
    assert_false(weir_kafka_tells_truncation(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings), cmocka_unit_test(test_truncation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
