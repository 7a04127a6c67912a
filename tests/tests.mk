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
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -o $@ $< $(B)/faults/libweir-core.a -lcmocka -ljansson $(CORE_LIBS)

.PHONY: check-unit check-layers check-headers
check-unit: $(UNIT_BIN)
	@scripts/run-tests $(UNIT_BIN)
check-layers:
	@tests/lint/layers
check-headers: | deps test-deps
	@CC="$(CC)" tests/lint/headers

include $(filter-out tests/tests.mk,$(sort $(wildcard tests/*/*.mk tests/*.mk bench/bench.mk)))

# ---- make check ------------------------------------------------------------------------------------

CHECKS := check-layers check-headers check-unit check-unit-app check-unit-conn check-suite check-sim-merge check-sim-engine check-sim-inbox check-sim-parking check-threads \
        check-docs check-guarantees check-recordings check-recordings-tables check-schedules check-schedules-tables check-events check-cli check-http check-bad check-kills check-instances \
        check-groups check-services check-parked check-attempts check-payment check-sync-faults check-demo check-install

.PHONY: check sim-long fuzz-short help
check: all
	@scripts/check $(CHECKS)
# What CI adds to it.
sim-long:
	@$(MAKE) --no-print-directory sim-engine-long SEEDS=10000
	@$(MAKE) --no-print-directory sim-inbox-long SEEDS=2000
	@$(MAKE) --no-print-directory sim-merge-long SEEDS=2000
fuzz-short:
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=20
help:
	@echo 'make                build: ./weir, build/libweir.so, build/libweir.a'
	@echo 'make demo           see it work on a recorded stream, no Kafka needed'
	@echo 'make demo-payment   a service: orders in, payments out, killed on the way'
	@echo 'make check          every test, under five minutes'
	@echo 'make install        PREFIX=/usr/local DESTDIR='
	@echo 'make bench          what is measured, against whom (bench/README.md)'
	@echo 'make docs           renew the generated pages'
	@echo 'make lint, format   clang-format, clang-tidy, clang warnings'
	@echo 'make check-asan, check-tsan, check-mutants, sim-long, schedules-long, kills-long, groups-long, payment-kills-long, fuzz    the longer checks'
