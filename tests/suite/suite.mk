# The official JSON Schema test suite: `make check-suite SUITE=DIR`. It is not part of the project: DIR
# is a checkout of it (with tests/ and remotes/), else what Debian's package json-schema-test-suite brings.

SUITE ?= $(firstword $(wildcard ../shared/data/json-schema-test-suite /usr/share/json-schema-test-suite))

$(B)/tests/suite/run_suite: tests/suite/run_suite.c $(B)/libweir-core.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $(filter %.c %.a,$^) -lpcre2-8 -ljansson -lm

.PHONY: check-suite
check-suite: $(B)/tests/suite/run_suite
	@tests/suite/check $< '$(SUITE)'
