/* Debezium's transaction metadata. See transaction_block.h. */
#include "sync/transaction_block.h"

#include <string.h>

static weir_status not_so(const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_E_TRANSACTION_METADATA,
        "Debezium's transaction metadata is not as it should be: %s", what);
}

static bool positive(const weir_value *v, uint64_t *out)
{
    int64_t n;
    bool is = weir_to_int64(v, &n) && n > 0;
    *out = is ? (uint64_t)n : 0;
    return is;
}

static bool text_number(weir_view text, uint64_t *out)
{
    int64_t n;
    bool is = weir_text_to_int64(text, &n) && n > 0;
    *out = is ? (uint64_t)n : 0;
    return is;
}

/* "571:53195832": PostgreSQL's number of the transaction, and where in the log this was. */
static weir_status read_id(
    const weir_value *id, weir_arena *arena, weir_transaction_block *out, weir_error *err)
{
    if (!weir_is(id, WEIR_STRING)) {
        return not_so("`id` is no text", err);
    }
    weir_view text = weir_string(id, arena);
    if (!text.ptr) {
        return weir_fail_oom(err);
    }
    const char *colon = memchr(text.ptr, ':', text.len);
    size_t digits = colon ? (size_t)(colon - text.ptr) : 0;
    if (!colon || !text_number((weir_view){text.ptr, digits}, &out->tx) ||
        !text_number((weir_view){colon + 1, text.len - digits - 1}, &out->lsn)) {
        return not_so("`id` is not a transaction's number and an LSN, `571:53195832`, as Debezium "
                      "writes it since version 2",
            err);
    }
    return WEIR_OK;
}

weir_status weir_transaction_block_read(
    const weir_value *envelope, weir_arena *arena, weir_transaction_block *out, weir_error *err)
{
    const weir_value *block = weir_gets(envelope, "transaction");
    if (!weir_is(block, WEIR_OBJECT)) {
        return weir_fail(err, WEIR_E_TRANSACTION_METADATA,
            "the change has no `transaction`: set provide.transaction.metadata: true in the "
            "connector, and have its topics read from a snapshot taken with it");
    }
    weir_status st = read_id(weir_gets(block, "id"), arena, out, err);
    if (!st && (!positive(weir_gets(block, "total_order"), &out->total_order) ||
                   !positive(weir_gets(block, "data_collection_order"), &out->collection_order))) {
        return not_so("`total_order` and `data_collection_order` are no numbers from 1", err);
    }
    return st;
}

static weir_status read_counts(const weir_value *list, weir_arena *arena,
    weir_transaction_count **counts, size_t *n, weir_error *err)
{
    *n = 0;
    *counts =
        weir_arena_alloc(arena, (weir_is(list, WEIR_ARRAY) ? list->len : 0) * sizeof **counts);
    if (!*counts) {
        return weir_fail_oom(err);
    }
    if (!weir_is(list, WEIR_ARRAY)) {
        return not_so("an END has no `data_collections`", err);
    }
    WEIR_EACH_ITEM(list, item)
    {
        weir_transaction_count *c = &(*counts)[(*n)++];
        const weir_value *name = weir_gets(item, "data_collection");
        if (!weir_is(name, WEIR_STRING) || !positive(weir_gets(item, "event_count"), &c->changes)) {
            return not_so("`data_collections` are no names with counts", err);
        }
        c->collection = weir_string(name, arena);
        if (!c->collection.ptr) {
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

weir_status weir_transaction_end_read(const weir_value *payload, weir_arena *arena, bool *is_end,
    weir_transaction_block *out, weir_transaction_count **counts, size_t *n_counts, weir_error *err)
{
    const weir_value *status = weir_gets(payload, "status");
    *is_end = weir_string_is(status, weir_view_of("END"));
    *n_counts = 0;
    if (!*is_end && !weir_string_is(status, weir_view_of("BEGIN"))) {
        return not_so("a record of its topic is neither BEGIN nor END", err);
    }
    weir_status st = read_id(weir_gets(payload, "id"), arena, out, err);
    return st || !*is_end
               ? st
               : read_counts(weir_gets(payload, "data_collections"), arena, counts, n_counts, err);
}
