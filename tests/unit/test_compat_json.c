/* Compatibility of JSON Schemas: each cell of the table, strict and lenient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/compat.h"

#define CLOSED ",\"additionalProperties\":false"
#define OBJECT(properties, rest) "{\"type\":\"object\",\"properties\":{" properties "}" rest "}"
#define A "\"a\":{\"type\":\"string\"}"
#define B "\"b\":{\"type\":\"string\"}"
#define B_DEFAULT "\"b\":{\"type\":\"string\",\"default\":\"\"}"
#define DRAFT4 "\"$schema\":\"http://json-schema.org/draft-04/schema#\""
#define DRAFT7 "\"$schema\":\"http://json-schema.org/draft-07/schema#\""
#define DRAFT19 "\"$schema\":\"https://json-schema.org/draft/2019-09/schema\""
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
    {"an item's schema in a tuple", "{" DRAFT7 ",\"items\":[{\"type\":\"number\"}]}",
        "{" DRAFT7 ",\"items\":[{\"type\":\"integer\"}]}", "TYPE_NARROWED@/prefixItems/0/type",
        NULL},
    {"add not", "{}", "{\"not\":{\"const\":1}}", "NOT_CHANGED@/not", NULL},
    {"a dependency", "{}", "{\"dependentRequired\":{\"a\":[\"b\"]}}",
        "DEPENDENCY_ADDED@/dependentRequired", NULL},
    {"a condition", "{}", "{\"if\":{\"const\":1},\"then\":{\"minimum\":2}}",
        "CONDITION_CHANGED@/then", NULL},
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

/* What looks compatible and is not, and what does not look so and is; strict. */
static const struct change sound[] = {
    {"branches of oneOf that come to overlap",
        "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}]}",
        "{\"oneOf\":[{\"type\":\"number\"},{\"type\":[\"string\",\"integer\"]}]}",
        "SUM_TYPE_OVERLAPS@/oneOf", NULL},
    {"one more branch that another overlaps", "{\"oneOf\":[{\"maximum\":3}]}",
        "{\"oneOf\":[{\"maximum\":3},{\"minimum\":2}]}", "SUM_TYPE_OVERLAPS@/oneOf", NULL},
    {"branches apart by a const",
        "{\"oneOf\":[{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{\"k\":{\"const\":"
        "\"a\"},\"n\":{\"type\":\"integer\"}}},{\"type\":\"object\",\"required\":[\"k\"],"
        "\"properties\":{\"k\":{\"const\":\"b\"}}}]}",
        "{\"oneOf\":[{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{\"k\":{\"const\":"
        "\"c\"}}},{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{\"k\":{\"const\":\"a\"}"
        ",\"n\":{\"type\":\"number\"}}},{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{"
        "\"k\":{\"const\":\"b\"}}}]}",
        "", NULL},
    {"a branch of oneOf that is widened beside one that is as it was",
        "{\"oneOf\":[{\"type\":\"integer\",\"minimum\":5},{\"type\":\"string\"}]}",
        "{\"oneOf\":[{\"type\":\"integer\",\"minimum\":4},{\"type\":\"string\"}]}", "", NULL},
    {"oneOf, and a branch whose type is given beside it",
        "{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
        "{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],"
        "\"maxProperties\":9}",
        "MAXIMUM_LOWERED@/maxProperties", NULL},
    {"oneOf that is as it was, whatever is beside it",
        "{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],"
        "\"maxProperties\":8}",
        "{\"type\":\"object\",\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}],"
        "\"maxProperties\":9}",
        "", NULL},
    {"a pattern that covers a property",
        "{\"properties\":{\"ab\":{\"type\":\"string\"}},\"additionalProperties\":false}",
        "{\"properties\":{\"ab\":{\"type\":\"string\"}},\"patternProperties\":{\"^a\":{"
        "\"maxLength\":3}},\"additionalProperties\":false}",
        "MAXIMUM_LOWERED@/patternProperties/^a/maxLength", NULL},
    {"a pattern that covers no property of a closed model",
        "{\"properties\":{\"ab\":{\"type\":\"string\"}},\"additionalProperties\":false}",
        "{\"properties\":{\"ab\":{\"type\":\"string\"}},\"patternProperties\":{\"^b$\":{"
        "\"maxLength\":3}},\"additionalProperties\":false}",
        "", NULL},
    {"a property in the place of a pattern",
        "{\"patternProperties\":{\"^a\":{\"type\":\"number\"}},\"additionalProperties\":false}",
        "{\"properties\":{\"ab\":{\"type\":\"number\"}},\"additionalProperties\":false}",
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/patternProperties/^a", NULL},
    {"a property that a pattern already covers",
        "{\"patternProperties\":{\"^a\":{\"type\":\"number\"}},\"additionalProperties\":{\"type\":"
        "\"string\"}}",
        "{\"properties\":{\"ab\":{\"type\":\"number\"}},\"patternProperties\":{\"^a\":{\"type\":"
        "\"number\"}},\"additionalProperties\":{\"type\":\"string\"}}",
        "", NULL},
    {"additional properties that a pattern was apart from",
        "{\"patternProperties\":{\"^a\":{}},\"additionalProperties\":{\"type\":\"string\"}}",
        "{\"additionalProperties\":{\"type\":\"string\"}}",
        "TYPE_NARROWED@/additionalProperties/^a/type", NULL},
    {"a property is no longer evaluated",
        "{\"properties\":{\"a\":{},\"b\":{}},\"unevaluatedProperties\":false}",
        "{\"properties\":{\"a\":{}},\"unevaluatedProperties\":false}",
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/properties/b", NULL},
    {"one that only a branch evaluated",
        "{\"anyOf\":[{\"properties\":{\"a\":{}}},{\"required\":[\"z\"]}],\"unevaluatedProperties\":"
        "false}",
        "{\"anyOf\":[{\"required\":[\"z\"]},{\"properties\":{\"c\":{}}}],\"unevaluatedProperties\":"
        "false}",
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/properties/a", NULL},
    {"unevaluated, and more properties",
        "{\"properties\":{\"a\":{}},\"unevaluatedProperties\":false}",
        "{\"properties\":{\"a\":{},\"b\":{\"type\":\"string\"}},\"unevaluatedProperties\":false}",
        "", NULL},
    {"unevaluated beside allOf",
        "{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"integer\"}}}],\"unevaluatedProperties\":"
        "false}",
        "{\"allOf\":[{\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{}}}],"
        "\"unevaluatedProperties\":false}",
        "", NULL},
    {"unevaluated items with a shorter list",
        "{\"prefixItems\":[{},{}],\"unevaluatedItems\":false}",
        "{\"prefixItems\":[{}],\"unevaluatedItems\":false}", "ITEMS_NARROWED@/unevaluatedItems",
        NULL},
    {"unevaluated items with a longer list", "{\"prefixItems\":[{}],\"unevaluatedItems\":false}",
        "{\"prefixItems\":[{},{}],\"unevaluatedItems\":false}", "", NULL},
    {"enum without a type, then a type", "{\"enum\":[\"a\",1]}",
        "{\"type\":\"string\",\"enum\":[\"a\",1]}", "TYPE_NARROWED@/type", NULL},
    {"… of all its values", "{\"enum\":[\"a\",\"b\"]}",
        "{\"type\":\"string\",\"enum\":[\"a\",\"b\",\"c\"]}", "", NULL},
    {"const, then another type", "{\"const\":1.5}", "{\"type\":\"integer\"}", "TYPE_NARROWED@/type",
        NULL},
    {"a dynamic reference whose end is narrowed",
        "{\"properties\":{\"a\":{\"$dynamicRef\":\"#x\"}},\"$defs\":{\"x\":{\"$dynamicAnchor\":"
        "\"x\",\"maximum\":9}}}",
        "{\"properties\":{\"a\":{\"$dynamicRef\":\"#x\"}},\"$defs\":{\"x\":{\"$dynamicAnchor\":"
        "\"x\",\"maximum\":8}}}",
        "MAXIMUM_LOWERED@/properties/a/maximum", NULL},
    {"a dynamic reference that depends on how it was come to",
        "{\"$ref\":\"l\",\"$defs\":{\"l\":{\"$id\":\"l\",\"items\":{\"$dynamicRef\":\"#x\"},\"$"
        "defs\":{\"d\":{\"$dynamicAnchor\":\"x\"}}},\"m\":{\"$id\":\"m\",\"$dynamicAnchor\":\"x\","
        "\"maximum\":3}}}",
        "{\"$ref\":\"l\",\"$defs\":{\"l\":{\"$id\":\"l\",\"items\":{\"$dynamicRef\":\"#x\"},\"$"
        "defs\":{\"d\":{\"$dynamicAnchor\":\"x\"}}},\"m\":{\"$id\":\"m\",\"$dynamicAnchor\":\"x\","
        "\"maximum\":2}}}",
        "REFERENCE_UNRESOLVED@/items/$dynamicRef", NULL},
    {"beside a reference", "{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"type\":\"string\"}}}",
        "{\"$ref\":\"#/$defs/x\",\"maxLength\":3,\"$defs\":{\"x\":{\"type\":\"string\"}}}",
        "MAXIMUM_LOWERED@/maxLength", NULL},
    {"beside a reference, where nothing counts",
        "{" DRAFT7 ",\"$ref\":\"#/definitions/x\",\"definitions\":{\"x\":{\"type\":\"string\"}}}",
        "{" DRAFT7 ",\"$ref\":\"#/definitions/"
        "x\",\"maxLength\":3,\"definitions\":{\"x\":{\"type\":\"string\"}}}",
        "", NULL},
    {"beside a reference, and as it was",
        "{\"$ref\":\"#/$defs/x\",\"maxLength\":3,\"$defs\":{\"x\":{\"type\":\"string\"}}}",
        "{\"$ref\":\"#/$defs/"
        "x\",\"maxLength\":4,\"description\":\"x\",\"$defs\":{\"x\":{\"type\":[\"string\",\"null\"]"
        "}}}",
        "", NULL},
    {"a reference to an anchor whose end is narrowed",
        "{\"$ref\":\"#x\",\"$defs\":{\"x\":{\"$anchor\":\"x\",\"maximum\":9}}}",
        "{\"$ref\":\"#x\",\"$defs\":{\"x\":{\"$anchor\":\"x\",\"maximum\":8}}}",
        "MAXIMUM_LOWERED@/maximum", NULL},
    {"a reference within a bundle whose end is narrowed",
        "{\"$ref\":\"item.json\",\"$defs\":{\"i\":{\"$id\":\"item.json\",\"maximum\":9}}}",
        "{\"$ref\":\"item.json\",\"$defs\":{\"i\":{\"$id\":\"item.json\",\"maximum\":8}}}",
        "MAXIMUM_LOWERED@/maximum", NULL},
    {"the end of a reference within not",
        "{\"not\":{\"$ref\":\"#/$defs/x\"},\"$defs\":{\"x\":{\"maximum\":2}}}",
        "{\"not\":{\"$ref\":\"#/$defs/x\"},\"$defs\":{\"x\":{\"maximum\":3}}}", "NOT_CHANGED@/not",
        NULL},
    {"a narrower not", "{\"not\":{\"maximum\":3}}", "{\"not\":{\"maximum\":2}}", "", NULL},
    {"not of a type that was not allowed", "{\"type\":\"string\"}", "{\"not\":{\"type\":\"null\"}}",
        "", NULL},
    {"then, where the condition is as it was",
        "{\"if\":{\"const\":1},\"then\":{\"minimum\":2},\"else\":{\"maximum\":3}}",
        "{\"if\":{\"const\":1},\"then\":{\"minimum\":1},\"else\":{\"maximum\":4}}", "", NULL},
    {"another condition", "{\"if\":{\"maximum\":1},\"then\":{\"multipleOf\":2}}",
        "{\"if\":{\"maximum\":2},\"then\":{\"multipleOf\":2}}", "CONDITION_CHANGED@/then", NULL},
    {"contains of less", "{\"contains\":{\"type\":\"integer\"}}",
        "{\"contains\":{\"type\":\"number\"}}", "", NULL},
    {"contains of less, but not more than so many",
        "{\"contains\":{\"type\":\"integer\"},\"maxContains\":2}",
        "{\"contains\":{\"type\":\"number\"},\"maxContains\":2}", "ITEMS_NARROWED@/maxContains",
        NULL},
    {"a count of what is contained, where the schema changes, too",
        "{\"contains\":{\"type\":\"number\"},\"minContains\":2}",
        "{\"contains\":{\"type\":\"integer\"},\"minContains\":1}", "ITEMS_NARROWED@/contains",
        NULL},
    {"minContains without contains", "{}", "{\"minContains\":3}", "", NULL},
    {"contains need not be there", "{}", "{\"contains\":{\"type\":\"number\"},\"minContains\":0}",
        "", NULL},
    {"propertyNames that are looser", "{\"propertyNames\":{\"maxLength\":3}}",
        "{\"propertyNames\":{\"maxLength\":4}}", "", NULL},
    {"propertyNames for what is no name", "{}", "{\"propertyNames\":{\"type\":\"string\"}}", "",
        NULL},
    {"propertyNames", "{\"propertyNames\":{\"maxLength\":3}}",
        "{\"propertyNames\":{\"maxLength\":2}}", "PATTERN_CHANGED@/propertyNames", NULL},
    {"a dependency whose demand is narrowed",
        "{\"dependentSchemas\":{\"a\":{\"required\":[\"b\"]}}}",
        "{\"dependentSchemas\":{\"a\":{\"required\":[\"b\",\"c\"]}}}",
        "DEPENDENCY_ADDED@/dependentSchemas", NULL},
    {"a dependency in another form", "{" DRAFT7 ",\"dependencies\":{\"a\":[\"b\"]}}",
        "{\"dependentRequired\":{\"a\":[\"b\"]}}", "", NULL},
    {"a dependency of what must be there", "{\"required\":[\"a\",\"b\"]}",
        "{\"dependentRequired\":{\"a\":[\"b\"]}}", "", NULL},
    {"draft 4 has other integers", "{\"type\":\"integer\"}", "{" DRAFT4 ",\"type\":\"integer\"}",
        "TYPE_NARROWED@/type", NULL},
    {"… and wider ones later", "{" DRAFT4 ",\"type\":\"integer\"}", "{\"type\":\"integer\"}", "",
        NULL},
    {"an exclusive bound of draft 4", "{" DRAFT4 ",\"minimum\":5,\"exclusiveMinimum\":true}",
        "{\"exclusiveMinimum\":5}", "", NULL},
    {"… that was none", "{" DRAFT4 ",\"minimum\":5,\"exclusiveMinimum\":false}",
        "{\"exclusiveMinimum\":5}", "MINIMUM_RAISED@/exclusiveMinimum", NULL},
    {"a list of items, written otherwise",
        "{" DRAFT7 ",\"items\":[{\"type\":\"number\"}],\"additionalItems\":false}",
        "{\"prefixItems\":[{\"type\":\"number\"}],\"items\":false}", "", NULL},
    {"additionalItems without a list", "{" DRAFT7 ",\"items\":{},\"additionalItems\":false}",
        "{" DRAFT7 ",\"items\":{},\"additionalItems\":{\"type\":\"null\"}}", "", NULL},
    {"additionalItems, which 2020-12 has no more",
        "{\"prefixItems\":[{}],\"additionalItems\":false}",
        "{\"prefixItems\":[{}],\"items\":false}", "ITEMS_NARROWED@/items", NULL},
    {"a keyword of a later draft", "{" DRAFT7 ",\"dependentRequired\":{\"a\":[\"b\"]}}",
        "{\"dependentRequired\":{\"a\":[\"b\"]}}", "DEPENDENCY_ADDED@/dependentRequired", NULL},
    {"contains counts where unevaluatedItems looks",
        "{\"contains\":{\"type\":\"string\"},\"unevaluatedItems\":{\"type\":\"number\"}}",
        "{\"unevaluatedItems\":{\"type\":\"number\"}}", "TYPE_NARROWED@/unevaluatedItems/type",
        NULL},
    {"a keyword for other types", "{\"type\":\"integer\"}",
        "{\"type\":\"integer\",\"maxLength\":3,\"pattern\":\"^a\",\"maxItems\":1,\"required\":["
        "\"a\"]}",
        "", NULL},
    {"a multiple of what integers are", "{\"type\":\"integer\"}", "{\"multipleOf\":0.5}", "", NULL},
    {"types one by one", "{\"type\":[\"string\",\"null\"]}",
        "{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}]}", "", NULL},
    {"values one by one", "{\"enum\":[\"a\",\"b\"]}",
        "{\"oneOf\":[{\"const\":\"a\",\"description\":\"A\"},{\"const\":\"b\"},{\"const\":\"c\"}]}",
        "", NULL},
    {"what stands beside anyOf",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},\"anyOf\":[{"
        "\"required\":[\"a\"]},{\"required\":[\"b\"]}]}",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"}}}", "", NULL},
    {"allOf of two",
        "{\"allOf\":[{\"properties\":{\"a\":{\"minimum\":2}}},{\"properties\":{\"a\":{\"maximum\":"
        "3}}}]}",
        "{\"properties\":{\"a\":{\"minimum\":2,\"maximum\":3}}}", "", NULL},
    {"an encoding", "{\"type\":\"string\"}", "{\"type\":\"string\",\"contentEncoding\":\"base64\"}",
        "FORMAT_CHANGED@/contentEncoding", NULL},
    {"a default within what must not be",
        "{\"not\":{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"default\":1}}}"
        "}",
        "{\"not\":{\"type\":\"object\"}}", "NOT_CHANGED@/not", NULL},
    {"a pattern beside another one that names may match, too",
        "{\"patternProperties\":{\"^a\":{\"type\":\"string\"}},\"additionalProperties\":false}",
        "{\"patternProperties\":{\"^a\":{\"type\":\"string\"},\"b$\":{\"maxLength\":3}},"
        "\"additionalProperties\":false}",
        "MAXIMUM_LOWERED@/patternProperties/b$/maxLength", NULL},
    {"what a branch's pattern let through",
        "{\"anyOf\":[{\"patternProperties\":{\"^x\":{}}},{\"required\":[\"z\"]}],"
        "\"unevaluatedProperties\":false}",
        "{\"additionalProperties\":false}",
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/patternProperties/^x "
        "ADDITIONAL_PROPERTIES_NARROWED@/additionalProperties",
        NULL},
    {"what is evaluated by a branch that need not hold",
        "{\"properties\":{\"a\":{},\"b\":{}},\"additionalProperties\":false}",
        "{\"properties\":{\"b\":{}},\"anyOf\":[{\"properties\":{\"a\":{}},\"required\":[\"b\"]},{}]"
        ",\"unevaluatedProperties\":false}",
        "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL@/properties/a", NULL},
    {"not of what only a bound has", "{\"type\":\"number\",\"minimum\":3}",
        "{\"type\":\"number\",\"not\":{\"maximum\":3}}", "NOT_CHANGED@/not", NULL},
    {"not of less than a bound", "{\"type\":\"number\",\"minimum\":3}",
        "{\"type\":\"number\",\"not\":{\"maximum\":2}}", "", NULL},
    {"not of what no object can be, but others are", "{}",
        "{\"not\":{\"required\":[\"a\"],\"properties\":{\"a\":false}}}", "NOT_CHANGED@/not", NULL},
};

static weir_status compare(const char *reader, const char *writer, bool lenient,
    weir_compat_report *report, weir_error *err)
{
    const weir_compat_json_schema r = {.text = weir_view_of(reader)};
    const weir_compat_json_schema w = {.text = weir_view_of(writer)};
    return weir_compat_json(&r, &w, lenient, report, err);
}

static void expect(const struct change *c, bool lenient)
{
    weir_compat_report report;
    weir_buf text = {0};
    weir_compat_report_init(&report);
    assert_int_equal(compare(c->new, c->old, lenient, &report, NULL), WEIR_OK);
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
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        expect(&changes[i], false);
        expect(&changes[i], true);
    }
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        expect(&sound[i], false);
    }
}

/* Schemas that lead from one to the next; `last` and `step`: of each. */
static void chain(weir_buf *to, int levels, const char *last, void (*step)(weir_buf *to, int next))
{
    weir_buf_puts(to, "{\"$ref\":\"#/$defs/d0\",\"$defs\":{");
    for (int i = 0; i < levels; i++) {
        weir_buf_printf(to, "\"d%d\":", i);
        step(to, i + 1);
        weir_buf_putc(to, ',');
    }
    weir_buf_printf(to, "\"d%d\":%s}}", levels, last);
}

static void one_way(weir_buf *to, int next)
{
    weir_buf_printf(to, "{\"items\":{\"$ref\":\"#/$defs/d%d\"}}", next);
}

static void two_ways(weir_buf *to, int next)
{
    weir_buf_puts(to, "{\"anyOf\":[");
    one_way(to, next);
    weir_buf_printf(to, ",{\"items\":{\"$ref\":\"#/$defs/d%d\"},\"minItems\":1}]}", next);
}

static weir_status compare_chains(
    int levels, void (*step)(weir_buf *, int), const char *last, size_t *found, weir_error *err)
{
    weir_buf old = {0}, new = {0};
    weir_compat_report report;
    chain(&old, levels, "{\"const\":1}", step);
    chain(&new, levels, last, step);
    weir_compat_report_init(&report);
    weir_status s = compare(weir_buf_str(&new), weir_buf_str(&old), false, &report, err);
    *found = report.count;
    weir_compat_report_fini(&report);
    weir_buf_fini(&old);
    weir_buf_fini(&new);
    return s;
}

/* Each of 60 levels tries two branches with two. */
static void test_bomb(void **state)
{
    (void)state;
    size_t found;
    weir_error err;
    assert_int_equal(compare_chains(60, two_ways, "{\"const\":1}", &found, &err), WEIR_OK);
    assert_int_equal(found, 0);
    assert_int_equal(compare_chains(60, two_ways, "{\"const\":2}", &found, &err), WEIR_OK);
    assert_true(found > 0);
}

/* However long a chain is, there is an end and a word. */
static void test_long_chain(void **state)
{
    (void)state;
    size_t found;
    weir_error err;
    assert_int_equal(compare_chains(90, one_way, "{\"const\":2}", &found, &err), WEIR_OK);
    assert_int_equal(found, 1);
    assert_int_equal(compare_chains(200, one_way, "{\"const\":1}", &found, &err), WEIR_OK);
    assert_int_equal(found, 0);
    assert_int_equal(compare_chains(50000, one_way, "{\"const\":2}", &found, &err), WEIR_REJECT);
    assert_string_equal(err.code, "SCHEMA_LIMIT");
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct change *c = &changes[4];
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_compat_report report;
        weir_compat_report_init(&report);
        (void)weir_alloc_fail_at(n, 0);
        st = compare(c->new, c->old, false, &report, NULL);
        (void)weir_alloc_fail_at(0, 0);
        weir_compat_report_fini(&report);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 300);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_long_chain),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
