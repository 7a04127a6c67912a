# The demo is a test too: it must prove itself, and must not when one row is altered.

.PHONY: demo check-demo
demo: all | test-deps
	@scripts/demo $(WEIR) demo

check-demo: $(WEIR)
	@tests/demo/check $(WEIR)
