/* Metrics: a snapshot of a daemon in Prometheus' text format 0.0.4. What there is:
 * base/metrics.def. Thread: any. */
#ifndef WEIR_APP_METRICS_H
#define WEIR_APP_METRICS_H

#include "snapshot.h"

typedef struct weir_metric_info {
    const char *name, *type, *unit, *labels, *help;
} weir_metric_info;

/* In the order of base/metrics.def, ends with a NULL name. */
extern const weir_metric_info weir_metrics[];

/* Appends all of them, each with its help and type. */
void weir_metrics_put(const weir_snapshot *s, weir_buf *to);

#endif
