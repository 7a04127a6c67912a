/* The headers of dead letters. See dead_letter.h. */
#include "engine/dead_letter.h"

#include <stdio.h>

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

void weir_dead_letter_headers(const weir_dead_letter *d, const char *group, int64_t time_ms,
    void (*fn)(void *ctx, weir_view name, weir_view value), void *ctx)
{
    const weir_raw_record *r = d->record;
    const visitor v = {fn, ctx};
    weir_view name, value;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        fn(ctx, name, value);
    }
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
}
