/* A service whose handlers have a transaction, over a scripted source and emits in memory.
 * Includers have cmocka, and define open_database(), which makes an empty one. */
#ifndef WEIR_TESTS_TX_SERVICE_H
#define WEIR_TESTS_TX_SERVICE_H

#include <weir/sql.h>

#include "memory/memory_emitter.h"
#include "service/relay.h"
#include "support/faulty_tx.h"
#include "support/scripted_app.h"

static weir_sql_database open_database(const weir_sql_options *o);

static const char *const tx_copies[] = {"users"};
static const weir_sql_class tx_classes[] = {
    {"SQLITE_CONSTRAINT_CHECK", WEIR_RETRY}, {"23514", WEIR_RETRY}};
static const weir_sql_options tx_sql = {
    "weir_inbox", "weir_outbox", "weir_migrations", tx_copies, 1, tx_classes, 2};
static const char *const tx_migrations[] = {
    "create table users (id bigint primary key, name text)",
    "create table payments (id text primary key, amount text, n bigint check (n < 100), paid "
    "boolean, data json)",
    "insert into users values (7, 'Ada')",
};
static const weir_emit_rule tx_emit_rules[] = {
    {.type = "paid", .topic = "payments"}, {.type = "told", .topic = "news"}};

static weir_batch_fn *tx_batch; /* in the place of the handler; NULL: none */

/* The service of a test, and what makes it fail. */
typedef struct service {
    app a;
    faulty faulty;
    weir_inbox inbox, *inboxes[1];
    weir_emitter emitter;
    weir_memory_emitter *memory;
    bool keeps;         /* what is sent is not answered … */
    weir_sending *kept; /* … but kept here */
    weir_relay *relay;
    unsigned committed;
    int fail_in; /* so many calls of `fail_call` are let through, then one fails; -1: none */
    faulty_call fail_call;
    faulty_way fail_way;
    bool dead;           /* the database is away … */
    int64_t dead_ms;     /* … which shows after so long */
    unsigned asked;      /* so many times meanwhile */
    const char *refused; /* a topic that takes no events; NULL: none */
    unsigned refusals;
} service;

static inline faulty_way tx_decide(void *ctx, faulty_call call, const char *sql)
{
    service *s = ctx;
    (void)sql;
    if (s->dead) {
        s->asked++;
        s->a.now_ms += s->dead_ms;
        return FAULTY_BEFORE;
    }
    bool hit = s->fail_in >= 0 && call == s->fail_call && s->fail_in-- == 0;
    return hit ? s->fail_way : FAULTY_NOT;
}

static inline int64_t tx_wall(void *ctx)
{
    return 1700000000000 + ((service *)ctx)->a.now_ms;
}

static inline void tx_committed(void *ctx)
{
    ((service *)ctx)->committed++;
}

static inline int64_t tx_now(void *ctx)
{
    return ((service *)ctx)->a.now_ms;
}

/* The memory emitter, before which a topic may refuse. */
static inline void tx_send(void *self, weir_sending *sending)
{
    service *s = self;
    weir_error err;
    if (s->keeps) {
        assert_null(s->kept);
        s->kept = sending;
        return;
    }
    for (const weir_outgoing *o = sending->first; o; o = o->next) {
        if (s->refused && strcmp(o->topic, s->refused) == 0) {
            s->refusals++;
            weir_fail(&err, WEIR_E_EMIT_TOO_LARGE, "too large for %s", o->topic);
            sending->done(sending, &err);
            return;
        }
    }
    s->emitter.send(s->emitter.self, sending);
}

static inline void tx_open_inbox(service *s, size_t n_migrations)
{
    weir_inbox_options o = {.store = "db",
        .app = "test",
        .names = {"weir_inbox", "weir_outbox", "weir_migrations"},
        .create = true,
        .migrate = true,
        .migrations = tx_migrations,
        .n_migrations = n_migrations,
        .keep_ms = 60000,
        .wall_ms = tx_wall,
        .committed = tx_committed,
        .ctx = s,
        .log = &s->a.log.log};
    assert_int_equal(weir_inbox_init(&s->inbox, &o, faulty_database(&s->faulty), NULL), WEIR_OK);
}

/* On what the database has already; fresh: on an empty one. */
static inline void tx_reopen(service *s, weir_status (*handle)(app *a, weir_message *m))
{
    app_init(&s->a);
    s->a.handle = handle;
    s->fail_in = -1;
    tx_open_inbox(s, 3);
    s->inboxes[0] = &s->inbox;
    s->a.routes[0].inbox = &s->inbox;
    s->a.routes[0].inbox_name = "test/orders";
    s->a.routes[0].batch = tx_batch;
    s->a.routes[0].batch_most = 100;
    s->a.options.inboxes = s->inboxes;
    s->a.options.n_inboxes = 1;
    s->a.options.emits = (weir_emit_rules){tx_emit_rules, 2, "shop"};
    assert_int_equal(weir_memory_emitter_new(&s->memory, &s->emitter, NULL), WEIR_OK);
    weir_relay_options r = {.inbox = &s->inbox,
        .emitter = {.send = tx_send, .self = s},
        .poll_ms = 100,
        .batch_bytes = 1 << 20,
        .now_ms = tx_now,
        .ctx = s,
        .log = &s->a.log.log};
    assert_int_equal(weir_relay_new(&r, &s->relay, NULL), WEIR_OK);
    assert_int_equal(app_open(&s->a), WEIR_OK);
}

static inline void tx_begin(service *s, weir_status (*handle)(app *a, weir_message *m))
{
    memset(s, 0, sizeof *s);
    s->faulty = (faulty){.inner = open_database(&tx_sql), .decide = tx_decide, .ctx = s};
    tx_reopen(s, handle);
}

/* keep: what the database has is still there for tx_reopen. */
static inline void tx_close(service *s, bool keep)
{
    s->faulty.keep = keep;
    weir_engine_abandon(&s->a.engine);
    weir_engine_fini(&s->a.engine);
    weir_handlers_free(s->a.handlers);
    weir_relay_free(s->relay);
    weir_memory_emitter_free(s->memory);
    weir_inbox_fini(&s->inbox);
    assert_int_equal(s->a.script.n_released, s->a.script.n_messages);
}

static inline void tx_end(service *s)
{
    tx_close(s, false);
    assert_int_equal(weir_alloc_live(), 0);
}

static inline void tx_deliver(service *s, int64_t offset, const char *key, const char *id)
{
    script_add(&s->a.script, (script_deed){.kind = SCRIPT_RECORD,
                                 .offset = offset,
                                 .key = key,
                                 .value = "{}",
                                 .header = id,
                                 .header_name = "id"});
}

/* What is due within a second. */
static inline void tx_run(service *s)
{
    int64_t until_ms = s->a.now_ms + 1000;
    (void)app_run(&s->a);
    while (app_next_due(&s->a) <= until_ms) {
        app_run_due(&s->a);
    }
    s->a.now_ms = until_ms;
    (void)app_run(&s->a);
}

static inline void tx_relay(service *s)
{
    for (int i = 0; i < 50; i++) {
        int64_t due = weir_relay_step(s->relay);
        if (due > s->a.now_ms) {
            return;
        }
    }
}

static bool tx_take_int(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    assert_true(weir_text_to_int64(cells[0].text, ctx));
    return false;
}

/* What a query of one number answers, in a session of its own. */
static inline int64_t tx_ask(service *s, const char *sql)
{
    int64_t n = -1;
    weir_sql_session session;
    weir_error err;
    weir_sql_answer answer = {.row = tx_take_int, .ctx = &n};
    weir_sql_database db = s->faulty.inner;
    assert_int_equal(db.ops->session(db.self, &session, &err), WEIR_OK);
    weir_status st = session.ops->exec(session.self, sql, NULL, &answer, &err);
    if (st) {
        fail_msg("%s: %s", sql, err.text);
    }
    session.ops->close(session.self);
    return n;
}

static inline void tx_expect_emit(service *s, size_t i, const char *id)
{
    const weir_memory_emit *e = weir_memory_emitter_at(s->memory, i);
    assert_non_null(e);
    weir_view v = weir_memory_emit_header(e, "id");
    if (!weir_view_is(v, id)) {
        fail_msg("emit %zu is %.*s, not %s", i, WEIR_ARG(v), id);
    }
}

/* ---- Handlers -----------------------------------------------------------------------------------
 */

static inline weir_status tx_pay(app *a, weir_message *m)
{
    (void)a;
    weir_tx *tx = weir_tx_of(m);
    weir_sql(tx, "insert into payments (id, amount, n, paid) values ($1, $2, $3, $4)",
        W_TEXT("id", weir_id(m)), W_NUMBER("amount", weir_view_of("12.30")),
        W_INT("n", weir_record_offset(m)), W_BOOL("paid", true));
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_TEXT("id", weir_id(m))),
        .headers = W_OBJECT(W_TEXT("bytes", weir_view_make("\xff\0", 2))));
}

#endif
