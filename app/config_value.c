/* Single values, read and written. See config_value.h. */
#include "config_value.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

/* From small to large; of two with the same reach the binary one is written last, so it is
 * preferred when a value is printed. */
static const unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const unit size_units[] = {{"B", 1}, {"kB", 1000}, {"KiB", UINT64_C(1) << 10},
    {"MB", 1000000}, {"MiB", UINT64_C(1) << 20}, {"GB", 1000000000}, {"GiB", UINT64_C(1) << 30},
    {"TB", UINT64_C(1000000000000)}, {"TiB", UINT64_C(1) << 40}};

/* Why a text is no quantity needs its words; this is all that tells durations and sizes apart. */
typedef struct quantity {
    const unit *units;
    size_t count;
    const char *noun, *unit_list;
    void (*put)(uint64_t n, weir_buf *to);
} quantity;

static const quantity durations = {duration_units, sizeof duration_units / sizeof *duration_units,
    "a duration", "ms, s, m, h, d", weir_config_put_duration};
static const quantity sizes = {size_units, sizeof size_units / sizeof *size_units, "a size",
    "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB", weir_config_put_size};

const char *weir_config_duration_units(void)
{
    return durations.unit_list;
}

const char *weir_config_size_units(void)
{
    return sizes.unit_list;
}

/* Is false. */
__attribute__((format(printf, 3, 4))) static bool refuse(
    weir_config_refusal *why, weir_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    why->code = code;
    return false;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* The digits at the start; returns what follows them. A number that is too large becomes
 * UINT64_MAX. */
static const char *read_digits(const char *text, uint64_t *n)
{
    *n = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        *n = *n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *n * 10 + digit;
    }
    return text;
}

static void put_count(uint64_t n, weir_buf *to)
{
    weir_buf_uint(to, n);
}

static bool is_in_range(const weir_config_key *key, uint64_t n, const char *shown,
    void (*put)(uint64_t, weir_buf *), weir_config_refusal *why)
{
    uint64_t max = key->max ? key->max : INT64_MAX;
    if (n >= key->min && n <= max) {
        return true;
    }
    weir_buf bound = {0};
    put(n < key->min ? key->min : max, &bound);
    refuse(why, WEIR_E_CONFIG_BAD_VALUE, "`%.40s` is too %s: at %s %s", shown,
        n < key->min ? "small" : "large", n < key->min ? "least" : "most", weir_buf_str(&bound));
    weir_buf_fini(&bound);
    return false;
}

static bool read_quantity(const quantity *q, const weir_config_key *key, const char *text,
    const char *shown, uint64_t *out, weir_config_refusal *why)
{
    uint64_t n;
    const char *name = read_digits(text, &n);
    if (name > text && !*name) {
        return refuse(why, WEIR_E_CONFIG_NO_UNIT,
            "`%.40s` has no unit: put one of %s behind the number", shown, q->unit_list);
    }
    for (size_t i = 0; name > text && i < q->count; i++) {
        if (strcmp(name, q->units[i].name) == 0) {
            uint64_t factor = q->units[i].factor;
            *out = n > UINT64_MAX / factor ? UINT64_MAX : n * factor;
            return is_in_range(key, *out, shown, q->put, why);
        }
    }
    return refuse(why, WEIR_E_CONFIG_BAD_VALUE,
        "`%.40s` is not %s: a whole number with one of %s behind it", shown, q->noun, q->unit_list);
}

static bool read_count(const weir_config_key *key, const char *text, const char *shown,
    uint32_t *out, weir_config_refusal *why)
{
    uint64_t n;
    if (key->zero && strcmp(text, key->zero) == 0) {
        *out = 0;
        return true;
    }
    const char *end = read_digits(text, &n);
    if (end == text || *end) {
        return refuse(why, WEIR_E_CONFIG_BAD_VALUE, "`%.40s` is not a whole number%s%s%s", shown,
            key->zero ? ", nor `" : "", key->zero ? key->zero : "", key->zero ? "`" : "");
    }
    weir_config_key bounded = *key;
    bounded.min = key->zero && !key->min ? 1 : key->min;
    bounded.max = key->max ? key->max : UINT32_MAX;
    *out = (uint32_t)n;
    return is_in_range(&bounded, n, shown, put_count, why);
}

/* ---- words ------------------------------------------------------------------------------- */

static bool read_flag(const char *text, const char *shown, bool *out, weir_config_refusal *why)
{
    *out = strcmp(text, "true") == 0;
    if (*out || strcmp(text, "false") == 0) {
        return true;
    }
    return refuse(why, WEIR_E_CONFIG_BAD_VALUE, "`%.40s` is neither `true` nor `false`", shown);
}

/* Lists the choices that this version has. */
static void put_choices(weir_config_choices choices, weir_buf *to)
{
    for (size_t i = 0; i < choices.count; i++) {
        if (!choices.items[i].later) {
            weir_buf_printf(to, "%s`%s`", to->len ? ", " : "", choices.items[i].spelling);
        }
    }
}

static bool refuse_word(
    weir_config_choices choices, const char *text, const char *shown, weir_config_refusal *why)
{
    weir_config_nearest nearest = {.word = text};
    for (size_t i = 0; i < choices.count; i++) {
        weir_config_offer(&nearest, choices.items[i].spelling);
    }
    const char *meant = weir_config_meant(&nearest);
    if (meant) {
        return refuse(
            why, WEIR_E_CONFIG_BAD_VALUE, "`%.40s` is not known; did you mean `%s`?", shown, meant);
    }
    weir_buf list = {0};
    put_choices(choices, &list);
    refuse(why, WEIR_E_CONFIG_BAD_VALUE, "`%.40s` is not one of %s", shown, weir_buf_str(&list));
    weir_buf_fini(&list);
    return false;
}

static bool read_choice(const weir_config_key *key, const char *text, const char *shown,
    void *field, weir_config_refusal *why)
{
    weir_config_choices c = key->choices;
    for (size_t i = 0; i < c.count; i++) {
        if (strcmp(text, c.items[i].spelling) != 0) {
            continue;
        }
        int choice = (int)i; /* the enums are stored as ints, see config_table.c */
        memcpy(field, &choice, sizeof choice);
        if (c.items[i].later) {
            refuse(why, WEIR_E_CONFIG_NOT_YET, "`%s` is not in this version; %s", text,
                c.items[i].later);
        }
        return !c.items[i].later;
    }
    return refuse_word(c, text, shown, why);
}

/* ---- texts ------------------------------------------------------------------------------- */

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
static const char topic_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

static const char event_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:";

bool weir_config_is_name(const char *text, const char **must_be)
{
    size_t len = strlen(text);
    *must_be = "a name is 1 to 63 letters, digits, `_` and `-`, and does not begin with `-`";
    return len > 0 && len <= 63 && *text != '-' && strspn(text, name_letters) == len;
}

bool weir_config_is_event(const char *text, const char **must_be)
{
    size_t len = strlen(text);
    *must_be = "an event type is 1 to 200 letters, digits, `.`, `_`, `-`, `/` and `:`";
    return len > 0 && len <= 200 && strspn(text, event_letters) == len;
}

bool weir_config_is_topic(const char *text, const char **must_be)
{
    size_t len = strlen(text);
    *must_be = "Kafka takes 1 to 249 letters, digits, `.`, `_` and `-`";
    return len > 0 && len <= 249 && strspn(text, topic_letters) == len && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

bool weir_config_is_table(const char *text, const char **must_be)
{
    const char *dot = strchr(text, '.');
    *must_be = "a table is named as schema.table";
    return dot && dot > text && dot[1];
}

static bool is_row_source(const char *text, const char **must_be)
{
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    *must_be = "it is source.schema.table, by the names of the source, the schema and the table";
    return second && first > text && second > first + 1 && second[1];
}

static bool is_any(const char *text, const char **must_be)
{
    (void)text;
    (void)must_be;
    return true;
}

static bool read_text(const weir_config_key *key, const char *text, const char *shown,
    bool (*is)(const char *, const char **), const char **field, weir_config_refusal *why)
{
    const char *must_be;
    if (!is(text, &must_be)) {
        refuse(why, WEIR_E_CONFIG_BAD_VALUE, "`%.60s`: %s", shown, must_be);
    } else if (key->max && strlen(text) > key->max) {
        refuse(why, WEIR_E_CONFIG_BAD_VALUE, "is longer than %u characters", (unsigned)key->max);
    } else {
        *field = text;
        return true;
    }
    return false;
}

/* host:port, [::1]:port */
static bool read_address(const char *text, const char *shown, weir_arena *arena,
    weir_config_address *out, weir_config_refusal *why)
{
    const char *colon = strrchr(text, ':');
    weir_view host = {text, colon ? (size_t)(colon - text) : 0};
    uint64_t port = UINT64_MAX;
    bool has_port = colon && colon[1] && !*read_digits(colon + 1, &port);
    if (host.len > 1 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = weir_view_make(host.ptr + 1, host.len - 2);
    } else if (memchr(host.ptr, ':', host.len)) {
        host.len = 0; /* which colon ends the host cannot be known */
    }
    if (!host.len || !has_port || port > UINT16_MAX) {
        return refuse(why, WEIR_E_CONFIG_BAD_VALUE,
            "`%.60s` is not host:port, such as 127.0.0.1:8080 or [::1]:8080", shown);
    }
    *out = (weir_config_address){weir_arena_copy(arena, host).ptr, (uint16_t)port};
    return true;
}

/* ---- by kind ----------------------------------------------------------------------------- */

bool weir_config_value_read(const weir_config_key *key, const char *text, const char *shown,
    weir_arena *arena, void *field, weir_config_refusal *why)
{
    uint64_t n = 0;
    bool ok;
    if (!*text && !key->may_be_empty) {
        return refuse(why, WEIR_E_CONFIG_BAD_VALUE, "is empty");
    }
    switch (key->kind) {
    case WEIR_CONFIG_KIND_NAME:
        return read_text(key, text, shown, weir_config_is_name, field, why);
    case WEIR_CONFIG_KIND_TOPIC:
        return read_text(key, text, shown, weir_config_is_topic, field, why);
    case WEIR_CONFIG_KIND_ROW_SOURCE:
        return read_text(key, text, shown, is_row_source, field, why);
    case WEIR_CONFIG_KIND_FLAG:
        return read_flag(text, shown, field, why);
    case WEIR_CONFIG_KIND_COUNT:
        return read_count(key, text, shown, field, why);
    case WEIR_CONFIG_KIND_DURATION:
        ok = read_quantity(&durations, key, text, shown, &n, why);
        *(int64_t *)field = ok ? (int64_t)n : 0;
        return ok;
    case WEIR_CONFIG_KIND_SIZE:
        ok = read_quantity(&sizes, key, text, shown, &n, why);
        *(uint64_t *)field = n;
        return ok;
    case WEIR_CONFIG_KIND_ADDRESS:
        return read_address(text, shown, arena, field, why);
    case WEIR_CONFIG_KIND_CHOICE:
        return read_choice(key, text, shown, field, why);
    default:
        return read_text(key, text, shown, is_any, field, why);
    }
}

static void put_quantity(const quantity *q, uint64_t n, weir_buf *to)
{
    size_t i = q->count - 1;
    while (i > 0 && n % q->units[i].factor != 0) {
        i--;
    }
    if (n == 0) {
        i = q == &durations; /* 0s, 0B */
    }
    weir_buf_uint(to, n / q->units[i].factor);
    weir_buf_puts(to, q->units[i].name);
}

void weir_config_put_duration(uint64_t ms, weir_buf *to)
{
    put_quantity(&durations, ms, to);
}

void weir_config_put_size(uint64_t bytes, weir_buf *to)
{
    put_quantity(&sizes, bytes, to);
}

static void put_count_or_word(const weir_config_key *key, uint32_t n, weir_buf *to)
{
    if (key->zero && n == 0) {
        weir_buf_puts(to, key->zero);
    } else {
        weir_buf_uint(to, n);
    }
}

static void put_choice(const weir_config_key *key, const void *field, weir_buf *to)
{
    int choice;
    memcpy(&choice, field, sizeof choice);
    weir_buf_puts(to, key->choices.items[choice].spelling);
}

static void put_address(const weir_config_address *address, weir_buf *to)
{
    if (address->host) {
        bool is_v6 = strchr(address->host, ':') != NULL;
        weir_buf_printf(to, is_v6 ? "[%s]:%u" : "%s:%u", address->host, (unsigned)address->port);
    }
}

void weir_config_value_put(const weir_config_key *key, const void *field, weir_buf *to)
{
    switch (key->kind) {
    case WEIR_CONFIG_KIND_FLAG:
        weir_buf_puts(to, *(const bool *)field ? "true" : "false");
        break;
    case WEIR_CONFIG_KIND_COUNT:
        put_count_or_word(key, *(const uint32_t *)field, to);
        break;
    case WEIR_CONFIG_KIND_DURATION:
        weir_config_put_duration((uint64_t) * (const int64_t *)field, to);
        break;
    case WEIR_CONFIG_KIND_SIZE:
        weir_config_put_size(*(const uint64_t *)field, to);
        break;
    case WEIR_CONFIG_KIND_ADDRESS:
        put_address(field, to);
        break;
    case WEIR_CONFIG_KIND_CHOICE:
        put_choice(key, field, to);
        break;
    default:
        if (*(const char *const *)field) {
            weir_buf_puts(to, *(const char *const *)field);
        }
    }
}
