/* The databases of handlers. See transactions.h. */
#include "transactions.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "engine/run.h"
#include "postgres/postgres_tx.h"
#include "sqlite/sqlite_tx.h"
#include "table/table.h"

enum { REST_MS = 1000, LEAST_BATCH = 64 << 10 };

weir_transactions *weir_transactions_of(
    weir_transactions **all, const weir_config_store *store, weir_arena *arena)
{
    for (weir_transactions *t = *all; t; t = t->next) {
        if (t->store == store) {
            return t;
        }
    }
    weir_transactions *t = weir_arena_alloc(arena, sizeof *t);
    if (t) {
        *t = (weir_transactions){.store = store, .next = *all};
        *all = t;
    }
    return t;
}

/* ---- Options ------------------------------------------------------------------------------------
 */

static bool is_postgres(const weir_config_store *s, const weir_transactions_options *o)
{
    return o->kafka && s->type == WEIR_CONFIG_STORE_POSTGRES;
}

/* A name as it stands in SQL. */
static const char *quoted(weir_arena *arena, bool with_schema, const char *schema, const char *name)
{
    weir_buf b = {0};
    const char *dot = with_schema && !schema ? strchr(name, '.') : NULL;
    if (schema || dot) {
        weir_sql_quote(
            &b, schema ? weir_view_of(schema) : weir_view_make(name, (size_t)(dot - name)));
        weir_buf_putc(&b, '.');
    }
    weir_sql_quote(&b, weir_view_of(dot ? dot + 1 : name));
    const char *copy = weir_arena_copy(arena, weir_buf_view(&b)).ptr;
    arena->failed |= b.failed;
    weir_buf_fini(&b);
    return copy;
}

/* Beside the inbox. */
static const char *migrations_of(const weir_config_store *s, weir_arena *arena)
{
    const char *dot = strchr(s->inbox.table, '.');
    int schema = dot ? (int)(dot - s->inbox.table) + 1 : 0;
    return weir_arena_printf(arena, "%.*sweir_migrations", schema, s->inbox.table).ptr;
}

static const char *const *copies_of(const weir_config_store *s, bool postgres, weir_arena *arena)
{
    const char **names = weir_arena_alloc(arena, (s->n_tables + 1) * sizeof(const char *));
    for (size_t i = 0; names && i < s->n_tables; i++) {
        const weir_table_rule *t = &s->tables[i];
        names[i] = postgres ? quoted(arena, true, t->schema, t->table) : t->table;
    }
    return names;
}

static weir_sql_class *classes_of(const weir_config_store *s, weir_arena *arena)
{
    static const weir_status all[] = {WEIR_RETRY, WEIR_HOLD, WEIR_REJECT, WEIR_FATAL};
    weir_sql_class *classes = weir_arena_alloc(arena, (s->sql_errors.count + 1) * sizeof *classes);
    for (size_t i = 0; classes && i < s->sql_errors.count; i++) {
        classes[i] = (weir_sql_class){s->sql_errors.items[i].name, WEIR_FATAL};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            if (strcmp(s->sql_errors.items[i].value, weir_status_name(all[k])) == 0) {
                classes[i].status = all[k];
            }
        }
    }
    return classes;
}

static weir_status open_database(const weir_transactions *t, const weir_transactions_options *o,
    weir_sql_database *out, weir_error *err)
{
    const weir_config_store *s = t->store;
    bool postgres = is_postgres(s, o);
    weir_sql_options sql = {.inbox = s->inbox.table,
        .outbox = s->outbox.table,
        .migrations = migrations_of(s, o->arena),
        .copies = copies_of(s, postgres, o->arena),
        .n_copies = s->n_tables,
        .classes = classes_of(s, o->arena),
        .n_classes = s->sql_errors.count};
    if (o->arena->failed) {
        return weir_fail_oom(err);
    }
    weir_postgres_tx_options p = {.conninfo = s->conninfo, .password = s->password, .sql = sql};
    weir_sqlite_tx_options l = {.path = o->kafka ? s->path : NULL,
        .sync_each_commit = s->sync == WEIR_CONFIG_SYNC_COMMIT,
        .sql = sql};
    weir_status st =
        postgres ? weir_postgres_tx_open(&p, out, err) : weir_sqlite_tx_open(&l, out, err);
    return st ? weir_at(err, "stores.%s", s->name) : st;
}

/* ---- Clocks and waking --------------------------------------------------------------------------
 */

static int64_t wall_ms(void *ctx)
{
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t monotonic_ms(void *ctx)
{
    (void)ctx;
    return weir_monotonic_ms();
}

/* Of the relay's thread. Thread: any. */
static void wake(void *ctx)
{
    weir_transactions *t = ctx;
    pthread_mutex_lock(&t->lock);
    t->woken = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* ---- Opening ------------------------------------------------------------------------------------
 */

static weir_status open_inbox(
    weir_transactions *t, const weir_transactions_options *o, weir_error *err)
{
    const weir_config_store *s = t->store;
    weir_sql_database db;
    weir_status st = open_database(t, o, &db, err);
    if (st) {
        return st;
    }
    bool schemas = s->type == WEIR_CONFIG_STORE_POSTGRES && is_postgres(s, o);
    weir_inbox_options i = {.store = s->name,
        .app = o->config->name,
        .names = {quoted(o->arena, schemas, NULL, s->inbox.table),
            quoted(o->arena, schemas, NULL, s->outbox.table),
            quoted(o->arena, schemas, NULL, migrations_of(s, o->arena))},
        .create = s->inbox.create == WEIR_CONFIG_CREATE_IF_MISSING,
        .migrate = s->migrate == WEIR_CONFIG_MIGRATE_APPLY,
        .migrations = t->migrations,
        .n_migrations = t->n_migrations,
        .keep_ms = s->inbox.keep_ms,
        .wall_ms = o->kafka ? wall_ms : o->now_ms,
        .ctx = o->kafka ? t : o->ctx,
        .committed = o->kafka ? wake : NULL,
        .log = o->log};
    st = weir_inbox_init(&t->inbox, &i, db, err);
    return st || !o->arena->failed ? st : weir_fail_oom(err);
}

static weir_status open_relay(
    weir_transactions *t, const weir_transactions_options *o, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (o->kafka) {
        s = weir_kafka_emitter_open(o->kafka, &t->emitter, err);
    }
    size_t batch = o->config->limits.emit_bytes / 2;
    weir_relay_options r = {.inbox = &t->inbox,
        .emitter = o->kafka ? t->emitter : o->emitter,
        .poll_ms = t->store->outbox.poll_ms,
        .batch_bytes = batch > LEAST_BATCH ? batch : LEAST_BATCH,
        .now_ms = o->kafka ? monotonic_ms : o->now_ms,
        .wake = o->kafka ? wake : NULL,
        .ctx = o->kafka ? t : o->ctx,
        .log = o->log};
    return s ? s : weir_relay_new(&r, &t->relay, err);
}

weir_status weir_transactions_open(
    weir_transactions *all, const weir_transactions_options *options, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (weir_transactions *t = all; t && !s; t = t->next) {
        pthread_mutex_init(&t->lock, NULL);
        weir_cond_init(&t->changed);
        s = open_inbox(t, options, err);
        s = s ? s : open_relay(t, options, err);
    }
    return s;
}

/* ---- The relay's thread -------------------------------------------------------------------------
 */

/* Until it is woken, it is due, or the relay is to end. True: to end. */
static bool rest(weir_transactions *t, int64_t due_ms)
{
    int64_t ms = due_ms - weir_monotonic_ms();
    struct timespec until = weir_in_ms(ms < 0 ? 0 : ms < REST_MS ? ms : REST_MS);
    pthread_mutex_lock(&t->lock);
    while (
        !t->woken && !t->stopping && pthread_cond_timedwait(&t->changed, &t->lock, &until) == 0) {
    }
    t->woken = false;
    bool stopping = t->stopping;
    pthread_mutex_unlock(&t->lock);
    return stopping;
}

/* What is there still leaves, as far as the time goes; and what is under way is answered. */
static void drain(weir_transactions *t)
{
    int64_t until_ms = weir_monotonic_ms() + t->drain_ms;
    while (!weir_relay_idle(t->relay) && weir_monotonic_ms() < until_ms) {
        int64_t due_ms = weir_relay_step(t->relay);
        struct timespec tick = {0, 2000000};
        if (due_ms > weir_monotonic_ms()) {
            nanosleep(&tick, NULL);
        }
    }
    t->emitter.cancel(t->emitter.self);
    while (weir_relay_busy(t->relay)) {
        struct timespec tick = {0, 2000000};
        nanosleep(&tick, NULL);
    }
}

static void *relay(void *ctx)
{
    weir_transactions *t = ctx;
    int64_t due_ms;
    do {
        due_ms = weir_relay_step(t->relay);
    } while (!rest(t, due_ms));
    drain(t);
    return NULL;
}

/* Tables and migrations before the first record: what fails for good ends the start. A database
 * that is away is waited for, by whoever needs it first. */
static weir_status make_ready(weir_transactions *t, weir_error *err)
{
    weir_error why;
    weir_sql_session session;
    weir_sql_database db = t->inbox.database;
    weir_status s = db.ops->session(db.self, &session, err);
    if (s) {
        return s;
    }
    s = weir_inbox_ready(&t->inbox, &session, &why);
    session.ops->close(session.self);
    if (s != WEIR_FATAL) {
        return WEIR_OK;
    }
    if (err) {
        *err = why;
    }
    return s;
}

weir_status weir_transactions_start(weir_transactions *all, int64_t drain_ms, weir_error *err)
{
    for (weir_transactions *t = all; t; t = t->next) {
        weir_status s = make_ready(t, err);
        if (s) {
            return s;
        }
    }
    for (weir_transactions *t = all; t; t = t->next) {
        t->drain_ms = drain_ms;
        t->running = pthread_create(&t->thread, NULL, relay, t) == 0;
        if (!t->running) {
            weir_transactions_stop(all);
            return weir_fail_oom(err);
        }
    }
    return WEIR_OK;
}

void weir_transactions_stop(weir_transactions *all)
{
    for (weir_transactions *t = all; t; t = t->next) {
        if (t->running) {
            pthread_mutex_lock(&t->lock);
            t->stopping = true;
            pthread_cond_signal(&t->changed);
            pthread_mutex_unlock(&t->lock);
        }
    }
    for (weir_transactions *t = all; t; t = t->next) {
        if (t->running) {
            pthread_join(t->thread, NULL);
            t->running = false;
        }
    }
}

void weir_transactions_close(weir_transactions *all)
{
    weir_transactions_stop(all);
    for (weir_transactions *t = all; t; t = t->next) {
        if (t->emitter.self) {
            weir_kafka_emitter_close(&t->emitter);
        }
        weir_relay_free(t->relay);
        weir_inbox_fini(&t->inbox);
        t->relay = NULL;
    }
}
