/* Host names and mail addresses (RFC 1123, 5321, 5890, 6531). See format.h. */
#include <string.h>

#include "schema/format.h"
#include "base/ascii.h"
#include "schema/uri.h"
#include "value/utf8.h"

enum { LONGEST_LABEL = 63, LONGEST_NAME = 253 };

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool label_is_ascii(weir_view label)
{
    for (size_t i = 0; i < label.len; i++) {
        if (!is_alnum(label.ptr[i]) && label.ptr[i] != '-') {
            return false;
        }
    }
    return label.len && label.len <= LONGEST_LABEL && label.ptr[0] != '-' &&
           label.ptr[label.len - 1] != '-';
}

static bool dashes_reserved(weir_view label)
{
    return label.len >= 4 && label.ptr[2] == '-' && label.ptr[3] == '-';
}

static bool is_punycode(weir_view label)
{
    return dashes_reserved(label) && (label.ptr[0] | 0x20) == 'x' && (label.ptr[1] | 0x20) == 'n';
}

/* The next label; *rest is what follows its dot, ptr NULL when none does. */
static weir_view next_label(weir_view *rest)
{
    const char *dot = memchr(rest->ptr, '.', rest->len);
    weir_view label = {rest->ptr, dot ? (size_t)(dot - rest->ptr) : rest->len};
    *rest = dot ? weir_view_make(dot + 1, rest->len - label.len - 1) : (weir_view){NULL, 0};
    return label;
}

bool weir_format_hostname(weir_view text, const weir_format_tools *tools)
{
    if (!text.len || text.len > LONGEST_NAME) {
        return false;
    }
    weir_idn_name name = {.tools = tools->idn, .scratch = tools->scratch};
    for (weir_view rest = text; rest.ptr;) {
        weir_view label = next_label(&rest);
        if (!label_is_ascii(label)) {
            return false;
        }
        if (is_punycode(label) ? !weir_idn_a_label(&name, label) : dashes_reserved(label)) {
            return false;
        }
    }
    return true;
}

bool weir_format_plain_hostname(weir_view text, const weir_format_tools *tools)
{
    weir_view rest = text;
    (void)tools;
    while (rest.ptr) {
        if (!label_is_ascii(next_label(&rest))) {
            return false;
        }
    }
    return text.len <= LONGEST_NAME;
}

/* The full stops that IDNA takes for a dot (RFC 3490, 3.1), as dots. */
static size_t put_dots(weir_view text, char *out, size_t room)
{
    static const char *const dots[] = {"\xE3\x80\x82", "\xEF\xBC\x8E", "\xEF\xBD\xA1"};
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < room; n++) {
        bool dot = false;
        for (size_t k = 0; k < 3; k++) {
            dot |= text.len - i >= 3 && memcmp(text.ptr + i, dots[k], 3) == 0;
        }
        out[n] = dot ? '.' : text.ptr[i];
        i += dot ? 3 : 1;
    }
    return n;
}

static bool idn_label(weir_idn_name *name, weir_view label, size_t *ascii)
{
    bool wide = false;
    for (size_t i = 0; i < label.len; i++) {
        wide |= (unsigned char)label.ptr[i] >= 0x80;
    }
    *ascii = label.len;
    if (wide) {
        return weir_idn_u_label(name, label, ascii);
    }
    return label_is_ascii(label) &&
           (is_punycode(label) ? weir_idn_a_label(name, label) : !dashes_reserved(label)) &&
           weir_idn_plain_label(name, label);
}

bool weir_format_idn_hostname(weir_view text, const weir_format_tools *tools)
{
    char dotted[4 * LONGEST_NAME + 1];
    size_t len = put_dots(text, dotted, sizeof dotted), all = 0;
    if (!len || len == sizeof dotted) {
        return false;
    }
    weir_idn_name name = {.tools = tools->idn, .scratch = tools->scratch};
    for (weir_view rest = {dotted, len}; rest.ptr;) {
        size_t ascii = 0;
        if (!idn_label(&name, next_label(&rest), &ascii)) {
            return false;
        }
        all += ascii + (rest.ptr != NULL);
    }
    return all <= LONGEST_NAME && weir_idn_bidi_is_valid(&name);
}

/* ---- mail ----------------------------------------------------------------------------------- */

static bool is_atom(char c, bool wide)
{
    return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c)) ||
           (wide && (unsigned char)c >= 0x80);
}

static bool local_is_dotted(weir_view v, bool wide)
{
    bool dot = true; /* none at either end, none behind another */
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] == '.' ? dot : !is_atom(v.ptr[i], wide)) {
            return false;
        }
        dot = v.ptr[i] == '.';
    }
    return !dot;
}

static bool local_is_quoted(weir_view v, bool wide)
{
    if (v.len < 2 || v.ptr[0] != '"' || v.ptr[v.len - 1] != '"') {
        return false;
    }
    for (size_t i = 1; i + 1 < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if (c == '\\') {
            if (++i + 1 >= v.len) {
                return false;
            }
            c = (unsigned char)v.ptr[i];
        } else if (c == '"') {
            return false;
        }
        if (c < ' ' || c == 0x7F || (c >= 0x80 && !wide)) {
            return false;
        }
    }
    return true;
}

static bool domain_is_address(weir_view v)
{
    if (v.len < 2 || v.ptr[0] != '[' || v.ptr[v.len - 1] != ']') {
        return false;
    }
    weir_view inside = {v.ptr + 1, v.len - 2};
    bool six = inside.len > 5 && weir_ascii_same_n(inside.ptr, "IPv6:", 5);
    return six ? weir_ipv6_is_valid(weir_view_make(inside.ptr + 5, inside.len - 5))
               : weir_ipv4_is_valid(inside);
}

static bool mail_is_valid(weir_view text, bool wide, const weir_format_tools *tools)
{
    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    if (!at) {
        return false;
    }
    weir_view local = {text.ptr, (size_t)(at - text.ptr)};
    weir_view domain = {at + 1, text.len - local.len - 1};
    return local.len <= 64 && (local_is_dotted(local, wide) || local_is_quoted(local, wide)) &&
           (domain_is_address(domain) || (wide ? weir_format_idn_hostname(domain, tools)
                                               : weir_format_plain_hostname(domain, tools)));
}

bool weir_format_email(weir_view text, const weir_format_tools *tools)
{
    return mail_is_valid(text, false, tools);
}

bool weir_format_idn_email(weir_view text, const weir_format_tools *tools)
{
    return mail_is_valid(text, true, tools);
}
