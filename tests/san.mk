# Sanitizers: each in a build of its own.

.PHONY: check-asan check-tsan
check-asan:
	@$(MAKE) --no-print-directory B=$(B)/asan WEIR=$(B)/asan/weir OPT='-O1 -g' \
	    EXTRA='-fsanitize=address,undefined -fno-sanitize-recover=undefined -DWEIR_ARENA_DEBUG' \
	    check-unit check-unit-conn check-recordings
# The engine's threads over the recordings, without librdkafka's own.
check-tsan:
	@$(MAKE) --no-print-directory B=$(B)/tsan WEIR=$(B)/tsan/weir OPT='-O1 -g' EXTRA='-fsanitize=thread' check-recordings
