/* Patterns as sequences of classes. See regex_simple.h.
 *
 * Patterns that begin with '^' are taken, and those that look for one character anywhere (".+",
 * "."), which names of patternProperties often are. An item takes as many characters as it can;
 * that is right where no character that it takes could begin what may follow it (is_greedy). */
#include "schema/regex_simple.h"

#include <string.h>

#include "value/utf8.h"

typedef struct parser {
    const char *at, *end;
} parser;

static void add(weir_simple_item *i, unsigned char c)
{
    i->ascii[c >> 6] |= 1ULL << (c & 63);
}

static bool has(const weir_simple_item *i, unsigned char c)
{
    return i->ascii[c >> 6] >> (c & 63) & 1;
}

static void add_range(weir_simple_item *i, unsigned first, unsigned last)
{
    for (unsigned c = first; c <= last; c++) {
        add(i, (unsigned char)c);
    }
}

static void negate(weir_simple_item *i)
{
    i->ascii[0] = ~i->ascii[0];
    i->ascii[1] = ~i->ascii[1];
    i->wide = !i->wide;
}

static void add_word(weir_simple_item *i)
{
    add_range(i, '0', '9');
    add_range(i, 'a', 'z');
    add_range(i, 'A', 'Z');
    add(i, '_');
}

static void merge(weir_simple_item *to, const weir_simple_item *from)
{
    to->ascii[0] |= from->ascii[0];
    to->ascii[1] |= from->ascii[1];
    to->wide |= from->wide;
}

/* Every character. */
static void add_all(weir_simple_item *i)
{
    i->ascii[0] = i->ascii[1] = UINT64_MAX;
    i->wide = true;
}

/* '.' */
static void add_line(weir_simple_item *i)
{
    add_all(i);
    i->ascii[0] &= ~(1ULL << '\n' | 1ULL << '\r');
    i->line = true;
}

/* The escape behind a backslash. *single: the one character that it stands for, or -1. */
static bool take_escape(parser *p, weir_simple_item *i, int *single)
{
    weir_simple_item set = {.wide = false};
    char c = p->at < p->end ? *p->at++ : '\0';
    *single = -1;
    switch (c) {
    case 'd':
    case 'D':
        add_range(&set, '0', '9');
        break;
    case 'w':
    case 'W':
        add_word(&set);
        break;
    default:
        if (!c || (unsigned char)c >= 0x80 || (c | 0x20) == 'k' ||
            ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9')) {
            return false;
        }
        *single = (unsigned char)c;
        add(&set, (unsigned char)c);
    }
    if (c == 'D' || c == 'W') {
        negate(&set);
    }
    merge(i, &set);
    return true;
}

/* One character of a class, or an escape; *single as above. */
static bool take_member(parser *p, weir_simple_item *i, int *single)
{
    char c = *p->at++;
    if (c == '\\') {
        return take_escape(p, i, single);
    }
    if ((unsigned char)c >= 0x80) {
        return false;
    }
    *single = (unsigned char)c;
    add(i, (unsigned char)c);
    return true;
}

static bool take_text(parser *p, const char *text)
{
    size_t len = strlen(text);
    bool there = (size_t)(p->end - p->at) >= len && memcmp(p->at, text, len) == 0;
    p->at += there ? len : 0;
    return there;
}

/* Behind a '['. */
static bool take_class(parser *p, weir_simple_item *i)
{
    if (take_text(p, "\\s\\S]")) {
        add_all(i);
        return true;
    }
    bool negated = p->at < p->end && *p->at == '^';
    p->at += negated;
    while (p->at < p->end && *p->at != ']') {
        int first, last;
        if (!take_member(p, i, &first)) {
            return false;
        }
        if (p->end - p->at > 1 && *p->at == '-' && p->at[1] != ']') {
            p->at++;
            if (!take_member(p, i, &last) || first < 0 || last < first) {
                return false;
            }
            add_range(i, (unsigned)first, (unsigned)last);
        }
    }
    if (p->at == p->end) {
        return false;
    }
    p->at++;
    if (negated) {
        negate(i);
    }
    return true;
}

static bool take_atom(parser *p, weir_simple_item *i)
{
    int single;
    char c = *p->at++;
    switch (c) {
    case '.':
        add_line(i);
        return true;
    case '(':
    case ')':
    case '|':
    case '*':
    case '+':
    case '?':
    case '{':
    case '}':
    case ']':
    case '^':
    case '$':
        return false;
    case '[':
        return take_class(p, i);
    case '\\':
        return take_escape(p, i, &single);
    default:
        add(i, (unsigned char)c & 0x7F);
        return (unsigned char)c < 0x80;
    }
}

static bool take_count(parser *p, uint32_t *n)
{
    const char *start = p->at;
    uint32_t value = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && value < 100000) {
        value = value * 10 + (uint32_t)(*p->at++ - '0');
    }
    *n = value;
    return p->at > start && value < 100000;
}

/* Behind a '{'. */
static bool take_braces(parser *p, weir_simple_item *i)
{
    if (!take_count(p, &i->least)) {
        return false;
    }
    i->most = i->least;
    if (p->at < p->end && *p->at == ',') {
        p->at++;
        i->most = UINT32_MAX;
        if (p->at < p->end && *p->at != '}' && !take_count(p, &i->most)) {
            return false;
        }
    }
    return p->at < p->end && *p->at++ == '}' && i->least <= i->most;
}

static bool take_quantifier(parser *p, weir_simple_item *i)
{
    i->least = i->most = 1;
    char c = p->at < p->end ? *p->at : '\0';
    if (c != '*' && c != '+' && c != '?' && c != '{') {
        return true;
    }
    p->at++;
    if (c == '{' && !take_braces(p, i)) {
        return false;
    }
    if (c != '{') {
        i->least = c == '+';
        i->most = c == '?' ? 1 : UINT32_MAX;
    }
    /* lazy ones and errors are the engine's */
    return p->at == p->end || !strchr("*+?{", *p->at);
}

static bool overlap(const weir_simple_item *a, const weir_simple_item *b)
{
    return (a->ascii[0] & b->ascii[0]) || (a->ascii[1] & b->ascii[1]) || (a->wide && b->wide);
}

static bool is_greedy(const weir_simple *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        bool free = s->items[i].least != s->items[i].most;
        for (uint32_t k = i + 1; free && k < s->count; k++) {
            if (overlap(&s->items[i], &s->items[k])) {
                return false;
            }
            free = s->items[k].least == 0;
        }
    }
    return true;
}

/* One item and nothing else, in brackets or not. */
static bool take_anywhere(parser p, weir_simple *out)
{
    weir_simple_item *i = &out->items[0];
    if (p.end - p.at > 2 && *p.at == '(' && p.end[-1] == ')' && p.end[-2] != '\\') {
        p.at++;
        p.end--;
    }
    out->anywhere = p.at < p.end && take_atom(&p, i) && take_quantifier(&p, i) && p.at == p.end;
    out->count = 1;
    return out->anywhere && i->least <= 1 && i->most;
}

bool weir_simple_of(weir_view pattern, weir_simple *out)
{
    parser p = {pattern.ptr, pattern.ptr + pattern.len};
    *out = (weir_simple){.count = 0};
    if (!pattern.len || *p.at != '^') {
        return pattern.len && take_anywhere(p, out);
    }
    p.at++;
    while (p.at < p.end && out->count < WEIR_SIMPLE_ITEMS) {
        weir_simple_item *i = &out->items[out->count];
        if (*p.at == '$') {
            out->to_end = true;
            return p.at + 1 == p.end && is_greedy(out);
        }
        if (!take_atom(&p, i) || !take_quantifier(&p, i)) {
            return false;
        }
        out->count++;
    }
    return p.at == p.end && is_greedy(out);
}

/* Behind the character at `at`; NULL: the item does not take it. */
static inline const char *take_character(const weir_simple_item *i, const char *at)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80) {
        return has(i, c) ? at + 1 : NULL;
    }
    bool ends_line =
        c == 0xE2 && (unsigned char)at[1] == 0x80 && ((unsigned char)at[2] | 1) == 0xA9;
    return !i->wide || (i->line && ends_line) ? NULL : at + (c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4);
}

static bool match_anywhere(const weir_simple_item *i, weir_view text)
{
    bool found = i->least == 0;
    for (size_t at = 0; at < text.len && !found; at++) {
        bool first = ((unsigned char)text.ptr[at] & 0xC0) != 0x80;
        found = first && take_character(i, text.ptr + at);
    }
    return found;
}

bool weir_simple_match(const weir_simple *s, weir_view text)
{
    const char *at = text.ptr, *end = at + text.len;
    if (s->anywhere) {
        return match_anywhere(s->items, text);
    }
    for (const weir_simple_item *i = s->items; i < s->items + s->count; i++) {
        const char *next;
        uint32_t n = 0;
        while (n < i->most && at < end && (next = take_character(i, at))) {
            at = next;
            n++;
        }
        if (n < i->least) {
            return false;
        }
    }
    return !s->to_end || at == end;
}
