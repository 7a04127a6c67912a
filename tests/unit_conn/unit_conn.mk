# Unit tests of connectors, and of what is tested with a store. test_FOLDER_x.c links the objects of
# connectors/FOLDER (if there is one), the memory store and libweir-core, all built with fault
# injection. A new test needs no line here.

UNIT_CONN := $(sort $(patsubst tests/unit_conn/%.c,%,$(wildcard tests/unit_conn/test_*.c)))
UNIT_CONN_BIN := $(addprefix $(B)/tests/unit_conn/,$(UNIT_CONN))

# $(1): test_FOLDER_x
conn_folders = memory $(filter-out memory,$(word 2,$(subst _, ,$(1))))
conn_objects = $(patsubst %.c,$(B)/faults/%.o,$(wildcard $(patsubst %,connectors/%/*.c,$(call conn_folders,$(1)))))
define unit_conn_test
$(B)/tests/unit_conn/$(1): tests/unit_conn/$(1).c $(call conn_objects,$(1)) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(PC_CFLAGS) -DWEIR_FAULTS -Itests -MMD -MP -MF $$@.d -o $$@ $$(filter %.c %.o %.a,$$^) \
		-Wl,--as-needed $$(PC_LIBS) -lcmocka -lm
endef
$(foreach test,$(UNIT_CONN),$(eval $(call unit_conn_test,$(test))))

.PHONY: check-unit-conn
check-unit-conn: $(UNIT_CONN_BIN)
	@tests/support/with-postgres scripts/run-tests $(UNIT_CONN_BIN)
