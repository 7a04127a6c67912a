/* Cases of a test side by side, each in a process of its own with a log of its own: they spend
 * their time waiting. Thread: one owner, no other threads when a case is started. */
#ifndef WEIR_TESTS_SIDE_BY_SIDE_H
#define WEIR_TESTS_SIDE_BY_SIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { AT_ONCE = 24 };

typedef struct running_case {
    pid_t pid; /* 0: none */
    int log;
    const char *name;
} running_case;

typedef struct side_by_side {
    uint32_t seed;
    int passed, failed;
    running_case running[AT_ONCE];
} side_by_side;

/* Runs a case in its process; true: nothing is wrong. log: for what its own processes say. */
typedef bool case_fn(const void *the_case, uint32_t seed, int log);

/* Waits for a free place first. */
void side_by_side_start(
    side_by_side *t, const char *name, case_fn *run, const void *the_case, uint32_t seed);
/* How many lines of a case's log have this in them; -1: it cannot be read. */
int side_by_side_logged(int log, const char *what);
/* Waits for all, says how it went (also into $TALLY) and returns the test's exit code. */
int side_by_side_end(side_by_side *t);

#endif
