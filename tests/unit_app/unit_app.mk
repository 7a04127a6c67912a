# Unit tests of app/: they link what of it knows no connector, and libweir-core, both with fault injection.

UNIT_APP_SRC := $(sort $(wildcard tests/unit_app/test_*.c))
UNIT_APP_BIN := $(patsubst %.c,$(B)/%,$(UNIT_APP_SRC))
CONFIG_SRC := $(sort $(wildcard app/config*.c))
CONFIG_TEST_OBJ := $(patsubst %.c,$(B)/faults/%.o,$(CONFIG_SRC) app/fresh.c)
.SECONDARY: $(CONFIG_TEST_OBJ)
UNIT_APP_LIBS = $(CONFIG_TEST_OBJ) $(B)/faults/libweir-core.a -lyaml -ljansson -lpcre2-8 -lm

$(B)/tests/unit_app/%: tests/unit_app/%.c $(CONFIG_TEST_OBJ) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -o $@ $< $(UNIT_APP_LIBS) -lcmocka
# These open an app or a daemon, or know connectors: they link all of the library.
$(B)/tests/unit_app/test_lookup $(B)/tests/unit_app/test_kit $(B)/tests/unit_app/test_parked $(B)/tests/unit_app/test_parked_batch $(B)/tests/unit_app/test_case $(B)/tests/unit_app/test_batch $(B)/tests/unit_app/test_kit_sql $(B)/tests/unit_app/test_kit_transactions $(B)/tests/unit_app/test_register $(B)/tests/unit_app/test_kafka_properties: $(B)/tests/unit_app/%: \
        tests/unit_app/%.c $(B)/libweir.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -Itests -MMD -MP -o $@ $< $(B)/libweir.a $(PC_LIBS) -lcmocka -lm

.PHONY: check-unit-app
check-unit-app: $(UNIT_APP_BIN)
	@scripts/run-tests $(UNIT_APP_BIN)

# The pages that app/config.def makes; test_config_doc fails while they differ from it.
$(B)/scripts/config-docs: scripts/config-docs.c $(call obj,$(CONFIG_SRC)) $(B)/libweir-core.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $(filter %.c %.o %.a,$^) -lyaml -ljansson -lpcre2-8 -lm

.PHONY: docs-config
docs-config: $(B)/scripts/config-docs
	$(Q)$< docs/config.example.yaml docs/config.md schemas/weir/config.schema.json

# The fuzzer of the config; what it shares with the others is in tests/fuzz/fuzz.mk.
$(B)/fuzz/fuzz_config: $(B)/fuzz/tests/fuzz/fuzz_config.o $(CONFIG_SRC:%.c=$(B)/fuzz/%.o) \
        $(B)/fuzz/libweir-core.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -lyaml -ljansson -lpcre2-8 -lm
