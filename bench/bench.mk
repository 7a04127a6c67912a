# Benchmarks: `make bench-parse`. Each prints what it measured and against whom.

$(B)/bench/%: bench/%.c $(B)/libweir-core.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(B)/libweir-core.a -ljansson -lpcre2-8 -lm

.PHONY: bench-parse
bench-parse: $(B)/bench/parse
	$< bench/data/envelope-plain.jsonl bench/data/envelope-schema.jsonl bench/data/envelopes-mixed.jsonl
