/* A librdkafka client for one purpose of a command: what admin, reader and writer share. It logs
 * through our log and remembers what librdkafka last said about brokers, so that a question nobody
 * answered can say why. Private to connectors/kafka.
 *
 * Thread: one owner; the handle must not move in memory while it is open. */
#ifndef WEIR_KAFKA_HANDLE_H
#define WEIR_KAFKA_HANDLE_H

#include "kafka/kafka_client.h"

typedef struct weir_kafka_handle {
    rd_kafka_t *rk;
    const weir_log *log;
    rd_kafka_resp_err_t heard; /* the gravest error event so far; 0: none */
    char heard_text[200];
} weir_kafka_handle;

typedef void weir_kafka_delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque);

/* fixed: properties that win over the user's, ending with a NULL name; or NULL. delivered: a
 * producer's; or NULL. */
WEIR_MUST_USE weir_status weir_kafka_handle_open(weir_kafka_handle *h, rd_kafka_type_t type,
    const weir_kafka_property *properties, size_t n, const char *const (*fixed)[2],
    weir_kafka_delivered *delivered, const weir_log *log, weir_error *err);
/* A handle that was never opened is allowed. */
void weir_kafka_handle_close(weir_kafka_handle *h);

/* The error of a request that failed; when no broker answered, with what was heard of them. */
weir_status weir_kafka_handle_fail(weir_kafka_handle *h, rd_kafka_resp_err_t code, weir_error *err,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Has a broker refused the credentials, or is nothing to be had any more? Then waiting is in vain,
 * and *err says why. */
bool weir_kafka_handle_hopeless(weir_kafka_handle *h, weir_error *err);

#endif
