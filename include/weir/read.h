/* SPDX-License-Identifier: Apache-2.0
 * <weir/read.h>: typed access to an event or a row, with one sticky error: read on, check once at
 * the end.
 *
 *   weir_reader r = weir_read(m);
 *   weir_view owner = weir_text(&r, "owner"), balance = weir_number(&r, "balance");
 *   if (weir_read_end(&r)) return weir_read_end(&r);
 *
 * After a failure every further call returns an empty value and changes nothing.
 * Names: a member's name, or a JSON Pointer ("/lines/0/sku"). A row's columns are in the row
 * contract (docs/row-contract.md): a numeric is its exact digits, a timestamp ISO text. Owner: the
 * views are the message's: a deferred one's too, until weir_settle. Thread: the handler's, before
 * it defers. Later, or elsewhere, a row and an event that was not read before are READ_TOO_LATE, a
 * REJECT: settled so, the record is a dead letter. */
#ifndef WEIR_READ_H
#define WEIR_READ_H

#include <weir/message.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_reader {
    weir_message *m;
    const void *at;   /* private: the value read from */
    const void *plan; /* private: how its columns are rendered; NULL: as they stand */
    weir_status status;
} weir_reader;

/* The event, or a change's row (`after`). A delete has none: the first access fails. */
WEIR_API weir_reader weir_read(weir_message *m);
/* A change's old row: all of it only with REPLICA IDENTITY FULL. */
WEIR_API weir_reader weir_read_before(weir_message *m);
/* The record's key. */
WEIR_API weir_reader weir_read_key(weir_message *m);

/* Is there such a member (also when it is null)? Never fails. */
WEIR_API bool weir_has(weir_reader *r, const char *name);
/* Is it null? FIELD_MISSING when it is not there. */
WEIR_API bool weir_null(weir_reader *r, const char *name);
/* Errors of all: FIELD_MISSING, FIELD_TYPE, CDC_BAD_VALUE, READ_TOO_LATE; FIELD_PLACEHOLDER for an
 * unchanged TOAST value, which only a cache has. */
WEIR_API weir_view weir_text(weir_reader *r, const char *name);
/* Exact digits: money is never a double. Also of a column that is a number in JSON text form. */
WEIR_API weir_view weir_number(weir_reader *r, const char *name);
/* A whole number, however it is written: 9, 9.0, 1e2. */
WEIR_API int64_t weir_int(weir_reader *r, const char *name);
WEIR_API bool weir_bool(weir_reader *r, const char *name);
/* The member as JSON text, whatever it is. */
WEIR_API weir_view weir_json(weir_reader *r, const char *name);

/* WEIR_OK, or the first failure's class (REJECT), with its path in the message's error. */
WEIR_API WEIR_MUST_USE weir_status weir_read_end(weir_reader *r);

#ifdef __cplusplus
}
#endif
#endif
