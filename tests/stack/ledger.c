/* The service that the stack's tests kill, scale and count: it writes down what its handler was
 * given.
 *
 *   LEDGER_FILE=f LEDGER_TOPIC=t LEDGER_WORK_MS=10 ledger --config c.yaml
 *
 * A line when a handler begins and one when it ends: "b|e PARTITION OFFSET KEY MICROSECONDS PID". A
 * line is one write to a file opened for appending, so several processes share the file and a
 * SIGKILL cuts no line in two. A key that is long or has blanks stands there as its hash. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

typedef struct ledger {
    int file;
    const char *topic;
    long work_ms;
} ledger;

/* FNV-1a: a few thousand keys want to be told apart, no more. */
static const char *name_of(weir_view key, char *room, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    bool plain = key.len && key.len < size;
    for (size_t i = 0; i < key.len; i++) {
        hash = (hash ^ (unsigned char)key.ptr[i]) * UINT64_C(1099511628211);
        plain = plain && key.ptr[i] > ' ';
    }
    if (plain) {
        snprintf(room, size, "%.*s", WEIR_ARG(key));
    } else {
        snprintf(room, size, "#%016llx", (unsigned long long)hash);
    }
    return room;
}

static weir_status write_line(const ledger *l, char what, weir_message *m)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char line[256], key[64];
    int n =
        snprintf(line, sizeof line, "%c %d %lld %s %lld %d\n", what, (int)weir_partition_number(m),
            (long long)weir_record_offset(m), name_of(weir_key(m), key, sizeof key),
            (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, (int)getpid());
    return write(l->file, line, (size_t)n) == n ? WEIR_OK : weir_hold(m, "the ledger is full");
}

static weir_status on_record(weir_message *m, void *ctx)
{
    const ledger *l = ctx;
    weir_status s = write_line(l, 'b', m);
    if (s) {
        return s;
    }
    nanosleep(&(struct timespec){l->work_ms / 1000, l->work_ms % 1000 * 1000000}, NULL);
    return write_line(l, 'e', m);
}

static void setup(weir_app *app, void *ctx)
{
    const ledger *l = ctx;
    weir_on(app, .topic = l->topic, .fn = on_record, .ctx = ctx);
}

int main(int argc, char **argv)
{
    const char *path = getenv("LEDGER_FILE"), *topic = getenv("LEDGER_TOPIC");
    const char *work = getenv("LEDGER_WORK_MS");
    if (!path || !topic || !work) {
        fputs("LEDGER_FILE, LEDGER_TOPIC and LEDGER_WORK_MS are to be set\n", stderr);
        return 2;
    }
    ledger l = {
        .file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644),
        .topic = topic,
        .work_ms = strtol(work, NULL, 10),
    };
    if (l.file < 0) {
        perror(path);
        return 3;
    }
    int code = weir_main(argc, argv, setup, &l);
    close(l.file);
    return code;
}
