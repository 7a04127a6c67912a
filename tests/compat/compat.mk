# Verdicts of compatibility against documents and values: random schemas and changes of them.

COMPAT_JSON_OBJ := $(addprefix $(B)/compat/,tree.o schemas.o documents.o compat_json.o)
COMPAT_AVRO_OBJ := $(addprefix $(B)/compat/,tree.o avro_schemas.o compat_avro.o)

$(B)/compat/%.o: tests/compat/%.c | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -c $< -o $@
$(B)/compat-json: $(COMPAT_JSON_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)
$(B)/compat-avro: $(COMPAT_AVRO_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)

.PHONY: check-compat compat-long
check-compat: $(B)/compat-json $(B)/compat-avro
	@$(B)/compat-json 3000
	@$(B)/compat-avro 3000
compat-long: $(B)/compat-json $(B)/compat-avro
	@$(B)/compat-json $(SEEDS)
	@$(B)/compat-avro $(SEEDS)
