/* One record run dry: what it says, how each cache would render it, what the store has for its key
 * now, and what the merge rule would do. Nothing is changed: the merge runs over an overlay of the
 * store, which a daemon may be writing meanwhile.
 *
 * Thread: one owner. */
#ifndef WEIR_APP_EXPLAIN_H
#define WEIR_APP_EXPLAIN_H

#include "config.h"
#include "sync/sync.h"

/* What a store has for a key. */
typedef struct weir_key_look {
    bool exists; /* a state: of a row, or a delete mark */
    weir_state state;
    weir_view shown; /* the row as readers see it; ptr NULL: they see none */
} weir_key_look;

typedef struct weir_explained_cache {
    const weir_config_cache *cache;
    weir_error rendering; /* status WEIR_OK: it was rendered */
    weir_change change;
    weir_error store; /* why the store could not be looked into; WEIR_OK: it was */
    int64_t next;     /* offset that the store reads next in this partition; -1: none */
    weir_merge_alarm alarm;
    weir_key_look before, after; /* of the change's key; not of a truncate */
    weir_merge_counters count;   /* what the merge counted */
    bool merged;
} weir_explained_cache;

typedef struct weir_explanation {
    weir_arena arena; /* owns everything below; what is borrowed is the record's and the config's */
    const weir_raw_record *record;
    weir_avro_schemas *schemas;       /* NULL: none */
    const weir_config_source *source; /* whose rules it was read by */
    weir_error decoding;              /* status WEIR_OK: it was decoded */
    weir_event event;
    bool other_table;             /* rows of another table whose topic has the same name */
    weir_explained_cache *caches; /* those that read the topic */
    size_t n_caches;
} weir_explanation;

/* Both outlive the explanation. Errors: OUT_OF_MEMORY, and a store that is damaged. */
WEIR_MUST_USE weir_status weir_explain(const weir_config *config, const weir_raw_record *record,
    weir_explanation *out, weir_error *err);
void weir_explanation_fini(weir_explanation *e);

#endif
