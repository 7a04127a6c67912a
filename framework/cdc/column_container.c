/* Columns made of other values: arrays, hstore, maps, structures, pgvector's vectors.
 *
 * to_json writes arrays and composite values without white space, hstore (a cast of its own to
 * json) with a blank behind each colon and comma, and vectors as their text in quotes. */
#include <stdlib.h>

#include "cdc/column_kind.h"
#include "value/json.h"

/* A type's items are the same for every dimension: int[] may hold arrays of arrays. */
weir_status weir_render_array(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    bool nests = !(c->item->kind->accepts & WEIR_AS_ARRAY);
    char separator = '[';
    WEIR_EACH_ITEM(v, item)
    {
        weir_buf_putc(to, separator);
        separator = ',';
        const weir_column *of = nests && item->type == WEIR_ARRAY ? c : c->item;
        weir_status status = weir_column_render(of, item, scratch, to, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    weir_buf_puts(to, separator == '[' ? "[]" : "]");
    return WEIR_OK;
}

/* ---- maps ------------------------------------------------------------------------------------ */

typedef struct entry {
    weir_view key;
    const weir_value *value;
} entry;

/* hstore's own order: shorter keys first, then by bytes. Debezium's maps have none. */
static int by_key(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    return a->key.len != b->key.len ? (a->key.len < b->key.len ? -1 : 1)
                                    : memcmp(a->key.ptr, b->key.ptr, a->key.len);
}

/* The members with decoded names, sorted; NULL when memory ran out. */
static entry *sorted(const weir_value *object, weir_arena *scratch)
{
    entry *entries = weir_arena_alloc(scratch, (object->len + 1) * sizeof *entries);
    size_t n = 0;
    WEIR_EACH_MEMBER(object, name, value)
    {
        weir_view key = weir_string(name, scratch);
        if (!entries || !key.ptr) {
            return NULL;
        }
        entries[n++] = (entry){key, value};
    }
    if (n > 1) {
        qsort(entries, n, sizeof *entries, by_key);
    }
    return entries;
}

static weir_status render_members(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const entry *entries = sorted(v, scratch);
    if (!entries) {
        return weir_fail_oom(err);
    }
    weir_buf_putc(to, '{');
    for (size_t i = 0; i < v->len; i++) {
        weir_buf_puts(to, i ? ", " : "");
        weir_json_put_string(to, entries[i].key);
        weir_buf_puts(to, ": ");
        weir_status status = weir_column_render(c->item, entries[i].value, scratch, to, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    weir_buf_putc(to, '}');
    return WEIR_OK;
}

weir_status weir_render_map(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return render_members(c, v, scratch, to, err);
}

/* A map of strings, or the same as JSON text (hstore.handling.mode=json). */
weir_status weir_render_hstore(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const weir_value *object = v;
    if (v->type == WEIR_STRING) {
        weir_view text;
        weir_status status = weir_column_json(c, v, scratch, &text, &object, err);
        if (status != WEIR_OK) {
            return status;
        }
        if (object->type != WEIR_OBJECT) {
            return weir_column_refuse(c, v, "not the JSON of an hstore", err);
        }
    }
    return render_members(c, object, scratch, to, err);
}

/* ---- structures ------------------------------------------------------------------------------ */

/* As to_json writes a composite value. */
weir_status weir_render_struct(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    weir_buf_putc(to, '{');
    for (int32_t i = 0; i < c->length; i++) {
        const weir_column *field = &c->item[i];
        weir_buf_puts(to, i ? "," : "");
        weir_json_put_string(to, field->name);
        weir_buf_putc(to, ':');
        weir_status status = weir_column_render(field, weir_get(v, field->name), scratch, to, err);
        if (status != WEIR_OK) {
            return status;
        }
    }
    weir_buf_putc(to, '}');
    return WEIR_OK;
}

/* ---- vectors --------------------------------------------------------------------------------- */

static bool put_element(weir_buf *to, const weir_value *v)
{
    return (v->type == WEIR_INT || v->type == WEIR_NUMBER) && weir_float_put(to, weir_raw(v), true);
}

/* pgvector's elements are floats, and half-precision ones are written as floats too. */
weir_status weir_render_vector(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    const char *separator = "\"[";
    WEIR_EACH_ITEM(v, item)
    {
        weir_buf_puts(to, separator);
        separator = ",";
        if (!put_element(to, item)) {
            return weir_column_refuse(c, item, "not an element of a vector", err);
        }
    }
    weir_buf_puts(to, v->len ? "]\"" : "\"[]\"");
    return WEIR_OK;
}

typedef struct element {
    int64_t index;
    const weir_value *value;
} element;

static int by_index(const void *left, const void *right)
{
    const element *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

/* Connect writes a map whose keys are no strings as pairs: [[1,0.5],[3,2.0]]. An Avro-like producer
 * may have made an object of it: {"1":0.5}. False when it is neither. */
static bool read_elements(const weir_value *map, element *out)
{
    size_t n = 0;
    if (weir_is(map, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(map, name, value)
        {
            out[n].value = value;
            if (!weir_text_to_int64(weir_raw(name), &out[n++].index)) {
                return false;
            }
        }
        return true;
    }
    WEIR_EACH_ITEM(map, pair)
    {
        if (pair->type != WEIR_ARRAY || pair->len != 2 ||
            !weir_to_int64(weir_child(pair), &out[n].index)) {
            return false;
        }
        out[n++].value = weir_next(weir_child(pair));
    }
    return true;
}

/* {"dimensions":5,"vector":[[1,0.5],[3,2.0]]} is "{1:0.5,3:2}/5". */
weir_status weir_render_sparsevec(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const weir_value *map = weir_gets(v, "vector");
    int64_t dimensions;
    if (!weir_to_int64(weir_gets(v, "dimensions"), &dimensions) ||
        !(weir_is(map, WEIR_ARRAY) || weir_is(map, WEIR_OBJECT))) {
        return weir_column_refuse(c, v, "not {dimensions, vector}", err);
    }
    element *elements = weir_arena_alloc(scratch, (map->len + 1) * sizeof *elements);
    if (!elements) {
        return weir_fail_oom(err);
    }
    if (!read_elements(map, elements)) {
        return weir_column_refuse(c, v, "not index and value", err);
    }
    if (map->len > 1) {
        qsort(elements, map->len, sizeof *elements, by_index);
    }
    weir_buf_puts(to, "\"{");
    for (uint32_t i = 0; i < map->len; i++) {
        weir_buf_puts(to, i ? "," : "");
        weir_buf_int(to, elements[i].index);
        weir_buf_putc(to, ':');
        if (!put_element(to, elements[i].value)) {
            return weir_column_refuse(c, elements[i].value, "not an element of a vector", err);
        }
    }
    weir_buf_puts(to, "}/");
    weir_buf_int(to, dimensions);
    weir_buf_putc(to, '"');
    return WEIR_OK;
}
