/* Readers: typed access to rows and events. See <weir/read.h>. */
#include "service/message.h"

#include "cdc/row_plan.h"
#include "schema/decimal.h"
#include "value/json.h"

/* ---- What is read from --------------------------------------------------------------------------
 */

static weir_reader failed(weir_message *m, weir_status s)
{
    return (weir_reader){.m = m, .status = s};
}

static weir_reader too_late(weir_message *m)
{
    return failed(m, weir_fail(&m->error, WEIR_E_READ_TOO_LATE,
                         "the message is deferred: what was not read before is gone"));
}

/* The value of a record of no CDC topic. */
static weir_reader read_plain(weir_message *m)
{
    if (!m->parsed) {
        if (weir_message_is_late(m)) {
            return too_late(m);
        }
        weir_status s = weir_event_read(m->events, m->raw, false, &m->arena, &m->value, &m->error);
        if (s) {
            return failed(m, s);
        }
        m->parsed = true;
    }
    return (weir_reader){.m = m, .at = m->value};
}

static weir_reader read_row(weir_message *m, bool before)
{
    if (weir_message_is_late(m)) {
        return too_late(m);
    }
    weir_status s = weir_message_decode(m);
    if (s) {
        return failed(m, s);
    }
    if (m->event.kind != WEIR_EVENT_CHANGE) {
        return (weir_reader){.m = m, .at = m->event.payload};
    }
    return (weir_reader){
        .m = m, .at = before ? m->event.before : m->event.after, .plan = m->event.plan};
}

weir_reader weir_read(weir_message *m)
{
    return m->decoder ? read_row(m, false) : read_plain(m);
}

weir_reader weir_read_before(weir_message *m)
{
    return m->decoder ? read_row(m, true)
                      : failed(m, weir_fail(&m->error, WEIR_E_FIELD_MISSING,
                                      "only a change has an old row"));
}

weir_reader weir_read_key(weir_message *m)
{
    if (m->decoder) {
        weir_reader r = read_row(m, false);
        r.at = r.status ? NULL : m->event.key;
        r.plan = NULL;
        return r;
    }
    if (!m->key && m->raw->key.ptr) {
        weir_status s = weir_message_is_late(m) ? too_late(m).status
                                                : weir_event_read(m->events, m->raw, true,
                                                      &m->arena, &m->key, &m->error);
        if (s) {
            return failed(m, s);
        }
    }
    return (weir_reader){.m = m, .at = m->key};
}

/* ---- Members ------------------------------------------------------------------------------------
 */

static const weir_value *find(const weir_reader *r, const char *name)
{
    return name[0] == '/' ? weir_pointer(r->at, name) : weir_gets(r->at, name);
}

static weir_status stick(weir_reader *r, weir_code code, const char *name, const char *what)
{
    r->status = weir_fail(&r->m->error, code, "%s", what);
    weir_at(&r->m->error, "%s%s", name[0] == '/' ? "" : "/", name);
    return r->status;
}

/* The member; NULL when the reader has failed, by this or before. */
static const weir_value *need(weir_reader *r, const char *name)
{
    if (r->status) {
        return NULL;
    }
    const weir_value *v = r->at ? find(r, name) : NULL;
    if (!v) {
        stick(r, WEIR_E_FIELD_MISSING, name,
            r->at ? "there is no such field" : "there is no row or event to read");
    }
    return v;
}

static const weir_column *column_of(const weir_reader *r, const char *name)
{
    const weir_row_plan *plan = r->plan;
    size_t next = 0;
    return plan && plan->typed && name[0] != '/'
               ? weir_row_plan_find(plan, weir_view_of(name), &next)
               : NULL;
}

static weir_view written(weir_reader *r, const weir_value *v)
{
    weir_buf *to = &r->m->scratch;
    weir_buf_clear(to);
    weir_json_put(to, v);
    weir_view text =
        to->failed ? (weir_view){NULL, 0} : weir_arena_copy(&r->m->arena, weir_buf_view(to));
    if (!text.ptr) {
        r->status = weir_fail_oom(&r->m->error);
    }
    return text;
}

/* The member as a row's text: a rendered column, or its own text. ptr NULL: the reader has failed.
 */
static weir_view rendered(weir_reader *r, const char *name, const weir_value *v)
{
    const weir_column *c = column_of(r, name);
    weir_message *m = r->m;
    if (!c) {
        return weir_has_source(v) ? weir_source(v) : written(r, v);
    }
    if (weir_message_is_late(m)) {
        r->status = too_late(m).status; /* the column is of the decoder's */
        return (weir_view){NULL, 0};
    }
    if (weir_column_is_placeholder(c, v,
            m->topic->source->placeholder.len ? m->topic->source->placeholder
                                              : weir_view_of("__debezium_unavailable_value"))) {
        stick(r, WEIR_E_FIELD_PLACEHOLDER, name, "it is an unchanged TOAST value");
        return (weir_view){NULL, 0};
    }
    weir_buf_clear(&m->scratch);
    r->status = weir_column_render(c, v, &m->arena, &m->scratch, &m->error);
    weir_view text =
        r->status ? (weir_view){NULL, 0} : weir_arena_copy(&m->arena, weir_buf_view(&m->scratch));
    if (!r->status && (m->scratch.failed || !text.ptr)) {
        r->status = weir_fail_oom(&m->error);
    }
    return text;
}

/* The characters of a JSON string's text with its quotes. */
static weir_view unquote(weir_reader *r, weir_view text)
{
    if (!memchr(text.ptr, '\\', text.len)) {
        return (weir_view){text.ptr + 1, text.len - 2};
    }
    const weir_value *v;
    r->status = weir_json_read(text, &r->m->arena, &v, &r->m->error);
    weir_view out = r->status ? (weir_view){NULL, 0} : weir_string(v, &r->m->arena);
    if (!r->status && !out.ptr) {
        r->status = weir_fail_oom(&r->m->error);
    }
    return out;
}

bool weir_has(weir_reader *r, const char *name)
{
    return !r->status && r->at && find(r, name);
}

bool weir_null(weir_reader *r, const char *name)
{
    const weir_value *v = need(r, name);
    return v && v->type == WEIR_NULL;
}

weir_view weir_json(weir_reader *r, const char *name)
{
    const weir_value *v = need(r, name);
    return v ? rendered(r, name, v) : (weir_view){NULL, 0};
}

weir_view weir_text(weir_reader *r, const char *name)
{
    weir_view text = weir_json(r, name);
    if (r->status) {
        return (weir_view){NULL, 0};
    }
    if (text.len < 2 || text.ptr[0] != '"') {
        stick(r, WEIR_E_FIELD_TYPE, name, "it is no text");
        return (weir_view){NULL, 0};
    }
    return unquote(r, text);
}

static bool is_number(weir_view text)
{
    return text.len && (text.ptr[0] == '-' || (text.ptr[0] >= '0' && text.ptr[0] <= '9'));
}

weir_view weir_number(weir_reader *r, const char *name)
{
    weir_view text = weir_json(r, name);
    if (r->status || !text.len) {
        return (weir_view){NULL, 0};
    }
    if (text.ptr[0] == '"') {
        text = unquote(r, text);
    }
    if (!r->status && !is_number(text)) {
        stick(r, WEIR_E_FIELD_TYPE, name, "it is no number");
        return (weir_view){NULL, 0};
    }
    return text;
}

/* All of the text is a number, as the text of a string need not be. Errors: OUT_OF_MEMORY; REJECT:
 * it is none. */
static weir_status check_number(weir_view text, weir_arena *arena)
{
    const weir_value *v;
    weir_error ignored;
    weir_status s = weir_json_read(text, arena, &v, &ignored);
    bool all = !s && v->type == WEIR_NUMBER && weir_raw(v).len == text.len;
    return s || all ? s : WEIR_REJECT;
}

/* A whole number however it is written: 9.0 and 1e2 are integers to JSON Schema, too. Errors: as
 * above. */
static weir_status whole_number(weir_view text, weir_arena *arena, int64_t *out)
{
    enum { MOST_DIGITS = 19 };
    char whole[MOST_DIGITS + 2];
    size_t n = 0;
    if (weir_text_to_int64(text, out)) {
        return WEIR_OK;
    }
    weir_status s = check_number(text, arena);
    if (s) {
        return s;
    }
    weir_decimal d = weir_decimal_of(text);
    if (!weir_decimal_is_integer(&d) || (d.count && d.exponent > MOST_DIGITS)) {
        return WEIR_REJECT;
    }
    whole[n++] = d.negative ? '-' : '0';
    uint32_t left = d.count;
    const char *digit = d.digits;
    for (int64_t i = 0; d.count && i < d.exponent; i++) {
        digit += left && *digit == '.';
        whole[n++] = left ? *digit++ : '0';
        left -= left > 0;
    }
    return weir_text_to_int64((weir_view){whole, n}, out) ? WEIR_OK : WEIR_REJECT;
}

int64_t weir_int(weir_reader *r, const char *name)
{
    int64_t n = 0;
    weir_view text = weir_number(r, name);
    weir_status s = r->status ? r->status : whole_number(text, &r->m->arena, &n);
    if (!r->status && s == WEIR_REJECT) {
        stick(r, WEIR_E_FIELD_TYPE, name, "it is no integer of 64 bits");
    } else if (!r->status && s) {
        r->status = weir_fail_oom(&r->m->error);
    }
    return r->status ? 0 : n;
}

bool weir_bool(weir_reader *r, const char *name)
{
    weir_view text = weir_json(r, name);
    if (!r->status && !weir_view_is(text, "true") && !weir_view_is(text, "false")) {
        stick(r, WEIR_E_FIELD_TYPE, name, "it is neither true nor false");
    }
    return !r->status && weir_view_is(text, "true");
}

weir_status weir_read_end(weir_reader *r)
{
    return r->status;
}
