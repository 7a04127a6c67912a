/* Transactions in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "sim/prng.h"
#include "sync/sequence.h"

enum { META = 9, ROOM = 4000 };

/* ---- A script of records ------------------------------------------------------------------------
 */

static weir_sequenced records[ROOM];
static weir_sequence_count counts[ROOM][2];
static size_t n_records;
static weir_sequence sequence;
static weir_sequence_batch batch;

static void begin(uint64_t commit)
{
    n_records = 0;
    weir_sequence_init(&sequence, commit);
    batch = (weir_sequence_batch){.n = 0};
}

static void end(void)
{
    weir_sequence_fini(&sequence);
    weir_sequence_batch_fini(&batch);
    assert_int_equal(weir_alloc_live(), 0);
}

static weir_sequenced *record(const char *name)
{
    weir_sequenced *r = &records[n_records++];
    *r = (weir_sequenced){.item = (void *)(uintptr_t)name};
    return r;
}

static void push(uint32_t topic, int32_t number, weir_sequenced *r)
{
    weir_error err;
    assert_int_equal(weir_sequence_push(&sequence, topic, number, r, &err), WEIR_OK);
}

static void loose(uint32_t topic, int32_t number, const char *name)
{
    push(topic, number, record(name));
}

/* A change of collection `topic`, position H. */
static void change(uint32_t topic, int32_t number, const char *name, uint64_t tx, uint64_t H,
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
static void commit(const char *name, uint64_t tx, uint64_t lsn, uint64_t zero, uint64_t one)
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

static size_t take_all(size_t most)
{
    weir_error err;
    bool any = true;
    while (any) {
        assert_int_equal(weir_sequence_next(&sequence, &batch, most, &any, &err), WEIR_OK);
    }
    return batch.n_units;
}

/* The batch's names, units apart: "a b | c". */
static void expect(const char *expected)
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

static void apply_all(const char *expected)
{
    take_all(1000);
    expect(expected);
    weir_sequence_done(&batch);
}

/* ---- Cases --------------------------------------------------------------------------------------
 */

static void test_a_transaction_waits_for_all_of_it(void **state)
{
    (void)state;
    begin(0);
    commit("END1", 1, 100, 2, 1);
    change(0, 0, "b", 1, 20, 2, 1);
    apply_all("");
    change(0, 1, "c", 1, 30, 3, 2);
    apply_all("");
    uint64_t tx, have, want;
    unsigned collection;
    assert_true(weir_sequence_waits(&sequence, &tx, &collection, &have, &want));
    assert_int_equal(tx, 1);
    assert_int_equal(collection, 1);
    assert_int_equal(have, 0);
    assert_int_equal(want, 1);
    change(1, 0, "a", 1, 10, 1, 1);
    apply_all("a b c END1");
    assert_false(weir_sequence_waits(&sequence, &tx, &collection, &have, &want));
    assert_int_equal(sequence.commit, 100);
    assert_int_equal(sequence.held, 0);
    end();
}

static void test_transactions_go_in_the_order_of_their_ends(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a1", 1, 90, 1, 1);  /* sent behind the commit of 7 */
    change(1, 0, "b2", 2, 100, 1, 1); /* its H is the commit before, whatever its LSN */
    commit("END7", 7, 90, 0, 0);      /* nothing of ours */
    commit("END1", 1, 100, 1, 0);
    commit("END2", 2, 200, 0, 1);
    apply_all("END7 | a1 END1 | b2 END2");
    end();
}

static void test_a_transaction_alone_holds_up_only_what_is_behind_it(void **state)
{
    (void)state;
    begin(0);
    loose(0, 0, "row");
    change(0, 0, "a", 1, 10, 1, 1);
    loose(0, 0, "tombstone");
    loose(1, 0, "other row");
    apply_all("row | other row");
    change(0, 0, "b", 1, 20, 2, 2);
    commit("END1", 1, 100, 2, 0);
    apply_all("a tombstone b END1"); /* it keeps its place */
    end();
}

static void test_what_is_sent_again_counts_once(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a", 1, 10, 1, 1);
    change(0, 0, "again", 1, 10, 1, 1);
    commit("END1", 1, 100, 2, 0);
    apply_all("");
    change(0, 0, "b", 1, 20, 2, 2);
    apply_all("a again b END1");
    change(0, 0, "late again", 1, 20, 2, 2); /* of a transaction that is past */
    commit("END1 again", 1, 100, 2, 0);
    apply_all("late again | END1 again");
    end();
}

/* Its END, sent again, leaves in one batch with it: neither is done with before the batch is. */
static void test_what_is_put_back_is_still_gathered(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a", 1, 10, 1, 1);
    change(1, 0, "b", 1, 20, 2, 1);
    commit("END1", 1, 100, 1, 1);
    commit("END1 again", 1, 100, 1, 1);
    assert_int_equal(take_all(1000), 2);
    expect("a b END1 | END1 again");
    weir_sequence_put_back(&batch, 0, true);
    weir_sequence_done(&batch);
    weir_sequence_retry(&sequence);
    apply_all("a b END1 | END1 again");
    assert_int_equal(sequence.gathered.count, 0);
    end();
}

/* A BEGIN that comes again behind its transaction leaves nothing behind. */
static void test_what_is_met_again_is_forgotten_again(void **state)
{
    (void)state;
    begin(0);
    commit("END1", 1, 100, 0, 0);
    apply_all("END1");
    weir_sequenced *r = record("BEGIN1 again");
    r->kind = WEIR_SEQUENCED_BEGIN;
    r->tx = 1;
    push(META, 0, r);
    commit("END1 again", 1, 100, 0, 0);
    apply_all("BEGIN1 again END1 again");
    assert_int_equal(sequence.gathered.count, 0);
    end();
}

static void test_a_start_goes_on_behind_the_last_commit(void **state)
{
    (void)state;
    begin(100);
    change(0, 0, "old", 1, 99, 1, 1);
    change(0, 0, "new", 2, 100, 1, 1); /* its last commit is the one that was applied */
    commit("END1", 1, 100, 2, 0);
    apply_all("old | END1");
    commit("END2", 2, 200, 1, 0);
    apply_all("new END2");
    end();
}

/* A part of the metadata's topic is gone: those changes are not held for ever. */
static void test_changes_without_their_end_go_before_a_later_transaction(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "lost", 1, 10, 1, 1);
    change(0, 0, "a", 2, 110, 1, 1);
    change(0, 1, "lost too", 1, 11, 2, 2);
    apply_all("");
    commit("END2", 2, 200, 1, 0);
    apply_all("lost a END2 | lost too");
    end();
}

static void test_what_is_refused_waits_for_others(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a", 1, 10, 1, 1);
    commit("END1", 1, 100, 1, 0);
    loose(1, 0, "row");
    change(0, 0, "b", 2, 110, 1, 1);
    commit("END2", 2, 200, 1, 0);
    assert_int_equal(take_all(1000), 3);
    expect("row | a END1 | b END2");
    weir_sequence_put_back(&batch, 1, true);
    expect("row");
    assert_int_equal(sequence.commit, 0);
    weir_sequence_done(&batch);
    loose(1, 0, "row 2");
    apply_all("row 2");
    assert_true(weir_sequence_retry(&sequence));
    assert_false(weir_sequence_retry(&sequence));
    apply_all("a END1 | b END2");
    end();
}

static void test_a_run_is_put_back_in_part(void **state)
{
    (void)state;
    begin(0);
    loose(0, 0, "r1");
    loose(0, 0, "r2");
    loose(0, 0, "r3");
    change(0, 0, "a", 1, 10, 1, 1);
    commit("END1", 1, 100, 1, 0);
    change(1, 0, "b", 2, 110, 1, 1);
    commit("END2", 2, 200, 0, 1);
    assert_int_equal(take_all(1000), 3);
    weir_sequence_put_back(&batch, 1, true);
    expect("r1");
    weir_sequence_done(&batch);
    apply_all(""); /* the transaction stands behind it in its partition, the next one behind that */
    weir_sequence_retry(&sequence);
    apply_all("r2 r3 | a END1 | b END2");
    end();
}

static void test_a_batch_is_bounded_but_for_transactions(void **state)
{
    (void)state;
    weir_error err;
    bool any;
    begin(0);
    loose(0, 0, "r1");
    loose(0, 0, "r2");
    loose(0, 0, "r3");
    assert_int_equal(weir_sequence_next(&sequence, &batch, 2, &any, &err), WEIR_OK);
    expect("r1 r2");
    weir_sequence_done(&batch);
    apply_all("r3");
    change(0, 0, "a", 1, 10, 1, 1);
    change(0, 0, "b", 1, 20, 2, 2);
    commit("END1", 1, 100, 2, 0);
    assert_int_equal(weir_sequence_next(&sequence, &batch, 1, &any, &err), WEIR_OK);
    expect("a b END1");
    weir_sequence_done(&batch);
    end();
}

static void test_ends_come_in_one_partition(void **state)
{
    (void)state;
    weir_error err;
    begin(0);
    commit("END1", 1, 100, 0, 0);
    weir_sequenced *r = record("END2");
    r->kind = WEIR_SEQUENCED_END;
    assert_int_equal(weir_sequence_push(&sequence, META, 1, r, &err), WEIR_FATAL);
    assert_string_equal(err.code, "TRANSACTION_METADATA");
    end();
}

static void begun(uint64_t tx)
{
    weir_sequenced *r = record("BEGIN");
    r->kind = WEIR_SEQUENCED_BEGIN;
    r->tx = tx;
    push(META, 0, r);
}

/* The connector was restarted behind c1, and counts from there. */
static void test_what_is_numbered_anew_goes_by_positions(void **state)
{
    (void)state;
    uint64_t tx;
    begin(100);
    change(0, 0, "c1", 2, 111, 1, 1);
    change(0, 1, "c2", 2, 112, 2, 2);
    change(0, 0, "c3", 2, 113, 3, 3);
    change(0, 1, "c2'", 2, 112, 1, 1);
    change(0, 0, "c3'", 2, 113, 2, 2);
    change(0, 1, "c4", 2, 114, 3, 3);
    commit("END", 2, 200, 4, 0);
    apply_all("");
    assert_false(weir_sequence_doubts(&sequence, &tx)); /* c5 lacks */
    change(0, 0, "c5", 2, 115, 4, 4);
    apply_all("");
    assert_true(weir_sequence_doubts(&sequence, &tx));
    assert_int_equal(tx, 2);
    sequence.as_it_is = true;
    take_all(1000);
    weir_sequence_put_back(&batch, 0, true); /* refused, it needs no second word */
    weir_sequence_retry(&sequence);
    apply_all("c1 c2 c2' c3 c3' c4 c5 END");
    assert_false(sequence.as_it_is);
    assert_int_equal(sequence.held, 0);
    end();
}

static void test_a_second_begin_before_the_end_is_doubted(void **state)
{
    (void)state;
    uint64_t tx;
    begin(100);
    begun(2);
    change(0, 0, "c1", 2, 111, 1, 1);
    begun(2);
    commit("END", 2, 200, 0, 0); /* all was sent before the restart */
    apply_all("");               /* neither BEGIN is done with: who starts anew meets both again */
    assert_true(weir_sequence_doubts(&sequence, &tx));
    change(0, 1, "c2", 2, 112, 2, 2); /* … and is read late */
    sequence.as_it_is = true;
    take_all(1000);
    weir_sequence_put_back(&batch, 0, true);
    assert_int_equal(sequence.n_begun, 2);
    weir_sequence_retry(&sequence);
    apply_all("c1 c2 BEGIN BEGIN END");
    begun(3);
    change(0, 0, "d", 3, 211, 1, 1);
    commit("END3", 3, 300, 1, 0);
    begun(3); /* sent again behind its END: it is whole */
    assert_false(weir_sequence_doubts(&sequence, &tx));
    apply_all("d BEGIN BEGIN END3");
    commit("END3 again", 3, 300, 1, 0);
    apply_all("END3 again");
    assert_int_equal(sequence.n_begun, 0);
    end();
}

/* What comes again of transactions that are past ends with its own END, and does not end one that
 * is open; one whose END is lost ends with the next one that comes. */
static void test_a_begin_stays_until_its_end(void **state)
{
    (void)state;
    begin(100);
    begun(7);
    begun(5);
    commit("END5 again", 5, 90, 0, 0);
    apply_all("BEGIN END5 again");
    assert_int_equal(sequence.n_begun, 1);
    begun(8);
    commit("END8", 8, 200, 0, 0);
    begun(9);
    apply_all("BEGIN BEGIN END8");
    assert_int_equal(sequence.n_begun, 1);
    commit("END9", 9, 300, 0, 0);
    apply_all("BEGIN END9");
    end();
}

static int32_t two(void *ctx, unsigned collection)
{
    (void)ctx;
    (void)collection;
    return 2;
}

static void test_what_compaction_took_is_not_waited_for(void **state)
{
    (void)state;
    begin(0);
    commit("END1", 1, 100, 2, 0);
    change(0, 0, "a", 1, 10, 1, 1);
    change(0, 0, "b", 2, 100, 1, 1); /* C is the commit of 1 */
    apply_all("");
    assert_false(
        weir_sequence_has_lost(&sequence, two, NULL)); /* the other partition may bring it */
    change(0, 1, "c", 3, 250, 1, 1);
    assert_true(weir_sequence_has_lost(&sequence, two, NULL));
    sequence.as_it_is = true;
    apply_all("a END1");
    commit("END2", 2, 200, 1, 0);
    commit("END3", 3, 300, 1, 0);
    assert_false(weir_sequence_has_lost(&sequence, two, NULL));
    apply_all("b END2 | c END3");
    end();
}

static void test_a_source_that_went_back_has_nothing_behind_it(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a", 1, 1000, 1, 1);
    change(0, 1, "b", 1, 1001, 2, 2);
    commit("END1", 1, 1100, 2, 0);
    apply_all("a b END1");
    change(0, 0, "back", 2, 10, 1, 1);
    apply_all("back");
    weir_sequence_regress(&sequence, 0);
    commit("END3", 3, 200, 1, 0);
    apply_all("");
    assert_false(weir_sequence_has_lost(&sequence, two, NULL)); /* positions of the older history */
    change(0, 1, "c", 3, 110, 1, 1);
    apply_all("c END3");
    end();
}

static void test_a_transaction_fills_a_partition_alone(void **state)
{
    (void)state;
    begin(0);
    change(0, 0, "a", 1, 10, 1, 1);
    assert_true(weir_sequence_is_one(&sequence));
    change(0, 0, "b", 2, 110, 1, 1);
    assert_false(weir_sequence_is_one(&sequence)); /* many, whose ENDs are late */
    commit("END1", 1, 100, 2, 0);
    assert_false(weir_sequence_is_one(&sequence)); /* what it lacks comes in another partition */
    change(0, 1, "a2", 1, 11, 2, 2);
    apply_all("a a2 END1");
    commit("END2", 2, 200, 2, 0);
    assert_true(weir_sequence_is_one(&sequence));
    change(0, 0, "b2", 2, 111, 2, 2);
    apply_all("b b2 END2");
    end();
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (int k = 1;; k++) {
        begin(0);
        weir_alloc_fail_at(k, false);
        weir_sequenced *a = record("a"), *e = record("END");
        weir_sequence_count one = {0, 1};
        weir_error err;
        bool any = false;
        *a = (weir_sequenced){.kind = WEIR_SEQUENCED_CHANGE, .tx = 1, .total = 1, .order = 1};
        *e = (weir_sequenced){
            .kind = WEIR_SEQUENCED_END, .tx = 1, .commit = 5, .counts = &one, .n_counts = 1};
        weir_status st = weir_sequence_push(&sequence, 0, 0, a, &err);
        st = st ? st : weir_sequence_push(&sequence, META, 0, e, &err);
        st = st ? st : weir_sequence_next(&sequence, &batch, 10, &any, &err);
        weir_alloc_fail_at(0, 0);
        if (!st) {
            assert_true(any);
            assert_int_equal(batch.n, 2);
        } else {
            assert_string_equal(err.code, "OUT_OF_MEMORY");
        }
        weir_sequence_done(&batch);
        end();
        if (!st) {
            assert_true(k > 4);
            return;
        }
    }
}

/* ---- Any interleaving ---------------------------------------------------------------------------
 */

enum { TRANSACTIONS = 60, QUEUES = 6 };

typedef struct sent {
    weir_sequenced record;
    uint32_t topic;
    int32_t number;
    uint64_t place; /* in the source's order, from 1 */
} sent;

static sent history[ROOM];
static weir_sequence_count of_end[TRANSACTIONS][2];
static size_t n_sent;

static void send_transaction(sim_rng *rng, uint64_t tx, uint64_t *lsn)
{
    uint64_t orders[2] = {0, 0}, before = *lsn;
    size_t n = sim_below(rng, 5);
    for (size_t i = 1; i <= n; i++) {
        unsigned c = (unsigned)sim_below(rng, 2);
        uint64_t early = before > 50 && sim_chance(rng, .3) ? before - 40 + i : ++*lsn;
        history[n_sent++] = (sent){.record = {.kind = WEIR_SEQUENCED_CHANGE,
                                       .collection = c,
                                       .tx = tx,
                                       .H = early > before ? early : before,
                                       .total = i,
                                       .order = ++orders[c]},
            .topic = c,
            .number = (int32_t)sim_below(rng, QUEUES / 2),
            .place = tx * 100 + i};
    }
    weir_sequence_count *c = of_end[tx - 1];
    c[0] = (weir_sequence_count){0, orders[0]};
    c[1] = (weir_sequence_count){1, orders[1]};
    history[n_sent++] = (sent){.record = {.kind = WEIR_SEQUENCED_END,
                                   .tx = tx,
                                   .commit = *lsn += 10,
                                   .counts = c,
                                   .n_counts = 2},
        .topic = META,
        .place = tx * 100 + 99};
}

/* A record that has not gone yet, whose queue has none before it. */
static size_t choose(sim_rng *rng, const bool *gone)
{
    for (;;) {
        size_t i = sim_below(rng, n_sent);
        bool first = !gone[i];
        for (size_t k = 0; k < i && first; k++) {
            first = gone[k] || history[k].topic != history[i].topic ||
                    history[k].number != history[i].number;
        }
        if (first) {
            return i;
        }
    }
}

static void check_order(sim_rng *rng, uint64_t *reached, size_t *applied)
{
    weir_error err;
    bool any = true;
    while (any && sim_chance(rng, .9)) {
        assert_int_equal(weir_sequence_next(&sequence, &batch, 100, &any, &err), WEIR_OK);
    }
    if (batch.n_units && sim_chance(rng, .3)) { /* the store refuses some of it */
        size_t unit = sim_below(rng, batch.n_units);
        weir_sequence_put_back(&batch, batch.units[unit].from, true);
        weir_sequence_retry(&sequence);
    }
    for (size_t i = 0; i < batch.n; i++) {
        const sent *s = batch.records[i]->item;
        assert_true(s->place > *reached);
        *reached = s->place;
    }
    *applied += batch.n;
    weir_sequence_done(&batch);
}

static void test_any_interleaving_ends_in_the_sources_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        sim_rng rng = sim_rng_of(seed, 1);
        bool gone[ROOM] = {false};
        uint64_t lsn = 0, reached = 0;
        size_t applied = 0;
        begin(0);
        n_sent = 0;
        for (uint64_t tx = 1; tx <= TRANSACTIONS; tx++) {
            send_transaction(&rng, tx, &lsn);
        }
        for (size_t n = 0; n < n_sent; n++) {
            size_t i = choose(&rng, gone);
            gone[i] = true;
            history[i].record.item = &history[i];
            push(history[i].topic, history[i].number, &history[i].record);
            check_order(&rng, &reached, &applied);
        }
        while (applied < n_sent) {
            check_order(&rng, &reached, &applied);
        }
        assert_int_equal(sequence.commit, lsn);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_waits_for_all_of_it),
        cmocka_unit_test(test_transactions_go_in_the_order_of_their_ends),
        cmocka_unit_test(test_a_transaction_alone_holds_up_only_what_is_behind_it),
        cmocka_unit_test(test_what_is_sent_again_counts_once),
        cmocka_unit_test(test_what_is_put_back_is_still_gathered),
        cmocka_unit_test(test_what_is_met_again_is_forgotten_again),
        cmocka_unit_test(test_a_start_goes_on_behind_the_last_commit),
        cmocka_unit_test(test_changes_without_their_end_go_before_a_later_transaction),
        cmocka_unit_test(test_what_is_refused_waits_for_others),
        cmocka_unit_test(test_a_run_is_put_back_in_part),
        cmocka_unit_test(test_a_batch_is_bounded_but_for_transactions),
        cmocka_unit_test(test_ends_come_in_one_partition),
        cmocka_unit_test(test_what_is_numbered_anew_goes_by_positions),
        cmocka_unit_test(test_a_second_begin_before_the_end_is_doubted),
        cmocka_unit_test(test_a_begin_stays_until_its_end),
        cmocka_unit_test(test_what_compaction_took_is_not_waited_for),
        cmocka_unit_test(test_a_source_that_went_back_has_nothing_behind_it),
        cmocka_unit_test(test_a_transaction_fills_a_partition_alone),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_any_interleaving_ends_in_the_sources_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
