/* The exhaustive pass: everything that fails, as a tree of units (<weir/schema.h>). It asks the
 * fast pass for every verdict, operation by operation, and goes down only where the answer is no;
 * so there is one meaning of each keyword. Thread: one owner. */
#ifndef WEIR_SCHEMA_EXPLAIN_H
#define WEIR_SCHEMA_EXPLAIN_H

#include "schema/evaluate.h"

typedef struct weir_explainer {
    weir_run run;
    weir_arena *arena;             /* of the units */
    weir_view text;                /* the instance's, for places; ptr NULL: it has none */
    weir_buf instance, evaluation; /* the pointers at hand */
    const char *place_at;          /* where line and column were counted up to */
    uint32_t line, column;
    size_t count, most;
    bool full, out_of_memory;
} weir_explainer;

/* A unit that is being filled. */
typedef struct weir_unit_maker {
    weir_schema_unit *unit;
    weir_schema_failure **failures;
    const weir_schema_unit **children;
} weir_unit_maker;

/* The root has failed: why. NULL: out_of_memory, or run.stopped. */
const weir_schema_unit *weir_explain_root(weir_explainer *e, const weir_value *root);

/* explain.c for explain_ops.c */

/* A failure of the unit. */
void weir_unit_fail(weir_explainer *e, weir_unit_maker *m, const char *keyword, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* A token of a path; back cuts it off again. */
size_t weir_path_push(weir_buf *path, weir_view token);
size_t weir_path_push_index(weir_buf *path, uint32_t index);
void weir_path_back(weir_buf *path, size_t len);
/* A subschema that fails at v: a unit below m. why: what to say where the subschema is `false`. */
weir_schema_unit *weir_unit_child(weir_explainer *e, weir_unit_maker *m, uint32_t block,
    const weir_value *v, const char *keyword, const char *why);

/* explain_ops.c: op has failed at v. */
void weir_describe(
    weir_explainer *e, weir_unit_maker *m, const weir_schema_op *op, const weir_value *v);

#endif
