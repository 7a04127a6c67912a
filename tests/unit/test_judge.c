/* A judge of documents: JSON and Avro, by schemas of either kind, and by the document's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/judge.h"
#include "value/json.h"

#define RECORD "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
#define ID "{\"name\":\"id\",\"type\":\"int\"}"

/* Two bytes of RECORD ID: id is 3. */
static const weir_view three = {"\6", 1};

static const struct judgement {
    const char *schema;   /* NULL: the document's own */
    const char *own;      /* that it names */
    const char *document; /* NULL: the bytes of `three` */
    const char *code;     /* of the error; "": it is valid; "no": it is not */
    const char *where, *value;
} judgements[] = {
    {"{\"required\":[\"id\"]}", NULL, "{\"id\":1}", "", "", "{\"id\":1}"},
    {"{\"required\":[\"id\"]}", NULL, "{}", "no", "", "{}"},
    {"{\"required\":[\"id\"]}", NULL, "{", "JSON_SYNTAX", "1:2", NULL},
    {RECORD ID "]}", NULL, "{\"id\":1}", "", "", "{\"id\":1}"},
    {RECORD ID "]}", NULL, "{\"id\":\"1\"}", "AVRO_VALUE", "/id", "{\"id\":\"1\"}"},
    {RECORD ID "]}", NULL, "{\"id\":1,\"more\":1}", "AVRO_VALUE", "", NULL},
    {NULL, RECORD ID "]}", NULL, "", "", "{\"id\":3}"},
    {NULL, RECORD ID "," ID "]}", NULL, "AVRO_SCHEMA", "", NULL},
    {NULL, "\"boolean\"", NULL, "AVRO_DATA", "byte 0", NULL},
    {NULL, "{\"required\":[\"id\"]}", "{}", "no", "", "{}"},
    {NULL, NULL, "{}", "SCHEMA_INVALID", "", NULL},
    {RECORD "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"n\",\"type\":\"int\",\"default\":7}]}",
        RECORD ID "]}", NULL, "", "", "{\"id\":3,\"n\":7}"},
    {RECORD "{\"name\":\"id\",\"type\":\"string\"}]}", RECORD ID "]}", NULL, "AVRO_RESOLUTION", "",
        NULL},
    {"{\"properties\":{\"id\":{\"maximum\":2}}}", RECORD ID "]}", NULL, "no", "", "{\"id\":3}"},
    {"{\"properties\":{\"id\":{\"maximum\":3}}}", RECORD ID "]}", NULL, "", "", "{\"id\":3}"},
    {"{\"properties\":{\"id\":{\"maximum\":2}}}", "{\"required\":[\"x\"]}", "{\"id\":2}", "", "",
        "{\"id\":2}"},
};

static weir_status compile(const char *text, weir_any_schema *out, weir_error *err)
{
    weir_arena arena;
    const weir_value *root;
    weir_arena_init(&arena, 0);
    *out = (weir_any_schema){.json = NULL};
    weir_status s = weir_json_read(weir_view_of(text), &arena, &root, err);
    s = s ? s
          : weir_any_schema_compile(weir_view_of(text), weir_is_avro_schema(root), NULL, out, err);
    weir_arena_fini(&arena);
    return s;
}

typedef struct hearing {
    weir_any_schema schema, own;
    weir_judge *judge;
    weir_arena arena;
    const weir_value *value;
    bool valid;
} hearing;

static weir_status hear(hearing *h, const struct judgement *j, weir_error *err)
{
    *h = (hearing){.judge = NULL};
    weir_arena_init(&h->arena, 0);
    weir_status s = j->schema ? compile(j->schema, &h->schema, err) : WEIR_OK;
    s = s || !j->own ? s : compile(j->own, &h->own, err);
    s = s ? s : weir_judge_new(j->schema ? &h->schema : NULL, &h->judge, err);
    weir_written d = {j->document ? weir_view_of(j->document) : three, j->own ? &h->own : NULL};
    return s ? s : weir_judge_read(h->judge, &d, &h->arena, &h->value, &h->valid, err);
}

static void end(hearing *h)
{
    weir_judge_free(h->judge);
    weir_any_schema_free(&h->schema);
    weir_any_schema_free(&h->own);
    weir_arena_fini(&h->arena);
}

static void check_value(const weir_value *value, const char *expected)
{
    weir_buf text = {0};
    assert_non_null(value);
    weir_json_put(&text, value);
    assert_string_equal(weir_buf_str(&text), expected);
    weir_buf_fini(&text);
}

static void test_judgements(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judgements / sizeof *judgements; i++) {
        const struct judgement *j = &judgements[i];
        hearing h;
        weir_error err = {.status = WEIR_OK};
        weir_status s = hear(&h, j, &err);
        assert_int_equal(h.valid, !*j->code);
        assert_string_equal(s ? err.code : h.valid ? "" : "no", j->code);
        assert_string_equal(!s || !*j->where ? "" : err.where, j->where);
        assert_int_equal(s && weir_judge_misfit(&err), strcmp(j->code, "AVRO_DATA") == 0 ||
                                                           strcmp(j->code, "AVRO_VALUE") == 0 ||
                                                           strcmp(j->code, "AVRO_RESOLUTION") == 0);
        if (j->value) {
            check_value(h.value, j->value);
        }
        end(&h);
    }
}

static void test_explained(void **state)
{
    (void)state;
    static const struct judgement j = {
        "{\"properties\":{\"id\":{\"maximum\":2}}}", RECORD ID "]}", NULL, "no", "", NULL};
    hearing h;
    weir_schema_explanation why;
    weir_view text;
    assert_int_equal(hear(&h, &j, NULL), WEIR_OK);
    assert_int_equal(weir_judge_explain(h.judge, 0, &text, &why, NULL), WEIR_OK);
    assert_true(weir_view_is(text, "{\"id\":3}"));
    const weir_schema_unit *u = weir_first_failure(why.root);
    assert_true(weir_view_is(u->instance, "/id"));
    assert_int_equal(u->column, 7);
    assert_string_equal(u->failures->keyword, "maximum");
    weir_judge_forget(h.judge);
    end(&h);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judgements / sizeof *judgements; i++) {
        long live = weir_alloc_live();
        bool through = false;
        for (long n = 1; !through; n++) {
            hearing h;
            weir_error err;
            (void)weir_alloc_fail_at(n, 0);
            weir_status s = hear(&h, &judgements[i], &err);
            (void)weir_alloc_fail_at(0, 0);
            through = s != WEIR_RETRY;
            end(&h);
            assert_int_equal(weir_alloc_live(), live);
            assert_true(n < 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_explained),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
