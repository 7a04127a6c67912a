/* Members of a consumer group in processes of their own, against librdkafka's mock cluster: they
 * come, go, die and stand still; commits, fetches, dead letters and brokers fail. In each case
 * every record is handled, nothing is committed above one that was not, keys keep their order, and
 * what comes again has a reason (group_ledger.h).
 *
 *   check_groups [--long] [--seed N] [CASE...]     exit 1: a case failed
 *
 * Cases run side by side, each in a process with a cluster of its own: most of their time they wait
 * for sessions to end. What the mock cannot do is told in fault_broker.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault_broker.h"
#include "group_case.h"
#include "group_report.h"
#include "side_by_side.h"

/* Members commit every 100 ms; what is added is for a slow machine. During a rebalance the broker
 * takes no commits, for as long as a member has not heard of it, and a dead letter that waits for
 * its broker holds back what is behind it, for seconds on a busy machine: there is no such bound
 * where either may be. */
enum { LONG_ROUNDS = 5, MOST_NAMES = 32, MOST_REWIND_MS = 2000 };

/* ---- Scripts ------------------------------------------------------------------------------------
 * The first rebalance of a group takes the mock three seconds, later ones one.
 */

#define ERROR(name) RD_KAFKA_RESP_ERR_##name
#define ANSWERS(after, broker, request_, list)                                         \
    {                                                                                  \
        .after_ms = (after), .action = ERRORS, .who = (broker), .request = (request_), \
        .errors = (list), .n = (int)(sizeof(list) / sizeof *(list)),                   \
    }
#define STEP(after, what, whom)                              \
    {                                                        \
        .after_ms = (after), .action = (what), .who = (whom) \
    }
#define BOTH STEP(0, START, 0), STEP(0, START, 1)

static const group_step one_joins_late[] = {STEP(0, START, 0), STEP(4400, START, 1)};
static const group_step one_leaves[] = {BOTH, STEP(4400, LEAVE, 1)};
static const group_step both_leave[] = {
    BOTH, STEP(4000, LEAVE, 0), STEP(200, LEAVE, 1), STEP(0, START, 2)};
static const group_step one_is_killed[] = {BOTH, STEP(6500, KILL, 0)};
static const group_step both_are_killed[] = {
    BOTH, STEP(6500, KILL, 0), STEP(10, KILL, 1), STEP(0, START, 0), STEP(0, START, 1)};
static const group_step one_stands_still[] = {BOTH, STEP(4000, PAUSE, 0), STEP(9000, RESUME, 0)};
static const group_step comes_and_goes[] = {BOTH, STEP(3600, START, 2), STEP(3600, LEAVE, 0),
    STEP(300, START, 0), STEP(2500, LEAVE, 2), STEP(100, LEAVE, 1), STEP(300, START, 1)};
/* It comes back before its session ends, and says no word when it goes. */
static const group_step an_instance_restarts[] = {
    BOTH, STEP(3600, LEAVE, 0), STEP(100, START, 0), STEP(3500, KILL, 1), STEP(100, START, 1)};
static const rd_kafka_resp_err_t fenced[] = {ERROR(FENCED_INSTANCE_ID)};
static const group_step an_instance_is_fenced[] = {STEP(0, START, 0),
    ANSWERS(4500, ALL_BROKERS, REQUEST_OFFSET_COMMIT, fenced), STEP(0, FAILS, 0),
    STEP(0, START, 1)};

static const rd_kafka_resp_err_t commit_errors[] = {ERROR(REBALANCE_IN_PROGRESS),
    ERROR(REQUEST_TIMED_OUT), ERROR(COORDINATOR_NOT_AVAILABLE), ERROR(COORDINATOR_LOAD_IN_PROGRESS),
    ERROR(NOT_COORDINATOR), ERROR(_TRANSPORT), ERROR(UNKNOWN_TOPIC_OR_PART),
    ERROR(REBALANCE_IN_PROGRESS), ERROR(REQUEST_TIMED_OUT)};
/* Each member has one commit open, not one for each of its intervals, and tells of it once. */
static const group_step commits_wait_long[] = {
    BOTH, STEP(4000, DOWN, COORDINATOR), STEP(8000, UP, COORDINATOR)};
static const rd_kafka_resp_err_t unknown_member[] = {ERROR(UNKNOWN_MEMBER_ID)};
static const rd_kafka_resp_err_t illegal_generation[] = {ERROR(ILLEGAL_GENERATION)};
static const group_step commits_fail[] = {
    BOTH, ANSWERS(3500, ALL_BROKERS, REQUEST_OFFSET_COMMIT, commit_errors), STEP(3000, LEAVE, 0)};
static const group_step a_member_is_unknown[] = {BOTH,
    ANSWERS(4500, ALL_BROKERS, REQUEST_OFFSET_COMMIT, unknown_member),
    ANSWERS(3000, ALL_BROKERS, REQUEST_OFFSET_COMMIT, illegal_generation)};

/* A coordinator that has just moved. librdkafka goes on asking one that is still loading; what is
 * not its own is answered at once, and at once again. */
#define MOVED ERROR(NOT_COORDINATOR), ERROR(COORDINATOR_NOT_AVAILABLE)
#define TEN_MOVED MOVED, MOVED, MOVED, MOVED, MOVED
static const rd_kafka_resp_err_t moved[] = {TEN_MOVED, ERROR(COORDINATOR_LOAD_IN_PROGRESS),
    ERROR(COORDINATOR_LOAD_IN_PROGRESS), ERROR(_TRANSPORT), TEN_MOVED};
static const group_step offsets_are_not_told[] = {STEP(0, START, 0), STEP(4400, START, 1),
    ANSWERS(400, ALL_BROKERS, REQUEST_OFFSET_FETCH, moved), STEP(5500, WAIT, 0)};
static const rd_kafka_resp_err_t join_errors[] = {ERROR(COORDINATOR_LOAD_IN_PROGRESS),
    ERROR(NOT_COORDINATOR), ERROR(_TRANSPORT), ERROR(COORDINATOR_NOT_AVAILABLE)};
static const group_step joins_fail[] = {ANSWERS(0, ALL_BROKERS, REQUEST_JOIN_GROUP, join_errors),
    ANSWERS(0, ALL_BROKERS, REQUEST_FIND_COORDINATOR, join_errors), BOTH,
    ANSWERS(4000, ALL_BROKERS, REQUEST_HEARTBEAT, join_errors),
    ANSWERS(500, ALL_BROKERS, REQUEST_SYNC_GROUP, join_errors), STEP(500, START, 2)};

static const rd_kafka_resp_err_t fetch_errors[] = {ERROR(NOT_LEADER_FOR_PARTITION),
    ERROR(REQUEST_TIMED_OUT), ERROR(_TRANSPORT), ERROR(UNKNOWN), ERROR(KAFKA_STORAGE_ERROR),
    ERROR(REPLICA_NOT_AVAILABLE), ERROR(LEADER_NOT_AVAILABLE), ERROR(NOT_LEADER_FOR_PARTITION)};
static const group_step fetches_fail[] = {BOTH,
    ANSWERS(3500, ALL_BROKERS, REQUEST_FETCH, fetch_errors),
    ANSWERS(800, ALL_BROKERS, REQUEST_FETCH, fetch_errors)};
/* Nothing is lost: reading goes on where it was. */
static const rd_kafka_resp_err_t out_of_range[] = {
    ERROR(OFFSET_OUT_OF_RANGE), ERROR(OFFSET_OUT_OF_RANGE), ERROR(OFFSET_OUT_OF_RANGE)};
static const group_step offsets_are_refused[] = {BOTH,
    ANSWERS(3500, ALL_BROKERS, REQUEST_FETCH, out_of_range),
    ANSWERS(800, ALL_BROKERS, REQUEST_FETCH, out_of_range), STEP(50, LEAVE, 0)};
static const group_step a_broker_is_away[] = {BOTH, STEP(4000, DOWN, 2), STEP(2000, UP, 2)};
static const group_step the_coordinator_is_away[] = {
    BOTH, STEP(4000, DOWN, COORDINATOR), STEP(3500, UP, COORDINATOR)};
static const group_step all_brokers_are_away[] = {STEP(0, DOWN, ALL_BROKERS), BOTH,
    STEP(1500, UP, ALL_BROKERS), STEP(5000, DOWN, ALL_BROKERS), STEP(3000, UP, ALL_BROKERS)};
static const group_step one_leaves_without_a_broker[] = {
    BOTH, STEP(4500, DOWN, ALL_BROKERS), STEP(200, LEAVE, 0), STEP(100, UP, ALL_BROKERS)};
/* The coordinator takes requests and answers none. */
static const group_step one_leaves_a_hung_coordinator[] = {BOTH,
    {.after_ms = 4000, .action = SLOW, .who = COORDINATOR, .n = 100000}, STEP(400, LEAVE, 0),
    {.after_ms = 100, .action = SLOW, .who = COORDINATOR, .n = 0}};
static const group_step brokers_are_slow[] = {BOTH,
    {.after_ms = 3500, .action = SLOW, .who = ALL_BROKERS, .n = 150}, STEP(2000, LEAVE, 0),
    {.after_ms = 1000, .action = SLOW, .who = ALL_BROKERS, .n = 0}};

static const rd_kafka_resp_err_t letter_errors[] = {ERROR(NOT_LEADER_FOR_PARTITION),
    ERROR(REQUEST_TIMED_OUT), ERROR(NOT_ENOUGH_REPLICAS), ERROR(NOT_ENOUGH_REPLICAS_AFTER_APPEND),
    ERROR(_TRANSPORT), ERROR(NOT_ENOUGH_REPLICAS), ERROR(LEADER_NOT_AVAILABLE)};
static const group_step letters_fail[] = {BOTH,
    ANSWERS(3300, DEAD_LEADER, REQUEST_PRODUCE, letter_errors), STEP(1500, KILL, 0),
    ANSWERS(500, DEAD_LEADER, REQUEST_PRODUCE, letter_errors), STEP(0, START, 0)};
static const group_step letters_leader_is_away[] = {BOTH, STEP(3500, DOWN, DEAD_LEADER),
    STEP(1500, KILL, 1), STEP(500, UP, DEAD_LEADER), STEP(0, START, 1)};
/* Who may not write its dead letters stops; it must not go past the record. */
static const rd_kafka_resp_err_t not_allowed[] = {ERROR(TOPIC_AUTHORIZATION_FAILED)};
static const group_step letters_are_refused[] = {STEP(0, START, 0),
    ANSWERS(3500, DEAD_LEADER, REQUEST_PRODUCE, not_allowed), STEP(0, FAILS, 0),
    STEP(200, START, 0)};

/* Who reads a topic that is deleted stops, and ends: sooner than it would give librdkafka up. */
static const rd_kafka_resp_err_t unknown_topic[] = {ERROR(UNKNOWN_TOPIC_OR_PART)};
static const group_step the_topic_is_deleted[] = {STEP(0, START, 0),
    {.after_ms = 4500, .action = TOPIC_ERROR, .errors = unknown_topic, .n = 1},
    {.action = FAILS, .who = 0, .n = 4800}, {.action = TOPIC_ERROR}, STEP(0, START, 0)};

#define SCRIPT(name_) .name = #name_, .steps = name_, .n_steps = (int)(sizeof name_ / sizeof *name_)

static const group_case cases[] = {
    {SCRIPT(one_joins_late), .quiet = true},
    {SCRIPT(one_leaves), .quiet = true},
    {SCRIPT(both_leave)},
    {SCRIPT(one_is_killed), .most_rewind_ms = MOST_REWIND_MS},
    {SCRIPT(both_are_killed), .reject_one_in = 20},
    {SCRIPT(one_stands_still)},
    {SCRIPT(comes_and_goes), .only_long = true, .reject_one_in = 50},
    {SCRIPT(an_instance_restarts), .instances = true},
    {SCRIPT(an_instance_is_fenced), .instances = true},
    {SCRIPT(commits_fail)},
    {SCRIPT(commits_wait_long), .most_failed_commits = 4},
    {SCRIPT(a_member_is_unknown)},
    {SCRIPT(offsets_are_not_told)},
    {SCRIPT(joins_fail)},
    {SCRIPT(fetches_fail)},
    {SCRIPT(offsets_are_refused)},
    {SCRIPT(a_broker_is_away)},
    {SCRIPT(the_coordinator_is_away)},
    {SCRIPT(all_brokers_are_away)},
    {SCRIPT(one_leaves_without_a_broker)},
    {SCRIPT(one_leaves_a_hung_coordinator), .only_long = true},
    {SCRIPT(brokers_are_slow)},
    {SCRIPT(letters_fail), .reject_one_in = 10},
    {SCRIPT(letters_leader_is_away), .only_long = true, .reject_one_in = 10},
    {SCRIPT(letters_are_refused), .reject_one_in = 10},
    {SCRIPT(the_topic_is_deleted)},
    {.name = "churn", .churn = 40, .reject_one_in = 50, .only_long = true},
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- Running them
 * --------------------------------------------------------------------------------- */

typedef struct tests {
    bool all; /* the long form */
    const char *names[MOST_NAMES];
    int n_names;
    side_by_side side;
} tests;

static bool run_case(const void *the_case, uint32_t seed, int log)
{
    return group_case_run(the_case, "/proc/self/exe", seed, log);
}

static bool wanted(const tests *t, int i)
{
    for (int n = 0; n < t->n_names; n++) {
        if (strcmp(t->names[n], cases[i].name) == 0) {
            return true;
        }
    }
    return t->n_names == 0 && (t->all || !cases[i].only_long);
}

static void run_all(tests *t)
{
    for (uint32_t round = 0; round < (t->all ? LONG_ROUNDS : 1); round++) {
        for (int i = 0; i < CASES; i++) {
            if (wanted(t, i)) {
                side_by_side_start(
                    &t->side, cases[i].name, run_case, &cases[i], t->side.seed + round);
            }
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "check_groups [--long] [--seed N] [CASE...]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "member") == 0) {
        return group_member_main(argc - 2, argv + 2);
    }
    tests t = {.side = {.seed = (uint32_t)time(NULL) % 1000000}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0) {
            t.all = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            t.side.seed = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (argv[i][0] == '-' || t.n_names == MOST_NAMES) {
            return usage();
        } else {
            t.names[t.n_names++] = argv[i];
        }
    }
    run_all(&t);
    return side_by_side_end(&t.side);
}
