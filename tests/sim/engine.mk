# The engine in the simulator: handlers in a group of processes (sim-engine).

SIM_ENGINE_OBJ := $(addprefix $(B)/sim/,broker.o ledger.o engine_world.o engine_handler.o sim_engine.o)

$(B)/sim-engine: $(SIM_ENGINE_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ -lm

.PHONY: check-sim-engine sim-engine-long
# Short: seconds.
check-sim-engine: $(B)/sim-engine
	@$< 500
# The same over SEEDS seeds.
sim-engine-long: $(B)/sim-engine
	@$< $(SEEDS)
