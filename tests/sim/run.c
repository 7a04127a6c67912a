/* One run with its checks. See run.h. */
#include "sim/run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "memory/memory_store.h"

enum { MOST_CRASHES = 20, MOST_FAULTY_ALLOCATION = 24 };

static const weir_view offsets_name = {"offsets", 7};

static bool fail(sim_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the first failure; always false. */
static bool fail(sim_run *r, const char *fmt, ...)
{
    if (!r->failure[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(r->failure, sizeof r->failure, fmt, ap);
        va_end(ap);
    }
    return false;
}

static bool held(sim_run *r, weir_status s, const weir_error *err)
{
    return s == WEIR_OK || fail(r, "%s: %s", err->code, err->text);
}

/* ---- Looking ----------------------------------------------------------------------------------
 */

bool sim_run_look(const sim_run *r, int key, weir_state *state, weir_view *row)
{
    const weir_store_ops *ops = r->store.ops;
    weir_view bytes = {NULL, 0};
    weir_view text = sim_key_text(key);
    weir_error err;
    if (ops->get(r->store.self, 0, WEIR_SPACE_ROW, text, row, &err) ||
        ops->get(r->store.self, 0, WEIR_SPACE_STATE, text, &bytes, &err)) {
        return false;
    }
    return bytes.ptr && weir_state_get(bytes, state, &err) == WEIR_OK;
}

static weir_status count_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    ++*(size_t *)ctx;
    return WEIR_OK;
}

size_t sim_run_count(const sim_run *r, weir_space space)
{
    size_t n = 0;
    weir_error err;
    weir_status s =
        r->store.ops->each(r->store.self, 0, space, (weir_view){"", 0}, count_one, &n, &err);
    return s ? SIZE_MAX : n;
}

/* ---- Checks -----------------------------------------------------------------------------------
 */

/* The version that a key's content rests on: that of the last record applied. */
static int version_of(const sim_run *r, const weir_state *st)
{
    return st->partition < 0 ? SIM_NO_VERSION
                             : r->plan->topic->logs[st->partition].items[st->offset]->version;
}

static bool check_row(
    sim_run *r, int key, const weir_state *st, weir_view text, sim_row *row, unsigned *missing)
{
    *row = (sim_row){0};
    *missing = 0;
    if (st->alive != (text.ptr != NULL)) {
        return fail(r, "k%d: state and row do not agree whether it is there", key);
    }
    if (!st->alive) {
        return true;
    }
    if (!sim_row_parse(text, row) || !sim_columns_parse(st->missing, missing)) {
        return fail(
            r, "k%d: not a row: %.*s missing %.*s", key, WEIR_ARG(text), WEIR_ARG(st->missing));
    }
    bool filled = (*missing & SIM_HOLD_B1 && row->b1) || (*missing & SIM_HOLD_B2 && row->b2);
    return !filled || fail(r, "k%d: a missing column has a value: %.*s", key, WEIR_ARG(text));
}

/* After each record: what its key shows was once in the source, and time does not go back. */
static bool check_step(sim_run *r, int key)
{
    weir_state st;
    weir_view text;
    sim_row row;
    unsigned missing;
    if (key == SIM_NO_KEY || !sim_run_look(r, key, &st, &text)) {
        return true;
    }
    if (!check_row(r, key, &st, text, &row, &missing)) {
        return false;
    }
    int version = version_of(r, &st);
    if (version == SIM_NO_VERSION) {
        return true;
    }
    const sim_version *v = &r->plan->source->db.versions[key].items[version];
    if (r->plan->check_steps && st.alive && !sim_row_equal(row, v->row, missing)) {
        return fail(
            r, "step: k%d shows %.*s, which it never was at %" PRIu64, key, WEIR_ARG(text), v->l);
    }
    if (r->plan->monotone && version < r->shown[key]) {
        return fail(r, "step: k%d went back to %" PRIu64, key, v->l);
    }
    r->shown[key] = version;
    return true;
}

static bool check_final_key(sim_run *r, int key)
{
    weir_state st = {0};
    weir_view text = {NULL, 0};
    sim_row row, want = r->plan->final[key];
    unsigned missing;
    sim_run_look(r, key, &st, &text);
    if (!check_row(r, key, &st, text, &row, &missing)) {
        return false;
    }
    if (st.quarantined && r->plan->compacted) {
        r->flagged++;
        return true;
    }
    if (st.quarantined && r->plan->made) {
        r->flagged++; /* doubtful: a ghost, or a row of the transaction that spans the snapshot */
        if (r->has_newest[st.partition]) {
            return fail(r, "final: k%d is flagged, though Kafka's order tells", key);
        }
        return !want.there || sim_row_equal(row, want, missing) ||
               fail(r, "final: k%d differs", key);
    }
    if (row.there != want.there) {
        return fail(r, "final: k%d is %s", key, want.there ? "lost" : "a ghost");
    }
    r->flagged += missing != 0;
    if (missing && !r->plan->may_be_incomplete) {
        return fail(r, "final: k%d is flagged incomplete: %.*s", key, WEIR_ARG(st.missing));
    }
    if (sim_row_equal(row, want, missing)) {
        return true;
    }
    r->stale += 1;
    return fail(r, "final: k%d differs: %.*s", key, WEIR_ARG(text));
}

static weir_status count_waiting_row(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)remove;
    weir_move move;
    weir_status s = weir_move_get(value, &move, err);
    *(size_t *)ctx += s || (!move.given && !move.waiter_is_move);
    return s;
}

/* Moves that rows wait for; those of flagged rows may never come. */
static size_t waited_for(const sim_run *r)
{
    size_t n = 0, flagged = 0;
    weir_error err;
    weir_status s = r->store.ops->each(
        r->store.self, 0, WEIR_SPACE_MOVE, (weir_view){"", 0}, count_waiting_row, &n, &err);
    for (int k = 0; k < SIM_KEYS; k++) {
        weir_state st;
        weir_view row;
        flagged += sim_run_look(r, k, &st, &row) && st.quarantined && st.ref.old_key.ptr;
    }
    return s ? SIZE_MAX : n - flagged;
}

static bool check_final(sim_run *r)
{
    size_t rows = 0;
    for (int k = 0; k < SIM_KEYS; k++) {
        weir_state st;
        weir_view row = {NULL, 0};
        if (!check_final_key(r, k)) {
            return false;
        }
        rows += sim_run_look(r, k, &st, &row) && row.ptr;
    }
    if (sim_run_count(r, WEIR_SPACE_ROW) != rows) {
        return fail(r, "final: there are rows of unknown keys");
    }
    size_t moves = r->plan->loses_tail ? waited_for(r) : sim_run_count(r, WEIR_SPACE_MOVE);
    return !moves || r->plan->compacted || fail(r, "leak: %zu move records left", moves);
}

static bool check_alarm(sim_run *r, const weir_change *c)
{
    weir_merge_alarm alarm = weir_merge_alarm_of(&r->merge, c);
    if (alarm == WEIR_ALARM_NEW_SNAPSHOT && r->plan->new_snapshot) {
        weir_merge_accept(&r->merge, c);
        return true;
    }
    return alarm == WEIR_ALARM_NONE || fail(r, "alarm: %d at offset %" PRId64, alarm, c->offset);
}

/* ---- Transactions -----------------------------------------------------------------------------
 */

static bool begin(sim_run *r)
{
    weir_error err;
    return held(r, r->store.ops->begin(r->store.self, &err), &err);
}

static uint64_t passed_by_all(const sim_run *r)
{
    uint64_t low = UINT64_MAX;
    for (int p = 0; p < r->plan->topic->n_partitions; p++) {
        bool met = p < r->merge.n_partitions;
        uint64_t high = met ? r->merge.partitions[p].high_commit : 0;
        low = high < low ? high : low;
    }
    return low;
}

static weir_status expire(sim_run *r, weir_error *err)
{
    enum { STATES = 5 };
    uint64_t removed;
    weir_status s = weir_merge_expire(
        &r->merge, passed_by_all(r), INT64_MAX, STATES, &r->expire_from, &removed, err);
    r->expired += removed;
    return s;
}

static bool commit(sim_run *r)
{
    int64_t offsets[SIM_PARTITIONS] = {0};
    for (int p = 0; p < r->plan->topic->n_partitions; p++) {
        offsets[p] = (int64_t)sim_schedule_frontier(&r->schedule, p);
    }
    weir_error err;
    weir_view bytes = {(const char *)offsets, sizeof offsets};
    weir_status s = r->plan->expires ? expire(r, &err) : WEIR_OK;
    s = s ? s : weir_merge_save(&r->merge, &err);
    s = s ? s : r->store.ops->put(r->store.self, 0, WEIR_SPACE_META, offsets_name, bytes, &err);
    s = s ? s : r->store.ops->commit(r->store.self, &err);
    memcpy(r->shown_at_commit, r->shown, sizeof r->shown);
    return held(r, s, &err);
}

/* Back to the last commit, as after a crash (all memory is lost) or an error (it is kept). */
static bool go_back(sim_run *r, bool crash)
{
    weir_error err;
    weir_view bytes = {NULL, 0};
    int64_t offsets[SIM_PARTITIONS] = {0};
    r->store.ops->abort(r->store.self);
    memcpy(r->shown, r->shown_at_commit, sizeof r->shown);
    if (crash) {
        weir_merge_fini(&r->merge);
        weir_merge_init(&r->merge, r->store, 0);
        r->merge.gap_rule = r->plan->gap_rule;
    }
    if (!begin(r) || !held(r, weir_merge_load(&r->merge, &err), &err) ||
        !held(r, r->store.ops->get(r->store.self, 0, WEIR_SPACE_META, offsets_name, &bytes, &err),
            &err)) {
        return false;
    }
    if (bytes.ptr) {
        memcpy(offsets, bytes.ptr, sizeof offsets);
    }
    sim_schedule_resume(&r->schedule, offsets);
    if (crash) {
        memcpy(r->session_start, offsets, sizeof offsets); /* the gaps of before are in the store */
    }
    return true;
}

/* ---- Records ----------------------------------------------------------------------------------
 */

typedef enum outcome { APPLIED, OUT_OF_MEMORY, WRONG } outcome;

/* An allocation that fails must come out as an error. */
static outcome apply_with_fault(sim_run *r, const weir_change *c)
{
    weir_error err;
    long at = sim_between(r->rng, 1, MOST_FAULTY_ALLOCATION);
    weir_alloc_fail_at(at, sim_chance(r->rng, .5));
    weir_status s = weir_merge_apply(&r->merge, c, 1, &err);
    bool failed = weir_alloc_fail_at(0, 0) >= at;
    r->faults += failed;
    if (!failed) {
        return held(r, s, &err) ? APPLIED : WRONG;
    }
    if (s != WEIR_RETRY || strcmp(err.code, "OUT_OF_MEMORY") != 0) {
        fail(r, "allocation %ld failed, the call says %s", at, weir_status_name(s));
        return WRONG;
    }
    return OUT_OF_MEMORY;
}

/* As the engine sees it where a partition's records are still in order: the newest record of this
 * session, up to this one, in front of which some are missing. */
static int64_t gap_up_to(const sim_run *r, int partition, int64_t offset)
{
    const sim_log *log = &r->plan->topic->logs[partition];
    for (int64_t i = offset; r->plan->compacted && i > r->session_start[partition]; i--) {
        if (log->items[i] && !log->items[i - 1]) {
            return i;
        }
    }
    return -1;
}

static outcome deliver(sim_run *r, int partition, size_t offset)
{
    const sim_record *record = r->plan->topic->logs[partition].items[offset];
    weir_change c = record->change;
    c.partition = partition;
    c.offset = (int64_t)offset;
    c.gap = gap_up_to(r, partition, c.offset);
    if (!check_alarm(r, &c)) {
        return WRONG;
    }
    if (sim_chance(r->rng, r->plan->fault_chance)) {
        outcome o = apply_with_fault(r, &c);
        if (o != APPLIED) {
            return o;
        }
    } else {
        weir_error err;
        if (!held(r, weir_merge_apply(&r->merge, &c, 1, &err), &err)) {
            return WRONG;
        }
    }
    r->applied++;
    if (r->plan->watch) {
        r->plan->watch(r, &c);
    }
    return check_step(r, record->key) ? APPLIED : WRONG;
}

/* Delivers up to n records. *more: the schedule is not at its end. */
static outcome deliver_batch(sim_run *r, size_t n, bool *more)
{
    int partition;
    size_t offset;
    while (n-- && (*more = sim_schedule_next(&r->schedule, &partition, &offset))) {
        outcome o = deliver(r, partition, offset);
        if (o != APPLIED) {
            return o;
        }
    }
    return APPLIED;
}

static bool deliver_all(sim_run *r)
{
    size_t mean = (size_t)SIM_PICK(r->rng, 0, 5, 100);
    for (bool more = true; more;) {
        outcome o = deliver_batch(r, 1 + sim_exponential(r->rng, (double)mean), &more);
        bool crash = r->crashes < MOST_CRASHES && sim_chance(r->rng, r->plan->crash_chance);
        if (o == WRONG) {
            return false;
        }
        if (o == OUT_OF_MEMORY || crash) {
            r->crashes += crash;
            more = true;
            if (!go_back(r, o != OUT_OF_MEMORY)) {
                return false;
            }
        } else if (!commit(r) || !begin(r)) {
            return false;
        }
    }
    return true;
}

static bool deliver_in_phases(sim_run *r)
{
    size_t end[SIM_PARTITIONS];
    if (r->plan->pause_at) {
        memcpy(end, r->schedule.end, sizeof end);
        memcpy(r->schedule.end, r->plan->pause_at, sizeof end);
        if (!deliver_all(r)) {
            return false;
        }
        memcpy(r->schedule.end, end, sizeof end);
    }
    return deliver_all(r);
}

static bool begin_making(sim_run *r)
{
    weir_error err;
    return held(r, weir_merge_begin(&r->merge, &err), &err) && commit(r) && begin(r);
}

/* The cache is made; then the consumer goes back to the topic's beginning, which changes nothing.
 */
static bool end_making(sim_run *r)
{
    weir_error err;
    static const int64_t beginning[SIM_PARTITIONS];
    if (!held(r, weir_merge_made(&r->merge, &r->gone, &err), &err)) {
        return false;
    }
    r->merge.making.on = false;
    for (int32_t p = 0; p < r->merge.making.n_partitions; p++) {
        r->has_newest[p] = r->merge.making.partitions[p].first_row >= 0;
    }
    if (r->plan->watch_made) {
        r->plan->watch_made(r);
    }
    if (!commit(r) || !begin(r) || !check_final(r)) {
        return false;
    }
    for (int k = 0; k < SIM_KEYS; k++) {
        r->shown[k] = r->shown_at_commit[k] = SIM_NO_VERSION;
    }
    sim_schedule_resume(&r->schedule, beginning);
    return deliver_all(r);
}

bool sim_run_all(sim_run *r, const sim_plan *plan, sim_rng *rng)
{
    *r = (sim_run){.plan = plan, .rng = rng};
    for (int k = 0; k < SIM_KEYS; k++) {
        r->shown[k] = r->shown_at_commit[k] = SIM_NO_VERSION;
    }
    weir_error err;
    if (!held(r, weir_memory_store_open(0, &r->store, &err), &err)) {
        return false;
    }
    weir_merge_init(&r->merge, r->store, 0);
    r->merge.gap_rule = plan->gap_rule;
    sim_schedule_init(&r->schedule, plan->topic, rng, plan->one_lane);
    r->schedule.rewinds = plan->no_rewinds ? 0 : r->schedule.rewinds;
    bool started = begin(r) && (!plan->made || begin_making(r));
    return started && deliver_in_phases(r) && (!plan->made || end_making(r)) && check_final(r);
}

void sim_run_end(sim_run *r)
{
    if (r->store.ops) {
        weir_merge_fini(&r->merge);
        r->store.ops->abort(r->store.self);
        r->store.ops->close(r->store.self);
        weir_buf_fini(&r->expire_from);
    }
}
