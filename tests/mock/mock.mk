# End to end against librdkafka's mock cluster (`weir dev`).

KILLS ?= 200
.PHONY: check-kills kills-long
check-kills: $(WEIR)
	@tests/mock/check-kills $(WEIR) 12
kills-long: $(WEIR)
	@tests/mock/check-kills $(WEIR) $(KILLS)
