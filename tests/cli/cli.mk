# Tests of the commands: their words, and the program end to end: `make check-cli`.
# One alone: WEIR=./weir sh tests/cli/test_dump.sh

$(B)/tests/cli/test_words: tests/cli/test_words.c $(B)/cli/words.o $(B)/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $(filter %.c %.o %.a,$^) -lcmocka $(CORE_LIBS)

.PHONY: check-cli check-cli-words check-cli-commands
check-cli: check-cli-words check-cli-commands
check-cli-words: $(B)/tests/cli/test_words
	@scripts/run-tests $<
check-cli-commands: $(WEIR)
	@tests/cli/run $(WEIR)
