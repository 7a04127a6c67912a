# The payment service: examples/payment, its tests, and its demo.

PAYMENT_OBJ := $(addprefix $(B)/examples/payment/,payment.o books.o provider.o)
PAYMENT_LIBS = $(B)/libweir.a $(PC_LIBS) -lm

$(B)/payment: $(PAYMENT_OBJ) $(B)/examples/payment/service.o $(B)/libweir.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $(filter %.o,$^) $(PAYMENT_LIBS)
$(B)/test-payment: $(PAYMENT_OBJ) $(B)/examples/payment/test_payment.o $(B)/libweir.a
	$(Q)$(CC) $(CFLAGS_ALL) -o $@ $(filter %.o,$^) $(PAYMENT_LIBS)

.PHONY: check-payment demo-payment
check-payment: $(B)/test-payment $(B)/payment $(WEIR)
	@$(B)/test-payment
	@scripts/demo-payment $(WEIR) $(B)/payment $(B)/demo-payment >$(B)/demo-payment.log 2>&1 || { cat $(B)/demo-payment.log; exit 1; }
demo-payment: $(B)/payment $(WEIR)
	@scripts/demo-payment $(WEIR) $(B)/payment demo-payment
