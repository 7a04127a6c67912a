/* Compatibility of JSON Schemas: each cell of the table, strict and lenient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/compat.h"
#include "value/json.h"

#define CLOSED ",\"additionalProperties\":false"
#define OBJECT(properties, rest) "{\"type\":\"object\",\"properties\":{" properties "}" rest "}"
#define A "\"a\":{\"type\":\"string\"}"
#define B "\"b\":{\"type\":\"string\"}"
#define B_DEFAULT "\"b\":{\"type\":\"string\",\"default\":\"\"}"
#define NEEDS_B ",\"required\":[\"b\"]"

/* BACKWARD: the new one reads what the old one allowed. "": it does; NULL: as strict. */
static const struct change {
    const char *what, *old, *new, *strict, *lenient;
} changes[] = {
    {"nothing", OBJECT(A, ""), OBJECT(A, ""), "", ""},
    {"add an optional property, open", OBJECT(A, ""), OBJECT(A "," B, ""),
        "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL@/properties/b", ""},
    {"… whose schema is {}", OBJECT(A, ""), OBJECT(A ",\"b\":{}", ""), "", ""},
    {"… closed", OBJECT(A, CLOSED), OBJECT(A "," B, CLOSED), "", ""},
    {"add a required property, open", OBJECT(A, ""), OBJECT(A "," B, NEEDS_B),
        "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL@/properties/b REQUIRED_PROPERTY_ADDED@/required/b",
        "REQUIRED_PROPERTY_ADDED@/required/b"},
    {"… closed", OBJECT(A, CLOSED), OBJECT(A "," B, NEEDS_B CLOSED),
        "REQUIRED_PROPERTY_ADDED@/required/b", NULL},
    {"… with a default, closed", OBJECT(A, CLOSED), OBJECT(A "," B_DEFAULT, NEEDS_B CLOSED), "",
        ""},
    {"… with a default, open", OBJECT(A, ""), OBJECT(A "," B_DEFAULT, NEEDS_B),
        "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL@/properties/b", ""},
    {"remove a property, open", OBJECT(A "," B, ""), OBJECT(A, ""), "", ""},
    {"remove a property, closed", OBJECT(A "," B, CLOSED), OBJECT(A, CLOSED),
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/properties/b", ""},
    {"drop from required", OBJECT(A "," B, NEEDS_B), OBJECT(A "," B, ""), "", ""},
    {"add to required", OBJECT(A "," B, ""), OBJECT(A "," B, NEEDS_B),
        "REQUIRED_PROPERTY_ADDED@/required/b", NULL},
    {"widen additionalProperties", OBJECT(A, CLOSED), OBJECT(A, ""), "", ""},
    {"… of a schema", OBJECT(A, ",\"additionalProperties\":{\"type\":\"integer\"}"),
        OBJECT(A, ",\"additionalProperties\":{\"type\":\"number\"}"), "", ""},
    {"narrow additionalProperties", OBJECT(A, ",\"additionalProperties\":{\"type\":\"number\"}"),
        OBJECT(A, ",\"additionalProperties\":{\"type\":\"integer\"}"),
        "TYPE_NARROWED@/additionalProperties/type", NULL},
    {"… from a schema to false", OBJECT(A, ",\"additionalProperties\":{\"type\":\"number\"}"),
        OBJECT(A, CLOSED), "ADDITIONAL_PROPERTIES_NARROWED@/additionalProperties", NULL},
    {"… that were said to be open", OBJECT(A, ",\"additionalProperties\":true"), OBJECT(A, CLOSED),
        "ADDITIONAL_PROPERTIES_NARROWED@/additionalProperties", NULL},
    {"close a model that was open", OBJECT(A, ""), OBJECT(A, CLOSED),
        "ADDITIONAL_PROPERTIES_NARROWED@/additionalProperties", ""},
    {"loosen bounds", "{\"minimum\":5,\"maximum\":7,\"minLength\":2,\"maxLength\":3}",
        "{\"minimum\":4.5,\"maximum\":7.0,\"maxLength\":4}", "", ""},
    {"raise minimum", "{\"minimum\":5}", "{\"minimum\":6}", "MINIMUM_RAISED@/minimum", NULL},
    {"make it exclusive", "{\"minimum\":5}", "{\"exclusiveMinimum\":5}",
        "MINIMUM_RAISED@/exclusiveMinimum", NULL},
    {"lower maximum", "{\"maximum\":1e2}", "{\"maximum\":99}", "MAXIMUM_LOWERED@/maximum", NULL},
    {"add minLength", "{}", "{\"minLength\":1}", "MINIMUM_RAISED@/minLength", NULL},
    {"add a minLength of 0", "{}", "{\"minLength\":0}", "", ""},
    {"lower maxItems", "{\"maxItems\":3}", "{\"maxItems\":2}", "MAXIMUM_LOWERED@/maxItems", NULL},
    {"add maxProperties", "{}", "{\"maxProperties\":2}", "MAXIMUM_LOWERED@/maxProperties", NULL},
    {"multipleOf of a multiple", "{\"multipleOf\":4}", "{\"multipleOf\":2}", "", ""},
    {"another multipleOf", "{\"multipleOf\":2}", "{\"multipleOf\":4}",
        "MULTIPLE_OF_NARROWED@/multipleOf", NULL},
    {"unique items", "{}", "{\"uniqueItems\":true}", "UNIQUE_ITEMS_ADDED@/uniqueItems", NULL},
    {"add to an enum", "{\"enum\":[1,\"a\"]}", "{\"enum\":[\"a\",1.0,2]}", "", ""},
    {"take from an enum", "{\"enum\":[1,2]}", "{\"enum\":[1]}", "ENUM_NARROWED@/enum", NULL},
    {"add an enum", "{\"type\":\"string\"}", "{\"type\":\"string\",\"enum\":[\"a\"]}",
        "ENUM_NARROWED@/enum", NULL},
    {"change const", "{\"const\":1}", "{\"const\":2}", "CONST_CHANGED@/const", NULL},
    {"const of an enum's one value", "{\"enum\":[1]}", "{\"const\":1.0}", "", ""},
    {"add a pattern", "{\"type\":\"string\"}", "{\"type\":\"string\",\"pattern\":\"^a\"}",
        "PATTERN_CHANGED@/pattern", NULL},
    {"drop a pattern", "{\"pattern\":\"^a\"}", "{}", "", ""},
    {"add a format", "{}", "{\"format\":\"date\"}", "FORMAT_CHANGED@/format", NULL},
    {"widen a type", "{\"type\":\"integer\"}", "{\"type\":[\"number\",\"null\"]}", "", ""},
    {"narrow a type", "{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\"}",
        "TYPE_NARROWED@/type", NULL},
    {"extend oneOf", "{\"oneOf\":[{\"type\":\"string\"}]}",
        "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "", ""},
    {"narrow oneOf", "{\"oneOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
        "{\"oneOf\":[{\"type\":\"string\"}]}", "SUM_TYPE_NARROWED@/oneOf", NULL},
    {"narrow anyOf", "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}",
        "{\"anyOf\":[{\"type\":\"string\"}]}", "SUM_TYPE_NARROWED@/anyOf", NULL},
    {"make anyOf of a type", "{\"type\":\"string\"}",
        "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "", ""},
    {"make a type of anyOf", "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}",
        "{\"type\":\"number\"}", "", ""},
    {"extend allOf", "{\"type\":\"string\"}", "{\"allOf\":[{\"maxLength\":3}]}",
        "PRODUCT_TYPE_EXTENDED@/allOf", NULL},
    {"allOf of what was there", "{\"maxLength\":3}", "{\"allOf\":[{\"maxLength\":3}]}", "", ""},
    {"narrow items", "{\"items\":{\"type\":\"number\"}}", "{\"items\":{\"type\":\"integer\"}}",
        "TYPE_NARROWED@/items/type", NULL},
    {"no more items", "{\"prefixItems\":[{}]}", "{\"prefixItems\":[{}],\"items\":false}",
        "ITEMS_NARROWED@/items", NULL},
    {"an item's schema in a tuple", "{\"items\":[{\"type\":\"number\"}]}",
        "{\"items\":[{\"type\":\"integer\"}]}", "TYPE_NARROWED@/prefixItems/0/type", NULL},
    {"add not", "{}", "{\"not\":{\"const\":1}}", "NOT_CHANGED@/not", NULL},
    {"a dependency", "{}", "{\"dependentRequired\":{\"a\":[\"b\"]}}",
        "DEPENDENCY_ADDED@/dependentRequired", NULL},
    {"a condition", "{}", "{\"if\":{\"const\":1},\"then\":{\"minimum\":2}}",
        "CONDITION_CHANGED@/if CONDITION_CHANGED@/then", NULL},
    {"nothing any more", "{\"type\":\"string\"}", "false", "SCHEMA_IS_FALSE@", NULL},
    {"anything", "{\"type\":\"string\"}", "true", "", ""},
    {"behind a reference", "{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"maximum\":2}}}",
        "{\"$ref\":\"#/$defs/y\",\"$defs\":{\"y\":{\"maximum\":1}}}", "MAXIMUM_LOWERED@/maximum",
        NULL},
    {"a reference in a circle", OBJECT("\"n\":{\"$ref\":\"#\"}", CLOSED),
        OBJECT("\"n\":{\"$ref\":\"#\"}", CLOSED), "", ""},
    {"a reference out of the file", "{\"type\":\"string\"}", "{\"$ref\":\"other.json\"}",
        "REFERENCE_UNRESOLVED@/$ref", NULL},
    {"the same reference out of the file", "{\"$ref\":\"other.json\"}", "{\"$ref\":\"other.json\"}",
        "", ""},
    {"a name with a slash", OBJECT("\"a/b\":{\"maximum\":2}", ""),
        OBJECT("\"a/b\":{\"maximum\":1}", ""), "MAXIMUM_LOWERED@/properties/a~1b/maximum", NULL},
};

static const weir_value *parsed(const char *text, weir_arena *arena)
{
    const weir_value *v;
    assert_int_equal(weir_json_read(weir_view_of(text), arena, &v, NULL), WEIR_OK);
    return v;
}

static void expect(const struct change *c, bool lenient)
{
    weir_arena arena;
    weir_compat_report report;
    weir_buf text = {0};
    weir_arena_init(&arena, 0);
    weir_compat_report_init(&report);
    const weir_value *r = parsed(c->new, &arena), *w = parsed(c->old, &arena);
    assert_int_equal(weir_compat_json(r, w, lenient, &report, NULL), WEIR_OK);
    for (const weir_compat_finding *f = report.first; f; f = f->next) {
        weir_buf_printf(&text, "%s%s@%.*s", f == report.first ? "" : " ",
            weir_compat_rule_name(f->rule), WEIR_ARG(f->path));
    }
    const char *expected = lenient && c->lenient ? c->lenient : c->strict;
    if (strcmp(weir_buf_str(&text), expected) != 0) {
        fail_msg("%s (%s): expected %s, is %s", c->what, lenient ? "lenient" : "strict", expected,
            weir_buf_str(&text));
    }
    weir_buf_fini(&text);
    weir_compat_report_fini(&report);
    weir_arena_fini(&arena);
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        expect(&changes[i], false);
        expect(&changes[i], true);
    }
}

/* Each of 60 levels tries two branches with two: it ends, and says that it has not come through. */
static void test_bomb(void **state)
{
    (void)state;
    weir_buf text = {0}, other = {0};
    for (int i = 0; i < 60; i++) {
        weir_buf_printf(&text,
            "%s\"d%d\":{\"anyOf\":[{\"items\":{\"$ref\":\"#/$defs/d%d\"}},{"
            "\"items\":{\"$ref\":\"#/$defs/d%d\"},\"minItems\":1}]}",
            i ? "," : "{\"$ref\":\"#/$defs/d0\",\"$defs\":{", i, i + 1, i + 1);
    }
    weir_buf_putv(&other, weir_buf_view(&text));
    weir_buf_puts(&text, ",\"d60\":{\"const\":1}}}");
    weir_buf_puts(&other, ",\"d60\":{\"const\":2}}}");
    weir_arena arena;
    weir_compat_report report;
    weir_error err;
    weir_arena_init(&arena, 0);
    weir_compat_report_init(&report);
    const weir_value *r = parsed(weir_buf_str(&text), &arena);
    const weir_value *w = parsed(weir_buf_str(&other), &arena);
    assert_int_equal(weir_compat_json(r, w, false, &report, &err), WEIR_REJECT);
    assert_string_equal(err.code, "SCHEMA_LIMIT");
    weir_compat_report_fini(&report);
    weir_arena_fini(&arena);
    weir_buf_fini(&text);
    weir_buf_fini(&other);
}

static void test_no_memory(void **state)
{
    (void)state;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    const weir_value *r = parsed(changes[4].new, &arena), *w = parsed(changes[4].old, &arena);
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_compat_report report;
        weir_compat_report_init(&report);
        (void)weir_alloc_fail_at(n, 0);
        st = weir_compat_json(r, w, false, &report, NULL);
        (void)weir_alloc_fail_at(0, 0);
        weir_compat_report_fini(&report);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 100);
    }
    weir_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
