# The fuzzer of Avro's files; what it shares with the others is in fuzz.mk.
$(B)/fuzz/fuzz_container: $(B)/fuzz/tests/fuzz/fuzz_container.o $(B)/fuzz/connectors/file/avro_container.o \
        $(B)/fuzz/connectors/file/avro_codec.o $(B)/fuzz/libweir-core.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -ljansson -lpcre2-8 -lz -llzma -lzstd -lm
