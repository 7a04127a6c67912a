/* Avro for check-avro-peers: a question a line on stdin, an answer a line on stdout, in JSON.
 *
 *   {"writer": SCHEMA, "hex": "…"}                       -> {"value": …, "avro_c": true|false}
 *   {"writer": SCHEMA, "reader": SCHEMA, "hex": "…"}     -> {"value": …} resolved
 *   {"reader": SCHEMA, "old": SCHEMA}                    -> {"compatible": true|false}
 *   {"canonical": SCHEMA}                                -> {"canonical": "…", "crc64": "…"}
 *   {"file": PATH, "codec": "…", "writer": SCHEMA, "values": ["hex", …]}      -> {} avro-c has
 * written it or {"error": CODE}. avro_c: does avro-c read the same bytes? */
#include <avro.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/avro_read.h"
#include "schema/avro_write.h"
#include "schema/compat.h"
#include "value/json.h"

static weir_status parse(const weir_value *json, weir_avro_schema **out, weir_error *err)
{
    weir_view text = weir_source(json);
    return weir_avro_schema_parse(&text, 1, out, err);
}

static size_t from_hex(weir_view hex, char *out)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        char two[3] = {hex.ptr[i], hex.ptr[i + 1], '\0'};
        out[i / 2] = (char)strtoul(two, NULL, 16);
    }
    return hex.len / 2;
}

static bool avro_c_reads(weir_view schema, weir_view bytes)
{
    avro_schema_t s;
    if (avro_schema_from_json_length(schema.ptr, schema.len, &s)) {
        return false;
    }
    avro_value_iface_t *face = avro_generic_class_from_schema(s);
    avro_value_t v;
    avro_generic_value_new(face, &v);
    avro_reader_t r = avro_reader_memory(bytes.ptr, (int64_t)bytes.len);
    bool read = !avro_value_read(r, &v);
    avro_reader_free(r);
    avro_value_decref(&v);
    avro_value_iface_decref(face);
    avro_schema_decref(s);
    return read;
}

static weir_status answer_value(
    const weir_value *q, weir_arena *arena, weir_buf *to, weir_error *err)
{
    weir_avro_schema *w = NULL, *r = NULL;
    weir_avro_resolver *resolver = NULL;
    weir_view hex = weir_raw(weir_gets(q, "hex"));
    char *bytes = weir_arena_bytes(arena, hex.len / 2 + 1);
    weir_view data = {bytes, from_hex(hex, bytes)};
    const weir_value *reader = weir_gets(q, "reader"), *v = NULL;
    weir_status s = parse(weir_gets(q, "writer"), &w, err);
    if (!s && reader) {
        s = parse(reader, &r, err);
        s = s ? s : weir_avro_resolver_new(weir_avro_root(r), weir_avro_root(w), &resolver, err);
        s = s ? s : weir_avro_resolver_read(resolver, data, arena, &v, err);
    } else if (!s) {
        s = weir_avro_read(weir_avro_root(w), data, arena, &v, NULL, err);
    }
    if (!s) {
        weir_buf_puts(to, "\"value\":");
        weir_json_put(to, v);
    }
    if (!reader) {
        weir_buf_printf(to, "%s\"avro_c\":%s", s ? "" : ",",
            avro_c_reads(weir_source(weir_gets(q, "writer")), data) ? "true" : "false");
    }
    weir_avro_resolver_free(resolver);
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
    return s;
}

static weir_status answer_compat(const weir_value *q, weir_buf *to, weir_error *err)
{
    weir_avro_schema *r = NULL, *w = NULL;
    weir_compat_report report;
    weir_compat_report_init(&report);
    weir_status s = parse(weir_gets(q, "reader"), &r, err);
    s = s ? s : parse(weir_gets(q, "old"), &w, err);
    s = s ? s : weir_compat_avro(r, w, &report, err);
    weir_buf_printf(to, "\"compatible\":%s", !s && !report.count ? "true" : "false");
    weir_compat_report_fini(&report);
    weir_avro_schema_free(r);
    weir_avro_schema_free(w);
    return s;
}

static weir_status answer_canonical(const weir_value *schema, weir_buf *to, weir_error *err)
{
    weir_avro_schema *s;
    weir_buf text = {0};
    uint64_t crc;
    weir_status st = parse(schema, &s, err);
    if (!st) {
        weir_avro_canonical_put(&text, s);
        st = weir_avro_fingerprint(s, &crc, err);
        weir_buf_puts(to, "\"canonical\":");
        weir_json_put_string(to, weir_buf_view(&text));
        weir_buf_printf(to, ",\"crc64\":\"%016" PRIx64 "\"", crc);
        weir_avro_schema_free(s);
    }
    weir_buf_fini(&text);
    return st;
}

/* avro-c writes an object container file. */
static weir_status write_file(const weir_value *q, weir_arena *arena, weir_error *err)
{
    avro_schema_t s;
    avro_file_writer_t w;
    weir_view schema = weir_source(weir_gets(q, "writer"));
    weir_view path = weir_arena_copy(arena, weir_raw(weir_gets(q, "file")));
    weir_view codec = weir_arena_copy(arena, weir_raw(weir_gets(q, "codec")));
    if (avro_schema_from_json_length(schema.ptr, schema.len, &s)) {
        return weir_fail(err, WEIR_E_AVRO_SCHEMA, "avro-c");
    }
    int failed = avro_file_writer_create_with_codec(path.ptr, s, &w, codec.ptr, 4096);
    bool opened = !failed;
    WEIR_EACH_ITEM(weir_gets(q, "values"), hex)
    {
        char *bytes = weir_arena_bytes(arena, weir_raw(hex).len / 2 + 1);
        failed = failed ||
                 avro_file_writer_append_encoded(w, bytes, (int64_t)from_hex(weir_raw(hex), bytes));
    }
    failed = (opened && avro_file_writer_close(w)) || failed;
    avro_schema_decref(s);
    return failed ? weir_fail(err, WEIR_E_FILE_UNWRITABLE, "avro-c: %s", avro_strerror()) : WEIR_OK;
}

static void answer(weir_view line, weir_arena *arena)
{
    const weir_value *q;
    weir_error err = {.status = WEIR_OK};
    weir_buf to = {0};
    weir_status s = weir_json_read(line, arena, &q, &err);
    weir_buf_putc(&to, '{');
    if (!s) {
        const weir_value *canonical = weir_gets(q, "canonical");
        s = canonical              ? answer_canonical(canonical, &to, &err)
            : weir_gets(q, "file") ? write_file(q, arena, &err)
            : weir_gets(q, "old")  ? answer_compat(q, &to, &err)
                                   : answer_value(q, arena, &to, &err);
    }
    if (s) {
        weir_buf_printf(&to, "%s\"error\":\"%s\"", to.len > 1 ? "," : "", err.code);
    }
    printf("%s}\n", weir_buf_str(&to));
    weir_buf_fini(&to);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    while ((len = getline(&line, &cap, stdin)) > 0) {
        weir_arena_reset(&arena);
        answer(weir_view_make(line, (size_t)len), &arena);
    }
    weir_arena_fini(&arena);
    free(line);
    return 0;
}
