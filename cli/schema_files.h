/* Schemas in files: JSON or YAML (.yaml, .yml), found by file URIs and by --resolve PREFIX=DIR.
 * Nothing is fetched from a network but with --fetch. Thread: the main thread. */
#ifndef WEIR_CLI_SCHEMA_FILES_H
#define WEIR_CLI_SCHEMA_FILES_H

#include <weir/schema.h>

#include "cli.h"
#include "value/json.h"

typedef struct weir_schema_file {
    char *uri, *path; /* owned, as all of it */
    weir_buf text;    /* JSON */
    weir_buf marks;   /* weir_place by line, of YAML */
    struct weir_schema_file *next;
} weir_schema_file;

typedef struct weir_schema_prefix {
    const char *prefix, *dir; /* borrowed; the prefix ends at prefix_len */
    size_t prefix_len;
} weir_schema_prefix;

enum { WEIR_SCHEMA_PREFIXES = 64 };

typedef struct weir_schema_files {
    weir_schema_file *first;
    weir_schema_prefix prefixes[WEIR_SCHEMA_PREFIXES];
    size_t n_prefixes;
    bool fetch; /* http:// and https:// that no prefix maps */
    int timeout_ms;
} weir_schema_files;

void weir_schema_files_fini(weir_schema_files *f);
/* "PREFIX=DIR". False: it is none, or one too many. */
bool weir_schema_files_map(weir_schema_files *f, const char *text);
/* Reads a file ("-": stdin); it is found by its file URI later too.
 * Errors: FILE_UNREADABLE, YAML_SYNTAX, TOO_LARGE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_schema_files_load(
    weir_schema_files *f, const char *path, const weir_schema_file **out, weir_error *err);
/* By its name (.avsc) or what is in it. False: JSON Schema, or no JSON at all. */
bool weir_schema_file_is_avro(const weir_schema_file *file);
/* weir_schema_resolve; ctx: the files. */
weir_status weir_schema_files_resolve(void *ctx, const char *uri, weir_view *out, weir_error *err);
/* Where a place of a schema is in its file: "path:line:column", into `to`. uri: up to a '#', of the
 * document; not known: the URI is what stands there. */
void weir_schema_files_place(const weir_schema_files *f, const weir_schema_file *root,
    weir_view uri, uint32_t line, uint32_t column, weir_buf *to);
/* err->where of weir_schema_compile, as a place in a file. */
void weir_schema_files_where(
    const weir_schema_files *f, const weir_schema_file *root, weir_error *err);

/* Options that all commands with schemas have: --draft, --formats, --content, --resolve, --fetch.
 * Exit code.
 */
int weir_schema_options_of(weir_cli *cli, weir_schema_files *files, weir_schema_options *out);

#define WEIR_SCHEMA_OPTIONS                                                                   \
    {"--draft", "DRAFT",                                                                      \
        "of schemas without $schema: draft4, draft6, draft7, draft2019-09, draft2020-12"},    \
        {"--resolve", "PREFIX=DIR",                                                           \
            "schemas whose URI begins with PREFIX are files below DIR (may be given several " \
            "times)"},                                                                        \
        {"--fetch", NULL,                                                                     \
            "references to http:// and https:// that --resolve does not map are fetched"},    \
        {"--formats", "HOW",                                                                  \
            "schema (asserted where the vocabulary says so, by default), assert, annotate"},  \
    {                                                                                         \
        "--content", NULL, "assert contentEncoding, contentMediaType and contentSchema"       \
    }

#endif
