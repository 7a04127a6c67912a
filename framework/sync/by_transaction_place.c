/* Sync by transaction: the lanes' half, which tells where each record stands. See by_transaction.h.
 */
#include "base/alloc.h"
#include "sync/by_transaction.h"
#include "sync/transaction_block.h"

static unsigned collection_named(const weir_sync *s, const weir_sync_topic *of, weir_view name)
{
    for (unsigned t = 0; t < s->options.n_topics; t++) {
        const weir_sync_topic *topic = &s->options.topics[t];
        if (topic->by_transaction && topic->source == of->source &&
            weir_view_is(name, topic->table)) {
            return t;
        }
    }
    return UINT32_MAX;
}

static weir_status place_end(weir_sync *s, const weir_event *ev, weir_sync_job *job,
    const weir_sync_topic *topic, weir_sequenced *r, weir_error *err)
{
    weir_transaction_block block = {.tx = 0};
    weir_transaction_count *counts;
    size_t n;
    bool is_end;
    weir_status st =
        weir_transaction_end_read(ev->payload, &job->arena, &is_end, &block, &counts, &n, err);
    r->kind = st ? r->kind : is_end ? WEIR_SEQUENCED_END : WEIR_SEQUENCED_BEGIN;
    r->tx = block.tx;
    if (st || !is_end) {
        return st;
    }
    weir_sequence_count *ours = weir_arena_alloc(&job->arena, n * sizeof *ours);
    if (!ours) {
        return weir_fail_oom(err);
    }
    r->commit = block.lsn;
    r->counts = ours;
    for (size_t i = 0; i < n; i++) {
        unsigned t = collection_named(s, topic, counts[i].collection);
        if (t != UINT32_MAX) {
            ours[r->n_counts++] = (weir_sequence_count){t, counts[i].changes};
        }
    }
    return WEIR_OK;
}

static weir_status place_change(const weir_event *ev, weir_sync_job *job,
    const weir_sync_item *item, weir_sequenced *r, weir_error *err)
{
    weir_transaction_block block;
    weir_status st = weir_transaction_block_read(ev->payload, &job->arena, &block, err);
    if (!st) {
        r->kind = WEIR_SEQUENCED_CHANGE;
        r->collection = item->record->partition->tag;
        r->tx = block.tx;
        r->H = ev->change.at.H;
        r->l = ev->change.at.l;
        r->total = block.total_order;
        r->order = block.collection_order;
        r->removes = ev->change.op == 'd';
    }
    return st;
}

/* An END may have been lost with it: what it told is waited for in vain, or later ones overtake it.
 */
static weir_status not_metadata(const weir_sync_item *item, const char *what, weir_error *err)
{
    weir_fail(err, WEIR_E_TRANSACTION_METADATA,
        "the topic of transactions holds a record that is neither BEGIN nor END: %.150s", what);
    return weir_sync_place_of(item, err);
}

/* Whatever comes of it later, a record of its topic cannot be left out. */
static weir_status place_rejected(const weir_sync_item *item, weir_status decoded, weir_error *err)
{
    weir_error why = *err;
    if (decoded == WEIR_REJECT && item->topic->transactions) {
        return not_metadata(item, why.text, err);
    }
    if (decoded != WEIR_REJECT || !item->topic->by_transaction) {
        return decoded;
    }
    weir_fail(err, WEIR_E_REJECTED,
        "%.150s (%s): of a table that is applied by transaction no record can be left out",
        why.text, why.code);
    return weir_sync_place_of(item, err);
}

weir_status weir_by_transaction_place(weir_sync *s, const weir_event *ev, weir_sync_job *job,
    weir_sync_item *item, weir_status decoded, weir_error *err)
{
    weir_sync_place *place = weir_arena_alloc(&job->arena, sizeof *place);
    if (!place) {
        return weir_fail_oom(err);
    }
    *place = (weir_sync_place){.record = {.item = place}, .item = item, .job = job};
    item->place = place;
    if (decoded) {
        return place_rejected(item, decoded, err);
    }
    weir_status st = WEIR_OK;
    bool is_null = !item->record->raw.value.ptr;
    if (item->topic->transactions && ev->kind == WEIR_EVENT_TRANSACTION && ev->payload) {
        st = place_end(s, ev, job, item->topic, &place->record, err);
    } else if (item->topic->transactions && !is_null) {
        return not_metadata(item, "no envelope of Debezium's", err);
    } else if (item->topic->by_transaction && item->is_change && ev->change.kind == WEIR_STREAMED) {
        st = place_change(ev, job, item, &place->record, err);
    }
    return st ? weir_sync_place_of(item, err) : WEIR_OK;
}
