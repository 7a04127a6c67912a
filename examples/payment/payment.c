/* Lesson 5: a service. It keeps profiles of users, and charges orders through a provider:
 *
 *   user.created  -> a row of `profiles`
 *   order.placed  -> charged -> payment.completed {orderId, amount}, or payment.failed {orderId,
 *                                                                                        reason}
 *
 * Everything may happen twice: a record comes again after a crash, a charge is asked for again
 * after a time-out. So each step is harmless when it is repeated. The provider is given a key that
 * is the same on each attempt; the books take a decision once; and what was decided before is only
 * told again. Whoever reads the payments drops duplicates by the header `id`.
 *
 * Events that do not fit schemas/events/ never come here, and none that does not fit leaves. */
#include "payment.h"

#include <stdio.h>

/* ---- Users --------------------------------------------------------------------------------------
 */

static weir_status on_user(weir_message *m, void *ctx)
{
    service *s = ctx;
    weir_reader event = weir_read(m);
    int64_t user = weir_int(&event, "userId");
    weir_view name = weir_text(&event, "name");
    if (weir_read_end(&event)) {
        return weir_read_end(&event);
    }
    return books_add_profile(s->books, user, name) ? WEIR_OK
                                                   : weir_hold(m, "the books cannot be written");
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

/* The user's row comes by CDC, maybe behind the order: its key waits, other orders go on. A wait
 * counts no attempts, and is no fault of the provider's. */
static weir_status find_user(weir_message *m, const order *o)
{
    char key[40];
    bool found;
    weir_reader user;
    snprintf(key, sizeof key, "{\"id\":%lld}", (long long)o->user);
    weir_status s = weir_lookup(m, "users", weir_view_of(key), NULL, &found, &user);
    return s || found ? s : weir_hold(m, "user %lld is not there yet", (long long)o->user);
}

static weir_status tell(weir_message *m, const order *o, char decision)
{
    if (decision == 'p') {
        return weir_emit(m, .type = "payment.completed",
            .fields = W_OBJECT(W_TEXT("orderId", o->id), W_NUMBER("amount", o->amount)));
    }
    return weir_emit(m, .type = "payment.failed",
        .fields = W_OBJECT(W_TEXT("orderId", o->id), W_STR("reason", "declined")));
}

/* Behind a RETRY the provider's breaker counts: after five in a row orders wait until it answers.
 */
static weir_status charge(weir_message *m, service *s, const order *o, char *decision)
{
    weir_view key = weir_id(m);
    verdict v = s->charge(s->provider, key, o->id, o->amount);
    if (v == UNREACHABLE) {
        return weir_retry(m, 0, "the provider does not answer");
    }
    *decision = v == PAID ? 'p' : 'd';
    return books_decide(s->books, o->id, o->amount, key, *decision)
               ? WEIR_OK
               : weir_hold(m, "the books cannot be written");
}

static weir_status on_order(weir_message *m, void *ctx)
{
    service *s = ctx;
    order o;
    char decision = 0;
    weir_status status = read_order(m, &o);
    if (!status && !books_find(s->books, o.id, &decision)) {
        status = weir_hold(m, "the books cannot be read");
    }
    if (!status && !decision) {
        status = find_user(m, &o);
        status = status ? status : charge(m, s, &o, &decision);
    }
    return status ? status : tell(m, &o, decision);
}

void payment_setup(weir_app *app, void *ctx)
{
    weir_on(app, .event = "user.created", .fn = on_user, .ctx = ctx);
    weir_on(app, .event = "order.placed", .fn = on_order, .ctx = ctx, .breaker = "provider",
        .max_attempts = 10);
}
