# Engines with threads. tests/san.mk runs them under ThreadSanitizer, too.

THREADS_OBJ := $(addprefix $(B)/faults/connectors/,memory/memory_store.o memory/memory_emitter.o sqlite/sqlite_tx.o sqlite/sqlite_outbox.o sqlite/sqlite_codes.o)

$(B)/tests/threads/%: tests/threads/%.c $(THREADS_OBJ) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) -lcmocka -lsqlite3 $(CORE_LIBS)

.PHONY: check-threads
check-threads: $(B)/tests/threads/test_run $(B)/tests/threads/test_run_inbox $(B)/tests/threads/test_run_transactor $(B)/tests/threads/test_run_parking
	@scripts/run-tests $^
