/* Debezium's JSON of synthetic changes. See render.h. */
#include "sim/render.h"

#include <inttypes.h>
#include <stdlib.h>

static const char placeholder[] = "\"__debezium_unavailable_value\"";

static void put_text(weir_buf *to, const char *column, unsigned n, bool held)
{
    weir_buf_printf(to, ",\"%s\":", column);
    if (held) {
        weir_buf_puts(to, placeholder);
    } else if (n) {
        weir_buf_printf(to, "\"big%u\"", n);
    } else {
        weir_buf_puts(to, "null");
    }
}

/* The row as it is sent: where it misses a column, the placeholder stands. */
static void put_row(weir_buf *to, const sim_record *r)
{
    unsigned held = 0;
    sim_columns_parse(r->change.missing, &held);
    if (!r->row.there || !r->change.row.ptr) {
        weir_buf_puts(to, "null");
        return;
    }
    weir_buf_printf(to, "{\"id\":\"k%d\",\"v\":%d", r->row.id, r->row.v);
    put_text(to, "b1", r->row.b1, held & SIM_HOLD_B1);
    put_text(to, "b2", r->row.b2, held & SIM_HOLD_B2);
    weir_buf_putc(to, '}');
}

static void put_source(weir_buf *to, const weir_change *c)
{
    const char *snapshot = c->kind == WEIR_READ          ? "true"
                           : c->kind == WEIR_INCREMENTAL ? "incremental"
                                                         : "false";
    weir_buf_printf(to,
        "\"source\":{\"connector\":\"postgresql\",\"name\":\"sim\",\"ts_ms\":%" PRId64
        ",\"snapshot\":\"%s\",\"db\":\"d\",\"schema\":\"public\",\"table\":\"t\",\"lsn\":%" PRIu64,
        c->ts_ms, snapshot, c->at.l);
    if (c->has_tx) {
        weir_buf_printf(to, ",\"txId\":%" PRIu64, c->tx);
    }
    weir_buf_puts(to, ",\"sequence\":\"[");
    if (c->has_commit) {
        weir_buf_printf(to, "\\\"%" PRIu64 "\\\"", c->commit);
    } else {
        weir_buf_puts(to, "null");
    }
    weir_buf_printf(to, ",\\\"%" PRIu64 "\\\"]\"}", c->at.l);
}

static weir_view kept(weir_arena *arena, weir_buf *text)
{
    weir_view v = weir_arena_copy(arena, weir_buf_view(text));
    if (text->failed || !v.ptr) {
        exit(2);
    }
    return v;
}

static weir_view value_of(weir_arena *arena, const sim_record *r)
{
    weir_buf text = {0};
    weir_buf_puts(&text, "{\"before\":null,\"after\":");
    put_row(&text, r);
    weir_buf_putc(&text, ',');
    put_source(&text, &r->change);
    weir_buf_printf(&text, ",\"op\":\"%c\",\"ts_ms\":%" PRId64 "}", r->change.op, r->change.ts_ms);
    weir_view v = kept(arena, &text);
    weir_buf_fini(&text);
    return v;
}

sim_entry *sim_render(weir_arena *arena, sim_partition *p, const sim_record *r, int64_t gap)
{
    const weir_change *c = &r->change;
    weir_view value = c->kind == WEIR_TOMBSTONE ? (weir_view){NULL, 0} : value_of(arena, r);
    sim_entry *e = sim_partition_append(p, c->key, value, gap);
    if (c->other.ptr) {
        e->header_name = weir_view_of(c->op == 'd' ? "__debezium.newkey" : "__debezium.oldkey");
        e->header_value = c->other;
    }
    e->timestamp_ms = c->ts_ms;
    return e;
}
