/* A merge at work in one open transaction of a memory store, for the tests of the merge: records to
 * apply, and what is there afterwards. Include after cmocka.h.
 *
 * Thread: the test's. */
#ifndef WEIR_TESTS_MERGE_BENCH_H
#define WEIR_TESTS_MERGE_BENCH_H

#include "base/alloc.h"
#include "cdc/merge.h"
#include "memory/memory_store.h"

#define ROW(id, v, b) "{\"id\":" #id ",\"v\":" #v ",\"b\":" b "}"

/* ---- A merge at work, in one open transaction --------------------------------------------------
 */

typedef struct bench {
    weir_store store;
    weir_merge merge;
    int64_t next[4]; /* offset of the next record, per partition */
    int64_t now_ms;
    long live; /* blocks of memory before it was opened */
} bench;

static inline void begin(bench *b)
{
    assert_int_equal(b->store.ops->begin(b->store.self, NULL), WEIR_OK);
}

static inline void commit(bench *b)
{
    assert_int_equal(weir_merge_save(&b->merge, NULL), WEIR_OK);
    assert_int_equal(b->store.ops->commit(b->store.self, NULL), WEIR_OK);
}

static inline void abort_and_load(bench *b)
{
    b->store.ops->abort(b->store.self);
    begin(b);
    assert_int_equal(weir_merge_load(&b->merge, NULL), WEIR_OK);
}

static inline void open_bench(bench *b)
{
    *b = (bench){.now_ms = 1000, .live = weir_alloc_live()};
    assert_int_equal(weir_memory_store_open(0, &b->store, NULL), WEIR_OK);
    weir_merge_init(&b->merge, b->store, 0);
    begin(b);
}

static inline void close_bench(bench *b)
{
    b->store.ops->abort(b->store.self);
    weir_merge_fini(&b->merge);
    b->store.ops->close(b->store.self);
    assert_int_equal(weir_alloc_live(), b->live);
}

/* ---- Records ----------------------------------------------------------------------------------
 */

static inline weir_change streamed(char op, const char *key, uint64_t l)
{
    return (weir_change){.kind = WEIR_STREAMED,
        .op = op,
        .has_commit = true,
        .commit = l - 1,
        .at = {l, l},
        .has_tx = true,
        .tx = l,
        .ts_ms = (int64_t)l,
        .key = weir_view_of(key)};
}

static inline weir_change upsert(
    char op, const char *key, uint64_t l, const char *row, const char *missing)
{
    weir_change c = streamed(op, key, l);
    c.row = weir_view_of(row);
    c.missing = weir_view_of(missing);
    return c;
}

static inline weir_change snapshot_row(const char *key, uint64_t l, const char *row)
{
    return (weir_change){.kind = WEIR_READ,
        .op = 'r',
        .at = {l, l},
        .key = weir_view_of(key),
        .row = weir_view_of(row)};
}

static inline weir_change moved(weir_change c, const char *other)
{
    c.other = weir_view_of(other);
    return c;
}

/* At the next offset of partition 0. */
static inline weir_change placed(bench *b, weir_change c)
{
    c.offset = b->next[c.partition]++;
    return c;
}

static inline void apply(bench *b, weir_change c)
{
    weir_error err;
    c = placed(b, c);
    weir_status s = weir_merge_apply(&b->merge, &c, b->now_ms, &err);
    if (s) {
        fail_msg("%s: %s", err.code, err.text);
    }
}

static inline void quarantine(bench *b, const char *key)
{
    assert_int_equal(
        weir_merge_quarantine(&b->merge, weir_view_of(key), 0, b->next[0]++, b->now_ms, NULL),
        WEIR_OK);
}

/* ---- What is there ----------------------------------------------------------------------------
 */

static inline weir_view get(bench *b, weir_space space, const char *key)
{
    weir_view v;
    assert_int_equal(
        b->store.ops->get(b->store.self, 0, space, weir_view_of(key), &v, NULL), WEIR_OK);
    return v;
}

static inline void assert_row(bench *b, const char *key, const char *expected)
{
    weir_view row = get(b, WEIR_SPACE_ROW, key);
    if (!expected) {
        assert_null(row.ptr);
    } else if (!row.ptr || !weir_view_is(row, expected)) {
        fail_msg("%s: %.*s, not %s", key, WEIR_ARG(row), expected);
    }
}

/* Borrowed from the store until the next write. */
static inline weir_state state_of(bench *b, const char *key)
{
    weir_state st;
    weir_view bytes = get(b, WEIR_SPACE_STATE, key);
    assert_non_null(bytes.ptr);
    assert_int_equal(weir_state_get(bytes, &st, NULL), WEIR_OK);
    return st;
}

static inline bool has_state(bench *b, const char *key)
{
    return get(b, WEIR_SPACE_STATE, key).ptr != NULL;
}

static inline weir_status count_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    ++*(int *)ctx;
    return WEIR_OK;
}

static inline int count_of(bench *b, weir_space space)
{
    int n = 0;
    assert_int_equal(
        b->store.ops->each(b->store.self, 0, space, weir_view_of(""), count_one, &n, NULL),
        WEIR_OK);
    return n;
}

#endif
