# What a daemon shows: the admin server, metrics and status in unit tests, and the program itself over HTTP.

HTTP_TEST_BIN := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/http/test_*.c)))
HTTP_TEST_OBJ := $(patsubst %.c,$(B)/faults/%.o,$(wildcard connectors/http/*.c) app/metrics.c app/status.c \
        app/snapshot_text.c)
.SECONDARY: $(HTTP_TEST_OBJ)

$(B)/tests/http/%: tests/http/%.c $(HTTP_TEST_OBJ) $(B)/faults/libweir-core.a | test-deps
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DWEIR_FAULTS -Itests -MMD -MP -o $@ $< $(HTTP_TEST_OBJ) \
	    $(B)/faults/libweir-core.a -lmicrohttpd -lcurl -lcmocka -ljansson -lpcre2-8 -lm

.PHONY: check-http check-http-unit check-http-program check-http-service
check-http: check-http-unit check-http-program check-http-service
check-http-unit: $(HTTP_TEST_BIN)
	@scripts/run-tests $(HTTP_TEST_BIN)
check-http-program: $(WEIR) | test-deps
	@tests/http/check.sh $(WEIR) $(B)/tests/http

$(B)/tests/http/slow_disk.so: tests/http/slow_disk.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out -Wmissing-prototypes,$(CFLAGS_ALL)) -fvisibility=default -shared -o $@ $< -ldl
check-http-program: $(B)/tests/http/slow_disk.so

$(B)/tests/http/hangs: tests/http/hangs.c $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -o $@ $< $(B)/libweir.a $(PC_LIBS) -lm
check-http-service: $(WEIR) $(B)/tests/http/hangs
	@tests/http/check-service $(WEIR) $(B)/tests/http/hangs
