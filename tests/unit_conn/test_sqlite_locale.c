/* An application that has called setlocale: numbers keep their point, and letters their kind. The
 * locales, German and Turkish, are made for the test. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sqlite/sqlite_tx.h"
#include "support/sqlite_tables.h"
#include "support/table_fixture.h"
#include "table/table_type.h"

static bool is_made; /* the locales are there */

static void need_locales(void)
{
    if (!is_made) {
        puts("skipped: no locale could be made, for want of localedef or its sources");
        skip();
    }
}

static void test_rows(void **state)
{
    (void)state;
    need_locales();
    const char *row = "{\"id\":1,\"x\":3.14,\"y\":-1.5e-07,\"z\":0.1}";
    weir_table_rule rule = rule_for("numbers", "numbers");
    run_sql("create table numbers (id integer primary key, x double precision, y double precision, "
            "z real, _weir_pos blob)");
    weir_store s = open_one(&rule);
    begin(s);
    put(s, "{\"id\":1}", "s", row);
    commit(s);
    assert_stored(s, "{\"id\":1}", "s", row);
    assert_int_equal(
        number_of("select count(*) from numbers where typeof(x) = 'real' and x = 3.14 and z = 0.1"),
        1);
    s.ops->close(s.self);
}

static bool see(void *ctx, const weir_field *cells, size_t n)
{
    (void)n;
    snprintf(ctx, 40, "%.*s", (int)cells[0].text.len, cells[0].text.ptr);
    return cells[0].kind == WEIR_FIELD_NUMBER;
}

static void test_a_handlers_rows(void **state)
{
    (void)state;
    need_locales();
    static const char *const asked[][2] = {{"select 3.14", "3.14"}, {"select 1e20", "1e+20"},
        {"select -0.00001", "-1e-05"}, {"select 3.0", "3"},
        {"select 0.1 + 0.2", "0.30000000000000004"}};
    weir_sqlite_tx_options o = {
        .sql = {.inbox = "weir_inbox", .outbox = "weir_outbox", .migrations = "weir_migrations"}};
    weir_sql_database db;
    weir_sql_session s;
    weir_error err;
    char text[40];
    weir_sql_answer answer = {.row = see, .ctx = text};
    assert_int_equal(weir_sqlite_tx_open(&o, &db, &err), WEIR_OK);
    assert_int_equal(db.ops->session(db.self, &s, &err), WEIR_OK);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        assert_int_equal(s.ops->exec(s.self, asked[i][0], NULL, &answer, &err), WEIR_OK);
        assert_string_equal(text, asked[i][1]);
    }
    s.ops->close(s.self);
    db.ops->close(db.self);
}

static void test_letters(void **state)
{
    (void)state;
    need_locales();
    assert_non_null(setlocale(LC_ALL, "tr_TR.UTF-8"));
    assert_true(weir_type_known(weir_view_of("BIGINT")));
    assert_non_null(setlocale(LC_ALL, "de_DE.UTF-8"));
}

static bool make_locale(const char *language)
{
    char command[200];
    snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s.UTF-8 >%s/log 2>&1", language,
        folder, language, folder);
    return system(command) == 0;
}

static int make_locales(void **state)
{
    char point[8] = "";
    if (make_folder(state)) {
        return -1;
    }
    if (make_locale("de_DE") && make_locale("tr_TR") && !setenv("LOCPATH", folder, 1) &&
        setlocale(LC_ALL, "de_DE.UTF-8")) {
        snprintf(point, sizeof point, "%.1f", 0.5);
    }
    is_made = strcmp(point, "0,5") == 0;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
        cmocka_unit_test(test_a_handlers_rows), cmocka_unit_test(test_letters)};
    return cmocka_run_group_tests(tests, make_locales, remove_folder);
}
