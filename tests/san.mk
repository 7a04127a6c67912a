# Sanitizers: each in a build of its own. Under the address sanitizer each piece of an arena is a block
# of its own, so that an overrun of a single piece is seen.

ASAN_CHECKS := check-unit check-unit-app check-unit-conn check-sim-engine check-sim-inbox check-sim-parking check-threads check-recordings check-schedules check-schedules-tables
# The engine's threads over a source in memory and over the recordings, without librdkafka's own.
TSAN_CHECKS := check-threads check-recordings

.PHONY: check-asan check-tsan
check-asan: export ASAN_OPTIONS = allocator_may_return_null=1
check-asan:
	@B=$(B)/asan WEIR=$(B)/asan/weir OPT='-O1 -g' JOBS=2 \
	    EXTRA='-fsanitize=address,undefined -fno-sanitize-recover=undefined -DWEIR_ARENA_DEBUG -Wno-format-truncation' scripts/check $(ASAN_CHECKS)
check-tsan:
	@B=$(B)/tsan WEIR=$(B)/tsan/weir OPT='-O1 -g' EXTRA='-fsanitize=thread' JOBS=2 scripts/check $(TSAN_CHECKS)
