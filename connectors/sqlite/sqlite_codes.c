/* What SQLite's result codes say. See sqlite.h. */
#include "sqlite/sqlite.h"

weir_sqlite_class weir_sqlite_class_of(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return WEIR_SQLITE_DEPENDS;
    default:
        break;
    }
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return WEIR_SQLITE_REFUSED;
    case SQLITE_FULL:
        return WEIR_SQLITE_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
        return WEIR_SQLITE_AWAY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return WEIR_SQLITE_BROKEN;
    case SQLITE_NOMEM:
        return WEIR_SQLITE_MEMORY;
    default:
        return WEIR_SQLITE_STATEMENT;
    }
}

const char *weir_sqlite_file(sqlite3 *db, int extended)
{
    weir_sqlite_class class = weir_sqlite_class_of(extended);
    bool of_file =
        class == WEIR_SQLITE_FULL || class == WEIR_SQLITE_AWAY || class == WEIR_SQLITE_BROKEN;
    const char *path = db && of_file ? sqlite3_db_filename(db, "main") : NULL;
    return path ? path : "";
}

int weir_sqlite_extended(sqlite3 *db, int rc)
{
    int extended = db ? sqlite3_extended_errcode(db) : rc;
    return (extended & 0xff) == (rc & 0xff) ? extended : rc;
}
