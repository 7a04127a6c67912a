/* Parked keys: what the topic of parked records says of them.
 *
 * Where a handler's policy is to park, and a record of a key is rejected, the key is *parked*: its
 * followers are not handled, but copied, in order, to a topic, until an operator decides. The topic
 * is a log of notes; what it says is folded into a book, by an application and by `weir stuck`
 * alike:
 *
 *   open     --parked: a record of the key was rejected-----------> parked
 *   parked   --follower: a copy of a record behind it--> parked
 *            --release, again, reject: an operator's word--> released, rejected
 *   released --done: a follower was handled, or went to the dead letters--> released
 *            --parked: a follower was rejected-----------------------> parked
 *            --last: as done, and none is left---------------------> open
 *
 *   open     --follower: whoever wrote `last` did not know of it-----------> released
 *            --follower, and retention has taken the topic's first notes----> parked
 *
 * Records of a key are done with in the order of their offsets, whoever does it. So what is noted
 * twice, or by a process that had lost the partition and did not know, is known by its offset, and
 * says what is so: that this record, and those before it, were handled or rejected. Only that none
 * is left, which `last` says, such a process cannot know: a copy behind it opens the key's account
 * again.
 *
 * A note's Kafka key is "topic/partition/KEY" ("topic/partition" for records without a key). All of
 * a key are in one partition, in order, also where the topic gets more partitions: which one it is
 * follows from how many there were, which the first note of a key says. A word is about the record
 * that was rejected last, and says so: given about an earlier one, it says nothing.
 *
 * A copy that is too large for the topic is there without its value, and says how much it lacks:
 * the record itself is read again from its own topic. Thread: plain data, its owner guards it. */
#ifndef WEIR_SERVICE_PARKED_H
#define WEIR_SERVICE_PARKED_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "cdc/decoder.h"
#include "service/emitter.h"

#define WEIR_PARKED_PREFIX "weir.parked."

typedef enum weir_note {
    WEIR_NOTE_NONE, /* no note of ours */
    WEIR_NOTE_PARKED,
    WEIR_NOTE_FOLLOWER,
    WEIR_NOTE_DONE,
    WEIR_NOTE_LAST,
    WEIR_NOTE_RELEASE, /* followers are handled */
    WEIR_NOTE_AGAIN,   /* the record that was rejected last, too, before them */
    WEIR_NOTE_REJECT,  /* followers go to the dead letters */
} weir_note;

/* ---- Notes --------------------------------------------------------------------------------------
 */

/* A record of the topic, read. Borrows it. */
typedef struct weir_parked_note {
    weir_note what;
    int64_t offset; /* of the record that it is about; -1: a decision that does not say */
    int64_t time_ms;
    weir_view name; /* "topic/partition/KEY" */
    weir_view topic, key;
    int32_t partition;
    weir_raw_record original; /* of PARKED and FOLLOWER: the record as it was, but for … */
    int64_t lacks;            /* … so many bytes of it; 0: all is there */
    int32_t partitions;       /* PARKED: that its topic had for its writer; 0: it does not say */
} weir_parked_note;

/* False: it is none. The record must outlive the note. */
bool weir_parked_note_read(const weir_raw_record *record, weir_parked_note *out);

typedef struct weir_parked_writing {
    const char *to; /* the topic of parked records */
    weir_note what;
    int64_t time_ms;
    const weir_raw_record
        *record;           /* PARKED and FOLLOWER: copied as a whole; DONE, LAST: its place */
    const weir_error *why; /* PARKED */
    uint32_t attempts;     /* PARKED */
    int64_t lacks;         /* PARKED and FOLLOWER: bytes that the record itself lacks */
    uint32_t place;        /* weir_outgoing */
    int32_t partitions;    /* PARKED; 0: not known */
} weir_parked_writing;

/* In the arena, but for key, value and headers of the record, which are borrowed. NULL: out of
 * memory. */
weir_outgoing *weir_parked_note_make(const weir_parked_writing *w, weir_arena *arena);
/* A note that is too large goes without the value of its record, and without headers of it that are
 * long. Errors: PARKED_REFUSED (it has nothing more to leave out), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_parked_note_strip(
    weir_outgoing *o, weir_arena *arena, weir_error *err);
/* An operator's decision, about the record that was rejected last (-1: whichever that is). NULL:
 * out of memory. */
weir_outgoing *weir_parked_decision_make(const char *to, weir_view name, weir_note what,
    int64_t about, int64_t time_ms, weir_arena *arena);
/* Where notes of a key go, whose first one there is not yet, if there are so many partitions. */
int32_t weir_parked_partition_of(weir_view name, int32_t partitions);

/* ---- The book -----------------------------------------------------------------------------------
 */

typedef enum weir_key_state {
    WEIR_KEY_OPEN,
    WEIR_KEY_PARKED,
    WEIR_KEY_RELEASED,
    WEIR_KEY_REJECTED, /* its followers are */
} weir_key_state;

typedef struct weir_key_standing {
    weir_key_state state;
    int64_t first;  /* the record that was rejected first: notes of those before it are old */
    int64_t parked; /* the one that was rejected last */
    int64_t done;   /* all up to it are done with */
    int64_t copy;   /* all of the key up to it are in the topic, or done with */
} weir_key_standing;

typedef struct weir_parked_key {
    char *topic; /* owned, with `name` behind it */
    int32_t partition;
    weir_view name; /* of its notes … */
    weir_view key;  /* … which ends with it; ptr NULL: of records without one */
    weir_key_standing log;
    int32_t log_partition; /* where its notes are … */
    int64_t log_first;     /* … from which offset on; -1: there is none yet */
    uint64_t followers;    /* copied and not done */
    int64_t lacking;       /* the last copy that is not whole; -1: none */
    int64_t since_ms;      /* of the last rejection: since 1970 */
    uint32_t attempts;
    weir_error why;

    /* Of the application that has its partition (service/parking.h): */
    weir_key_standing own; /* in the assignment … */
    uint64_t own_epoch;    /* … of this epoch; 0: it has it not */
    bool is_refused;       /* the topic does not take its notes, so that nothing can wait */
    int64_t recalled;      /* all copies up to it were … */
    int64_t recall_next;   /* … and what is not is from this offset of the log on … */
    uint32_t round;        /* … in this round: each that ends it begins behind `own.done` again */
    uint32_t under_way;    /* recalled, and in a lane */
    uint64_t session;      /* of recalling, that it is in; 0: none */
    int64_t retry_ms;      /* it is not recalled before */
    struct weir_parked_key *next; /* of a list that somebody makes */
} weir_parked_key;

typedef struct weir_parked_book {
    weir_map keys; /* by the notes' name */
    size_t bytes;  /* about, that its keys take */
    uint32_t most_keys;
    size_t most_bytes;
    bool is_cut; /* the topic's first notes are gone: a key may be parked by one of them */
} weir_parked_book;

void weir_parked_book_init(weir_parked_book *b, uint32_t most_keys);
void weir_parked_book_fini(weir_parked_book *b);

/* Notes what a record of the topic says, however many keys there are; what is no note says nothing.
 * *key is the key that it is about, NULL: it is open. Errors: OUT_OF_MEMORY; nothing has changed
 * then. */
WEIR_MUST_USE weir_status weir_parked_book_take(weir_parked_book *b, const weir_raw_record *record,
    const weir_parked_note *note, weir_parked_key **key, weir_error *err);
weir_parked_key *weir_parked_book_find(const weir_parked_book *b, weir_view name);
/* A key that is parked now, within the limits. There already: that one. keyed: its records have a
 * key. Errors: PARKED_FULL, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_parked_book_add(weir_parked_book *b, weir_view name, weir_view topic,
    int32_t partition, bool keyed, weir_parked_key **out, weir_error *err);
void weir_parked_book_remove(weir_parked_book *b, weir_parked_key *k);
/* The record at the offset is rejected. False: it was done with before, and is noted twice; nothing
 * has changed. */
bool weir_parked_standing_park(weir_key_standing *s, int64_t offset);
/* What of its copies was recalled is not to be handled any more, but behind `own.done` anew. */
void weir_parked_key_rewind(weir_parked_key *k);
/* Appends "topic/partition/KEY". */
void weir_parked_name_put(weir_buf *to, weir_view topic, int32_t partition, weir_view key);

const char *weir_key_state_name(weir_key_state state);

#endif
