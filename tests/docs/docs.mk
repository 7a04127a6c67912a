# Pages that are made from the program's own tables. They are committed; check-docs fails while one is
# not what its table makes.

DOCS := $(B)/scripts/docs

$(DOCS): scripts/docs.c $(filter-out $(B)/cli/main.o,$(call obj,$(CLI_SRC))) $(B)/libweir.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -o $@ $(filter %.c %.o %.a,$^) $(PC_LIBS) -lm

.PHONY: docs check-docs
docs: $(DOCS) docs-config
	@mkdir -p man
	$(Q)$(DOCS) .
check-docs: $(DOCS)
	@tests/docs/check-docs $(DOCS)
