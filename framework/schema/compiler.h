/* The compiler's inside: documents and their resources (load.c), blocks (compile.c and the
 * compile_*.c beside it), and what is left to do when all blocks are there (link.c).
 *
 * Blocks are compiled from a queue, so that nothing recurses however long a chain of references is;
 * only the walk over a document does, which the JSON reader's depth bounds.
 * Thread: one owner, for one compilation. */
#ifndef WEIR_SCHEMA_COMPILER_H
#define WEIR_SCHEMA_COMPILER_H

#include "base/buf.h"
#include "base/err.h"
#include "schema/program.h"

typedef enum weir_vocabulary {
    WEIR_VOCABULARY_CORE,
    WEIR_VOCABULARY_APPLICATOR,
    WEIR_VOCABULARY_UNEVALUATED,
    WEIR_VOCABULARY_VALIDATION,
    WEIR_VOCABULARY_FORMAT,
    WEIR_VOCABULARY_CONTENT,
    WEIR_VOCABULARY_FORMAT_ASSERTION, /* the formats are more than annotations */
} weir_vocabulary;

typedef enum weir_keyword {
#define X(name, text, first, last, vocabulary, shape) WEIR_KW_##name,
#include "schema/keywords.def"
#undef X
    WEIR_KEYWORDS
} weir_keyword;

typedef enum weir_keyword_shape {
    WEIR_SHAPE_NONE,
    WEIR_SHAPE_ONE,
    WEIR_SHAPE_LIST,
    WEIR_SHAPE_ONE_OR_LIST,
    WEIR_SHAPE_MAP,
} weir_keyword_shape;

typedef struct weir_keyword_info {
    const char *name;
    uint8_t first, last, vocabulary, shape;
} weir_keyword_info;

extern const weir_keyword_info weir_keywords[WEIR_KEYWORDS];
/* The keyword of a member's name, as far as the draft has it; -1. */
int weir_keyword_of(const weir_value *name, uint8_t draft);

typedef struct weir_anchor {
    const weir_value *at;
    weir_dynamic_anchor *dynamic; /* NULL: it is a plain one */
} weir_anchor;

/* A place in a document. */
typedef struct weir_node {
    uint32_t document;
    const weir_value *at;
} weir_node;

typedef struct weir_compiler {
    weir_schema *s;
    const weir_schema_options *options;
    weir_dialect dialect; /* of documents without $schema */
    weir_map by_uri;      /* to a resource's index + 1 */
    weir_map names;       /* dynamic names to their index + 1 */
    weir_map anchors;     /* of a resource and a name: weir_anchor */
    weir_map members;     /* of large objects that pointers lead through: their values */
    uint32_t meta_depth;  /* meta-schemas that are being looked at for a document's dialect */
    weir_node *queue;     /* by block */
    uint32_t done;        /* blocks that are compiled */
    weir_buf pending[WEIR_KINDS]; /* operations of the block at hand */
    weir_error *err;
} weir_compiler;

/* The block at hand. */
typedef struct weir_making {
    weir_compiler *c;
    weir_node node;
    uint32_t block;
    const weir_resource *resource; /* changes place when documents are loaded: look it up after */
    const weir_value *keywords[WEIR_KEYWORDS]; /* their values, NULL: not there */
    uint16_t types;
} weir_making;

/* ---- load.c: all fill c->err and return its class ------------------------------------------- */

/* Reads a document and finds what in it can be referred to. The text is copied. */
WEIR_MUST_USE weir_status weir_compiler_add(
    weir_compiler *c, weir_view uri, weir_view text, uint32_t *document);
/* What a $ref, $dynamicRef or $schema at `from` leads to. *dynamic: by a dynamic anchor's name. */
WEIR_MUST_USE weir_status weir_compiler_follow(
    weir_compiler *c, weir_node from, const weir_value *reference, weir_node *to);
/* The schema at a node is found to be one, if it was not. */
WEIR_MUST_USE weir_status weir_compiler_know(weir_compiler *c, weir_node node, uint32_t resource);
uint32_t weir_compiler_resource(const weir_compiler *c, weir_node node);
/* The anchor of a name in a resource; NULL. */
const weir_anchor *weir_compiler_anchor(const weir_compiler *c, uint32_t resource, weir_view name);

/* ---- compile.c ------------------------------------------------------------------------------ */

/* A compiler whose documents go into `schema`, which is all zeros and is the caller's to free.
 * options: borrowed, or NULL for the defaults. */
void weir_compiler_init(
    weir_compiler *c, weir_schema *schema, const weir_schema_options *options, weir_error *err);
void weir_compiler_fini(weir_compiler *c);
/* Puts the values of a schema's keywords where they belong, as far as its resource's dialect has
 * them. */
void weir_compiler_keywords(
    const weir_value *at, weir_dialect dialect, const weir_value *keywords[WEIR_KEYWORDS]);

/* SCHEMA_INVALID and others, placed at a node. */
weir_status weir_compiler_refuse(weir_compiler *c, weir_node at, weir_code code, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
weir_status weir_compiler_place(weir_compiler *c, weir_node at, weir_status status);
weir_status weir_compiler_oom(weir_compiler *c);
#ifdef __clang_analyzer__
/* As in base/err.h: the analyzer looks at one file at a time. */
#define weir_compiler_oom(c) (weir_compiler_oom(c) ?: WEIR_FATAL)
#define weir_compiler_refuse(...) (weir_compiler_refuse(__VA_ARGS__) ?: WEIR_FATAL)
#endif
/* The block of a schema; it is compiled later. */
WEIR_MUST_USE weir_status weir_compiler_block(weir_compiler *c, weir_node node, uint32_t *block);
/* Of a subschema of the block at hand. */
WEIR_MUST_USE weir_status weir_making_block(weir_making *m, const weir_value *at, uint32_t *block);
void weir_making_put(weir_making *m, weir_op_kind kind, weir_schema_op op);
void *weir_making_alloc(weir_making *m, size_t bytes);

/* compile_*.c: each takes its keywords out of m->keywords. */
WEIR_MUST_USE weir_status weir_compile_any(weir_making *m);
WEIR_MUST_USE weir_status weir_compile_scalars(weir_making *m);
WEIR_MUST_USE weir_status weir_compile_object(weir_making *m);
WEIR_MUST_USE weir_status weir_compile_array(weir_making *m);
WEIR_MUST_USE weir_status weir_compile_regex(
    weir_making *m, weir_node at, weir_view text, weir_pattern_rule *out);
/* A count of a keyword (a non-negative integer); `otherwise` when it is not there. */
WEIR_MUST_USE weir_status weir_making_count(
    weir_making *m, weir_keyword keyword, uint32_t otherwise, uint32_t *out);
static inline weir_node weir_making_node(const weir_making *m, const weir_value *at)
{
    return (weir_node){m->node.document, at};
}

/* ---- link.c --------------------------------------------------------------------------------- */

WEIR_MUST_USE weir_status weir_compiler_link(weir_compiler *c);

/* ---- plan.c --------------------------------------------------------------------------------- */

/* Makes the plans of all blocks. There are no loops any more. */
WEIR_MUST_USE weir_status weir_compiler_plan(weir_compiler *c);
/* pick.c: which of the branches that the list leads through can be picked by a member's value.
 * False: no memory. */
WEIR_MUST_USE bool weir_pick_all(weir_schema *s, weir_branches *last);

#endif
