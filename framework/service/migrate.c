/* Migrations of a handler's own tables: each is applied once, in its order, in a transaction with
 * the row that says so. See <weir/sql.h>, inbox.h. */
#include "service/inbox.h"

/* How far they are, and whether what was applied is what stands here. */
typedef struct progress {
    const weir_inbox_options *options;
    size_t done;
    size_t changed; /* counts from 1; 0: none */
} progress;

static bool compare(void *ctx, const weir_field *cells, size_t n)
{
    progress *p = ctx;
    bool known = n == 1 && p->done < p->options->n_migrations;
    if (known && !weir_view_is(cells[0].text, p->options->migrations[p->done]) && !p->changed) {
        p->changed = p->done + 1;
    }
    p->done++;
    return true;
}

static weir_status look(weir_inbox *i, weir_sql_session *s, progress *p, weir_error *err)
{
    weir_buf sql = {0};
    weir_sql_answer answer = {.row = compare, .ctx = p};
    weir_buf_printf(
        &sql, "select statement from %s where app = $1 order by n", i->options.names.migrations);
    const char *text = weir_buf_str(&sql);
    weir_status st =
        sql.failed ? weir_fail_oom(err)
                   : weir_inbox_exec(s, text, W_OBJECT(W_STR("app", i->options.app)), &answer, err);
    weir_buf_fini(&sql);
    return st;
}

static weir_status note(weir_inbox *i, weir_sql_session *s, size_t n, weir_error *err)
{
    weir_buf sql = {0};
    weir_buf_printf(&sql, "insert into %s (app, n, statement, at_ms) values ($1, $2, $3, $4)",
        i->options.names.migrations);
    const char *text = weir_buf_str(&sql);
    weir_status st = sql.failed ? weir_fail_oom(err)
                                : weir_inbox_exec(s, text,
                                      W_OBJECT(W_STR("app", i->options.app), W_INT("n", (int64_t)n),
                                          W_STR("statement", i->options.migrations[n]),
                                          W_INT("at", i->options.wall_ms(i->options.ctx))),
                                      NULL, err);
    weir_buf_fini(&sql);
    return st;
}

/* A migration that the database refuses is the program's fault, not a record's. */
static weir_status refused(weir_inbox *i, size_t n, const weir_error *why, weir_error *err)
{
    return weir_fail(err, WEIR_E_SQL_MIGRATION, "migration %zu of store %s: %.180s", n,
        i->options.store, why->text);
}

static weir_status apply(weir_inbox *i, weir_sql_session *s, size_t n, weir_error *err)
{
    weir_error why;
    weir_status st = s->ops->exec(s->self, i->options.migrations[n], NULL, NULL, &why);
    if (st == WEIR_REJECT || st == WEIR_FATAL) {
        return refused(i, n + 1, &why, err);
    }
    if (st &&
        err) { /* a conflict, no memory: no fault of the record that happens to be the first */
        *err = why;
        err->status = WEIR_HOLD;
    }
    return st ? WEIR_HOLD : note(i, s, n, err);
}

static weir_status judge(const weir_inbox *i, const progress *p, weir_error *err)
{
    const weir_inbox_options *o = &i->options;
    if (p->changed) {
        return weir_fail(err, WEIR_E_SQL_MIGRATION,
            "migration %zu of store %s was applied with another text", p->changed, o->store);
    }
    if (p->done < o->n_migrations && !o->migrate) {
        return weir_fail(err, WEIR_E_SQL_MIGRATION,
            "%zu of %zu migrations of store %s are applied, and migrate is check", p->done,
            o->n_migrations, o->store);
    }
    return WEIR_OK; /* more than are known here: a newer program was here, and this one goes on */
}

static weir_status migrate_here(weir_inbox *i, weir_sql_session *s, weir_error *err)
{
    progress p = {&i->options, 0, 0};
    weir_status st =
        i->options.migrate ? i->database.ops->lock_migrations(i->database.self, s, err) : WEIR_OK;
    st = st ? st : look(i, s, &p, err);
    st = st ? st : judge(i, &p, err);
    for (size_t n = p.done; n < i->options.n_migrations && !st; n++) {
        st = apply(i, s, n, err);
    }
    if (!st && p.done < i->options.n_migrations) {
        weir_log_line(i->options.log, WEIR_LOG_INFO, i->options.store,
            "migrations %zu to %zu are applied", p.done + 1, i->options.n_migrations);
    }
    return st;
}

weir_status weir_inbox_migrate(weir_inbox *i, weir_sql_session *s, weir_error *err)
{
    if (!i->options.n_migrations) {
        return WEIR_OK;
    }
    weir_status st = s->ops->begin(s->self, err);
    if (st) {
        return st;
    }
    st = migrate_here(i, s, err);
    if (st) {
        s->ops->rollback(s->self);
        return st;
    }
    weir_error why;
    st = s->ops->commit(s->self, &why);
    if (st == WEIR_REJECT) { /* a constraint that was deferred: of one of them, at most the last */
        return refused(i, i->options.n_migrations, &why, err);
    }
    if (st && err) {
        *err = why;
    }
    return st;
}
