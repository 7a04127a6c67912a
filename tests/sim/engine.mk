# The engine in the simulator: handlers in a group of processes (sim-engine), those with a transaction
# (sim-inbox), those whose followers are parked (sim-parking), and the sync of a store (sim-sync).

SIM_ENGINE_OBJ := $(addprefix $(B)/sim/,broker.o ledger.o engine_world.o engine_handler.o sim_engine.o)
SIM_SYNC_OBJ := $(addprefix $(B)/sim/,broker.o database.o connector.o source.o schedule.o render.o \
        faulty_store.o sync_world.o sim_sync.o) $(B)/faults/connectors/memory/memory_store.o

$(B)/sim-engine: $(SIM_ENGINE_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)
$(B)/sim-sync: $(SIM_SYNC_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)

SIM_INBOX_OBJ := $(B)/sim/sim_inbox.o $(addprefix $(B)/faults/connectors/,sqlite/sqlite_tx.o sqlite/sqlite_outbox.o sqlite/sqlite_codes.o memory/memory_source.o)
$(B)/sim-inbox: $(SIM_INBOX_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ -lsqlite3 $(CORE_LIBS)

SIM_PARKING_OBJ := $(B)/sim/sim_parking.o $(B)/sim/parking_broker.o $(B)/sim/parking_tx.o \
        $(addprefix $(B)/faults/connectors/,sqlite/sqlite_tx.o sqlite/sqlite_outbox.o sqlite/sqlite_codes.o memory/memory_source.o)
$(B)/sim-parking: $(SIM_PARKING_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ -lsqlite3 $(CORE_LIBS)

.PHONY: check-sim-engine sim-engine-long check-sim-inbox sim-inbox-long check-sim-parking sim-parking-long
check-sim-parking: $(B)/sim-parking
	@$< 3000
sim-parking-long: $(B)/sim-parking
	@$< $(SEEDS)
# Over 200 kills, and over 1,000.
check-sim-inbox: $(B)/sim-inbox
	@$< 100
sim-inbox-long: $(B)/sim-inbox
	@$< $(SEEDS)
# Short: seconds.
check-sim-engine: $(B)/sim-engine $(B)/sim-sync
	@$(B)/sim-engine 2000
	@$(B)/sim-sync 500
# The same over SEEDS seeds.
sim-engine-long: $(B)/sim-engine $(B)/sim-sync
	@$(B)/sim-engine $(SEEDS)
	@$(B)/sim-sync $(SEEDS)
