# End to end against librdkafka's mock cluster: the daemon that is killed (`weir dev`), groups of
# consumers whose members and brokers fail (check_groups.c), the daemon whose brokers fail
# (check_sync_faults.c).

KILLS ?= 200
.PHONY: check-kills kills-long check-instances instances-long check-groups groups-long check-sync-faults check-services check-attempts
check-kills: $(WEIR)
	@tests/mock/check-kills $(WEIR) 12
# Several daemons over one database.
check-instances: $(WEIR)
	@tests/support/with-postgres tests/mock/check-instances $(WEIR) 2
instances-long: $(WEIR)
	@tests/support/with-postgres tests/mock/check-instances $(WEIR) $(KILLS)
kills-long: $(WEIR)
	@tests/mock/check-kills $(WEIR) $(KILLS)

MOCK_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out tests/mock/check_%,$(wildcard tests/mock/*.c)))

$(B)/tests/mock/check_%: tests/mock/check_%.c $(MOCK_OBJ) $(B)/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PC_CFLAGS) -MMD -MP -MF $@.d -o $@ $(filter %.c %.o %.a,$^) $(PC_LIBS) -lm

check-groups: $(B)/tests/mock/check_groups
	@$<
groups-long: $(B)/tests/mock/check_groups
	@$< --long
check-sync-faults: $(B)/tests/mock/check_sync_faults $(WEIR)
	@$< $(abspath $(WEIR))
# A service: events in, events out, dead letters and their replay.
check-services: $(B)/tests/mock/check_services $(WEIR)
	@$< $(abspath $(WEIR))
# Attempts that survive crashes.
check-attempts: $(B)/tests/mock/check_attempts
	@$<
# Keys that are parked behind a rejected record, and the operator's word.
.PHONY: check-parked
check-parked: $(B)/tests/mock/check_parked $(WEIR)
	@$< $(abspath $(WEIR))
