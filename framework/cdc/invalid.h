/* What becomes of a row or an event that does not fit its schema. Thread: plain functions. */
#ifndef WEIR_CDC_INVALID_H
#define WEIR_CDC_INVALID_H

#include <stdatomic.h>

#include "base/log.h"
#include "cdc/decoder.h"

typedef enum weir_on_invalid {
    WEIR_INVALID_REJECT, /* as a record that cannot be decoded */
    WEIR_INVALID_REPORT, /* logged and counted; it passes */
    WEIR_INVALID_STOP,
} weir_on_invalid;

typedef struct weir_invalid_policy {
    weir_on_invalid on_fail;
    const char *what; /* "row" */
    const weir_log *log;
    const char *who; /* in log lines */
} weir_invalid_policy;

/* s: of *err, why it does not fit; count: of those so far, this one included. The log has the first
 * ten, and then each thousandth. Returns s, WEIR_OK (it passes), or WEIR_FATAL with the record's
 * place in *err. */
weir_status weir_heed_invalid(const weir_invalid_policy *p, const weir_raw_record *record,
    unsigned long long count, weir_status s, weir_error *err);

#endif
