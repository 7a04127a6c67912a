/* Handlers with a transaction in SQLite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sqlite/sqlite_tx.h"
#include "support/tx_cases.h"

static weir_sql_database open_database(const weir_sql_options *o)
{
    weir_sql_database db;
    weir_sqlite_tx_options options = {.sql = *o};
    assert_int_equal(weir_sqlite_tx_open(&options, &db, NULL), WEIR_OK);
    return db;
}

int main(void)
{
    const struct CMUnitTest tests[] = {TX_CASES};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
