/* Fuzzes what a registry answers: any bytes end in texts or in an error. References are answered
 * with the same bytes, so that circles and trees of them come up. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry/registry_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static weir_status ask(void *ctx, weir_view subject, int64_t version, weir_arena *arena,
    weir_view *answer, weir_error *err)
{
    (void)subject, (void)version, (void)arena, (void)err;
    *answer = *(const weir_view *)ctx;
    return WEIR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *exact = malloc(len ? len : 1);
    if (!exact) {
        abort();
    }
    memcpy(exact, data, len);
    weir_view answer = {exact, len};
    weir_arena arena;
    weir_registered out = {.count = 0};
    weir_arena_init(&arena, 64 << 20);
    if (!weir_registry_answer_read(answer, ask, &answer, &arena, &out, NULL)) {
        weir_avro_schema *s;
        if (!weir_avro_schema_parse(out.texts, out.count, &s, NULL)) {
            weir_avro_schema_free(s);
        }
    }
    weir_arena_fini(&arena);
    free(exact);
    return 0;
}
