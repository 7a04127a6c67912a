/* Changes as Debezium sends them (JSON without schemas), of as many keys as are asked for, over and
 * over: for runs that are too long for a source.
 *
 *   changes BROKERS TOPIC FROM TO KEYS
 *
 * The changes FROM to TO of an endless stream: the first KEYS are inserts, all others updates. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

static int key_of(long i, long keys, char *to, size_t size)
{
    return snprintf(to, size, "{\"id\":%ld}", i % keys);
}

static int value_of(long i, long keys, char *to, size_t size)
{
    long lsn = 1000000 + i * 8;
    return snprintf(to, size,
        "{\"before\":null,\"after\":{\"id\":%ld,\"owner\":\"owner "
        "%ld\",\"balance\":\"CAQM\",\"n\":%ld},"
        "\"source\":{\"version\":\"3.6.3.Final\",\"connector\":\"postgresql\",\"name\":\"b\",\"ts_"
        "ms\":%ld,"
        "\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":\"[\\\"%ld\\\",\\\"%ld\\\"]\","
        "\"schema\":\"public\","
        "\"table\":\"accounts\",\"txId\":%ld,\"lsn\":%ld,\"xmin\":null},\"transaction\":null,"
        "\"op\":\"%c\","
        "\"ts_ms\":%ld}",
        i % keys, i % keys, i, 1795374786075 + i / 100, lsn - 4, lsn, i, lsn, i < keys ? 'c' : 'u',
        1795374786075 + i / 100);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        return 2;
    }
    char why[512], key[64], value[1000];
    long from = atol(argv[3]), to = atol(argv[4]), keys = atol(argv[5]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why);
    rd_kafka_conf_set(conf, "linger.ms", "50", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!rk) {
        fprintf(stderr, "changes: %s\n", why);
        return 3;
    }
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, argv[2], NULL);
    for (long i = from; i < to; i++) {
        size_t k = (size_t)key_of(i, keys, key, sizeof key),
               v = (size_t)value_of(i, keys, value, sizeof value);
        while (rd_kafka_produce(
            t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, v, key, k, NULL)) {
            rd_kafka_poll(rk, 50);
        }
        rd_kafka_poll(rk, 0);
    }
    if (rd_kafka_flush(rk, 60000)) {
        fprintf(stderr, "changes: the broker does not take them\n");
        return 3;
    }
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    return 0;
}
