/* Recordings. See recording.h. */
#include "file/recording.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "value/json.h"

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_recorded *r = self;
    if (i >= r->n_headers) {
        return false;
    }
    *name = r->headers[i].name;
    *value = r->headers[i].value;
    return true;
}

static weir_status bad_line(const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_E_RECORDING_LINE, "%s", what);
}

/* A cursor over the record's own block of bytes. */
typedef struct space {
    char *at, *end;
} space;

static size_t room_for(const weir_value *v)
{
    return v && v->type == WEIR_STRING ? v->len + 3 : 1;
}

/* Base64 or null into the block; false: neither. */
static bool take_bytes(space *to, const weir_value *v, weir_view *out)
{
    *out = (weir_view){NULL, 0};
    if (!v || v->type == WEIR_NULL) {
        return true;
    }
    ptrdiff_t n = v->type == WEIR_STRING ? weir_base64_get(weir_raw(v), to->at) : -1;
    if (n < 0) {
        return false;
    }
    *out = (weir_view){to->at, (size_t)n};
    to->at += n;
    return true;
}

static weir_view take_text(space *to, weir_view text)
{
    memcpy(to->at, text.ptr, text.len);
    weir_view out = {to->at, text.len};
    to->at += text.len;
    return out;
}

/* A header is [name, base64 or null]. */
static bool is_header(const weir_value *h)
{
    return weir_is(h, WEIR_ARRAY) && h->len == 2 && weir_child(h)->type == WEIR_STRING;
}

static bool fill_headers(
    weir_recorded *r, const weir_value *headers, space *to, weir_arena *scratch)
{
    if (!headers) {
        return true;
    }
    WEIR_EACH_ITEM(headers, h)
    {
        const weir_value *name = weir_child(h);
        weir_view text = weir_string(name, scratch);
        if (!text.ptr) {
            return false;
        }
        weir_recorded_header *out = &r->headers[r->n_headers];
        out->name = take_text(to, text);
        if (!take_bytes(to, weir_next(name), &out->value)) {
            return false;
        }
        r->n_headers++;
    }
    return true;
}

static weir_status build(
    const weir_value *line, weir_arena *scratch, weir_recorded **out, weir_error *err)
{
    const weir_value *topic = weir_gets(line, "topic"), *key = weir_gets(line, "key"),
                     *value = weir_gets(line, "value"), *headers = weir_gets(line, "headers");
    int64_t partition, offset, timestamp = 0;
    if (!weir_is(topic, WEIR_STRING) || !weir_to_int64(weir_gets(line, "partition"), &partition) ||
        !weir_to_int64(weir_gets(line, "offset"), &offset) || partition < 0 ||
        partition > INT32_MAX || offset < 0) {
        return bad_line("topic, partition or offset is missing or wrong", err);
    }
    weir_to_int64(weir_gets(line, "timestamp"), &timestamp);
    headers = weir_is(headers, WEIR_ARRAY) ? headers : NULL;
    size_t n = headers ? headers->len : 0, bytes = topic->len + room_for(key) + room_for(value);
    if (headers) {
        WEIR_EACH_ITEM(headers, h)
        {
            if (!is_header(h)) {
                return bad_line("a header is not [name, base64 or null]", err);
            }
            bytes += h->span + 3;
        }
    }
    weir_recorded *r = weir_alloc(sizeof *r + n * sizeof r->headers[0] + bytes);
    if (!r) {
        return weir_fail_oom(err);
    }
    space to = {(char *)&r->headers[n], (char *)&r->headers[n] + bytes};
    r->n_headers = 0;
    weir_view name = weir_string(topic, scratch);
    r->raw = (weir_raw_record){.partition = (int32_t)partition,
        .offset = offset,
        .timestamp_ms = timestamp,
        .headers = {header_at, r}};
    r->raw.topic = name.ptr ? take_text(&to, name) : name;
    if (!name.ptr || !take_bytes(&to, key, &r->raw.key) || !take_bytes(&to, value, &r->raw.value) ||
        !fill_headers(r, headers, &to, scratch)) {
        weir_free(r);
        return bad_line("key, value or a header is not base64", err);
    }
    *out = r;
    return WEIR_OK;
}

weir_status weir_recording_read(
    weir_view line, weir_arena *scratch, weir_recorded **out, weir_error *err)
{
    const weir_value *root;
    *out = NULL;
    weir_arena_reset(scratch);
    weir_status s = weir_json_read(line, scratch, &root, err);
    if (s == WEIR_REJECT) {
        char why[160];
        snprintf(why, sizeof why, "%.150s", err ? err->text : "");
        return bad_line(why, err);
    }
    if (s) {
        return s;
    }
    return root->type == WEIR_OBJECT ? build(root, scratch, out, err)
                                     : bad_line("it is no JSON object", err);
}

static void put_bytes(weir_buf *to, weir_view v)
{
    if (!v.ptr) {
        weir_buf_puts(to, "null");
        return;
    }
    weir_buf_putc(to, '"');
    weir_base64_put(to, v);
    weir_buf_putc(to, '"');
}

void weir_recording_put(weir_buf *to, const weir_raw_record *record)
{
    weir_buf_puts(to, "{\"topic\": ");
    weir_json_put_string(to, record->topic);
    weir_buf_printf(to, ", \"partition\": %d, \"offset\": %lld, \"timestamp\": %lld, \"key\": ",
        (int)record->partition, (long long)record->offset, (long long)record->timestamp_ms);
    put_bytes(to, record->key);
    weir_buf_puts(to, ", \"value\": ");
    put_bytes(to, record->value);
    weir_buf_puts(to, ", \"headers\": [");
    weir_view name, value;
    for (size_t i = 0;
         record->headers.at && record->headers.at(record->headers.self, i, &name, &value); i++) {
        weir_buf_puts(to, i ? ", [" : "[");
        weir_json_put_string(to, name);
        weir_buf_puts(to, ", ");
        put_bytes(to, value);
        weir_buf_putc(to, ']');
    }
    weir_buf_puts(to, "]}\n");
}
