# Format and lint. `make format` rewrites, `make lint` complains.

FORMATTED = $(shell git ls-files '*.c' '*.h')

.PHONY: format format-check lint tidy clang
format: | lint-deps
	clang-format -i $(FORMATTED)
format-check: | lint-deps
	@clang-format --dry-run -Werror $(FORMATTED)
# Clang's warnings are others than GCC's.
clang: | lint-deps
	@$(MAKE) --no-print-directory B=$(B)/clang WEIR=$(B)/clang/weir CC=clang all
# File by file, as far as something that it includes has changed.
TIDIED = $(patsubst %,$(B)/tidy/%.ok,$(LIB_SRC) $(CLI_SRC))
$(B)/tidy/%.ok: % .clang-tidy | lint-deps deps
	@mkdir -p $(@D)
	$(Q)clang-tidy --quiet $< -- $(CFLAGS_ALL) $(PC_CFLAGS) -Icli 2>$@.log || { cat $@.log; exit 1; }
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -Icli -MM -MP -MT $@ -MF $(B)/tidy/$*.d $<
	@touch $@
tidy:
	@$(MAKE) --no-print-directory --keep-going -j$$(nproc) $(TIDIED)
lint: format-check clang tidy

.PHONY: check-guarantees
check-guarantees:
	@tests/lint/guarantees
