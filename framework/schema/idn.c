/* Internationalised labels. See idn.h. */
#include "schema/idn.h"
#include "base/ascii.h"

#include <string.h>

#include "base/alloc.h"
#include "schema/idn_classes.h"
#include "value/utf8.h"

enum { LONGEST_LABEL = 63, ACE_PREFIX = 4 };

#define RTL "\\p{bc:R}\\p{bc:AL}"
#define NEUTRAL "\\p{bc:ES}\\p{bc:CS}\\p{bc:ET}\\p{bc:ON}\\p{bc:BN}\\p{bc:NSM}"

typedef enum check {
    LETTERS,   /* must match: RFC 5892 */
    BROKEN,    /* must not match: contextual rules, leading marks */
    JOINERS,   /* must match: zero width joiners in their places */
    HAS_RTL,   /* makes the name a Bidi one */
    BIDI_RULE, /* must match in such a name */
    CHECKS
} check;

/* U+13A0 to U+13F5, Cherokee, are upper case and yet allowed, since they are the stable form. */
static const char *const patterns[CHECKS] = {
    [LETTERS] = "\\A(?:(?![" IDN_UNSTABLE "])[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}\\x{13A0}-"
                "\\x{13F5}\\x{6FD}\\x{6FE}\\x{F0B}\\x{3007}\\x{B7}\\x{375}\\x{5F3}\\x{5F4}\\x{30FB}"
                "\\x{200C}\\x{200D}\\-])*+\\z",
    [BROKEN] = "\\A\\p{M}"
               "|(?<!l)\\x{B7}|\\x{B7}(?!l)"
               "|\\x{375}(?!\\p{sc:Greek})"
               "|(?<!\\p{sc:Hebrew})[\\x{5F3}\\x{5F4}]"
               "|\\A[^\\p{sc:Hiragana}\\p{sc:Katakana}\\p{sc:Han}]*\\x{30FB}"
               "[^\\p{sc:Hiragana}\\p{sc:Katakana}\\p{sc:Han}]*\\z"
               "|[\\x{660}-\\x{669}].*[\\x{6F0}-\\x{6F9}]|[\\x{6F0}-\\x{6F9}].*[\\x{660}-\\x{669}]",
    [JOINERS] = "\\A(?:[" IDN_VIRAMA "][\\x{200C}\\x{200D}]"
                "|[" IDN_JOINS_LEFT "][\\p{Mn}\\p{Me}\\p{Cf}]*\\x{200C}"
                "(?=[\\p{Mn}\\p{Me}\\p{Cf}]*[" IDN_JOINS_RIGHT "])"
                "|[^\\x{200C}\\x{200D}])*\\z",
    [HAS_RTL] = "[" RTL "\\p{bc:AN}]",
    [BIDI_RULE] =
        "\\A(?:(?!.*\\p{bc:EN}.*\\p{bc:AN}|.*\\p{bc:AN}.*\\p{bc:EN})[" RTL "][" RTL
        "\\p{bc:AN}\\p{bc:EN}" NEUTRAL "]*(?<=[" RTL "\\p{bc:AN}\\p{bc:EN}])\\p{bc:NSM}*"
        "|\\p{bc:L}[\\p{bc:L}\\p{bc:EN}" NEUTRAL "]*(?<=[\\p{bc:L}\\p{bc:EN}])\\p{bc:NSM}*)\\z",
};

struct weir_idn {
    weir_regex *checks[CHECKS];
};

weir_status weir_idn_new(weir_idn **out, weir_error *err)
{
    weir_idn *i = weir_calloc(1, sizeof *i);
    if (!i) {
        return weir_fail_oom(err);
    }
    for (int c = 0; c < CHECKS; c++) {
        weir_status s = weir_regex_compile_own(patterns[c], &i->checks[c], err);
        if (s) {
            weir_idn_free(i);
            return s;
        }
    }
    *out = i;
    return WEIR_OK;
}

void weir_idn_free(weir_idn *i)
{
    for (int c = 0; i && c < CHECKS; c++) {
        weir_regex_free(i->checks[c]);
    }
    weir_free(i);
}

static bool matches(const weir_idn_name *name, check c, weir_view text)
{
    return weir_regex_match(name->tools->checks[c], name->scratch, text) == WEIR_REGEX_YES;
}

bool weir_idn_plain_label(weir_idn_name *name, weir_view label)
{
    name->has_rtl |= matches(name, HAS_RTL, label);
    name->breaks_bidi |= !matches(name, BIDI_RULE, label);
    return true;
}

bool weir_idn_bidi_is_valid(const weir_idn_name *name)
{
    return !(name->has_rtl && name->breaks_bidi);
}

static bool letters_are_valid(weir_idn_name *name, weir_view label)
{
    bool dashes = label.ptr[0] == '-' || label.ptr[label.len - 1] == '-' ||
                  (label.len >= 4 && label.ptr[2] == '-' && label.ptr[3] == '-');
    return !dashes && matches(name, LETTERS, label) && !matches(name, BROKEN, label) &&
           matches(name, JOINERS, label) && weir_idn_plain_label(name, label);
}

/* ---- Punycode ------------------------------------------------------------------------------- */

enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72, FIRST_CODE = 128 };

static uint32_t adapt(uint32_t delta, uint32_t count, bool first)
{
    delta = first ? delta / DAMP : delta / 2;
    delta += delta / count;
    uint32_t k = 0;
    for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE) {
        delta /= BASE - TMIN;
    }
    return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
    return k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
}

typedef struct label_text {
    uint32_t codes[LONGEST_LABEL];
    uint32_t count;
} label_text;

static int digit_of(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0' + 26
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? (c | 0x20) - 'a'
                                                    : -1;
}

/* One number of variable length; false when it is cut off or too large. */
static bool decode_number(weir_view *rest, uint32_t bias, uint32_t *i)
{
    uint64_t weight = 1, n = *i;
    for (uint32_t k = BASE;; k += BASE) {
        int digit = rest->len ? digit_of(rest->ptr[0]) : -1;
        if (digit < 0) {
            return false;
        }
        *rest = weir_view_make(rest->ptr + 1, rest->len - 1);
        n += (uint64_t)digit * weight;
        uint32_t t = threshold(k, bias);
        if (n > INT32_MAX || weight > INT32_MAX) {
            return false;
        }
        if ((uint32_t)digit < t) {
            *i = (uint32_t)n;
            return true;
        }
        weight *= BASE - t;
    }
}

static bool decode(weir_view ace, label_text *out)
{
    const char *dash = memrchr(ace.ptr, '-', ace.len);
    size_t basic = dash ? (size_t)(dash - ace.ptr) : 0;
    out->count = 0;
    for (size_t i = 0; i < basic; i++) {
        out->codes[out->count++] = (unsigned char)ace.ptr[i];
    }
    weir_view rest = {ace.ptr + basic + (dash != NULL), ace.len - basic - (dash != NULL)};
    uint32_t code = FIRST_CODE, bias = FIRST_BIAS, i = 0;
    while (rest.len) {
        uint32_t before = i;
        if (out->count == LONGEST_LABEL || !decode_number(&rest, bias, &i)) {
            return false;
        }
        uint32_t places = out->count + 1;
        bias = adapt(i - before, places, before == 0);
        code += i / places;
        i %= places;
        if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
            return false;
        }
        memmove(&out->codes[i + 1], &out->codes[i], (out->count - i) * sizeof *out->codes);
        out->codes[i++] = code;
        out->count++;
    }
    return out->count > basic; /* something beyond ASCII */
}

typedef struct ace_writer {
    char text[LONGEST_LABEL + 1];
    size_t len;
} ace_writer;

static void put_char(ace_writer *w, char c)
{
    if (w->len < sizeof w->text) {
        w->text[w->len++] = c;
    }
}

static void encode_number(ace_writer *w, uint32_t n, uint32_t bias)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = threshold(k, bias);
        if (n < t) {
            put_char(w, digits[n]);
            return;
        }
        put_char(w, digits[t + (n - t) % (BASE - t)]);
        n = (n - t) / (BASE - t);
    }
}

static uint32_t next_code(const label_text *l, uint32_t least)
{
    uint32_t next = UINT32_MAX;
    for (uint32_t i = 0; i < l->count; i++) {
        next = l->codes[i] >= least && l->codes[i] < next ? l->codes[i] : next;
    }
    return next;
}

/* Without its prefix. Longer than a label can be: cut off, its length says so. */
static void encode(const label_text *l, ace_writer *w)
{
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->codes[i] < FIRST_CODE) {
            put_char(w, (char)l->codes[i]);
        }
    }
    uint32_t basic = (uint32_t)w->len, done = basic, delta = 0, code = FIRST_CODE;
    uint32_t bias = FIRST_BIAS;
    if (basic) {
        put_char(w, '-');
    }
    while (done < l->count && w->len < sizeof w->text) {
        uint32_t next = next_code(l, code);
        delta += (next - code) * (done + 1);
        code = next;
        for (uint32_t i = 0; i < l->count; i++) {
            delta += l->codes[i] < code;
            if (l->codes[i] == code) {
                encode_number(w, delta, bias);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done++;
            }
        }
        delta++;
        code++;
    }
}

bool weir_idn_a_label(weir_idn_name *name, weir_view label)
{
    label_text text;
    ace_writer again = {.len = 0};
    char utf8[4 * LONGEST_LABEL] = "";
    size_t len = 0;
    weir_view ace = {label.ptr + ACE_PREFIX, label.len - ACE_PREFIX};
    if (!ace.len || label.len > LONGEST_LABEL || !decode(ace, &text)) {
        return false;
    }
    for (uint32_t i = 0; i < text.count; i++) {
        len += weir_utf8_encode(text.codes[i], utf8 + len);
    }
    encode(&text, &again);
    return again.len == ace.len && weir_ascii_same_n(again.text, ace.ptr, ace.len) &&
           letters_are_valid(name, weir_view_make(utf8, len));
}

bool weir_idn_u_label(weir_idn_name *name, weir_view label, size_t *ascii)
{
    label_text text = {.count = 0};
    ace_writer ace = {.len = 0};
    for (size_t i = 0; i < label.len;) {
        unsigned char lead = (unsigned char)label.ptr[i];
        size_t length = weir_utf8_length(label.ptr + i, label.ptr + label.len);
        if (!length || text.count == LONGEST_LABEL) {
            return false;
        }
        uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
        for (size_t k = 1; k < length; k++) {
            code = code << 6 | ((unsigned char)label.ptr[i + k] & 0x3FU);
        }
        text.codes[text.count++] = code;
        i += length;
    }
    encode(&text, &ace);
    *ascii = ace.len + ACE_PREFIX;
    return *ascii <= LONGEST_LABEL && letters_are_valid(name, label);
}
