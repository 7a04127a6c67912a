/* Schemas by id: asked for once, kept with their error, and nothing leaks when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "schema/avro_schemas.h"

static unsigned asked, closed;

/* 1 is a schema, 2 is none, 3 is of JSON Schema, others are not there. */
static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    static const weir_view texts[] = {
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}", 40}, {"\"integer\"", 9}};
    (void)self, (void)arena;
    asked++;
    if (ref->number < 1 || ref->number > 3) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "there is none");
    }
    *out = (weir_registered){.kind = ref->number == 3 ? WEIR_REGISTERED_JSON : WEIR_REGISTERED_AVRO,
        .texts = &texts[ref->number == 2],
        .count = 1};
    return WEIR_OK;
}

static void closes(void *self)
{
    (void)self;
    closed++;
}

static const weir_registry_ops ops = {.fetch = fetch, .close = closes};

static weir_status get(
    weir_avro_schemas *s, uint64_t id, const weir_known_avro **out, weir_error *err)
{
    weir_schema_ref ref = {.kind = WEIR_REF_ID, .number = id};
    return weir_avro_schemas_get(s, &ref, out, err);
}

static void test_kept(void **state)
{
    (void)state;
    weir_avro_schemas *s;
    const weir_known_avro *one, *again;
    weir_error err = {.status = WEIR_OK};
    asked = closed = 0;
    assert_int_equal(weir_avro_schemas_new((weir_registry){&ops, NULL}, &s, NULL), WEIR_OK);
    assert_int_equal(get(s, 1, &one, NULL), WEIR_OK);
    assert_int_equal(one->kind, WEIR_REGISTERED_AVRO);
    assert_true(weir_string_is(weir_gets(one->connect, "type"), weir_view_of("struct")));
    assert_int_equal(get(s, 1, &again, NULL), WEIR_OK);
    assert_ptr_equal(one, again);
    assert_int_equal(asked, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(s, 2, &one, &err), WEIR_REJECT);
        assert_null(one);
        assert_string_equal(err.code, "AVRO_SCHEMA");
    }
    assert_int_equal(asked, 2);
    assert_int_equal(get(s, 3, &one, NULL), WEIR_OK);
    assert_int_equal(one->kind, WEIR_REGISTERED_JSON);
    assert_null(one->own.avro);
    assert_int_equal(get(s, 4, &one, &err), WEIR_REJECT);
    assert_int_equal(get(s, 4, &one, &err), WEIR_REJECT); /* asked again: it may be there by now */
    assert_string_equal(err.code, "REGISTRY_NO_SCHEMA");
    assert_int_equal(asked, 5);
    weir_avro_schemas_free(s);
    assert_int_equal(closed, 1);
}

static void test_no_registry(void **state)
{
    (void)state;
    weir_avro_schemas *s;
    const weir_known_avro *k;
    weir_error err;
    assert_int_equal(weir_avro_schemas_new((weir_registry){NULL, NULL}, &s, NULL), WEIR_OK);
    assert_int_equal(get(s, 1, &k, &err), WEIR_REJECT);
    assert_string_equal(err.code, "REGISTRY_NO_SCHEMA");
    weir_avro_schemas_free(s);
}

static void test_no_memory(void **state)
{
    (void)state;
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        weir_avro_schemas *s = NULL;
        const weir_known_avro *k;
        (void)weir_alloc_fail_at(n, 0);
        st = weir_avro_schemas_new((weir_registry){&ops, NULL}, &s, NULL);
        st = st ? st : get(s, 1, &k, NULL);
        (void)weir_alloc_fail_at(0, 0);
        assert_true(st == WEIR_OK || st == WEIR_RETRY);
        weir_avro_schemas_free(s);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_no_registry),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
