/* Documents. See document.h. */
#include "cdc/document.h"

#include "cdc/fields.h"
#include "value/json.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

bool weir_document_may_be_block(weir_view text)
{
    static const weir_view name = {"\"schema\"", 8};
    const char *at = text.ptr, *end = text.ptr + text.len;
    if (at < end && *at == '{') {
        at++;
    }
    while (at < end && is_space(*at)) {
        at++;
    }
    return weir_begins(weir_view_make(at, (size_t)(end - at)), name);
}

/* Behind a known prefix there must be one value and a closing brace. What is anything else is not
 * refused here: read as a whole, it is told better what is wrong. */
static bool read_known(
    weir_known_schemas *known, weir_view text, weir_arena *arena, weir_document *out)
{
    weir_known_schema *s = weir_known_schema_match(known, text);
    if (!s) {
        return false;
    }
    weir_view rest = {text.ptr + s->prefix.len, text.len - s->prefix.len};
    while (rest.len && is_space(rest.ptr[rest.len - 1])) {
        rest.len--;
    }
    if (!rest.len || rest.ptr[rest.len - 1] != '}') {
        return false;
    }
    rest.len--;
    if (weir_json_read(rest, arena, &out->payload, NULL)) {
        return false;
    }
    out->known = s;
    return true;
}

void weir_document_unwrap(const weir_value *value, weir_document *out)
{
    *out = (weir_document){.payload = value, .prefix = {"", 0}};
    if (!weir_is(value, WEIR_OBJECT) || value->len != 2) {
        return;
    }
    const weir_value *schema = weir_gets(value, "schema");
    const weir_value *payload = weir_gets(value, "payload");
    if (!payload || !schema || (schema->type != WEIR_OBJECT && schema->type != WEIR_NULL)) {
        return;
    }
    out->payload = payload;
    if (schema->type == WEIR_NULL) {
        return;
    }
    out->schema = schema;
    const char *start = value->at, *payload_at = weir_source(payload).ptr;
    if (payload_at > schema->at) {
        out->prefix = weir_view_make(start, (size_t)(payload_at - start));
    }
}

weir_status weir_document_read(weir_known_schemas *known, weir_view text, weir_arena *arena,
    weir_document *out, weir_error *err)
{
    *out = (weir_document){.prefix = {"", 0}};
    if (known && read_known(known, text, arena, out)) {
        return WEIR_OK;
    }
    const weir_value *root;
    weir_status s = weir_json_read(text, arena, &root, err);
    if (s) {
        return s;
    }
    weir_document_unwrap(root, out);
    if (weir_source(root).ptr != text.ptr) {
        out->prefix = weir_view_make("", 0);
    }
    return WEIR_OK;
}
