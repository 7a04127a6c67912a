/* Recordings: Kafka records as JSON lines, one object a record: topic, partition, offset, timestamp
 * (ms), key and value (base64 or null), headers as [[name, base64 or null], …]
 * (docs/recordings.md). Thread: plain functions over their arguments. */
#ifndef WEIR_FILE_RECORDING_H
#define WEIR_FILE_RECORDING_H

#include "base/arena.h"
#include "cdc/decoder.h"

typedef struct weir_recorded_header {
    weir_view name, value;
} weir_recorded_header;

/* A record that owns its bytes: one allocation, freed by weir_free. raw.headers.self is the record.
 */
typedef struct weir_recorded {
    weir_raw_record raw;
    size_t n_headers;
    weir_recorded_header headers[];
} weir_recorded;

/* Reads one line. `scratch` is reset. Errors: RECORDING_LINE, OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_recording_read(
    weir_view line, weir_arena *scratch, weir_recorded **out, weir_error *err);

/* Appends the record as a line, with its newline. */
void weir_recording_put(weir_buf *to, const weir_raw_record *record);

#endif
