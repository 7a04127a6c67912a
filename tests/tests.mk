# Tests. Unit tests of the framework link libweir-core alone (built with fault injection), so that a foreign
# library cannot creep in. Each folder of tests has its own fragment with its targets.

UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))
CORE_TEST_OBJ := $(patsubst %.c,$(B)/faults/%.o,$(CORE_SRC))

$(B)/faults/%.o: %.c | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(if $(filter framework/%,$<),,$(PC_CFLAGS)) -DWEIR_FAULTS -MMD -MP -c $< -o $@
$(B)/faults/libweir-core.a: $(CORE_TEST_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/tests/unit/%: tests/unit/%.c $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -o $@ $< $(B)/faults/libweir-core.a -lcmocka -ljansson -lpcre2-8 -lm

.PHONY: check-unit check-layers check-headers
check-unit: $(UNIT_BIN)
	@scripts/run-tests $(UNIT_BIN)
check-layers:
	@tests/lint/layers
check-headers: | deps test-deps
	@CC="$(CC)" tests/lint/headers

include $(filter-out tests/tests.mk,$(sort $(wildcard tests/*/*.mk tests/*.mk bench/bench.mk)))
