/* SQLite's errors, types and values. See sqlite.h. */
#include "sqlite/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cdc/column_kind.h"
#include "value/json.h"

/* ---- Failures ----------------------------------------------------------------------------------
 */

weir_status weir_sqlite_fail(sqlite3 *db, int rc, const weir_table *table, weir_error *err)
{
    static const weir_code codes[] = {[WEIR_SQLITE_DEPENDS] = WEIR_E_TABLE_DEPENDS,
        [WEIR_SQLITE_REFUSED] = WEIR_E_TABLE_REFUSED,
        [WEIR_SQLITE_FULL] = WEIR_E_STORE_FULL,
        [WEIR_SQLITE_AWAY] = WEIR_E_STORE_IO,
        [WEIR_SQLITE_BROKEN] = WEIR_E_DATABASE_BROKEN,
        [WEIR_SQLITE_MEMORY] = WEIR_E_OUT_OF_MEMORY,
        [WEIR_SQLITE_STATEMENT] = WEIR_E_TABLE_SCHEMA};
    const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    int extended = weir_sqlite_extended(db, rc);
    bool locked = (extended & 0xff) == SQLITE_BUSY || (extended & 0xff) == SQLITE_LOCKED;
    weir_code code = locked ? WEIR_E_STORE_UNREACHABLE : codes[weir_sqlite_class_of(extended)];
    const char *file = weir_sqlite_file(db, extended), *colon = *file ? ": " : "";
    return table ? weir_fail(err, code, "%.100s%stable %s: %s (SQLite %d)", file, colon,
                       table->quoted, why, extended)
                 : weir_fail(err, code, "%.100s%s%s (SQLite %d)", file, colon, why, extended);
}

weir_status weir_sqlite_do(sqlite3 *db, const char *sql, weir_error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc ? weir_sqlite_fail(db, rc, NULL, err) : WEIR_OK;
}

weir_status weir_sqlite_prepare(
    sqlite3 *db, const weir_table *table, weir_buf *sql, sqlite3_stmt **out, weir_error *err)
{
    *out = NULL;
    const char *text = weir_buf_str(sql);
    if (sql->failed) {
        return weir_fail_oom(err);
    }
    int rc = sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc ? weir_sqlite_fail(db, rc, table, err) : WEIR_OK;
}

/* ---- Types -------------------------------------------------------------------------------------
 */

/* By the first words of PostgreSQL's name. What is not here is TEXT. */
static const struct known_type {
    const char *pg, *declared;
    weir_form form;
} known_types[] = {
    {"boolean", "BOOLEAN", WEIR_FORM_BOOLEAN},
    {"smallint", "INTEGER", WEIR_FORM_INTEGER},
    {"bigint", "INTEGER", WEIR_FORM_INTEGER},
    {"integer", "INTEGER", WEIR_FORM_INTEGER},
    {"int", "INTEGER", WEIR_FORM_INTEGER},
    {"int2", "INTEGER", WEIR_FORM_INTEGER},
    {"int4", "INTEGER", WEIR_FORM_INTEGER},
    {"int8", "INTEGER", WEIR_FORM_INTEGER},
    {"bool", "BOOLEAN", WEIR_FORM_BOOLEAN},
    {"real", "REAL", WEIR_FORM_FLOAT4},
    {"float4", "REAL", WEIR_FORM_FLOAT4},
    {"double precision", "DOUBLE PRECISION", WEIR_FORM_FLOAT8},
    {"float8", "DOUBLE PRECISION", WEIR_FORM_FLOAT8},
    {"numeric", "DECIMAL_TEXT", WEIR_FORM_DECIMAL},
    {"decimal", "DECIMAL_TEXT", WEIR_FORM_DECIMAL},
    {"json", "JSON_TEXT", WEIR_FORM_JSON},
    {"jsonb", "JSON_TEXT", WEIR_FORM_JSON},
    {"hstore", "JSON_TEXT", WEIR_FORM_JSON},
    {"public.hstore", "JSON_TEXT", WEIR_FORM_JSON},
    {"bytea", "BLOB", WEIR_FORM_BYTES},
    {"uuid", "UUID_TEXT", WEIR_FORM_TEXT},
    {"date", "DATE_TEXT", WEIR_FORM_TEXT},
    {"timestamp with time zone", "TIMESTAMPTZ_TEXT", WEIR_FORM_TEXT},
    {"timestamptz", "TIMESTAMPTZ_TEXT", WEIR_FORM_TEXT},
    {"timestamp", "TIMESTAMP_TEXT", WEIR_FORM_TEXT},
    {"timestamp without time zone", "TIMESTAMP_TEXT", WEIR_FORM_TEXT},
    {"time", "TIME_TEXT", WEIR_FORM_TEXT},
    {"time without time zone", "TIME_TEXT", WEIR_FORM_TEXT},
};

enum { N_TYPES = sizeof known_types / sizeof *known_types };

/* "timestamp(3) without time zone" is "timestamp without time zone" and "(3)". */
static void split(weir_view type, weir_buf *base, weir_view *modifiers)
{
    const char *open = memchr(type.ptr, '(', type.len);
    const char *close = open ? memchr(open, ')', (size_t)(type.ptr + type.len - open)) : NULL;
    *modifiers = weir_view_make("", 0);
    weir_buf_clear(base);
    if (!close) {
        weir_buf_putv(base, type);
        return;
    }
    *modifiers = weir_view_make(open, (size_t)(close - open) + 1);
    weir_buf_put(base, type.ptr, (size_t)(open - type.ptr));
    weir_buf_put(base, close + 1, (size_t)(type.ptr + type.len - close - 1));
}

static const struct known_type *type_of_pg(weir_view base)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if (weir_view_is(base, known_types[i].pg)) {
            return &known_types[i];
        }
    }
    return NULL;
}

void weir_sqlite_type_put(weir_buf *to, weir_view pg_type)
{
    weir_buf base = {0};
    weir_view modifiers;
    split(pg_type, &base, &modifiers);
    const struct known_type *t = type_of_pg(weir_buf_view(&base));
    bool array = pg_type.len > 2 && pg_type.ptr[pg_type.len - 1] == ']';
    weir_buf_puts(to, array ? "JSON_TEXT" : t ? t->declared : "TEXT");
    bool precise = t && !array && strstr(t->declared, "_TEXT") && modifiers.len;
    if (precise) {
        weir_buf_putv(to, modifiers);
    }
    to->failed |= base.failed;
    weir_buf_fini(&base);
}

static bool has_word(const char *type, const char *word)
{
    return strstr(type, word) != NULL;
}

/* As SQLite's own rules of affinity go. A date that is no number stays what it is. */
static bool form_by_affinity(const char *type, weir_form *form)
{
    *form = WEIR_FORM_TEXT;
    if (has_word(type, "INT")) {
        *form = WEIR_FORM_INTEGER;
    } else if (has_word(type, "CHAR") || has_word(type, "CLOB") || has_word(type, "TEXT")) {
        return true;
    } else if (has_word(type, "BLOB")) {
        *form = WEIR_FORM_BYTES;
    } else if (has_word(type, "REAL") || has_word(type, "FLOA") || has_word(type, "DOUB")) {
        *form = WEIR_FORM_FLOAT8;
    } else if (has_word(type, "BOOL")) {
        *form = WEIR_FORM_BOOLEAN;
    } else {
        return has_word(type, "DATE") || has_word(type, "TIME");
    }
    return true;
}

static const char *pg_of_form(weir_form form)
{
    return form == WEIR_FORM_INTEGER   ? "bigint"
           : form == WEIR_FORM_BYTES   ? "bytea"
           : form == WEIR_FORM_FLOAT8  ? "double precision"
           : form == WEIR_FORM_BOOLEAN ? "boolean"
                                       : "text";
}

bool weir_sqlite_form_of(weir_view declared, weir_form *form, weir_buf *pg_type)
{
    weir_buf upper = {0}, base = {0};
    for (size_t i = 0; i < declared.len; i++) {
        char c = declared.ptr[i];
        weir_buf_putc(&upper, c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
    weir_view modifiers;
    split(weir_buf_view(&upper), &base, &modifiers);
    const char *word = weir_buf_str(&base);
    const struct known_type *t = NULL;
    for (size_t i = N_TYPES; i-- > 0;) { /* of types declared alike the first one wins */
        t = strcmp(word, known_types[i].declared) == 0 ? &known_types[i] : t;
    }
    bool ok = true;
    if (t) {
        *form = t->form;
        weir_buf_puts(pg_type, t->form == WEIR_FORM_INTEGER ? "bigint" : t->pg);
        weir_buf_putv(pg_type, modifiers);
    } else {
        ok = form_by_affinity(word, form);
        weir_buf_puts(pg_type, pg_of_form(*form));
    }
    pg_type->failed |= upper.failed || base.failed;
    weir_buf_fini(&upper);
    weir_buf_fini(&base);
    return ok;
}

/* ---- Values ------------------------------------------------------------------------------------
 */

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x00ff" is its bytes; anything else stays as it is. */
static int bind_bytes(sqlite3_stmt *s, int at, weir_view text)
{
    size_t n = text.len >= 2 ? (text.len - 2) / 2 : 0;
    bool hex = text.len >= 2 && text.len % 2 == 0 && text.ptr[0] == '\\' && text.ptr[1] == 'x';
    char *bytes = hex ? sqlite3_malloc64(n + 1) : NULL;
    if (hex && !bytes) {
        return SQLITE_NOMEM;
    }
    for (size_t i = 0; hex && i < n; i++) {
        int high = nibble(text.ptr[2 + 2 * i]), low = nibble(text.ptr[3 + 2 * i]);
        hex = high >= 0 && low >= 0;
        bytes[i] = (char)(((unsigned)high << 4 | (unsigned)low) & 0xff);
    }
    if (!hex) {
        sqlite3_free(bytes);
        return sqlite3_bind_text64(s, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
    }
    return sqlite3_bind_blob64(s, at, bytes, n, sqlite3_free);
}

/* A number is one; -0 and what is no number are kept as they stand, where no affinity touches them.
 */
static int bind_float(sqlite3_stmt *s, int at, weir_view text)
{
    double x;
    if (weir_float_read(text, &x) && !(x == 0 && signbit(x))) {
        return sqlite3_bind_double(s, at, x);
    }
    return sqlite3_bind_blob64(s, at, text.ptr, text.len, SQLITE_STATIC);
}

bool weir_sqlite_fits(weir_form form, weir_view text)
{
    static const char digits[] = "+-.0123456789eE";
    int64_t n;
    if (form != WEIR_FORM_INTEGER || !text.ptr || weir_text_to_int64(text, &n)) {
        return true;
    }
    size_t i = 0; /* what is no number stays a text */
    while (i < text.len && memchr(digits, text.ptr[i], sizeof digits - 1)) {
        i++;
    }
    return i < text.len || !text.len;
}

int weir_sqlite_bind(sqlite3_stmt *s, int at, weir_form form, weir_view text)
{
    int64_t n;
    if (!text.ptr) {
        return sqlite3_bind_null(s, at);
    }
    if (form == WEIR_FORM_BOOLEAN) {
        bool known = weir_view_is(text, "true") || weir_view_is(text, "false");
        if (known) {
            return sqlite3_bind_int(s, at, weir_view_is(text, "true"));
        }
    }
    if ((form == WEIR_FORM_INTEGER || form == WEIR_FORM_BOOLEAN) && weir_text_to_int64(text, &n)) {
        return sqlite3_bind_int64(s, at, n);
    }
    if (form == WEIR_FORM_FLOAT4 || form == WEIR_FORM_FLOAT8) {
        return bind_float(s, at, text);
    }
    if (form == WEIR_FORM_BYTES) {
        return bind_bytes(s, at, text);
    }
    return sqlite3_bind_text64(s, at, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

static weir_view text_of(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    return weir_view_make(text ? (const char *)text : "", (size_t)sqlite3_column_bytes(s, column));
}

static void put_hex(weir_buf *to, weir_view bytes)
{
    static const char digits[] = "0123456789abcdef";
    weir_buf_puts(to, "\"\\\\x");
    for (size_t i = 0; i < bytes.len; i++) {
        weir_buf_putc(to, digits[(unsigned char)bytes.ptr[i] >> 4]);
        weir_buf_putc(to, digits[(unsigned char)bytes.ptr[i] & 15]);
    }
    weir_buf_putc(to, '"');
}

/* Shortest digits that read back as the same number, as PostgreSQL writes them. A REAL may hold a
 * double, which no single's digits are of. */
static weir_status put_float(
    sqlite3_stmt *s, int column, bool single, weir_buf *to, weir_error *err)
{
    weir_buf digits = {0};
    weir_arena scratch;
    weir_column c;
    weir_arena_init(&scratch, 0);
    weir_float_put_double(&digits, sqlite3_column_double(s, column));
    weir_value v = {.at = digits.ptr, .len = (uint32_t)digits.len, .skip = 1, .type = WEIR_NUMBER};
    weir_status st = digits.failed ? weir_fail_oom(err) : WEIR_OK;
    st = st || !single ? st
                       : weir_bound_holds((weir_bound){WEIR_BOUND_SINGLE, 0},
                             weir_buf_view(&digits), &single, err);
    st = st ? st
            : weir_column_from_pg(weir_view_make("", 0),
                  weir_view_of(single ? "real" : "double precision"), NULL, &scratch, &c, err);
    st = st ? st : weir_column_render(&c, &v, &scratch, to, err);
    weir_arena_fini(&scratch);
    weir_buf_fini(&digits);
    return st;
}

static bool is_number(weir_view text)
{
    return text.len &&
           (text.ptr[0] == '-' ? text.len > 1 && text.ptr[1] >= '0' && text.ptr[1] <= '9'
                               : text.ptr[0] >= '0' && text.ptr[0] <= '9');
}

weir_status weir_sqlite_json(
    sqlite3_stmt *s, int column, weir_form form, weir_buf *to, weir_error *err)
{
    int type = sqlite3_column_type(s, column);
    if (type == SQLITE_NULL) {
        weir_buf_puts(to, "null");
        return WEIR_OK;
    }
    if (type == SQLITE_FLOAT ||
        ((form == WEIR_FORM_FLOAT4 || form == WEIR_FORM_FLOAT8) && type == SQLITE_INTEGER)) {
        return put_float(s, column, form == WEIR_FORM_FLOAT4, to, err);
    }
    bool number_like = form == WEIR_FORM_FLOAT4 || form == WEIR_FORM_FLOAT8 ||
                       form == WEIR_FORM_DECIMAL || form == WEIR_FORM_INTEGER;
    if (form == WEIR_FORM_BYTES && type == SQLITE_BLOB) {
        put_hex(to, weir_sqlite_blob(s, column));
    } else if (form == WEIR_FORM_BOOLEAN && type == SQLITE_INTEGER) {
        weir_buf_puts(to, sqlite3_column_int64(s, column) ? "true" : "false");
    } else if (type == SQLITE_INTEGER || form == WEIR_FORM_JSON ||
               (number_like && is_number(text_of(s, column)))) {
        weir_buf_putv(to, text_of(s, column));
    } else {
        weir_json_put_string(to, text_of(s, column));
    }
    return WEIR_OK;
}
