/* Partitions without progress: records of it are open, and its frontier has stood still for long.
 * That need be no fault of the process (a handler may hold a record for hours), so it is no matter
 * of liveness; but somebody wants to know.
 *
 * No lock, no clock: its owner guards it. */
#ifndef WEIR_ENGINE_STALL_H
#define WEIR_ENGINE_STALL_H

#include "engine/engine.h"

typedef struct weir_stall {
    char topic[250];
    int32_t number;
    int64_t frontier, since_ms; /* it has stood there */
    bool open;                  /* records of it are */
    bool stalled;
} weir_stall;

typedef struct weir_stalls {
    weir_stall *items; /* owned: of the partitions that were there at the last look */
    size_t n;
    size_t stalled;
} weir_stalls;

/* Compares the partitions with those of the last look. False: out of memory; nothing has changed.
 */
bool weir_stalls_look(
    weir_stalls *s, const weir_partition_view *views, size_t n, int64_t now_ms, int64_t after_ms);
void weir_stalls_fini(weir_stalls *s);
/* Does one with records stand where it did before since_ms? */
bool weir_stalls_any_stands(const weir_stalls *s, int64_t since_ms);
/* The one that has stood for the longest; NULL: none has. */
const weir_stall *weir_stalls_oldest(const weir_stalls *s);

#endif
