/* Tables of a database as caches of a store: what the config says of them, what the database says
 * of them, and the port that a database's driver fills. Private to framework/table and its drivers.
 *
 * A row of the ROW space is a row of the table, its members the columns. What the merge rule keeps
 * of a key (STATE) stands in the row's position column, as bytes, or, where the rule names none, in
 * the side table. What has no row stands there in any case: delete marks and rows that are not
 * shown (STATE), halves of moves (MOVE), offsets and watermarks (META).
 *
 * Thread: as the store port says: one owner at a time, but for the functions that say otherwise. */
#ifndef WEIR_SQL_TABLE_H
#define WEIR_SQL_TABLE_H

#include <stdatomic.h>
#include <string.h>

#include "base/map.h"
#include "cdc/column.h"
#include "cdc/keyless.h"
#include "cdc/shape.h"
#include "cdc/store.h"
#include "table/table_bound.h"
#include "table/table_rule.h"

/* How a column's JSON and its text in the database stand to each other. */
typedef enum weir_form {
    WEIR_FORM_TEXT,    /* a string's characters, anything else as it stands */
    WEIR_FORM_JSON,    /* JSON, as it stands */
    WEIR_FORM_HSTORE,  /* an object; "a"=>"b" */
    WEIR_FORM_ARRAY,   /* an array; {a,b} */
    WEIR_FORM_BOOLEAN, /* from here on SQLite's alone */
    WEIR_FORM_INTEGER,
    WEIR_FORM_DECIMAL,
    WEIR_FORM_FLOAT4,
    WEIR_FORM_FLOAT8,
    WEIR_FORM_BYTES,
} weir_form;

typedef struct weir_table_column {
    char *name, *type;    /* owned; the type as the database prints it */
    char *pg_type;        /* owned; PostgreSQL's name of what it holds, for keys */
    weir_view bare;       /* the driver's, in the table's arena: the type without its modifiers */
    weir_bound bound;     /* of what goes in without loss */
    weir_form form, item; /* item: of an array */
    bool generated;       /* by the database: never written */
    bool added;           /* by the open transaction */
} weir_table_column;

/* A column of the key. */
typedef struct weir_table_key {
    weir_view member; /* its name in the record's key */
    size_t column;    /* of the table */
    bool plain;       /* the key's JSON is the row's: integers, texts, UUIDs, booleans */
    weir_column raw;  /* else: how the key's JSON is rendered */
} weir_table_key;

/* The order in which members of rows come, and which columns they are. */
typedef struct weir_signature {
    weir_arena arena;
    weir_view *members;
    size_t n_members;
    size_t *columns; /* of the table, in the members' order; SIZE_MAX: ignored */
    size_t *key;     /* the members that are the table's key, in its order; SIZE_MAX: not there */
    size_t n_columns;
    unsigned number; /* within the table */
} weir_signature;

typedef struct weir_table {
    const weir_table_rule *rule;
    char *name;   /* owned: of the cache */
    char *quoted; /* owned: "schema"."table" */
    bool described, exists;
    bool changed; /* by the open transaction: an abort takes it back */
    bool stale;   /* by somebody else: to be described anew; what was known holds for readers */
    weir_table_column *columns; /* owned */
    size_t n_columns;
    weir_table_key *key; /* owned; in the order of the members' names */
    size_t n_key;
    weir_view version;  /* the driver's, in the arena: of this description */
    weir_view identity; /* what it is called by those that refer to it; in the arena, as these: */
    weir_view *parents; /* tables that its rows refer to by foreign keys */
    size_t n_parents;
    bool referred; /* another one of the store, or it itself, refers to it. Of weir_table_order */
    char *depends; /* owned; a foreign key or a further unique index; NULL: rows are independent */
    weir_signature **signatures; /* owned */
    size_t n_signatures;
    weir_arena arena;        /* of the description */
    weir_arena shape_arena;  /* of the shape */
    const weir_shape *shape; /* of rows to come; NULL: none was told */
    bool may_widen;          /* a shape has been told since a transaction last looked */
    int64_t rows;            /* about so many */
    struct {                 /* any thread reads it */
        atomic_ullong rows, batches, busy_us;
    } written;
    /* the transaction's */
    weir_map
        entries[WEIR_SPACES]; /* ROW: entries of keys (states and rows); MOVE, META: of names */
    struct weir_table_entry *listed; /* of keys: set, and not written yet */
    size_t n_listed;
    int64_t rows_delta;
    uint64_t written_rows, written_batches; /* told once it is committed */
    void *driver;                           /* the driver's own */
} weir_table;

typedef enum weir_table_op {
    WEIR_TABLE_INSERT,
    WEIR_TABLE_UPDATE,
    WEIR_TABLE_POSITION, /* only the position column */
    WEIR_TABLE_DELETE,
} weir_table_op;

/* Soft deletes (the rule's soft_delete): a row that goes stays, with the time in that column and no
 * position. For everything else here it is not there: it is not found, nor met by a page or
 * counted, and an insert takes its place. */

/* What becomes of one row. The texts are those of the columns' input; ptr NULL: NULL. */
typedef struct weir_table_change {
    weir_table_op op;
    weir_view key;                   /* the record's */
    const weir_view *key_values;     /* of table->key */
    const weir_signature *signature; /* of an insert or update */
    const weir_view *values; /* of its columns; those of ignored members are not looked at */
    weir_view old_position, position; /* bytes; old ptr NULL: the column is NULL */
    bool buried; /* an insert or update that a soft delete follows; no driver's concern */
} weir_table_change;

typedef struct weir_side_change {
    weir_view key, old, value; /* old ptr NULL: there was none; value ptr NULL: goes */
} weir_side_change;

/* position ptr NULL: the column is NULL; row ptr NULL: was not asked for. Borrowed for the call. */
typedef weir_status weir_table_found_fn(
    void *ctx, size_t i, weir_view position, weir_view row, weir_error *err);
typedef weir_status weir_side_found_fn(void *ctx, weir_view key, weir_view value, weir_error *err);
/* key: the key's columns as to_json would write them, an object in the order of table->key. */
typedef weir_status weir_table_page_fn(void *ctx, weir_view key, const weir_view *key_values,
    weir_view position, weir_view row, weir_error *err);

/* Errors of all calls: STORE_IO, STORE_FULL (HOLD), TABLE_MOVED (RETRY), TABLE_REFUSED (REJECT),
 * TABLE_SCHEMA, TABLE_DEPENDS (FATAL), OUT_OF_MEMORY. */
typedef struct weir_table_driver {
    const char *type;
    unsigned write_at_once; /* changes of one write call at most … */
    /* … of rows that do not depend on each other: where a call costs nothing they are few, so that
     * what is made of a row is still near when it is written. */
    unsigned write_independent;
    weir_status (*begin)(void *self, weir_error *err);
    weir_status (*commit)(void *self, weir_error *err);
    void (*abort)(void *self);
    /* Waits until no other transaction of this store is open, and keeps others from beginning one;
     * NULL: there are none. */
    weir_status (*exclude)(void *self, weir_error *err);
    /* Waits until no other transaction changes keys of these partitions, ascending; NULL: likewise.
     * A key that is not there cannot be guarded: two owners of one partition, at a rebalance, would
     * leave a row and a delete mark of it. */
    weir_status (*take_partitions)(
        void *self, const char *cache, const int32_t *partitions, size_t n, weir_error *err);
    /* Looks at what was deferred until the commit. NULL: nothing is. */
    weir_status (*check)(void *self, weir_error *err);
    weir_status (*savepoint)(void *self, weir_error *err);
    weir_status (*rollback_to)(void *self, weir_error *err); /* the savepoint stays */

    /* Fills columns, exists, depends; identity and parents, where foreign keys are looked at. */
    weir_status (*describe)(void *self, weir_table *t, weir_error *err);
    /* Is there a unique index on exactly the key's columns? */
    weir_status (*check_key)(void *self, const weir_table *t, bool *unique, weir_error *err);
    /* The names of the primary key's columns: calls fn for each. */
    weir_status (*create)(void *self, const weir_table *t, const weir_shape *shape,
        const weir_view *key_columns, size_t n_key, weir_error *err);
    weir_status (*add_column)(
        void *self, const weir_table *t, const weir_shape_column *column, weir_error *err);
    /* Makes a column's type a wider one (table/table_type.h), once nobody else uses the table. */
    weir_status (*widen)(void *self, const weir_table *t, const weir_table_column *column,
        weir_view type, weir_error *err);
    /* Keeps others from changing the table until the transaction ends; NULL: there are none. */
    weir_status (*lock)(void *self, const weir_table *t, weir_error *err);
    /* Is a column of this type, which is spelled as a user would? */
    weir_status (*is_type)(void *self, const weir_table *t, const weir_table_column *column,
        weir_view type, bool *same, weir_error *err);

    weir_status (*fetch)(void *self, weir_table *t, const weir_view *const *keys, size_t n,
        bool rows, weir_table_found_fn *found, void *ctx, weir_error *err);
    /* *moved: something is not as the changes' old positions say; the transaction is to be aborted.
     */
    weir_status (*write)(void *self, weir_table *t, const weir_table_change *changes, size_t n,
        bool *moved, weir_error *err);
    weir_status (*page)(void *self, weir_table *t, const weir_view *after, bool inclusive,
        unsigned limit, bool rows, weir_table_page_fn *fn, void *ctx, weir_error *err);
    weir_status (*clear)(void *self, weir_table *t, weir_error *err);

    weir_status (*side_fetch)(void *self, const char *cache, weir_space space,
        const weir_view *keys, size_t n, weir_side_found_fn *found, void *ctx, weir_error *err);
    /* unguarded: whatever was there. */
    weir_status (*side_write)(void *self, const char *cache, weir_space space,
        const weir_side_change *changes, size_t n, bool unguarded, bool *moved, weir_error *err);
    weir_status (*side_page)(void *self, const char *cache, weir_space space, weir_view after,
        bool inclusive, unsigned limit, weir_side_found_fn *fn, void *ctx, weir_error *err);
    weir_status (*side_clear)(void *self, const char *cache, weir_space space, weir_error *err);

    /* On connections of their own, committed data only. Thread: any. */
    weir_status (*read)(void *self, const weir_table *t, const weir_view *key_values, weir_buf *to,
        bool *found, weir_error *err);
    weir_status (*side_read)(void *self, const char *cache, weir_space space, weir_view key,
        weir_buf *to, bool *found, weir_error *err);
    uint64_t (*bytes)(void *self);
    weir_status (*count)(void *self, const weir_table *t, int64_t *rows, weir_error *err);
    void (*forget)(void *self, weir_table *t); /* what it keeps in t->driver */
    void (*close)(void *self);
} weir_table_driver;

/* A store over a driver, which it owns from here on, on failure too. shared: several processes
 * write it. */
WEIR_MUST_USE weir_status weir_table_store_open(const weir_table_driver *driver, void *self,
    const weir_table_rule *rules, size_t n_rules, bool shared, weir_store *out, weir_error *err);

/* ---- for drivers --------------------------------------------------------------------------- */

/* "name" with its quotes doubled. */
void weir_sql_quote(weir_buf *to, weir_view name);
void weir_sql_put_name(weir_buf *to, const char *before, const char *name); /* … behind that */
/* 'text' likewise. */
void weir_sql_literal(weir_buf *to, weir_view text);
const weir_table_column *weir_table_column_named(const weir_table *t, weir_view name, size_t *at);
/* Adds a column to a description. False: out of memory. */
bool weir_table_add_column(weir_table *t, weir_table_column column, const char *name,
    const char *type, const char *pg_type);
/* Is this column weir's own, and no part of the row? */
static inline bool weir_table_is_own(const weir_table *t, const char *name)
{
    const weir_table_rule *r = t->rule;
    bool of_place =
        strcmp(name, WEIR_OFFSET_COLUMN) == 0 || strcmp(name, WEIR_PARTITION_COLUMN) == 0;
    return (r->position_column && strcmp(name, r->position_column) == 0) ||
           (r->append && of_place) || (r->soft_delete && strcmp(name, r->soft_delete) == 0);
}
static inline const weir_table_column *weir_table_key_column(const weir_table *t, size_t i)
{
    return &t->columns[t->key[i].column];
}

#endif
