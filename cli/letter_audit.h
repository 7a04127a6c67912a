/* What was done about dead letters, for good: Kafka takes no single record out of a topic, so that
 * a letter is done with when a line in the topic <letters>.audit says so. Each line is one object
 * of JSON: when, what, which letter, why or where to, by whom.
 *
 * Thread: the main thread. */
#ifndef WEIR_CLI_LETTER_AUDIT_H
#define WEIR_CLI_LETTER_AUDIT_H

#include "base/buf.h"
#include "base/map.h"
#include "cli.h"
#include "kafka/kafka_writer.h"

typedef enum weir_letter_state {
    WEIR_LETTER_OPEN,
    WEIR_LETTER_REPLAYED,
    WEIR_LETTER_DROPPED,
} weir_letter_state;
const char *weir_letter_state_name(weir_letter_state s);

typedef struct weir_letter_audit {
    const char *letters; /* their topic */
    weir_buf topic;
    weir_map states;  /* of letters that are done with, by place and time */
    weir_buf waiting; /* lines whose letters are handed over */
    size_t n_waiting;
    char by[128]; /* who is asking: user@host */
} weir_letter_audit;

/* Reads what is there; no topic: nothing is done yet. *lines: if not NULL, each line is printed
 * into it. Errors: those of weir_stretch_open and _read. To be closed in any case. */
WEIR_MUST_USE weir_status weir_letter_audit_open(weir_letter_audit *a, const weir_cli *cli,
    const weir_config *config, const char *letters, weir_buf *lines, weir_error *err);
void weir_letter_audit_close(weir_letter_audit *a);

/* A topic of the same name may have been made anew: a letter is one by its place and its time. */
weir_letter_state weir_letter_audit_state(
    const weir_letter_audit *a, const weir_raw_record *letter);

/* Makes the topic where it is missing, and where that can be done; else who writes will say. */
WEIR_MUST_USE weir_status weir_letter_audit_make(
    const weir_letter_audit *a, const weir_cli *cli, const weir_config *config, weir_error *err);
/* Notes it; how: "reason" or "to". It is written by the next settle. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_letter_audit_note(weir_letter_audit *a, weir_letter_state what,
    const weir_raw_record *letter, const char *how, const char *text, weir_error *err);
/* Once what the writer has is delivered, writes the lines; they are delivered with its next flush.
 * So a line is never there before what it tells of. */
WEIR_MUST_USE weir_status weir_letter_audit_settle(
    weir_letter_audit *a, weir_kafka_writer *w, weir_error *err);

#endif
