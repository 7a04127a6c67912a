/* Frontier on a ring of offsets. See frontier.h. */
#include "engine/frontier.h"

#include <assert.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 256 };

void weir_frontier_init(weir_frontier *f, int64_t start)
{
    *f = (weir_frontier){.next = start, .reached = -1};
}

void weir_frontier_fini(weir_frontier *f)
{
    weir_free(f->offsets);
    *f = (weir_frontier){.next = -1, .reached = -1};
}

static int64_t *at(const weir_frontier *f, uint64_t seq)
{
    return &f->offsets[seq & (f->capacity - 1)];
}

static bool grow(weir_frontier *f)
{
    weir_frontier wider = *f;
    wider.capacity = f->capacity ? f->capacity * 2 : FIRST_CAPACITY;
    wider.offsets = weir_alloc(wider.capacity * sizeof *wider.offsets);
    if (!wider.offsets) {
        return false;
    }
    for (uint64_t seq = f->head; seq != f->tail; seq++) {
        *at(&wider, seq) = *at(f, seq);
    }
    weir_free(f->offsets);
    *f = wider;
    return true;
}

bool weir_frontier_deliver(weir_frontier *f, int64_t offset, uint64_t *seq)
{
    if (f->tail - f->head == f->capacity && !grow(f)) {
        return false;
    }
    if (f->head == f->tail && f->next < offset) {
        f->next = offset; /* over a gap, or the first one of all */
    }
    *seq = f->tail++;
    *at(f, *seq) = offset;
    return true;
}

bool weir_frontier_settle(weir_frontier *f, uint64_t seq)
{
    assert(seq >= f->head && seq < f->tail && *at(f, seq) >= 0);
    *at(f, seq) = ~*at(f, seq);
    if (seq != f->head) {
        return false;
    }
    while (f->head != f->tail && *at(f, f->head) < 0) {
        f->next = ~*at(f, f->head) + 1;
        f->head++;
    }
    if (f->head != f->tail) {
        f->next = *at(f, f->head); /* over a gap that compaction left */
    } else if (f->next < f->reached) {
        f->next = f->reached;
    }
    return true;
}

void weir_frontier_reach(weir_frontier *f, int64_t offset)
{
    f->reached = offset;
    if (f->head == f->tail && f->next < offset) {
        f->next = offset;
    }
}

bool weir_frontier_at(const weir_frontier *f, uint64_t seq, int64_t *offset)
{
    int64_t stored = *at(f, seq);
    *offset = stored < 0 ? ~stored : stored;
    return stored < 0;
}

bool weir_frontier_is_settled(const weir_frontier *f, int64_t offset)
{
    uint64_t low = f->head, high = f->tail;
    int64_t found = -1;
    bool settled = false;
    if (offset < f->next) {
        return true;
    }
    while (low != high) { /* offsets grow with their numbers */
        uint64_t middle = low + (high - low) / 2;
        settled = weir_frontier_at(f, middle, &found);
        if (found == offset) {
            return settled;
        }
        if (found < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}
