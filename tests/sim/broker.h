/* A simulated broker: partitions as logs in memory, and a consumer group of several members, each
 * of which is the source of one engine. All in virtual time, on one thread, from a seed.
 *
 * What it does to its members that Kafka does too:
 *  - offsets have gaps (compaction, the markers of transactions), also behind the last record;
 *  - a rebalance takes everything from everybody at any moment (eager); who does not come back in
 *    time is fenced: its assignment is lost, and what it commits is refused;
 *  - a commit that is not waited for is applied later, or never, or its answer is lost; one that is
 *    waited for may fail before it was applied, or behind it;
 *  - a partition without room is left alone until the engine wakes the source; that it does is
 *    checked here, since a room that nobody is told of is a partition that stands still. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include "engine/engine.h"
#include "sim/prng.h"
#include "sim/said.h"

enum { SIM_BROKER_PARTITIONS = 4, SIM_BROKER_MEMBERS = 3 };

typedef struct sim_broker sim_broker;
typedef struct sim_member sim_member;

/* A record of a log. Its bytes are its maker's, and outlive the broker. */
typedef struct sim_entry {
    int64_t offset;
    weir_view key, value;
    weir_view header_name, header_value; /* name.ptr NULL: it has none */
    int64_t timestamp_ms;
    int previous;   /* the record of the same key before it; -1: none */
    bool compacted; /* taken by compaction: delivered to nobody any more */
    int user;       /* its maker's */
} sim_entry;

typedef struct sim_partition {
    const char *topic;
    int32_t number;
    struct {
        sim_entry *items;
        size_t count, capacity;
    } entries;
    int64_t end;       /* past the last record and the markers behind it */
    int64_t committed; /* the group's; -1: never */
    sim_said said;     /* its metadata */
    sim_member *owner;
    int user;
} sim_partition;

/* A partition that a member holds, from its assignment to its revoke. */
typedef struct sim_held {
    sim_partition *log;
    weir_partition *partition; /* the engine's */
    size_t next;               /* entry */
    bool end_told, starved;
    void *user; /* as the hook `assigned` has it */
} sim_held;

/* A record under way in a member's engine: the source's `message`. */
typedef struct sim_delivery {
    sim_member *member;
    sim_partition *log;
    size_t index;
    weir_view header_name, header_value;
    void *user; /* of its sim_held */
    char bytes[];
} sim_delivery;

/* Who watches. Each may be NULL. */
typedef struct sim_broker_hooks {
    void *(*assigned)(void *ctx, sim_member *m, sim_partition *log, int64_t start);
    /* Before and behind the engine's drain. */
    void (*revoking)(void *ctx, sim_held *held, bool lost);
    void (*revoked)(void *ctx, sim_held *held, bool lost);
    void (*delivered)(void *ctx, sim_delivery *d);
    void (*released)(void *ctx, sim_delivery *d);
    void (*committing)(void *ctx, sim_member *m, sim_partition *log, int64_t next);
    void (*committed)(void *ctx, sim_member *m, sim_partition *log);
    /* A rule of the port, or of the broker, is broken. */
    void (*broken)(void *ctx, const char *what);
    /* Where all partitions are read: the offset to begin at. */
    int64_t (*start)(void *ctx, sim_partition *log);
    void *ctx;
} sim_broker_hooks;

/* How often what goes wrong; 0: never. */
typedef struct sim_troubles {
    double commit_fails, answer_lost, poll_fails, fetch_waits;
} sim_troubles;

struct sim_member {
    sim_broker *broker;
    int number;
    bool alive;
    bool fenced;  /* put out of the group; it does not know yet */
    bool joined;  /* waits for the others to join */
    bool news;    /* it is assigned what it has not taken yet */
    bool polling; /* inside of its poll */
    bool woken;
    int64_t generation;
    sim_held held[SIM_BROKER_PARTITIONS];
    size_t n_held;
    struct sim_offsets {
        struct sim_commit {
            sim_partition *log;
            int64_t next, generation;
            sim_said said;
        } * items;
        size_t count, capacity;
    } pending, answers; /* commits under way, and answers that were not fetched yet */
    size_t out;         /* records delivered and not released */
    const weir_source_events *events;
    void *engine;
    void *user;
};

struct sim_broker {
    sim_rng *rng;
    const int64_t *now_ms;
    sim_broker_hooks hooks;
    sim_troubles troubles;
    bool group;    /* else each member reads all partitions */
    bool in_order; /* a poll takes all that there is */
    sim_partition partitions[SIM_BROKER_PARTITIONS];
    int n_partitions;
    sim_member members[SIM_BROKER_MEMBERS];
    int n_members;
    bool joining;
    int64_t join_until_ms, join_bound_ms;
    int64_t generation;
};

void sim_broker_init(sim_broker *b, sim_rng *rng, const int64_t *now_ms, bool group);
void sim_broker_fini(sim_broker *b);

sim_partition *sim_broker_add_partition(sim_broker *b, const char *topic, int32_t number);
/* Appends a record behind `gap` missing offsets. */
sim_entry *sim_partition_append(sim_partition *p, weir_view key, weir_view value, int64_t gap);
/* The marker of a transaction behind the last record. */
void sim_partition_mark(sim_partition *p);

/* A process starts, and joins; its source is for one engine, which closes it when it leaves. */
weir_record_source sim_member_start(sim_broker *b, int number, void *user);
/* A transaction's offsets, all or none, for a member of this generation. False: it is not one. */
bool sim_member_transact(sim_member *m, const weir_offset *offsets, size_t n, int64_t generation);
sim_partition *sim_broker_find(sim_broker *b, const char *topic, int32_t number);
/* It is dead: nothing that it has sent later counts. Its engine is still to be taken down. */
void sim_member_kill(sim_member *m);
/* The broker loses patience with it. */
void sim_member_fence(sim_member *m);
void sim_broker_rebalance(sim_broker *b);
/* Time has passed, the network has moved: completes a join, applies commits. */
void sim_broker_tick(sim_broker *b);
/* Would a poll bring something? */
bool sim_member_has_news(const sim_member *m);

#endif
