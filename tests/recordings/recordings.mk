# Recordings of real Debezium events against the final rows of their source.

.PHONY: check-recordings
check-recordings: $(WEIR)
	@tests/recordings/check $(WEIR)
