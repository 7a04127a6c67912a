/* A campaign of seeds: what its program is told, and how it went. Each seed is a world of its own;
 * a failure prints how to repeat it. */
#ifndef WEIR_TESTS_SIM_CAMPAIGN_H
#define WEIR_TESTS_SIM_CAMPAIGN_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sim_campaign {
    uint64_t seeds, first;
    const char *only; /* of several inputs; NULL: all */
    bool verbose;
    uint64_t passed, failed;
} sim_campaign;

/* SEEDS [--seed N] [--only NAME] [--verbose]; false: that it is not, and it was said. */
static inline bool sim_campaign_parse(sim_campaign *k, int argc, char **argv, const char *usage)
{
    *k = (sim_campaign){.first = 1};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--verbose") == 0) {
            k->verbose = true;
        } else if (strcmp(argv[i], "--seed") == 0) {
            k->first = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--only") == 0) {
            k->only = value;
            i++;
        } else {
            k->seeds = strtoull(argv[i], NULL, 10);
        }
    }
    if (!k->seeds) {
        fprintf(stderr, "usage: %s\n", usage);
    }
    return k->seeds > 0;
}

/* A seed has ended. True: its failure is to be told; of many, some are enough. */
static inline bool sim_campaign_count(sim_campaign *k, bool failed)
{
    enum { MOST_REPORTED = 10 };
    k->passed += !failed;
    k->failed += failed;
    return failed && k->failed <= MOST_REPORTED;
}

/* The last line, and the same for who sums up all tests. Returns the program's exit code. */
static inline int sim_campaign_end(const sim_campaign *k)
{
    const char *path = getenv("TALLY");
    FILE *f = path && *path ? fopen(path, "a") : NULL;
    if (f) {
        fprintf(f, "%" PRIu64 " %" PRIu64 " 0\n", k->passed, k->failed);
        fclose(f);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", k->passed, k->failed);
    return k->failed || !k->passed;
}

#endif
