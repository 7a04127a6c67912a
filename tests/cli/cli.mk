# Tests of the commands, end to end: `make check-cli`. One alone: WEIR=./weir sh tests/cli/test_dump.sh

.PHONY: check-cli
check-cli: $(WEIR)
	@tests/cli/run $(WEIR)
