# Verdicts of compatibility against documents: random schemas and changes of them.

COMPAT_OBJ := $(addprefix $(B)/compat/,tree.o schemas.o documents.o compat_json.o)

$(B)/compat/%.o: tests/compat/%.c | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -c $< -o $@
$(B)/compat-json: $(COMPAT_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ $(CORE_LIBS)

.PHONY: check-compat compat-long
check-compat: $(B)/compat-json
	@$< 3000
compat-long: $(B)/compat-json
	@$< $(SEEDS)
