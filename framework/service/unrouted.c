/* Records that no handler takes. See unrouted.h. */
#include "service/unrouted.h"

#include "base/map.h"
#include "service/route.h"

void weir_unrouted_init(weir_unrouted *u)
{
    pthread_mutex_init(&u->lock, NULL);
    u->n = 0;
}

void weir_unrouted_fini(weir_unrouted *u)
{
    pthread_mutex_destroy(&u->lock);
}

/* True: nobody has told of it, and there is room to know that somebody has. */
static bool is_new(weir_unrouted *u, uint32_t hash)
{
    bool found = false;
    pthread_mutex_lock(&u->lock);
    for (size_t i = 0; i < u->n && !found; i++) {
        found = u->types[i] == hash;
    }
    bool fresh = !found && u->n < WEIR_UNROUTED_TYPES;
    if (fresh) {
        u->types[u->n++] = hash;
    }
    pthread_mutex_unlock(&u->lock);
    return fresh;
}

void weir_unrouted_tell(weir_unrouted *u, weir_unrouted_memo *memo, const weir_message *m)
{
    if (m->decoder && !weir_route_is_row(&m->event)) {
        return;
    }
    weir_view type = weir_type(m), topic = weir_topic(m);
    uint32_t hash = weir_hash(type) * 31 + weir_hash(topic);
    hash += !hash;
    uint32_t *known = &memo->types[hash % WEIR_UNROUTED_MEMO];
    if (*known == hash) {
        return;
    }
    *known = hash;
    if (is_new(u, hash)) {
        const weir_handlers_options *o = weir_handlers_options_of(m->owner);
        weir_log_line(o->log, WEIR_LOG_INFO, o->name,
            "no handler takes %.*s/%d@%lld, of the type %.*s: such records are passed by "
            "(weir_handler_records_total, unrouted; each type is told once)",
            WEIR_ARG(topic), (int)weir_partition_number(m), (long long)weir_record_offset(m),
            WEIR_ARG(type));
    }
}
