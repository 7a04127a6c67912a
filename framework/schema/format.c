/* The formats' table, and those that are not a family. See format.h. */
#include "schema/format.h"

#include <string.h>

#include "schema/uri.h"
#include "value/utf8.h"

static bool is_ipv4(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_ipv4_is_valid(text);
}

static bool is_ipv6(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_ipv6_is_valid(text);
}

static bool is_uri(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_uri_is_valid(text, WEIR_URI_ABSOLUTE);
}

static bool is_uri_reference(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_uri_is_valid(text, 0);
}

static bool is_iri(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_uri_is_valid(text, WEIR_URI_ABSOLUTE | WEIR_URI_IRI);
}

static bool is_iri_reference(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    return weir_uri_is_valid(text, WEIR_URI_IRI);
}

static bool is_regex(weir_view text, const weir_format_tools *tools)
{
    const char *why;
    (void)tools;
    return weir_regex_translate(text, NULL, &why);
}

const weir_format *weir_format_find(weir_view name, weir_draft draft)
{
    static const weir_format plain_hostname = {"hostname", weir_format_plain_hostname, false};
    static const weir_format formats[] = {
        {"date-time", weir_format_date_time, false},
        {"date", weir_format_date, false},
        {"time", weir_format_time, false},
        {"duration", weir_format_duration, false},
        {"email", weir_format_email, false},
        {"idn-email", weir_format_idn_email, true},
        {"hostname", weir_format_hostname, true},
        {"idn-hostname", weir_format_idn_hostname, true},
        {"ipv4", is_ipv4, false},
        {"ipv6", is_ipv6, false},
        {"uri", is_uri, false},
        {"uri-reference", is_uri_reference, false},
        {"iri", is_iri, false},
        {"iri-reference", is_iri_reference, false},
        {"uuid", weir_format_uuid, false},
        {"uri-template", weir_format_uri_template, false},
        {"json-pointer", weir_format_json_pointer, false},
        {"relative-json-pointer", weir_format_relative_json_pointer, false},
        {"regex", is_regex, false},
    };
    if (draft < WEIR_DRAFT_7 && weir_view_is(name, plain_hostname.name)) {
        return &plain_hostname;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (weir_view_is(name, formats[i].name)) {
            return &formats[i];
        }
    }
    return NULL;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool weir_format_uuid(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    if (text.len != 36) {
        return false;
    }
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* ---- pointers (RFC 6901) -------------------------------------------------------------------- */

bool weir_format_json_pointer(weir_view text, const weir_format_tools *tools)
{
    (void)tools;
    if (text.len && text.ptr[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '~') {
            char c = i + 1 < text.len ? text.ptr[i + 1] : '\0';
            if (c != '0' && c != '1') {
                return false;
            }
        }
    }
    return true;
}

bool weir_format_relative_json_pointer(weir_view text, const weir_format_tools *tools)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9') {
        n++;
    }
    if (!n || (text.ptr[0] == '0' && n > 1)) {
        return false;
    }
    weir_view rest = {text.ptr + n, text.len - n};
    return weir_view_is(rest, "#") || weir_format_json_pointer(rest, tools);
}

/* ---- URI templates (RFC 6570) --------------------------------------------------------------- */

static bool is_name_character(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_';
}

static bool is_percent(const char *at, const char *end)
{
    return end - at > 2 && *at == '%' && is_hex(at[1]) && is_hex(at[2]);
}

/* A variable's name with its modifier; NULL when there is none. */
static const char *skip_variable(const char *at, const char *end)
{
    const char *start = at;
    bool dot = true; /* none at the beginning, none behind another */
    while (at < end) {
        if (is_name_character(*at) || is_percent(at, end)) {
            at += *at == '%' ? 3 : 1;
            dot = false;
        } else if (*at == '.' && !dot) {
            at++;
            dot = true;
        } else {
            break;
        }
    }
    if (at == start || dot) {
        return NULL;
    }
    if (at < end && *at == '*') {
        return at + 1;
    }
    if (at < end && *at == ':') {
        const char *digits = ++at;
        while (at < end && *at >= '0' && *at <= '9') {
            at++;
        }
        return at > digits && *digits != '0' && at - digits <= 4 ? at : NULL;
    }
    return at;
}

/* Behind '{'; behind its '}', or NULL. */
static const char *skip_expression(const char *at, const char *end)
{
    if (at < end && *at && strchr("+#./;?&=,!@|", *at)) {
        at++;
    }
    while ((at = skip_variable(at, end)) && at < end && *at == ',') {
        at++;
    }
    return at && at < end && *at == '}' ? at + 1 : NULL;
}

bool weir_format_uri_template(weir_view text, const weir_format_tools *tools)
{
    const char *at = text.ptr, *end = at + text.len;
    (void)tools;
    while (at && at < end) {
        unsigned char c = (unsigned char)*at;
        if (c == '{') {
            at = skip_expression(at + 1, end);
        } else if (c == '%') {
            at = is_percent(at, end) ? at + 3 : NULL;
        } else if (c <= ' ' || c == 0x7F || strchr("\"<>\\^`|}", c)) {
            return false;
        } else {
            at++;
        }
    }
    return at != NULL;
}
