/* Intake: which lane a record comes to, how much room there is, and what memory that runs out
 * stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/scripted_engine.h"

enum { RECORD_COST = sizeof(weir_record) + 448 };

/* ---- Delivery -----------------------------------------------------------------------------------
 */

/* Equal keys of a partition share a lane and keep their order; so do records without one. */
static void test_lanes(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e", NULL};
    world w;
    unsigned lane_of[6] = {0}, used = 0;
    int64_t last[6] = {-1, -1, -1, -1, -1, -1};
    begin(&w, (weir_engine_options){.lanes = 4});
    assign(&w, 0, 0);
    for (int i = 0; i < 60; i++) {
        script_record(&w.script, 0, i, keys[i % 6]);
    }
    poll_at(&w, 0);
    assert_int_equal(w.n_taken, 60);
    for (size_t i = 0; i < w.n_taken; i++) {
        int64_t offset = w.taken[i]->raw.offset;
        size_t key = (size_t)offset % 6;
        assert_true(last[key] < 0 || lane_of[key] == w.lanes[i]);
        assert_true(offset > last[key]);
        assert_int_equal(w.taken[i]->attempt, 1);
        lane_of[key] = w.lanes[i];
        last[key] = offset;
        used |= 1u << w.lanes[i];
    }
    assert_true(used & (used - 1)); /* more than one */
    end(&w);
}

/* An Avro key is the same one by whatever schema it was written. */
static void test_lane_of_avro(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.lanes = 64});
    assign(&w, 0, 0);
    script_record(&w.script, 0, 0, "\1aaaaaaaaaaaaaaaaSAME");
    script_record(&w.script, 0, 1, "\1bbbbbbbbbbbbbbbbSAME");
    script_record(&w.script, 0, 2, "\1bbbbbbbbbbbbbbbbOTHER");
    poll_at(&w, 0);
    assert_int_equal(w.n_taken, 3);
    unsigned lane[3];
    for (size_t i = 0; i < 3; i++) {
        lane[w.taken[i]->raw.offset] = w.lanes[i];
    }
    assert_int_equal(lane[0], lane[1]);
    assert_int_not_equal(lane[0], lane[2]);
    end(&w);
}

/* ---- Room ---------------------------------------------------------------------------------------
 */

static void test_room_in_records(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5});
    assign_and_fill(&w, 3);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    assert_false(w.engine.starved);
    script_record(&w.script, 0, 3, NULL);
    script_record(&w.script, 0, 4, NULL);
    poll_at(&w, 0);
    unsigned wakes = w.script.wakes;
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    settle(&w, 1);
    assert_int_equal(w.script.wakes, wakes + 1); /* once: until it asks again */
    settle(&w, 2);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    end(&w);
}

/* What a poll has brought counts before it is handed out. */
static void test_room_within_a_poll(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5, .ahead_records = 4});
    assign(&w, 0, 0);
    poll_at(&w, 0);
    weir_raw_record raw = {.topic = weir_view_of("orders")};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4 - i);
        raw.offset = i;
        weir_engine_events.record(
            &w.engine, w.script.held[0], &raw, &w.script.messages[w.script.n_messages++]);
    }
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(w.n_taken, 4);
    end(&w);
}

/* Each partition has its share of the bytes; how many records that is, those before tell. */
/* A record may be all headers. */
static void test_headers_take_room(void **state)
{
    enum { LONG = 100000 };
    static char text[LONG + 1];
    (void)state;
    world w;
    memset(text, 'x', LONG);
    begin(&w, (weir_engine_options){.in_flight_bytes = 3 * LONG});
    assign(&w, 0, 0);
    for (int i = 0; i < 3; i++) {
        script_add(&w.script,
            (script_deed){.kind = SCRIPT_RECORD, .offset = i, .value = "{}", .header = text});
    }
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_true(w.engine.open_bytes > 3 * LONG);
    for (size_t i = 0; i < 3; i++) {
        settle(&w, i);
    }
    assert_int_equal(w.engine.open_bytes, 0);
    assert_true(weir_partition_room(&w.engine, partition(&w, 0)) > 0);
    end(&w);
}

static void test_room_in_bytes(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.in_flight_bytes = 20 * (RECORD_COST + 2)});
    assign(&w, 0, 0);
    assign(&w, 1, 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1); /* none was seen */
    for (int i = 0; i < 7; i++) {
        script_record(&w.script, 0, i, NULL);
    }
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4); /* 10, one overshoots */
    for (int i = 7; i < 11; i++) {
        script_record(&w.script, 0, i, NULL);
    }
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 1)), 1);
    settle(&w, 0);
    settle(&w, 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 2);
    end(&w);
}

/* One record larger than everything is still taken, alone. */
static void test_room_for_a_large_record(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.in_flight_bytes = 10});
    assign(&w, 0, 0);
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1);
    script_record(&w.script, 0, 0, "a key");
    poll_at(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    settle(&w, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 1);
    end(&w);
}

/* A stuck record lets others pass only so far: its frontier must not grow for ever. */
static void test_room_ahead_of_a_stuck_record(void **state)
{
    (void)state;
    world w;
    weir_partition_view view;
    begin(&w, (weir_engine_options){.ahead_records = 4});
    assign_and_fill(&w, 4);
    settle(&w, 1);
    settle(&w, 2);
    settle(&w, 3);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_int_equal(weir_engine_partitions(&w.engine, &view, 1), 1);
    assert_true(view.congested);
    unsigned wakes = w.script.wakes;
    settle(&w, 0);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4);
    end(&w);
}

static void test_room_of_congestion_and_stop(void **state)
{
    (void)state;
    world w;
    begin(&w, (weir_engine_options){.partition_records = 5});
    assign_and_fill(&w, 1);
    atomic_store(&w.script.held[0]->congested, 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    atomic_store(&w.script.held[0]->congested, 0);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 4);
    unsigned wakes = w.script.wakes;
    weir_engine_stop_taking(&w.engine);
    assert_int_equal(w.script.wakes, wakes + 1);
    assert_int_equal(weir_partition_room(&w.engine, partition(&w, 0)), 0);
    assert_false(weir_engine_idle(&w.engine));
    settle(&w, 0);
    assert_true(w.script.wakes > wakes + 1); /* the last one: it may end */
    assert_true(weir_engine_idle(&w.engine));
    end(&w);
}

/* ---- Out of memory ------------------------------------------------------------------------------
 */

/* A record that found no memory is not above the frontier of any later one, nor of an end: neither
 * in the poll's own list nor on its way to a lane. */
static void test_nothing_passes_a_record_without_memory(void **state)
{
    (void)state;
    int lost = 0;
    for (long at = 1; at <= 6; at++) {
        world w;
        begin(&w, (weir_engine_options){.commit_interval_ms = 1});
        assign(&w, 0, 0);
        poll_at(&w, 0);
        script_record(&w.script, 0, 0, NULL);
        tell(&w, SCRIPT_END, 0, 1); /* hands out */
        script_record(&w.script, 0, 1, NULL);
        tell(&w, SCRIPT_END, 0, 2);
        script_record(&w.script, 0, 2, NULL);
        tell(&w, SCRIPT_END, 0, 3);
        weir_alloc_fail_at(at, 0);
        weir_status s = weir_engine_poll(&w.engine, 10, 0);
        weir_alloc_fail_at(0, 0);
        run_lanes(&w);
        for (size_t i = 0; i < w.n_taken; i++) {
            assert_int_equal(w.taken[i]->raw.offset, i); /* no gap */
            settle(&w, i);
        }
        assert_int_equal(s, w.n_taken < 3 ? WEIR_FATAL : WEIR_OK);
        lost += w.n_taken < 3;
        assert_int_equal(partition(&w, 0)->frontier.next, w.n_taken);
        end(&w);
    }
    assert_in_range(lost, 4, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_lane_of_avro),
        cmocka_unit_test(test_room_in_records),
        cmocka_unit_test(test_room_within_a_poll),
        cmocka_unit_test(test_room_in_bytes),
        cmocka_unit_test(test_headers_take_room),
        cmocka_unit_test(test_room_for_a_large_record),
        cmocka_unit_test(test_room_ahead_of_a_stuck_record),
        cmocka_unit_test(test_room_of_congestion_and_stop),
        cmocka_unit_test(test_nothing_passes_a_record_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
