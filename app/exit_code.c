/* Exit codes. See exit_code.h. */
#include "exit_code.h"

#include <string.h>

#include "base/err.h"

static bool code_is(const weir_error *err, weir_code code)
{
    return strcmp(err->code, weir_code_get(code)->name) == 0;
}

int weir_exit_of(const weir_error *err)
{
    static const weir_code halted[] = {WEIR_E_STORE_BROKEN, WEIR_E_DATABASE_BROKEN,
        WEIR_E_CACHE_RULE_CHANGED, WEIR_E_POSITION_REGRESS, WEIR_E_NEW_SNAPSHOT, WEIR_E_REJECTED,
        WEIR_E_KAFKA_OFFSETS_LOST, WEIR_E_KAFKA_DAMAGED, WEIR_E_KAFKA_PARTITIONS_ADDED,
        WEIR_E_DEAD_LETTER_REFUSED, WEIR_E_STORE_FULL, WEIR_E_STORE_LOCKED, WEIR_E_ROW_INVALID,
        WEIR_E_EVENT_INVALID, WEIR_E_KAFKA_FENCED, WEIR_E_TRANSACTION_METADATA,
        WEIR_E_TRANSACTION_INCOMPLETE, WEIR_E_TRANSACTION_TOO_LARGE, WEIR_E_TABLE_DEPENDS,
        WEIR_E_HANDLER_STUCK};
    for (size_t i = 0; i < sizeof halted / sizeof *halted; i++) {
        if (code_is(err, halted[i])) {
            return EXIT_HALTED;
        }
    }
    if (code_is(err, WEIR_E_CACHE_NOT_FRESH) || code_is(err, WEIR_E_KAFKA_NO_RECORD) ||
        code_is(err, WEIR_E_REGISTRY_INCOMPATIBLE)) {
        return EXIT_NO;
    }
    if (code_is(err, WEIR_E_KAFKA_REFUSED) || code_is(err, WEIR_E_REGISTRY_REFUSED)) {
        return EXIT_REFUSED;
    }
    if (code_is(err, WEIR_E_INTERNAL)) {
        return EXIT_BUG;
    }
    if (strncmp(err->code, "CONFIG_", 7) == 0 || strncmp(err->code, "SCHEMA_", 7) == 0 ||
        code_is(err, WEIR_E_AVRO_SCHEMA) || code_is(err, WEIR_E_KAFKA_CONFIG) ||
        code_is(err, WEIR_E_KEY_COLUMNS)) {
        return EXIT_USAGE;
    }
    return EXIT_UNREACHABLE;
}
