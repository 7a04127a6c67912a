/* A synthetic connector's records as Debezium writes them: JSON without schemas, so that the
 * decoder runs for real. */
#ifndef SIM_RENDER_H
#define SIM_RENDER_H

#include "sim/broker.h"
#include "sim/source.h"

/* Appends the record to the partition behind `gap` missing offsets. Its texts live in the arena. */
sim_entry *sim_render(weir_arena *arena, sim_partition *p, const sim_record *r, int64_t gap);

#endif
