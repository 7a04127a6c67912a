/* A database that fails when it is told to, around a real one. Include after cmocka.h. */
#ifndef WEIR_TESTS_FAULTY_TX_H
#define WEIR_TESTS_FAULTY_TX_H

#include "base/alloc.h"
#include "service/tx.h"

typedef enum faulty_call {
    FAULTY_BEGIN,
    FAULTY_EXEC,
    FAULTY_COMMIT,
    FAULTY_OTHER,
} faulty_call;

typedef enum faulty_way {
    FAULTY_NOT,    /* it goes through */
    FAULTY_BEFORE, /* it is not done, and that is told */
    FAULTY_AFTER,  /* it is done, and what is told is that it failed */
} faulty_way;

typedef struct faulty {
    weir_sql_database inner;
    /* Asked before each call. */
    faulty_way (*decide)(void *ctx, faulty_call call, const char *sql);
    void *ctx;
    weir_code code; /* what it is told as */
    bool keep;      /* the database outlives who uses it */
} faulty;

typedef struct faulty_session {
    faulty *f;
    weir_sql_session inner;
} faulty_session;

static inline weir_status faulty_fail(const faulty *f, weir_error *err)
{
    return weir_fail(err, f->code ? f->code : WEIR_E_SQL_UNREACHABLE, "the test lets it fail");
}

static inline faulty_way faulty_ask(const faulty *f, faulty_call call, const char *sql)
{
    return f->decide ? f->decide(f->ctx, call, sql) : FAULTY_NOT;
}

static inline weir_status faulty_begin(void *self, weir_error *err)
{
    faulty_session *s = self;
    faulty_way way = faulty_ask(s->f, FAULTY_BEGIN, "");
    if (way == FAULTY_BEFORE) {
        return faulty_fail(s->f, err);
    }
    weir_status st = s->inner.ops->begin(s->inner.self, err);
    if (way == FAULTY_AFTER && !st) {
        s->inner.ops->rollback(s->inner.self);
        st = faulty_fail(s->f, err);
    }
    return st;
}

static inline weir_status faulty_exec(
    void *self, const char *sql, const weir_field *values, weir_sql_answer *answer, weir_error *err)
{
    faulty_session *s = self;
    faulty_way way = faulty_ask(s->f, FAULTY_EXEC, sql);
    if (way == FAULTY_BEFORE) {
        return faulty_fail(s->f, err);
    }
    weir_status st = s->inner.ops->exec(s->inner.self, sql, values, answer, err);
    return way == FAULTY_AFTER && !st ? faulty_fail(s->f, err) : st;
}

static inline weir_status faulty_commit(void *self, weir_error *err)
{
    faulty_session *s = self;
    faulty_way way = faulty_ask(s->f, FAULTY_COMMIT, "");
    if (way == FAULTY_BEFORE) {
        s->inner.ops->rollback(s->inner.self);
        return faulty_fail(s->f, err);
    }
    weir_status st = s->inner.ops->commit(s->inner.self, err);
    return way == FAULTY_AFTER && !st ? faulty_fail(s->f, err) : st;
}

static inline void faulty_rollback(void *self)
{
    faulty_session *s = self;
    s->inner.ops->rollback(s->inner.self);
}

static inline void faulty_lend(void *self, bool to_handler)
{
    faulty_session *s = self;
    s->inner.ops->lend(s->inner.self, to_handler);
}

static inline void *faulty_native(void *self, const char *kind)
{
    faulty_session *s = self;
    return s->inner.ops->native(s->inner.self, kind);
}

static inline void faulty_close(void *self)
{
    faulty_session *s = self;
    s->inner.ops->close(s->inner.self);
    weir_free(s);
}

static const weir_sql_session_ops faulty_session_ops = {
    .begin = faulty_begin,
    .exec = faulty_exec,
    .commit = faulty_commit,
    .rollback = faulty_rollback,
    .lend = faulty_lend,
    .native = faulty_native,
    .close = faulty_close,
};

static inline weir_status faulty_new_session(void *self, weir_sql_session *out, weir_error *err)
{
    faulty *f = self;
    faulty_session *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    s->f = f;
    weir_status st = f->inner.ops->session(f->inner.self, &s->inner, err);
    if (st) {
        weir_free(s);
        return st;
    }
    *out = (weir_sql_session){&faulty_session_ops, s};
    return WEIR_OK;
}

/* The connector knows its own sessions only. */
static inline weir_sql_session *faulty_inner(weir_sql_session *s)
{
    return &((faulty_session *)s->self)->inner;
}

static inline weir_status faulty_make_tables(void *self, weir_sql_session *s, weir_error *err)
{
    faulty *f = self;
    return f->inner.ops->make_tables(f->inner.self, faulty_inner(s), err);
}

static inline weir_status faulty_lock(void *self, weir_sql_session *s, weir_error *err)
{
    faulty *f = self;
    return f->inner.ops->lock_migrations(f->inner.self, faulty_inner(s), err);
}

static inline weir_status faulty_lead(
    void *self, weir_sql_session *s, uint64_t *term, weir_error *err)
{
    faulty *f = self;
    if (faulty_ask(f, FAULTY_OTHER, "lead")) {
        return faulty_fail(f, err);
    }
    return f->inner.ops->lead(f->inner.self, faulty_inner(s), term, err);
}

static inline weir_status faulty_horizon(
    void *self, weir_sql_session *s, weir_sql_horizon *out, weir_error *err)
{
    faulty *f = self;
    if (faulty_ask(f, FAULTY_OTHER, "horizon")) {
        return faulty_fail(f, err);
    }
    return f->inner.ops->horizon(f->inner.self, faulty_inner(s), out, err);
}

static inline weir_status faulty_sent_up_to(
    void *self, weir_sql_session *s, int64_t *seq, weir_error *err)
{
    faulty *f = self;
    if (faulty_ask(f, FAULTY_OTHER, "sent_up_to")) {
        return faulty_fail(f, err);
    }
    return f->inner.ops->sent_up_to(f->inner.self, faulty_inner(s), seq, err);
}

static inline weir_status faulty_forget(
    void *self, weir_sql_session *s, int64_t seq, weir_error *err)
{
    faulty *f = self;
    faulty_way way = faulty_ask(f, FAULTY_OTHER, "forget");
    if (way == FAULTY_BEFORE) {
        return faulty_fail(f, err);
    }
    weir_status st = f->inner.ops->forget(f->inner.self, faulty_inner(s), seq, err);
    return way == FAULTY_AFTER && !st ? faulty_fail(f, err) : st;
}

static inline weir_status faulty_tend(void *self, weir_sql_session *s, weir_error *err)
{
    faulty *f = self;
    if (faulty_ask(f, FAULTY_OTHER, "tend")) {
        return faulty_fail(f, err);
    }
    return f->inner.ops->tend(f->inner.self, faulty_inner(s), err);
}

static inline void faulty_close_database(void *self)
{
    faulty *f = self;
    if (!f->keep) {
        f->inner.ops->close(f->inner.self);
    }
}

static const weir_sql_database_ops faulty_database_ops = {
    .session = faulty_new_session,
    .make_tables = faulty_make_tables,
    .lock_migrations = faulty_lock,
    .lead = faulty_lead,
    .horizon = faulty_horizon,
    .sent_up_to = faulty_sent_up_to,
    .forget = faulty_forget,
    .tend = faulty_tend,
    .close = faulty_close_database,
};

/* `f->inner` must be open; it is closed with what this returns. */
static inline weir_sql_database faulty_database(faulty *f)
{
    return (weir_sql_database){&faulty_database_ops, f};
}

#endif
