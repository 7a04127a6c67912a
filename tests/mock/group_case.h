/* One case of check_groups: a script of what happens to a group and its brokers, and its run. */
#ifndef WEIR_TESTS_GROUP_CASE_H
#define WEIR_TESTS_GROUP_CASE_H

#include <librdkafka/rdkafka.h>

#include <stdbool.h>
#include <stdint.h>

enum { SLOTS = 3 };

typedef enum group_action {
    START,       /* slot `who` gets a member */
    LEAVE,       /* … it is told to go (SIGTERM), and has to go in order */
    KILL,        /* … it is killed (SIGKILL), without a word to the broker */
    PAUSE,       /* … it stands still (SIGSTOP) */
    RESUME,      /* … and goes on */
    FAILS,       /* … it has to end by itself, with an error, within `n` ms if that is set */
    ERRORS,      /* the next answers to `request` by broker `who` (or all of them) are `errors` */
    TOPIC_ERROR, /* what Metadata says of the topic: the only one of `errors`, or nothing */
    DOWN,        /* broker `who` */
    UP,
    SLOW, /* broker `who` answers after `n` ms */
    WAIT,
} group_action;

/* after_ms: behind the step before, and up to a quarter more. */
typedef struct group_step {
    int after_ms;
    group_action action;
    int who, request;
    const rd_kafka_resp_err_t *errors;
    int n;
} group_step;

typedef struct group_case {
    const char *name;
    const group_step *steps;
    int n_steps;
    int churn;               /* so many more steps by chance: members come, go, die, stand still */
    int reject_one_in;       /* these become dead letters; 0: none */
    bool only_long;          /* takes longer than `make check` has */
    bool instances;          /* static members */
    bool quiet;              /* no faults: who leaves has committed all that it handled */
    int most_rewind_ms;      /* of an assignment: what was not committed yet; 0: not asked */
    int most_failed_commits; /* that the log tells of, and that they work again; 0: not asked */
} group_case;

/* Runs it in this process; members are processes of `program` with "member" as their first
 * argument. Says on stdout what came of it; true: nothing is wrong. log: where members write. */
bool group_case_run(const group_case *c, const char *program, uint32_t seed, int log);

#endif
