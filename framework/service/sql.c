/* A handler's statements. See <weir/sql.h>; how they are kept together is unit.h's. */
#include <weir/sql.h>

#include <stdio.h>

#include "service/unit.h"
#include "value/json.h"
#include "value/utf8.h"

enum { MOST_ANSWER_BYTES = 16 << 20 };

/* Without `.tx` there is none, and what the handler writes would be lost without a word: whoever
 * asks has forgotten to register it. */
weir_tx *weir_tx_of(weir_message *m)
{
    m->misses_tx |= !m->tx && !weir_message_is_late(m);
    return m->tx;
}

weir_status weir_sql_exec(weir_tx *tx, const char *sql, const weir_field *values)
{
    if (!tx) {
        return WEIR_FATAL;
    }
    weir_sql_answer answer = {.row = NULL};
    weir_status s = weir_tx_exec(tx, sql, values, &answer);
    tx->affected = answer.affected;
    if (s && !tx->together) {
        tx->m->error = tx->failure;
    }
    return s;
}

uint64_t weir_sql_affected(const weir_tx *tx)
{
    return tx ? tx->affected : 0;
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

typedef struct answer_rows {
    weir_buf json;
    size_t n;
    char no_text[64]; /* the column of a text that is none; "": there is none such */
} answer_rows;

/* SQLite takes any bytes for a text, and PostgreSQL in a database of SQL_ASCII. */
static bool is_text(const weir_field *cell)
{
    return cell->kind != WEIR_FIELD_TEXT || weir_utf8_valid(cell->text.ptr, cell->text.len);
}

static bool put_row(void *ctx, const weir_field *cells, size_t n)
{
    answer_rows *r = ctx;
    weir_buf_puts(&r->json, r->n++ ? ",{" : "{");
    for (size_t i = 0; i < n; i++) {
        if (i) {
            weir_buf_putc(&r->json, ',');
        }
        if (!is_text(&cells[i])) {
            snprintf(r->no_text, sizeof r->no_text, "%s", cells[i].name);
            return false;
        }
        weir_field_put(&r->json, &cells[i]);
    }
    weir_buf_putc(&r->json, '}');
    return !r->json.failed && r->json.len <= MOST_ANSWER_BYTES;
}

/* Two columns of one name are the statement's fault; a text that is none is the row's. */
static weir_status read_rows(weir_tx *tx, answer_rows *r, weir_rows *out)
{
    weir_error *err = &tx->failure;
    weir_arena *arena = &tx->m->arena;
    const weir_value *all = NULL;
    weir_buf_putc(&r->json, ']');
    if (r->no_text[0]) {
        return weir_fail(err, WEIR_E_SQL_REFUSED,
            "column %s of an answer has text that is no UTF-8: read it as bytes", r->no_text);
    }
    if (r->json.len > MOST_ANSWER_BYTES) {
        return weir_fail(err, WEIR_E_TOO_LARGE, "an answer is larger than %d MiB: ask for less",
            MOST_ANSWER_BYTES >> 20);
    }
    weir_view text =
        r->json.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&r->json));
    if (!text.ptr) {
        return weir_fail_oom(err);
    }
    weir_error why;
    weir_status s = weir_json_read(text, arena, &all, &why);
    if (s == WEIR_REJECT) {
        return weir_fail(err, WEIR_E_SQL_STATEMENT, "an answer cannot be read: %.150s", why.text);
    }
    if (s) {
        *err = why;
    }
    out->next = all ? weir_child(all) : NULL;
    out->left = all ? r->n : 0;
    return s;
}

weir_rows weir_query_rows(weir_tx *tx, const char *sql, const weir_field *values)
{
    answer_rows r = {.n = 0};
    weir_rows out = {.m = tx ? tx->m : NULL, .status = WEIR_FATAL};
    if (!tx) {
        return out;
    }
    weir_sql_answer answer = {.row = put_row, .ctx = &r};
    weir_buf_putc(&r.json, '[');
    out.status = weir_tx_exec(tx, sql, values, &answer);
    tx->affected = answer.affected;
    out.status = out.status ? out.status : read_rows(tx, &r, &out);
    if (out.status && !tx->together) {
        tx->m->error = tx->failure;
    }
    weir_buf_fini(&r.json);
    return out;
}

bool weir_next_row(weir_rows *rows, weir_reader *row)
{
    bool any = rows->left > 0;
    *row = (weir_reader){
        .m = rows->m, .at = any ? rows->next : NULL, .status = any ? WEIR_OK : WEIR_REJECT};
    if (any && --rows->left) {
        rows->next = weir_next(rows->next);
    }
    return any;
}

weir_status weir_rows_end(const weir_rows *rows)
{
    return rows->status;
}

/* ---- The connection itself ----------------------------------------------------------------------
 */

/* Only a session of the right type has one to give: a connector's native() is asked by its kind. */
static void *native(weir_tx *tx, const char *kind)
{
    if (!tx || weir_tx_enter(tx)) {
        return NULL;
    }
    const weir_sql_session *s = &tx->session;
    return s->ops->native(s->self, kind);
}

struct pg_conn *weir_tx_pgconn(weir_tx *tx)
{
    return native(tx, "postgres");
}

struct sqlite3 *weir_tx_sqlite(weir_tx *tx)
{
    return native(tx, "sqlite");
}
