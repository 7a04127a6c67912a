/* Compatibility of JSON Schemas: what an object may and must have. See compat.h.
 *
 * An object is open unless additionalProperties says otherwise. Strictly, a property that gets a
 * schema in an open model narrows it: something else may have been written under its name.
 * Leniently it is new, and nothing was. */
#include "schema/compat_json.h"

typedef weir_compat_json_checker checker;

static void enter_named(checker *c, const char *keyword, weir_view name, size_t *up)
{
    *up = weir_compat_enter(&c->path, keyword);
    (void)weir_compat_enter_name(&c->path, name);
}

static void add_named(checker *c, weir_compat_rule rule, const char *keyword, weir_view name)
{
    size_t up;
    enter_named(c, keyword, name, &up);
    weir_compat_add(
        c->to, rule, &c->path, "%.*s", (int)(name.len < 150 ? name.len : 150), name.ptr);
    weir_compat_leave(&c->path, up);
}

static void compare_named(
    checker *c, const char *keyword, weir_view name, const weir_value *r, const weir_value *w)
{
    size_t up;
    enter_named(c, keyword, name, &up);
    weir_compat_json_compare(c, r, w);
    weir_compat_leave(&c->path, up);
}

/* A property, or a pattern of names, that the writer's schema does not know. */
static void compare_added(
    checker *c, const char *keyword, weir_view name, const weir_value *r, const weir_value *w)
{
    const weir_value *others = weir_gets(w, "additionalProperties");
    if (weir_compat_is_none(others) || weir_compat_is_any(r)) {
        return;
    }
    if (!weir_compat_is_any(others)) {
        compare_named(c, keyword, name, r, others);
    } else if (!c->lenient) {
        add_named(c, WEIR_COMPAT_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL, keyword, name);
    }
}

static void compare_removed(
    checker *c, const char *keyword, weir_view name, const weir_value *r, const weir_value *w)
{
    const weir_value *others = weir_gets(r, "additionalProperties");
    if (weir_compat_is_none(others)) {
        if (!c->lenient && !weir_compat_is_none(w)) {
            add_named(c, WEIR_COMPAT_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL, keyword, name);
        }
    } else if (!weir_compat_is_any(others)) {
        compare_named(c, "/additionalProperties", name, others, w);
    }
}

/* name: "properties" or "patternProperties"; keyword: the same as a step of the path. */
static void compare_properties(
    checker *c, const char *name, const char *keyword, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, name), *then = weir_gets(w, name);
    if (weir_is(now, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(now, key, schema)
        {
            weir_view text = weir_string(key, &c->to->arena);
            const weir_value *old = weir_get(then, text);
            if (old) {
                compare_named(c, keyword, text, schema, old);
            } else {
                compare_added(c, keyword, text, schema, w);
            }
        }
    }
    if (weir_is(then, WEIR_OBJECT)) {
        WEIR_EACH_MEMBER(then, key, schema)
        {
            weir_view text = weir_string(key, &c->to->arena);
            if (!weir_get(now, text)) {
                compare_removed(c, keyword, text, r, schema);
            }
        }
    }
}

static void compare_additional(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "additionalProperties");
    const weir_value *then = weir_gets(w, "additionalProperties");
    if (weir_compat_is_any(now) || weir_compat_is_none(then)) {
        return;
    }
    if (!weir_compat_is_any(then) && !weir_compat_is_none(now)) {
        weir_compat_json_compare_at(c, "/additionalProperties", now, then);
    } else if (!c->lenient || then || !weir_compat_is_none(now)) {
        weir_compat_json_add(c, WEIR_COMPAT_ADDITIONAL_PROPERTIES_NARROWED, "/additionalProperties",
            "", weir_view_make("", 0));
    }
}

static bool lists(const weir_value *list, weir_view name)
{
    if (weir_is(list, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(list, item)
        {
            if (weir_string_is(item, name)) {
                return true;
            }
        }
    }
    return false;
}

/* What was not written has its default. */
static void compare_required(checker *c, const weir_value *r, const weir_value *w)
{
    const weir_value *now = weir_gets(r, "required"), *then = weir_gets(w, "required");
    if (!weir_is(now, WEIR_ARRAY)) {
        return;
    }
    WEIR_EACH_ITEM(now, item)
    {
        weir_view name = weir_string(item, &c->to->arena);
        const weir_value *schema = weir_get(weir_gets(r, "properties"), name);
        if (weir_is(item, WEIR_STRING) && !lists(then, name) && !weir_gets(schema, "default")) {
            add_named(c, WEIR_COMPAT_REQUIRED_PROPERTY_ADDED, "/required", name);
        }
    }
}

void weir_compat_json_object(checker *c, const weir_value *r, const weir_value *w)
{
    compare_properties(c, "properties", "/properties", r, w);
    compare_properties(c, "patternProperties", "/patternProperties", r, w);
    compare_additional(c, r, w);
    compare_required(c, r, w);
}
