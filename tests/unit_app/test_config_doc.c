/* The pages made from config.def: committed as they are generated, and true. */
#include "config_support.h"

#include <jansson.h>

#include "config_doc.h"
#include "config_table.h"

#define EXAMPLE "docs/config.example.yaml"
#define AGAIN "; run `make docs-config`"

static weir_buf generated_page(void)
{
    weir_buf example = file_text(EXAMPLE), page = {0};
    weir_config_doc_page(weir_buf_view(&example), &page);
    weir_buf_fini(&example);
    return page;
}

static void expect_file(const char *path, weir_buf *generated)
{
    weir_buf committed = file_text(path);
    if (strcmp(weir_buf_str(&committed), weir_buf_str(generated)) != 0) {
        fail_msg("%s is not what app/config.def makes" AGAIN, path);
    }
    weir_buf_fini(&committed);
}

static void test_page_is_committed(void **state)
{
    (void)state;
    weir_buf page = generated_page();
    expect_file("docs/config.md", &page);
    weir_buf_fini(&page);
}

static void test_schema_is_committed(void **state)
{
    (void)state;
    weir_buf schema = {0};
    weir_config_doc_schema(&schema);
    expect_file("schemas/weir/config.schema.json", &schema);
    weir_buf_fini(&schema);
}

static int any_secret(void *ctx, const char *path, size_t most, weir_buf *to)
{
    (void)ctx;
    (void)path;
    (void)most;
    weir_buf_puts(to, "a secret\n");
    return 0;
}

/* The example that the page opens with is a good config, without a warning. */
static void test_example(void **state)
{
    (void)state;
    weir_config_options options = test_options;
    options.read_file = any_secret;
    loaded l = {0};
    l.status = weir_config_load(EXAMPLE, &options, &l.config, &l.problems, &l.err);
    if (l.status != WEIR_OK || l.problems.count) {
        fail_msg("%s: %s", l.err.where, l.err.text);
    }
    assert_int_equal(l.config->caches.count, 3);
    unload(&l);
}

/* Every key and every word to choose has its place on the page. */
static void test_page_is_complete(void **state)
{
    (void)state;
    weir_buf page = generated_page();
    for (const weir_config_key *key = weir_config_keys; key->name; key++) {
        weir_buf word = {0};
        weir_buf_printf(&word, key->later ? "%s` | " : "| `%s` | ", key->name);
        assert_non_null(strstr(weir_buf_str(&page), weir_buf_str(&word)));
        assert_non_null(strstr(page.ptr, key->help));
        weir_buf_fini(&word);
    }
    for (const weir_config_property *p = weir_config_kafka_properties; p->name; p++) {
        assert_non_null(strstr(page.ptr, p->name));
    }
    weir_buf_fini(&page);
}

/* ---- the schema -------------------------------------------------------------------------- */

static const json_t *section_schema(const json_t *root, int id)
{
    const json_t *defs = json_object_get(root, "$defs");
    return id == WEIR_CONFIG_ROOT ? root : json_object_get(defs, weir_config_sections[id].path);
}

/* Has the list a text? */
static bool holds(const json_t *list, const char *text)
{
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), text) == 0) {
            return true;
        }
    }
    return false;
}

static void test_schema_has_every_key(void **state)
{
    (void)state;
    weir_buf text = {0};
    weir_config_doc_schema(&text);
    json_error_t error;
    json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(root);
    for (int id = 0; id < WEIR_CONFIG_SECTIONS; id++) {
        const json_t *section = section_schema(root, id), *known = NULL;
        known = json_object_get(section, "properties");
        assert_non_null(known);
        const json_t *more = json_object_get(section, "additionalProperties");
        assert_int_equal(json_is_false(more), id != WEIR_CONFIG_KAFKA);
        const weir_config_key *key = NULL;
        while ((key = weir_config_next_key((weir_config_section_id)id, key)) != NULL) {
            const json_t *schema = json_object_get(known, key->name);
            const json_t *help = json_object_get(schema, "description");
            assert_string_equal(json_string_value(help), key->help);
            assert_int_equal(json_object_get(schema, "not") != NULL, key->later != NULL);
            bool is_required = holds(json_object_get(section, "required"), key->name);
            assert_int_equal(is_required, key->required && !key->only_for);
        }
    }
    json_decref(root);
    weir_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_committed),
        cmocka_unit_test(test_schema_is_committed),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_page_is_complete),
        cmocka_unit_test(test_schema_has_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
