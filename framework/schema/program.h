/* A compiled schema: a flat program over the value tree.
 *
 * Each schema of the source is a block; a block has the set of types that it allows, and lists of
 * operations by the kind of value that they look at, so that nothing is tried that cannot apply.
 * What often stands together is one operation: OP_MEMBERS is properties, required,
 * patternProperties, additionalProperties and the bounds of the count in one walk.
 *
 * Thread: immutable once compiled. */
#ifndef WEIR_SCHEMA_PROGRAM_H
#define WEIR_SCHEMA_PROGRAM_H

#include <weir/schema.h>

#include "base/map.h"
#include "schema/decimal.h"
#include "schema/format.h"
#include "value/value.h"

enum {
    WEIR_BLOCK_TRUE = 0, /* the schemas true and {} */
    WEIR_BLOCK_FALSE = 1,
};
#define WEIR_NO_BLOCK UINT32_MAX

/* A set of types: bits by weir_value_type. */
enum {
    WEIR_ALL_TYPES = 0xFF,
    WEIR_INTEGRAL = 1 << 15, /* a WEIR_NUMBER without a fraction too (1.0) */
};

typedef enum weir_op_code {
    /* any value */
    WEIR_OP_ENUM,
    WEIR_OP_REF,         /* block */
    WEIR_OP_DYNAMIC_REF, /* block: where it leads at first; count: the name */
    WEIR_OP_ALL_OF,
    WEIR_OP_ANY_OF,
    WEIR_OP_ONE_OF,
    WEIR_OP_NOT, /* block */
    WEIR_OP_IF,
    /* strings */
    WEIR_OP_LENGTH,
    WEIR_OP_PATTERN,
    WEIR_OP_FORMAT,
    WEIR_OP_CONTENT,
    /* numbers */
    WEIR_OP_BOUNDS,
    WEIR_OP_MULTIPLE_OF,
    /* objects */
    WEIR_OP_MEMBERS,
    WEIR_OP_NAMES, /* block */
    WEIR_OP_DEPENDENT,
    /* arrays */
    WEIR_OP_ITEMS,
    WEIR_OP_CONTAINS,
    WEIR_OP_UNIQUE,
    /* behind all others */
    WEIR_OP_UNEVALUATED_PROPERTIES, /* block */
    WEIR_OP_UNEVALUATED_ITEMS,      /* block */
} weir_op_code;

typedef struct weir_schema_op {
    uint16_t code;
    const char *keyword; /* of a fused one: the first */
    uint32_t block;
    uint32_t count;
    const void *rule; /* one of the structs below */
} weir_schema_op;

typedef enum weir_op_kind {
    WEIR_KIND_STRING,
    WEIR_KIND_NUMBER,
    WEIR_KIND_ARRAY,
    WEIR_KIND_OBJECT,
    WEIR_KIND_ANY,
    WEIR_KIND_LAST, /* unevaluated* */
    WEIR_KINDS
} weir_op_kind;

typedef struct weir_op_list {
    const weir_schema_op *first;
    uint32_t count;
} weir_op_list;

typedef struct weir_block {
    uint16_t types;
    bool simple; /* the types are all of it */
    bool tracks; /* has WEIR_KIND_LAST: must know what was evaluated */
    uint32_t resource;
    weir_op_list ops[WEIR_KINDS];
    const weir_value *at; /* the schema; NULL for the two that are no one's */
} weir_block;

/* ---- what operations need -------------------------------------------------------------------- */

typedef struct weir_block_list {
    const uint32_t *blocks;
    uint32_t count;
} weir_block_list;

typedef struct weir_enum_rule {
    const weir_value *const *slots; /* by hash; NULL: free */
    const uint64_t *hashes;
    uint32_t mask;
    uint16_t types; /* of the values */
    bool is_const;
    const weir_value *source;
} weir_enum_rule;

typedef struct weir_if_rule {
    uint32_t condition, then, otherwise; /* WEIR_NO_BLOCK: there is none */
} weir_if_rule;

typedef struct weir_length_rule {
    uint32_t least, most;
} weir_length_rule;

typedef struct weir_pattern_rule {
    const weir_regex *regex;
    weir_view source;
} weir_pattern_rule;

typedef struct weir_content_rule {
    bool base64, json;
    uint32_t block; /* contentSchema, or WEIR_NO_BLOCK */
} weir_content_rule;

typedef struct weir_bound {
    bool there, exclusive, fits; /* fits: `integer` is it */
    int64_t integer;
    weir_decimal exact;
    weir_view text;
    const char *keyword;
} weir_bound;

typedef struct weir_bounds_rule {
    weir_bound least, most;
} weir_bounds_rule;

typedef struct weir_multiple_rule {
    weir_decimal exact;
    int64_t integer; /* 0: it does not fit */
    weir_view text;
} weir_multiple_rule;

typedef struct weir_property {
    const char *name;
    uint32_t len;
    uint16_t hash;
    uint16_t types; /* of its block */
    uint32_t block; /* WEIR_BLOCK_TRUE where only required */
    bool simple;    /* its block is its types */
    bool declared;  /* in `properties` */
    bool required;
    const struct weir_plan *plan; /* of its block */
} weir_property;

typedef struct weir_pattern_property {
    weir_pattern_rule pattern;
    uint32_t block;
    const struct weir_plan *plan;
} weir_pattern_property;

typedef struct weir_members_rule {
    weir_property *properties; /* in the schema's order */
    const uint16_t *slots;     /* by hash: index + 1, 0: free; linear probing */
    uint32_t mask, count;
    uint32_t required; /* how many are */
    uint32_t least, most;
    weir_pattern_property *patterns;
    uint32_t n_patterns;
    uint32_t additional; /* WEIR_NO_BLOCK: no such keyword */
    const struct weir_plan *additional_plan;
    bool marks_all; /* additionalProperties evaluates all others */
} weir_members_rule;

typedef struct weir_dependency {
    weir_view name;
    const weir_view *required;
    uint32_t n_required;
    uint32_t block; /* or WEIR_NO_BLOCK */
    const char *keyword;
} weir_dependency;

typedef struct weir_dependent_rule {
    const weir_dependency *items;
    uint32_t count;
} weir_dependent_rule;

typedef struct weir_items_rule {
    weir_block_list prefix;
    uint32_t rest; /* WEIR_NO_BLOCK: no such keyword */
    uint32_t least, most;
    const char *prefix_keyword, *rest_keyword;
    bool rest_simple;
    uint16_t rest_types;
    const struct weir_plan *rest_plan;
} weir_items_rule;

typedef struct weir_contains_rule {
    uint32_t block, least, most;
    bool marks; /* 2020-12: what it contains is evaluated */
} weir_contains_rule;

/* ---- plans ------------------------------------------------------------------------------------
 * What the fast pass runs where nobody asks what was evaluated: for each block and each type of a
 * value the steps that are left when the type is known. References and allOf are put in line,
 * branches that cannot hold are gone. plan.c makes them. */

typedef enum weir_step_code {
    WEIR_STEP_END,
    WEIR_STEP_FAIL,
    WEIR_STEP_INTEGRAL,
    WEIR_STEP_OP,    /* rule: the weir_schema_op */
    WEIR_STEP_CALL,  /* block: its plan */
    WEIR_STEP_BLOCK, /* block: as it is, it must know what was evaluated */
    WEIR_STEP_MEMBERS,
    WEIR_STEP_ITEMS,
    WEIR_STEP_BOUNDS,
    WEIR_STEP_LENGTH,
    WEIR_STEP_PATTERN,
    WEIR_STEP_TEXTS,
    WEIR_STEP_ANY_OF, /* rule: weir_branches */
    WEIR_STEP_ONE_OF,
} weir_step_code;

typedef struct weir_step {
    uint16_t code;
    uint32_t block;
    const void *rule;
} weir_step;

typedef struct weir_plan {
    const weir_step *by_type[8]; /* weir_value_type; up to WEIR_STEP_END; NULL: every value holds */
} weir_plan;

/* Branches that tell themselves apart by what strings they take for one member: which of them may
 * hold, as bits. */
typedef struct weir_pick_slot {
    const char *ptr; /* NULL: a free slot */
    uint32_t len;
    uint64_t branches;
} weir_pick_slot;

typedef struct weir_pick {
    const char *name;
    uint32_t len;
    uint16_t hash;
    uint32_t mask;
    const weir_pick_slot *slots; /* by weir_text_hash */
    uint64_t others;             /* that may hold for any other string */
    uint64_t absent;             /* that may hold where the member is not there */
} weir_pick;

enum { WEIR_MOST_PICKED = 64 };

typedef struct weir_branches {
    const weir_step *const *steps; /* of each branch; none is NULL */
    uint32_t count;
    const weir_pick *pick;      /* NULL: all are tried */
    struct weir_branches *next; /* made before this one */
} weir_branches;

typedef struct weir_text {
    const char *ptr; /* NULL: a free slot */
    uint32_t len;
} weir_text;

/* An enum's strings. */
typedef struct weir_texts_rule {
    const weir_text *slots; /* by weir_text_hash */
    uint32_t mask;
    const weir_schema_op *op; /* for values with escapes */
} weir_texts_rule;

/* ---- the schema ------------------------------------------------------------------------------ */

typedef struct weir_dialect {
    uint8_t draft;
    uint16_t vocabularies; /* bits by weir_vocabulary */
} weir_dialect;

typedef struct weir_schema_document {
    weir_view uri; /* it was asked for by; may be empty */
    weir_view text;
    const weir_value *root;
    uint32_t *resource_of; /* by node: its resource + 1, 0: not known to be a schema */
    uint32_t *block_of;    /* by node: its block + 1 */
    weir_dialect dialect;
} weir_schema_document;

typedef struct weir_resource {
    weir_view uri; /* absolute, or empty */
    const weir_value *root;
    uint32_t document;
    weir_dialect dialect;
} weir_resource;

/* Where a dynamic name leads in a resource. */
typedef struct weir_dynamic_anchor {
    weir_view name; /* "" for $recursiveAnchor */
    const weir_value *at;
    uint32_t resource, block, name_id;
    struct weir_dynamic_anchor *next;
} weir_dynamic_anchor;

struct weir_schema {
    weir_arena arena;
    weir_block *blocks; /* as the source has them */
    weir_block *fast;   /* the same, references that only lead on resolved */
    weir_plan *plans;   /* by block; NULL: what a reference means depends on the dynamic scope */
    uint32_t n_blocks;
    uint32_t root;
    bool dynamic; /* some reference depends on the dynamic scope */
    weir_schema_document *documents;
    uint32_t n_documents;
    weir_resource *resources;
    uint32_t n_resources;
    weir_dynamic_anchor *dynamic_anchors;
    weir_regex **regexes;
    uint32_t n_regexes;
    weir_idn *idn;
    int64_t most_steps;
};

#endif
