/* Positions. See position.h. */
#include "cdc/position.h"

typedef struct sequence {
    bool has_commit, has_lsn;
    int64_t commit, lsn;
} sequence;

/* A quote, as it stands in a text or, escaped, in the string that holds the text. Its bytes; 0:
 * there is none. */
static size_t quote_at(const char *at, const char *end)
{
    if (at < end && *at == '"') {
        return 1;
    }
    return end - at >= 2 && at[0] == '\\' && at[1] == '"' ? 2 : 0;
}

/* null, digits, or digits in quotes. */
static bool take_lsn(const char **text, const char *end, bool *has, int64_t *lsn)
{
    const char *at = *text;
    size_t quoted = quote_at(at, end);
    at += quoted;
    const char *digits = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    *has = at > digits;
    if (!*has) {
        bool null = !quoted && end - at >= 4 && memcmp(at, "null", 4) == 0;
        *text = at + (null ? 4 : 0);
        return null;
    }
    weir_view number = {digits, (size_t)(at - digits)};
    bool closed = !quoted || quote_at(at, end) == quoted;
    *text = at + quoted;
    return closed && weir_text_to_int64(number, lsn);
}

static void skip_space(const char **text, const char *end)
{
    while (*text < end && (**text == ' ' || **text == '\t' || **text == '\n' || **text == '\r')) {
        ++*text;
    }
}

/* The character, with the white space around it. */
static bool take(const char **text, const char *end, char c)
{
    skip_space(text, end);
    bool met = *text < end && *(*text)++ == c;
    skip_space(text, end);
    return met;
}

/* Two LSNs in brackets: a JSON reader would take longer than all the rest. */
static bool take_pair(weir_view text, sequence *out)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    return take(&at, end, '[') && take_lsn(&at, end, &out->has_commit, &out->commit) &&
           take(&at, end, ',') && take_lsn(&at, end, &out->has_lsn, &out->lsn) &&
           take(&at, end, ']') && at == end;
}

static weir_status read_sequence(
    const weir_value *field, weir_arena *arena, sequence *out, weir_error *err)
{
    bool is_text = field->type == WEIR_STRING;
    if (is_text && take_pair(weir_raw(field), out)) {
        return WEIR_OK; /* its only escapes are of quotes, which take_pair knows */
    }
    weir_view text = is_text ? weir_string(field, arena) : weir_source(field);
    if (!text.ptr) {
        return weir_fail_oom(err);
    }
    if (!take_pair(text, out)) {
        weir_status s = weir_fail(err, WEIR_E_CDC_BAD_VALUE,
            "source.sequence is not a pair of LSNs: %.*s", weir_shown(text), text.ptr);
        (void)weir_at(err, "/source/sequence");
        return s;
    }
    return WEIR_OK;
}

static weir_change_kind kind_of(const weir_fields *f, char op)
{
    if (op != 'r') {
        return WEIR_STREAMED; /* older connectors mark the last changes of a snapshot, too */
    }
    bool incremental =
        weir_string_is(f->of[WEIR_FIELD_SNAPSHOT], weir_view_make("incremental", 11));
    return incremental ? WEIR_INCREMENTAL : WEIR_READ;
}

static weir_status refuse(const weir_change *c, weir_error *err)
{
    weir_status s = weir_fail(err, WEIR_E_CDC_NO_POSITION,
        "neither source.sequence nor source.lsn says where this %s belongs; a source without "
        "positions is used with connector: none",
        c->op == 'r' ? "snapshot row" : "change");
    (void)weir_at(err, "/source/sequence");
    return s;
}

weir_status weir_position_read(
    const weir_fields *fields, weir_arena *arena, weir_change *c, weir_error *err)
{
    sequence seq = {0};
    if (weir_said(fields, WEIR_FIELD_SEQUENCE)) {
        weir_status s = read_sequence(fields->of[WEIR_FIELD_SEQUENCE], arena, &seq, err);
        if (s) {
            return s;
        }
    }
    if (!seq.has_lsn || !seq.lsn) { /* 0/0 is no place */
        seq.has_lsn = weir_field_int64(fields, WEIR_FIELD_LSN, &seq.lsn) && seq.lsn > 0;
    }
    c->kind = kind_of(fields, c->op);
    /* A snapshot row's own LSN only refines its place; a change's is its name. */
    if (!seq.has_lsn && (c->kind == WEIR_STREAMED || !seq.has_commit)) {
        return refuse(c, err);
    }
    int64_t tx = 0;
    c->has_tx = weir_field_int64(fields, WEIR_FIELD_TX, &tx) && tx >= 0;
    c->tx = c->has_tx ? (uint64_t)tx : 0;
    c->has_commit = seq.has_commit;
    c->commit = seq.has_commit ? (uint64_t)seq.commit : 0;
    c->at.l = seq.has_lsn ? (uint64_t)seq.lsn : 0;
    c->at.H = c->commit > c->at.l ? c->commit : c->at.l;
    return WEIR_OK;
}

void weir_position_by_offset(weir_change *c)
{
    uint64_t place = (uint64_t)c->offset + 1;
    c->kind = WEIR_STREAMED;
    c->op = c->op == 'r' ? 'u' : c->op;
    c->other = (weir_view){NULL, 0};
    c->has_commit = true;
    c->commit = 0;
    c->at = (weir_position){place, place};
    c->has_tx = false;
}
