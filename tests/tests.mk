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

# Those that take longest come first, since some run side by side: many of them wait for a broker.
CHECKS := check-layers check-docs check-unit-conn check-cli check-payment check-instances check-http check-services check-parked check-attempts check-bad \
        check-groups check-kills check-unit check-headers check-unit-app check-suite check-compat check-sim-merge check-sim-engine check-sim-inbox check-sim-parking check-threads \
        check-guarantees check-recordings check-recordings-tables check-schedules check-schedules-tables check-transactions check-events check-sync-faults check-demo check-install
JOBS ?= $(shell expr $$(nproc) + 2)

.PHONY: check sim-short sim-long fuzz-short help
check: all
	@JOBS=$(JOBS) scripts/check $(CHECKS)
# What CI adds to it. sim-short: a third of sim-long.
sim-short:
	@$(MAKE) --no-print-directory sim-engine-long SEEDS=3300
	@$(MAKE) --no-print-directory sim-inbox-long SEEDS=660
	@$(MAKE) --no-print-directory sim-parking-long SEEDS=6600
	@$(MAKE) --no-print-directory sim-merge-long SEEDS=660
	@$(MAKE) --no-print-directory compat-long SEEDS=20000
sim-long:
	@$(MAKE) --no-print-directory sim-engine-long SEEDS=10000
	@$(MAKE) --no-print-directory sim-inbox-long SEEDS=2000
	@$(MAKE) --no-print-directory sim-parking-long SEEDS=20000
	@$(MAKE) --no-print-directory sim-merge-long SEEDS=2000
	@$(MAKE) --no-print-directory compat-long SEEDS=100000
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
	@echo 'make check-asan, check-tsan, check-mutants, sim-short, sim-long, compat-long, schedules-long, kills-long, groups-long, payment-kills-long, fuzz    the longer checks'
