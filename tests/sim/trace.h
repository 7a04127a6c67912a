/* Prints each record of a run and what it made of its key, one JSON object a line: what
 * tests/sim/compare.py holds against the oracle. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include "sim/run.h"

/* The line that a run begins with. */
void sim_trace_begin(const char *scenario, uint64_t seed, int number, const sim_plan *plan);
/* A sim_plan's watch. */
void sim_trace_step(const sim_run *run, const weir_change *c);
/* A sim_plan's watch_made: a line of totals. */
void sim_trace_made(const sim_run *run);
/* The last line, so that a trace cut short is noticed. */
void sim_trace_end(void);

#endif
