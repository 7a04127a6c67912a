# The real stack: Kafka, Connect with Debezium, a registry, PostgreSQL (docs/stack.md). None of this is part of
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

# The recordings of tests/data afresh, for another version of Debezium: make stack-capture CAPTURE=folder
CAPTURE ?= $(B)/capture
.PHONY: stack-capture
stack-capture: $(WEIR) | stack-deps
	@tests/stack/make-recordings $(WEIR) $(CAPTURE)

$(B)/tests/stack/%: tests/stack/%.c $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $^ $(PC_LIBS) -lm

# Each test brings a stack of its own up and takes it down. `make check-stack` runs all, in under a
# quarter of an hour on two cores; a long storm: make check-storm SECONDS=3600; a seed again: SEED=1.
# What cannot be had on this machine (Java, Maven, PostgreSQL, their download) is asked once: then all of
# them are skipped, with that reason.
# STACK_JOBS=2: two side by side, for they wait for brokers much of their time; but for those that measure.
STACK_CHECKS := check-compatibility check-storm check-told check-storm-avro check-exactly-once check-parking check-encodings check-outbox-kills \
        check-by-transaction check-at-least-once check-rebuild check-scale-out check-freshness
STACK_ALONE := check-scale-out check-freshness
STACK_JOBS ?= 1
STACK_READY = $(if $(STACK_ASKED),,stack-deps)

.PHONY: check-stack $(STACK_CHECKS)
check-stack: all
	@STACK_ASKED=1 STACK_MISSING="$$(tests/stack/missing $(DEB_STACK))" JOBS=$(STACK_JOBS) ALONE='$(STACK_ALONE)' scripts/check $(STACK_CHECKS)
check-storm: $(WEIR) $(B)/tests/stack/ledger | $(STACK_READY)
	@tests/stack/check-storm $(WEIR) $(B)/tests/stack/ledger $(SEED)
# The same in Avro by a registry: ENCODING=avro make check-storm is as long as that.
AVRO_SECONDS ?= 30
check-storm-avro: $(WEIR) $(B)/tests/stack/ledger | $(STACK_READY)
	@ENCODING=avro SECONDS=$(AVRO_SECONDS) tests/stack/check-storm $(WEIR) $(B)/tests/stack/ledger $(SEED)
check-told check-encodings check-rebuild: $(WEIR) | $(STACK_READY)
	@tests/stack/$@ $(WEIR)
check-at-least-once check-scale-out check-compatibility: $(WEIR) $(B)/tests/stack/ledger | $(STACK_READY)
	@tests/stack/$@ $(WEIR) $(B)/tests/stack/ledger
check-by-transaction: $(WEIR) | $(STACK_READY)
	@tests/stack/check-by-transaction $(WEIR) $(SEED)
check-freshness: $(WEIR) $(B)/tests/stack/watch | $(STACK_READY)
	@tests/stack/check-freshness $(WEIR) $(B)/tests/stack/watch
# Longer: make check-exactly-once KILLS=50
check-exactly-once: $(WEIR) $(B)/tests/stack/transformer | $(STACK_READY)
	@tests/stack/check-exactly-once $(WEIR) $(B)/tests/stack/transformer $(SEED)
check-parking: $(WEIR) $(B)/tests/stack/parker | $(STACK_READY)
	@tests/stack/check-parking $(WEIR) $(B)/tests/stack/parker $(SEED)
# Longer: make check-outbox-kills KILLS=50
check-outbox-kills: $(WEIR) $(B)/payment | $(STACK_READY)
	@tests/stack/check-outbox-kills $(WEIR) $(B)/payment $(SEED)
