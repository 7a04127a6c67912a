/* Log lines. See log.h. A line is built whole and written with one call, so lines never mix. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"error", "warn", "info", "debug"};

enum { LINE = 2048 };

typedef struct line {
    char text[LINE];
    size_t len;
} line;

static void add(line *l, const char *text, size_t len)
{
    size_t room = LINE - 2 - l->len; /* a newline fits always */
    len = len > room ? room : len;
    memcpy(l->text + l->len, text, len);
    l->len += len;
}

static void adds(line *l, const char *text)
{
    add(l, text, strlen(text));
}

/* JSON's escapes; in text control characters become spaces, so that an entry is one line. */
static void add_escaped(line *l, const char *text, bool json)
{
    for (; *text && l->len < LINE - 8; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[8];
        if (json && (c == '"' || c == '\\')) {
            snprintf(escape, sizeof escape, "\\%c", c);
            adds(l, escape);
        } else if (c < 0x20) {
            snprintf(escape, sizeof escape, json ? "\\u%04x" : " ", c);
            adds(l, escape);
        } else {
            add(l, text, 1);
        }
    }
}

static void add_time(line *l, const weir_log *log)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = log->wall_ms ? log->wall_ms() : now.tv_sec * 1000 + now.tv_nsec / 1000000;
    time_t seconds = ms / 1000;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(l->text + l->len, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    l->len += n;
    char fraction[8];
    snprintf(fraction, sizeof fraction, ".%03dZ", (int)(ms % 1000));
    adds(l, fraction);
}

static void add_field(line *l, const char *name, const char *value)
{
    adds(l, ",\"");
    adds(l, name);
    adds(l, "\":\"");
    add_escaped(l, value, true);
    adds(l, "\"");
}

static void emit(const weir_log *log, weir_log_level level, const char *part, const char *text,
    const weir_error *err)
{
    line l = {.len = 0};
    if (log->json) {
        adds(&l, "{\"time\":\"");
        add_time(&l, log);
        adds(&l, "\"");
        add_field(&l, "level", names[level]);
        add_field(&l, "part", part);
        add_field(&l, "message", text);
        if (err) {
            add_field(&l, "code", err->code);
            add_field(&l, "where", err->where);
            add_field(&l, "reason", err->text);
        }
        adds(&l, "}");
    } else {
        add_time(&l, log);
        char head[64];
        snprintf(head, sizeof head, " %-5s %s: ", names[level], part);
        adds(&l, head);
        add_escaped(&l, text, false);
        if (err) {
            adds(&l, ": ");
            add_escaped(&l, err->where, false);
            adds(&l, err->where[0] ? ": " : "");
            add_escaped(&l, err->text, false);
            adds(&l, " [");
            adds(&l, err->code);
            adds(&l, "]");
        }
    }
    l.text[l.len++] = '\n';
    log->write(log->ctx, l.text, l.len);
}

static bool wanted(const weir_log *log, weir_log_level level)
{
    return log && log->write && (int)level <= atomic_load(&log->level);
}

void weir_log_line(
    const weir_log *log, weir_log_level level, const char *part, const char *fmt, ...)
{
    if (!wanted(log, level)) {
        return;
    }
    char text[LINE / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    emit(log, level, part, text, NULL);
}

void weir_log_error(const weir_log *log, weir_log_level level, const char *part,
    const weir_error *err, const char *fmt, ...)
{
    if (!wanted(log, level)) {
        return;
    }
    char text[LINE / 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    emit(log, level, part, text, err);
}

/* A pipe that somebody has made non-blocking is waited for, but not for ever: nobody may read it.
 */
static bool has_room(int fd)
{
    enum { MOST_MS = 1000 };
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int n;
    do {
        n = poll(&p, 1, MOST_MS);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

void weir_log_to_fd(void *ctx, const char *text, size_t len)
{
    int fd = (int)(intptr_t)ctx;
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && (errno == EINTR || (errno == EAGAIN && has_room(fd)))) {
            continue;
        }
        if (n <= 0) {
            return; /* there is nowhere to complain to */
        }
        text += n;
        len -= (size_t)n;
    }
}

weir_log_level weir_log_next(weir_log_often *o, const weir_error *err, const char **note)
{
    size_t k = 0;
    while (k + 1 < WEIR_LOG_KINDS && o->kinds[k].n && strcmp(o->kinds[k].code, err->code) != 0) {
        k++;
    }
    if (!o->kinds[k].n) {
        snprintf(o->kinds[k].code, sizeof o->kinds[k].code, "%s", err->code);
    }
    unsigned long long n = ++o->kinds[k].n;
    *note = weir_log_tells(n + 1)
                ? ""
                : "; of this kind each thousandth is told (log.level: debug: all)";
    return weir_log_tells(n) ? WEIR_LOG_WARN : WEIR_LOG_DEBUG;
}

bool weir_log_level_of(const char *name, weir_log_level *out)
{
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (weir_log_level)i;
            return true;
        }
    }
    return false;
}
