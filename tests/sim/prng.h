/* A small seeded generator: the same numbers on every machine, so that a seed names a run.
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
#ifndef SIM_PRNG_H
#define SIM_PRNG_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_rng {
    uint64_t state;
} sim_rng;

static inline uint64_t sim_next(sim_rng *r)
{
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Streams of one seed that are told apart by a number. */
static inline sim_rng sim_rng_of(uint64_t seed, uint64_t stream)
{
    sim_rng r = {seed * 0x2545F4914F6CDD1Du + stream};
    r.state = sim_next(&r) ^ stream;
    return r;
}

/* 0 … n-1; n is at least 1. */
static inline size_t sim_below(sim_rng *r, size_t n)
{
    return (size_t)(((sim_next(r) >> 32) * (uint64_t)n) >> 32);
}

/* first … last */
static inline int sim_between(sim_rng *r, int first, int last)
{
    return first + (int)sim_below(r, (size_t)(last - first) + 1);
}

/* 0 up to, but not including, 1 */
static inline double sim_unit(sim_rng *r)
{
    return (double)(sim_next(r) >> 11) * 0x1p-53;
}

static inline bool sim_chance(sim_rng *r, double probability)
{
    return sim_unit(r) < probability;
}

/* Exponentially distributed, rounded down. */
static inline size_t sim_exponential(sim_rng *r, double mean)
{
    return (size_t)(-log(1 - sim_unit(r)) * mean);
}

static inline int sim_pick(sim_rng *r, const int *choices, size_t n)
{
    return choices[sim_below(r, n)];
}
/* One of the listed ints. */
#define SIM_PICK(rng, ...) \
    sim_pick((rng), (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

#endif
