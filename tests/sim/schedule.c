/* Repeats, cuts and interleavings. See schedule.h. */
#include "sim/schedule.h"

#include "sim/grow.h"

static bool is_tombstone(const sim_record *r)
{
    return r->change.kind == WEIR_TOMBSTONE;
}

/* What a restarted source sends again. */
static bool repeats(const sim_record *r)
{
    return r->change.kind == WEIR_STREAMED || is_tombstone(r);
}

/* ---- Sequences --------------------------------------------------------------------------------
 */

sim_sequence sim_sequence_of(const sim_source *s)
{
    sim_sequence q = {0};
    for (size_t i = 0; i < s->sent.count; i++) {
        const sim_record *r = &s->sent.items[i];
        *SIM_APPEND(&q) = (sim_sent){r, r->change.partition};
    }
    return q;
}

void sim_sequence_free(sim_sequence *q)
{
    free(q->items);
    *q = (sim_sequence){0};
}

/* A tombstone belongs to the transaction of its d. */
static uint64_t tx_at(const sim_sequence *q, size_t i)
{
    return q->items[i - is_tombstone(q->items[i].record)].record->change.tx;
}

/* May the sequence end before record i? Not inside a transaction or a snapshot. */
static bool may_end_before(const sim_sequence *q, size_t i)
{
    return q->items[i].record->change.kind == WEIR_STREAMED &&
           q->items[i - 1].record->change.kind != WEIR_READ && tx_at(q, i) != tx_at(q, i - 1);
}

void sim_cut(sim_sequence *q, sim_rng *rng)
{
    if (!q->count) {
        return;
    }
    size_t n = 1 + sim_below(rng, q->count);
    while (n < q->count && !may_end_before(q, n)) {
        n++;
    }
    q->count = n;
}

/* First sends come in commit order, so what is no newer than a streamed version of its key, or than
 * a truncate, was sent before. */
void sim_replay(const sim_sequence *q, sim_row rows[SIM_KEYS])
{
    int newest[SIM_KEYS];
    uint64_t truncated = 0;
    memset(rows, 0, SIM_KEYS * sizeof *rows);
    memset(newest, SIM_NO_VERSION, sizeof newest);
    for (size_t i = 0; i < q->count; i++) {
        const sim_record *r = q->items[i].record;
        if (is_tombstone(r)) {
            continue;
        }
        if (r->change.op == 't') {
            if (r->change.at.l > truncated) {
                truncated = r->change.at.l;
                memset(rows, 0, SIM_KEYS * sizeof *rows);
            }
        } else if (r->change.kind != WEIR_STREAMED) {
            rows[r->key] = r->row;
        } else if (r->version > newest[r->key]) {
            newest[r->key] = r->version;
            rows[r->key] = r->row; /* of a d: not there */
        }
    }
}

void sim_reshuffle(sim_sequence *q, sim_rng *rng)
{
    size_t n = (size_t)SIM_PICK(rng, 1, 2, 3, 4, 7);
    int place[SIM_KEYS];
    for (int k = 0; k < SIM_KEYS; k++) {
        place[k] = (int)sim_below(rng, n);
    }
    for (size_t i = 0; i < q->count; i++) {
        int key = q->items[i].record->key;
        q->items[i].partition = key == SIM_NO_KEY ? (int)sim_below(rng, n) : place[key];
    }
}

/* Puts the repeatable ones of items[from, to) once more at `at`. */
static void repeat_in_sequence(sim_sequence *q, size_t from, size_t to, size_t at)
{
    sim_sequence out = {0};
    for (size_t i = 0; i < at; i++) {
        *SIM_APPEND(&out) = q->items[i];
    }
    for (size_t i = from; i < to; i++) {
        if (repeats(q->items[i].record)) {
            *SIM_APPEND(&out) = q->items[i];
        }
    }
    for (size_t i = at; i < q->count; i++) {
        *SIM_APPEND(&out) = q->items[i];
    }
    free(q->items);
    *q = out;
}

void sim_repeat_stretches(sim_sequence *q, sim_rng *rng, int times)
{
    while (times-- && q->count) {
        size_t crash = 1 + sim_below(rng, q->count);
        size_t back = (size_t)SIM_PICK(rng, 3, 30, 300, 3000) + sim_below(rng, 3);
        size_t from = crash > back ? crash - back : 0;
        while (crash < q->count && is_tombstone(q->items[crash].record)) {
            crash++;
        }
        while (from && is_tombstone(q->items[from].record)) {
            from--;
        }
        repeat_in_sequence(q, from, crash, crash);
    }
}

/* ---- Topics -----------------------------------------------------------------------------------
 */

void sim_topic_fill(sim_topic *t, const sim_sequence *q)
{
    *t = (sim_topic){0};
    for (size_t i = 0; i < q->count; i++) {
        int p = q->items[i].partition;
        *SIM_APPEND(&t->logs[p]) = q->items[i].record;
        t->n_partitions = p < t->n_partitions ? t->n_partitions : p + 1;
    }
}

void sim_topic_free(sim_topic *t)
{
    for (int p = 0; p < t->n_partitions; p++) {
        free(t->logs[p].items);
    }
    *t = (sim_topic){0};
}

static size_t behind_tombstones(const sim_log *log, size_t i)
{
    while (i < log->count && is_tombstone(log->items[i])) {
        i++;
    }
    return i;
}

static void repeat_in_log(sim_log *log, size_t from, size_t to, size_t at)
{
    sim_log out = {0};
    for (size_t i = 0; i < at; i++) {
        *SIM_APPEND(&out) = log->items[i];
    }
    for (size_t i = from; i < to; i++) {
        if (repeats(log->items[i])) {
            *SIM_APPEND(&out) = log->items[i];
        }
    }
    for (size_t i = at; i < log->count; i++) {
        *SIM_APPEND(&out) = log->items[i];
    }
    free(log->items);
    *log = out;
}

void sim_repeat_fragments(sim_topic *t, sim_rng *rng, int times)
{
    while (times-- && t->n_partitions) {
        sim_log *log = &t->logs[sim_below(rng, (size_t)t->n_partitions)];
        if (log->count < 2) {
            continue;
        }
        size_t from = sim_below(rng, log->count - 1);
        from -= from && is_tombstone(log->items[from]);
        size_t to = from + 1 + sim_exponential(rng, SIM_PICK(rng, 1, 10, 200));
        to = behind_tombstones(log, to < log->count ? to : log->count);
        size_t at = sim_chance(rng, .5) ? log->count : to + sim_below(rng, log->count + 1 - to);
        repeat_in_log(log, from, to, behind_tombstones(log, at));
    }
}

/* ---- Schedules --------------------------------------------------------------------------------
 */

static void shuffle(int *order, int n, sim_rng *rng)
{
    for (int i = 0; i < n; i++) {
        int other = sim_between(rng, 0, i);
        order[i] = order[other];
        order[other] = i;
    }
}

void sim_schedule_init(sim_schedule *s, const sim_topic *topic, sim_rng *rng, bool one_lane)
{
    *s = (sim_schedule){.topic = topic, .rng = rng};
    s->style = sim_chance(rng, .2)    ? SIM_ONE_BY_ONE
               : sim_chance(rng, .25) ? SIM_SINGLE_RECORDS
                                      : SIM_BURSTS;
    s->n_lanes = one_lane ? 1 : SIM_PICK(rng, 1, 2, SIM_LANES);
    shuffle(s->order, topic->n_partitions * s->n_lanes, rng);
    size_t records = 0;
    for (int p = 0; p < topic->n_partitions; p++) {
        s->end[p] = topic->logs[p].count;
        records += s->end[p];
    }
    s->rewinds = (long)(records + records / 2);
}

/* Records without a key have a lane too. */
static bool is_on_lane(const sim_schedule *s, const sim_record *r, int lane)
{
    return (r->key + 1) % s->n_lanes == lane;
}

/* The lane's next offset; the partition's end if it has no more. */
static size_t next_of(sim_schedule *s, int p, int lane)
{
    const sim_log *log = &s->topic->logs[p];
    size_t *next = &s->next[p][lane];
    while (*next < s->end[p] && (!log->items[*next] || !is_on_lane(s, log->items[*next], lane))) {
        ++*next;
    }
    return *next;
}

size_t sim_schedule_frontier(sim_schedule *s, int p)
{
    size_t frontier = s->end[p];
    for (int lane = 0; lane < s->n_lanes; lane++) {
        size_t next = next_of(s, p, lane);
        frontier = next < frontier ? next : frontier;
    }
    while (frontier && !s->topic->logs[p].items[frontier - 1]) {
        frontier--; /* right behind the last record that was delivered, as the engine's */
    }
    return frontier;
}

static void resume_partition(sim_schedule *s, int p, size_t offset)
{
    for (int lane = 0; lane < s->n_lanes; lane++) {
        s->next[p][lane] = offset;
    }
}

/* By n records behind the frontier. */
static void go_back(sim_schedule *s, int p, size_t n)
{
    size_t furthest = 0, frontier = sim_schedule_frontier(s, p);
    for (int lane = 0; lane < s->n_lanes; lane++) {
        furthest = s->next[p][lane] > furthest ? s->next[p][lane] : furthest;
    }
    size_t to = frontier - (n < frontier ? n : frontier);
    resume_partition(s, p, to);
    s->rewinds -= (long)(furthest - to) + 1;
}

static size_t left_on(const sim_schedule *s, int p, int lane)
{
    size_t n = 0;
    for (size_t i = s->next[p][lane]; i < s->end[p]; i++) {
        const sim_record *r = s->topic->logs[p].items[i];
        n += r && is_on_lane(s, r, lane);
    }
    return n;
}

/* A lane that has more; false if there is none. */
static bool choose_lane(sim_schedule *s, int *p, int *lane)
{
    int live[SIM_PARTITIONS * SIM_LANES];
    size_t n = 0;
    for (int i = 0; i < s->topic->n_partitions * s->n_lanes; i++) {
        int partition = s->order[i] / s->n_lanes;
        if (next_of(s, partition, s->order[i] % s->n_lanes) < s->end[partition]) {
            live[n++] = s->order[i];
        }
    }
    if (!n) {
        return false;
    }
    int chosen = live[s->style == SIM_ONE_BY_ONE ? 0 : sim_below(s->rng, n)];
    *p = chosen / s->n_lanes;
    *lane = chosen % s->n_lanes;
    return true;
}

static void start_burst(sim_schedule *s)
{
    size_t left = left_on(s, s->partition, s->lane), n = left;
    if (s->style == SIM_SINGLE_RECORDS) {
        n = 1;
    } else if (s->style == SIM_BURSTS) {
        n = 1 + sim_exponential(s->rng, SIM_PICK(s->rng, 2, 50, 1000));
    }
    n = n < left ? n : left;
    s->goes_back = s->rewinds > 0 && sim_chance(s->rng, .3);
    s->burst_left = s->goes_back ? 1 + sim_below(s->rng, n) : n;
}

/* All partitions are at their end: now and then one is read again. */
static bool reread(sim_schedule *s)
{
    if (s->rewinds <= 0 || sim_chance(s->rng, .5)) {
        return false;
    }
    int p = (int)sim_below(s->rng, (size_t)s->topic->n_partitions);
    go_back(s, p, 1 + sim_below(s->rng, s->end[p] + 1));
    return true;
}

bool sim_schedule_next(sim_schedule *s, int *partition, size_t *offset)
{
    while (!s->burst_left) {
        if (choose_lane(s, &s->partition, &s->lane)) {
            start_burst(s);
        } else if (!s->topic->n_partitions || !reread(s)) {
            return false;
        }
    }
    *partition = s->partition;
    *offset = next_of(s, s->partition, s->lane);
    s->next[s->partition][s->lane]++;
    s->burst_left--;
    if (!s->burst_left && s->goes_back) {
        go_back(s, s->partition, 1 + sim_exponential(s->rng, SIM_PICK(s->rng, 1, 10, 300)));
    }
    return true;
}

void sim_schedule_resume(sim_schedule *s, const int64_t offsets[SIM_PARTITIONS])
{
    for (int p = 0; p < s->topic->n_partitions; p++) {
        resume_partition(s, p, (size_t)offsets[p]);
    }
    s->burst_left = 0;
}
