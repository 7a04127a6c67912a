/* Does a key look like those of a table? See key_like.h. */
#include "cdc/key_like.h"

static bool is_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER;
}

/* A text never stands where the table's keys have a number, nor the other way round. */
static bool fits(const weir_value *stored, const weir_value *written)
{
    return is_number(stored)              ? is_number(written)
           : weir_is(stored, WEIR_STRING) ? weir_is(written, WEIR_STRING)
                                          : true;
}

const char *weir_key_unlike(const weir_value *key, const weir_value *written)
{
    if (!weir_is(key, WEIR_OBJECT)) {
        return NULL;
    }
    bool same = weir_is(written, WEIR_OBJECT) && written->len == key->len, fit = true;
    WEIR_EACH_MEMBER(key, name, stored)
    {
        const weir_value *other = same ? weir_get(written, weir_raw(name)) : NULL;
        same = same && other;
        fit = fit && other && fits(stored, other);
    }
    return !same ? "has other columns than the key" : !fit ? "has a value of another type" : NULL;
}

void weir_key_put_like(weir_buf *to, const weir_value *key)
{
    size_t start = to->len;
    WEIR_EACH_MEMBER(key, name, value)
    {
        weir_buf_puts(to, to->len > start ? ",\"" : "{\"");
        weir_string_put(to, name);
        weir_buf_puts(to, is_number(value) ? "\":NUMBER" : "\":\"…\"");
    }
    weir_buf_putc(to, '}');
}
