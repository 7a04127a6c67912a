/* Words of the command line. See words.h. */
#include "words.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

#include "value/value.h"

int64_t weir_cli_duration(const char *text)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}};
    if (!isdigit((unsigned char)*text)) {
        return -1; /* strtod would take a sign, spaces, words */
    }
    char *end;
    double n = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) == 0 && n * units[i].ms < 1e15) {
            return (int64_t)(n * units[i].ms);
        }
    }
    return -1;
}

int64_t weir_cli_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ".25" as 250; *rest is what follows. */
static int64_t fraction_ms(const char *text, const char **rest)
{
    int64_t ms = 0, unit = 100;
    *rest = text;
    if (*text != '.') {
        return 0;
    }
    for (++*rest; isdigit((unsigned char)**rest); ++*rest, unit /= 10) {
        ms += (**rest - '0') * unit;
    }
    return ms;
}

int64_t weir_cli_time(const char *text, int64_t now_ms)
{
    struct tm tm = {0};
    int64_t from_now = weir_cli_duration(text);
    if (from_now >= 0) {
        return now_ms + from_now;
    }
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    if (rest && (*rest == 'T' || *rest == ' ')) {
        rest = strptime(rest + 1, "%H:%M:%S", &tm);
    }
    if (!rest) {
        return -1;
    }
    int64_t ms = fraction_ms(rest, &rest);
    rest += *rest == 'Z';
    return *rest ? -1 : (int64_t)timegm(&tm) * 1000 + ms;
}

int64_t weir_cli_count(const char *text, int64_t most)
{
    int64_t n;
    bool good = weir_text_to_int64(weir_view_of(text), &n) && n >= 1 && n <= most;
    return good ? n : -1;
}

int64_t weir_cli_size(const char *text)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t digits = strspn(text, "0123456789");
    int64_t n;
    if (!weir_text_to_int64((weir_view){text, digits}, &n)) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        bool fits = strcmp(text + digits, units[i]) == 0 || (i == 0 && !text[digits]);
        if (fits && n < INT64_C(1) << 31) {
            return n << (10 * i);
        }
    }
    return -1;
}

int weir_cli_count_option(weir_cli *cli, const char *name, int64_t *out)
{
    const char *text = weir_cli_option(cli, name);
    *out = text ? weir_cli_count(text, 1000000000) : 0;
    return *out < 0 ? weir_cli_usage(cli, "%s: %s is no number", name, text) : EXIT_YES;
}

static bool offset_of(weir_view text, int64_t *out)
{
    if (weir_view_is(text, "earliest")) {
        *out = -1;
        return true;
    }
    return weir_text_to_int64(text, out) && *out >= 0;
}

bool weir_cli_place_of(weir_view text, weir_cli_place *out)
{
    size_t at = text.len, slash;
    while (at && text.ptr[at - 1] != '@') {
        at--;
    }
    if (!at || !offset_of((weir_view){text.ptr + at, text.len - at}, &out->offset)) {
        return false;
    }
    for (slash = at - 1; slash && text.ptr[slash - 1] != '/'; slash--) {
    }
    out->topic = (weir_view){text.ptr, slash ? slash - 1 : 0};
    int64_t partition;
    bool good = weir_text_to_int64((weir_view){text.ptr + slash, at - 1 - slash}, &partition) &&
                partition >= 0 && partition <= INT32_MAX;
    out->partition = good ? (int32_t)partition : -1;
    return good && (!slash || out->topic.len);
}
