/* SPDX-License-Identifier: Apache-2.0
 * <weir/test.h>: tests of a service's handlers, without a broker, threads or waiting.
 *
 *   weir_test *t = weir_test_new("payment.yaml", setup, NULL);
 *   weir_test_change(t, "public.users", 'c', "{\"id\":7}", "{\"id\":7,\"name\":\"Ada\"}");
 *   weir_test_event(t, "order.placed", "7", "{\"orderId\":\"o1\",\"userId\":7}");
 *   weir_test_run(t);
 *   weir_expect_emit(t, "payment.completed", "{\"orderId\":\"o1\"}");
 *   weir_expect_quiet(t);
 *   return weir_test_free(t);
 *
 * It is the real engine, with the same setup function and config as the service, over records,
 * emits and dead letters in memory; caches are kept by the real sync, in memory too. The clock
 * stands still until weir_test_advance; only what was deferred to other threads is waited for in
 * real time. Nothing is read from Kafka or written to a store of the
 * config; schema files are read, and a `registry` that is a directory.
 *
 * What is not as expected is printed to stderr with the place of the call, and counted. A test ends
 * with what it expects of everything that left: an emit or dead letter that nobody has asked for
 * is a failure of weir_test_free. Thread: one. */
#ifndef WEIR_TEST_H
#define WEIR_TEST_H

#include <weir/app.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_test weir_test;

/* config: a path, or the YAML itself (whatever has a newline). Never NULL: if the service cannot be
 * opened that is printed, and every further call does nothing but fail. */
#define weir_test_new(config, setup, ctx) \
    weir_test_new_at(__FILE__, __LINE__, (config), (setup), (ctx))
WEIR_API weir_test *weir_test_new_at(
    const char *file, int line, const char *config, weir_setup_fn *setup, void *ctx);
/* How many things were not as expected; at most 125, so that it may be an exit code. */
#define weir_test_free(t) weir_test_free_at((t), __FILE__, __LINE__)
WEIR_API WEIR_MUST_USE int weir_test_free_at(weir_test *t, const char *file, int line);

/* ---- What comes. Nothing is handled before weir_test_run. --------------------------------------
 */

/* An event in its topic of the config's `events`, with the headers `id` ("test-1", …) and `type`.
 */
#define weir_test_event(t, type, key, json) \
    weir_test_event_at((t), __FILE__, __LINE__, (type), (key), (json))
WEIR_API void weir_test_event_at(
    weir_test *t, const char *file, int line, const char *type, const char *key, const char *json);
/* A record as it is, to whoever reads the topic, handlers, caches and tables; key, value and
 * headers (W_OBJECT(…) of texts) may be NULL. */
#define weir_test_record(t, topic, key, value, headers) \
    weir_test_record_at((t), __FILE__, __LINE__, (topic), (key), (value), (headers))
WEIR_API void weir_test_record_at(weir_test *t, const char *file, int line, const char *topic,
    const char *key, const char *value, const weir_field *headers);
/* A row's change as Debezium writes it, newer than all before: to its handlers, and to the caches
 * of the table. table: schema.table, of the config's first source, or source.schema.table. op 'c',
 * 'u', 'd', 'r' or 't' (key and row NULL); row: the new one, of a 'd' NULL or the old one. Values
 * are as Debezium writes them by the source's `modes`: a numeric is a JSON number (1.20; a text is
 * base64 unless modes have `decimal: string`), a bytea base64. */
#define weir_test_change(t, table, op, key, row) \
    weir_test_change_at((t), __FILE__, __LINE__, (table), (op), (key), (row))
WEIR_API void weir_test_change_at(weir_test *t, const char *file, int line, const char *table,
    char op, const char *key, const char *row);
/* The last record of handlers comes once more: its partition was taken away and given back; and so
 * do those before it that were not committed by then. */
WEIR_API void weir_test_redeliver(weir_test *t);

/* Handlers with `.tx` have a database in memory, SQLite whatever the config says, with their
 * migrations applied. Runs a statement there, in the store of this name: for rows that a test
 * begins with. */
#define weir_test_sql(t, store, sql) weir_test_sql_at((t), __FILE__, __LINE__, (store), (sql))
WEIR_API void weir_test_sql_at(
    weir_test *t, const char *file, int line, const char *store, const char *sql);

/* ---- What happens ------------------------------------------------------------------------------
 */

/* Handles what there is to be handled now; retries that are due later wait for weir_test_advance.
 * Messages that were deferred are given real time, for the threads that settle them: five seconds
 * in which none is settled (weir_test_patience). */
#define weir_test_run(t) weir_test_run_at((t), __FILE__, __LINE__)
WEIR_API void weir_test_run_at(weir_test *t, const char *file, int line);
/* For how long weir_test_run and weir_test_advance wait, in real time, for deferred messages, from
 * the last one that was settled. 0: not at all; for a test that settles them itself. */
WEIR_API void weir_test_patience(weir_test *t, int64_t ms);
/* Lets time pass, and handles what comes due on the way. */
#define weir_test_advance(t, ms) weir_test_advance_at((t), __FILE__, __LINE__, (ms))
WEIR_API void weir_test_advance_at(weir_test *t, const char *file, int line, int64_t ms);
/* Where the followers of rejected records are parked (`errors.followers: park`), the operator's
 * word for a key of a topic (`weir stuck`): its followers are handled; the record that was rejected
 * last is, too, before them; or they go to the dead letters. key NULL: of records without one. */
#define weir_test_release(t, topic, key) \
    weir_test_release_at((t), __FILE__, __LINE__, (topic), (key))
WEIR_API void weir_test_release_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key);
#define weir_test_release_again(t, topic, key) \
    weir_test_release_again_at((t), __FILE__, __LINE__, (topic), (key))
WEIR_API void weir_test_release_again_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key);
#define weir_test_reject_parked(t, topic, key) \
    weir_test_reject_parked_at((t), __FILE__, __LINE__, (topic), (key))
WEIR_API void weir_test_reject_parked_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key);
/* The next n sendings of emits are refused: by a broker that is away (HOLD). */
WEIR_API void weir_test_fail_emits(weir_test *t, unsigned n);
/* From now on the topic refuses what is larger, key, value and headers together, as a broker does
 * by `max.message.bytes`. One topic at a time. */
WEIR_API void weir_test_limit(weir_test *t, const char *topic, size_t most_bytes);
/* The retention of a topic that is read has taken what it has by now. */
WEIR_API void weir_test_forget(weir_test *t, const char *topic);
/* With `delivery: exactly_once`: the next n transactions do not come to pass, and are tried again.
 */
WEIR_API void weir_test_fail_transactions(weir_test *t, unsigned n);
/* The next n dead letters cannot be written now. */
WEIR_API void weir_test_fail_letters(weir_test *t, unsigned n);
/* The next n statements in databases of handlers with `.tx` get no answer. */
WEIR_API void weir_test_fail_sql(weir_test *t, unsigned n);

/* ---- What is expected ---------------------------------------------------------------------------
 * `json` matches when it is equal, members that it does not name left aside; NULL: whatever it is.
 */

/* The next emit, in the order in which they left. type NULL: whatever it is. */
#define weir_expect_emit(t, type, json) weir_expect_emit_at((t), __FILE__, __LINE__, (type), (json))
WEIR_API void weir_expect_emit_at(
    weir_test *t, const char *file, int line, const char *type, const char *json);
/* The next dead letter, by its error's code, of handlers, and of caches and tables of the config.
 * NULL: whatever it is. */
#define weir_expect_dead(t, code) weir_expect_dead_at((t), __FILE__, __LINE__, (code))
WEIR_API void weir_expect_dead_at(weir_test *t, const char *file, int line, const char *code);
/* The row of a cache; json NULL: there is none. */
#define weir_expect_row(t, cache, key, json) \
    weir_expect_row_at((t), __FILE__, __LINE__, (cache), (key), (json))
WEIR_API void weir_expect_row_at(
    weir_test *t, const char *file, int line, const char *cache, const char *key, const char *json);
/* What a query answers, as an array of its rows: "[{\"id\":\"o1\"}]", as many as there are. */
#define weir_expect_sql(t, store, sql, json) \
    weir_expect_sql_at((t), __FILE__, __LINE__, (store), (sql), (json))
WEIR_API void weir_expect_sql_at(
    weir_test *t, const char *file, int line, const char *store, const char *sql, const char *json);
/* Everything is handled and committed, and nothing has left that was not expected. */
#define weir_expect_quiet(t) weir_expect_quiet_at((t), __FILE__, __LINE__)
WEIR_API void weir_expect_quiet_at(weir_test *t, const char *file, int line);
/* So many records wait behind a rejected one of this key; -1: the key is not parked. */
#define weir_expect_parked(t, topic, key, followers) \
    weir_expect_parked_at((t), __FILE__, __LINE__, (topic), (key), (followers))
WEIR_API void weir_expect_parked_at(
    weir_test *t, const char *file, int line, const char *topic, const char *key, int followers);
/* How many records wait for another attempt, or are deferred. */
#define weir_expect_waiting(t, n) weir_expect_waiting_at((t), __FILE__, __LINE__, (n))
WEIR_API void weir_expect_waiting_at(weir_test *t, const char *file, int line, unsigned n);

#ifdef __cplusplus
}
#endif
#endif
