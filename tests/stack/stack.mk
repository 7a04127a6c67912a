# The real stack: Kafka, Connect with Debezium, PostgreSQL (docs/stack.md). None of this is part of
# `make check`; it downloads Java programs by Maven, once.

DEB_STACK := openjdk-17-jre-headless maven postgresql python3 openssl util-linux

.PHONY: stack-deps stack-up stack-down stack-status
stack-deps: ; @scripts/install-deps $(DEB_STACK)
stack-up: $(WEIR) | stack-deps
	@tests/stack/stack up
stack-down:
	@tests/stack/stack down
stack-status:
	@tests/stack/stack status

$(B)/tests/stack/%: tests/stack/%.c $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $^ $(PC_LIBS) -lm

# Each test brings a stack of its own up and takes it down. `make check-stack` runs all, in under a
# quarter of an hour on two cores; a long storm: make check-storm SECONDS=3600; a seed again: SEED=1.
STACK_CHECKS := check-storm check-at-least-once check-scale-out check-compatibility check-told check-freshness

.PHONY: check-stack $(STACK_CHECKS)
check-stack: all | stack-deps
	@scripts/check $(STACK_CHECKS)
check-storm: $(WEIR) | stack-deps
	@tests/stack/check-storm $(WEIR) $(SEED)
check-told: $(WEIR) | stack-deps
	@tests/stack/check-told $(WEIR)
check-at-least-once check-scale-out check-compatibility: $(WEIR) $(B)/tests/stack/ledger | stack-deps
	@tests/stack/$@ $(WEIR) $(B)/tests/stack/ledger
check-freshness: $(WEIR) $(B)/tests/stack/watch | stack-deps
	@tests/stack/check-freshness $(WEIR) $(B)/tests/stack/watch
