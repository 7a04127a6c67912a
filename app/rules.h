/* From the config to what sync works by: for one store, its caches, their topics and how each
 * source's records are read. Everything lives in the rules' arena and borrows the config. Thread:
 * immutable once built. */
#ifndef WEIR_APP_RULES_H
#define WEIR_APP_RULES_H

#include "config.h"
#include "sync/sync.h"
#include "validation.h"

typedef struct weir_rules {
    weir_arena arena;
    weir_avro_schemas *schemas; /* NULL: the config has no registry */
    weir_sync_cache *caches;
    size_t n_caches;
    weir_sync_topic *topics;
    size_t n_topics;
    const char **topic_names; /* the same topics, for a source */
    bool *wait_for_topic;     /* by topic: on_missing_topic is wait */
    weir_validations validations;
} weir_rules;

/* The rules of the caches that are kept in this store. Errors: those of weir_registry_of and
 * weir_validations_open. */
WEIR_MUST_USE weir_status weir_rules_build(
    const weir_config *config, const weir_config_store *store, weir_rules *out, weir_error *err);
void weir_rules_fini(weir_rules *r);

/* How one source's records are read; in the arena. schemas: borrowed, NULL: none. keyless: rows
 * without a key are taken. NULL: out of memory. */
const weir_source_rules *weir_source_rules_of(
    const weir_config_source *source, weir_avro_schemas *schemas, bool keyless, weir_arena *arena);
/* What a column is to equal, as JSON has it. ptr NULL: out of memory. */
weir_view weir_condition_json(const weir_config_condition *c, weir_arena *arena);
/* Does an entry of this source take rows without a key? */
bool weir_takes_keyless(const weir_config *config, const weir_config_source *source);

#endif
