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

void sim_schedule_init(sim_schedule *s, const sim_topic *topic, sim_rng *rng)
{
    *s = (sim_schedule){.topic = topic, .rng = rng};
    s->style = sim_chance(rng, .2)    ? SIM_ONE_BY_ONE
               : sim_chance(rng, .25) ? SIM_SINGLE_RECORDS
                                      : SIM_BURSTS;
    size_t records = 0;
    for (int p = 0; p < topic->n_partitions; p++) {
        int other = sim_between(rng, 0, p);
        s->order[p] = s->order[other];
        s->order[other] = p;
        s->end[p] = topic->logs[p].count;
        records += s->end[p];
    }
    s->rewinds = (long)(records + records / 2);
}

static void go_back(sim_schedule *s, int p, size_t n)
{
    n = n < s->next[p] ? n : s->next[p];
    s->next[p] -= n;
    s->rewinds -= (long)n + 1;
}

/* A partition that has more, or -1. */
static int choose_partition(sim_schedule *s)
{
    int live[SIM_PARTITIONS];
    size_t n = 0;
    for (int i = 0; i < s->topic->n_partitions; i++) {
        int p = s->order[i];
        if (s->next[p] < s->end[p]) {
            live[n++] = p;
        }
    }
    return !n ? -1 : live[s->style == SIM_ONE_BY_ONE ? 0 : sim_below(s->rng, n)];
}

static void start_burst(sim_schedule *s, int p)
{
    size_t left = s->end[p] - s->next[p], n = left;
    if (s->style == SIM_SINGLE_RECORDS) {
        n = 1;
    } else if (s->style == SIM_BURSTS) {
        n = 1 + sim_exponential(s->rng, SIM_PICK(s->rng, 2, 50, 1000));
    }
    n = n < left ? n : left;
    s->goes_back = s->rewinds > 0 && sim_chance(s->rng, .3);
    s->burst_end = s->next[p] + (s->goes_back ? 1 + sim_below(s->rng, n) : n);
    s->partition = p;
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

static bool burst_is_over(const sim_schedule *s)
{
    return s->next[s->partition] >= s->burst_end;
}

bool sim_schedule_next(sim_schedule *s, int *partition, size_t *offset)
{
    while (burst_is_over(s)) {
        int p = choose_partition(s);
        if (p >= 0) {
            start_burst(s, p);
        } else if (!s->topic->n_partitions || !reread(s)) {
            return false;
        } else {
            s->burst_end = 0;
        }
    }
    *partition = s->partition;
    *offset = s->next[s->partition]++;
    if (burst_is_over(s)) {
        s->burst_end = 0;
        if (s->goes_back) {
            go_back(s, s->partition, 1 + sim_exponential(s->rng, SIM_PICK(s->rng, 1, 10, 300)));
        }
    }
    return true;
}

void sim_schedule_resume(sim_schedule *s, const int64_t offsets[SIM_PARTITIONS])
{
    for (int p = 0; p < s->topic->n_partitions; p++) {
        s->next[p] = (size_t)offsets[p];
    }
    s->burst_end = 0;
}
