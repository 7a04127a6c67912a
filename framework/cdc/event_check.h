/* Events against schemas, before they are handled; also what an emit will ask before it leaves.
 *
 * A rule is for events of a type or for all of a topic; the type's wins. Its schema is given (JSON
 * Schema or Avro, whichever way the event is written: schema/judge.h), is a subject's latest, which
 * is asked for when the first event needs it, or is the one that the record itself names in a
 * registry. An event without a value has nothing to be judged.
 *
 * Thread: a rule is shared, its counts are atomic; a checker has one owner at a time (a lane). */
#ifndef WEIR_CDC_EVENT_CHECK_H
#define WEIR_CDC_EVENT_CHECK_H

#include <pthread.h>

#include "cdc/invalid.h"
#include "schema/judge.h"

/* Borrowed, outlives the checkers. */
typedef struct weir_event_rule {
    const char *event, *topic;     /* one of them */
    const weir_any_schema *schema; /* NULL: the subject's; or by what the record names */
    const char *subject;           /* NULL: none */
    const char *name;              /* of the schema, for messages; NULL with it */
    weir_on_invalid on_fail;
    atomic_ullong *invalid; /* how many did not fit */
} weir_event_rule;

typedef struct weir_event_rules {
    const weir_event_rule *items;
    size_t count;
    weir_avro_schemas
        *schemas; /* of the registry that records name theirs by; NULL: none is known */
    const weir_log *log;
    const char *who; /* in log lines */
} weir_event_rules;

typedef struct weir_event_checker weir_event_checker;

/* Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_event_checker_new(
    const weir_event_rules *rules, weir_event_checker **out, weir_error *err);
void weir_event_checker_free(weir_event_checker *c);

/* Reads the record's value, *value (NULL: it has none), and judges it by the rule for the type or
 * the topic, if there is one. `again`: it was judged before, and is neither counted nor logged.
 * Errors: EVENT_INVALID (REJECT, or FATAL where the rule says stop; err->where is a JSON pointer
 * into the event, or a place in its bytes), JSON_*, AVRO_*, CDC_AVRO and REGISTRY_* of a record
 * without a rule, REGISTRY_UNREACHABLE; FATAL: what a subject's schema fails with; OUT_OF_MEMORY.
 */
WEIR_MUST_USE weir_status weir_event_check(weir_event_checker *c, const weir_raw_record *record,
    weir_view type, bool again, weir_arena *arena, const weir_value **value, weir_error *err);

/* Asks the registry for what a check of the record would ask it for, so that the check asks for
 * nothing: for a checker that several threads share by a lock, which is not held meanwhile. Errors:
 * as those of a check, where they are the registry's. */
WEIR_MUST_USE weir_status weir_event_ask(weir_event_checker *c, pthread_mutex_t *lock,
    const weir_raw_record *record, weir_view type, weir_error *err);

/* Is there a rule for it? */
bool weir_event_has_rule(const weir_event_checker *c, weir_view type, weir_view topic);
/* Reads a key or a value that no rule is for: JSON, or Avro by the schema that it names. */
WEIR_MUST_USE weir_status weir_event_read(weir_event_checker *c, const weir_raw_record *record,
    bool of_key, weir_arena *arena, const weir_value **value, weir_error *err);

#endif
