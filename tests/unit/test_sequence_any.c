/* Any order in which partitions are read ends in the order of the source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/prng.h"
#include "support/sequence_script.h"

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
        cmocka_unit_test(test_any_interleaving_ends_in_the_sources_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
