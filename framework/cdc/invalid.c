/* What does not fit. See invalid.h. */
#include "cdc/invalid.h"

#include <stdio.h>

/* The error becomes the application's, so it says which record it was. */
static weir_status stop(const weir_raw_record *record, weir_error *err)
{
    weir_error why = *err;
    snprintf(err->text, sizeof err->text, "%.180s (at %.60s)", why.text, why.where);
    err->where[0] = '\0';
    (void)weir_at(err, "%.*s/%d@%lld", (int)(record->topic.len > 60 ? 60 : record->topic.len),
        record->topic.ptr, (int)record->partition, (long long)record->offset);
    return err->status = WEIR_FATAL;
}

weir_status weir_heed_invalid(const weir_invalid_policy *p, const weir_raw_record *record,
    unsigned long long count, weir_status s, weir_error *err)
{
    if (s != WEIR_REJECT || p->on_fail == WEIR_INVALID_REJECT) {
        return s;
    }
    if (p->on_fail == WEIR_INVALID_STOP) {
        return stop(record, err);
    }
    if (weir_log_tells(count)) {
        weir_log_error(p->log, WEIR_LOG_WARN, p->who, err, "invalid %s %llu, applied: %.*s/%d@%lld",
            p->what, count, WEIR_ARG(record->topic), (int)record->partition,
            (long long)record->offset);
    }
    return WEIR_OK;
}
