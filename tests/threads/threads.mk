# Engines with threads. tests/san.mk runs them under ThreadSanitizer, too.

THREADS_OBJ := $(B)/faults/connectors/memory/memory_store.o

$(B)/tests/threads/%: tests/threads/%.c $(THREADS_OBJ) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(CORE_LIBS)

.PHONY: check-threads
check-threads: $(B)/tests/threads/test_run
	@scripts/run-tests $^
