/* The admin server over real sockets: what is answered, refused and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "http/admin.h"
#include "http/client.h"

/* ---- Pages --------------------------------------------------------------------------------------
 */

static unsigned live(void *ctx, weir_buf *body)
{
    (void)ctx;
    weir_buf_puts(body, "live\n");
    return 200;
}

static unsigned not_ready(void *ctx, weir_buf *body)
{
    (void)ctx;
    weir_buf_puts(body, "not ready: for a reason\n");
    return 503;
}

/* 256 KiB: more than a socket takes at once. */
static unsigned long_page(void *ctx, weir_buf *body)
{
    (void)ctx;
    for (int i = 0; i < 1 << 15; i++) {
        weir_buf_puts(body, "1234567\n");
    }
    return 200;
}

static unsigned out_of_memory(void *ctx, weir_buf *body)
{
    (void)ctx;
    weir_buf_puts(body, "half a docu");
    body->failed = true;
    return 200;
}

static const weir_admin_pages pages = {live, not_ready, long_page, out_of_memory, NULL};

static weir_admin *open_at(const char *host, uint16_t port, weir_status expected)
{
    weir_admin *a = NULL;
    weir_error err = {.status = WEIR_OK};
    weir_admin_options options = {.host = host, .port = port, .pages = pages};
    weir_status s = weir_admin_open(&options, &a, &err);
    if (s != expected) {
        fail_msg("%s: %s", err.code, err.text);
    }
    assert_true((a == NULL) == (s != WEIR_OK));
    return a;
}

static uint16_t port_of(const weir_admin *a)
{
    return (uint16_t)atoi(strrchr(weir_admin_address(a), ':') + 1);
}

/* ---- A client that sends anything ---------------------------------------------------------------
 */

static int connect_to(const weir_admin *a)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port_of(a))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Sends it and reads until the server closes, or until `until` came. */
static void exchange(int fd, weir_view request, const char *until, weir_buf *answer)
{
    char bytes[4096];
    for (size_t sent = 0; sent < request.len;) {
        ssize_t n = send(fd, request.ptr + sent, request.len - sent, MSG_NOSIGNAL);
        if (n <= 0) {
            break; /* the server has refused, and says so */
        }
        sent += (size_t)n;
    }
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        weir_buf_put(answer, bytes, (size_t)n);
        if (until && strstr(weir_buf_str(answer), until)) {
            return;
        }
    }
}

/* ---- The tests ----------------------------------------------------------------------------------
 */

static void test_requests(void **state)
{
    (void)state;
    static const struct {
        const char *request, *status, *contains;
    } cases[] = {
        {"GET /live HTTP/1.1", "200", "\r\n\r\nlive\n"},
        {"GET /live?a=b HTTP/1.1", "200", "\r\n\r\nlive\n"},
        {"GET /live HTTP/1.0", "200", "Content-Type: text/plain; charset=utf-8\r\n"},
        {"GET /ready HTTP/1.1", "503", "\r\n\r\nnot ready: for a reason\n"},
        {"GET /metrics HTTP/1.1", "200", "Content-Type: text/plain; version=0.0.4; charset=utf-8"},
        {"GET /metrics HTTP/1.1", "200", "Content-Length: 262144\r\n"},
        {"GET /status HTTP/1.1", "503", "Content-Length: 0\r\n"},
        {"GET /live HTTP/1.1", "200", "Cache-Control: no-store\r\n"},
        {"GET / HTTP/1.1", "404", "there are /live, /ready, /metrics and /status"},
        {"GET /live/ HTTP/1.1", "404", "there are"},
        {"GET /LIVE HTTP/1.1", "404", "there are"},
        {"GET /../live HTTP/1.1", "404", "there are"},
        {"POST /nowhere HTTP/1.1", "404", "there are"},
        {"POST /live HTTP/1.1\r\nContent-Length: 0", "405", "Allow: GET, HEAD\r\n"},
        {"POST /live HTTP/1.1\r\nContent-Length: 1000000000", "405", "Connection: close\r\n"},
        {"DELETE /status HTTP/1.1", "405", "Allow: GET, HEAD\r\n"},
        {"OPTIONS /live HTTP/1.1", "405", "Allow: GET, HEAD\r\n"},
        {"GET /live HTTP/1.1\r\nContent-Length: 1000000000", "413", "Connection: close\r\n"},
        {"GET /live HTTP/1.1\r\nTransfer-Encoding: chunked", "413", "has no body here"},
        {"GET /live HTTP/1.1\r\nContent-Length: 0", "200", "\r\n\r\nlive\n"},
    };
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf request = {0}, answer = {0}, line = {0};
        int fd = connect_to(a);
        weir_buf_printf(&request, "%s\r\nHost: x\r\nConnection: close\r\n\r\n", cases[i].request);
        weir_buf_printf(&line, "HTTP/1.1 %s ", cases[i].status);
        exchange(fd, weir_buf_view(&request), NULL, &answer);
        if (strncmp(weir_buf_str(&answer), weir_buf_str(&line), line.len) != 0 ||
            !strstr(weir_buf_str(&answer), cases[i].contains)) {
            fail_msg("%s: %.600s", cases[i].request, weir_buf_str(&answer));
        }
        close(fd);
        weir_buf_fini(&request);
        weir_buf_fini(&answer);
        weir_buf_fini(&line);
    }
    weir_admin_close(a);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    weir_buf answer = {0};
    int fd = connect_to(a);
    exchange(fd, weir_view_of("HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        NULL, &answer);
    assert_non_null(strstr(weir_buf_str(&answer), "HTTP/1.1 200 "));
    assert_non_null(strstr(answer.ptr, "Content-Length: 262144\r\n"));
    assert_memory_equal(answer.ptr + answer.len - 4, "\r\n\r\n", 4);
    close(fd);
    weir_buf_fini(&answer);
    weir_admin_close(a);
}

/* A scraper asks again and again over one connection. */
static void test_connection_stays(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    int fd = connect_to(a);
    for (int i = 0; i < 3; i++) {
        weir_buf answer = {0};
        exchange(
            fd, weir_view_of("GET /live HTTP/1.1\r\nHost: x\r\n\r\n"), "\r\n\r\nlive\n", &answer);
        assert_non_null(strstr(weir_buf_str(&answer), "HTTP/1.1 200 "));
        weir_buf_fini(&answer);
    }
    close(fd);
    weir_admin_close(a);
}

/* A request's head is bounded: what is longer is refused, and costs no memory. */
static void test_long_head_is_refused(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    weir_buf request = {0}, answer = {0};
    weir_buf_puts(&request, "GET /live HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 100000; i++) {
        weir_buf_putc(&request, 'x');
    }
    weir_buf_puts(&request, "\r\n\r\n");
    int fd = connect_to(a);
    exchange(fd, weir_buf_view(&request), NULL, &answer);
    assert_null(strstr(weir_buf_str(&answer), " 200 "));
    close(fd);
    weir_buf_fini(&request);
    weir_buf_fini(&answer);
    answer = (weir_buf){0};
    fd = connect_to(a);
    exchange(fd, weir_view_of("GET /live HTTP/1.1\r\nHost: x\r\n\r\n"), "live\n", &answer);
    assert_non_null(strstr(weir_buf_str(&answer), " 200 "));
    close(fd);
    weir_buf_fini(&answer);
    weir_admin_close(a);
}

/* Connections that say nothing take places; when all are taken, others are turned away, and the
 * server lives on. */
static void test_connections_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 100 };
    int silent[MANY];
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    for (int i = 0; i < MANY; i++) {
        silent[i] = connect_to(a);
    }
    for (int i = 0; i < MANY; i++) {
        close(silent[i]);
    }
    weir_buf answer = {0};
    for (int tries = 0; tries < 100 && !answer.len; tries++) {
        int fd = connect_to(a);
        exchange(fd, weir_view_of("GET /live HTTP/1.1\r\nHost: x\r\n\r\n"), "live\n", &answer);
        close(fd);
        usleep(answer.len ? 0 : 50000);
    }
    assert_non_null(strstr(weir_buf_str(&answer), " 200 "));
    weir_buf_fini(&answer);
    weir_admin_close(a);
}

/* What has begun when it is closed does not keep it. */
static void test_closes_with_open_connections(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    int idle = connect_to(a), half = connect_to(a);
    assert_true(send(half, "GET /li", 7, MSG_NOSIGNAL) == 7);
    weir_admin_close(a);
    close(idle);
    close(half);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_addresses(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    assert_memory_equal(weir_admin_address(a), "127.0.0.1:", 10);
    assert_true(port_of(a) > 0);
    open_at("127.0.0.1", port_of(a), WEIR_FATAL); /* taken */
    weir_admin_close(a);
    weir_admin_close(open_at("localhost", 0, WEIR_OK));
    open_at("192.0.2.1", 0, WEIR_FATAL); /* an address of nobody's (RFC 5737) */
    open_at("no.such.host.invalid", 0, WEIR_FATAL);
    weir_admin_close(NULL);
    assert_int_equal(weir_alloc_live(), 0);
}

static void test_open_out_of_memory(void **state)
{
    (void)state;
    weir_admin *a;
    weir_error err = {.status = WEIR_OK};
    weir_admin_options options = {.host = "127.0.0.1", .pages = pages};
    weir_alloc_fail_at(1, 0);
    assert_int_equal(weir_admin_open(&options, &a, &err), WEIR_RETRY);
    weir_alloc_fail_at(0, 0);
    assert_null(a);
    assert_string_equal(err.code, "OUT_OF_MEMORY");
}

/* ---- The client ---------------------------------------------------------------------------------
 */

static weir_status get(
    const char *url, size_t max_bytes, unsigned *status, weir_buf *body, weir_error *err)
{
    weir_http_request request = {url, 10000, max_bytes, false};
    return weir_http_get(&request, status, body, err);
}

static void test_client(void **state)
{
    (void)state;
    weir_admin *a = open_at("127.0.0.1", 0, WEIR_OK);
    static const struct {
        const char *path;
        unsigned status;
        size_t max_bytes, len;
        const char *code; /* NULL: WEIR_OK */
    } cases[] = {
        {"/live", 200, 100, 5, NULL},
        {"/live", 200, 5, 5, NULL},
        {"/live", 200, 4, 0, "HTTP_ANSWER"},
        {"/ready", 503, 100, 24, NULL},
        {"/metrics", 200, 1 << 20, 1 << 18, NULL},
        {"/metrics", 200, (1 << 18) - 1, 0, "HTTP_ANSWER"},
        {"/nowhere", 404, 100, 46, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf url = {0}, body = {0};
        weir_error err = {.status = WEIR_OK};
        unsigned status;
        weir_buf_printf(&url, "http://%s%s", weir_admin_address(a), cases[i].path);
        weir_status s = get(weir_buf_str(&url), cases[i].max_bytes, &status, &body, &err);
        if (cases[i].code) {
            assert_int_not_equal(s, WEIR_OK);
            assert_string_equal(err.code, cases[i].code);
        } else {
            assert_int_equal(s, WEIR_OK);
            assert_int_equal(status, cases[i].status);
            assert_int_equal(body.len, cases[i].len);
        }
        weir_buf_fini(&url);
        weir_buf_fini(&body);
    }
    weir_admin_close(a);
}

static void test_client_refusals(void **state)
{
    (void)state;
    weir_admin *gone = open_at("127.0.0.1", 0, WEIR_OK);
    char unused[64];
    snprintf(unused, sizeof unused, "http://127.0.0.1:%u/status", (unsigned)port_of(gone));
    weir_admin_close(gone);
    const struct {
        const char *url, *code;
    } cases[] = {{unused, "HTTP_UNREACHABLE"},
        {"http://no.such.host.invalid/status", "HTTP_UNREACHABLE"},
        {"file:///etc/passwd", "HTTP_ANSWER"}, {"http://", "HTTP_ANSWER"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_buf body = {0};
        weir_error err = {.status = WEIR_OK};
        unsigned status;
        assert_int_not_equal(get(cases[i].url, 1000, &status, &body, &err), WEIR_OK);
        if (strcmp(err.code, cases[i].code) != 0 || !strstr(err.text, cases[i].url)) {
            fail_msg("%s: %s: %s", cases[i].url, err.code, err.text);
        }
        assert_int_equal(body.len, 0);
        weir_buf_fini(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_connection_stays),
        cmocka_unit_test(test_long_head_is_refused),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_closes_with_open_connections),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_open_out_of_memory),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_client_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
