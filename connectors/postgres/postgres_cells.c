/* Cells of answers, as handlers read them. See postgres_tx.h. */
#include "postgres/postgres_tx_inside.h"

enum { MOST_CELLS = 200 };

static bool is_number(weir_view v)
{
    char last = v.len ? v.ptr[v.len - 1] : 'x';
    return last >= '0' && last <= '9'; /* not NaN, not Infinity */
}

static weir_field_kind kind_of(Oid type, weir_view text)
{
    switch (type) {
    case 16:
        return WEIR_FIELD_BOOL;
    case 17:
        return WEIR_FIELD_BYTES;
    case 20:
    case 21:
    case 23:
    case 26:
    case 700:
    case 701:
    case 1700:
        return is_number(text) ? WEIR_FIELD_NUMBER : WEIR_FIELD_TEXT;
    case 114:
    case 3802:
        return WEIR_FIELD_JSON;
    default:
        return WEIR_FIELD_TEXT;
    }
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\\x00ff": the session has bytea_output = hex, where no handler has set another one. */
static bool decode(weir_buf *to, weir_view hex, weir_view *bytes)
{
    const char *at = to->ptr + to->len;
    bool ok = hex.len >= 2 && hex.len % 2 == 0 && hex.ptr[0] == '\\' && hex.ptr[1] == 'x';
    for (size_t i = 2; ok && i < hex.len; i += 2) {
        int high = nibble(hex.ptr[i]), low = nibble(hex.ptr[i + 1]);
        ok = high >= 0 && low >= 0;
        weir_buf_putc(to, (char)(((unsigned)high << 4 | (unsigned)low) & 0xff));
    }
    *bytes = ok ? weir_view_make(at, (hex.len - 2) / 2) : weir_view_make("", 0);
    return ok;
}

static weir_status take_cells(
    weir_pg_session *s, const PGresult *r, int row, weir_field *cells, weir_error *err)
{
    int n = PQnfields(r);
    size_t bytes = 1;
    for (int i = 0; i < n; i++) {
        bytes += (size_t)PQgetlength(r, row, i);
    }
    weir_buf_clear(&s->bytes);
    if (!weir_buf_reserve(&s->bytes, bytes)) {
        return weir_fail_oom(err);
    }
    for (int i = 0; i < n; i++) {
        weir_view text = weir_pg_value(r, row, i);
        cells[i] = (weir_field){.name = PQfname(r, i), .kind = WEIR_FIELD_NULL};
        if (text.ptr) {
            cells[i].kind = kind_of(PQftype(r, i), text);
            cells[i].number = cells[i].kind == WEIR_FIELD_BOOL ? *text.ptr == 't' : 0;
            cells[i].text = text;
        }
        if (cells[i].kind == WEIR_FIELD_BYTES && !decode(&s->bytes, text, &cells[i].text)) {
            return weir_fail(err, WEIR_E_SQL_STATEMENT,
                "bytes are read with bytea_output = hex, and a handler has set another one");
        }
    }
    return WEIR_OK;
}

weir_status weir_pg_give_rows(
    weir_pg_session *s, const PGresult *r, weir_sql_answer *answer, weir_error *err)
{
    weir_field cells[MOST_CELLS];
    int n = PQnfields(r);
    if (n > MOST_CELLS) {
        return weir_fail(err, WEIR_E_SQL_STATEMENT, "more than %d columns", MOST_CELLS);
    }
    for (int row = 0; row < PQntuples(r); row++) {
        weir_status st = take_cells(s, r, row, cells, err);
        if (st) {
            return st;
        }
        if (!answer->row(answer->ctx, cells, (size_t)n)) {
            answer->row = NULL; /* no more, please */
            break;
        }
    }
    return WEIR_OK;
}
