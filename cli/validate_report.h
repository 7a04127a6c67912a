/* What weir validate and weir schema check say about documents: as text, JSON lines, JUnit, SARIF
 * or GitHub's annotations, on stdout. Thread: the main thread. */
#ifndef WEIR_CLI_VALIDATE_REPORT_H
#define WEIR_CLI_VALIDATE_REPORT_H

#include "schema/any_schema.h"
#include "schema_files.h"

typedef enum weir_report_form {
    WEIR_REPORT_TEXT,
    WEIR_REPORT_LIST, /* the standard's output formats, a line a document */
    WEIR_REPORT_FLAG,
    WEIR_REPORT_HIERARCHICAL,
    WEIR_REPORT_JUNIT,
    WEIR_REPORT_SARIF,
    WEIR_REPORT_GITHUB,
} weir_report_form;

/* A document, or a record. */
typedef struct weir_subject {
    const char *file;           /* as it is shown */
    const char *record;         /* "orders/3@4711"; NULL: it is a document of a file */
    weir_view text;             /* JSON, what lines and columns are of; or Avro's bytes */
    const weir_any_schema *own; /* that it names itself: the writer's, of Avro; NULL: none */
    uint32_t line;              /* of the file where the text begins, from 1; 0: nowhere */
    bool is_line;               /* one of many of its file */
    weir_view source;           /* of YAML: all of it, else ptr NULL */
    const weir_place *marks;    /* of YAML: by the line of `text` */
    size_t n_marks;
} weir_subject;

typedef struct weir_report {
    const weir_cli *cli;
    weir_report_form form;
    bool all, color;
    const weir_schema_files *schemas;
    const weir_schema_file *root;
    const char *what;                /* "documents" */
    uint64_t valid, invalid, broken; /* broken: no JSON, or no verdict */
    weir_buf out;                    /* junit: kept to the end */
    bool any;                        /* sarif: a result is there */
} weir_report;

/* Takes --format and --all out of the arguments. Exit code. */
int weir_report_init(weir_report *r, weir_cli *cli);
void weir_report_fini(weir_report *r);
void weir_report_begin(weir_report *r);
void weir_report_valid(weir_report *r, const weir_subject *s);
void weir_report_invalid(weir_report *r, const weir_subject *s, const weir_schema_explanation *why);
/* An invalid one that an error tells all of. */
void weir_report_misfit(weir_report *r, const weir_subject *s, const weir_error *err);
void weir_report_broken(weir_report *r, const weir_subject *s, const weir_error *err);
/* Also the sum, on stderr. False: memory ran out. */
bool weir_report_end(weir_report *r);

#define WEIR_REPORT_OPTIONS                                                                      \
    {"--format", "FORM",                                                                         \
        "text, json (the standard's list), json-flag, json-hierarchical, junit, sarif, github"}, \
    {                                                                                            \
        "--all", NULL, "every failure of a document, not the first alone"                        \
    }

#endif
