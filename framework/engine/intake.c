/* Intake: records from the source to the lanes' queues. See engine.h.
 *
 * Nothing may be committed above a record that was not delivered. So when memory runs out for one,
 * it and all that come behind it are given back to the source, until the engine has ended. */
#include "base/alloc.h"
#include "base/map.h"
#include "engine/parts.h"
#include "schema/avro_wire.h"

enum {
    CHUNK_RECORDS = 256,
    FEW_RECORDS = 16, /* where a poll brings little */
    RECORD_COST =
        sizeof(weir_record) + 448, /* beside its bytes; the source's part is librdkafka's */
    HEADER_COST = 64,              /* of each header, beside its bytes: the source's part */
    FIRST_GUESS = 64 << 10,        /* what a record costs, before any has come */
};

static uint32_t cost_of(const weir_raw_record *raw)
{
    size_t bytes = raw->key.len + raw->value.len + RECORD_COST;
    weir_view name, value;
    for (size_t i = 0; raw->headers.at && raw->headers.at(raw->headers.self, i, &name, &value);
         i++) {
        bytes += name.len + value.len + HEADER_COST;
    }
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

/* ---- Room ---------------------------------------------------------------------------------------
 */

bool weir_partition_held_back(const weir_engine *e, const weir_partition *p)
{
    return atomic_load(&p->congested) ||
           weir_frontier_open(&p->frontier) >= e->options.ahead_records;
}

/* How many records more would fill these bytes; one may always overshoot. */
static size_t records_in(const weir_partition *p, size_t bytes)
{
    return bytes / (p->typical_bytes ? p->typical_bytes : FIRST_GUESS) + 1;
}

static size_t lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

unsigned weir_partition_room(weir_engine *e, const weir_partition *p)
{
    const weir_engine_options *o = &e->options;
    pthread_mutex_lock(&e->lock);
    size_t records = p->open_records + p->batch_records, bytes = p->open_bytes + p->batch_bytes;
    size_t ahead = weir_frontier_open(&p->frontier) + p->batch_records;
    size_t all_bytes = e->open_bytes + e->batch_bytes;
    size_t free_bytes = all_bytes < o->in_flight_bytes ? o->in_flight_bytes - all_bytes : 0;
    bool full = e->stopping || e->refusing || weir_partition_held_back(e, p) ||
                records >= o->partition_records || ahead >= o->ahead_records ||
                (records && bytes >= free_bytes) ||
                (!free_bytes && (records || !o->by_partition)); /* it may bring what others need */
    if (full && !e->starved) {
        e->freed_bytes = 0;
    }
    e->starved |= full;
    e->too_far |= ahead >= o->ahead_records;
    pthread_mutex_unlock(&e->lock);
    if (full) {
        return 0;
    }
    size_t room = lesser(o->partition_records - records, o->ahead_records - ahead);
    size_t room_bytes = bytes < free_bytes ? (free_bytes - bytes) / 2 : 0;
    return (unsigned)lesser(room, records_in(p, room_bytes));
}

/* As far as the source knows; one that does not has more until it has ended. Lock: `lock`. */
static bool has_more(const weir_engine *e, const weir_partition *p)
{
    int64_t end = e->source.ops->end_offset(e->source.self, p);
    return p->delivered_next >= 0 && (end < 0 ? !weir_engine_at_end(e) : end > p->delivered_next);
}

/* Lock: `lock`. */
static bool is_full(const weir_engine *e, const weir_partition *p, size_t free_bytes)
{
    return p->open_records >= e->options.partition_records || weir_partition_held_back(e, p) ||
           (p->open_records && p->open_bytes >= free_bytes);
}

bool weir_engine_wants_room(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t most = e->options.in_flight_bytes;
    bool stuffed = e->open_bytes >= most, wants = stuffed, others = false;
    for (size_t i = 0; i < e->n_partitions && (!stuffed || e->options.by_partition); i++) {
        const weir_partition *p = e->partitions[i];
        bool more = has_more(e, p), full = is_full(e, p, stuffed ? 0 : most - e->open_bytes);
        wants |= more && full;
        others |= more && !full;
    }
    pthread_mutex_unlock(&e->lock);
    return wants && !others;
}

void weir_engine_look(weir_engine *e, weir_engine_look_fn *fn, void *ctx)
{
    pthread_mutex_lock(&e->lock);
    size_t most = e->options.in_flight_bytes;
    size_t free_bytes = e->open_bytes < most ? most - e->open_bytes : 0;
    for (size_t i = 0; i < e->n_partitions; i++) {
        const weir_partition *p = e->partitions[i];
        bool at_end = weir_engine_at_end(e) || p->end_tail == p->frontier.tail;
        fn(ctx, p, at_end, has_more(e, p) && is_full(e, p, free_bytes));
    }
    pthread_mutex_unlock(&e->lock);
}

/* ---- Records of a poll --------------------------------------------------------------------------
 */

static bool grow_batch(weir_engine *e)
{
    size_t capacity = e->batch_capacity ? e->batch_capacity * 2 : 512;
    weir_delivery *grown = weir_realloc(e->batch, capacity * sizeof *grown);
    if (grown) {
        e->batch = grown;
        e->batch_capacity = capacity;
    }
    return grown;
}

void weir_intake_record(void *engine, weir_partition *p, const weir_raw_record *raw, void *message)
{
    weir_engine *e = engine;
    bool out_of_memory = !e->refusing && e->n_batch == e->batch_capacity && !grow_batch(e);
    if (out_of_memory) {
        e->refusing = true;
        weir_engine_fail_oom(e);
    }
    if (e->refusing) {
        e->source.ops->release(e->source.self, message);
        return;
    }
    uint32_t cost = cost_of(raw);
    e->batch[e->n_batch++] = (weir_delivery){p, *raw, message, cost, false};
    p->batch_records++;
    p->batch_bytes += cost;
    e->batch_bytes += cost;
    size_t typical = p->typical_bytes; /* large ones count at once, small ones by and by */
    p->typical_bytes = cost > typical ? cost : typical - (typical - cost) / 64;
}

/* ---- Lanes --------------------------------------------------------------------------------------
 */

void weir_push_chunk(weir_engine *e, weir_chunk *c)
{
    weir_lane_queue *q = &e->queues[c->lane];
    atomic_store(&c->unreleased, c->count);
    pthread_mutex_lock(&q->lock);
    if (q->last) {
        q->last->next = c;
    } else {
        q->first = c;
    }
    q->last = c;
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->lock);
}

/* The place for the lane's next record; NULL: out of memory. */
static weir_record *next_place(weir_engine *e, unsigned lane)
{
    weir_chunk *c = e->filling[lane];
    if (c && c->count == c->capacity) {
        weir_push_chunk(e, c);
        c = e->filling[lane] = NULL;
    }
    if (!c) {
        bool many = e->n_batch / e->options.lanes >= CHUNK_RECORDS / 4;
        unsigned capacity = many ? CHUNK_RECORDS : FEW_RECORDS;
        c = weir_alloc(sizeof *c + capacity * sizeof c->records[0]);
        if (!c) {
            return NULL;
        }
        *c = (weir_chunk){.lane = lane, .capacity = capacity};
        e->filling[lane] = c;
    }
    return &c->records[c->count];
}

/* Equal keys of a partition share a lane; records without a key keep their partition's order. An
 * Avro key is the same one when its schema, and so its frame, is another. */
static uint32_t place_hash(const weir_partition *p, weir_view key)
{
    weir_schema_ref schema;
    size_t frame = key.len && (unsigned char)key.ptr[0] < ' ' ? weir_wire_frame(key, &schema) : 0;
    key.ptr += frame;
    key.len -= frame;
    uint32_t of_partition = (uint32_t)p->number * 0x9E3779B1u;
    return key.ptr ? weir_hash(key) ^ of_partition : of_partition | 1;
}

/* Partitions in turn, and those of one topic not where those of the next begin. */
static uint32_t partition_turn(const weir_partition *p)
{
    return (uint32_t)p->number + p->tag;
}

unsigned weir_lane_of(const weir_engine *e, const weir_partition *p, weir_view key, uint32_t *hash)
{
    *hash = place_hash(p, key);
    return (e->options.by_partition ? partition_turn(p) : *hash >> 16) % e->options.lanes;
}

static void note_gap(weir_partition *p, int64_t offset)
{
    if (p->delivered_next >= 0 && offset > p->delivered_next) {
        p->gap = offset; /* compaction, or a transaction's marker, is in between */
    }
    p->delivered_next = offset + 1;
}

/* It was settled in an assignment before this one: it only moves the frontier, and goes back to the
 * source. Lock: `lock`. False: out of memory. */
static bool pass_over(weir_delivery *d)
{
    weir_partition *p = d->partition;
    uint64_t seq;
    if (!weir_frontier_deliver(&p->frontier, d->raw.offset, &seq)) {
        return false;
    }
    note_gap(p, d->raw.offset);
    (void)weir_frontier_settle(&p->frontier, seq);
    if (!p->open_records) {
        p->released_head = p->frontier.head;
    }
    d->passed_over = true;
    return true;
}

/* Puts one delivery on its lane. Lock: `lock`. False: out of memory. */
static bool place(weir_engine *e, const weir_delivery *d)
{
    weir_partition *p = d->partition;
    uint32_t hash;
    unsigned lane = weir_lane_of(e, p, d->raw.key, &hash);
    weir_record *r = next_place(e, lane);
    uint64_t seq;
    if (!r || !weir_frontier_deliver(&p->frontier, d->raw.offset, &seq)) {
        return false;
    }
    note_gap(p, d->raw.offset);
    *r = (weir_record){.raw = d->raw,
        .hash = hash,
        .bytes = d->cost,
        .gap = p->gap,
        .seq = seq,
        .partition = p,
        .chunk = e->filling[lane],
        .message = d->message,
        .attempt = 1 + weir_resume_attempts(&p->known, d->raw.offset)};
    r->chunk->count++;
    p->refs++;
    p->open_records++;
    p->open_bytes += r->bytes;
    e->open_records++;
    e->open_bytes += r->bytes;
    e->delivered++;
    return true;
}

static size_t place_batch(weir_engine *e)
{
    size_t placed = 0;
    pthread_mutex_lock(&e->lock);
    if (e->n_batch) {
        e->waiting.status = WEIR_OK;
    }
    while (placed < e->n_batch && !e->refusing) {
        weir_delivery *d = &e->batch[placed];
        bool settled = weir_resume_is_settled(&d->partition->known, d->raw.offset);
        e->refusing = settled ? !pass_over(d) : !place(e, d);
        placed += !e->refusing;
    }
    for (size_t i = 0; i < e->n_batch; i++) {
        e->batch[i].partition->batch_records = 0;
        e->batch[i].partition->batch_bytes = 0;
    }
    e->batch_bytes = 0;
    pthread_mutex_unlock(&e->lock);
    return placed;
}

void weir_intake_flush(weir_engine *e)
{
    size_t n = e->n_batch, placed = place_batch(e);
    e->n_batch = 0;
    for (unsigned lane = 0; lane < e->options.lanes; lane++) {
        weir_chunk *c = e->filling[lane];
        e->filling[lane] = NULL;
        if (c && c->count) {
            weir_push_chunk(e, c);
        } else {
            weir_free(c);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (i >= placed || e->batch[i].passed_over) {
            e->source.ops->release(e->source.self, e->batch[i].message);
        }
    }
    if (placed < n) {
        weir_engine_fail_oom(e);
    }
}
