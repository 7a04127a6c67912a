/* JSON Schema: every keyword by tests/cases/schema/ (a case a line: schema, data, valid, and what
 * the explanation says), references to other documents, errors with their places, and every
 * allocation failing in turn. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/validate.h"
#include "value/json.h"

/* ---- cases ---------------------------------------------------------------------------------- */

/* "/instance keyword: text" of each failure, in order; of branches the nearest, indented. */
static void put_unit(weir_buf *b, const weir_schema_unit *u, int indent)
{
    for (const weir_schema_failure *f = u->failures; f; f = f->next) {
        weir_buf_printf(b, "%*s%.*s %s: %.*s\n", indent, "", WEIR_ARG(u->instance), f->keyword,
            WEIR_ARG(f->text));
    }
    for (const weir_schema_unit *c = u->children; c; c = c->next) {
        if (!c->branch || c->nearest) {
            put_unit(b, c, indent + (c->branch ? 2 : 0));
        }
    }
}

static void put_expected(weir_buf *b, const weir_value *why)
{
    WEIR_EACH_ITEM(why, line)
    {
        weir_string_put(b, line);
        weir_buf_putc(b, '\n');
    }
}

static weir_draft draft_of(const weir_value *c)
{
    int64_t n = 0;
    const weir_value *draft = weir_gets(c, "draft");
    return draft && weir_to_int64(draft, &n) ? (weir_draft)n : WEIR_DRAFT_DEFAULT;
}

static bool explains(weir_validator *v, const weir_value *c, const weir_value *data, weir_view line)
{
    weir_schema_explanation why;
    weir_buf said = {0}, expected = {0};
    assert_int_equal(weir_validator_explain_value(v, data, line, 0, &why, NULL), WEIR_OK);
    if (why.root) {
        put_unit(&said, why.root, 0);
    }
    if (weir_gets(c, "why")) {
        put_expected(&expected, weir_gets(c, "why"));
    }
    bool same = weir_view_eq(weir_buf_view(&said), weir_buf_view(&expected));
    if (!same) {
        print_error("%.*s\nsays\n%s", WEIR_ARG(line), weir_buf_str(&said));
    }
    weir_buf_fini(&said);
    weir_buf_fini(&expected);
    return same;
}

/* One of a case's values: the verdict, and what is said of it. */
static bool judges(weir_validator *v, const weir_value *c, const weir_value *data, weir_view line)
{
    const weir_value *wanted = weir_gets(c, "valid");
    bool valid = false;
    weir_error err;
    weir_status s = weir_validator_check_value(v, data, &valid, &err);
    if (s || valid != !!(wanted->flags & WEIR_TRUE)) {
        print_error("%.*s\n%s %s\n", WEIR_ARG(line), s ? err.code : "", s ? err.text : "verdict");
        return false;
    }
    return explains(v, c, data, line);
}

static bool passes(const weir_value *c, weir_view line)
{
    weir_schema *schema;
    weir_validator *v;
    weir_error err = {.status = WEIR_OK};
    const weir_value *formats = weir_gets(c, "formats"), *error = weir_gets(c, "error");
    weir_schema_options options = {.draft = draft_of(c),
        .formats = formats ? WEIR_FORMATS_ASSERTED : WEIR_FORMATS_AS_SAID,
        .content = formats != NULL};
    weir_view text = weir_source(weir_gets(c, "schema"));
    if (weir_schema_compile(text, &options, &schema, &err)) {
        bool meant = error && weir_string_is(error, weir_view_of(err.code));
        if (!meant) {
            print_error("%.*s\n%s %s %s\n", WEIR_ARG(line), err.code, err.where, err.text);
        }
        return meant;
    }
    assert_int_equal(weir_validator_new(schema, &v, &err), WEIR_OK);
    bool good = !error && judges(v, c, weir_gets(c, "data"), line);
    weir_validator_free(v);
    weir_schema_free(schema);
    return good;
}

static void run_cases(const char *path)
{
    static char line[1 << 16];
    FILE *f = fopen(path, "r");
    unsigned cases = 0, failed = 0;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        weir_arena a;
        const weir_value *c;
        weir_error err;
        weir_view text = {line, strcspn(line, "\n")};
        if (!text.len || line[0] == '#') {
            continue;
        }
        weir_arena_init(&a, 0);
        assert_int_equal(weir_json_read(text, &a, &c, &err), WEIR_OK);
        failed += !passes(c, text);
        cases++;
        weir_arena_fini(&a);
    }
    fclose(f);
    assert_true(cases > 0);
    assert_int_equal(failed, 0);
}

static void test_any(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/any.jsonl");
}
static void test_scalars(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/scalars.jsonl");
}
static void test_objects(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/objects.jsonl");
}
static void test_arrays(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/arrays.jsonl");
}
static void test_references(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/references.jsonl");
}
static void test_formats(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/formats.jsonl");
}
static void test_bad_schemas(void **state)
{
    (void)state;
    run_cases("tests/cases/schema/bad.jsonl");
}

/* ---- other documents ------------------------------------------------------------------------ */

static const char *const documents[][2] = {
    {"http://example.com/item.json", "{\"type\":\"object\",\"required\":[\"sku\"],"
                                     "\"properties\":{\"sku\":{\"$ref\":\"defs.json#/sku\"}}}"},
    {"http://example.com/defs.json", "{\"sku\":{\"type\":\"string\",\"minLength\":3}}"},
    {"http://example.com/broken.json", "{\"a\":\n  oops}"},
    {"http://example.com/bad.json", "{\n \"type\": 5}"},
    {"http://example.com/meta.json",
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\":{"
        "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
        "\"https://json-schema.org/draft/2020-12/vocab/applicator\":true,"
        "\"https://example.com/unknown\":false}}"},
};

static weir_status resolve(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    unsigned *asked = ctx;
    (*asked)++;
    *out = (weir_view){NULL, 0};
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (strcmp(uri, documents[i][0]) == 0) {
            *out = weir_view_of(documents[i][1]);
        }
    }
    if (strcmp(uri, "http://example.com/down.json") == 0) {
        return weir_fail(err, WEIR_E_HTTP_UNREACHABLE, "it is down");
    }
    return WEIR_OK;
}

static bool is_valid(const weir_schema *schema, const char *json)
{
    weir_validator *v;
    bool valid;
    assert_int_equal(weir_validator_new(schema, &v, NULL), WEIR_OK);
    assert_int_equal(weir_validator_check(v, weir_view_of(json), &valid, NULL), WEIR_OK);
    weir_validator_free(v);
    return valid;
}

static void test_resolve(void **state)
{
    unsigned asked = 0;
    weir_schema *schema;
    weir_error err;
    weir_schema_options o = {
        .base_uri = "http://example.com/order.json#x", .resolve = resolve, .resolve_ctx = &asked};
    (void)state;
    weir_view text = weir_view_of("{\"items\":{\"$ref\":\"item.json\"},"
                                  "\"contains\":{\"$ref\":\"item.json#\"}}");
    assert_int_equal(weir_schema_compile(text, &o, &schema, &err), WEIR_OK);
    assert_int_equal(asked, 2); /* each document once */
    assert_true(is_valid(schema, "[{\"sku\":\"abc\"}]"));
    assert_false(is_valid(schema, "[{\"sku\":\"ab\"}]"));
    weir_schema_free(schema);
}

/* Each document refers to the next one, and there is always one. */
static weir_status resolve_next(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    unsigned *asked = ctx;
    static char text[64];
    (void)uri, (void)err;
    snprintf(text, sizeof text, "{\"$ref\":\"http://example.com/%u\"}", ++*asked);
    *out = weir_view_of(text);
    return WEIR_OK;
}

static void test_endless_references(void **state)
{
    unsigned asked = 0;
    weir_schema *schema;
    weir_error err;
    weir_schema_options o = {.resolve = resolve_next, .resolve_ctx = &asked};
    (void)state;
    weir_view text = weir_view_of("{\"$ref\":\"http://example.com/0\"}");
    assert_int_equal(weir_schema_compile(text, &o, &schema, &err), WEIR_REJECT);
    assert_string_equal(err.code, "SCHEMA_LIMIT");
    assert_int_equal(asked, 1000);
}

/* A vocabulary that is left out takes its keywords along. */
static void test_vocabulary(void **state)
{
    unsigned asked = 0;
    weir_schema *schema;
    weir_error err;
    weir_schema_options o = {.resolve = resolve, .resolve_ctx = &asked};
    (void)state;
    weir_view text = weir_view_of("{\"$schema\":\"http://example.com/meta.json\",\"minimum\":5,"
                                  "\"properties\":{\"a\":false}}");
    assert_int_equal(weir_schema_compile(text, &o, &schema, &err), WEIR_OK);
    assert_true(is_valid(schema, "3"));
    assert_false(is_valid(schema, "{\"a\":1}"));
    weir_schema_free(schema);
}

static void test_error_places(void **state)
{
    static const struct {
        const char *schema, *code, *where;
    } cases[] = {
        {"{\"$ref\":\n \"broken.json\"}", "JSON_SYNTAX", "http://example.com/broken.json:2:3"},
        {"{\"$ref\":\"bad.json\"}", "SCHEMA_INVALID", "http://example.com/bad.json:2:10"},
        {"{\n\"$ref\": \"none.json\"}", "SCHEMA_UNRESOLVED", "2:9"},
        {"{\"$ref\":\"item.json#/none\"}", "SCHEMA_UNRESOLVED", "1:9"},
        {"{\"$ref\":\"#none\"}", "SCHEMA_UNRESOLVED", "1:9"},
        {"{\"$ref\":\"down.json\"}", "HTTP_UNREACHABLE", "1:9"},
        {"{\"not\":\n\n  [\"no schema\"]}", "SCHEMA_INVALID", "3:3"},
        {"{\"pattern\":\"(\"}", "SCHEMA_REGEX", "1:12"},
        {"{\"allOf\":[{\"$ref\":\"#\"}]}", "SCHEMA_LOOP", "1:1"},
        {"{", "JSON_SYNTAX", "1:2"},
    };
    unsigned asked = 0;
    weir_schema_options o = {
        .base_uri = "http://example.com/x.json", .resolve = resolve, .resolve_ctx = &asked};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_schema *schema;
        weir_error err;
        assert_true(weir_schema_compile(weir_view_of(cases[i].schema), &o, &schema, &err));
        assert_null(schema);
        assert_string_equal(err.code, cases[i].code);
        assert_string_equal(err.where, cases[i].where);
    }
}

/* What nothing refers to is looked at when asked. */
static void test_everything(void **state)
{
    weir_schema *schema;
    weir_error err;
    weir_view text = weir_view_of("{\"$defs\":{\"a\":{\"minimum\":\"five\"}}}");
    weir_schema_options o = {.everything = true};
    (void)state;
    assert_int_equal(weir_schema_compile(text, NULL, &schema, &err), WEIR_OK);
    weir_schema_free(schema);
    assert_true(weir_schema_compile(text, &o, &schema, &err));
    assert_string_equal(err.code, "SCHEMA_INVALID");
    assert_string_equal(err.where, "1:26");
}

static void test_meta_schemas(void **state)
{
    static const weir_draft drafts[] = {
        WEIR_DRAFT_4, WEIR_DRAFT_6, WEIR_DRAFT_7, WEIR_DRAFT_2019_09, WEIR_DRAFT_2020_12};
    (void)state;
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        char uri[80];
        weir_schema *schema;
        weir_error err;
        snprintf(uri, sizeof uri, "%s", weir_meta_schema_uri(drafts[i]));
        uri[strcspn(uri, "#")] = '\0';
        weir_view text = weir_meta_schema(weir_view_of(uri));
        assert_non_null(text.ptr);
        assert_int_equal(weir_schema_compile(text, NULL, &schema, &err), WEIR_OK);
        assert_true(is_valid(schema, text.ptr));
        assert_true(is_valid(schema, "{\"properties\":{\"a\":{\"type\":\"string\"}}}"));
        assert_false(is_valid(schema, "{\"properties\":{\"a\":{\"type\":\"text\"}}}"));
        assert_false(is_valid(schema, "{\"allOf\":[{\"minLength\":-1}]}"));
        weir_schema_free(schema);
    }
}

/* ---- explanations --------------------------------------------------------------------------- */

static void test_units(void **state)
{
    weir_schema *schema;
    weir_validator *v;
    weir_schema_explanation why;
    weir_view text = weir_view_of("{\"$id\":\"http://x/s\",\n \"properties\": {\"a/b\": "
                                  "{\"$ref\":\"#/$defs/n\"}},\n\"$defs\": {\n\"n\": "
                                  "{\"minimum\": 5}}}");
    weir_view json = weir_view_of("{\n  \"\xC3\xA4\": 1, \"a/b\": 3}");
    (void)state;
    assert_int_equal(weir_schema_compile(text, NULL, &schema, NULL), WEIR_OK);
    assert_int_equal(weir_validator_new(schema, &v, NULL), WEIR_OK);
    assert_int_equal(weir_validator_explain(v, json, 0, &why, NULL), WEIR_OK);
    assert_int_equal(why.failures, 1);
    assert_null(why.root->failures);
    const weir_schema_unit *u = why.root->children->children;
    assert_true(weir_view_is(u->instance, "/a~1b"));
    assert_true(weir_view_is(u->evaluation, "/properties/a~1b/$ref"));
    assert_true(weir_view_is(u->schema, "http://x/s#/$defs/n"));
    assert_int_equal(u->line, 2);
    assert_int_equal(u->column, 18);
    assert_int_equal(u->schema_line, 4);
    assert_int_equal(u->schema_column, 6);
    assert_string_equal(u->failures->keyword, "minimum");
    weir_validator_free(v);
    weir_schema_free(schema);
}

static void test_most_failures(void **state)
{
    weir_schema *schema;
    weir_validator *v;
    weir_schema_explanation why;
    weir_view text = weir_view_of("{\"items\":{\"type\":\"string\"}}");
    (void)state;
    assert_int_equal(weir_schema_compile(text, NULL, &schema, NULL), WEIR_OK);
    assert_int_equal(weir_validator_new(schema, &v, NULL), WEIR_OK);
    weir_view json = weir_view_of("[1,2,3,\"a\",4,5]");
    assert_int_equal(weir_validator_explain(v, json, 3, &why, NULL), WEIR_OK);
    assert_int_equal(why.failures, 3);
    assert_true(why.cut_off);
    assert_int_equal(weir_validator_explain(v, json, 5, &why, NULL), WEIR_OK);
    assert_int_equal(why.failures, 5);
    assert_false(why.cut_off);
    assert_int_equal(weir_validator_explain(v, weir_view_of("[1"), 0, &why, NULL), WEIR_REJECT);
    assert_null(why.root);
    weir_validator_free(v);
    weir_schema_free(schema);
}

/* ---- threads: one schema, a validator each -------------------------------------------------- */

static void *validate_often(void *arg)
{
    const weir_schema *schema = arg;
    weir_validator *v;
    uintptr_t wrong = 0;
    if (weir_validator_new(schema, &v, NULL)) {
        return (void *)1;
    }
    for (int i = 0; i < 2000; i++) {
        weir_schema_explanation why;
        bool valid = i % 2;
        weir_view json = weir_view_of(valid ? "{\"a\":\"abab\"}" : "{\"a\":\"abc\",\"b\":1}");
        bool said = !valid;
        wrong += weir_validator_check(v, json, &said, NULL) != WEIR_OK || said != valid;
        wrong += weir_validator_explain(v, json, 0, &why, NULL) != WEIR_OK ||
                 why.failures != (valid ? 0 : 2);
    }
    weir_validator_free(v);
    return (void *)wrong;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    weir_schema *schema;
    weir_view text = weir_view_of("{\"properties\":{\"a\":{\"pattern\":\"^(ab|ba)+$\"}},"
                                  "\"additionalProperties\":false}");
    (void)state;
    assert_int_equal(weir_schema_compile(text, NULL, &schema, NULL), WEIR_OK);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, validate_often, schema), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    weir_schema_free(schema);
}

/* ---- memory --------------------------------------------------------------------------------- */

static weir_status whole_way(const char *schema_text, const char *json, weir_error *err)
{
    weir_schema *schema;
    weir_validator *v = NULL;
    weir_schema_explanation why;
    bool valid;
    weir_schema_options o = {.formats = WEIR_FORMATS_ASSERTED, .content = true};
    weir_status s = weir_schema_compile(weir_view_of(schema_text), &o, &schema, err);
    s = s ? s : weir_validator_new(schema, &v, err);
    s = s ? s : weir_validator_check(v, weir_view_of(json), &valid, err);
    s = s ? s : weir_validator_explain(v, weir_view_of(json), 0, &why, err);
    if (!s) {
        assert_false(valid);
        assert_non_null(why.root);
    }
    weir_validator_free(v);
    weir_schema_free(schema);
    return s;
}

static void test_out_of_memory(void **state)
{
    const char *schema = "{\"$id\":\"http://a/b\",\"$defs\":{\"x\":{\"$anchor\":\"y\",\"type\":"
                         "\"string\",\"pattern\":\"(a|b)+c\"}},\"properties\":{\"\\u0061\":{"
                         "\"$ref\":\"#y\"},\"e\":{\"enum\":[1,[2],{\"a\":3}]},\"h\":{\"format\":"
                         "\"idn-hostname\"}},\"patternProperties\":{\"^x\":{\"minimum\":1.5}},"
                         "\"oneOf\":[{\"required\":[\"q\"]},{\"$dynamicRef\":\"#z\",\"$defs\":{"
                         "\"z\":{\"$dynamicAnchor\":\"z\",\"minProperties\":9}}}],"
                         "\"dependentRequired\":{\"a\":[\"b\"]},\"unevaluatedProperties\":false,"
                         "\"propertyNames\":{\"maxLength\":1}}";
    const char *json = "{\"\\u0061\":\"\\u0062\",\"e\":5,\"h\":\"-\",\"x1\":1}";
    weir_error err;
    long live = weir_alloc_live(), n = 0;
    (void)state;
    weir_alloc_fail_at(0, 0);
    assert_int_equal(whole_way(schema, json, &err), WEIR_OK);
    long all = weir_alloc_fail_at(0, 0);
    assert_true(all > 30);
    for (n = 1; n <= all; n++) {
        weir_alloc_fail_at(n, 0);
        weir_status s = whole_way(schema, json, &err);
        weir_alloc_fail_at(0, 0);
        assert_true(s == WEIR_OK || strcmp(err.code, "OUT_OF_MEMORY") == 0);
        assert_int_equal(weir_alloc_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_bad_schemas),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_endless_references),
        cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_error_places),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_meta_schemas),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_most_failures),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
