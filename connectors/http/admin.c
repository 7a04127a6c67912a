/* The admin server, by libmicrohttpd. See admin.h. */
#include "http/admin.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    CONNECTIONS = 64,
    REQUEST_BYTES = 16384,
    SILENCE_SECONDS = 10,
    BACKLOG = 64,
    ADDRESS_BYTES = NI_MAXHOST + NI_MAXSERV + 4,
};

static const char text_type[] = "text/plain; charset=utf-8";

typedef struct page {
    const char *path, *type;
    weir_admin_page_fn *fill;
} page;

enum { PAGES = 4 };

struct weir_admin {
    page pages[PAGES];
    void *ctx;
    const weir_log *log;
    struct MHD_Daemon *daemon;
    char address[ADDRESS_BYTES];
};

/* ---- Answering ----------------------------------------------------------------------------------
 */

static void free_body(void *body)
{
    weir_free(body);
}

/* Takes the body, also on failure. */
static struct MHD_Response *response_of(weir_buf *body)
{
    struct MHD_Response *r =
        body->failed || !body->ptr
            ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
            : MHD_create_response_from_buffer_with_free_callback(body->len, body->ptr, free_body);
    if (!r || body->failed) {
        weir_buf_fini(body);
    }
    *body = (weir_buf){.ptr = NULL};
    return r;
}

/* Sends the body, which it takes. A closing answer ends the connection: what follows the request's
 * head is not read. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
    const char *allow, bool closing, weir_buf *body)
{
    status = body->failed ? MHD_HTTP_SERVICE_UNAVAILABLE : status;
    struct MHD_Response *r = response_of(body);
    if (!r) {
        return MHD_NO; /* out of memory: the connection is closed */
    }
    enum MHD_Result good = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    good &= MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    good &= MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (allow) {
        good &= MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    }
    if (closing) {
        good &= MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    good &= MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return good;
}

static enum MHD_Result refuse(
    struct MHD_Connection *c, unsigned status, const char *allow, const char *text)
{
    weir_buf body = {0};
    weir_buf_puts(&body, text);
    return answer(c, status, text_type, allow, true, &body);
}

static bool has_body(struct MHD_Connection *c)
{
    const char *length =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* Called when a request's head is there, and once more at its end. What is refused is refused at
 * once; a page is given at the end, so that the connection may stay for the next request. */
static enum MHD_Result on_request(void *self, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *upload, size_t *upload_size,
    void **request)
{
    const weir_admin *a = self;
    const page *wanted = NULL;
    (void)version, (void)upload, (void)upload_size; /* there is no upload: see below */
    for (int i = 0; i < PAGES; i++) {
        wanted = strcmp(url, a->pages[i].path) == 0 ? &a->pages[i] : wanted;
    }
    if (!wanted) {
        return refuse(
            c, MHD_HTTP_NOT_FOUND, NULL, "there are /live, /ready, /metrics and /status\n");
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD", "this page is read by GET\n");
    }
    if (has_body(c)) {
        return refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, NULL, "a request has no body here\n");
    }
    if (!*request) {
        *request = c; /* met once */
        return MHD_YES;
    }
    weir_buf body = {0};
    unsigned status = wanted->fill(a->ctx, &body);
    return answer(c, status, wanted->type, NULL, false, &body);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *self, const char *fmt, va_list ap)
{
    const weir_admin *a = self;
    char text[256];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    while (n > 0 && (size_t)n < sizeof text && text[n - 1] == '\n') {
        text[--n] = '\0';
    }
    weir_log_line(a->log, WEIR_LOG_DEBUG, "http", "%s", text);
}

/* ---- Listening ----------------------------------------------------------------------------------
 */

/* A listening socket at this address, or -1 and errno. */
static int listen_at(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG)) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* The first of the host's addresses that can be listened on. */
static weir_status listen_on(const weir_admin_options *o, int *fd, weir_error *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)o->port);
    *fd = -1;
    int rc = getaddrinfo(o->host, port, &hints, &all);
    if (rc) {
        return weir_fail(err, WEIR_E_HTTP_LISTEN, "http.listen: %s: %s", o->host,
            rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    }
    for (const struct addrinfo *at = all; at && *fd < 0; at = at->ai_next) {
        *fd = listen_at(at);
    }
    int why = errno;
    freeaddrinfo(all);
    return *fd >= 0 ? WEIR_OK
                    : weir_fail(err, WEIR_E_HTTP_LISTEN, "http.listen: %s port %s: %s", o->host,
                          port, strerror(why));
}

static void name_address(weir_admin *a, int fd)
{
    struct sockaddr_storage at;
    socklen_t size = sizeof at;
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    if (getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
        getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port,
            NI_NUMERICHOST | NI_NUMERICSERV);
    }
    snprintf(a->address, sizeof a->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static void set_pages(weir_admin *a, const weir_admin_pages *p)
{
    const page pages[PAGES] = {
        {"/live", text_type, p->live},
        {"/ready", text_type, p->ready},
        {"/metrics", "text/plain; version=0.0.4; charset=utf-8", p->metrics},
        {"/status", "application/json", p->status},
    };
    memcpy(a->pages, pages, sizeof pages);
    a->ctx = p->ctx;
}

weir_status weir_admin_open(const weir_admin_options *options, weir_admin **out, weir_error *err)
{
    *out = NULL;
    int fd;
    weir_admin *a = weir_calloc(1, sizeof *a);
    if (!a) {
        return weir_fail_oom(err);
    }
    a->log = options->log;
    set_pages(a, &options->pages);
    weir_status s = listen_on(options, &fd, err);
    if (s) {
        weir_free(a);
        return s;
    }
    name_address(a, fd);
    a->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, a, MHD_OPTION_EXTERNAL_LOGGER, on_log, a,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_SECONDS, MHD_OPTION_END);
    if (!a->daemon) {
        weir_fail(
            err, WEIR_E_HTTP_LISTEN, "http.listen: %s: the server does not start", a->address);
        weir_free(a); /* the socket was the server's */
        return WEIR_FATAL;
    }
    weir_log_line(a->log, WEIR_LOG_INFO, "http", "listening on http://%s", a->address);
    *out = a;
    return WEIR_OK;
}

const char *weir_admin_address(const weir_admin *a)
{
    return a->address;
}

void weir_admin_close(weir_admin *a)
{
    if (a) {
        MHD_stop_daemon(a->daemon);
        weir_free(a);
    }
}
