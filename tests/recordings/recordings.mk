# Recordings of real Debezium events against the final rows of their source.

SCHEDULE_SEEDS ?= 200
SCHEDULE_SRC := $(sort $(wildcard tests/recordings/*.c))
# The parts of the library that a sync over logs in memory needs, with fault injection: it counts blocks of memory.
SCHEDULE_OBJ := $(SCHEDULE_SRC:%.c=$(B)/%.o) $(B)/sim/schedule.o $(B)/sim/faulty_store.o \
        $(patsubst %.c,$(B)/faults/%.o,$(wildcard app/config*.c connectors/memory/*.c connectors/registry/*.c connectors/sqlite/*.c \
        connectors/postgres/*.c) \
        $(addprefix app/,rules.c registry.c validation.c) $(addprefix connectors/file/,lines.c recording.c))

.PHONY: check-recordings check-recordings-tables check-schedules-tables check-schedules schedules-long
# Each as a file, in its own order, by the program.
check-recordings: $(WEIR)
	@tests/recordings/check $(WEIR)
# The same through the types of databases.
check-recordings-tables: $(WEIR)
	@tests/recordings/check $(WEIR) --tables sqlite
	@tests/support/with-postgres tests/recordings/check $(WEIR) --tables postgres

$(B)/tests/recordings/%.o: tests/recordings/%.c | deps test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -DWEIR_FAULTS -Itests -MMD -MP -c $< -o $@
$(B)/check-schedules: $(SCHEDULE_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ -Wl,--as-needed $(PC_LIBS) -lm
# Each under seeded schedules: some of them, and SCHEDULE_SEEDS.
check-schedules: $(B)/check-schedules
	@$< 8
# The same with rows in tables: SQLite, and some in PostgreSQL, where a run takes longer.
check-schedules-tables: $(B)/check-schedules
	@SCHEDULE_STORE=sqlite $< 1
	@SCHEDULE_STORE=sqlite SCHEDULE_SOFT=1 $< 1 --only storm/r21
	@SCHEDULE_STORE=sqlite SCHEDULE_SIDE=1 $< 1
	@SCHEDULE_STORE=shared SCHEDULE_SIDE=1 tests/support/with-postgres $< 1 --only storm/r21
	@SCHEDULE_STORE=postgres tests/support/with-postgres $< 1 --only storm/r21
	@SCHEDULE_STORE=shared SCHEDULE_SOFT=1 tests/support/with-postgres $< 1 --only storm/r21
	@SCHEDULE_STORE=postgres tests/support/with-postgres $< 2 --only types/schemas
	@SCHEDULE_STORE=shared tests/support/with-postgres $< 1 --only storm/r21
schedules-long: $(B)/check-schedules
	@$< $(SCHEDULE_SEEDS)
