# The payment service: examples/payment, its tests, and its demo.

PAYMENT_OBJ := $(addprefix $(B)/examples/payment/,payment.o provider.o)
PAYMENT_LIBS = $(B)/libweir.a $(PC_LIBS) -lm

$(B)/payment: $(PAYMENT_OBJ) $(B)/examples/payment/service.o $(B)/libweir.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $(filter %.o,$^) $(PAYMENT_LIBS)
$(B)/test-payment: $(PAYMENT_OBJ) $(B)/examples/payment/test_payment.o $(B)/libweir.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $(filter %.o,$^) $(PAYMENT_LIBS)

PG_FOR = tests/support/with-postgres sh -c '[ -n "$$WEIR_TEST_PG" ] || { echo "skipped: there is no PostgreSQL"; exit 0; }; PG="$$WEIR_TEST_PG" PG_BIN="$$WEIR_TEST_PG_BIN" "$$@"' sh

.PHONY: check-payment demo-payment check-payment-kills payment-kills-long
# Its tests, and the demo with its books in SQLite and in PostgreSQL.
check-payment: $(B)/test-payment $(B)/payment $(WEIR)
	@$(B)/test-payment
	@scripts/demo-payment $(WEIR) $(B)/payment $(B)/demo-payment >$(B)/demo-payment.log 2>&1 || { cat $(B)/demo-payment.log; exit 1; }
	@$(PG_FOR) scripts/demo-payment $(WEIR) $(B)/payment $(B)/demo-payment-pg >$(B)/demo-payment-pg.log 2>&1 || { cat $(B)/demo-payment-pg.log; exit 1; }
	@$(MAKE) --no-print-directory check-payment-kills
# kill -9 of the service, with its books in SQLite; then of it and of PostgreSQL.
check-payment-kills: $(B)/payment $(WEIR)
	@tests/payment/check-kills $(WEIR) $(B)/payment $(or $(PAYMENT_KILLS),4)
	@tests/support/with-postgres sh -c '[ -z "$$WEIR_TEST_PG" ] || exec "$$@"' sh tests/payment/check-kills $(WEIR) $(B)/payment $(or $(PAYMENT_KILLS),6)
payment-kills-long:
	@$(MAKE) --no-print-directory check-payment-kills PAYMENT_KILLS=60
# STORE=postgres: its books in a PostgreSQL that is gone afterwards.
demo-payment: $(B)/payment $(WEIR)
	@$(if $(filter postgres,$(STORE)),$(PG_FOR)) scripts/demo-payment $(WEIR) $(B)/payment demo-payment
