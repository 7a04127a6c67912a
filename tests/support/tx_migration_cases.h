/* Of tx_cases.h: migrations. */
#ifndef WEIR_TESTS_TX_MIGRATION_CASES_H
#define WEIR_TESTS_TX_MIGRATION_CASES_H

#include "support/tx_service.h"

/* Opens the inbox anew with these migrations, and lets one record come. */
static void tx_expect_migration(
    service *s, const char *const *migrations, size_t n, bool migrate, const char *code)
{
    weir_error err;
    weir_sql_session session;
    tx_close(s, true);
    tx_reopen(s, NULL);
    s->inbox.options.migrations = migrations;
    s->inbox.options.n_migrations = n;
    s->inbox.options.migrate = migrate;
    assert_int_equal(
        s->inbox.database.ops->session(s->inbox.database.self, &session, &err), WEIR_OK);
    weir_status st = weir_inbox_ready(&s->inbox, &session, &err);
    assert_int_equal(st, code ? WEIR_FATAL : WEIR_OK);
    if (code) {
        assert_string_equal(err.code, code);
    }
    session.ops->close(session.self);
}

static void test_migrations_go_forward_alone(void **state)
{
    (void)state;
    service s;
    const char *more[] = {tx_migrations[0], tx_migrations[1], tx_migrations[2],
        "create table later (n bigint)", "insert into later values (1)"};
    const char *changed[] = {tx_migrations[0], "create table payments (id text)"};
    const char *wrong[] = {
        more[0], more[1], more[2], more[3], more[4], "insert into later values ('x', 'y')"};
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    tx_expect_migration(&s, more, 5, false, "SQL_MIGRATION"); /* check: two are missing */
    tx_expect_migration(&s, more, 5, true, NULL);
    tx_expect_migration(&s, more, 5, false, NULL);
    assert_int_equal(tx_ask(&s, "select count(*) from later"), 1);
    tx_expect_migration(&s, more, 3, true, NULL); /* an older program beside the newer one */
    tx_expect_migration(&s, changed, 2, true, "SQL_MIGRATION");
    tx_expect_migration(&s, wrong, 6, true, "SQL_MIGRATION");
    assert_int_equal(tx_ask(&s, "select count(*) from weir_migrations"), 5);
    tx_end(&s);
}

/* What keeps tables and migrations from being made is no fault of the record that came first. */
static void test_a_migration_that_is_not_committed_rejects_no_record(void **state)
{
    static const weir_code codes[] = {WEIR_E_SQL_CONFLICT, WEIR_E_SQL_REFUSED};
    (void)state;
    for (int i = 0; i < 2; i++) {
        service s;
        tx_begin(&s, tx_pay);
        s.faulty.code = codes[i];
        s.fail_call = FAULTY_COMMIT;
        s.fail_way = FAULTY_BEFORE;
        s.fail_in = 0;
        tx_deliver(&s, 0, "k", "a");
        tx_run(&s);
        assert_int_equal(s.a.n_letters, 0);
        if (codes[i] == WEIR_E_SQL_REFUSED) {
            app_expect_failure(&s.a, "SQL_MIGRATION", "orders/0@0");
        } else {
            assert_int_equal(app_committed(&s.a), 1);
            assert_int_equal(s.a.calls[0].attempt, 1);
        }
        tx_end(&s);
    }
}

#endif
