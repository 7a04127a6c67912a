# make install, and the examples built against it out of tree.

.PHONY: check-install
check-install: all | test-deps
	@tests/install/check
