/* Compatibility of JSON Schemas: references, combinations and arrays. See compat.h.
 *
 * Whether one schema allows all that another allows cannot be decided in general; these rules
 * compare keyword by keyword and are strict where they cannot tell. A union (anyOf, oneOf) is
 * accepted where each branch that may have been written is accepted by one of the reader's. */
#include "schema/compat_json.h"

#include <stdio.h>

#include "schema/equal.h"

enum { DEPTH = 200, STEPS = 1000000 };

typedef weir_compat_json_checker checker;

void weir_compat_json_add(
    checker *c, weir_compat_rule rule, const char *keyword, const char *text, weir_view what)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    weir_compat_add(c->to, rule, &c->path, "%s%.*s", text, (int)(what.len < 150 ? what.len : 150),
        what.ptr ? what.ptr : "");
    weir_compat_leave(&c->path, up);
}

static const weir_view nothing = {"", 0};

/* ---- references ---------------------------------------------------------------------------- */

/* "#" and "#/a/b": JSON pointers into the same text. NULL: it leads elsewhere. */
static const weir_value *target_of(checker *c, const weir_value *root, const weir_value *ref)
{
    weir_view text = weir_string(ref, &c->to->arena);
    if (!text.ptr || !text.len || text.ptr[0] != '#') {
        return NULL;
    }
    weir_view pointer = weir_arena_copy(&c->to->arena, weir_view_make(text.ptr + 1, text.len - 1));
    return pointer.ptr ? weir_pointer(root, pointer.ptr) : NULL;
}

/* *unresolved: a reference that leads out of the text. */
static const weir_value *resolve(
    checker *c, const weir_value *root, const weir_value *schema, bool *unresolved)
{
    for (int i = 0; i < 50 && weir_is(schema, WEIR_OBJECT); i++) {
        const weir_value *ref = weir_gets(schema, "$ref");
        const weir_value *target = weir_is(ref, WEIR_STRING) ? target_of(c, root, ref) : NULL;
        if (!ref) {
            return schema;
        }
        if (!target) {
            *unresolved = true;
            return schema;
        }
        schema = target;
    }
    return schema;
}

/* ---- combinations -------------------------------------------------------------------------- */

static const weir_value *branches_of(const weir_value *schema, const char **keyword)
{
    static const char *const keywords[] = {"anyOf", "oneOf"};
    for (size_t i = 0; i < 2; i++) {
        const weir_value *list = weir_gets(schema, keywords[i]);
        if (weir_is(list, WEIR_ARRAY)) {
            *keyword = keywords[i];
            return list;
        }
    }
    return NULL;
}

bool weir_compat_json_accepts(checker *c, const weir_value *r, const weir_value *w)
{
    weir_compat_report quiet, *to = c->to;
    weir_compat_report_init(&quiet);
    c->to = &quiet;
    weir_compat_json_compare(c, r, w);
    bool none = quiet.count == 0;
    to->arena.failed |= quiet.arena.failed;
    c->to = to;
    weir_compat_report_fini(&quiet);
    return none;
}

static bool some_accepts(checker *c, const weir_value *branches, const weir_value *w)
{
    WEIR_EACH_ITEM(branches, branch)
    {
        if (weir_compat_json_accepts(c, branch, w)) {
            return true;
        }
    }
    return false;
}

static void compare_sum(checker *c, const weir_value *r, const weir_value *w)
{
    const char *keyword = "", *written = "";
    const weir_value *readers = branches_of(r, &keyword), *writers = branches_of(w, &written);
    char place[16];
    snprintf(place, sizeof place, "/%s", keyword);
    if (readers && writers) {
        size_t i = 0;
        WEIR_EACH_ITEM(writers, branch)
        {
            if (!some_accepts(c, readers, branch)) {
                char text[64];
                snprintf(text, sizeof text, "branch %zu of %s is not accepted", i, written);
                weir_compat_json_add(c, WEIR_COMPAT_SUM_TYPE_NARROWED, place, text, nothing);
            }
            i++;
        }
    } else if (readers && !some_accepts(c, readers, w)) {
        weir_compat_json_add(c, WEIR_COMPAT_SUM_TYPE_NARROWED, place,
            "what was written fits none of the branches", nothing);
    }
}

/* Only the reader's own keywords were compared with what the writer's branches do not say: each
 * branch has to be accepted by them. */
static void compare_written_sum(checker *c, const weir_value *r, const weir_value *w)
{
    const char *keyword = "";
    const weir_value *writers = branches_of(w, &keyword);
    if (branches_of(r, &(const char *){""}) || !writers) {
        return;
    }
    WEIR_EACH_ITEM(writers, branch)
    {
        weir_compat_json_compare(c, r, branch);
    }
}

static void compare_product(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *readers = weir_gets(r, "allOf"), *writers = weir_gets(w, "allOf");
    if (!weir_is(readers, WEIR_ARRAY)) {
        return;
    }
    WEIR_EACH_ITEM(readers, demand)
    {
        bool met = weir_compat_json_accepts(c, demand, w);
        if (weir_is(writers, WEIR_ARRAY)) {
            WEIR_EACH_ITEM(writers, given)
            {
                met = met || weir_compat_json_accepts(c, demand, given);
            }
        }
        if (!met) {
            weir_compat_json_add(c, WEIR_COMPAT_PRODUCT_TYPE_EXTENDED, "/allOf",
                "nothing that was written promises it", nothing);
        }
    }
}

/* ---- keywords that can only be equal ------------------------------------------------------- */

static const struct opaque {
    const char *keyword;
    weir_compat_rule rule;
} opaque[] = {
    {"pattern", WEIR_COMPAT_PATTERN_CHANGED},
    {"format", WEIR_COMPAT_FORMAT_CHANGED},
    {"not", WEIR_COMPAT_NOT_CHANGED},
    {"if", WEIR_COMPAT_CONDITION_CHANGED},
    {"then", WEIR_COMPAT_CONDITION_CHANGED},
    {"else", WEIR_COMPAT_CONDITION_CHANGED},
    {"contains", WEIR_COMPAT_ITEMS_NARROWED},
    {"propertyNames", WEIR_COMPAT_PATTERN_CHANGED},
    {"dependencies", WEIR_COMPAT_DEPENDENCY_ADDED},
    {"dependentRequired", WEIR_COMPAT_DEPENDENCY_ADDED},
    {"dependentSchemas", WEIR_COMPAT_DEPENDENCY_ADDED},
    {"unevaluatedProperties", WEIR_COMPAT_ADDITIONAL_PROPERTIES_NARROWED},
    {"unevaluatedItems", WEIR_COMPAT_ITEMS_NARROWED},
};

static void compare_opaque(checker *c, const weir_value *r, const weir_value *w)
{
    for (size_t i = 0; i < sizeof opaque / sizeof *opaque; i++) {
        const weir_value *now = weir_gets(r, opaque[i].keyword);
        const weir_value *then = weir_gets(w, opaque[i].keyword);
        if (now && !weir_compat_is_any(now) && (!then || !weir_equal(now, then, &c->steps))) {
            char place[32];
            snprintf(place, sizeof place, "/%s", opaque[i].keyword);
            weir_compat_json_add(c, opaque[i].rule, place, then ? "changed" : "added", nothing);
        }
    }
}

/* ---- arrays -------------------------------------------------------------------------------- */

/* The schema of item i: of the list, else of the rest. */
static const weir_value *item_of(const weir_value *list, const weir_value *rest, size_t i)
{
    if (weir_is(list, WEIR_ARRAY) && i < list->len) {
        const weir_value *item = weir_child(list);
        for (; i > 0; i--) {
            item = weir_next(item);
        }
        return item;
    }
    return rest;
}

/* Before 2020-12 `items` may be the list, and `additionalItems` the rest. */
static void items_of(const weir_value *schema, const weir_value **list, const weir_value **rest)
{
    *list = weir_gets(schema, "prefixItems");
    *rest = weir_gets(schema, "items");
    if (weir_is(*rest, WEIR_ARRAY)) {
        *list = *rest;
        *rest = weir_gets(schema, "additionalItems");
    }
}

static void compare_item(checker *c, const char *place, const weir_value *r, const weir_value *w)
{
    if (weir_compat_is_none(r) && !weir_compat_is_none(w)) {
        weir_compat_json_add(c, WEIR_COMPAT_ITEMS_NARROWED, place, "no items any more", nothing);
    } else {
        weir_compat_json_compare_at(c, place, r, w);
    }
}

static void compare_items(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *list, *rest, *old_list, *old_rest;
    items_of(r, &list, &rest);
    items_of(w, &old_list, &old_rest);
    size_t n = weir_is(list, WEIR_ARRAY) ? list->len : 0;
    size_t old_n = weir_is(old_list, WEIR_ARRAY) ? old_list->len : 0;
    for (size_t i = 0; i < n || i < old_n; i++) {
        char place[48];
        snprintf(place, sizeof place, "/prefixItems/%zu", i);
        compare_item(c, place, item_of(list, rest, i), item_of(old_list, old_rest, i));
    }
    compare_item(c, "/items", rest, old_rest);
}

/* ---- one pair ------------------------------------------------------------------------------ */

static void compare_keywords(checker *c, const weir_value *r, const weir_value *w)
{
    const char *keyword;
    if (branches_of(w, &keyword) && !branches_of(r, &keyword)) {
        compare_written_sum(c, r, w);
        return;
    }
    weir_compat_json_scalar(c, r, w);
    weir_compat_json_object(c, r, w);
    compare_items(c, r, w);
    compare_opaque(c, r, w);
    compare_sum(c, r, w);
    compare_product(c, r, w);
}

static bool is_open(const checker *c, const weir_value *r, const weir_value *w)
{
    for (const weir_compat_pair *p = c->open; p; p = p->up) {
        if (p->r == r && p->w == w) {
            return true;
        }
    }
    return false;
}

static void compare_resolved(checker *c, const weir_value *r, const weir_value *w)
{
    weir_compat_pair pair = {r, w, c->open};
    if (c->depth == DEPTH || --c->steps < 0) {
        c->steps = -1;
        return;
    }
    if (is_open(c, r, w)) {
        return;
    }
    c->open = &pair;
    c->depth++;
    compare_keywords(c, r, w);
    c->depth--;
    c->open = pair.up;
}

void weir_compat_json_compare(checker *c, const weir_value *r, const weir_value *w)
{
    bool unresolved = false;
    const weir_value *to = resolve(c, c->reader, r, &unresolved);
    const weir_value *from = resolve(c, c->writer, w, &unresolved);
    if (weir_compat_is_any(to) || weir_compat_is_none(from)) {
        return;
    }
    if (unresolved) {
        int64_t steps = STEPS;
        if (!from || !weir_equal(to, from, &steps)) {
            weir_compat_json_add(c, WEIR_COMPAT_REFERENCE_UNRESOLVED, "/$ref", "", nothing);
        }
    } else if (weir_compat_is_none(to)) {
        weir_compat_json_add(c, WEIR_COMPAT_SCHEMA_IS_FALSE, "", "", nothing);
    } else {
        compare_resolved(c, to, from);
    }
}

void weir_compat_json_compare_at(
    checker *c, const char *keyword, const weir_value *r, const weir_value *w)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    weir_compat_json_compare(c, r, w);
    weir_compat_leave(&c->path, up);
}

weir_status weir_compat_json(const weir_value *reader, const weir_value *writer, bool lenient,
    weir_compat_report *to, weir_error *err)
{
    checker c = {.reader = reader, .writer = writer, .lenient = lenient, .to = to, .steps = STEPS};
    weir_compat_json_compare(&c, reader, writer);
    weir_status s = to->arena.failed || c.path.failed ? weir_fail_oom(err) : WEIR_OK;
    weir_buf_fini(&c.path);
    return s || c.steps >= 0
               ? s
               : weir_fail(err, WEIR_E_SCHEMA_LIMIT, "comparing the schemas takes too long");
}
