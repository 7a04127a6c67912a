/* How weir explain shows what it found: for people, and as JSON. Thread: plain functions. */
#ifndef WEIR_CLI_EXPLANATION_H
#define WEIR_CLI_EXPLANATION_H

#include "base/buf.h"
#include "explain.h"

void weir_cli_explain_text(const weir_explanation *e, weir_buf *to);
void weir_cli_explain_json(const weir_explanation *e, weir_buf *to);

/* "change", "heartbeat", … */
const char *weir_cli_event_name(weir_event_kind kind);
/* "update", "snapshot row", "tombstone", … */
const char *weir_cli_change_name(const weir_change *c);
/* What the merge made of it: "applied", "refused", or "ignored". */
const char *weir_cli_verdict(const weir_explained_cache *x);
const char *weir_cli_alarm_name(weir_merge_alarm alarm);

/* What the merge counted, but `changes`; the i-th that is not 0, with its help. False past the
 * end. */
bool weir_cli_counted(const weir_merge_counters *c, size_t i, const char **name, const char **help);

#endif
