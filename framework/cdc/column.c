/* Columns: the table of kinds, and the kinds that are nearly themselves on the wire. See column.h.
 */
#include "cdc/column.h"

#include "cdc/column_kind.h"
#include "value/json.h"

static const weir_column_kind kinds[WEIR_KIND_COUNT] = {
#define X(id, name, render, accepts, scale) \
    [WEIR_KIND_##id] = {WEIR_KIND_##id, WEIR_SCALE_##scale, accepts, name, render},
    WEIR_COLUMN_KINDS(X)
#undef X
};

const weir_column_kind *weir_column_kind_of(weir_kind id)
{
    return &kinds[id];
}

weir_status weir_column_refuse(
    const weir_column *c, const weir_value *v, const char *why, weir_error *err)
{
    enum { SHOWN = 48 };
    bool container = v->type == WEIR_ARRAY || v->type == WEIR_OBJECT;
    weir_view text = v->type == WEIR_BYTES ? weir_view_of("bytes")
                     : container           ? weir_source(v)
                                           : weir_raw(v);
    size_t len = text.len < SHOWN ? text.len : SHOWN;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) {
        len--; /* do not show half a character */
    }
    return weir_fail(err, WEIR_E_CDC_BAD_VALUE, "column \"%.*s\" (%s): %s; met %.*s%s",
        WEIR_ARG(c->name), c->kind->name, why, (int)len, text.ptr, len < text.len ? "…" : "");
}

weir_status weir_column_render(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (!v || v->type == WEIR_NULL) {
        weir_buf_put(to, "null", 4);
        return WEIR_OK;
    }
    if (!(c->kind->accepts & 1U << v->type)) {
        return weir_column_refuse(c, v, "not a form of this type", err);
    }
    return c->kind->render(c, v, scratch, to, err);
}

weir_status weir_render_raw(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)c, (void)scratch, (void)err;
    weir_json_put(to, v);
    return WEIR_OK;
}

/* MySQL's tinyint(1) arrives as an integer. */
weir_status weir_render_boolean(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)c, (void)scratch, (void)err;
    bool yes = v->type == WEIR_BOOL ? v->flags & WEIR_TRUE : !weir_view_is(weir_raw(v), "0");
    weir_buf_puts(to, yes ? "true" : "false");
    return WEIR_OK;
}

weir_status weir_render_integer(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)c, (void)scratch, (void)err;
    weir_buf_putv(to, weir_raw(v));
    return WEIR_OK;
}

/* to_json quotes every number that is not of a numeric type: oid, xid and their like. */
weir_status weir_render_oid(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (v->type == WEIR_STRING) {
        return weir_render_text(c, v, scratch, to, err);
    }
    weir_buf_putc(to, '"');
    weir_buf_putv(to, weir_raw(v));
    weir_buf_putc(to, '"');
    return WEIR_OK;
}

weir_status weir_render_text(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)c;
    weir_view text = weir_string(v, scratch);
    if (!text.ptr) {
        return weir_fail_oom(err);
    }
    weir_json_put_string(to, text);
    return WEIR_OK;
}

weir_status weir_column_json(const weir_column *c, const weir_value *v, weir_arena *scratch,
    weir_view *text, const weir_value **document, weir_error *err)
{
    *text = weir_string(v, scratch);
    if (!text->ptr) {
        return weir_fail_oom(err);
    }
    weir_error why;
    weir_status status = weir_json_read(*text, scratch, document, &why);
    if (status != WEIR_OK && strncmp(why.code, "JSON_", 5) == 0) {
        return weir_column_refuse(c, v, why.text, err);
    }
    if (status != WEIR_OK && err) {
        *err = why;
    }
    return status;
}

/* to_json embeds the text of a json column as it stands, white space and all. A producer that has
 * expanded it into the record (ExpandJSON) sends no string. */
weir_status weir_render_json(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (v->type != WEIR_STRING) {
        weir_json_put(to, v);
        return WEIR_OK;
    }
    weir_view text;
    const weir_value *document;
    weir_status status = weir_column_json(c, v, scratch, &text, &document, err);
    if (status == WEIR_OK) {
        weir_buf_putv(to, text);
    }
    return status;
}
