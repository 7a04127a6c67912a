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
    /* Where the broker takes no more: without the value, and without a key and headers of the
     * record that are long. Its place tells where the record is. */
    bool bare;
    int64_t lacks; /* bytes that `record` itself lacks of the one that it was; 0: it is whole */
} weir_dead_letter;

typedef struct weir_dead_letters {
    /* Writes them all and returns when each is safe. HOLD: not now, try again. Thread: any. */
    weir_status (*write)(void *self, const weir_dead_letter *letters, size_t n, weir_error *err);
    void *self;
} weir_dead_letters;

/* In the headers of a bare letter: how many bytes of the record it lacks. */
#define WEIR_DEAD_LETTER_LACKS "weir.dead.lacks"

/* What it has of the record's key and value. Thread: any. */
weir_view weir_dead_letter_key(const weir_dead_letter *d);
weir_view weir_dead_letter_value(const weir_dead_letter *d);
/* The headers of a letter, one after the other: those of its record, then why it is here
 * (docs/services.md). Views live as long as the call of fn. group NULL: "". Thread: any. */
void weir_dead_letter_headers(const weir_dead_letter *d, const char *group, int64_t time_ms,
    void (*fn)(void *ctx, weir_view name, weir_view value), void *ctx);

#endif
