/* The simulated broker. See broker.h. */
#include "sim/broker.h"

#include <stdlib.h>

#include "sim/grow.h"

enum { JOIN_BOUND_MS = 3000 };

static void broken(sim_broker *b, const char *what)
{
    if (b->hooks.broken) {
        b->hooks.broken(b->hooks.ctx, what);
    }
}

/* ---- Logs ---------------------------------------------------------------------------------------
 */

void sim_broker_init(sim_broker *b, sim_rng *rng, const int64_t *now_ms, bool group)
{
    *b = (sim_broker){.rng = rng, .now_ms = now_ms, .group = group, .join_bound_ms = JOIN_BOUND_MS};
}

void sim_broker_fini(sim_broker *b)
{
    for (int i = 0; i < b->n_partitions; i++) {
        free(b->partitions[i].entries.items);
    }
    for (int i = 0; i < SIM_BROKER_MEMBERS; i++) {
        free(b->members[i].pending.items);
        free(b->members[i].answers.items);
    }
}

sim_partition *sim_broker_add_partition(sim_broker *b, const char *topic, int32_t number)
{
    sim_partition *p = &b->partitions[b->n_partitions];
    *p = (sim_partition){
        .topic = topic, .number = number, .committed = -1, .user = b->n_partitions++};
    return p;
}

static bool same_key(weir_view a, weir_view b)
{
    return !a.ptr == !b.ptr && weir_view_eq(a, b);
}

sim_entry *sim_partition_append(sim_partition *p, weir_view key, weir_view value, int64_t gap)
{
    int previous = (int)p->entries.count - 1;
    while (previous >= 0 && !same_key(p->entries.items[previous].key, key)) {
        previous--;
    }
    sim_entry *e = SIM_APPEND(&p->entries);
    *e = (sim_entry){.offset = p->end + gap, .key = key, .value = value, .previous = previous};
    p->end = e->offset + 1;
    return e;
}

void sim_partition_mark(sim_partition *p)
{
    p->end++;
}

static size_t first_at(const sim_partition *p, int64_t offset)
{
    size_t i = 0;
    while (i < p->entries.count && p->entries.items[i].offset < offset) {
        i++;
    }
    return i;
}

/* ---- Commits ------------------------------------------------------------------------------------
 */

static bool may_commit(const sim_member *m, int64_t generation)
{
    return !m->broker->group || (m->alive && !m->fenced && generation == m->broker->generation);
}

static bool apply(sim_member *m, const struct sim_commit *c)
{
    if (!may_commit(m, c->generation)) {
        return false;
    }
    if (c->next < c->log->committed) {
        broken(m->broker, "a commit went back");
    }
    if (c->next > c->log->end) {
        broken(m->broker, "a commit above the end");
    }
    c->log->committed = c->next;
    c->log->said = c->said;
    if (m->broker->hooks.committed) {
        m->broker->hooks.committed(m->broker->hooks.ctx, m, c->log);
    }
    return true;
}

static void apply_pending(sim_member *m, size_t n)
{
    struct sim_offsets *q = &m->pending;
    n = n < q->count ? n : q->count;
    for (size_t i = 0; i < n; i++) {
        bool lost = sim_chance(m->broker->rng, m->broker->troubles.commit_fails);
        if (!lost && apply(m, &q->items[i]) &&
            !sim_chance(m->broker->rng, m->broker->troubles.answer_lost)) {
            *SIM_APPEND(&m->answers) = q->items[i];
        }
    }
    for (size_t i = n; i < q->count; i++) {
        q->items[i - n] = q->items[i];
    }
    q->count -= n;
}

sim_partition *sim_broker_find(sim_broker *b, const char *topic, int32_t number)
{
    for (int i = 0; i < b->n_partitions; i++) {
        sim_partition *p = &b->partitions[i];
        if (p->number == number && strcmp(p->topic, topic) == 0) {
            return p;
        }
    }
    return NULL;
}

static weir_status refuse(weir_error *err, const char *why)
{
    return weir_fail(err, WEIR_E_KAFKA_UNREACHABLE, "%s", why);
}

static void say(sim_broker *b, sim_said *to, weir_view text)
{
    if (text.len > WEIR_RESUME_MOST) {
        broken(b, "a commit says more than a broker takes");
        return;
    }
    memcpy(to->text, text.ptr ? text.ptr : "", text.len);
    to->len = text.len;
    to->text[to->len] = 0;
}

static weir_status member_commit(
    void *self, const weir_offset *offsets, size_t n, bool wait, weir_error *err)
{
    sim_member *m = self;
    sim_broker *b = m->broker;
    bool fails = sim_chance(b->rng, b->troubles.commit_fails);
    bool unheard = sim_chance(b->rng, b->troubles.answer_lost);
    for (size_t i = 0; i < n; i++) {
        sim_partition *log = sim_broker_find(b, offsets[i].topic, offsets[i].number);
        if (b->hooks.committing) {
            b->hooks.committing(b->hooks.ctx, m, log, offsets[i].next);
        }
        struct sim_commit *c = SIM_APPEND(&m->pending);
        *c = (struct sim_commit){log, offsets[i].next, m->generation, {.len = 0}};
        c->said.base = c->next;
        say(b, &c->said, offsets[i].metadata);
    }
    if (!wait) {
        return fails && unheard ? refuse(err, "not sent") : WEIR_OK;
    }
    if (fails) {
        m->pending.count -= n;
        return refuse(err, "the commit failed");
    }
    sim_troubles troubles = b->troubles;
    b->troubles.commit_fails = 0;
    bool refused = !may_commit(m, m->generation);
    apply_pending(m, m->pending.count);
    b->troubles = troubles;
    return refused   ? refuse(err, "not a member any more")
           : unheard ? refuse(err, "no answer to the commit")
                     : WEIR_OK;
}

bool sim_member_transact(sim_member *m, const weir_offset *offsets, size_t n, int64_t generation)
{
    if (!may_commit(m, generation)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        sim_partition *log = sim_broker_find(m->broker, offsets[i].topic, offsets[i].number);
        struct sim_commit c = {log, offsets[i].next, generation, {.base = offsets[i].next}};
        say(m->broker, &c.said, offsets[i].metadata);
        if (m->broker->hooks.committing) {
            m->broker->hooks.committing(m->broker->hooks.ctx, m, log, c.next);
        }
        (void)apply(m, &c);
    }
    return true;
}

static void fetch_answers(sim_member *m)
{
    for (size_t i = 0; i < m->answers.count; i++) {
        const struct sim_commit *c = &m->answers.items[i];
        m->events->committed(m->engine, c->log->topic, c->log->number, c->next);
    }
    m->answers.count = 0;
}

/* ---- The group ----------------------------------------------------------------------------------
 */

void sim_broker_rebalance(sim_broker *b)
{
    if (!b->joining) {
        b->joining = true;
        b->join_until_ms = *b->now_ms + b->join_bound_ms;
        for (int i = 0; i < b->n_members; i++) {
            b->members[i].joined = false;
        }
    }
}

void sim_member_fence(sim_member *m)
{
    if (m->alive && !m->fenced && m->broker->group) {
        m->fenced = true;
        m->joined = m->news = false;
        sim_broker_rebalance(m->broker);
    }
}

static void deal(sim_broker *b)
{
    sim_member *in[SIM_BROKER_MEMBERS];
    size_t n = 0;
    for (int i = 0; i < b->n_members; i++) {
        sim_member *m = &b->members[i];
        m->fenced |= m->alive && !m->joined;
        if (m->alive && m->joined) {
            in[n++] = m;
            m->generation = b->generation;
            m->news = true;
        }
    }
    bool to_one = sim_chance(b->rng, .2);
    size_t one = sim_below(b->rng, n);
    for (int i = 0; i < b->n_partitions; i++) {
        b->partitions[i].owner = in[to_one ? one : sim_below(b->rng, n)];
    }
}

/* All have joined, or those who have not are put out. */
static void complete_join(sim_broker *b)
{
    int joined = 0, missing = 0;
    for (int i = 0; i < b->n_members; i++) {
        const sim_member *m = &b->members[i];
        joined += m->alive && m->joined;
        missing += m->alive && !m->joined && !m->fenced;
    }
    if (b->joining && joined && (!missing || *b->now_ms >= b->join_until_ms)) {
        b->joining = false;
        b->generation++;
        deal(b);
    }
}

void sim_broker_tick(sim_broker *b)
{
    for (int i = 0; i < b->n_members; i++) {
        sim_member *m = &b->members[i];
        apply_pending(m, sim_below(b->rng, m->pending.count + 1));
    }
    complete_join(b);
}

/* Gives back what it holds; afterwards it holds nothing. */
static void let_go(sim_member *m, bool lost)
{
    sim_broker *b = m->broker;
    sim_held held[SIM_BROKER_PARTITIONS];
    weir_partition *partitions[SIM_BROKER_PARTITIONS];
    size_t n = m->n_held;
    memcpy(held, m->held, sizeof held);
    m->n_held = 0; /* nothing is delivered from here on */
    for (size_t i = 0; i < n; i++) {
        partitions[i] = held[i].partition;
        if (b->hooks.revoking) {
            b->hooks.revoking(b->hooks.ctx, &held[i], lost);
        }
    }
    if (n) {
        m->events->revoked(m->engine, partitions, n, lost);
    }
    for (size_t i = 0; i < n && b->hooks.revoked; i++) {
        b->hooks.revoked(b->hooks.ctx, &held[i], lost);
    }
}

/* False: the engine has refused it. */
static bool hold(sim_member *m, sim_partition *log, int64_t start)
{
    const sim_broker_hooks *hooks = &m->broker->hooks;
    weir_partition *p =
        m->events->assigned(m->engine, weir_view_of(log->topic), log->number, start);
    if (!p) {
        return false;
    }
    if (m->broker->group && log->said.len) {
        m->events->resume(m->engine, p, (weir_view){log->said.text, log->said.len});
    }
    void *user = hooks->assigned ? hooks->assigned(hooks->ctx, m, log, start) : NULL;
    m->held[m->n_held++] =
        (sim_held){.log = log, .partition = p, .next = first_at(log, start), .user = user};
    return true;
}

static void take_assignment(sim_member *m)
{
    sim_broker *b = m->broker;
    bool all_held = true;
    m->news = false;
    for (int i = 0; i < b->n_partitions && all_held; i++) {
        sim_partition *log = &b->partitions[i];
        if (!b->group) {
            all_held = hold(m, log, b->hooks.start ? b->hooks.start(b->hooks.ctx, log) : -1);
        } else if (log->owner == m) {
            all_held = hold(m, log, log->committed);
        }
    }
}

static void take_part(sim_member *m)
{
    sim_broker *b = m->broker;
    bool learns = m->fenced ? sim_chance(b->rng, .7) : b->joining && !m->joined;
    if (b->group && learns) {
        m->news = false;
        let_go(m, m->fenced);
        if (m->fenced && m->alive) { /* it was, or became so while it drained */
            m->fenced = false;
            m->generation = -1; /* it comes back as another one */
            sim_broker_rebalance(b);
        }
        m->joined = m->alive;
    }
    complete_join(b);
    if (m->news && !(b->group && b->joining)) {
        take_assignment(m);
    }
}

/* ---- Delivering ---------------------------------------------------------------------------------
 */

static void skip_compacted(sim_held *h)
{
    while (h->next < h->log->entries.count && h->log->entries.items[h->next].compacted) {
        h->next++;
    }
}

static bool has_record(sim_held *h)
{
    skip_compacted(h);
    h->end_told &= h->next >= h->log->entries.count;
    return h->next < h->log->entries.count;
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const sim_delivery *d = self;
    *name = d->header_name;
    *value = d->header_value;
    return i == 0 && d->header_name.ptr;
}

/* The engine gets copies that go with the release: who reads them later is caught by a sanitizer.
 */
static void deliver_next(sim_member *m, sim_held *h)
{
    size_t index = h->next++;
    const sim_entry *e = &h->log->entries.items[index];
    sim_delivery *d = malloc(sizeof *d + e->key.len + e->value.len + 1);
    if (!d) {
        exit(2);
    }
    *d = (sim_delivery){m, h->log, index, e->header_name, e->header_value, h->user};
    char *key = d->bytes, *value = d->bytes + e->key.len;
    memcpy(key, e->key.ptr ? e->key.ptr : "", e->key.len);
    memcpy(value, e->value.ptr ? e->value.ptr : "", e->value.len);
    weir_raw_record raw = {
        .topic = weir_view_of(h->partition->topic),
        .key = {e->key.ptr ? key : NULL, e->key.len},
        .value = {e->value.ptr ? value : NULL, e->value.len},
        .partition = h->log->number,
        .offset = e->offset,
        .timestamp_ms = e->timestamp_ms,
        .headers = {header_at, d},
    };
    m->out++;
    if (m->broker->hooks.delivered) {
        m->broker->hooks.delivered(m->broker->hooks.ctx, d);
    }
    m->events->record(m->engine, h->partition, &raw, d);
}

/* What there is for one partition, at most `max`; its end when nothing is left. */
static unsigned serve(sim_member *m, sim_held *h, unsigned max, bool woken)
{
    sim_broker *b = m->broker;
    bool waits = sim_chance(b->rng, b->troubles.fetch_waits);
    h->starved &= !woken;
    if (waits || (!has_record(h) && h->end_told)) {
        return 0;
    }
    unsigned room = weir_partition_room(m->engine, h->partition);
    if (h->starved && room && !((const weir_engine *)m->engine)->starved) {
        broken(b, "a partition has room, and its source was not woken");
    }
    if (room && atomic_load(&h->partition->congested)) {
        broken(b, "a congested partition has room");
    }
    h->starved = !room;
    unsigned burst = b->in_order ? max : (unsigned)sim_between(b->rng, 1, 12), n = 0;
    max = room < max ? room : max;
    max = burst < max ? burst : max;
    while (n < max && has_record(h)) {
        deliver_next(m, h);
        n++;
    }
    if (n < max && !h->end_told) {
        h->end_told = true;
        m->events->end(m->engine, h->partition, h->log->end);
    }
    return n;
}

static unsigned serve_all(sim_member *m, unsigned max, bool woken)
{
    size_t first = sim_below(m->broker->rng, m->n_held + 1);
    unsigned n = 0;
    for (size_t i = 0; i < m->n_held && m->alive; i++) {
        n += serve(m, &m->held[(first + i) % m->n_held], max - n, woken);
    }
    return n;
}

static weir_status member_poll(void *self, const weir_source_events *events, void *engine,
    unsigned max_records, int timeout_ms, weir_error *err)
{
    sim_member *m = self;
    sim_broker *b = m->broker;
    (void)timeout_ms, (void)err;
    bool woken = m->woken;
    m->woken = false;
    m->polling = true;
    m->events = events;
    m->engine = engine;
    fetch_answers(m);
    if (!b->in_order && sim_chance(b->rng, .1)) {
        max_records -= serve_all(m, max_records, woken); /* the news comes behind records */
    }
    take_part(m);
    if (sim_chance(b->rng, b->troubles.poll_fails)) {
        weir_error why;
        weir_fail(&why, WEIR_E_KAFKA_UNREACHABLE, "no broker");
        events->error(engine, &why);
    }
    serve_all(m, max_records, woken);
    m->polling = false;
    return WEIR_OK;
}

bool sim_member_has_news(const sim_member *m)
{
    const sim_broker *b = m->broker;
    bool rebalance = b->group && (m->fenced || (b->joining && !m->joined));
    bool news = m->news && !(b->group && b->joining);
    for (size_t i = 0; i < m->n_held && !news; i++) {
        sim_held h = m->held[i];
        news = !h.starved && (has_record(&h) || !h.end_told);
    }
    return m->woken || rebalance || news || m->answers.count;
}

/* ---- The rest of the port -----------------------------------------------------------------------
 */

static void member_release(void *self, void *message)
{
    sim_member *m = self;
    sim_delivery *d = message;
    if (!m->out || d->member != m) {
        broken(m->broker, "a record is released that is not out");
        return;
    }
    m->out--;
    if (m->broker->hooks.released) {
        m->broker->hooks.released(m->broker->hooks.ctx, d);
    }
    free(d);
}

static void member_wake(void *self)
{
    sim_member *m = self;
    m->woken = true;
}

static int64_t member_end_offset(void *self, const weir_partition *p)
{
    sim_member *m = self;
    return sim_broker_find(m->broker, p->topic, p->number)->end;
}

static bool member_finished(void *self)
{
    (void)self;
    return false;
}

static void member_close(void *self)
{
    sim_member *m = self;
    if (m->out) {
        broken(m->broker, "a source is closed while its records are out");
    }
    m->n_held = 0;
    sim_member_kill(m);
}

static const weir_source_ops member_ops = {
    .type = "simulator",
    .poll = member_poll,
    .commit = member_commit,
    .release = member_release,
    .wake = member_wake,
    .end_offset = member_end_offset,
    .finished = member_finished,
    .close = member_close,
};

/* ---- Processes ----------------------------------------------------------------------------------
 */

weir_record_source sim_member_start(sim_broker *b, int number, void *user)
{
    sim_member *m = &b->members[number];
    m->broker = b;
    m->number = number;
    m->alive = true;
    m->fenced = m->joined = m->polling = false;
    m->woken = false;
    m->news = !b->group;
    m->generation = -1;
    m->n_held = m->out = 0;
    m->pending.count = m->answers.count = 0;
    m->user = user;
    b->n_members = number < b->n_members ? b->n_members : number + 1;
    sim_broker_rebalance(b);
    return (weir_record_source){&member_ops, m};
}

void sim_member_kill(sim_member *m)
{
    if (!m->alive) {
        return;
    }
    apply_pending(m, sim_below(m->broker->rng, m->pending.count + 1)); /* what was on the wire */
    m->pending.count = 0;
    m->alive = m->joined = m->news = false;
    sim_broker_rebalance(m->broker);
}
