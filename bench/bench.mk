# Benchmarks: `make bench`. Each prints what it measured and against whom; bench/README.md says how to read it.

BENCH_LIBS = $(B)/libweir.a $(PC_LIBS) -lm

$(B)/bench/%: bench/%.c $(B)/libweir.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -Wno-unused-result -MMD -MP -o $@ $< $(BENCH_LIBS)

.PHONY: bench bench-parse bench-decode bench-engine
bench: bench-parse bench-decode bench-engine
bench-parse: $(B)/bench/parse
	$< bench/data/envelope-plain.jsonl bench/data/envelope-schema.jsonl bench/data/envelopes-mixed.jsonl
bench-decode: $(B)/bench/decode
	$< bench/data/changes-plain.tsv bench/data/changes-schema.tsv
# ROUNDS of RECORDS; exit 1 below a floor. RUN=handler SHAPE=plain-order: those alone, for a profiler.
bench-engine: $(B)/bench/engine
	$< $(ROUNDS) $(RECORDS) $(RUN) $(SHAPE)
# The Avro reader beside avro-c's. No part of `make bench`: weir itself needs no avro-c.
$(B)/bench/avro: bench/avro.c $(B)/libweir-core.a | deps
	@scripts/install-deps libavro-dev
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(B)/libweir-core.a -lavro -ljansson -lpcre2-8 -lm
.PHONY: bench-avro
bench-avro: $(B)/bench/avro
	$<
# JSON Schema beside others, which it downloads with the documents into CACHE (bench/validate-peers); exit 1 below a
# floor. DATA=DIR: data sets of one's own beside them.
CACHE ?= $(HOME)/.cache/weir-bench
.PHONY: bench-validate
bench-validate: $(B)/bench/validate
	bench/validate-peers $(CACHE)
	$< $(CACHE)/peers $(CACHE)/data/* $(if $(DATA),$(DATA)/*)
# Rows into PostgreSQL beside the Debezium JDBC sink and a bare loop, on the real stack (make stack-deps); exit 1 below a
# floor. ROWS=1000000.
$(B)/bench/tables: bench/tables.c | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -o $@ $< $(PC_LIBS)
.PHONY: bench-tables
bench-tables: $(B)/bench/tables $(WEIR)
	bench/tables-peers $(WEIR) $< $(ROWS)
# apply: by_transaction into a PostgreSQL of its own, beside by_key; exit 1 below a floor. TRANSACTIONS=…
.PHONY: bench-tables-by-transaction
bench-tables-by-transaction: $(WEIR)
	tests/support/with-postgres bench/tables-by-transaction $(WEIR) $(TRANSACTIONS)
# Does a run over 10 million changes take more memory than one over a million? Exit 1 beyond 1.1 times. TOTAL=…
$(B)/bench/changes: bench/changes.c | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -o $@ $< $(PC_LIBS)
.PHONY: bench-tables-memory
bench-tables-memory: $(B)/bench/changes $(WEIR)
	bench/tables-memory $(WEIR) $< $(TOTAL)
# Handlers of 0 µs, 10 ms and 100 ms beside the Confluent Parallel Consumer and a plain consumer loop, on a real broker; exit 1
# below a floor. RECORDS=1000000.
$(B)/bench/services/service: bench/services/service.c $(B)/libweir.a | deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -o $@ $< $(BENCH_LIBS)
.PHONY: bench-services
bench-services: $(B)/bench/services/service $(WEIR) | stack-deps
	@scripts/install-deps openjdk-17-jdk-headless
	bench/services/run $< $(RECORDS)
