# Bad input, end to end.

.PHONY: check-bad
check-bad: $(WEIR)
	@tests/bad/check $(WEIR)
