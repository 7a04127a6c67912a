/* Handlers: made, attached to their engine, and freed; which topic is which handler's. See
 * handlers.h. */
#include <string.h>

#include "base/alloc.h"
#include "service/handler_lane.h"

static weir_status new_lane(weir_handlers *h, unsigned i, weir_error *err)
{
    weir_handler_lane *l = &h->lanes[i];
    weir_lane_init(&l->lane, h->options.followers_limit);
    pthread_mutex_init(&l->lock, NULL);
    pthread_mutex_init(&l->emit_lock, NULL);
    weir_recent_init(&l->recent, h->options.transactor ? 0 : h->options.recent_most,
        h->options.recent_window_ms);
    l->random = h->options.seed + i * 0x9E3779B97F4A7C15u + 1;
    atomic_store(&l->first_deadline_ms, INT64_MAX);
    l->decoders = weir_calloc(h->options.n_topics, sizeof(weir_decoder *));
    l->checkers = weir_calloc(h->options.n_topics, sizeof *l->checkers);
    if (!l->decoders || !l->checkers) {
        return weir_fail_oom(err);
    }
    weir_status s = weir_event_checker_new(&h->options.events, &l->events, err);
    s = s ? s : weir_event_checker_new(&h->options.events, &l->emit_judges, err);
    l->emit_avro = weir_calloc(h->options.emits.count + 1, sizeof *l->emit_avro);
    s = s || l->emit_avro ? s : weir_fail_oom(err);
    for (size_t t = 0; t < h->options.n_topics && !s; t++) {
        const weir_routed_topic *topic = &h->options.topics[t];
        if (topic->source) {
            s = weir_decoder_new(topic->source, &l->decoders[t], err);
        }
        s = s ? s
              : weir_row_checker_init(
                    &l->checkers[t], topic->check, h->options.log, h->options.name, err);
    }
    s = s ? s : weir_batches_new(h, l, err);
    return s ? s : weir_units_new(h, l, err);
}

weir_status weir_handlers_new(
    const weir_handlers_options *options, weir_handlers **out, weir_error *err)
{
    *out = NULL;
    weir_handlers *h = weir_calloc(1, sizeof *h);
    if (!h || !(h->lanes = weir_calloc(options->lanes, sizeof *h->lanes))) {
        weir_free(h);
        return weir_fail_oom(err);
    }
    weir_unrouted_init(&h->unrouted);
    h->options = *options;
    h->options.lanes = 0; /* counts those that are made */
    weir_status s = WEIR_OK;
    while (h->options.lanes < options->lanes && !s) {
        s = new_lane(h, h->options.lanes++, err);
    }
    if (s) {
        weir_handlers_free(h);
        return s;
    }
    *out = h;
    return WEIR_OK;
}

static void free_lane(weir_handlers *h, weir_handler_lane *l)
{
    for (size_t t = 0; l->decoders && t < h->options.n_topics; t++) {
        weir_decoder_free(l->decoders[t]);
    }
    for (size_t t = 0; l->checkers && t < h->options.n_topics; t++) {
        weir_row_checker_fini(&l->checkers[t]);
    }
    weir_units_free(h, l);
    weir_batches_free(l);
    weir_event_checker_free(l->events);
    weir_event_checker_free(l->emit_judges);
    weir_emit_avro_free(l->emit_avro, h->options.emits.count);
    weir_free(l->checkers);
    weir_free(l->decoders);
    weir_message_free(l->message);
    while (l->pool) {
        weir_message *m = l->pool;
        l->pool = m->next;
        weir_message_free(m);
    }
    weir_recent_fini(&l->recent);
    weir_lane_fini(&l->lane);
    weir_free(l->stuck);
    pthread_mutex_destroy(&l->emit_lock);
    pthread_mutex_destroy(&l->lock);
}

/* Messages that their users never settled may still be: everything is left to them, without the
 * engine. */
static bool leave_to_users(weir_handlers *h)
{
    bool any = false;
    for (unsigned i = 0; i < h->options.lanes; i++) {
        any = any || h->lanes[i].deferred;
    }
    for (unsigned i = 0; i < h->options.lanes && any; i++) {
        pthread_mutex_lock(&h->lanes[i].lock);
        h->lanes[i].closed = true;
        pthread_mutex_unlock(&h->lanes[i].lock);
    }
    return any;
}

void weir_handlers_free(weir_handlers *h)
{
    if (!h || leave_to_users(h)) {
        return;
    }
    for (unsigned i = 0; i < h->options.lanes; i++) {
        free_lane(h, &h->lanes[i]);
    }
    weir_unrouted_fini(&h->unrouted);
    weir_free(h->lanes);
    weir_free(h);
}

void weir_handlers_attach(weir_handlers *h, weir_engine *e)
{
    h->engine = e;
}

uint32_t weir_handlers_tag(void *handlers, weir_view topic)
{
    const weir_handlers *h = handlers;
    uint32_t found = UINT32_MAX;
    size_t longest = 0;
    for (uint32_t i = 0; i < h->options.n_topics; i++) {
        const char *of = h->options.topics[i].topic;
        size_t begin = weir_topic_begin(of);
        if (weir_view_is(topic, of)) {
            return i;
        }
        if (begin > longest && topic.len >= begin && memcmp(topic.ptr, of, begin) == 0) {
            longest = begin; /* the pattern that says most */
            found = i;
        }
    }
    return found;
}
