/* ECMA-262 patterns in PCRE2's language. See regex.h.
 *
 * One pass over the pattern, which also is its syntax check: what is appended never means anything
 * to PCRE2 that it does not mean in ECMA-262. Unicode mode, but for what many schemas do and what
 * is plain: "\-" and other escaped punctuation, "{", "}" and "]" as themselves. */
#include <stdio.h>
#include <string.h>

#include "schema/regex.h"
#include "value/utf8.h"

/* White space and line terminators (ECMA-262, 12.2 and 12.3), and everything else. */
#define SPACE                                                                            \
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
    "\\x{205f}\\x{3000}\\x{feff}"
#define NO_SPACE                                                                     \
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}" \
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"   \
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}"

enum { MOST_DEPTH = 200, MOST_NAMES = 64, MOST_REPEAT = 65535 };

typedef struct translation {
    const char *at, *end;
    weir_buf *out;
    const char *why;
    uint32_t depth, groups, highest_reference;
    weir_view names[MOST_NAMES], wanted[MOST_NAMES];
    uint32_t n_names, n_wanted;
    bool repeatable; /* what stands before may be repeated */
} translation;

static bool refuse(translation *t, const char *why)
{
    t->why = t->why ? t->why : why;
    return false;
}

static void put(translation *t, const char *text)
{
    if (t->out) {
        weir_buf_puts(t->out, text);
    }
}

static void put_code(translation *t, uint32_t code)
{
    if (t->out) {
        weir_buf_printf(t->out, "\\x{%x}", code);
    }
}

static int next(const translation *t)
{
    return t->at < t->end ? (unsigned char)*t->at : -1;
}

static bool take(translation *t, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(t->end - t->at) < len || memcmp(t->at, word, len) != 0) {
        return false;
    }
    t->at += len;
    return true;
}

static uint32_t take_character(translation *t)
{
    unsigned char lead = (unsigned char)*t->at;
    size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = lead & (length == 1 ? 0x7FU : 0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        c = c << 6 | ((unsigned char)t->at[i] & 0x3FU);
    }
    t->at += length;
    return c;
}

static int hex(int c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static bool take_hex(translation *t, int digits, uint32_t *code)
{
    uint32_t n = 0;
    for (int i = 0; i < digits; i++) {
        int value = hex(next(t));
        if (value < 0) {
            return refuse(t, "an escape lacks hexadecimal digits");
        }
        n = n << 4 | (uint32_t)value;
        t->at++;
    }
    *code = n;
    return true;
}

/* Behind "\u": four digits, two such for a pair of surrogates, or braces. */
static bool take_unicode(translation *t, uint32_t *code)
{
    if (take(t, "{")) {
        uint32_t n = 0;
        const char *start = t->at;
        for (int value; (value = hex(next(t))) >= 0 && n <= 0x10FFFF; t->at++) {
            n = n << 4 | (uint32_t)value;
        }
        *code = n;
        bool good = t->at > start && n <= 0x10FFFF && (n < 0xD800 || n > 0xDFFF);
        return (good && take(t, "}")) || refuse(t, "\\u{…} is no character");
    }
    uint32_t low;
    if (!take_hex(t, 4, code)) {
        return false;
    }
    if (*code >= 0xD800 && *code <= 0xDBFF && take(t, "\\u") && take_hex(t, 4, &low) &&
        low >= 0xDC00 && low <= 0xDFFF) {
        *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    }
    return (*code < 0xD800 || *code > 0xDFFF) || refuse(t, "a surrogate alone matches nothing");
}

/* Long names of general categories; PCRE2 knows the short ones. */
static const char *short_category(weir_view name)
{
    static const char *const names[][2] = {{"Letter", "L"}, {"Cased_Letter", "L&"}, {"LC", "L&"},
        {"Uppercase_Letter", "Lu"}, {"Lowercase_Letter", "Ll"}, {"Titlecase_Letter", "Lt"},
        {"Modifier_Letter", "Lm"}, {"Other_Letter", "Lo"}, {"Mark", "M"}, {"Combining_Mark", "M"},
        {"Nonspacing_Mark", "Mn"}, {"Spacing_Mark", "Mc"}, {"Enclosing_Mark", "Me"},
        {"Number", "N"}, {"Decimal_Number", "Nd"}, {"digit", "Nd"}, {"Letter_Number", "Nl"},
        {"Other_Number", "No"}, {"Punctuation", "P"}, {"punct", "P"},
        {"Connector_Punctuation", "Pc"}, {"Dash_Punctuation", "Pd"}, {"Open_Punctuation", "Ps"},
        {"Close_Punctuation", "Pe"}, {"Initial_Punctuation", "Pi"}, {"Final_Punctuation", "Pf"},
        {"Other_Punctuation", "Po"}, {"Symbol", "S"}, {"Math_Symbol", "Sm"},
        {"Currency_Symbol", "Sc"}, {"Modifier_Symbol", "Sk"}, {"Other_Symbol", "So"},
        {"Separator", "Z"}, {"Space_Separator", "Zs"}, {"Line_Separator", "Zl"},
        {"Paragraph_Separator", "Zp"}, {"Other", "C"}, {"Control", "Cc"}, {"cntrl", "Cc"},
        {"Format", "Cf"}, {"Private_Use", "Co"}, {"Unassigned", "Cn"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (weir_view_is(name, names[i][0])) {
            return names[i][1];
        }
    }
    return NULL;
}

static weir_view behind(weir_view name, const char *prefix)
{
    size_t len = strlen(prefix);
    bool has = name.len > len && memcmp(name.ptr, prefix, len) == 0;
    return has ? weir_view_make(name.ptr + len, name.len - len) : (weir_view){NULL, 0};
}

static void put_property(translation *t, bool negated, weir_view name)
{
    weir_view script = behind(name, "Script="), extended = behind(name, "Script_Extensions=");
    weir_view category = behind(name, "General_Category=");
    script = script.ptr ? script : behind(name, "sc=");
    extended = extended.ptr ? extended : behind(name, "scx=");
    category = category.ptr ? category : behind(name, "gc=");
    const char *kind = script.ptr ? "sc:" : extended.ptr ? "scx:" : "";
    name = script.ptr ? script : extended.ptr ? extended : category.ptr ? category : name;
    const char *known = *kind ? NULL : short_category(name);
    name = known ? weir_view_of(known) : name;
    if (t->out) {
        weir_buf_printf(t->out, "\\%c{%s%.*s}", negated ? 'P' : 'p', kind, WEIR_ARG(name));
    }
}

/* Behind "\p" or "\P". */
static bool take_property(translation *t, bool negated)
{
    if (!take(t, "{")) {
        return refuse(t, "\\p needs a property in braces");
    }
    const char *start = t->at;
    for (int c; (c = next(t)) == '_' || c == '=' || (c >= '0' && c <= '9') ||
                ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
         t->at++) {
    }
    weir_view name = {start, (size_t)(t->at - start)};
    if (!name.len || !take(t, "}")) {
        return refuse(t, "\\p needs a property in braces");
    }
    put_property(t, negated, name);
    return true;
}

/* An escape that is a set of characters. *done: it was one. */
static bool take_set(translation *t, bool in_class, bool *done)
{
    static const char sets[] = "dDwW";
    int c = next(t);
    *done = true;
    if (c > 0 && strchr(sets, c)) {
        t->at++;
        put(t, (char[]){'\\', (char)c, '\0'});
    } else if (c == 's' || c == 'S') {
        t->at++;
        put(t, in_class ? "" : "[");
        put(t, c == 's' ? SPACE : NO_SPACE);
        put(t, in_class ? "" : "]");
    } else if (c == 'p' || c == 'P') {
        t->at++;
        return take_property(t, c == 'P');
    } else {
        *done = false;
    }
    return true;
}

/* An escape that is one character. */
static bool take_escaped(translation *t, uint32_t *code)
{
    static const char letters[] = "tnvfr", values[] = "\t\n\v\f\r";
    int c = next(t);
    if (c < 0) {
        return refuse(t, "a backslash ends the pattern");
    }
    t->at++;
    const char *letter = strchr(letters, c);
    if (c && letter) {
        *code = (unsigned char)values[letter - letters];
        return true;
    }
    bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (c == '0' && !(next(t) >= '0' && next(t) <= '9')) {
        *code = 0;
    } else if (c == 'x') {
        return take_hex(t, 2, code);
    } else if (c == 'u') {
        return take_unicode(t, code);
    } else if (c == 'c') {
        int control = next(t);
        if (!((control | 0x20) >= 'a' && (control | 0x20) <= 'z')) {
            return refuse(t, "\\c needs a letter");
        }
        *code = (uint32_t)control & 31;
        t->at++;
    } else if (is_letter || (c >= '0' && c <= '9') || c >= 0x80 || c == '_') {
        return refuse(t, "an escape that ECMA-262 does not have");
    } else {
        *code = (uint32_t)c;
    }
    return true;
}

/* ---- classes -------------------------------------------------------------------------------- */

/* One end of a range, or a set (*is_set). Appends nothing of a character. */
static bool take_class_atom(translation *t, bool *is_set, uint32_t *code)
{
    *is_set = false;
    if (!take(t, "\\")) {
        *code = take_character(t);
        return true;
    }
    if (!take_set(t, true, is_set)) {
        return false;
    }
    if (*is_set) {
        return true;
    }
    if (take(t, "b")) {
        *code = 8;
        return true;
    }
    return take_escaped(t, code);
}

static bool take_class_item(translation *t)
{
    bool is_set;
    uint32_t first = 0, last = 0;
    if (!take_class_atom(t, &is_set, &first)) {
        return false;
    }
    if (is_set) {
        if (next(t) == '-' && t->end - t->at > 1 && t->at[1] != ']') {
            t->at++; /* behind a set it is itself */
            put(t, "\\-");
        }
        return true;
    }
    put_code(t, first);
    if (next(t) != '-' || t->end - t->at < 2 || t->at[1] == ']') {
        return true;
    }
    const char *dash = t->at++;
    size_t len = t->out ? t->out->len : 0;
    if (!take_class_atom(t, &is_set, &last)) {
        return false;
    }
    if (is_set) { /* before one too */
        if (t->out) {
            t->out->len = len;
        }
        t->at = dash + 1;
        put(t, "\\-");
        return true;
    }
    put(t, "-");
    put_code(t, last);
    return first <= last || refuse(t, "a range in a class goes backwards");
}

/* Behind '['. */
static bool take_class(translation *t)
{
    bool negated = take(t, "^");
    t->repeatable = true;
    if (take(t, "]")) {
        put(t, negated ? "[\\x{0}-\\x{10ffff}]" : "(?!)");
        return true;
    }
    put(t, negated ? "[^" : "[");
    while (next(t) >= 0 && next(t) != ']') {
        if (!take_class_item(t)) {
            return false;
        }
    }
    put(t, "]");
    return take(t, "]") || refuse(t, "a class is not closed");
}

/* ---- groups and references ------------------------------------------------------------------ */

/* A group's name up to '>', in the form that PCRE2 knows too. */
static bool take_name(translation *t, weir_view *name)
{
    const char *start = t->at;
    for (int c; (c = next(t)) == '_' || (c >= '0' && c <= '9' && t->at > start) ||
                ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
         t->at++) {
    }
    *name = weir_view_make(start, (size_t)(t->at - start));
    bool good = name->len && name->len <= 32 && take(t, ">");
    return good || refuse(t, "a group's name is letters, digits and _, at most 32");
}

static bool take_named_group(translation *t)
{
    weir_view name;
    if (!take_name(t, &name)) {
        return false;
    }
    for (uint32_t i = 0; i < t->n_names; i++) {
        if (weir_view_eq(t->names[i], name)) {
            return refuse(t, "two groups have one name");
        }
    }
    if (t->n_names == MOST_NAMES) {
        return refuse(t, "too many named groups");
    }
    t->names[t->n_names++] = name;
    t->groups++;
    if (t->out) {
        weir_buf_printf(t->out, "(?<%.*s>", WEIR_ARG(name));
    }
    return true;
}

/* Behind '('. */
static bool take_group(translation *t)
{
    static const char *const kinds[] = {"?:", "?=", "?!", "?<=", "?<!"};
    if (++t->depth > MOST_DEPTH) {
        return refuse(t, "groups are nested too deep");
    }
    t->repeatable = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (take(t, kinds[i])) {
            put(t, "(");
            put(t, kinds[i]);
            return true;
        }
    }
    if (take(t, "?<")) {
        return take_named_group(t);
    }
    if (next(t) == '?') {
        return refuse(t, "(? begins a group that ECMA-262 does not have");
    }
    t->groups++;
    put(t, "(");
    return true;
}

static bool take_reference(translation *t)
{
    uint32_t n = 0;
    for (int c; (c = next(t)) >= '0' && c <= '9' && n < 10000; t->at++) {
        n = n * 10 + (uint32_t)(c - '0');
    }
    t->highest_reference = n > t->highest_reference ? n : t->highest_reference;
    if (t->out) {
        weir_buf_printf(t->out, "\\g{%u}", n);
    }
    return true;
}

static bool take_named_reference(translation *t)
{
    weir_view name;
    if (!take(t, "<") || !take_name(t, &name)) {
        return refuse(t, "\\k needs a group's name in < and >");
    }
    if (t->n_wanted == MOST_NAMES) {
        return refuse(t, "too many references by name");
    }
    t->wanted[t->n_wanted++] = name;
    if (t->out) {
        weir_buf_printf(t->out, "\\k<%.*s>", WEIR_ARG(name));
    }
    return true;
}

static bool references_exist(translation *t)
{
    if (t->highest_reference > t->groups) {
        return refuse(t, "a reference to a group that is not there");
    }
    for (uint32_t i = 0; i < t->n_wanted; i++) {
        bool found = false;
        for (uint32_t k = 0; k < t->n_names; k++) {
            found |= weir_view_eq(t->wanted[i], t->names[k]);
        }
        if (!found) {
            return refuse(t, "a reference to a group that is not there");
        }
    }
    return true;
}

/* ---- the rest ------------------------------------------------------------------------------- */

static bool take_number(translation *t, uint32_t *n)
{
    const char *start = t->at;
    *n = 0;
    for (int c; (c = next(t)) >= '0' && c <= '9'; t->at++) {
        *n = *n > MOST_REPEAT ? *n : *n * 10 + (uint32_t)(c - '0');
    }
    return t->at > start;
}

/* Behind '{': a quantifier, or itself. *is_one: a quantifier. */
static bool take_braces(translation *t, bool *is_one)
{
    const char *start = t->at;
    uint32_t least, most;
    bool open = false;
    *is_one = take_number(t, &least);
    most = least;
    if (*is_one && take(t, ",")) {
        open = !take_number(t, &most);
    }
    *is_one = *is_one && take(t, "}");
    if (!*is_one) {
        t->at = start;
        put(t, "\\{");
        return true;
    }
    if (least > MOST_REPEAT || (!open && (most > MOST_REPEAT || most < least))) {
        return refuse(t, "a quantifier is beyond 65535, or its ends are the wrong way round");
    }
    if (t->out) {
        weir_buf_putc(t->out, '{');
        weir_buf_put(t->out, start, (size_t)(t->at - start));
    }
    return true;
}

static bool end_quantifier(translation *t)
{
    if (!t->repeatable) {
        return refuse(t, "a quantifier with nothing to repeat");
    }
    if (take(t, "?")) {
        put(t, "?");
    }
    t->repeatable = false;
    return true;
}

static bool take_escape(translation *t)
{
    bool done;
    uint32_t code = 0;
    int c = next(t);
    t->repeatable = c != 'b' && c != 'B';
    if (!t->repeatable) {
        t->at++;
        put(t, c == 'b' ? "\\b" : "\\B");
        return true;
    }
    if (c >= '1' && c <= '9') {
        return take_reference(t);
    }
    if (take(t, "k")) {
        return take_named_reference(t);
    }
    if (!take_set(t, false, &done) || done) {
        return done && !t->why;
    }
    if (!take_escaped(t, &code)) {
        return false;
    }
    put_code(t, code);
    return true;
}

static bool take_bracket(translation *t, char c)
{
    bool is_quantifier;
    switch (c) {
    case '(':
        return take_group(t);
    case ')':
        if (!t->depth--) {
            return refuse(t, "a ) without its (");
        }
        t->repeatable = true;
        put(t, ")");
        return true;
    case '[':
        return take_class(t);
    default:
        if (!take_braces(t, &is_quantifier)) {
            return false;
        }
        if (is_quantifier) {
            return end_quantifier(t);
        }
        t->repeatable = true;
        return true;
    }
}

static bool take_term(translation *t)
{
    int c = next(t);
    if (c >= 0x80 || !strchr("^$.|*+?([{)\\", c) || !c) {
        put_code(t, take_character(t));
        t->repeatable = true;
        return true;
    }
    t->at++;
    switch (c) {
    case '^':
    case '$':
    case '|':
        put(t, c == '^' ? "\\A" : c == '$' ? "\\z" : "|");
        t->repeatable = false;
        return true;
    case '.':
        put(t, "[^\\x{a}\\x{d}\\x{2028}\\x{2029}]");
        t->repeatable = true;
        return true;
    case '*':
    case '+':
    case '?':
        put(t, (char[]){(char)c, '\0'});
        return end_quantifier(t);
    case '\\':
        return take_escape(t);
    default:
        return take_bracket(t, (char)c);
    }
}

bool weir_regex_translate(weir_view pattern, weir_buf *out, const char **why)
{
    translation t = {.at = pattern.ptr, .end = pattern.ptr + pattern.len, .out = out};
    bool good = pattern.len <= WEIR_REGEX_LONGEST || refuse(&t, "the pattern is too long");
    while (good && t.at < t.end) {
        good = take_term(&t);
    }
    good = good && (t.depth == 0 || refuse(&t, "a ( is not closed")) && references_exist(&t);
    *why = t.why;
    return good;
}
