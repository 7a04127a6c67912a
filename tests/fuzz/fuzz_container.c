/* Fuzzes Avro's object container files: any bytes end in values or in errors, whatever their codec;
 * what is read of a value is as long as it says. A finding is an abort; AddressSanitizer watches
 * the reads (the bytes are a heap block of their size). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file/avro_container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST_VALUES = 1000 };

static void walk(weir_avro_container *c)
{
    weir_arena arena;
    weir_arena_init(&arena, 16 << 20);
    bool more = true;
    for (int i = 0; more && i < MOST_VALUES; i++) {
        weir_view bytes = {"", 0};
        const weir_value *value;
        weir_arena_reset(&arena);
        if (!weir_avro_container_next(c, &arena, &bytes, &value, &more, NULL) && more &&
            bytes.len > c->block.len) {
            abort();
        }
    }
    weir_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *exact = malloc(len ? len : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, data, len);
    weir_avro_container c;
    if (!weir_avro_container_open(&c, (weir_view){exact, len}, NULL)) {
        walk(&c);
    }
    weir_avro_container_close(&c);
    free(exact);
    return 0;
}
