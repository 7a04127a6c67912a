/* Traces as JSON lines. See trace.h. */
#include "sim/trace.h"

#include <inttypes.h>
#include <stdio.h>

static void print_ref(weir_move_ref ref)
{
    if (ref.old_key.ptr) {
        printf("[%.*s,%" PRIu64 "]", WEIR_ARG(ref.old_key), ref.l);
    } else {
        fputs("null", stdout);
    }
}

static void print_text(const char *name, weir_view json)
{
    printf(",\"%s\":%.*s", name, json.len ? (int)json.len : 4, json.len ? json.ptr : "null");
}

static void print_record(const weir_change *c)
{
    static const char *const kinds[] = {"streamed", "read", "incremental", "tombstone"};
    printf("{\"kind\":\"%s\",\"op\":\"%s\",\"partition\":%d,\"offset\":%" PRId64, kinds[c->kind],
        c->op ? (char[]){c->op, 0} : "", c->partition, c->offset);
    if (c->has_commit) {
        printf(",\"commit\":%" PRIu64, c->commit);
    }
    if (c->has_tx) {
        printf(",\"tx\":%" PRIu64, c->tx);
    }
    printf(",\"l\":%" PRIu64 ",\"ts\":%" PRId64, c->at.l, c->ts_ms);
    printf(",\"gap\":%" PRId64, c->gap);
    print_text("key", c->key);
    print_text("other", c->other);
    print_text("row", c->row);
    print_text("missing", c->missing);
}

static void print_state(const weir_state *st, weir_view row)
{
    printf(",\"state\":{\"alive\":%s", st->alive ? "true" : "false");
    print_text("row", row);
    print_text("missing", st->missing);
    fputs(",\"ref\":", stdout);
    print_ref(st->ref);
    printf(",\"stamp\":[%" PRIu64 ",%" PRIu64 "]", st->stamp.H, st->stamp.l);
    if (st->has_mark) {
        printf(",\"mark\":[%" PRIu64 ",%" PRIu64 "]", st->mark.at.H, st->mark.at.l);
    } else {
        fputs(",\"mark\":null", stdout);
    }
    printf(",\"seen\":[%d,%" PRId64 ",%s]", st->seen_partition, st->seen_offset,
        st->seen_delete ? "true" : "false");
    printf(",\"quarantined\":%s,\"ahead\":%" PRId64 "}", st->quarantined ? "true" : "false",
        st->ahead_ms);
}

static void print_totals(const sim_run *run)
{
    printf("\"rows\":%zu,\"states\":%zu,\"moves\":%zu,\"truncated\":%" PRIu64 "}\n",
        sim_run_count(run, WEIR_SPACE_ROW), sim_run_count(run, WEIR_SPACE_STATE),
        sim_run_count(run, WEIR_SPACE_MOVE), run->merge.truncated.l);
}

void sim_trace_begin(const char *scenario, uint64_t seed, int number, const sim_plan *plan)
{
    printf("{\"run\":\"%s seed %" PRIu64 " run %d\",\"gap_rule\":%s,\"made\":%s}\n", scenario, seed,
        number, plan->gap_rule ? "true" : "false", plan->made ? "true" : "false");
}

void sim_trace_step(const sim_run *run, const weir_change *c)
{
    weir_state st;
    weir_view row;
    print_record(c);
    for (int k = 0; k < SIM_KEYS; k++) {
        if (weir_view_eq(c->key, sim_key_text(k)) && sim_run_look(run, k, &st, &row)) {
            print_state(&st, row);
        }
    }
    putchar(',');
    print_totals(run);
}

void sim_trace_made(const sim_run *run)
{
    int flagged = 0;
    for (int k = 0; k < SIM_KEYS; k++) {
        weir_state st;
        weir_view row;
        flagged += sim_run_look(run, k, &st, &row) && st.quarantined;
    }
    printf("{\"flagged\":%d,", flagged);
    print_totals(run);
}

void sim_trace_end(void)
{
    puts("{\"end\":true}");
}
