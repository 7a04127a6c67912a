/* Of sim-parking: handlers with a transaction in a SQLite in memory, which outlives the processes.
 * What they have done are rows there. */
#include "parking_world.h"
#include "sqlite/sqlite_tx.h"

static const char *const migrations[] = {
    "create table effects (seq integer primary key autoincrement, what text not null)"};

void open_world_database(history *h)
{
    weir_sqlite_tx_options o = {
        .sql = {.inbox = "weir_inbox", .outbox = "weir_outbox", .migrations = "weir_migrations"}};
    must(weir_sqlite_tx_open(&o, &h->db, NULL), "the database");
    must(h->db.ops->session(h->db.self, &h->eyes, NULL), "a session");
}

void close_world_database(history *h)
{
    h->eyes.ops->close(h->eyes.self);
    h->db.ops->close(h->db.self);
}

static faulty_way decide(void *ctx, faulty_call call, const char *sql)
{
    life *l = ctx;
    sim_rng *rng = &l->h->rng;
    (void)sql;
    if (l->dead) {
        return FAULTY_BEFORE;
    }
    if (!dies(l) && !sim_chance(rng, call == FAULTY_COMMIT ? 0.05 : 0.01)) {
        return FAULTY_NOT;
    }
    return sim_chance(rng, 0.5) ? FAULTY_AFTER : FAULTY_BEFORE;
}

static int64_t wall(void *ctx)
{
    return 1700000000000 + ((life *)ctx)->now_ms;
}

void open_inbox(life *l)
{
    weir_inbox_options o = {.store = "db",
        .app = "sim",
        .names = {"weir_inbox", "weir_outbox", "weir_migrations"},
        .create = true,
        .migrate = true,
        .migrations = migrations,
        .n_migrations = 1,
        .keep_ms = INT64_C(1) << 40,
        .wall_ms = wall,
        .ctx = l};
    l->db = (faulty){.inner = l->h->db, .decide = decide, .ctx = l, .keep = true};
    must(weir_inbox_init(&l->inbox, &o, faulty_database(&l->db), NULL), "the inbox");
    l->inboxes[0] = &l->inbox;
}

weir_status put_effect(weir_message *m, const char *what)
{
    return weir_sql(weir_tx_of(m), "insert into effects (what) values ($1)", W_STR("what", what));
}

static bool take_effect(void *ctx, const weir_field *cells, size_t n)
{
    history *h = ctx;
    (void)n;
    must(weir_text_to_int64(cells[0].text, &h->seen) ? WEIR_OK : WEIR_RETRY, "a number");
    count_output(h, cells[1].text);
    return true;
}

void see_effects(history *h)
{
    weir_sql_answer a = {.row = take_effect, .ctx = h};
    weir_status st =
        h->eyes.ops->exec(h->eyes.self, "select seq, what from effects where seq > $1 order by seq",
            W_OBJECT(W_INT("seen", h->seen)), &a, NULL);
    must(st && h->seen ? st : WEIR_OK, "a look at the effects"); /* at first there is no table */
}
