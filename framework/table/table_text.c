/* JSON to text of columns. See table_text.h. */
#include "table/table_text.h"

#include "value/json.h"

enum { SHOWN = 60 }; /* bytes of a value in a message */

/* An element of an array, or a key or value of an hstore: quoted, so that nothing in it counts. */
static void put_quoted(weir_buf *to, weir_view text)
{
    weir_buf_putc(to, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            weir_buf_putc(to, '\\');
        }
        weir_buf_putc(to, text.ptr[i]);
    }
    weir_buf_putc(to, '"');
}

static void put_quoted_value(weir_buf *to, const weir_value *v, weir_buf *scratch)
{
    weir_buf_clear(scratch);
    if (v->type == WEIR_STRING) {
        weir_string_put(scratch, v);
    } else {
        weir_buf_putv(scratch, weir_source(v));
    }
    put_quoted(to, weir_buf_view(scratch));
    to->failed |= scratch->failed;
}

static void put_hstore(weir_buf *to, const weir_value *v, weir_buf *scratch)
{
    const char *before = "";
    WEIR_EACH_MEMBER(v, name, value)
    {
        weir_buf_puts(to, before);
        put_quoted_value(to, name, scratch);
        weir_buf_puts(to, "=>");
        if (value->type == WEIR_NULL) {
            weir_buf_puts(to, "NULL");
        } else {
            put_quoted_value(to, value, scratch);
        }
        before = ",";
    }
}

static void put_item(weir_buf *to, const weir_value *v, weir_form form, weir_buf *scratch);

static void put_array(weir_buf *to, const weir_value *v, weir_form form, weir_buf *scratch)
{
    const char *before = "{";
    WEIR_EACH_ITEM(v, item)
    {
        weir_buf_puts(to, before);
        put_item(to, item, form, scratch);
        before = ",";
    }
    weir_buf_puts(to, v->len ? "}" : "{}");
}

/* An array within an array is a dimension, but for arrays of JSON, which have only one. */
static void put_item(weir_buf *to, const weir_value *v, weir_form form, weir_buf *scratch)
{
    if (v->type == WEIR_NULL) {
        weir_buf_puts(to, "NULL");
    } else if (form == WEIR_FORM_JSON) {
        put_quoted(to, weir_source(v));
    } else if (v->type == WEIR_ARRAY) {
        put_array(to, v, form, scratch);
    } else if (form == WEIR_FORM_HSTORE && v->type == WEIR_OBJECT) {
        weir_buf inner = {0};
        put_hstore(&inner, v, scratch);
        put_quoted(to, weir_buf_view(&inner));
        to->failed |= inner.failed;
        weir_buf_fini(&inner);
    } else {
        put_quoted_value(to, v, scratch);
    }
}

static weir_status put_built(const weir_table_column *c, const weir_value *v, weir_arena *arena,
    weir_view *text, weir_error *err)
{
    weir_buf to = {0}, scratch = {0};
    if (c->form == WEIR_FORM_ARRAY) {
        put_array(&to, v, c->item, &scratch);
    } else {
        put_hstore(&to, v, &scratch);
    }
    *text = to.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&to));
    weir_buf_fini(&to);
    weir_buf_fini(&scratch);
    return text->ptr ? WEIR_OK : weir_fail_oom(err);
}

static weir_status string_text(const weir_table_column *c, const weir_value *v, weir_arena *arena,
    weir_view *text, weir_error *err)
{
    *text = weir_string(v, arena);
    if (!text->ptr) {
        return weir_fail_oom(err);
    }
    if ((v->flags & WEIR_ESCAPED) && memchr(text->ptr, 0, text->len)) {
        return weir_fail(err, WEIR_E_TABLE_REFUSED,
            "column \"%s\": a character 0x00, which no text of a database holds (SQLSTATE 22021)",
            c->name);
    }
    return WEIR_OK;
}

weir_status weir_table_text(const weir_table_column *c, const weir_value *v, weir_arena *arena,
    weir_view *text, weir_error *err)
{
    *text = (weir_view){NULL, 0};
    bool json = c->form == WEIR_FORM_JSON;
    if (v->type == WEIR_NULL) {
        return WEIR_OK;
    }
    if ((c->form == WEIR_FORM_ARRAY && v->type == WEIR_ARRAY) ||
        (c->form == WEIR_FORM_HSTORE && v->type == WEIR_OBJECT)) {
        return put_built(c, v, arena, text, err);
    }
    if (v->type == WEIR_STRING && !json) {
        return string_text(c, v, arena, text, err);
    }
    *text = weir_source(v);
    return WEIR_OK;
}

weir_status weir_table_check_text(const weir_table_column *c, weir_view text, weir_error *err)
{
    bool holds;
    weir_status st = weir_bound_holds(c->bound, text, &holds, err);
    return st || holds
               ? st
               : weir_fail(err, WEIR_E_TABLE_REFUSED,
                     "column \"%s\" is %s and would keep %.*s as something else: widen it, "
                     "or name its type by `cast`",
                     c->name, c->type, (int)(text.len < SHOWN ? text.len : SHOWN), text.ptr);
}

/* Of an array, each element. */
weir_status weir_table_check(
    const weir_table_column *c, const weir_value *v, weir_arena *arena, weir_error *err)
{
    weir_status st = WEIR_OK;
    if (!c->bound.kind || v->type == WEIR_NULL) {
        return WEIR_OK;
    }
    if (v->type == WEIR_ARRAY) {
        WEIR_EACH_ITEM(v, item)
        {
            st = st ? st : weir_table_check(c, item, arena, err);
        }
        return st;
    }
    weir_view text = v->type == WEIR_STRING ? weir_string(v, arena) : weir_source(v);
    return text.ptr ? weir_table_check_text(c, text, err) : weir_fail_oom(err);
}
