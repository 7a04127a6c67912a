/* Changes for tests. See test_change.h. */
#include "test_change.h"

#include <string.h>

const char weir_test_change_form[] = "a change has an op (c, u, d, r or t), a key and, but for d, "
                                     "a row; t, a truncate, has neither";

bool weir_test_change_fits(char op, const char *row)
{
    return op == 't' ? !row : op && strchr("cudr", op) && (op == 'd' || row);
}

void weir_test_change_put(weir_buf *to, const char *table, char op, const char *row, uint64_t lsn)
{
    const char *dot = strchr(table, '.'), *none = "null", *given = row ? row : none;
    unsigned long long at = (unsigned long long)lsn;
    weir_buf_printf(to,
        "{\"before\":%s,\"after\":%s,\"source\":{\"version\":\"3.0.0\",\"connector\":"
        "\"postgresql\",\"name\":\"test\",\"ts_ms\":%llu,\"snapshot\":\"false\",\"db\":"
        "\"test\",\"sequence\":\"[\\\"%llu\\\",\\\"%llu\\\"]\",\"schema\":\"%.*s\","
        "\"table\":\"%s\",\"txId\":%llu,\"lsn\":%llu},\"op\":\"%c\",\"ts_ms\":%llu}",
        op == 'd' ? given : none, op == 'd' ? none : given, at, at, at, (int)(dot - table), table,
        dot + 1, at, at, op, at);
}
