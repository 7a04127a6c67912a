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

/* books.c: the service's own tables, in SQLite. Thread: any. */
typedef struct books books;
books *books_open(const char *path); /* NULL: said on stderr */
void books_close(books *b);
/* The decision on an order: 'p' paid, 'd' declined, 0 none yet; false: the books cannot be read. */
bool books_find(books *b, weir_view order, char *decision);
/* Writes the payment and its transaction, once; false: nothing was written. */
bool books_decide(books *b, weir_view order, weir_view amount, weir_view key, char decision);
/* Once for each user; false: nothing was written. */
bool books_add_profile(books *b, int64_t user, weir_view name);
/* How many rows a table has; -1: it cannot be read. */
int books_count(books *b, const char *table);

typedef struct service {
    books *books;
    charge_fn *charge;
    void *provider;
} service;

/* The handlers, for main() and for the tests alike; ctx is the service. */
void payment_setup(weir_app *app, void *ctx);

#endif
