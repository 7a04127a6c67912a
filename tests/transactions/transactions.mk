# Tables that are applied by transaction, over real databases with the source's constraints.

TRANSACTION_SRC := $(sort $(wildcard tests/transactions/*.c))
TRANSACTION_OBJ := $(TRANSACTION_SRC:%.c=$(B)/%.o) $(B)/sim/faulty_store.o \
        $(patsubst %.c,$(B)/faults/%.o,$(wildcard connectors/sqlite/*.c connectors/postgres/*.c))

.PHONY: check-transactions transactions-long
$(B)/tests/transactions/%.o: tests/transactions/%.c | deps test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -DWEIR_FAULTS -Itests -MMD -MP -c $< -o $@
$(B)/check-transactions: $(TRANSACTION_OBJ) $(B)/faults/libweir-core.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $^ -Wl,--as-needed $(PC_LIBS) -lm
check-transactions: $(B)/check-transactions
	@$< 500 --only sqlite
	@tests/support/with-postgres $< 20 --only postgres
	@tests/support/with-postgres $< 20 --only deferred
transactions-long: $(B)/check-transactions
	@tests/support/with-postgres $< $(or $(SEEDS),1000)
