# Unit tests of app/: they link its config objects and libweir-core, both with fault injection.

UNIT_APP_SRC := $(sort $(wildcard tests/unit_app/test_*.c))
UNIT_APP_BIN := $(patsubst %.c,$(B)/%,$(UNIT_APP_SRC))
CONFIG_TEST_OBJ := $(patsubst %.c,$(B)/faults/%.o,$(sort $(wildcard app/config*.c)))
.SECONDARY: $(CONFIG_TEST_OBJ)
UNIT_APP_LIBS = $(CONFIG_TEST_OBJ) $(B)/faults/libweir-core.a -lyaml -ljansson -lpcre2-8 -lm

$(B)/tests/unit_app/%: tests/unit_app/%.c $(CONFIG_TEST_OBJ) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -o $@ $< $(UNIT_APP_LIBS) -lcmocka

.PHONY: check-unit-app
check-unit-app: $(UNIT_APP_BIN)
	@scripts/run-tests $(UNIT_APP_BIN)

# The pages that app/config.def makes; test_config_doc fails while they differ from it.
CONFIG_DOC_SRC := $(sort $(wildcard app/config*.c))
$(B)/scripts/config-docs: scripts/config-docs.c $(call obj,$(CONFIG_DOC_SRC)) $(B)/libweir-core.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $^ -lyaml -ljansson -lpcre2-8 -lm

.PHONY: docs-config
docs-config: $(B)/scripts/config-docs
	$(Q)$< docs/config.example.yaml docs/config.md schemas/weir/config.schema.json
