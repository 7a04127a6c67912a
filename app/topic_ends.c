/* A topic's ends. See topic_ends.h. */
#include "topic_ends.h"

#include "base/alloc.h"

static weir_status ask(
    weir_kafka_admin *a, const char *topic, int64_t **ends, int32_t *n, weir_error *err)
{
    weir_status s = weir_kafka_admin_look(a, err);
    s = s ? s : weir_kafka_admin_partitions(a, topic, n, err);
    if (s) {
        return s;
    }
    *ends = weir_calloc((size_t)*n, sizeof **ends);
    if (!*ends) {
        return weir_fail_oom(err);
    }
    for (int32_t p = 0; p < *n && !s; p++) {
        int64_t first;
        s = weir_kafka_admin_ends(a, topic, p, &first, &(*ends)[p], err);
    }
    return s;
}

weir_status weir_topic_ends(const weir_kafka_admin_options *options, const char *topic,
    int64_t **ends, int32_t *n, weir_error *err)
{
    weir_kafka_admin *a = NULL;
    *ends = NULL;
    *n = 0;
    weir_status s = weir_kafka_admin_open(options, &a, err);
    s = s ? s : ask(a, topic, ends, n, err);
    weir_kafka_admin_close(a);
    if (s) {
        weir_free(*ends);
        *ends = NULL;
    }
    return s;
}
