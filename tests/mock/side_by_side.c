/* Cases side by side. See side_by_side.h. */
#include "side_by_side.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_TAIL = 6000 };

static void show_tail(const running_case *r)
{
    char text[LOG_TAIL];
    off_t end = lseek(r->log, 0, SEEK_END);
    ssize_t n = pread(r->log, text, sizeof text, end > LOG_TAIL ? end - LOG_TAIL : 0);
    printf("---- what was logged last in %s:\n", r->name);
    fwrite(text, 1, n > 0 ? (size_t)n : 0, stdout);
    printf("----\n");
}

static void take_result(side_by_side *t, running_case *r, int status)
{
    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    t->passed += passed;
    t->failed += !passed;
    if (!passed) {
        printf("FAILED %s%s\n", r->name,
            WIFSIGNALED(status) ? ": the test itself was killed by a signal" : "");
        show_tail(r);
    }
    close(r->log);
    *r = (running_case){.pid = 0};
}

/* Waits until one has ended. */
static void reap(side_by_side *t)
{
    int status;
    pid_t pid = wait(&status);
    for (int i = 0; i < AT_ONCE; i++) {
        if (t->running[i].pid == pid) {
            take_result(t, &t->running[i], status);
        }
    }
}

static running_case *free_place(side_by_side *t)
{
    for (;; reap(t)) {
        for (int i = 0; i < AT_ONCE; i++) {
            if (!t->running[i].pid) {
                return &t->running[i];
            }
        }
    }
}

void side_by_side_start(
    side_by_side *t, const char *name, case_fn *run, const void *the_case, uint32_t seed)
{
    running_case *r = free_place(t);
    FILE *log = tmpfile();
    *r = (running_case){.name = name, .log = log ? dup(fileno(log)) : -1};
    if (log) {
        fclose(log);
    }
    fcntl(r->log, F_SETFL, O_APPEND); /* several processes write */
    fflush(stdout);
    r->pid = fork();
    if (r->pid == 0) {
        _exit(r->log >= 0 && run(the_case, seed, r->log) ? 0 : 1);
    }
}

int side_by_side_logged(int log, const char *what)
{
    char line[512];
    int lines = 0;
    FILE *f = fdopen(dup(log), "r");
    if (!f) {
        return -1;
    }
    rewind(f);
    while (fgets(line, sizeof line, f)) {
        lines += strstr(line, what) != NULL;
    }
    fclose(f);
    return lines;
}

int side_by_side_end(side_by_side *t)
{
    for (int i = 0; i < AT_ONCE; i++) {
        while (t->running[i].pid) {
            reap(t);
        }
    }
    const char *tally = getenv("TALLY");
    FILE *f = tally ? fopen(tally, "a") : NULL;
    printf("seed %u\n%d passed, %d failed, 0 skipped\n", t->seed, t->passed, t->failed);
    if (f) {
        fprintf(f, "%d %d 0\n", t->passed, t->failed);
        fclose(f);
    }
    return t->failed || !t->passed ? 1 : 0;
}
