# weir's Avro beside others: `make check-avro-peers [SEED=1]`. It needs avro-c (Debian: libavro-dev) and
# PyPI's fastavro and avro, so it is no part of `make check`.

$(B)/tests/registry/avro_tool: tests/registry/avro_tool.c $(B)/libweir-core.a | deps
	@scripts/install-deps libavro-dev python3-venv
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d -o $@ $< $(B)/libweir-core.a -lavro -ljansson -lpcre2-8 -lm
$(B)/tests/registry/venv/ready:
	@mkdir -p $(@D)
	$(Q)python3 -m venv $(@D) && $(@D)/bin/pip install -q fastavro avro cramjam backports.zstd && touch $@

.PHONY: check-avro-peers
check-avro-peers: $(WEIR) $(B)/tests/registry/avro_tool $(B)/tests/registry/venv/ready
	@$(B)/tests/registry/venv/bin/python tests/registry/check-avro-peers $(B)/tests/registry/avro_tool $(abspath $(WEIR)) $(SEED)

# Events against schemas, end to end: a part of `make check`.
$(B)/tests/registry/events: tests/registry/events.c $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(B)/libweir.a $(PC_LIBS) -lm
.PHONY: check-events
check-events: $(WEIR) $(B)/tests/registry/events | test-deps
	@tests/registry/check-events $(WEIR) $(B)/tests/registry/events
