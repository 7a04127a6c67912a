/* Rows as JSON text. See row.h. */
#include "cdc/row.h"

#include "value/json.h"
#include "value/value.h"

static weir_status read_own(weir_view text, weir_value_type type, weir_arena *scratch,
    const weir_value **out, weir_error *err)
{
    *out = NULL;
    if (!text.len) {
        return WEIR_OK;
    }
    weir_status s = weir_json_read(text, scratch, out, err);
    if (s == WEIR_REJECT || (s == WEIR_OK && (*out)->type != type)) {
        return weir_fail(err, WEIR_E_STORE_BROKEN, "a stored row is not JSON: %.*s",
            (int)(text.len > 80 ? 80 : text.len), text.ptr);
    }
    return s;
}

static bool contains(const weir_value *names, const weir_value *name)
{
    if (names) {
        WEIR_EACH_ITEM(names, n)
        {
            if (weir_view_eq(weir_raw(n), weir_raw(name))) {
                return true;
            }
        }
    }
    return false;
}

static const weir_value *member(const weir_value *row, const weir_value *wanted)
{
    if (row) {
        WEIR_EACH_MEMBER(row, name, value)
        {
            if (name->hash == wanted->hash && weir_view_eq(weir_raw(name), weir_raw(wanted))) {
                return value;
            }
        }
    }
    return NULL;
}

weir_status weir_row_fill(weir_view row, weir_view missing, weir_view base, weir_view base_missing,
    weir_arena *scratch, weir_buf *row_to, weir_buf *missing_to, weir_error *err)
{
    const weir_value *r, *m, *b, *bm;
    weir_status s = read_own(row, WEIR_OBJECT, scratch, &r, err);
    s = s ? s : read_own(missing, WEIR_ARRAY, scratch, &m, err);
    s = s ? s : read_own(base, WEIR_OBJECT, scratch, &b, err);
    s = s ? s : read_own(base_missing, WEIR_ARRAY, scratch, &bm, err);
    if (s || !r) {
        return s;
    }
    const char *from = row.ptr; /* what lies between the gaps is copied as it is */
    size_t missing_at = missing_to->len;
    WEIR_EACH_MEMBER(r, name, value)
    {
        if (!contains(m, name)) {
            continue;
        }
        const weir_value *have = contains(bm, name) ? NULL : member(b, name);
        if (have) {
            weir_view gap = weir_source(value);
            weir_buf_put(row_to, from, (size_t)(gap.ptr - from));
            weir_buf_putv(row_to, weir_source(have));
            from = gap.ptr + gap.len;
        } else {
            weir_buf_putc(missing_to, missing_to->len == missing_at ? '[' : ',');
            weir_buf_putv(missing_to, weir_source(name));
        }
    }
    weir_buf_put(row_to, from, (size_t)(row.ptr + row.len - from));
    if (missing_to->len != missing_at) {
        weir_buf_putc(missing_to, ']');
    }
    return row_to->failed || missing_to->failed ? weir_fail_oom(err) : WEIR_OK;
}
