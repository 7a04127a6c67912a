/* The last word of a process. See last_word.h.
 *
 * It is said inside of a signal handler: nothing here takes memory or locks. */
#include "last_word.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "service/in_hand.h"
#include "service/message.h"

typedef struct text {
    char bytes[600];
    size_t len;
} text;

static void put(text *t, weir_view v)
{
    for (size_t i = 0; i < v.len && t->len < sizeof t->bytes; i++) {
        char c = v.ptr[i];
        t->bytes[t->len++] = (unsigned char)c < ' ' || c == '"' || c == '\\' ? '.' : c;
    }
}

static void put_raw(text *t, const char *s)
{
    size_t n = strlen(s), room = sizeof t->bytes - t->len;
    n = n < room ? n : room;
    memcpy(t->bytes + t->len, s, n);
    t->len += n;
}

static void put_number(text *t, int64_t n)
{
    char digits[24];
    size_t at = sizeof digits;
    uint64_t left = n < 0 ? 0 : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    put(t, (weir_view){digits + at, sizeof digits - at});
}

static const char *name_of(int number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGABRT:
        return "SIGABRT";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    default:
        return "SIGILL";
    }
}

/* A line of the log, but for its time. */
static void on_fault(int number)
{
    const weir_message *m = weir_in_hand;
    text t = {.len = 0};
    if (m) {
        put_raw(&t,
            "{\"level\":\"error\",\"part\":\"weir\",\"message\":\"a handler takes the process "
            "down\",\"code\":\"");
        put_raw(&t, name_of(number));
        put_raw(&t, "\",\"where\":\"");
        put(&t, m->raw->topic.len > 250 ? (weir_view){m->raw->topic.ptr, 250} : m->raw->topic);
        put_raw(&t, "/");
        put_number(&t, m->raw->partition);
        put_raw(&t, "@");
        put_number(&t, m->raw->offset);
        put_raw(&t, "\",\"attempt\":");
        put_number(&t, m->record->attempt);
        put_raw(&t, m->batched ? ",\"batch\":true}\n" : "}\n");
        (void)!write(STDERR_FILENO, t.bytes, t.len);
    }
    raise(number); /* what it does by default: SA_RESETHAND */
}

void weir_last_word(void)
{
    static const int faults[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct sigaction was,
            is = {.sa_handler = on_fault, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
        if (sigaction(faults[i], NULL, &was) == 0 && was.sa_handler == SIG_DFL) {
            sigaction(faults[i], &is, NULL);
        }
    }
}
