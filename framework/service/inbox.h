/* The inbox of a database: which record was handled, by which handler, with how many attempts. Its
 * row is written in the transaction of the handler's own statements and of its emits, which become
 * rows of the outbox there, so all of it happened, or none.
 *
 * A row is there for each record of a handler with `.tx` that was handled (done 1), or is being
 * tried again (done 0, with the attempts that were made). A record is its weir_id. Where that is
 * only its place in Kafka, its time goes with it: a topic that is made anew counts from 0 again.
 *
 * Thread: any; what takes a session, the session's owner. */
#ifndef WEIR_SERVICE_INBOX_H
#define WEIR_SERVICE_INBOX_H

#include <pthread.h>

#include "base/buf.h"
#include "base/log.h"
#include "service/tx.h"

/* Borrowed, outlives the inbox. */
typedef struct weir_inbox_options {
    const char *store; /* its name in the config */
    const char *app;   /* handlers are told apart by it, too */
    weir_inbox_names names;
    bool create;  /* make tables that are not there */
    bool migrate; /* apply migrations; else stop where one is missing */
    const char *const *migrations;
    size_t n_migrations;
    int64_t keep_ms; /* rows of the inbox, at least */
    int64_t (*wall_ms)(void *ctx);
    /* Rows of the outbox were committed; NULL: nobody wants to know. Thread: any. */
    void (*committed)(void *ctx);
    void *ctx;
    const weir_log *log;
} weir_inbox_options;

/* Records at once are asked for, and entered, by as few of these as there are powers of two in
 * their number: few texts, so that each is prepared once. */
enum { WEIR_INBOX_SIZES = 6, WEIR_INBOX_AT_ONCE = 1 << (WEIR_INBOX_SIZES - 1) };

typedef struct weir_inbox {
    weir_inbox_options options;
    weir_sql_database database;
    /* Statements; look and enter for 1, 2, 4, … records. */
    weir_buf look[WEIR_INBOX_SIZES], enter[WEIR_INBOX_SIZES], note, purge, put;
    pthread_mutex_t lock;
    bool ready; /* Lock: lock. Its tables are there, migrations are applied */
} weir_inbox;

/* database: given, on failure too. Nothing is connected yet. Errors: OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_inbox_init(
    weir_inbox *i, const weir_inbox_options *options, weir_sql_database database, weir_error *err);
/* Closes the database; of one that is all zeros nothing. All sessions must be closed. */
void weir_inbox_fini(weir_inbox *i);

/* Tables and migrations, once for all sessions; to be called before a session is used. */
WEIR_MUST_USE weir_status weir_inbox_ready(weir_inbox *i, weir_sql_session *s, weir_error *err);

/* What the inbox knows of a record. */
typedef struct weir_inbox_entry {
    bool done;
    uint32_t attempts; /* that were made */
} weir_inbox_entry;

/* A record of a handler. */
typedef struct weir_inbox_item {
    weir_view id; /* borrowed */
    weir_inbox_entry entry;
    size_t number; /* its place among those that are handled together */
} weir_inbox_item;

/* The n items of a handler are in their ids' order, and no two are equal. */
int weir_inbox_compare(const void *a, const void *b);
/* Errors of all: the port's, but that a refusal is a HOLD: it is no fault of the record's. */
WEIR_MUST_USE weir_status weir_inbox_look(weir_inbox *i, weir_sql_session *s, const char *handler,
    weir_inbox_item *items, size_t n, weir_error *err);
/* In a transaction: the records are done when that commits. entry.done: it was before. */
WEIR_MUST_USE weir_status weir_inbox_enter(weir_inbox *i, weir_sql_session *s, const char *handler,
    weir_inbox_item *items, size_t n, weir_error *err);
/* Outside of one: so many attempts were made. */
WEIR_MUST_USE weir_status weir_inbox_note(weir_inbox *i, weir_sql_session *s, const char *handler,
    weir_view id, uint32_t attempts, weir_error *err);
/* Takes out what is older than keep_ms, some thousand rows at a time. *n: how many. */
enum { WEIR_INBOX_PURGED = 5000 }; /* rows at once */
WEIR_MUST_USE weir_status weir_inbox_purge(
    weir_inbox *i, weir_sql_session *s, uint64_t *n, weir_error *err);

/* A statement of weir's own. */
WEIR_MUST_USE weir_status weir_inbox_exec(weir_sql_session *s, const char *sql,
    const weir_field *values, weir_sql_answer *answer, weir_error *err);

/* migrate.c: applies what is not applied yet, or says that something is. */
WEIR_MUST_USE weir_status weir_inbox_migrate(weir_inbox *i, weir_sql_session *s, weir_error *err);

#endif
