/* SPDX-License-Identifier: Apache-2.0
 * <weir/message.h>: the record a handler is given.
 *
 * Owner: weir. A message is borrowed by the handler until it returns; a deferred one
 * (<weir/defer.h>) until weir_settle. Its views live as long. Thread: one owner at a time. */
#ifndef WEIR_MESSAGE_H
#define WEIR_MESSAGE_H

#include <stdint.h>
#include <weir/status.h>
#include <weir/view.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_message weir_message;

/* The idempotency key: the same on every redelivery and replay. The header `id` or `ce_id`, or a
 * CloudEvent's id; else "topic/partition/offset". */
WEIR_API weir_view weir_id(const weir_message *m);
/* What it is: a change's "schema.table", an event's type, else the topic. */
WEIR_API weir_view weir_type(const weir_message *m);
/* Of a change: 'c', 'u', 'd', 'r' (a snapshot's row), 't' (truncate); 'd' for a tombstone too. 0:
 * no change. */
WEIR_API char weir_op(const weir_message *m);
/* The record's key as it stands in Kafka; ptr NULL: none. */
WEIR_API weir_view weir_key(const weir_message *m);
/* The record's value as it stands in Kafka; ptr NULL: a tombstone. */
WEIR_API weir_view weir_value_bytes(const weir_message *m);
WEIR_API weir_view weir_topic(const weir_message *m);
WEIR_API int32_t weir_partition_number(const weir_message *m);
WEIR_API int64_t weir_record_offset(const weir_message *m);
/* Kafka's timestamp, ms since the epoch. */
WEIR_API int64_t weir_timestamp_ms(const weir_message *m);
/* 1: the first attempt. */
WEIR_API unsigned weir_attempt(const weir_message *m);
/* The last header of this name. out->ptr NULL for a null value. */
WEIR_API bool weir_header(const weir_message *m, const char *name, weir_view *out);

/* What a handler returns, with a reason for the log, the dead letter and `weir stuck`.
 * after_ms 0: the policy's backoff. Returns WEIR_RETRY. */
WEIR_API weir_status weir_retry(weir_message *m, uint32_t after_ms, const char *fmt, ...)
    WEIR_PRINTF(3, 4);
/* code: stable, up to 31 characters ("ORDER_UNKNOWN"). Returns WEIR_REJECT. */
WEIR_API weir_status weir_reject(weir_message *m, const char *code, const char *fmt, ...)
    WEIR_PRINTF(3, 4);
/* A dependency is down: wait, count nothing. Returns WEIR_HOLD. */
WEIR_API weir_status weir_hold(weir_message *m, const char *fmt, ...) WEIR_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
