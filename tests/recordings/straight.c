/* The straight replay. See straight.h. */
#include "recordings/straight.h"

#include "cdc/row.h"

static weir_map_entry *entry_of(weir_map *m, weir_view key)
{
    weir_map_entry *e = weir_map_add(m, key);
    if (!e) {
        recording_die("straight replay", "out of memory");
    }
    return e;
}

/* A change's name: of whichever of its copies. */
static weir_view name_of(straight *s, weir_view key, uint64_t l, char op)
{
    return weir_arena_printf(&s->arena, "%llu %c %.*s", (unsigned long long)l, op, WEIR_ARG(key));
}

static bool was_seen(straight *s, const weir_change *c)
{
    weir_view key = c->key.ptr ? c->key : weir_view_of("");
    weir_map_entry *e = entry_of(&s->seen, name_of(s, key, c->at.l, c->op));
    bool seen = e->value;
    e->value = s;
    return seen;
}

static void remove_row(straight *s, const weir_change *c)
{
    weir_map_entry *e = weir_map_find(&s->rows, c->key);
    if (e && c->other.ptr) {
        entry_of(&s->moved, name_of(s, c->key, c->at.l, 'd'))->value = e->value;
    }
    if (e) {
        weir_map_remove(&s->rows, e);
    }
}

/* A placeholder stands for what the row had before: this row, or that which has moved here. */
static void fill(straight *s, const weir_change *c, const straight_row *base, straight_row *row)
{
    weir_buf text = {0}, missing = {0};
    weir_arena scratch;
    weir_error err;
    straight_row from = base ? *base : (straight_row){{NULL, 0}, {"", 0}};
    weir_arena_init(&scratch, 0);
    if (weir_row_fill(
            c->row, c->missing, from.text, from.missing, &scratch, &text, &missing, &err)) {
        recording_die("straight replay", err.text);
    }
    row->text = weir_arena_copy(&s->arena, weir_buf_view(&text));
    row->missing = weir_arena_copy(&s->arena, weir_buf_view(&missing));
    weir_buf_fini(&text);
    weir_buf_fini(&missing);
    weir_arena_fini(&scratch);
}

static void put_row(straight *s, const weir_change *c)
{
    straight_row *row = weir_arena_alloc(&s->arena, sizeof *row);
    weir_map_entry *e = entry_of(&s->rows, c->key);
    if (!row) {
        recording_die("straight replay", "out of memory");
    }
    *row = (straight_row){c->row, c->missing};
    if (c->missing.len) {
        weir_view move = c->other.ptr ? name_of(s, c->other, c->at.l, 'd') : c->key;
        fill(s, c, c->other.ptr ? weir_map_get(&s->moved, move) : e->value, row);
    }
    e->value = row;
}

static void replay_one(straight *s, const recorded_row *r)
{
    const weir_change *c = &r->sim.change;
    bool repeated = c->kind == WEIR_STREAMED && was_seen(s, c);
    if (c->kind == WEIR_TOMBSTONE || repeated || r->unusable) {
        return;
    }
    if (c->op == 't') {
        weir_map_fini(&s->rows, NULL);
        weir_map_init(&s->rows);
    } else if (c->op == 'd') {
        remove_row(s, c);
    } else {
        put_row(s, c);
    }
}

void straight_replay(straight *s, const sim_sequence *q)
{
    *s = (straight){.rows = {0}};
    weir_arena_init(&s->arena, 0);
    for (size_t i = 0; i < q->count; i++) {
        replay_one(s, recorded_row_of(q->items[i].record));
    }
}

void straight_free(straight *s)
{
    weir_map_fini(&s->rows, NULL);
    weir_map_fini(&s->seen, NULL);
    weir_map_fini(&s->moved, NULL);
    weir_arena_fini(&s->arena);
}
