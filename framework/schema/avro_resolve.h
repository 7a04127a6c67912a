/* Schema resolution: reading what was written by one Avro schema as a value of another.
 * Thread: pairs have one owner at a time. */
#ifndef WEIR_SCHEMA_AVRO_RESOLVE_H
#define WEIR_SCHEMA_AVRO_RESOLVE_H

#include "schema/avro_schema.h"

/* Names match without their name space, or by one of the reader's aliases. */
bool weir_avro_names_match(const weir_avro_type *reader, const weir_avro_type *writer);
/* int to long to float to double; string and bytes. Not of a kind to itself. */
bool weir_avro_promotes(weir_avro_kind reader, weir_avro_kind writer);
/* The writer's field that is read as this one: by its name, else by an alias; NULL: there is none.
 */
const weir_avro_field *weir_avro_written_field(
    const weir_avro_field *reader, const weir_avro_type *writer);

/* Verdicts on pairs of types of the same two schemas. */
typedef struct weir_avro_pairs weir_avro_pairs;
WEIR_MUST_USE weir_status weir_avro_pairs_new(weir_avro_pairs **out, weir_error *err);
void weir_avro_pairs_free(weir_avro_pairs *p);
/* WEIR_OK, or why verdicts may be wrong: OUT_OF_MEMORY, SCHEMA_LIMIT (types that refer to one
 * another in circles of thousands). */
WEIR_MUST_USE weir_status weir_avro_pairs_check(const weir_avro_pairs *p, weir_error *err);

/* Can every value that was written be read? */
bool weir_avro_reads(
    weir_avro_pairs *p, const weir_avro_type *reader, const weir_avro_type *writer);
/* The branch of the reader's union that reads the writer's type (no union): one of the same kind
 * and full name first, then the first that reads it; -1: none. */
int32_t weir_avro_branch_for(
    weir_avro_pairs *p, const weir_avro_type *union_reader, const weir_avro_type *writer);

#endif
