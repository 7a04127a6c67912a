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

$(B)/tests/stack/ledger: tests/stack/ledger.c $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $^ $(PC_LIBS) -lm

.PHONY: check-storm check-at-least-once check-scale-out
check-storm: $(WEIR) | stack-deps
	@tests/stack/check-storm $(WEIR)
check-at-least-once: $(WEIR) $(B)/tests/stack/ledger | stack-deps
	@tests/stack/check-at-least-once $(WEIR) $(B)/tests/stack/ledger
check-scale-out: $(WEIR) $(B)/tests/stack/ledger | stack-deps
	@tests/stack/check-scale-out $(WEIR) $(B)/tests/stack/ledger
