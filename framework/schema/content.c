/* contentEncoding, contentMediaType and contentSchema, where they are asserted. */
#include "base/alloc.h"
#include "base/base64.h"
#include "schema/evaluate.h"
#include "value/json.h"

bool weir_run_content(weir_run *r, const weir_content_rule *rule, const weir_value *v);

/* RFC 4648's own alphabet, padded: the decoder takes more. */
static bool is_base64(weir_view text)
{
    size_t padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool digit = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     c == '+' || c == '/';
        padding += c == '=';
        if (!(digit && !padding) && c != '=') {
            return false;
        }
    }
    return text.len % 4 == 0 && padding <= 2;
}

static bool run_json(weir_run *r, const weir_content_rule *rule, weir_view text)
{
    const weir_value *root;
    if (!text.ptr || weir_json_read(text, r->arena, &root, NULL)) {
        if (!text.ptr || r->arena->failed) {
            r->stopped = WEIR_E_OUT_OF_MEMORY;
        }
        return false;
    }
    return rule->block == WEIR_NO_BLOCK || weir_run_block(r, rule->block, root, NULL);
}

bool weir_run_content(weir_run *r, const weir_content_rule *rule, const weir_value *v)
{
    weir_view text = weir_string(v, r->arena);
    if (rule->base64 && text.ptr) {
        if (!is_base64(text)) {
            return false;
        }
        char *bytes = weir_arena_bytes(r->arena, text.len / 4 * 3 + 3);
        ptrdiff_t len = bytes ? weir_base64_get(text, bytes) : 0;
        if (len < 0) {
            return false;
        }
        text = weir_view_make(bytes, (size_t)len);
    }
    if (!text.ptr) {
        r->stopped = WEIR_E_OUT_OF_MEMORY;
        return false;
    }
    return !rule->json || run_json(r, rule, text);
}
