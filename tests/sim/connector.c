/* The synthetic Debezium connector. See connector.h. */
#include "sim/connector.h"

#include "sim/grow.h"

void sim_connector_init(sim_connector *c, sim_source *to)
{
    *c = (sim_connector){.to = to, .db = &to->db, .rng = &to->rng};
}

void sim_connector_fini(sim_connector *c)
{
    free(c->saved.items);
}

void sim_connector_skip(sim_connector *c)
{
    c->at = (sim_offset){.tx = c->db->log.count};
}

/* ---- Records ----------------------------------------------------------------------------------
 */

static weir_view text_of(sim_source *s, const char *column, unsigned n, bool hold)
{
    return n && !hold ? weir_arena_printf(&s->arena, ",\"%s\":\"big%u\"", column, n)
                      : weir_arena_printf(&s->arena, ",\"%s\":null", column);
}

static weir_view row_text(sim_source *s, sim_row row, unsigned placeholders)
{
    weir_view b1 = text_of(s, "b1", row.b1, placeholders & SIM_HOLD_B1);
    weir_view b2 = text_of(s, "b2", row.b2, placeholders & SIM_HOLD_B2);
    weir_view text = weir_arena_printf(
        &s->arena, "{\"id\":\"k%d\",\"v\":%d%.*s%.*s}", row.id, row.v, WEIR_ARG(b1), WEIR_ARG(b2));
    if (!text.ptr) {
        exit(2);
    }
    return text;
}

static weir_view columns_text(unsigned columns)
{
    static const char *const lists[] = {"", "[\"b1\"]", "[\"b2\"]", "[\"b1\",\"b2\"]"};
    return weir_view_of(lists[columns]);
}

/* FNV-1a of the key's name: where Kafka puts it. */
static int partition_of(const sim_connector *c, int key)
{
    uint32_t h = 2166136261u;
    weir_view text = sim_key_text(key);
    for (size_t i = 0; i < text.len; i++) {
        h = (h ^ (unsigned char)text.ptr[i]) * 16777619u;
    }
    return (int)((h >> 7) % (unsigned)c->to->n_partitions);
}

/* A record with the connector's place and clock; the caller adds what it is. */
static sim_record record_at(sim_connector *c, weir_change_kind kind, char op, int key, uint64_t l)
{
    uint64_t commit = c->at.has_commit ? c->at.commit : 0;
    bool keyed = key != SIM_NO_KEY;
    return (sim_record){
        .change =
            {
                .kind = kind,
                .op = op,
                .has_commit = c->at.has_commit,
                .commit = commit,
                .has_tx = kind == WEIR_STREAMED,
                .tx = kind == WEIR_STREAMED ? c->tx : 0,
                .at = {commit > l ? commit : l, l},
                .ts_ms = (int64_t)c->now_ms,
                .key = keyed ? sim_key_text(key) : (weir_view){NULL, 0},
                .partition = keyed ? partition_of(c, key)
                                   : (int)sim_below(c->rng, (size_t)c->to->n_partitions),
            },
        .key = key,
        .other = SIM_NO_KEY,
        .version = SIM_NO_VERSION,
    };
}

static void send(sim_connector *c, sim_record r)
{
    if (c->silent) {
        return;
    }
    *SIM_APPEND(&c->to->sent) = r;
    if (r.change.op == 'd') {
        sim_record tombstone = {.key = r.key, .other = SIM_NO_KEY, .version = SIM_NO_VERSION};
        tombstone.change = (weir_change){
            .kind = WEIR_TOMBSTONE, .key = r.change.key, .partition = r.change.partition};
        *SIM_APPEND(&c->to->sent) = tombstone;
    }
}

static void give_row(sim_connector *c, sim_record *r, sim_row row, unsigned placeholders)
{
    r->row = row;
    r->change.row = row_text(c->to, row, placeholders);
    r->change.missing = columns_text(placeholders);
}

static void give_other(sim_record *r, int other)
{
    r->other = other;
    r->change.other = sim_key_text(other);
}

/* Rows of an image as rows of a snapshot at position l. */
static void send_image(sim_connector *c, weir_change_kind kind, const sim_image *image, uint64_t l)
{
    for (int k = 0; k < c->db->n_keys; k++) {
        if (image->rows[k].there) {
            sim_record r = record_at(c, kind, 'r', k, l);
            r.version = image->versions[k];
            give_row(c, &r, image->rows[k], 0);
            send(c, r);
        }
    }
}

/* ---- Snapshots --------------------------------------------------------------------------------
 */

void sim_initial_snapshot(sim_connector *c)
{
    sim_image image = c->db->now;
    sim_connector_skip(c);
    uint64_t slot = sim_tick(c->db);
    if (sim_wait_for_truncates(c->db)) {
        image = (sim_image){0}; /* TRUNCATE is not MVCC-safe: the read sees an empty table */
    }
    c->now_ms = 0;
    send_image(c, WEIR_READ, &image, slot);
}

void sim_blocking_snapshot(sim_connector *c, size_t race)
{
    sim_image image = c->db->now;
    size_t logged = c->db->log.count;
    sim_step(c->db, race);
    bool truncated = sim_wait_for_truncates(c->db);
    for (size_t i = logged; i < c->db->log.count; i++) {
        truncated = truncated || c->db->log.items[i]->truncates;
    }
    if (truncated) {
        image = (sim_image){0};
    }
    /* Debezium labels the rows with where the stream stands, though they are read now. */
    uint64_t stream_ms = c->now_ms;
    c->now_ms = c->db->lsn;
    send_image(c, WEIR_READ, &image, c->at.last);
    c->now_ms = stream_ms;
}

void sim_window_by_signal(sim_connector *c)
{
    sim_database *db = c->db;
    if (c->window || sim_truncate_pending(db)) {
        return;
    }
    c->chunk_id = sim_tick(db);
    sim_signal(db, SIM_WINDOW_OPENS, c->chunk_id, sim_below(c->rng, 4));
    sim_step(db, sim_below(c->rng, 6));
    sim_wait_for_truncates(db);
    c->chunk = db->now;
    /* A TRUNCATE between a chunk's read and its window's close leaves ghosts: that is Debezium's
     * own, and not generated. */
    double chance = db->truncate_chance;
    db->truncate_chance = 0;
    sim_step(db, sim_below(c->rng, 6));
    sim_signal(db, SIM_WINDOW_CLOSES, c->chunk_id, sim_below(c->rng, 4));
    db->truncate_chance = chance;
    c->window = SIM_BY_SIGNAL;
    c->window_open = false;
}

void sim_window_by_tx(sim_connector *c)
{
    sim_database *db = c->db;
    if (c->window || sim_truncate_pending(db)) {
        return;
    }
    c->truncate_chance = db->truncate_chance;
    db->truncate_chance = 0;
    c->low_tx = sim_lowest_active(db);
    c->high_tx = db->next_tx;
    sim_step(db, sim_below(c->rng, 3));
    c->chunk = db->now;
    sim_step(db, sim_below(c->rng, 3));
    c->high_tx = db->next_tx > c->high_tx ? db->next_tx : c->high_tx;
    c->window = SIM_BY_TX;
    c->window_open = false;
}

static void end_window(sim_connector *c)
{
    if (c->window == SIM_BY_TX) {
        c->db->truncate_chance = c->truncate_chance;
    }
    c->window = SIM_NO_WINDOW;
    c->window_open = false;
}

/* What the stream brings while the window is open is newer than the chunk. */
static void drop_from_window(sim_connector *c, int key)
{
    if (c->window_open) {
        c->chunk.rows[key].there = false;
    }
}

static void pass_signal(sim_connector *c, const sim_op *op)
{
    if (c->window != SIM_BY_SIGNAL || op->chunk != c->chunk_id) {
        return;
    }
    if (op->kind == SIM_WINDOW_OPENS) {
        c->window_open = true;
    } else {
        send_image(c, WEIR_INCREMENTAL, &c->chunk, op->l);
        end_window(c);
    }
}

/* Windows by transaction id have no rows in the log: the next event opens and closes them. */
static void watch_tx(sim_connector *c, uint64_t l)
{
    if (c->window != SIM_BY_TX) {
        return;
    }
    c->window_open = c->window_open || c->tx >= c->low_tx;
    if (c->window_open && c->tx > c->high_tx) {
        send_image(c, WEIR_INCREMENTAL, &c->chunk, l);
        end_window(c);
    }
}

/* ---- Streaming --------------------------------------------------------------------------------
 */

static void send_keyed(
    sim_connector *c, char op, const sim_op *from, int key, int other, int version)
{
    watch_tx(c, from->l);
    drop_from_window(c, key);
    sim_record r = record_at(c, WEIR_STREAMED, op, key, from->l);
    r.version = version;
    if (op != 'd') {
        give_row(c, &r, from->row, from->placeholders);
    }
    if (other != SIM_NO_KEY) {
        give_other(&r, other);
    }
    send(c, r);
}

static void send_op(sim_connector *c, const sim_op *op)
{
    switch (op->kind) {
    case SIM_CREATE:
        send_keyed(c, 'c', op, op->key, SIM_NO_KEY, op->version);
        break;
    case SIM_UPDATE:
        send_keyed(c, 'u', op, op->key, SIM_NO_KEY, op->version);
        break;
    case SIM_DELETE:
        send_keyed(c, 'd', op, op->key, SIM_NO_KEY, op->version);
        break;
    case SIM_MOVE:
        send_keyed(c, 'd', op, op->key, op->to_key, op->version);
        send_keyed(c, 'c', op, op->to_key, op->key, op->to_version);
        break;
    case SIM_TRUNCATE:
        watch_tx(c, op->l);
        send(c, record_at(c, WEIR_STREAMED, 't', SIM_NO_KEY, op->l));
        break;
    case SIM_WINDOW_OPENS:
    case SIM_WINDOW_CLOSES:
        pass_signal(c, op);
        break;
    }
}

void sim_stream(sim_connector *c, size_t n)
{
    while (c->at.tx < c->db->log.count) {
        const sim_tx *tx = c->db->log.items[c->at.tx];
        c->now_ms = tx->commit; /* the source's time of a change is its commit's */
        c->tx = tx->id;
        for (; c->at.op < tx->ops.count; c->at.op++, n--) {
            if (!n) {
                return;
            }
            *SIM_APPEND(&c->saved) = c->at;
            const sim_op *op = &tx->ops.items[c->at.op];
            send_op(c, op);
            c->at.last = op->l;
            c->at.has_last = true;
        }
        c->at = (sim_offset){c->at.tx + 1, 0, true, true, tx->commit, tx->commit};
        if (!n) {
            return;
        }
    }
}

void sim_stream_to_commit(sim_connector *c)
{
    if (c->at.op) {
        sim_stream(c, c->db->log.items[c->at.tx]->ops.count - c->at.op);
    }
}

bool sim_restart(sim_connector *c)
{
    if (!c->saved.count) {
        return false;
    }
    size_t back = 1 + sim_exponential(c->rng, SIM_PICK(c->rng, 2, 10, 60));
    back = back < c->saved.count ? back : c->saved.count;
    c->saved.count -= back; /* what was stored later is not stored any more */
    c->at = c->saved.items[c->saved.count];
    /* Where the last commit was null Debezium's loader puts the last LSN in its place, and its
     * search for the place may begin at the transaction's start. */
    if (!c->at.has_commit && c->at.has_last) {
        c->at.has_commit = true;
        c->at.commit = c->at.last;
        c->at.op = sim_chance(c->rng, .5) ? 0 : c->at.op;
    }
    bool lost = c->window;
    end_window(c);
    return lost;
}
