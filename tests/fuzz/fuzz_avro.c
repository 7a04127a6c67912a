/* Fuzzes Avro: the schema parser and the reader. The input is a schema's text, a NUL, and bytes.
 * For any of them:
 *   - the canonical form of a schema is one, and its own canonical form; a schema is compatible
 * with itself; its Connect form is JSON;
 *   - what the reader makes of the bytes, a resolver to the same schema makes, too;
 *   - what the writer makes of the value is read again.
 * A finding is an abort; AddressSanitizer watches the reads (the bytes are a heap block of their
 * size). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/avro_connect.h"
#include "schema/avro_read.h"
#include "schema/avro_write.h"
#include "schema/compat.h"
#include "value/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MOST_MEMORY = 64 << 20 };

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

static bool is_json(const weir_buf *text)
{
    weir_arena arena;
    const weir_value *v;
    weir_arena_init(&arena, 0);
    bool yes = !weir_json_read(weir_buf_view(text), &arena, &v, NULL);
    weir_arena_fini(&arena);
    return yes;
}

static void check_schema(const weir_avro_schema *s)
{
    weir_buf text = {0}, again = {0}, connect = {0};
    weir_avro_schema *canonical;
    weir_compat_report report;
    weir_avro_canonical_put(&text, s);
    weir_view view = weir_buf_view(&text);
    check(!weir_avro_schema_parse(&view, 1, &canonical, NULL), "the canonical form is a schema");
    weir_avro_canonical_put(&again, canonical);
    check(weir_view_eq(view, weir_buf_view(&again)), "it is its own canonical form");
    if (weir_avro_connect_put(&connect, weir_avro_root(s))) {
        check(is_json(&connect), "the Connect form is JSON");
    }
    weir_compat_report_init(&report);
    weir_status st = weir_compat_avro(s, s, &report, NULL);
    check(st || !report.count, "a schema is compatible with itself");
    weir_compat_report_fini(&report);
    weir_avro_schema_free(canonical);
    weir_buf_fini(&text);
    weir_buf_fini(&again);
    weir_buf_fini(&connect);
}

static void check_resolved(const weir_avro_type *t, weir_view bytes, const weir_value *v)
{
    weir_avro_resolver *r;
    weir_arena arena;
    const weir_value *same;
    weir_error err;
    weir_buf a = {0}, b = {0};
    weir_arena_init(&arena, MOST_MEMORY);
    check(!weir_avro_resolver_new(t, t, &r, NULL), "memory");
    weir_status s = weir_avro_resolver_read(r, bytes, &arena, &same, &err);
    if (!s) {
        weir_json_put(&a, v);
        weir_json_put(&b, same);
        check(weir_view_eq(weir_buf_view(&a), weir_buf_view(&b)), "the same value, resolved");
    } else {
        check(strcmp(err.code, "AVRO_RESOLUTION") != 0, "a schema reads what it wrote");
    }
    weir_avro_resolver_free(r);
    weir_arena_fini(&arena);
    weir_buf_fini(&a);
    weir_buf_fini(&b);
}

static void check_written(const weir_avro_type *t, const weir_value *v)
{
    weir_buf bytes = {0};
    weir_arena arena;
    const weir_value *again;
    weir_arena_init(&arena, MOST_MEMORY);
    if (!weir_avro_write(t, v, &bytes, NULL)) {
        check(!weir_avro_read(t, weir_buf_view(&bytes), &arena, &again, NULL, NULL),
            "what was written is read");
    }
    weir_arena_fini(&arena);
    weir_buf_fini(&bytes);
}

static void check_bytes(const weir_avro_type *t, const uint8_t *data, size_t len)
{
    char *exact = malloc(len ? len : 1);
    check(exact != NULL, "memory");
    memcpy(exact, data, len);
    weir_arena arena;
    const weir_value *v;
    weir_view bytes = {exact, len};
    weir_arena_init(&arena, MOST_MEMORY);
    if (!weir_avro_read(t, bytes, &arena, &v, NULL, NULL)) {
        check_resolved(t, bytes, v);
        check_written(t, v);
    }
    weir_arena_fini(&arena);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *end = len ? memchr(data, '\0', len) : NULL;
    size_t text = end ? (size_t)(end - data) : len;
    weir_avro_schema *s;
    weir_view view = {(const char *)data, text};
    if (len && !weir_avro_schema_parse(&view, 1, &s, NULL)) {
        check_schema(s);
        if (end) {
            check_bytes(weir_avro_root(s), end + 1, len - text - 1);
        }
        weir_avro_schema_free(s);
    }
    return 0;
}
