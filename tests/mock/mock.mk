# End to end against librdkafka's mock cluster: the daemon that is killed (`weir dev`), and groups of
# consumers whose members and brokers fail (check_groups.c).

KILLS ?= 200
.PHONY: check-kills kills-long check-groups groups-long
check-kills: $(WEIR)
	@tests/mock/check-kills $(WEIR) 12
kills-long: $(WEIR)
	@tests/mock/check-kills $(WEIR) $(KILLS)

GROUPS_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/check_groups.c,$(wildcard tests/mock/*.c)))

$(B)/tests/mock/check_groups: tests/mock/check_groups.c $(GROUPS_OBJ) $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) $(PC_LIBS) -lm

check-groups: $(B)/tests/mock/check_groups
	@$<
groups-long: $(B)/tests/mock/check_groups
	@$< --long
