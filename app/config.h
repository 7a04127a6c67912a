/* The configuration: one YAML file, read into plain structs.
 *
 * What keys there are, their types, defaults and meaning is app/config.def; docs/config.md is made
 * from it. Loading reads the text, checks every key, fills in the defaults and lints the whole; all
 * problems of a file are reported, each with its line and column, not only the first.
 *
 * A config is one arena: every pointer in it is borrowed from the config and lives until
 * weir_config_free. Texts are NUL-terminated UTF-8 without NULs inside; an optional text that is
 * not given is NULL. Durations are milliseconds, sizes bytes, whatever unit they were written in.
 *
 * Thread: a config is immutable once loaded; any thread may read. */
#ifndef WEIR_APP_CONFIG_H
#define WEIR_APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "table/table_rule.h"

/* Where something stands in the file: from 1, columns in characters. 0: nowhere, a default. */
typedef struct weir_config_place {
    uint32_t line, column;
} weir_config_place;

/* A mapping of the YAML file; see weir_config_place_of. */
typedef struct weir_config_node weir_config_node;

/* The enums weir_config_connector, weir_config_format, …: one for each CHOICES of config.def, with
 * constants such as WEIR_CONFIG_CONNECTOR_POSTGRESQL. */
#define CHOICES(set)               \
    typedef enum weir_config_##set \
    {
#define CHOICE(constant, spelling) WEIR_CONFIG_##constant,
#define CHOICE_LATER(constant, spelling, meanwhile) WEIR_CONFIG_##constant,
#define CHOICES_END(set) \
    }                    \
    weir_config_##set;
#include "config.def"

typedef struct weir_config_text {
    const char *text;
    weir_config_place place;
} weir_config_text;

typedef struct weir_config_texts {
    weir_config_text *items;
    size_t count;
} weir_config_texts;

typedef struct weir_config_pair {
    const char *name, *value;
    weir_config_place place;
    bool secret; /* the value is not to be shown */
} weir_config_pair;

typedef struct weir_config_pairs {
    weir_config_pair *items;
    size_t count;
} weir_config_pairs;

typedef struct weir_config_column_type {
    const char *table, *column; /* the table as schema.table */
    const char *type;           /* as PostgreSQL's format_type() prints it */
    weir_config_place place;
} weir_config_column_type;

typedef struct weir_config_column_types {
    weir_config_column_type *items;
    size_t count;
} weir_config_column_types;

/* A column must equal a value. A plain YAML null, true, false or number is that; all else is text.
 */
typedef enum weir_config_scalar {
    WEIR_CONFIG_NULL,
    WEIR_CONFIG_TRUE,
    WEIR_CONFIG_FALSE,
    WEIR_CONFIG_NUMBER,
    WEIR_CONFIG_TEXT,
} weir_config_scalar;

typedef struct weir_config_condition {
    const char *column;
    weir_config_scalar kind;
    const char *text; /* a number's digits as written, or the text */
    weir_config_place place;
} weir_config_condition;

typedef struct weir_config_conditions {
    weir_config_condition *items;
    size_t count;
} weir_config_conditions;

/* host NULL: none. An IPv6 address stands without its brackets. */
typedef struct weir_config_address {
    const char *host;
    uint16_t port;
} weir_config_address;

/* In every section `node` is where it was written; NULL when the file does not have it and all of
 * it is defaults. */

typedef struct weir_config_kafka {
    const weir_config_node *node;
    weir_config_pairs properties; /* of librdkafka, in the order of the file, for all clients */
    weir_config_pairs consumer, producer; /* to be set after those, so that they win */
} weir_config_kafka;

typedef struct weir_config_unwrapped {
    const weir_config_node *node; /* NULL: records are envelopes */
    weir_config_delete_mode delete_mode;
    const char *prefix, *header_prefix;
} weir_config_unwrapped;

typedef struct weir_config_modes {
    const weir_config_node *node;
    weir_config_decimal_mode decimal;
    weir_config_time_mode time;
    weir_config_binary_mode binary;
    weir_config_interval_mode interval;
    weir_config_hstore_mode hstore;
} weir_config_modes;

typedef struct weir_config_source {
    const char *name;
    const weir_config_node *node;
    weir_config_connector connector;
    const char *topic_prefix;
    weir_config_format format;
    weir_config_unwrapped unwrapped;
    const char *heartbeat_topic;
    const char *placeholder;
    weir_config_on_position_regress on_position_regress;
    weir_config_on_offsets_lost on_offsets_lost;
    weir_config_on_missing_topic on_missing_topic;
    weir_config_column_types types;
    weir_config_modes modes;
    weir_config_texts full_images; /* schema.table */
    weir_config_pairs topics;      /* schema.table: the topic that its records are in */
} weir_config_source;

typedef struct weir_config_sources {
    weir_config_source *items;
    size_t count;
} weir_config_sources;

typedef struct weir_config_inbox {
    const weir_config_node *node;
    const char *table;
    int64_t keep_ms;
    weir_config_create create;
} weir_config_inbox;

typedef struct weir_config_outbox {
    const weir_config_node *node;
    const char *table;
    int64_t poll_ms;
} weir_config_outbox;

typedef struct weir_config_store {
    const char *name;
    const weir_config_node *node;
    weir_config_store_type type;
    const char *path;                 /* lmdb, sqlite */
    uint64_t map_size;                /* lmdb; bytes */
    weir_config_store_sync sync;      /* lmdb */
    uint64_t max_bytes;               /* memory */
    weir_config_stop_or_hold on_full; /* memory */
    const char *conninfo, *password;  /* postgres */
    weir_config_store_mode mode;      /* postgres */
    uint32_t writers;                 /* postgres; 0: another type. weir_config_writers */
    const char *state_table;          /* postgres, sqlite; and what follows */
    weir_config_migrate migrate;
    weir_config_pairs sql_errors;
    weir_config_inbox inbox;
    weir_config_outbox outbox;

    /* The tables in it, as its driver wants them. */
    weir_table_rule *tables;
    size_t n_tables;
} weir_config_store;

typedef struct weir_config_stores {
    weir_config_store *items;
    size_t count;
} weir_config_stores;

typedef struct weir_config_columns {
    const weir_config_node *node;
    weir_config_texts keep, drop; /* at most one of them has items */
    weir_config_pairs rename;     /* old: new */
    weir_config_pairs cast;       /* column: type; of tables */
} weir_config_columns;

struct weir_config_table;

typedef struct weir_config_cache {
    const char *name;
    const weir_config_node *node;
    const char *from;       /* as written: source.schema.table */
    const char *store_name; /* as written */
    int64_t delete_marks_ms;
    weir_config_columns columns;
    weir_config_conditions where;
    weir_config_on_incomplete on_incomplete;

    /* What `from` and `store` stand for. */
    const weir_config_source *source;
    const char *schema, *table;
    const char *table_name; /* schema.table */
    const char *topic;      /* where the table's records are */
    const weir_config_store *store;
    const struct weir_config_table *as_table; /* NULL: it is a cache */
    const struct weir_config_cache *mould;    /* the entry with a pattern that it was cast from */
} weir_config_cache;

typedef struct weir_config_caches {
    weir_config_cache *items;
    size_t count;
} weir_config_caches;

/* A table of a database: a cache in another form. */
typedef struct weir_config_table {
    const char *name;
    const weir_config_node *node;
    weir_config_cache cache; /* as sync and the commands take it; its store has the table */
    const char *table;       /* name or schema.name, as written */
    weir_config_create create;
    weir_config_on_ddl on_ddl;
    weir_config_texts key;
    weir_config_positions positions;
    const char *position_column;
    const char *soft_delete; /* NULL: rows go */
    weir_config_on_no_key on_no_key;
    weir_config_apply apply;
    weir_config_guard guard;
} weir_config_table;

typedef struct weir_config_tables {
    weir_config_table *items;
    size_t count;
} weir_config_tables;

/* Caches, then tables: all that is followed, but for entries with a pattern (`moulds`), from which
 * one is cast for each table that is there. */
typedef struct weir_config_followed {
    weir_config_cache **items;
    size_t count;
} weir_config_followed;

typedef struct weir_config_validation {
    const weir_config_node *node;
    const char *table; /* as written: source.schema.table; or */
    const char *event; /* a type; or */
    const char *topic;
    const char *schema;  /* a path; or */
    const char *subject; /* of the registry; or */
    bool by_record;
    weir_config_on_invalid on_fail;

    /* What `table` stands for. */
    const weir_config_source *source;
    const char *table_name; /* schema.table */
} weir_config_validation;

typedef struct weir_config_validations {
    weir_config_validation *items;
    size_t count;
} weir_config_validations;

/* A type of events that handlers emit or handle. */
typedef struct weir_config_event {
    const char *name; /* the type */
    const weir_config_node *node;
    const char *topic, *schema;
    weir_config_event_format format;
} weir_config_event;

typedef struct weir_config_events {
    weir_config_event *items;
    size_t count;
} weir_config_events;

typedef struct weir_config_breaker {
    const char *name;
    const weir_config_node *node;
    uint32_t failures;
    int64_t open_ms, max_open_ms;
} weir_config_breaker;

typedef struct weir_config_breakers {
    weir_config_breaker *items;
    size_t count;
} weir_config_breakers;

typedef struct weir_config_retry {
    const weir_config_node *node;
    int64_t backoff_ms, max_backoff_ms;
    uint32_t max_attempts;
} weir_config_retry;

typedef struct weir_config_dead_letter {
    const weir_config_node *node;
    const char *topic, *replay;
    weir_config_stop_or_hold on_unwritable;
} weir_config_dead_letter;

typedef struct weir_config_errors {
    const weir_config_node *node;
    weir_config_retry retry;
    weir_config_on_reject reject;
    weir_config_dead_letter dead_letter;
    weir_config_followers followers;
    const char *parked; /* the topic */
    bool quarantine_key;
} weir_config_errors;

typedef struct weir_config_registry {
    const weir_config_node *node;
    const char *url, *directory; /* one of them */
    const char *username, *password, *ca_file;
    int64_t timeout_ms;
} weir_config_registry;

typedef struct weir_config_deduplicate {
    const weir_config_node *node; /* NULL: nothing is remembered */
    int64_t window_ms;
    uint32_t most;
} weir_config_deduplicate;

typedef struct weir_config_http {
    const weir_config_node *node;
    weir_config_address listen; /* port 0: any free one */
} weir_config_http;

typedef struct weir_config_limits {
    const weir_config_node *node;
    uint32_t lanes; /* 0: one per processor */
    uint64_t in_flight_bytes;
    uint64_t emit_bytes;
    int64_t transaction_ms;
    uint32_t parked_per_key, parked_keys;
    int64_t drain_ms, stuck_after_ms;
} weir_config_limits;

typedef struct weir_config_log {
    const weir_config_node *node;
    weir_config_log_level level;
    weir_config_log_format format;
} weir_config_log;

typedef struct weir_config {
    weir_arena arena; /* owns everything below */
    const char *file; /* the name it was loaded by, for messages */
    const weir_config_node *node;
    uint32_t version;
    const char *name, *instance;
    weir_config_broadcast broadcast;
    weir_config_delivery delivery;
    weir_config_texts event_type;
    weir_config_kafka kafka;
    weir_config_sources sources;
    weir_config_stores stores;
    weir_config_caches caches;
    weir_config_tables tables;
    weir_config_followed followed, moulds;
    weir_config_deduplicate deduplicate;
    weir_config_registry registry;
    weir_config_validations validations;
    weir_config_validations checked; /* those, and what the schemas of `events` come to */
    weir_config_events events;
    weir_config_breakers breakers;
    weir_config_errors errors;
    weir_config_http http;
    weir_config_limits limits;
    weir_config_log log;
    weir_config_texts secrets; /* what must not be printed; see weir_config_redact */
} weir_config;

/* ---- problems ---------------------------------------------------------------------------- */

typedef struct weir_config_problem {
    bool warning;
    weir_code code;
    weir_config_place place;
    char where[128]; /* the path of the key: "caches.orders.store" */
    char text[384];  /* what is wrong, and what to do */
} weir_config_problem;

enum { WEIR_CONFIG_PROBLEMS_KEPT = 100 };

/* In the order of the file. */
typedef struct weir_config_problems {
    weir_config_problem *items; /* owned */
    size_t count;               /* at most WEIR_CONFIG_PROBLEMS_KEPT */
    size_t errors, warnings;    /* all, those that were not kept included */
    bool failed;                /* out of memory: some are missing */
} weir_config_problems;

static inline void weir_config_problems_init(weir_config_problems *p)
{
    *p = (weir_config_problems){0};
}
void weir_config_problems_fini(weir_config_problems *p);

/* Appends "shop.yaml:12:7: error: caches.orders.stor: unknown key; …\n". */
void weir_config_problem_put(const char *file, const weir_config_problem *problem, weir_buf *to);

/* ---- loading ----------------------------------------------------------------------------- */

/* What loading may ask of the outside; NULL where options are taken means the process's own. */
typedef struct weir_config_options {
    /* The value of an environment variable, or NULL. NULL: getenv. */
    const char *(*environment)(void *ctx, const char *name);
    /* The file of a ${file:…}: appends its bytes and returns 0, or returns an errno (EFBIG when
     * there are more than `most`), such as EPERM to refuse. NULL: the file itself. */
    int (*read_file)(void *ctx, const char *path, size_t most, weir_buf *to);
    /* Sections that say whom to reach, and nobody does; ends with NULL. What the environment and
     * the files lack there is no error, and its name stands for it. NULL: all are needed. */
    const char *const *unreached;
    /* Is given what was read, also of a config that is wrong elsewhere; may be NULL. */
    void (*seen)(void *ctx, const weir_config *config);
    void *ctx;             /* for all */
    const char *host_name; /* the default of `instance`; NULL: gethostname */
} weir_config_options;

/* For tests, which reach no broker and no store. */
extern const weir_config_options weir_config_of_test;
/* For what looks into stores, or reads a recording, and asks no broker. */
extern const weir_config_options weir_config_without_kafka;

/* Reads a config from a file, or from memory, where `name` stands for the file in messages. On
 * WEIR_OK *out is the caller's to free, and `problems` (initialised by the caller) may hold
 * warnings. Otherwise *out is NULL, `problems` holds what was found, and *err the first error (its
 * `where` is "file:line:column"). Errors: the CONFIG_ ones of errors.def, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_config_load(const char *path, const weir_config_options *options,
    weir_config **out, weir_config_problems *problems, weir_error *err);
WEIR_MUST_USE weir_status weir_config_parse(weir_view text, const char *name,
    const weir_config_options *options, weir_config **out, weir_config_problems *problems,
    weir_error *err);

void weir_config_free(weir_config *config);

/* ---- asking ------------------------------------------------------------------------------ */

/* Where a section's key has its value; where the section is, when the key is not there; {0, 0} when
 * the section (node NULL) is not there either. For messages about a value that turn up later. */
weir_config_place weir_config_place_of(const weir_config_node *node, const char *key);

/* The spelling of a choice, e.g. weir_config_word(connector, source->connector). */
#define weir_config_word(set, choice) weir_config_##set##_word(choice)
#define CHOICES(set) const char *weir_config_##set##_word(weir_config_##set choice);
#define CHOICE(constant, spelling)
#define CHOICE_LATER(constant, spelling, meanwhile)
#define CHOICES_END(set)
#include "config.def"

/* Do the instances split the partitions between them? Else each holds all of them. */
bool weir_config_store_is_shared(const weir_config_store *store);
/* How many consumers and connections an instance has for the store: 1 where it is not shared. */
unsigned weir_config_writers(const weir_config_store *store);

/* The name that a column of the source has in rows, and whether rows have it at all. */
const char *weir_config_name_in_row(const weir_config_columns *c, const char *column);
bool weir_config_leaves_out(const weir_config_columns *c, const char *column);
bool weir_config_has_text(const weir_config_texts *t, const char *text);
/* NULL when there is none of that name. */
const weir_config_source *weir_config_source_named(const weir_config *config, const char *name);
const weir_config_event *weir_config_event_named(const weir_config *config, const char *type);
const weir_config_store *weir_config_store_named(const weir_config *config, const char *name);
/* A cache, or a table as one. */
const weir_config_cache *weir_config_cache_named(const weir_config *config, const char *name);
/* Does a pattern of tables (`public.order_*`), or a name, fit a table's name (`schema.table`)? */
bool weir_config_matches(const char *pattern, const char *table_name);
/* Casts an entry from each pattern for each table whose records are in one of these topics and that
 * has none. *added: how many. Errors: CONFIG_CONFLICT (two entries for one target), OUT_OF_MEMORY.
 */
WEIR_MUST_USE weir_status weir_config_take_topics(
    weir_config *config, const char *const *topics, size_t n, size_t *added, weir_error *err);
/* Would this topic add one? Thread: any, while none is added. */
bool weir_config_has_news(const weir_config *config, const char *topic);
/* The same for one entry, if it is called ENTRY.schema.table after a pattern that it fits. */
WEIR_MUST_USE weir_status weir_config_take_name(
    weir_config *config, const char *name, weir_error *err);
/* "caches" or "tables": where it stands. */
const char *weir_config_section_of(const weir_config_cache *cache);

/* How the source writes what its JSON alone does not tell. */
weir_column_modes weir_config_column_modes(const weir_config_source *source);

/* ---- printing ---------------------------------------------------------------------------- */

/* Appends the config as YAML with every default filled in and each secret as ***. Without secrets
 * in it, loading the text gives the same config. */
void weir_config_print(const weir_config *config, weir_buf *to);

/* Appends a text with every secret in it replaced by ***, for messages of other libraries. Secrets
 * shorter than 4 bytes are left alone: they would be found everywhere. */
void weir_config_redact(const weir_config *config, weir_view text, weir_buf *to);

#endif
