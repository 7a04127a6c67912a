/* weir dlq: what its verbs share. Private to cli/dlq.c and cli/dlq_write.c. */
#ifndef WEIR_CLI_DLQ_H
#define WEIR_CLI_DLQ_H

#include "letter.h"
#include "letter_audit.h"
#include "stretch.h"
#include "words.h"

typedef struct weir_dlq weir_dlq;

/* What is done with a letter that the options name. */
typedef weir_status weir_dlq_fn(
    weir_dlq *d, const char *topic, const weir_raw_record *r, weir_error *err);

struct weir_dlq {
    weir_cli *cli;
    const weir_config *config;
    const char *topic; /* of the letters */
    const char *verb;
    weir_dlq_fn *each;
    /* Which letters: */
    const char *code, *key, *of, *group; /* group: "*" for all */
    int64_t since_ms, before_ms;         /* -1: not given */
    const char *place;                   /* NULL: all that fit */
    weir_cli_place wanted;
    bool all; /* also those that are done with */
    bool any; /* whatever lies at the place, a letter of this application or not */
    /* What with them: */
    int64_t rate, most;
    const char *reason;
    bool raw;                   /* show: the value's bytes alone */
    weir_letter_reader letters; /* show */
    weir_arena arena;           /* of the letter at hand */
    weir_buf out;

    weir_letter_audit audit;
    weir_stretch stretch;
    weir_bar bar;
    uint64_t seen, matched, left, done; /* done: replayed or dropped before */
    uint64_t others, strangers;         /* of other applications; no letters at all */

    /* Of replay and drop: */
    bool writing; /* the second round */
    weir_cli_kafka kafka;
    weir_kafka_writer *writer;
    uint64_t written, gone; /* gone: of a bare letter, its record */
    uint64_t refused;       /* too large for the topic of replays */
};

/* Reads the letters, and calls `each` for those that fit. */
WEIR_MUST_USE weir_status weir_dlq_read(weir_dlq *d, weir_error *err);
/* Bounds reading to the letter at `place`. Exit code. */
int weir_dlq_bind_place(weir_dlq *d, char from[300], char until[300]);
/* What was passed over on stderr, behind what was done: other applications' letters, and records
 * that are none. */
void weir_dlq_say_passed(const weir_dlq *d);

/* dlq_write.c. Exit codes. */
int weir_dlq_replay(weir_dlq *d);
int weir_dlq_drop(weir_dlq *d);

#endif
