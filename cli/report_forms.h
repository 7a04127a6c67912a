/* The forms of a report that machines read (report_forms.c), for validate_report.c. All append to
 * r->out. Thread: the main thread. */
#ifndef WEIR_CLI_REPORT_FORMS_H
#define WEIR_CLI_REPORT_FORMS_H

#include "validate_report.h"

typedef void weir_report_put(
    weir_report *r, const weir_subject *s, const weir_schema_unit *u, const weir_schema_failure *f);

/* validate_report.c */
size_t weir_report_each(weir_report *r, const weir_subject *s, const weir_schema_unit *u,
    size_t before, weir_report_put *put);
weir_place weir_subject_place(const weir_subject *s, uint32_t line, uint32_t column);
void weir_report_put_message(weir_buf *b, const weir_schema_unit *u, const weir_schema_failure *f);
void weir_report_flush(weir_report *r);

/* A document: why and err NULL: it is valid. */
void weir_report_json(weir_report *r, const weir_subject *s, const weir_schema_explanation *why,
    const weir_error *err);
void weir_report_junit(weir_report *r, const weir_subject *s, const weir_schema_explanation *why,
    const weir_error *err);
void weir_report_junit_end(weir_report *r);
void weir_report_sarif_begin(weir_report *r);
weir_report_put weir_report_sarif;
void weir_report_sarif_error(
    weir_report *r, const weir_subject *s, weir_place p, const weir_error *err);
void weir_report_sarif_end(weir_report *r);
/* A workflow command of GitHub's. */
void weir_report_annotate(
    weir_report *r, const weir_subject *s, weir_place p, const char *title, weir_view text);

#endif
