/* Circuit breakers. See breaker.h. */
#include "service/breaker.h"

enum { ASK_AGAIN_MS = 20 }; /* while a probe is out */

void weir_breaker_init(weir_breaker *b, const weir_breaker_rule *rule)
{
    *b = (weir_breaker){.rule = *rule, .open_ms = rule->open_ms};
    pthread_mutex_init(&b->lock, NULL);
}

void weir_breaker_fini(weir_breaker *b)
{
    pthread_mutex_destroy(&b->lock);
}

bool weir_breaker_admit(weir_breaker *b, int64_t now_ms, bool *probe, int64_t *wait_ms)
{
    pthread_mutex_lock(&b->lock);
    if (b->state == WEIR_BREAKER_OPEN && now_ms >= b->until_ms) {
        b->state = WEIR_BREAKER_HALF_OPEN;
    }
    *probe = b->state == WEIR_BREAKER_HALF_OPEN && !b->probing;
    bool admitted = b->state == WEIR_BREAKER_CLOSED || *probe;
    *wait_ms = b->state == WEIR_BREAKER_OPEN ? b->until_ms - now_ms : ASK_AGAIN_MS;
    b->probing |= *probe;
    pthread_mutex_unlock(&b->lock);
    return admitted;
}

/* Lock: held. */
static void trip(weir_breaker *b, int64_t now_ms)
{
    b->state = WEIR_BREAKER_OPEN;
    b->until_ms = now_ms + b->open_ms;
    b->open_ms = b->open_ms * 2 < b->rule.max_open_ms ? b->open_ms * 2 : b->rule.max_open_ms;
    b->in_a_row = 0;
    b->opened++;
}

static void close_it(weir_breaker *b)
{
    b->state = WEIR_BREAKER_CLOSED;
    b->open_ms = b->rule.open_ms;
    b->in_a_row = 0;
}

void weir_breaker_report(weir_breaker *b, bool probe, weir_breaker_outcome o, int64_t now_ms)
{
    pthread_mutex_lock(&b->lock);
    b->probing = b->probing && !probe;
    if (b->state == WEIR_BREAKER_CLOSED) {
        b->in_a_row = o == WEIR_BREAKER_FAILURE   ? b->in_a_row + 1
                      : o == WEIR_BREAKER_SUCCESS ? 0
                                                  : b->in_a_row;
        if (b->in_a_row >= b->rule.failures) {
            trip(b, now_ms);
        }
    } else if (probe && o == WEIR_BREAKER_SUCCESS) {
        close_it(b);
    } else if (probe && o == WEIR_BREAKER_FAILURE) {
        trip(b, now_ms);
    } /* what was begun before it opened says nothing new */
    pthread_mutex_unlock(&b->lock);
}

weir_breaker_view weir_breaker_look(weir_breaker *b)
{
    pthread_mutex_lock(&b->lock);
    weir_breaker_view v = {b->rule.name, b->state, b->opened};
    pthread_mutex_unlock(&b->lock);
    return v;
}
