/* The documents of files, folders and standard input: JSON, lines of JSON, YAML, recordings, Avro's
 * object container files; plain or compressed. Thread: the main thread. */
#ifndef WEIR_CLI_VALIDATE_INPUT_H
#define WEIR_CLI_VALIDATE_INPUT_H

#include "bar.h"
#include "cdc/decoder.h"
#include "schema/avro_schemas.h"
#include "validate_report.h"

typedef enum weir_input_kind {
    WEIR_INPUT_AUTO, /* by the file's name, else by its first line */
    WEIR_INPUT_JSON,
    WEIR_INPUT_LINES,
    WEIR_INPUT_YAML,
    WEIR_INPUT_RECORDING,
    WEIR_INPUT_AVRO, /* an object container file */
} weir_input_kind;

typedef struct weir_inputs {
    const weir_cli *cli;
    weir_input_kind kind;
    /* Called with each document; broken: it cannot be read as one (its text is not JSON: the callee
     * finds that out itself). WEIR_OK, or it ends here. */
    weir_status (*take)(
        void *ctx, const weir_subject *s, const weir_error *broken, weir_error *err);
    void *ctx;
    weir_avro_schemas
        *schemas;        /* of the registry that records name theirs by; NULL: none is known */
    unsigned containers; /* of Avro, so far: their documents' own schemas go with them */
    size_t most_bytes;   /* of a document; a larger one is broken */
    weir_bar bar;
    uint64_t files; /* of folders, so far */
    uint64_t documents,
        tombstones; /* tombstones: records without a value, which no schema is for */
    weir_arena scratch;
} weir_inputs;

/* "json", "jsonl", "yaml", "recording", "avro"; false: it is none. */
bool weir_input_kind_of(const char *word, weir_input_kind *out);
/* All of a path: a file, "-", or a folder with all below it that has a name of such a file.
 * Errors: FILE_UNREADABLE, OUT_OF_MEMORY, and what take returned. */
WEIR_MUST_USE weir_status weir_inputs_read(weir_inputs *in, const char *path, weir_error *err);
/* A record's value. */
WEIR_MUST_USE weir_status weir_inputs_record(
    weir_inputs *in, const char *file, uint32_t line, const weir_raw_record *raw, weir_error *err);

#endif
