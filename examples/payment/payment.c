/* Lesson 5: a service with tables of its own.
 *
 *   user.created  -> a row of `profiles`
 *   order.placed  -> charged -> a row of `payments`, one of `transactions`, and the events
 *                    payment.completed {orderId, amount} and fulfilment.started {orderId},
 *                    or payment.failed {orderId, reason}
 *
 * Its handlers have `.tx`: the rows that they write and the events that they emit are committed
 * together, with a row that says that this record was handled. What comes again, after a crash or
 * whatever else, is dropped before it gets here. There is no bookkeeping to be done.
 *
 * One thing is outside of every transaction: the provider. It is given a key that is the same for
 * each attempt, and charges a key once. It is asked before the first statement, so that no
 * transaction is open while it thinks.
 *
 * `users` and `orders` are copies of somebody else's tables, by CDC: caches to look rows up in, and
 * tables beside our own to join with. Nobody here writes to them; weir stops who tries.
 *
 * Events that do not fit schemas/events/ never come here, and none that does not fit leaves. */
#include "payment.h"

#include <stdio.h>

enum {
    PATIENCE = 4,
    MOST_ATTEMPTS = 10
}; /* attempts before a customer may pay later, and in all */

/* Forward only: what stands here is never changed, only followed by more. */
static const char *const migrations[] = {
    "create table profiles (user_id bigint primary key, name text not null)",
    "create table payments (order_id text primary key, user_id bigint not null, amount text not "
    "null, decision text not null)",
    "create table transactions (id text primary key, order_id text not null references payments)",
};

/* ---- Users --------------------------------------------------------------------------------------
 */

static weir_status on_user(weir_message *m, void *ctx)
{
    (void)ctx;
    weir_reader event = weir_read(m);
    int64_t user = weir_int(&event, "userId");
    weir_view name = weir_text(&event, "name");
    if (weir_read_end(&event)) {
        return weir_read_end(&event);
    }
    return weir_sql(weir_tx_of(m),
        "insert into profiles (user_id, name) values ($1, $2) "
        "on conflict (user_id) do update set name = excluded.name",
        W_INT("user", user), W_TEXT("name", name));
}

/* ---- Orders -------------------------------------------------------------------------------------
 */

typedef struct order {
    weir_view id, amount; /* the amount as its digits: money is no double */
    int64_t user;
} order;

static weir_status read_order(weir_message *m, order *o)
{
    weir_reader event = weir_read(m);
    o->id = weir_text(&event, "orderId");
    o->amount = weir_number(&event, "amount");
    o->user = weir_int(&event, "userId");
    return weir_read_end(&event);
}

/* What the shop's own table says of it, if it says so already. */
static weir_status check_order(weir_message *m, const order *o)
{
    char key[128];
    bool found;
    weir_reader row;
    snprintf(key, sizeof key, "{\"id\":\"%.*s\"}", WEIR_ARG(o->id));
    weir_status s = weir_lookup(m, "orders", weir_view_of(key), NULL, &found, &row);
    if (s || !found || weir_int(&row, "user_id") == o->user) {
        return s;
    }
    return weir_reject(m, "USER_DIFFERS", "the order's row is of another user");
}

/* The user's row comes by CDC, maybe behind the order: its key waits, other orders go on. A wait
 * counts no attempts, and is no fault of the provider's. */
static weir_status find_user(weir_message *m, const order *o, weir_reader *user)
{
    char key[40];
    bool found;
    snprintf(key, sizeof key, "{\"id\":%lld}", (long long)o->user);
    weir_status s = weir_lookup(m, "users", weir_view_of(key), NULL, &found, user);
    return s || found ? s : weir_hold(m, "user %lld is not there yet", (long long)o->user);
}

/* Behind a RETRY the provider's breaker counts: after five in a row orders wait until it answers. A
 * customer whom our copy of the row trusts does not wait so long: the charge is made later, under
 * the same key. */
static weir_status charge(
    weir_message *m, const service *s, const order *o, weir_reader *user, const char **decision)
{
    verdict v = s->charge(s->provider, o->id, o->id, o->amount);
    if (v != UNREACHABLE) {
        *decision = v == PAID ? "paid" : "declined";
        return WEIR_OK;
    }
    bool trusted = weir_has(user, "trusted") && weir_bool(user, "trusted");
    if (trusted && weir_attempt(m) >= PATIENCE) {
        *decision = "on account";
        return WEIR_OK;
    }
    return weir_retry(m, 0, "the provider does not answer");
}

/* An order that was placed twice, as two events, is paid once. */
static weir_status write_down(weir_message *m, const order *o, const char *decision, bool *is_new)
{
    weir_tx *tx = weir_tx_of(m);
    weir_status s = weir_sql(tx,
        "insert into payments (order_id, user_id, amount, decision) values ($1, $2, $3, $4) "
        "on conflict (order_id) do nothing",
        W_TEXT("order", o->id), W_INT("user", o->user), W_TEXT("amount", o->amount),
        W_STR("decision", decision));
    *is_new = weir_sql_affected(tx) == 1;
    if (s || !*is_new) {
        return s;
    }
    return weir_sql(tx, "insert into transactions (id, order_id) values ($1, $2)",
        W_TEXT("id", weir_id(m)), W_TEXT("order", o->id));
}

static weir_status tell(weir_message *m, const order *o, const char *decision)
{
    if (decision[0] == 'd') {
        return weir_emit(m, .type = "payment.failed",
            .fields = W_OBJECT(W_TEXT("orderId", o->id), W_STR("reason", decision)));
    }
    weir_status s = weir_emit(m, .type = "payment.completed",
        .fields = W_OBJECT(W_TEXT("orderId", o->id), W_NUMBER("amount", o->amount)));
    return s ? s
             : weir_emit(
                   m, .type = "fulfilment.started", .fields = W_OBJECT(W_TEXT("orderId", o->id)));
}

static weir_status on_order(weir_message *m, void *ctx)
{
    order o;
    weir_reader user;
    const char *decision = NULL;
    bool is_new = false;
    weir_status s = read_order(m, &o);
    s = s ? s : check_order(m, &o);
    s = s ? s : find_user(m, &o, &user);
    s = s ? s : charge(m, ctx, &o, &user, &decision);
    s = s ? s : write_down(m, &o, decision, &is_new);
    return s || !is_new ? s : tell(m, &o, decision);
}

void payment_setup(weir_app *app, void *ctx)
{
    weir_migrations(app, "books", migrations, sizeof migrations / sizeof *migrations);
    weir_on(app, .event = "user.created", .fn = on_user, .tx = "books");
    weir_on(app, .event = "order.placed", .fn = on_order, .ctx = ctx, .tx = "books",
        .breaker = "provider", .max_attempts = MOST_ATTEMPTS);
}
