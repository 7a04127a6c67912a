/* What a member of the group tells the test, and how it is started: see check_groups.c. */
#ifndef WEIR_TESTS_GROUP_REPORT_H
#define WEIR_TESTS_GROUP_REPORT_H

#include <stdint.h>

enum {
    REPORT_FD = 3, /* a pipe that all members share */
    LANES = 2,
    PARTITIONS = 4,
    KEYS = 16, /* of each partition */
};

#define GROUP "payments"
#define TOPIC "orders"
#define DEAD_TOPIC "orders.dead"

typedef enum report_kind {
    REPORT_ASSIGNED,
    REPORT_BEGUN,     /* the first record of an assignment: `offset` */
    REPORT_HANDLED,   /* `offset`; the handler has not returned yet */
    REPORT_COMMITTED, /* the broker has answered: `offset` is the next to read */
    REPORT_REVOKED,   /* and drained */
    REPORT_LOST,      /* taken away; nothing was drained */
} report_kind;

/* Written by one write(2), so that the pipe has an order across processes, and whole: what is
 * reported before a kill -9 stays reported. */
typedef struct report {
    uint8_t kind, member, partition, key;
    uint8_t rejected; /* REPORT_HANDLED: its dead letter is to come */
    int64_t offset;
    int64_t at_ms; /* CLOCK_MONOTONIC: all processes share it */
} report;

/* The first letter of a record's value. */
enum { VALUE_OK = 'o', VALUE_REJECT = 'r' };

/* A member's process: member NUMBER BROKERS SEED [INSTANCE]. Returns its exit code: 0 when it was
 * told to go and went in order, 1 when the engine failed, 70 when it could not be started. */
int group_member_main(int argc, char **argv);

#endif
