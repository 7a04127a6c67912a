/* A case of `weir test`: a folder with records, and with what a config makes of them.
 *
 *   DIR/records*.jsonl          what comes, in the order of the files' names
 *   DIR/expected/rows/NAME.jsonl  a cache's or table's rows, {"key":…,"row":…}, by their text
 *   DIR/expected/dead.jsonl     records that could not be used, in their order
 *
 * Thread: the main thread. */
#ifndef WEIR_CLI_TEST_CASE_H
#define WEIR_CLI_TEST_CASE_H

#include "cdc/decoder.h"
#include "cli.h"

/* A list of texts; owned. */
typedef struct weir_case_lines {
    weir_arena arena;
    weir_view *items;
    size_t n, capacity;
} weir_case_lines;

void weir_case_lines_init(weir_case_lines *l);
void weir_case_lines_fini(weir_case_lines *l);
/* A copy. False: out of memory. */
bool weir_case_lines_add(weir_case_lines *l, weir_view text);
void weir_case_lines_sort(weir_case_lines *l);

/* A line of records: as in a recording; or with key and value as JSON, {"topic":…,"key":{…},
 * "value":{…}}; or a change of a row, {"table":…,"op":"c","key":{…},"row":{…}}. */
typedef struct weir_case_records weir_case_records;
WEIR_MUST_USE weir_status weir_case_records_open(
    const char *dir, weir_case_records **out, weir_error *err);
void weir_case_records_close(weir_case_records *r);
size_t weir_case_records_count(const weir_case_records *r);
/* Their topics, each once; a change's is the config's to say. Errors: RECORDING_LINE. */
WEIR_MUST_USE weir_status weir_case_records_take_topics(
    weir_case_records *r, weir_config *config, weir_error *err);
/* The i-th; *where: "records.jsonl:3". Borrowed until the next call. Errors: RECORDING_LINE. */
WEIR_MUST_USE weir_status weir_case_record(weir_case_records *r, size_t i,
    const weir_config *config, weir_raw_record *out, const char **where, weir_error *err);
/* Is the one that was asked for last as it was recorded? Recordings may have topics that nothing
 * reads. */
bool weir_case_record_is_recorded(const weir_case_records *r);

/* What has come of a case. */
typedef struct weir_case {
    const weir_config *config;
    weir_case_lines *rows; /* by the config's followed */
    weir_case_lines dead;
    weir_case_lines problems; /* lines that nobody has read, a stop */
    size_t records;
} weir_case;

/* Runs the records. Errors: of reading them, and of opening what the config says. To be finished in
 * any case. */
WEIR_MUST_USE weir_status weir_case_run(
    weir_case *c, weir_config *config, weir_case_records *records, weir_error *err);
void weir_case_fini(weir_case *c);

/* What is not as expected. */
typedef struct weir_case_difference {
    const char *file;        /* "rows/users.jsonl"; NULL: a problem */
    weir_view expected, got; /* one of them: ptr NULL */
} weir_case_difference;
typedef void weir_case_difference_fn(void *ctx, const weir_case_difference *d);
/* Errors: FILE_UNREADABLE, JSON_* (a file of what is expected), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_case_compare(
    const weir_case *c, const char *dir, weir_case_difference_fn *fn, void *ctx, weir_error *err);
/* Writes what has come of it as what is expected. Errors: FILE_UNWRITABLE. */
WEIR_MUST_USE weir_status weir_case_update(const weir_case *c, const char *dir, weir_error *err);

#endif
