/* Lines go whole into a file descriptor, whatever it takes of them at once. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"

enum { LINES = 200, LINE = 2000 };

static void ignore(int number)
{
    (void)number;
}

typedef struct reader {
    int fd;
    pthread_t writer;
    size_t read;
} reader;

/* Slowly, and with signals for who writes. */
static void *read_all(void *ctx)
{
    reader *r = ctx;
    char some[3000];
    ssize_t n;
    while ((n = read(r->fd, some, sizeof some)) > 0) {
        r->read += (size_t)n;
        usleep(200);
        if (r->read < (size_t)LINES * LINE) {
            pthread_kill(r->writer, SIGUSR1);
        }
    }
    return NULL;
}

static void expect_whole_lines(int flags)
{
    int ends[2];
    char line[LINE];
    pthread_t thread;
    struct sigaction a = {.sa_handler = ignore}; /* and no SA_RESTART */
    sigaction(SIGUSR1, &a, NULL);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, flags), 0);
    reader r = {.fd = ends[0], .writer = pthread_self()};
    memset(line, 'x', sizeof line);
    assert_int_equal(pthread_create(&thread, NULL, read_all, &r), 0);
    for (int i = 0; i < LINES; i++) {
        weir_log_to_fd((void *)(intptr_t)ends[1], line, sizeof line);
    }
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_int_equal(r.read, LINES * LINE);
}

static void test_signals(void **state)
{
    (void)state;
    expect_whole_lines(0);
}

static void test_a_pipe_that_does_not_block(void **state)
{
    (void)state;
    expect_whole_lines(O_NONBLOCK);
}

/* Each kind by itself: the first ten, and each thousandth, which says what it stands for. */
static void test_what_comes_for_each_record_is_told_now_and_then(void **state)
{
    (void)state;
    weir_log_often often = {.kinds = {{.n = 0}}};
    weir_error err;
    const char *note;
    int told = 0, noted = 0;
    for (int i = 0; i < 3000; i++) {
        weir_fail(&err, WEIR_E_TABLE_REFUSED, "record %d", i);
        bool tells = weir_log_next(&often, &err, &note) == WEIR_LOG_WARN;
        told += tells;
        noted += tells && note[0];
    }
    assert_int_equal(told, 10 + 3);
    assert_int_equal(noted, 1 + 3);
    weir_fail(&err, WEIR_E_ROW_INVALID, "another kind");
    assert_int_equal(weir_log_next(&often, &err, &note), WEIR_LOG_WARN);
    assert_string_equal(note, "");
    for (int kind = 0; kind < 40; kind++) { /* more kinds than there is room for */
        snprintf(err.code, sizeof err.code, "KIND_%d", kind);
        (void)weir_log_next(&often, &err, &note);
    }
    weir_fail(&err, WEIR_E_ROW_INVALID, "another kind");
    assert_int_equal(weir_log_next(&often, &err, &note), WEIR_LOG_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_for_each_record_is_told_now_and_then),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_a_pipe_that_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
