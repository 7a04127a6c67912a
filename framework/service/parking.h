/* Parking: which keys of an application are parked, and what becomes of their records. See parked.h
 * for what the topic says; here that is read, kept up to date, and acted on.
 *
 * An instance reads the whole topic from its beginning and knows all parked keys; it acts on those
 * of the partitions that it has. What it writes itself counts at once, in the *own standing* of a
 * key, which is ahead of what was read, and is given up with the assignment that it was made in.
 *
 * Invariants
 *  1. No record of an assignment is handled before everything was read that had been written when
 *     the assignment came: what an owner before it has noted is known.
 *  2. A record of a key that is parked, or whose copies are not done with, is not handled but
 *     copied; or it is there already.
 *  3. A key's recalled copies are handled in order, each once it was found not to be done.
 *  4. A released key with nothing in its lane is recalled as long as there is memory, whatever
 *     others have in theirs: one that is held or slow keeps no other from going on.
 *
 * Lock: `lock` guards the book and all that follows from it; held while the engine is asked
 * (engine.h's locks are taken inside of it, never the other way round). Thread: one drives
 * weir_parking_step; lanes ask. */
#ifndef WEIR_SERVICE_PARKING_H
#define WEIR_SERVICE_PARKING_H

#include "base/log.h"
#include "engine/engine.h"
#include "service/parked.h"
#include "service/parked_log.h"

enum { WEIR_PARKING_MOST_PARTITIONS = 1024 };

/* Borrowed, outlives the parking. */
typedef struct weir_parking_options {
    const char *topic; /* of parked records */
    weir_parked_log log;
    uint32_t most_keys;
    unsigned recall_records; /* at once, beside one of each key; 0: 256 */
    const char *name;        /* in the log */
    const weir_log *to_log;
} weir_parking_options;

typedef struct weir_parking weir_parking;

WEIR_MUST_USE weir_status weir_parking_new(
    const weir_parking_options *options, weir_parking **out, weir_error *err);
/* Nobody drives it any more. NULL is allowed. */
void weir_parking_free(weir_parking *p);
void weir_parking_attach(weir_parking *p, weir_engine *e);
const char *weir_parking_topic(const weir_parking *p);

/* Reads on, and recalls what may be; waits at most wait_ms for something new. *did (or NULL): there
 * was something. Errors: those that end the application. */
WEIR_MUST_USE weir_status weir_parking_step(
    weir_parking *p, int64_t now_ms, int wait_ms, bool *did, weir_error *err);

/* ---- For lanes ----------------------------------------------------------------------------------
 */

typedef enum weir_parking_gate {
    WEIR_GATE_HANDLE,
    WEIR_GATE_WAIT,    /* it is not known yet whether its key is parked */
    WEIR_GATE_COPY,    /* its key is: to be copied */
    WEIR_GATE_COPIED,  /* it was: to be settled */
    WEIR_GATE_REFUSED, /* its key is, and cannot be noted: to go to the dead letters */
    WEIR_GATE_REJECT,  /* recalled, to go to the dead letters */
    WEIR_GATE_OPEN,    /* recalled, and stands for no record: its key is to be opened */
    WEIR_GATE_NOT_NOW, /* recalled in vain: to be dropped */
} weir_parking_gate;

/* What is to be done with a record that has come to its turn. */
weir_parking_gate weir_parking_ask(weir_parking *p, const weir_record *r);
/* Where a note of the record's key goes (weir_outgoing.place), and how many partitions that is made
 * of; 0: it is not known yet. */
uint32_t weir_parking_place(weir_parking *p, const weir_record *r, int32_t *partitions);
/* It is rejected: its key is parked from now on. Errors: PARKED_FULL, OUT_OF_MEMORY; nothing has
 * changed then. */
WEIR_MUST_USE weir_status weir_parking_park(weir_parking *p, const weir_record *r, weir_error *err);
/* The topic does not take a note of its key, which was parked: as long as this process has the
 * partition, what comes of the key is not handled, and cannot wait. now_ms: since 1970. */
void weir_parking_refuse(
    weir_parking *p, const weir_record *r, const weir_error *why, int64_t now_ms);
/* Its copy is in the topic, or on its way in order. */
void weir_parking_copied(weir_parking *p, const weir_record *r);
/* A recalled record is done with, and its note is about to leave. *last: it was the last one of its
 * key, which is open from now on. False: its assignment has ended, and nothing is to be noted. */
bool weir_parking_done(weir_parking *p, const weir_record *r, bool *last);
/* A recalled record leaves its lane. */
void weir_parking_left(weir_parking *p, const weir_record *r);

/* ---- For those who look. Thread: any ------------------------------------------------------------
 */

typedef struct weir_parked_view {
    char topic[250], key[128];
    int32_t partition;
    weir_key_state state;
    int64_t since_ms; /* 1970 */
    uint64_t followers;
    weir_error why;
} weir_parked_view;

typedef struct weir_parking_figures {
    uint64_t keys; /* all of the application's; as far as was read */
    uint64_t followers;
    bool known;         /* all that was written when the partitions came is read */
    weir_error trouble; /* of reading; status WEIR_OK: none */
} weir_parking_figures;
weir_parking_figures weir_parking_look(weir_parking *p);
/* Are keys parked (KEY_PARKED), or is it not known (PARKED_UNREADABLE)? *why says so. */
bool weir_parking_unwell(weir_parking *p, weir_error *why);
/* Fills at most max; returns how many it filled. */
size_t weir_parking_views(weir_parking *p, weir_parked_view *out, size_t max);

#endif
