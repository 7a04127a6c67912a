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
