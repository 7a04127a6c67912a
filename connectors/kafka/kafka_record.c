/* A librdkafka message as a record. See kafka_record.h. */
#include "kafka/kafka_record.h"

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    rd_kafka_headers_t *headers;
    const char *n;
    const void *v;
    size_t len;
    if (rd_kafka_message_headers(self, &headers) ||
        rd_kafka_header_get_all(headers, i, &n, &v, &len)) {
        return false;
    }
    *name = weir_view_of(n);
    *value = (weir_view){v, len};
    return true;
}

weir_raw_record weir_kafka_record(const rd_kafka_message_t *m, weir_view topic)
{
    rd_kafka_timestamp_type_t type;
    rd_kafka_headers_t *headers;
    bool has_headers =
        !rd_kafka_message_headers(m, &headers); /* most have none, and are asked often */
    return (weir_raw_record){
        .topic = topic,
        .key = {m->key, m->key_len},
        .value = {m->err ? NULL : m->payload, m->err ? 0 : m->len}, /* an error's is its text */
        .partition = m->partition,
        .offset = m->offset,
        .timestamp_ms = rd_kafka_message_timestamp(m, &type),
        .headers = {has_headers ? header_at : NULL, m},
    };
}
