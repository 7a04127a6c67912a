/* SPDX-License-Identifier: Apache-2.0
 * <weir/status.h>: how every call of weir says what happened. */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define WEIR_MUST_USE __attribute__((warn_unused_result))
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WEIR_MUST_USE
#define WEIR_API
#define WEIR_PRINTF(fmt, args)
#endif

/* The class of an outcome; it alone decides what happens to a record. 0 is success. */
typedef enum weir_status {
    WEIR_OK = 0,
    WEIR_RETRY,    /* this record, later; counts as an attempt */
    WEIR_HOLD,     /* a dependency is down: wait, count nothing, dead-letter nothing */
    WEIR_REJECT,   /* can never succeed: dead letter */
    WEIR_FATAL,    /* stop the app, commit nothing more */
    WEIR_DEFERRED, /* only from a handler: it kept the message and will settle it */
} weir_status;

/* Why it happened. Fixed size, never allocated; every field is NUL-terminated.
 * A function that takes a weir_error fills it when it returns anything but WEIR_OK; NULL is
 * allowed. */
typedef struct weir_error {
    weir_status status;
    char code[32];  /* stable, a metric label: "JSON_SYNTAX", "ORDER_UNKNOWN" (docs/errors.md) */
    char where[96]; /* "/amount", "payment.yaml:12:7", "orders/3@4711" */
    char text[256]; /* what happened, and what to do about it */
} weir_error;

/* The class's name: "ok", "retry", … Static storage. Thread: any. */
WEIR_API const char *weir_status_name(weir_status status);

#ifdef __cplusplus
}
#endif
#endif
