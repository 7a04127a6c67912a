/* Names that are there twice. See json_names.h. */
#include "value/json_names.h"

#include "base/alloc.h"
#include "value/text.h"

const weir_value *weir_names_find(const weir_value *first, const weir_value *last)
{
    for (const weir_value *name = first; name < last; name = weir_next(weir_next(name))) {
        if (name->hash == last->hash && weir_string_order(name, last) == 0) {
            return name;
        }
    }
    return NULL;
}

/* By hash, which nearly always decides, then by decoded bytes. */
static int order(const weir_value *a, const weir_value *b)
{
    return a->hash != b->hash ? (a->hash > b->hash) - (a->hash < b->hash) : weir_string_order(a, b);
}

/* Merges the sorted runs from[0, middle) and from[middle, count); equal names keep their order. */
static void merge(const weir_value **from, const weir_value **to, size_t middle, size_t count)
{
    size_t left = 0, right = middle;
    for (size_t i = 0; i < count; i++) {
        bool take_left = right == count || (left < middle && order(from[left], from[right]) <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

/* Bottom-up merge sort between two arrays: n log n whatever the input, no recursion, and the memory
 * is ours (the C library's qsort promises none of it). Returns the array that is sorted at the end.
 */
static const weir_value **sort(const weir_value **names, const weir_value **spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t rest = count - at;
            size_t middle = width < rest ? width : rest;
            merge(names + at, spare + at, middle, 2 * width < rest ? 2 * width : rest);
        }
        const weir_value **sorted = spare;
        spare = names;
        names = sorted;
    }
    return names;
}

weir_names_twice weir_names_check(const weir_value *object)
{
    weir_names_twice twice = {0};
    size_t count = object->len;
    const weir_value **names = weir_calloc(count, 2 * sizeof(const weir_value *));
    if (!names) {
        twice.out_of_memory = true;
        return twice;
    }
    size_t filled = 0;
    WEIR_EACH_MEMBER(object, name, value)
    {
        names[filled++] = name;
    }
    const weir_value **sorted = sort(names, names + count, count);
    for (size_t i = 1; i < count; i++) {
        bool earlier = !twice.second || sorted[i] < twice.second;
        if (earlier && order(sorted[i - 1], sorted[i]) == 0) {
            twice.first = sorted[i - 1];
            twice.second = sorted[i];
        }
    }
    weir_free(names);
    return twice;
}
