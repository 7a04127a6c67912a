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
tidy: | lint-deps deps
	@clang-tidy --quiet $(LIB_SRC) $(CLI_SRC) -- $(CFLAGS_ALL) $(PC_CFLAGS) -Icli
lint: format-check clang tidy

.PHONY: check-guarantees
check-guarantees:
	@tests/lint/guarantees
