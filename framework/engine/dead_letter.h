/* The dead-letter port: where records go that can never succeed. Implementations: connectors/kafka
 * (a topic), connectors/file (a recording), and the simulator's. */
#ifndef WEIR_ENGINE_DEAD_LETTER_H
#define WEIR_ENGINE_DEAD_LETTER_H

#include "base/err.h"
#include "cdc/decoder.h"

typedef struct weir_dead_letter {
    const weir_raw_record *record; /* original bytes and headers are kept */
    weir_error error;
    uint32_t attempts;
    const char *topic; /* NULL: where all go */
} weir_dead_letter;

typedef struct weir_dead_letters {
    /* Writes them all and returns when each is safe. HOLD: not now, try again. Thread: any. */
    weir_status (*write)(void *self, const weir_dead_letter *letters, size_t n, weir_error *err);
    void *self;
} weir_dead_letters;

#endif
