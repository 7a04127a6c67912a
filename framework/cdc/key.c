/* Keys in canonical form: equal keys are equal bytes, whoever wrote them. See decoder.h. */
#include "base/alloc.h"
#include "cdc/decoder.h"
#include "value/json.h"

/* Byte order of the decoded names. */
static int order(const weir_value *a, const weir_value *b, bool *failed)
{
    weir_view x = weir_raw(a), y = weir_raw(b);
    weir_buf decoded[2] = {{0}, {0}};
    if ((a->flags | b->flags) & WEIR_ESCAPED) {
        weir_string_put(&decoded[0], a);
        weir_string_put(&decoded[1], b);
        *failed |= decoded[0].failed || decoded[1].failed;
        x = weir_buf_view(&decoded[0]);
        y = weir_buf_view(&decoded[1]);
    }
    int common = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    int result = common ? common : (x.len > y.len) - (x.len < y.len);
    weir_buf_fini(&decoded[0]);
    weir_buf_fini(&decoded[1]);
    return result;
}

static void put(weir_buf *to, const weir_value *v);

static void put_member(weir_buf *to, const weir_value *name, char before)
{
    weir_buf_putc(to, before);
    weir_json_put(to, name);
    weir_buf_putc(to, ':');
    put(to, weir_next(name));
}

/* A heap: sorts whatever an adversary sends in n log n, in place. */
static void sift(const weir_value **names, size_t root, size_t count, bool *failed)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && order(names[child], names[child + 1], failed) < 0) {
            child++;
        }
        if (order(names[root], names[child], failed) >= 0) {
            return;
        }
        const weir_value *swap = names[root];
        names[root] = names[child];
        names[child] = swap;
    }
}

static void sort(const weir_value **names, size_t count, bool *failed)
{
    for (size_t root = count / 2; root-- > 0;) {
        sift(names, root, count, failed);
    }
    for (size_t last = count; last-- > 1;) {
        const weir_value *largest = names[0];
        names[0] = names[last];
        names[last] = largest;
        sift(names, 0, last, failed);
    }
}

static bool is_sorted(const weir_value *object, bool *failed)
{
    const weir_value *last = NULL;
    WEIR_EACH_MEMBER(object, name, value)
    {
        if (last && order(last, name, failed) > 0) {
            return false;
        }
        last = name;
    }
    return true;
}

static void put_sorted(weir_buf *to, const weir_value *object)
{
    const weir_value **names = weir_calloc(object->len, sizeof *names);
    if (!names) {
        to->failed = true;
        return;
    }
    size_t n = 0;
    WEIR_EACH_MEMBER(object, name, value)
    {
        names[n++] = name;
    }
    sort(names, n, &to->failed);
    for (size_t i = 0; i < n; i++) {
        put_member(to, names[i], i ? ',' : '{');
    }
    weir_free(names);
}

static void put_object(weir_buf *to, const weir_value *object)
{
    if (!is_sorted(object, &to->failed)) {
        put_sorted(to, object);
    } else {
        char before = '{';
        WEIR_EACH_MEMBER(object, name, value)
        {
            put_member(to, name, before);
            before = ',';
        }
    }
    weir_buf_puts(to, object->len ? "}" : "{}");
}

/* Depth is bounded by the reader's. */
static void put(weir_buf *to, const weir_value *v)
{
    if (v->type == WEIR_OBJECT) {
        put_object(to, v);
    } else if (v->type == WEIR_ARRAY) {
        char before = '[';
        WEIR_EACH_ITEM(v, item)
        {
            weir_buf_putc(to, before);
            put(to, item);
            before = ',';
        }
        weir_buf_puts(to, v->len ? "]" : "[]");
    } else {
        weir_json_put(to, v);
    }
}

void weir_key_put(weir_buf *to, const weir_value *key)
{
    put(to, key);
}
