/* Snapshots made by hand, for the tests of what is shown of them. */
#ifndef WEIR_TESTS_SNAPSHOT_CASES_H
#define WEIR_TESTS_SNAPSHOT_CASES_H

#include "snapshot.h"

/* A daemon with everything at once: one good store, one that holds, a topic that is not there, an
 * end that is not known, names that need escapes. */
typedef struct snapshot_case {
    weir_snapshot snapshot;
    weir_store_status stores[2];
    weir_cache_status caches[2];
    weir_partition_status partitions[4];
} snapshot_case;

static inline void fill_good_store(snapshot_case *c)
{
    c->caches[0] = (weir_cache_status){.name = "orders",
        .from = "shop.public.orders",
        .has_lsn = true,
        .stats = {.count = {.changes = 7, .inserts = 3, .deletes = 1},
            .rows = 2,
            .applied_high = 0x16B6C50F0,
            .applied_ms = 1795374786298}};
    c->partitions[0] = (weir_partition_status){.topic = "shop.public.orders",
        .end = 10,
        .frontier = 10,
        .state = WEIR_PARTITION_CURRENT,
        .why = ""};
    c->partitions[1] = (weir_partition_status){.topic = "shop.public.orders",
        .number = 1,
        .end = -1,
        .frontier = 5,
        .lag_records = -1,
        .open_records = 2,
        .state = WEIR_PARTITION_STARTING,
        .why = "what was there at the start is still being applied"};
    c->stores[0] = (weir_store_status){.name = "local",
        .type = "lmdb",
        .live = true,
        .bytes = 4096,
        .limit_bytes = UINT64_C(1) << 36,
        .transactions = 12,
        .counts = {.delivered = 9, .settled = 7, .open = 2, .open_bytes = 640},
        .silence = {.ms = 85, .thread = WEIR_THREAD_LANE, .lane = 3},
        .caches = &c->caches[0],
        .n_caches = 1,
        .partitions = &c->partitions[0],
        .n_partitions = 2};
}

static inline void fill_held_store(snapshot_case *c)
{
    c->caches[1] = (weir_cache_status){.name = "labels",
        .from = "shop.public.labels",
        .stats = {
            .count.quarantined = 3, .written = {.rows = 90, .batches = 3, .busy_us = 1234567}}};
    c->partitions[2] = (weir_partition_status){.topic = "shop.public.labels",
        .number = -1,
        .end = -1,
        .frontier = -1,
        .lag_records = -1,
        .state = WEIR_PARTITION_WAITING,
        .why = "waiting for topic"};
    c->partitions[3] = (weir_partition_status){.topic = "shop.public.lines",
        .number = 0,
        .end = 1000,
        .frontier = 400,
        .lag_records = 600,
        .open_records = 20,
        .state = WEIR_PARTITION_HELD,
        .why = "held by STORE_FULL: there is \"no\" room"};
    c->stores[1] = (weir_store_status){.name = "hot",
        .type = "memory",
        .held = true,
        .held_why = {WEIR_HOLD, "STORE_FULL", "shop.public.lines/0@400", "there is \"no\" room"},
        .silence = {.ms = 61234, .thread = WEIR_THREAD_WORK},
        .rejected = 3,
        .away_ms = 7250,
        .caches = &c->caches[1],
        .n_caches = 1,
        .partitions = &c->partitions[2],
        .n_partitions = 2};
}

static inline void fill_case(snapshot_case *c)
{
    memset(c, 0, sizeof *c);
    fill_good_store(c);
    fill_held_store(c);
    c->snapshot = (weir_snapshot){.app = "shop\\\"sync\n",
        .taken_ms = 1795374786298,
        .uptime_ms = 3723004,
        .in_flight_limit_bytes = 1 << 20,
        .stores = c->stores,
        .n_stores = 2};
}

#endif
