/* SPDX-License-Identifier: Apache-2.0
 * <weir/schema.h>: JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12.
 *
 *   weir_schema *schema;
 *   weir_validator *v;
 *   if (weir_schema_compile(text, NULL, &schema, &err)) …
 *   if (weir_validator_new(schema, &v, &err)) …
 *   bool valid;
 *   if (weir_validator_check(v, event, &valid, &err)) …      the verdict, fast
 *   weir_schema_explanation why;
 *   if (weir_validator_explain(v, event, 0, &why, &err)) …      everything that is wrong, and where
 *
 * A schema is compiled once and shared between threads; each thread has a validator of its own.
 * Numbers are exact at any size; lengths are in characters (code points); regular expressions are
 * ECMA-262's. Nothing is fetched: what a schema refers to is in it, is one of the standard's own
 * meta-schemas, or comes from the `resolve` function. */
#ifndef WEIR_SCHEMA_H
#define WEIR_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include <weir/status.h>
#include <weir/view.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A compiled schema. Thread: immutable, any thread may use it at the same time. */
typedef struct weir_schema weir_schema;

typedef enum weir_draft {
    WEIR_DRAFT_DEFAULT = 0, /* 2020-12 */
    WEIR_DRAFT_4 = 4,
    WEIR_DRAFT_6 = 6,
    WEIR_DRAFT_7 = 7,
    WEIR_DRAFT_2019_09 = 19,
    WEIR_DRAFT_2020_12 = 20,
} weir_draft;

typedef enum weir_formats {
    WEIR_FORMATS_AS_SAID = 0, /* asserted only where the schema's vocabulary says so */
    WEIR_FORMATS_ASSERTED,
    WEIR_FORMATS_ANNOTATED, /* never asserted */
} weir_formats;

/* Gives the text of the document at an absolute URI (without fragment). *out: borrowed until the
 * compilation has ended. Returns WEIR_OK with out->ptr NULL when there is none; another status,
 * with *err filled, ends the compilation. Thread: the compiler's. */
typedef weir_status weir_schema_resolve(
    void *ctx, const char *uri, weir_view *out, weir_error *err);

typedef struct weir_schema_options {
    const char *base_uri; /* where the schema is from: its relative references start there; NULL:
                             nowhere */
    weir_draft draft;     /* of documents that have no $schema */
    weir_formats formats;
    bool content;    /* contentEncoding, contentMediaType and contentSchema are asserted */
    bool everything; /* also what nothing refers to ($defs) is compiled, so that its errors show */
    weir_schema_resolve *resolve; /* NULL: nothing else is found */
    void *resolve_ctx;
    uint64_t most_steps; /* that one validation may take (a step is a schema at a value); 0: 100
                            million */
    size_t max_bytes;    /* memory that the schema may take; 0: 256 MiB */
} weir_schema_options;

/* Compiles a schema. text: JSON, copied. options: NULL for the defaults. *out: given to the caller,
 * freed by weir_schema_free; NULL on failure.
 * Errors, placed at "line:column" (in another document than `text`: "URI:line:column"):
 * JSON_* (the text is no JSON), SCHEMA_INVALID (a keyword's value is none), SCHEMA_REGEX,
 * SCHEMA_UNRESOLVED (a reference leads nowhere), SCHEMA_LOOP (references lead in a circle),
 * SCHEMA_VOCABULARY, SCHEMA_LIMIT, OUT_OF_MEMORY, and what `resolve` failed with.
 * Thread: any. */
WEIR_API WEIR_MUST_USE weir_status weir_schema_compile(
    weir_view text, const weir_schema_options *options, weir_schema **out, weir_error *err);
/* NULL is allowed. Every validator of it is freed before. */
WEIR_API void weir_schema_free(weir_schema *schema);

/* What one thread needs to validate: its memory. Thread: one owner at a time. */
typedef struct weir_validator weir_validator;
/* schema: borrowed until the validator is freed. Errors: OUT_OF_MEMORY. */
WEIR_API WEIR_MUST_USE weir_status weir_validator_new(
    const weir_schema *schema, weir_validator **out, weir_error *err);
/* NULL is allowed. */
WEIR_API void weir_validator_free(weir_validator *v);

/* Is the JSON text valid against the schema? It stops at the first failure.
 * Errors: JSON_* (it is no JSON), SCHEMA_LIMIT (it takes more steps than it may, nests too deep, or
 * a regular expression gave up: no verdict), OUT_OF_MEMORY. *valid is false on errors. */
WEIR_API WEIR_MUST_USE weir_status weir_validator_check(
    weir_validator *v, weir_view json, bool *valid, weir_error *err);

/* One failure of a schema at a value. */
typedef struct weir_schema_failure {
    const char *keyword; /* "required"; "" for the schema `false` */
    weir_view text;      /* what is wrong, one line */
    const struct weir_schema_failure *next;
} weir_schema_failure;

/* A schema applied to a value, and what failed there. A tree: `children` are its subschemas that
 * failed. All is borrowed from the validator, until its next call. Pointers are JSON Pointers. */
typedef struct weir_schema_unit {
    weir_view instance;    /* the value: "/items/0/price" */
    weir_view schema;      /* "URI#/properties/price", URI may be empty */
    weir_view evaluation;  /* how the schema was reached: "/properties/items/items/$ref" */
    uint32_t line, column; /* of the value, from 1; columns in characters */
    uint32_t schema_line, schema_column; /* of the schema, in its own document */
    const weir_schema_failure *failures;
    const struct weir_schema_unit *children, *next;
    bool branch;  /* of an anyOf or oneOf: it is not a failure by itself */
    bool nearest; /* of these branches, the one that came nearest */
} weir_schema_unit;

typedef struct weir_schema_explanation {
    const weir_schema_unit *root; /* NULL: the text is valid */
    size_t failures;
    bool cut_off; /* there are more than were asked for */
} weir_schema_explanation;

/* As weir_validator_check, and tells everything that fails; most: failures at most, 0: 1000.
 * Slower: for what is invalid. */
WEIR_API WEIR_MUST_USE weir_status weir_validator_explain(
    weir_validator *v, weir_view json, size_t most, weir_schema_explanation *out, weir_error *err);

/* The text of one of the standard's meta-schemas by its URI; ptr NULL: it is none. Static. */
WEIR_API weir_view weir_meta_schema(weir_view uri);
/* The URI of a draft's meta-schema. Static. */
WEIR_API const char *weir_meta_schema_uri(weir_draft draft);

#ifdef __cplusplus
}
#endif
#endif
