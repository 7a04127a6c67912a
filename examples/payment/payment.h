/* A payment service: what its parts know of each other. payment.c is the lesson. */
#ifndef PAYMENT_H
#define PAYMENT_H

#include <weir/weir.h>

/* What the provider says to a charge. */
typedef enum verdict {
    PAID,
    DECLINED,
    UNREACHABLE, /* nobody knows: ask again, with the same key */
} verdict;

/* key: the same on each attempt, so that the provider charges once. */
typedef verdict charge_fn(void *provider, weir_view key, weir_view order, weir_view amount);

/* provider.c: over HTTP. */
verdict provider_charge(void *url, weir_view key, weir_view order, weir_view amount);

typedef struct service {
    charge_fn *charge;
    void *provider;
} service;

/* The handlers, for main() and for the tests alike; ctx is the service. */
void payment_setup(weir_app *app, void *ctx);

#endif
