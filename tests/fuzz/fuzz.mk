# Fuzzing: `make fuzz-json FUZZ_SECONDS=60` runs tests/fuzz/fuzz_json.c on the seeds of
# tests/fuzz/corpus/json; `make fuzz` runs every tests/fuzz/fuzz_*.c in turn. What is found on the way
# is kept in $(B)/fuzz; an input that fails is left there as NAME-crash-…, to become a test.

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# The arena gives every piece a block of its own, so that the sanitizer sees where a piece ends.
FUZZ_CFLAGS := $(filter-out $(WARN),$(CFLAGS_ALL)) -DWEIR_ARENA_DEBUG \
        -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

$(B)/fuzz/%.o: %.c | deps lint-deps
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@
$(B)/fuzz/libweir-core.a: $(patsubst %.c,$(B)/fuzz/%.o,$(CORE_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^
$(B)/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(B)/fuzz/libweir-core.a
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ -ljansson -lpcre2-8 -lm

.PHONY: fuzz $(FUZZ_NAMES:%=fuzz-%)
.SECONDARY: $(FUZZ_NAMES:%=$(B)/fuzz/tests/fuzz/fuzz_%.o)
fuzz: $(FUZZ_NAMES:%=fuzz-%)
$(FUZZ_NAMES:%=fuzz-%): fuzz-%: $(B)/fuzz/fuzz_%
	@mkdir -p $(B)/fuzz/found/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
	    -artifact_prefix=$(B)/fuzz/$*- $(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) \
	    $(B)/fuzz/found/$* $(wildcard tests/fuzz/corpus/$*)
