# The merge rule in the simulator: seeded campaigns, the comparison with the oracle, and mutants.
# It is built with fault injection, so that runs can fail allocations.

SEEDS ?= 10000
SIM_MERGE_OBJ := $(addprefix $(B)/sim/,database.o connector.o source.o schedule.o run.o trace.o sim_merge.o)
SIM_MERGE_STORE := $(B)/faults/connectors/memory/memory_store.o

$(B)/sim/%.o: tests/sim/%.c | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -c $< -o $@
$(B)/sim-merge: $(SIM_MERGE_OBJ) $(SIM_MERGE_STORE) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)

.PHONY: check-sim-merge sim-merge-long check-mutants
# Short: every scenario, seconds.
check-sim-merge: $(B)/sim-merge
	@tests/sim/check-merge $< 200
# The same over SEEDS seeds.
sim-merge-long: $(B)/sim-merge
	@tests/sim/check-merge $< $(SEEDS)
# Each clause of the rule, taken away, must be missed. MUTANT=name tries one.
check-mutants: $(SIM_MERGE_OBJ) $(SIM_MERGE_STORE) $(B)/faults/libweir-core.a
	@tests/sim/run-mutants $(B)/mutants $^ -- $(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests
