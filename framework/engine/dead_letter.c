/* What dead letters have of their records, and their headers. See dead_letter.h. */
#include "engine/dead_letter.h"

#include <stdio.h>

enum { MOST_KEY = 4096, MOST_HEADERS = 4096 }; /* bytes, of a bare letter */

/* ---- What is left of a record -------------------------------------------------------------------
 */

weir_view weir_dead_letter_key(const weir_dead_letter *d)
{
    bool keeps = !d->bare || d->record->key.len <= MOST_KEY;
    return keeps ? d->record->key : (weir_view){NULL, 0};
}

weir_view weir_dead_letter_value(const weir_dead_letter *d)
{
    return d->bare ? (weir_view){NULL, 0} : d->record->value;
}

typedef struct visitor {
    void (*fn)(void *ctx, weir_view name, weir_view value);
    void *ctx;
} visitor;

static void put(const visitor *v, const char *name, const char *value)
{
    v->fn(v->ctx, weir_view_of(name), weir_view_of(value));
}

static void put_number(const visitor *v, const char *name, int64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    put(v, name, text);
}

/* The record's own, as many of them as there is room for; what the letter lacks of them. */
static size_t put_original(const visitor *v, const weir_dead_letter *d)
{
    const weir_header_list *h = &d->record->headers;
    size_t kept = 0, lacks = 0;
    weir_view name, value;
    for (size_t i = 0; h->at && h->at(h->self, i, &name, &value); i++) {
        size_t bytes = name.len + value.len;
        if (d->bare && kept + bytes > MOST_HEADERS) {
            lacks += bytes;
        } else {
            kept += bytes;
            v->fn(v->ctx, name, value);
        }
    }
    return lacks;
}

void weir_dead_letter_headers(const weir_dead_letter *d, const char *group, int64_t time_ms,
    void (*fn)(void *ctx, weir_view name, weir_view value), void *ctx)
{
    const weir_raw_record *r = d->record;
    const visitor v = {fn, ctx};
    size_t lacks = put_original(&v, d) + r->value.len - weir_dead_letter_value(d).len + r->key.len -
                   weir_dead_letter_key(d).len;
    fn(ctx, weir_view_of("weir.dead.topic"), r->topic);
    put_number(&v, "weir.dead.partition", r->partition);
    put_number(&v, "weir.dead.offset", r->offset);
    put_number(&v, "weir.dead.timestamp", r->timestamp_ms);
    put(&v, "weir.dead.group", group ? group : "");
    put(&v, "weir.dead.class", weir_status_name(d->error.status));
    put(&v, "weir.dead.code", d->error.code);
    put(&v, "weir.dead.where", d->error.where);
    put(&v, "weir.dead.text", d->error.text);
    put_number(&v, "weir.dead.attempts", d->attempts);
    put_number(&v, "weir.dead.time", time_ms);
    if (d->bare || d->lacks) {
        put_number(&v, WEIR_DEAD_LETTER_LACKS, (int64_t)lacks + d->lacks);
    }
}
