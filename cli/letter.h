/* A dead letter: what its headers say, the record that it was, and that record read and judged as
 * the config has it. Thread: the main thread. */
#ifndef WEIR_CLI_LETTER_H
#define WEIR_CLI_LETTER_H

#include "cdc/event_check.h"
#include "config.h"
#include "service/handlers.h"
#include "validation.h"

#define WEIR_LETTER_COUNT "weir.replay.count"

/* The last header of this name; ptr NULL: there is none. */
weir_view weir_letter_header(const weir_raw_record *letter, const char *name);
int64_t weir_letter_number(const weir_raw_record *letter, const char *name, int64_t otherwise);
/* The record that it was: topic, place, time, without the headers that a letter has more. Borrows
 * the letter. What the headers do not say is -1, or an empty topic. */
weir_raw_record weir_letter_original(const weir_raw_record *letter);

/* By which letters are read; it borrows the config. */
typedef struct weir_letter_reader {
    const weir_config *config;
    weir_arena arena;           /* its own */
    weir_avro_schemas *schemas; /* NULL: the config has no registry */
    weir_validations validations;
    weir_error no_rules; /* status not 0: why the config's schemas cannot be had */
    weir_event_rules rules;
    weir_event_checker *events;
    const weir_type_place *places;
    size_t n_places;
} weir_letter_reader;

typedef enum weir_letter_verdict {
    WEIR_LETTER_NO_SCHEMA, /* none of the config's is for it */
    WEIR_LETTER_FITS,
    WEIR_LETTER_INVALID,
    WEIR_LETTER_UNJUDGED, /* there is one, and `complaint` says why it has no verdict */
} weir_letter_verdict;

/* A letter that was read. */
typedef struct weir_letter {
    const weir_raw_record *record; /* as it stands in the dead-letter topic */
    weir_raw_record original;
    weir_view type;
    const weir_value *key, *value; /* NULL: there is none, or it could not be read */
    weir_error unread;             /* of the value; status WEIR_OK: it was read */
    weir_letter_verdict verdict;
    weir_error complaint; /* where: a JSON pointer into the event or row */
} weir_letter;

/* A schema that cannot be had is no error: letters can be looked at without. Errors: those of
 * weir_registry_of, APP_SETUP, OUT_OF_MEMORY. To be closed in any case. */
WEIR_MUST_USE weir_status weir_letter_reader_open(
    weir_letter_reader *r, const weir_config *config, weir_error *err);
void weir_letter_reader_close(weir_letter_reader *r);
/* Borrows the record; the rest lives in the arena. Errors: OUT_OF_MEMORY; everything else is what
 * the letter says. */
WEIR_MUST_USE weir_status weir_letter_read(weir_letter_reader *r, const weir_raw_record *record,
    weir_arena *arena, weir_letter *out, weir_error *err);

/* For people; and as one object of JSON. Appended. topic: of the dead letters. */
void weir_letter_put_text(weir_buf *to, const char *topic, const weir_letter *l);
void weir_letter_put_json(weir_buf *to, const char *topic, const weir_letter *l);
/* The same for a list: a line, unread. state: what was done about it (letter_audit.h). */
void weir_letter_put_line(
    weir_buf *to, const char *topic, const weir_raw_record *r, const char *state);
void weir_letter_put_json_line(
    weir_buf *to, const char *topic, const weir_raw_record *r, const char *state);

#endif
