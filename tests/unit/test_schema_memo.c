/* The memo of schema blocks: what is known, for how long, and within which bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cdc/schema_memo.h"

static const weir_table_types some_types;

static weir_view view(const char *text)
{
    return weir_view_of(text);
}

/* Keeps a schema whose prefix is "{<text>:" */
static weir_known_schema *keep(weir_schema_memo *m, const char *topic, bool of_key,
    const char *text, const weir_table_types *types)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "{%s:", text);
    weir_known_schema *s = weir_known_schema_new(view(prefix), view(text), types);
    assert_non_null(s);
    assert_int_equal(weir_schema_memo_keep(m, view(topic), of_key, s, NULL), WEIR_OK);
    return s;
}

static weir_known_schemas *values(weir_schema_memo *m, const char *topic)
{
    weir_topic_schemas *t = weir_schema_memo_topic(m, view(topic));
    return t ? &t->values : NULL;
}

static void test_by_prefix(void **state)
{
    (void)state;
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    assert_null(weir_schema_memo_topic(&m, view("t")));
    weir_known_schema *a = keep(&m, "t", false, "a", NULL), *b = keep(&m, "t", false, "b", NULL);
    assert_null(weir_schema_memo_topic(&m, view("u")));
    for (int round = 0; round < 3; round++) { /* two versions take turns */
        assert_ptr_equal(weir_known_schema_match(values(&m, "t"), view("{a:1")), a);
        assert_ptr_equal(weir_known_schema_match(values(&m, "t"), view("{b:1")), b);
    }
    assert_null(weir_known_schema_match(values(&m, "t"), view("{a:"))); /* nothing behind it */
    assert_null(weir_known_schema_match(values(&m, "t"), view("{c:1")));
    assert_null(weir_known_schema_match(values(&m, "t"), view("")));
    weir_schema_memo_fini(&m);
}

static void test_keys_and_values_are_apart(void **state)
{
    (void)state;
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    weir_known_schema *key = keep(&m, "t", true, "a", NULL),
                      *value = keep(&m, "t", false, "a", NULL);
    weir_topic_schemas *t = weir_schema_memo_topic(&m, view("t"));
    assert_ptr_equal(weir_known_schema_match(&t->keys, view("{a:1")), key);
    assert_ptr_equal(weir_known_schema_match(&t->values, view("{a:1")), value);
    weir_schema_memo_fini(&m);
}

static void test_by_text_and_types(void **state)
{
    (void)state;
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    weir_known_schema *plain = keep(&m, "t", false, "a", NULL);
    weir_known_schema *typed = keep(&m, "t", false, "a", &some_types);
    weir_known_schemas *v = values(&m, "t");
    assert_ptr_equal(weir_known_schema_find(v, view(""), view("a"), NULL), plain);
    assert_ptr_equal(weir_known_schema_find(v, view(""), view("a"), &some_types), typed);
    assert_ptr_equal(weir_known_schema_find(v, view("{a:"), view("a"), NULL), plain);
    assert_null(weir_known_schema_find(v, view("{ a:"), view("a"), NULL)); /* a new prefix */
    assert_null(weir_known_schema_find(v, view(""), view("b"), NULL));
    weir_schema_memo_fini(&m);
}

static void test_a_schema_without_a_prefix(void **state)
{
    (void)state;
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    weir_known_schema *s = weir_known_schema_new(view(""), view("a"), NULL);
    assert_int_equal(weir_schema_memo_keep(&m, view("t"), false, s, NULL), WEIR_OK);
    assert_null(weir_known_schema_match(values(&m, "t"), view("{a:1")));
    assert_ptr_equal(weir_known_schema_find(values(&m, "t"), view(""), view("a"), NULL), s);
    weir_schema_memo_fini(&m);
}

/* The least recently used goes, and lives on until the release: its text can still be read. */
static void test_the_fifth(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "b", "c", "d", "e"};
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    long live = 0;
    weir_known_schema *s[5];
    for (int i = 0; i < 5; i++) {
        if (i == 4) {
            assert_ptr_equal(weir_known_schema_match(values(&m, "t"), view("{a:1")), s[0]);
            live = weir_alloc_live();
        }
        s[i] = keep(&m, "t", false, texts[i], NULL);
    }
    assert_null(weir_known_schema_match(values(&m, "t"), view("{b:1")));
    assert_true(weir_view_is(s[1]->text, "b"));
    weir_schema_memo_release(&m);
    assert_int_equal(weir_alloc_live(), live);
    assert_ptr_equal(weir_known_schema_match(values(&m, "t"), view("{a:1")), s[0]);
    assert_ptr_equal(weir_known_schema_match(values(&m, "t"), view("{e:1")), s[4]);
    weir_schema_memo_fini(&m);
}

/* What is too large is used once and not kept. */
static void test_a_huge_schema(void **state)
{
    (void)state;
    enum { HUGE_SCHEMA = 2 << 20 };
    char *text = calloc(1, HUGE_SCHEMA);
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    long live = weir_alloc_live();
    weir_known_schema *s = weir_known_schema_new(view(""), weir_view_make(text, HUGE_SCHEMA), NULL);
    assert_int_equal(weir_schema_memo_keep(&m, view("t"), false, s, NULL), WEIR_OK);
    assert_int_equal(s->text.len, HUGE_SCHEMA);
    assert_null(weir_schema_memo_topic(&m, view("t")));
    assert_int_equal(m.bytes, 0);
    weir_schema_memo_release(&m);
    assert_int_equal(weir_alloc_live(), live);
    weir_schema_memo_fini(&m);
    free(text);
}

/* However many topics there are, the memory is bounded, and what was just kept is there. */
static void test_many_topics(void **state)
{
    (void)state;
    enum { TOPICS = 500, BYTES = 200000, BOUND = 32 << 20 };
    char *text = calloc(1, BYTES);
    weir_schema_memo m;
    weir_schema_memo_init(&m);
    size_t most = 0;
    for (int i = 0; i < TOPICS; i++) {
        char topic[16];
        snprintf(topic, sizeof topic, "t%d", i);
        weir_known_schema *s = weir_known_schema_new(view(""), weir_view_make(text, BYTES), NULL);
        assert_int_equal(weir_schema_memo_keep(&m, view(topic), false, s, NULL), WEIR_OK);
        assert_ptr_equal(values(&m, topic)->of[0], s);
        assert_int_equal(s->text.len, BYTES);
        most = m.bytes > most ? m.bytes : most;
        weir_schema_memo_release(&m);
    }
    assert_in_range(most, BOUND / 2, BOUND);
    weir_schema_memo_fini(&m);
    free(text);
}

static void test_without_memory(void **state)
{
    (void)state;
    long live = weir_alloc_live();
    for (long n = 1, more = 1; more; n++) {
        weir_schema_memo m;
        weir_schema_memo_init(&m);
        weir_error err = {.status = WEIR_OK};
        weir_alloc_fail_at(n, 0);
        weir_known_schema *s = weir_known_schema_new(view("{a:"), view("a"), NULL);
        weir_status status = s ? weir_schema_memo_keep(&m, view("t"), false, s, &err) : WEIR_RETRY;
        more = weir_alloc_fail_at(0, 0) >= n;
        assert_int_equal(status, more ? WEIR_RETRY : WEIR_OK);
        assert_true(!s || weir_view_is(s->text, "a")); /* taken over, on failure too */
        weir_schema_memo_fini(&m);
        assert_int_equal(weir_alloc_live(), live);
    }
    weir_known_schema_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_prefix),
        cmocka_unit_test(test_keys_and_values_are_apart),
        cmocka_unit_test(test_by_text_and_types),
        cmocka_unit_test(test_a_schema_without_a_prefix),
        cmocka_unit_test(test_the_fifth),
        cmocka_unit_test(test_a_huge_schema),
        cmocka_unit_test(test_many_topics),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests_name("schema_memo", tests, NULL, NULL);
}
