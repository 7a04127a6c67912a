/* Recalling: records that were settled, as parked followers are, come once more, in the assignment
 * that their partition has now. See engine.h. Each has a chunk of its own, with all its bytes. */
#include <stdio.h>

#include "base/alloc.h"
#include "engine/parts.h"

typedef struct recalled_header {
    weir_view name, value;
} recalled_header;

/* The headers of a recalled record, behind its chunk. */
typedef struct recalled_headers {
    size_t n;
    recalled_header items[];
} recalled_headers;

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const recalled_headers *h = self;
    if (i >= h->n) {
        return false;
    }
    *name = h->items[i].name;
    *value = h->items[i].value;
    return true;
}

/* ---- A chunk of one record ----------------------------------------------------------------------
 */

typedef struct measure {
    size_t n_headers, bytes;
} measure;

static measure measure_of(const weir_raw_record *raw)
{
    measure m = {.bytes = raw->key.len + raw->value.len};
    weir_view name, value;
    while (raw->headers.at && raw->headers.at(raw->headers.self, m.n_headers, &name, &value)) {
        m.n_headers++;
        m.bytes += name.len + value.len;
    }
    return m;
}

static weir_view take(char **at, weir_view v)
{
    if (!v.ptr) {
        return v;
    }
    weir_view copy = {*at, v.len};
    if (v.len) {
        memcpy(*at, v.ptr, v.len);
    }
    *at += v.len;
    return copy;
}

/* NULL: out of memory. The record's partition is not set yet. */
static weir_chunk *chunk_of(const weir_raw_record *raw, size_t *size)
{
    measure m = measure_of(raw);
    size_t head = sizeof(weir_chunk) + sizeof(weir_record);
    size_t headers = sizeof(recalled_headers) + m.n_headers * sizeof(recalled_header);
    *size = head + headers + m.bytes + 1;
    weir_chunk *c = weir_alloc(*size);
    if (!c) {
        return NULL;
    }
    *c = (weir_chunk){.count = 1, .capacity = 1};
    recalled_headers *h = (recalled_headers *)(void *)((char *)c + head);
    char *at = (char *)h + headers;
    h->n = m.n_headers;
    weir_record *r = &c->records[0];
    *r = (weir_record){.raw = *raw, .gap = -1, .seq = WEIR_NO_SEQ, .chunk = c, .attempt = 1};
    r->raw.key = take(&at, raw->key);
    r->raw.value = take(&at, raw->value);
    for (size_t i = 0; i < h->n; i++) {
        weir_view name, value;
        (void)raw->headers.at(raw->headers.self, i, &name, &value);
        h->items[i].name = take(&at, name);
        h->items[i].value = take(&at, value);
    }
    r->raw.headers = (weir_header_list){header_at, h};
    return c;
}

/* ---- Recalling ----------------------------------------------------------------------------------
 */

/* Lock: `lock`. */
static weir_partition *find(weir_engine *e, weir_view topic, int32_t number)
{
    for (size_t i = 0; i < e->n_partitions; i++) {
        weir_partition *p = e->partitions[i];
        if (p->number == number && weir_view_is(topic, p->topic)) {
            return atomic_load(&p->revoked) ? NULL : p;
        }
    }
    return NULL;
}

uint64_t weir_engine_epoch_of(weir_engine *e, const char *topic, int32_t number)
{
    pthread_mutex_lock(&e->lock);
    const weir_partition *p = find(e, weir_view_of(topic), number);
    uint64_t epoch = p ? p->epoch : 0;
    pthread_mutex_unlock(&e->lock);
    return epoch;
}

uint64_t weir_engine_epochs(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t epochs = e->epochs;
    pthread_mutex_unlock(&e->lock);
    return epochs;
}

/* Lock: `lock`. */
static void place(weir_engine *e, weir_partition *p, weir_chunk *c, size_t size)
{
    weir_record *r = &c->records[0];
    r->partition = p;
    r->raw.topic = weir_view_of(p->topic);
    r->raw.partition = p->number;
    r->bytes = (uint32_t)(size < UINT32_MAX ? size : UINT32_MAX);
    c->lane = weir_lane_of(e, p, r->raw.key, &r->hash);
    p->refs++;
    p->open_records++;
    p->open_bytes += r->bytes;
    e->open_records++;
    e->open_bytes += r->bytes;
    weir_push_chunk(e, c);
}

bool weir_engine_recall(weir_engine *e, const weir_raw_record *raw, const weir_recalling *as)
{
    size_t size;
    weir_chunk *c = chunk_of(raw, &size);
    if (!c) {
        return false;
    }
    c->records[0].recall = as->kind;
    c->records[0].round = as->round;
    c->records[0].lacks = as->lacks;
    pthread_mutex_lock(&e->lock);
    weir_partition *p = find(e, raw->topic, raw->partition);
    bool taken = p && p->epoch == as->epoch && !e->stopping && !e->failure.status;
    if (taken) {
        place(e, p, c, size);
    }
    pthread_mutex_unlock(&e->lock);
    if (!taken) {
        weir_free(c);
    }
    return taken;
}

size_t weir_engine_recall_room(weir_engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t most = e->options.in_flight_bytes;
    size_t room = e->open_bytes < most ? (most - e->open_bytes) / 2 : 0;
    pthread_mutex_unlock(&e->lock);
    return room;
}
