/* A script of records for the order of transactions. Include after cmocka.h. */
#ifndef WEIR_TESTS_SEQUENCE_SCRIPT_H
#define WEIR_TESTS_SEQUENCE_SCRIPT_H

#include "base/alloc.h"
#include "sync/sequence.h"

enum { META = 9, ROOM = 4000 };

/* ---- A script of records ------------------------------------------------------------------------
 */

static weir_sequenced records[ROOM];
static weir_sequence_count counts[ROOM][2];
static size_t n_records;
static weir_sequence sequence;
static weir_sequence_batch batch;

static inline void begin(uint64_t commit)
{
    n_records = 0;
    weir_sequence_init(&sequence, commit);
    batch = (weir_sequence_batch){.n = 0};
}

static inline void end(void)
{
    weir_sequence_fini(&sequence);
    weir_sequence_batch_fini(&batch);
    assert_int_equal(weir_alloc_live(), 0);
}

static inline weir_sequenced *record(const char *name)
{
    weir_sequenced *r = &records[n_records++];
    *r = (weir_sequenced){.item = (void *)(uintptr_t)name};
    return r;
}

static inline void push(uint32_t topic, int32_t number, weir_sequenced *r)
{
    weir_error err;
    assert_int_equal(weir_sequence_push(&sequence, topic, number, r, &err), WEIR_OK);
}

static inline void loose(uint32_t topic, int32_t number, const char *name)
{
    push(topic, number, record(name));
}

/* A change of collection `topic`, position H. */
static inline void change(uint32_t topic, int32_t number, const char *name, uint64_t tx, uint64_t H,
    uint64_t total, uint64_t order)
{
    weir_sequenced *r = record(name);
    r->kind = WEIR_SEQUENCED_CHANGE;
    r->collection = topic;
    r->tx = tx;
    r->H = r->l = H;
    r->total = total;
    r->order = order;
    push(topic, number, r);
}

/* Of collections 0 and 1. */
static inline void commit(const char *name, uint64_t tx, uint64_t lsn, uint64_t zero, uint64_t one)
{
    weir_sequenced *r = record(name);
    weir_sequence_count *c = counts[n_records - 1];
    r->kind = WEIR_SEQUENCED_END;
    r->tx = tx;
    r->commit = lsn;
    c[0] = (weir_sequence_count){0, zero};
    c[1] = (weir_sequence_count){1, one};
    r->counts = c;
    r->n_counts = 2;
    push(META, 0, r);
}

static inline size_t take_all(size_t most)
{
    weir_error err;
    bool any = true;
    while (any) {
        assert_int_equal(weir_sequence_next(&sequence, &batch, most, &any, &err), WEIR_OK);
    }
    return batch.n_units;
}

/* The batch's names, units apart: "a b | c". */
static inline void expect(const char *expected)
{
    char text[400] = "";
    for (size_t u = 0; u < batch.n_units; u++) {
        strcat(text, u ? " |" : "");
        for (size_t i = 0; i < batch.units[u].n; i++) {
            strcat(text, u || i ? " " : "");
            strcat(text, batch.records[batch.units[u].from + i]->item);
        }
    }
    assert_string_equal(text, expected);
}

static inline void apply_all(const char *expected)
{
    take_all(1000);
    expect(expected);
    weir_sequence_done(&batch);
}

#endif
