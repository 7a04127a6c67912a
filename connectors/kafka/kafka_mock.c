/* librdkafka's mock cluster. See kafka_mock.h. */
#include "kafka/kafka_mock.h"

#include "base/alloc.h"
#include "kafka/kafka_handle.h"

#include <librdkafka/rdkafka_mock.h> /* behind rdkafka.h, which it needs */

struct weir_kafka_mock {
    weir_kafka_handle host; /* first: librdkafka has its address; the cluster runs on its threads */
    rd_kafka_mock_cluster_t *cluster;
};

/* The host is a client that connects to nothing, which librdkafka remarks upon at a level that is
 * not wanted here. */
static const weir_kafka_property quiet[] = {{"log_level", "4", NULL}};

weir_status weir_kafka_mock_open(const weir_log *log, weir_kafka_mock **out, weir_error *err)
{
    *out = NULL;
    weir_kafka_mock *m = weir_calloc(1, sizeof *m);
    if (!m) {
        return weir_fail_oom(err);
    }
    weir_status s =
        weir_kafka_handle_open(&m->host, RD_KAFKA_PRODUCER, quiet, 1, NULL, NULL, log, err);
    m->cluster = s ? NULL : rd_kafka_mock_cluster_new(m->host.rk, 1);
    if (!m->cluster) {
        weir_kafka_mock_close(m);
        return s ? s : weir_fail(err, WEIR_E_KAFKA_FATAL, "the mock broker cannot be started");
    }
    *out = m;
    return WEIR_OK;
}

void weir_kafka_mock_close(weir_kafka_mock *m)
{
    if (!m) {
        return;
    }
    if (m->cluster) {
        rd_kafka_mock_cluster_destroy(m->cluster);
    }
    weir_kafka_handle_close(&m->host);
    weir_free(m);
}

const char *weir_kafka_mock_address(const weir_kafka_mock *m)
{
    return rd_kafka_mock_cluster_bootstraps(m->cluster);
}

weir_status weir_kafka_mock_create_topic(
    weir_kafka_mock *m, const char *topic, int32_t partitions, weir_error *err)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(m->cluster, topic, partitions, 1);
    return code ? weir_fail(err, WEIR_E_KAFKA_FATAL, "topic %s cannot be made: %s", topic,
                      rd_kafka_err2str(code))
                : WEIR_OK;
}
