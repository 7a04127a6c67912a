/* The log: one line an entry, as text or as JSON lines. A logger is handed in, there is no global
 * one. Thread: any. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <weir/status.h>
#include <weir/view.h>

typedef enum weir_log_level {
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG,
} weir_log_level;

typedef struct weir_log {
    atomic_int level;
    bool json;
    /* Gets one line with its newline; must not keep it. */
    void (*write)(void *ctx, const char *line, size_t len);
    void *ctx;
    int64_t (*wall_ms)(void); /* NULL: the system's clock */
} weir_log;

/* part: which part of weir speaks ("kafka", "sync orders"). log NULL: silence. */
void weir_log_line(const weir_log *log, weir_log_level level, const char *part, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* The same with an error's code, place and text behind it. */
void weir_log_error(const weir_log *log, weir_log_level level, const char *part,
    const weir_error *err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Is the nth line of a kind, that may come for each record, told? The first ten, and then each
 * thousandth. */
static inline bool weir_log_tells(unsigned long long n)
{
    return n <= 10 || n % 1000 == 0;
}

/* Of such lines: how often it was told, by the error's code. Zero at first. One
 * owner. */
enum { WEIR_LOG_KINDS = 16 };
typedef struct weir_log_often {
    struct {
        char code[32];
        unsigned long long n;
    } kinds[WEIR_LOG_KINDS]; /* what is beyond counts as the last */
} weir_log_often;

/* The level of the next line with this error: WARN if it is told of its code, else DEBUG. *note:
 * what to put behind the line, that others are not told; "" at first. */
weir_log_level weir_log_next(weir_log_often *o, const weir_error *err, const char **note);

/* Writes to a file descriptor given as ctx: (void *)(intptr_t)fd. */
void weir_log_to_fd(void *ctx, const char *line, size_t len);
/* "error", "warn", "info", "debug"; false when it is none. */
bool weir_log_level_of(const char *name, weir_log_level *out);

#endif
