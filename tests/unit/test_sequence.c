/* Transactions in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/sequence_script.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
