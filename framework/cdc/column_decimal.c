/* Decimals: every way Debezium sends a numeric or money, as its exact text.
 *
 *   precise   base64 of the unscaled number, big-endian two's complement; the scale is the type's
 *   precise   {"scale":2,"value":"…"} where the type has none (VariableScaleDecimal)
 *   string    "12.50", NAN, POSITIVE_INFINITY, NEGATIVE_INFINITY
 *   double    12.5 or 1.0E10; "NaN", "Infinity" */
#include "cdc/column_kind.h"

enum {
    MOST_BYTES = 61440,    /* 147,455 digits, the most PostgreSQL stores, are 61,228 bytes */
    MOST_SCALE = 16383,    /* PostgreSQL's */
    MOST_EXPONENT = 20000, /* bounds what "1e999999999" can ask for; a double has 308 */
};

/* A decimal taken apart: whole.fraction, digits only. */
typedef struct decimal {
    bool negative;
    weir_view whole, fraction;
} decimal;

/* ---- writing --------------------------------------------------------------------------------- */

static void put_zeros(weir_buf *to, size_t count)
{
    if (weir_buf_reserve(to, count) && count) {
        memset(to->ptr + to->len, '0', count);
        to->len += count;
    }
}

static bool all_zeros(weir_view digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] != '0') {
            return false;
        }
    }
    return true;
}

/* At least `scale` digits behind the point. PostgreSQL knows no leading zeros and no minus zero. */
static void put_decimal(weir_buf *to, decimal d, int32_t scale)
{
    while (d.whole.len && d.whole.ptr[0] == '0') {
        d.whole.ptr++;
        d.whole.len--;
    }
    if (d.negative && !(d.whole.len == 0 && all_zeros(d.fraction))) {
        weir_buf_putc(to, '-');
    }
    if (d.whole.len == 0) {
        weir_buf_putc(to, '0');
    }
    weir_buf_putv(to, d.whole);
    size_t pad = scale > 0 && (size_t)scale > d.fraction.len ? (size_t)scale - d.fraction.len : 0;
    if (d.fraction.len + pad > 0) {
        weir_buf_putc(to, '.');
        weir_buf_putv(to, d.fraction);
        put_zeros(to, pad);
    }
}

/* digits × 10^-scale. */
static void put_scaled(weir_buf *to, bool negative, weir_view digits, int32_t scale)
{
    size_t places = scale > 0 ? (size_t)scale : 0;
    if (digits.len > places) {
        weir_view whole = {digits.ptr, digits.len - places};
        weir_view fraction = {digits.ptr + whole.len, places};
        put_decimal(to, (decimal){negative, whole, fraction}, 0);
        put_zeros(to, scale < 0 && !all_zeros(digits) ? (size_t)-scale : 0);
        return;
    }
    weir_buf_puts(to, negative ? "-0." : "0.");
    put_zeros(to, places - digits.len);
    weir_buf_putv(to, digits);
}

/* ---- the unscaled number --------------------------------------------------------------------- */

/* Up to eight bytes: one machine word. */
static void put_small(weir_buf *to, weir_view bytes, int32_t scale)
{
    uint64_t n = (unsigned char)bytes.ptr[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes.len; i++) {
        n = n << 8 | (unsigned char)bytes.ptr[i];
    }
    bool negative = n >> 63;
    n = negative ? 0 - n : n;
    char digits[20];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    weir_view view = {first, (size_t)(digits + sizeof digits - first)};
    put_scaled(to, negative, view, scale);
}

/* The magnitude as 32-bit words, highest first, by way of two's complement. */
static void load_words(weir_view bytes, bool negative, uint32_t *words, size_t n_words)
{
    uint64_t carry = negative;
    for (size_t w = 0; w < n_words; w++) { /* from the low end */
        uint32_t word = 0;
        for (size_t b = 0; b < 4; b++) {
            size_t from_end = w * 4 + b;
            uint32_t byte = from_end < bytes.len
                                ? (unsigned char)bytes.ptr[bytes.len - 1 - from_end]
                            : negative ? 0xFFU
                                       : 0U;
            word |= byte << 8 * b;
        }
        carry += negative ? ~word : word;
        words[n_words - 1 - w] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Divides by 10^9 in place and returns the remainder. */
static uint32_t divide_words(uint32_t *words, size_t n_words)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < n_words; i++) {
        rest = rest << 32 | words[i];
        words[i] = (uint32_t)(rest / 1000000000);
        rest %= 1000000000;
    }
    return (uint32_t)rest;
}

/* Any length: nine digits at a time. Quadratic, hence MOST_BYTES. */
static weir_status put_large(
    weir_buf *to, weir_view bytes, int32_t scale, weir_arena *scratch, weir_error *err)
{
    size_t n_words = (bytes.len + 3) / 4;
    uint32_t *words = weir_arena_alloc(scratch, n_words * sizeof *words);
    size_t room = n_words * 10 + 9; /* a word is 9.6 digits */
    char *digits = weir_arena_bytes(scratch, room);
    if (!words || !digits) {
        return weir_fail_oom(err);
    }
    bool negative = (unsigned char)bytes.ptr[0] & 0x80;
    load_words(bytes, negative, words, n_words);
    char *first = digits + room;
    while (n_words) {
        if (words[0] == 0) {
            words++;
            n_words--;
            continue;
        }
        uint32_t nine = divide_words(words, n_words);
        for (int i = 0; i < 9; i++) {
            *--first = (char)('0' + nine % 10);
            nine /= 10;
        }
    }
    if (first == digits + room) {
        *--first = '0'; /* nothing but zero words */
    }
    while (first < digits + room - 1 && *first == '0') {
        first++;
    }
    put_scaled(to, negative, weir_view_make(first, (size_t)(digits + room - first)), scale);
    return WEIR_OK;
}

static weir_status put_unscaled(const weir_column *c, const weir_value *v, weir_view bytes,
    int32_t scale, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (bytes.len == 0) {
        return weir_column_refuse(c, v, "no bytes", err);
    }
    if (bytes.len <= 8) {
        put_small(to, bytes, scale);
        return WEIR_OK;
    }
    if (bytes.len > MOST_BYTES) {
        return weir_column_refuse(c, v, "more digits than a numeric has", err);
    }
    return put_large(to, bytes, scale, scratch, err);
}

static weir_status put_binary(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (c->scale == WEIR_SCALE_UNKNOWN) {
        return weir_column_refuse(c, v,
            "binary without a scale: give the type as numeric(p,s), or set the decimal mode", err);
    }
    weir_view bytes;
    weir_status status = weir_column_bytes(c, v, scratch, &bytes, err);
    if (status == WEIR_REJECT) {
        return weir_column_refuse(c, v,
            "neither base64, as decimal.handling.mode precise writes it, nor a JSON number (digits "
            "in a text: the source's modes: {decimal: string})",
            err);
    }
    return status == WEIR_OK ? put_unscaled(c, v, bytes, c->scale, scratch, to, err) : status;
}

/* {"scale":35,"value":"PIE/ZjbZhPJZW2o3KlPQ"} */
static weir_status put_variable(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const weir_value *value = weir_gets(v, "value");
    int64_t scale;
    if (!weir_to_int64(weir_gets(v, "scale"), &scale) || scale < -MOST_SCALE ||
        scale > MOST_SCALE || !(weir_is(value, WEIR_STRING) || weir_is(value, WEIR_BYTES))) {
        return weir_column_refuse(c, v, "not {scale, value}", err);
    }
    weir_view bytes;
    weir_status status = weir_column_bytes(c, value, scratch, &bytes, err);
    return status == WEIR_OK ? put_unscaled(c, value, bytes, (int32_t)scale, scratch, to, err)
                             : status;
}

/* ---- decimal text ---------------------------------------------------------------------------- */

static weir_view take_digits(const char **at, const char *end)
{
    const char *first = *at;
    while (*at < end && **at >= '0' && **at <= '9') {
        ++*at;
    }
    return weir_view_make(first, (size_t)(*at - first));
}

/* "-12.50", "1.0E10"; false when it is none. */
static bool read_decimal(weir_view text, decimal *d, int64_t *exponent)
{
    const char *p = text.ptr, *end = p + text.len;
    d->negative = p < end && *p == '-';
    p += d->negative;
    d->whole = take_digits(&p, end);
    d->fraction = weir_view_make(p, 0);
    if (p < end && *p == '.') {
        p++;
        d->fraction = take_digits(&p, end);
    }
    *exponent = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && *p == '+';
        return d->whole.len && weir_text_to_int64(weir_view_make(p, (size_t)(end - p)), exponent);
    }
    return p == end && d->whole.len + d->fraction.len > 0;
}

/* Moves the point. False when memory ran out. */
static bool shift_point(decimal *d, int64_t exponent, weir_arena *scratch)
{
    size_t far = (size_t)(exponent < 0 ? -exponent : exponent);
    size_t digits = d->whole.len + d->fraction.len;
    size_t before = exponent < 0 ? far : 0; /* zeros in front */
    size_t whole = exponent < 0 ? d->whole.len : d->whole.len + far;
    size_t room = before + digits > whole ? before + digits : whole;
    char *p = weir_arena_bytes(scratch, room);
    if (!p) {
        return false;
    }
    memset(p, '0', room);
    memcpy(p + before, d->whole.ptr, d->whole.len);
    memcpy(p + before + d->whole.len, d->fraction.ptr, d->fraction.len);
    d->whole = weir_view_make(p, whole);
    d->fraction = weir_view_make(p + whole, room - whole);
    return true;
}

/* A number of double mode says nothing by its trailing zeros (10.0); a text keeps what it has. */
static weir_status put_text(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    decimal d;
    int64_t exponent;
    if (!read_decimal(weir_raw(v), &d, &exponent) || exponent < -MOST_EXPONENT ||
        exponent > MOST_EXPONENT) {
        return weir_column_refuse(c, v, "not a decimal number", err);
    }
    if (exponent && !shift_point(&d, exponent, scratch)) {
        return weir_fail_oom(err);
    }
    while (v->type != WEIR_STRING && d.fraction.len && d.fraction.ptr[d.fraction.len - 1] == '0') {
        d.fraction.len--;
    }
    put_decimal(to, d, c->scale);
    return WEIR_OK;
}

static weir_status put_any(const weir_column *c, const weir_value *v, bool text,
    weir_arena *scratch, weir_buf *to, weir_error *err)
{
    if (v->type == WEIR_OBJECT) {
        return put_variable(c, v, scratch, to, err);
    }
    if (v->type == WEIR_BYTES || (v->type == WEIR_STRING && !text)) {
        return put_binary(c, v, scratch, to, err);
    }
    return put_text(c, v, scratch, to, err);
}

/* ---- columns --------------------------------------------------------------------------------- */

weir_status weir_render_numeric(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return put_any(c, v, false, scratch, to, err);
}

weir_status weir_render_numeric_text(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const char *special = v->type == WEIR_STRING ? weir_special_number(weir_raw(v)) : NULL;
    if (special) {
        weir_buf_putc(to, '"');
        weir_buf_puts(to, special);
        weir_buf_putc(to, '"');
        return WEIR_OK;
    }
    return put_any(c, v, true, scratch, to, err);
}

/* "-$1,234.56": money's text depends on lc_monetary; this is its form in C and en_US. */
static void put_money(weir_buf *to, weir_view decimal_text)
{
    const char *p = decimal_text.ptr, *end = p + decimal_text.len;
    weir_buf_putc(to, '"');
    if (*p == '-') {
        weir_buf_putc(to, *p++);
    }
    weir_buf_putc(to, '$');
    const char *point = memchr(p, '.', (size_t)(end - p));
    for (point = point ? point : end; p < point; p++) {
        weir_buf_putc(to, *p);
        if ((point - p) % 3 == 1 && point - p > 1) {
            weir_buf_putc(to, ',');
        }
    }
    weir_buf_put(to, point, (size_t)(end - point));
    weir_buf_putc(to, '"');
}

static weir_status render_money(const weir_column *c, const weir_value *v, bool text,
    weir_arena *scratch, weir_buf *to, weir_error *err)
{
    enum { LONGEST = 32 }; /* a money is 64 bits */
    char plain[LONGEST] = "";
    size_t start = to->len;
    weir_status status = put_any(c, v, text, scratch, to, err);
    size_t len = to->len - start;
    if (status != WEIR_OK || to->failed) {
        return status;
    }
    if (len > LONGEST) {
        return weir_column_refuse(c, v, "more digits than money has", err);
    }
    memcpy(plain, to->ptr + start, len);
    to->len = start;
    put_money(to, weir_view_make(plain, len));
    return WEIR_OK;
}

weir_status weir_render_money(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return render_money(c, v, false, scratch, to, err);
}

weir_status weir_render_money_text(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    return render_money(c, v, true, scratch, to, err);
}
