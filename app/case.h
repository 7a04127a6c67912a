/* A case of `weir test`, or of a service's `--test`: a folder with records, and with what a config
 * makes of them.
 *
 *   DIR/records*.jsonl          what comes, in the order of the files' names
 *   DIR/expected/rows/NAME.jsonl  a cache's or table's rows, {"key":…,"row":…}, by their text
 *   DIR/expected/dead.jsonl     records that could not be used, in their order
 *   DIR/expected/emits.jsonl    of a service: what its handlers have emitted, in its order
 *   DIR/expected/parked.jsonl   of a service: keys whose followers wait for an operator
 *
 * Thread: one. */
#ifndef WEIR_APP_CASE_H
#define WEIR_APP_CASE_H

#include <weir/app.h>

#include "cdc/decoder.h"
#include "config.h"

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
 * "value":{…},"headers":{…}}; or an event of the config, {"event":…,"key":…,"value":{…}}; or a
 * change of a row, {"table":…,"op":"c","key":{…},"row":{…}}. */
typedef struct weir_case_records weir_case_records;
/* Borrows the folder's name. */
WEIR_MUST_USE weir_status weir_case_records_open(
    const char *dir, weir_case_records **out, weir_error *err);
void weir_case_records_close(weir_case_records *r);
size_t weir_case_records_count(const weir_case_records *r);
/* Their topics, each once; a change's is the config's to say. Errors: as weir_case_record. */
WEIR_MUST_USE weir_status weir_case_records_take_topics(
    weir_case_records *r, weir_config *config, weir_error *err);
/* The i-th; *where: "records.jsonl:3". Borrowed until the next call. Errors: CASE_LINE,
 * RECORDING_LINE. */
WEIR_MUST_USE weir_status weir_case_record(weir_case_records *r, size_t i,
    const weir_config *config, weir_raw_record *out, const char **where, weir_error *err);
/* Is the one that was asked for last as it was recorded? Recordings may have topics that nothing
 * reads. */
bool weir_case_record_is_recorded(const weir_case_records *r);

/* What has come of a case. */
typedef struct weir_case {
    const weir_config *config;
    weir_case_lines *rows; /* by the config's followed */
    weir_case_lines dead, emits, parked;
    weir_case_lines whys;     /* of each of the dead, for people */
    weir_case_lines problems; /* lines that nobody has read, a stop */
    size_t records;
} weir_case;

/* Runs the records. Errors: of reading them, and of opening what the config says. To be finished in
 * any case. */
WEIR_MUST_USE weir_status weir_case_run(
    weir_case *c, weir_config *config, weir_case_records *records, weir_error *err);
/* The same for a service, with its handlers, by the test kit: each record is handled before the
 * next one comes, and what is tried again is given an hour of its time in the end. */
WEIR_MUST_USE weir_status weir_case_run_service(weir_case *c, const char *config_path,
    weir_config *config, weir_setup_fn *setup, void *ctx, weir_case_records *records,
    weir_error *err);
/* Empty, for these two. False: out of memory. */
bool weir_case_init(weir_case *c, weir_config *config);
/* What has come of it that nobody can expect: a line that was not read, a stop. */
WEIR_MUST_USE weir_status weir_case_complain(
    weir_case *c, const char *where, const char *what, weir_error *err);
/* Adds {"topic":…,"record":n,"key":…,"code":…}; and {"key":…,"row":…}. */
WEIR_MUST_USE weir_status weir_case_add_letter(weir_case *c, weir_view topic, int64_t record,
    weir_view key, const weir_error *why, weir_error *err);
/* A weir_store_each_fn; ctx: the lines. */
weir_status weir_case_add_row(
    void *ctx, weir_view key, weir_view row, bool *remove, weir_error *err);
/* A JSON string, or null for what is no text. */
void weir_case_put_text(weir_buf *to, weir_view text);
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
/* Files of what is expected that are compared with nothing, a misspelt name: asked for behind the
 * run, which casts caches and tables from patterns. Errors: CASE_STRAY, FILE_UNREADABLE. */
WEIR_MUST_USE weir_status weir_case_find_strays(
    const weir_config *config, const char *dir, weir_error *err);
/* Writes what has come of it as what is expected. Errors: FILE_UNWRITABLE. */
WEIR_MUST_USE weir_status weir_case_update(const weir_case *c, const char *dir, weir_error *err);

/* ---- Folders of cases ---------------------------------------------------------------------------
 */

typedef struct weir_case_options {
    bool json, quiet, update;
    const char *config_path; /* of all cases; NULL: weir.yaml of the case, or of the folder above */
    weir_setup_fn *setup;    /* of a service; NULL: caches and tables alone */
    void *setup_ctx;
    /* Says what is wrong, and returns an exit code. */
    int (*fail)(void *ctx, const weir_error *err);
    int (*load)(void *ctx, const char *path, weir_config **out);
    void *ctx;
} weir_case_options;

/* Runs the cases in these folders, and tells of them: on stdout a line for each, with what differs;
 * on stderr how many there were. Returns the exit code. */
int weir_case_run_folders(const weir_case_options *options, const char *const *dirs, size_t n);

#endif
