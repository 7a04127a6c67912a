/* A batch in the order of its keys: topics, keys by their bytes, and of one key what came first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_sync.h"

enum { MOST_ITEMS = 3000, JOBS = 7 };

typedef struct batch {
    weir_sync sync;
    weir_sync_topic topics[2];
    weir_sync_item items[MOST_ITEMS];
    weir_change changes[MOST_ITEMS];
    char keys[MOST_ITEMS][16];
    weir_sync_job jobs[JOBS];
    size_t n;
} batch;

static batch *batch_new(void)
{
    batch *b = weir_calloc(1, sizeof *b);
    assert_non_null(b);
    b->topics[0].n_caches = b->topics[1].n_caches = 1;
    return b;
}

static void batch_free(batch *b)
{
    weir_free(b->sync.ordering.entries);
    weir_free(b->sync.ordering.spare);
    weir_free(b->sync.ordering.ends);
    weir_free(b);
    assert_int_equal(weir_alloc_live(), 0);
}

/* key NULL: a truncate. */
static weir_sync_item *add(batch *b, int topic, const char *key)
{
    weir_sync_item *item = &b->items[b->n];
    snprintf(b->keys[b->n], sizeof b->keys[0], "%s", key ? key : "");
    b->changes[b->n].key = key ? weir_view_of(b->keys[b->n]) : (weir_view){NULL, 0};
    *item = (weir_sync_item){
        .topic = &b->topics[topic], .is_change = true, .changes = &b->changes[b->n]};
    b->n++;
    return item;
}

/* The items so far, in jobs of about the same size. */
static weir_status order(batch *b, weir_sync_entry **out, size_t *n, weir_error *err)
{
    size_t each = b->n / JOBS + 1;
    for (size_t j = 0; j < JOBS; j++) {
        size_t from = j * each < b->n ? j * each : b->n;
        b->jobs[j] = (weir_sync_job){.next = j + 1 < JOBS ? &b->jobs[j + 1] : NULL,
            .items = b->items + from,
            .n = b->n - from < each ? b->n - from : each};
    }
    return weir_sync_order(&b->sync, b->jobs, out, n, err);
}

static void expect_order(batch *b, const char *keys)
{
    weir_sync_entry *e;
    size_t n;
    char got[256] = "";
    assert_int_equal(order(b, &e, &n, NULL), WEIR_OK);
    for (size_t i = 0; i < n; i++) {
        char one[64];
        snprintf(one, sizeof one, "%s%d:%.*s/%d", i ? " " : "", (int)(e[i].item->topic - b->topics),
            WEIR_ARG(e[i].key), (int)(e[i].item - b->items));
        strcat(got, one);
    }
    assert_string_equal(got, keys);
}

static void test_topics_and_keys(void **state)
{
    (void)state;
    batch *b = batch_new();
    expect_order(b, "");
    add(b, 1, "a");
    add(b, 0, "b");
    add(b, 0, "ab");
    add(b, 0, "b");
    add(b, 0, "a");
    add(b, 1, "\xff");
    add(b, 0, NULL);
    add(b, 1, "");
    expect_order(b, "0:/6 0:a/4 0:ab/2 0:b/1 0:b/3 1:/7 1:a/0 1:\xff/5");
    batch_free(b);
}

/* What has no key to change is not there: records that are passed, and those without a cache. */
static void test_only_what_changes_keys(void **state)
{
    (void)state;
    batch *b = batch_new();
    static const weir_error error = {.status = WEIR_REJECT};
    add(b, 0, "c");
    add(b, 0, "b")->is_change = false;
    *add(b, 0, "") =
        (weir_sync_item){.topic = &b->topics[0], .error = &error, .key = weir_view_of("a")};
    *add(b, 0, "") = (weir_sync_item){.topic = &b->topics[0], .error = &error};
    add(b, 1, "d");
    b->topics[1].n_caches = 0;
    expect_order(b, "0:a/2 0:c/0");
    batch_free(b);
}

static uint32_t next_random(uint32_t *r)
{
    *r = *r * 1664525u + 1013904223u;
    return *r >> 8;
}

/* Few keys, so that many are equal; in runs, so that some neighbours need no merging. */
static void test_any_batch(void **state)
{
    (void)state;
    uint32_t r = 7;
    for (int round = 0; round < 60; round++) {
        batch *b = batch_new();
        size_t n = next_random(&r) % MOST_ITEMS, at = 0, got;
        uint32_t keys = next_random(&r) % 500 + 1, run = next_random(&r) % 60 + 1;
        char key[16];
        for (size_t i = 0; i < n; i++) {
            at = next_random(&r) % run ? at + 1 : next_random(&r);
            snprintf(key, sizeof key, "%06u", (unsigned)(at % keys));
            add(b, next_random(&r) % 8 == 0, key);
        }
        weir_sync_entry *e;
        assert_int_equal(order(b, &e, &got, NULL), WEIR_OK);
        assert_int_equal(got, n);
        for (size_t i = 1; i < n; i++) {
            ptrdiff_t topics = e[i].item->topic - e[i - 1].item->topic;
            int c = memcmp(e[i - 1].key.ptr, e[i].key.ptr, 6);
            assert_true(topics >= 0);
            assert_true(topics || c < 0 || (c == 0 && e[i - 1].item < e[i].item));
        }
        batch_free(b);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    weir_sync_entry *e;
    size_t n;
    for (long fails = 1; fails <= 3; fails++) {
        weir_error err;
        batch *b = batch_new();
        add(b, 0, "b");
        weir_alloc_fail_at(fails, 0);
        assert_int_not_equal(order(b, &e, &n, &err), WEIR_OK);
        assert_string_equal(err.code, "OUT_OF_MEMORY");
        weir_alloc_fail_at(0, 0);
        add(b, 0, "a");
        expect_order(b, "0:a/1 0:b/0");
        batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topics_and_keys),
        cmocka_unit_test(test_only_what_changes_keys),
        cmocka_unit_test(test_any_batch),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
