/* Numbers that are not done with. See open_seqs.h. */
#include "service/open_seqs.h"

#include <string.h>

void weir_open_reset(weir_open_seqs *o, int64_t next)
{
    o->n = 0;
    o->next = next;
}

bool weir_open_pass(weir_open_seqs *o, int64_t seq)
{
    if (o->n + 2 > WEIR_MOST_OPEN) {
        return false;
    }
    if (seq > o->next + 1) {
        o->items[o->n++] =
            (weir_open_seq){.seq = o->next + 1, .last = seq - 1, .is_gap = true, .topic = -1};
    }
    o->items[o->n++] = (weir_open_seq){.seq = seq, .last = seq, .topic = -1};
    o->next = seq;
    return true;
}

weir_open_seq *weir_open_find(weir_open_seqs *o, int64_t seq)
{
    size_t low = 0, high = o->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (o->items[middle].last < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < o->n && o->items[low].seq <= seq ? &o->items[low] : NULL;
}

void weir_open_split(weir_open_seqs *o, weir_open_seq *entry, int64_t seq)
{
    weir_open_seq gap = *entry, parts[3];
    size_t n = 0, i = (size_t)(entry - o->items);
    if (o->n + 2 > WEIR_MOST_SPLIT_OPEN) {
        entry->since = 0;
        return;
    }
    if (gap.seq < seq) {
        parts[n] = gap;
        parts[n++].last = seq - 1;
    }
    parts[n++] = (weir_open_seq){.seq = seq, .last = seq, .topic = -1};
    if (seq < gap.last) {
        parts[n] = gap;
        parts[n++].seq = seq + 1;
    }
    memmove(&o->items[i + n], &o->items[i + 1], (o->n - i - 1) * sizeof *o->items);
    memcpy(&o->items[i], parts, n * sizeof *parts);
    o->n += n - 1;
}

void weir_open_remove(weir_open_seqs *o, weir_open_seq *entry)
{
    if (entry) {
        size_t i = (size_t)(entry - o->items);
        memmove(entry, entry + 1, (o->n - i - 1) * sizeof *entry);
        o->n--;
    }
}

int64_t weir_open_sent_up_to(const weir_open_seqs *o)
{
    return o->n ? o->items[0].seq - 1 : o->next;
}
