/* Dead letters, shown. Everything in them is a stranger's: on a terminal without control
 * characters, in JSON as base64 where it is no UTF-8. See letter.h. */
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "cache.h"
#include "engine/dead_letter.h"
#include "letter.h"
#include "value/json.h"
#include "value/utf8.h"

enum { SHOWN_TEXT = 200 };

static bool is_utf8(weir_view v)
{
    return weir_utf8_valid(v.ptr, v.len);
}

/* ---- As JSON ------------------------------------------------------------------------------------
 */

static void put_text_or_null(weir_buf *to, weir_view text)
{
    if (text.ptr && is_utf8(text)) {
        weir_json_put_string(to, text);
    } else {
        weir_buf_puts(to, "null");
    }
}

/* null where it is no UTF-8: then its bytes are in NAME_base64. */
static void put_member(weir_buf *to, const char *name, weir_view text)
{
    weir_buf_printf(to, ",\"%s\":", name);
    put_text_or_null(to, text);
    if (text.ptr && !is_utf8(text)) {
        weir_buf_printf(to, ",\"%s_base64\":\"", name);
        weir_base64_put(to, text);
        weir_buf_putc(to, '"');
    }
}

static void put_number(weir_buf *to, const char *name, int64_t n)
{
    weir_buf_printf(to, ",\"%s\":%" PRId64, name, n);
}

static void put_facts(weir_buf *to, const char *topic, const weir_raw_record *r)
{
    weir_buf_printf(to, "{\"place\":\"%s/%d@%" PRId64 "\"", topic, (int)r->partition, r->offset);
    put_member(to, "topic", weir_letter_header(r, "weir.dead.topic"));
    put_number(to, "partition", weir_letter_number(r, "weir.dead.partition", -1));
    put_number(to, "offset", weir_letter_number(r, "weir.dead.offset", -1));
    put_member(to, "group", weir_letter_header(r, "weir.dead.group"));
    put_member(to, "class", weir_letter_header(r, "weir.dead.class"));
    put_member(to, "code", weir_letter_header(r, "weir.dead.code"));
    put_member(to, "where", weir_letter_header(r, "weir.dead.where"));
    put_member(to, "text", weir_letter_header(r, "weir.dead.text"));
    put_number(to, "attempts", weir_letter_number(r, "weir.dead.attempts", 0));
    put_number(to, "time_ms", weir_letter_number(r, "weir.dead.time", 0));
    put_number(to, "replayed", weir_letter_number(r, WEIR_LETTER_COUNT, 0));
    put_number(to, "lacks_bytes", weir_letter_number(r, WEIR_DEAD_LETTER_LACKS, 0));
    put_member(to, "key", r->key);
}

void weir_letter_put_json_line(
    weir_buf *to, const char *topic, const weir_raw_record *r, const char *state)
{
    put_facts(to, topic, r);
    weir_buf_printf(to, ",\"state\":\"%s\"}\n", state);
}

/* [{"name":…,"value":…}, …]: a name may come twice. */
static void put_headers(weir_buf *to, const weir_raw_record *r)
{
    weir_view name, value;
    weir_buf_puts(to, ",\"headers\":[");
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        weir_buf_puts(to, i ? ",{\"name\":" : "{\"name\":");
        put_text_or_null(to, name);
        put_member(to, "value", value);
        weir_buf_putc(to, '}');
    }
    weir_buf_putc(to, ']');
}

static void put_value(weir_buf *to, const char *name, const weir_value *v)
{
    weir_buf_printf(to, ",\"%s\":", name);
    if (v) {
        weir_json_put(to, v);
    } else {
        weir_buf_puts(to, "null");
    }
}

static void put_error(weir_buf *to, const char *name, const weir_error *e)
{
    weir_buf_printf(to, ",\"%s\":{\"code\":\"%s\"", name, e->code);
    put_member(to, "where", weir_view_of(e->where));
    put_member(to, "text", weir_view_of(e->text));
    weir_buf_putc(to, '}');
}

static void put_verdict(weir_buf *to, const weir_letter *l)
{
    static const char *const words[] = {[WEIR_LETTER_NO_SCHEMA] = "none",
        [WEIR_LETTER_FITS] = "fits",
        [WEIR_LETTER_INVALID] = "invalid",
        [WEIR_LETTER_UNJUDGED] = "unjudged"};
    weir_buf_printf(to, ",\"schema\":\"%s\"", words[l->verdict]);
    if (l->complaint.status) {
        put_error(to, "complaint", &l->complaint);
    }
}

void weir_letter_put_json(weir_buf *to, const char *topic, const weir_letter *l)
{
    put_facts(to, topic, l->record);
    put_value(to, "key_value", l->key);
    put_member(to, "type", l->type);
    put_number(to, "timestamp_ms", l->original.timestamp_ms);
    put_headers(to, &l->original);
    put_value(to, "value", l->value);
    if (l->unread.status) {
        weir_buf_puts(to, ",\"value_base64\":\"");
        weir_base64_put(to, l->original.value);
        weir_buf_putc(to, '"');
        put_error(to, "unread", &l->unread);
    }
    put_verdict(to, l);
    weir_buf_puts(to, "}\n");
}

/* ---- For people ---------------------------------------------------------------------------------
 */

/* Every line is "name  value". */
static void label(weir_buf *to, const char *name)
{
    weir_buf_printf(to, "%-10s", name);
}

static void line(weir_buf *to, const char *name, weir_view text)
{
    label(to, name);
    weir_cli_put_clean(to, text);
    weir_buf_putc(to, '\n');
}

/* As it stands in Kafka where that is text; else as it was read. */
static void put_key(weir_buf *to, weir_view bytes, const weir_value *key)
{
    bool text = bytes.ptr && is_utf8(bytes);
    for (size_t i = 0; i < bytes.len && text; i++) {
        text = (unsigned char)bytes.ptr[i] >= ' ';
    }
    if (text) {
        weir_cli_put_clean(to, bytes);
    } else if (key) {
        weir_json_put(to, key);
    } else if (bytes.ptr) {
        weir_buf_puts(to, "base64 ");
        weir_base64_put(to, bytes);
    } else {
        weir_buf_puts(to, "none");
    }
}

static void put_record(weir_buf *to, const char *topic, const weir_letter *l)
{
    const weir_raw_record *r = l->record, *o = &l->original;
    label(to, "letter");
    weir_buf_printf(to, "%s/%d@%" PRId64 ", written ", topic, (int)r->partition, r->offset);
    weir_cli_put_time(to, weir_letter_number(r, "weir.dead.time", r->timestamp_ms));
    weir_buf_putc(to, '\n');
    label(to, "record");
    weir_cli_put_clean(to, o->topic);
    weir_buf_printf(to, "/%d@%" PRId64, (int)o->partition, o->offset);
    if (o->timestamp_ms >= 0) {
        weir_buf_puts(to, ", written ");
        weir_cli_put_time(to, o->timestamp_ms);
    }
    weir_buf_putc(to, '\n');
    line(to, "type", l->type);
}

static void put_fate(weir_buf *to, const weir_raw_record *r)
{
    weir_view where = weir_letter_header(r, "weir.dead.where");
    int64_t replayed = weir_letter_number(r, WEIR_LETTER_COUNT, 0);
    line(to, "group", weir_letter_header(r, "weir.dead.group"));
    label(to, "error");
    weir_cli_put_clean(to, weir_letter_header(r, "weir.dead.text"));
    weir_buf_puts(to, " [");
    weir_cli_put_clean(to, weir_letter_header(r, "weir.dead.code"));
    weir_buf_puts(to, ", ");
    weir_cli_put_clean(to, weir_letter_header(r, "weir.dead.class"));
    weir_buf_puts(to, "]\n");
    if (where.len) {
        line(to, "where", where);
    }
    label(to, "attempts");
    weir_buf_int(to, weir_letter_number(r, "weir.dead.attempts", 0));
    weir_buf_putc(to, '\n');
    if (replayed) {
        label(to, "replayed");
        weir_buf_printf(to, "%" PRId64 "%s\n", replayed, replayed == 1 ? " time" : " times");
    }
}

static void put_header_lines(weir_buf *to, const weir_raw_record *r)
{
    weir_view name, value;
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        label(to, i ? "" : "headers");
        weir_cli_put_clean(to, name);
        weir_buf_puts(to, value.ptr ? ": " : ": null");
        weir_cli_put_clean(to, value);
        weir_buf_putc(to, '\n');
    }
}

static void put_complaint(weir_buf *to, const weir_error *e)
{
    if (*e->where) {
        weir_cli_put_clean(to, weir_view_of(e->where));
        weir_buf_puts(to, ": ");
    }
    weir_cli_put_clean(to, weir_view_of(e->text));
    weir_buf_printf(to, " [%s]", e->code);
}

static void put_schema(weir_buf *to, const weir_letter *l)
{
    if (l->verdict == WEIR_LETTER_NO_SCHEMA) {
        return;
    }
    label(to, "schema");
    if (l->verdict == WEIR_LETTER_FITS) {
        weir_buf_puts(to, "as the config has it now, it fits");
    } else {
        weir_buf_puts(to, l->verdict == WEIR_LETTER_UNJUDGED ? "no verdict: " : "");
        put_complaint(to, &l->complaint);
    }
    weir_buf_putc(to, '\n');
}

static void new_line(weir_buf *to, unsigned depth)
{
    weir_buf_printf(to, "\n%*s", (int)(2 * depth), "");
}

/* A value over several lines; what it holds is nested no deeper than its reader allows. */
static void put_indented(weir_buf *to, const weir_value *v, unsigned depth)
{
    const char *separator = "";
    if ((v->type != WEIR_OBJECT && v->type != WEIR_ARRAY) || !v->len) {
        weir_json_put(to, v);
    } else if (v->type == WEIR_OBJECT) {
        weir_buf_putc(to, '{');
        WEIR_EACH_MEMBER(v, name, member)
        {
            weir_buf_puts(to, separator);
            new_line(to, depth + 1);
            weir_json_put(to, name);
            weir_buf_puts(to, ": ");
            put_indented(to, member, depth + 1);
            separator = ",";
        }
        new_line(to, depth);
        weir_buf_putc(to, '}');
    } else {
        weir_buf_putc(to, '[');
        WEIR_EACH_ITEM(v, item)
        {
            weir_buf_puts(to, separator);
            new_line(to, depth + 1);
            put_indented(to, item, depth + 1);
            separator = ",";
        }
        new_line(to, depth);
        weir_buf_putc(to, ']');
    }
}

static void put_body(weir_buf *to, const weir_letter *l)
{
    weir_view bytes = l->original.value;
    label(to, "value");
    if (l->value) {
        weir_buf_putc(to, '\n');
        put_indented(to, l->value, 0);
    } else if (!bytes.ptr && weir_letter_header(l->record, WEIR_DEAD_LETTER_LACKS).ptr) {
        weir_buf_printf(to,
            "left out: the letter was too large, and lacks %" PRId64 " bytes of its record",
            weir_letter_number(l->record, WEIR_DEAD_LETTER_LACKS, 0));
    } else if (!bytes.ptr) {
        weir_buf_puts(to, "none");
    } else {
        put_complaint(to, &l->unread);
        weir_buf_putc(to, '\n');
        put_key(to, bytes, NULL);
    }
    weir_buf_putc(to, '\n');
}

void weir_letter_put_text(weir_buf *to, const char *topic, const weir_letter *l)
{
    put_record(to, topic, l);
    put_fate(to, l->record);
    label(to, "key");
    put_key(to, l->record->key, l->key);
    weir_buf_putc(to, '\n');
    put_header_lines(to, &l->original);
    put_schema(to, l);
    put_body(to, l);
}

void weir_letter_put_line(
    weir_buf *to, const char *topic, const weir_raw_record *r, const char *state)
{
    weir_view where = weir_letter_header(r, "weir.dead.where");
    weir_raw_record o = weir_letter_original(r);
    weir_buf_printf(to, "%s/%d@%-8" PRId64 " ", topic, (int)r->partition, r->offset);
    weir_cli_put_clean(to, o.topic);
    weir_buf_printf(to, "/%d@%" PRId64 "  ", (int)o.partition, o.offset);
    weir_cli_put_clean(to, weir_letter_header(r, "weir.dead.code"));
    weir_buf_puts(to, "  key ");
    weir_cli_put_clean(to, r->key);
    weir_buf_puts(to, "  ");
    weir_cli_put_short(to, where, SHOWN_TEXT);
    weir_buf_puts(to, where.len ? ": " : "");
    weir_cli_put_short(to, weir_letter_header(r, "weir.dead.text"), SHOWN_TEXT);
    if (strcmp(state, "open") != 0) {
        weir_buf_printf(to, "  [%s]", state);
    }
    weir_buf_putc(to, '\n');
}
