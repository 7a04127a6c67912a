# The fuzzer of a registry's answers; what it shares with the others is in fuzz.mk.
$(B)/fuzz/fuzz_registry: $(B)/fuzz/tests/fuzz/fuzz_registry.o \
        $(B)/fuzz/connectors/registry/registry_answer.o $(B)/fuzz/libweir-core.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -ljansson -lpcre2-8 -lm
