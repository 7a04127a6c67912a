/* One GET over HTTP. See client.h. */
#include "http/client.h"

#include <curl/curl.h>

enum { MOST_REDIRECTS = 5 };

typedef struct sink {
    weir_buf *body;
    size_t most;
    bool too_long;
} sink;

static size_t on_body(char *bytes, size_t one, size_t n, void *ctx)
{
    sink *s = ctx;
    (void)one; /* always 1 */
    s->too_long = n > s->most;
    if (s->too_long) {
        return 0;
    }
    s->most -= n;
    weir_buf_put(s->body, bytes, n);
    return s->body->failed ? 0 : n;
}

static weir_status fail_of(
    CURLcode code, const weir_http_request *r, const sink *s, const char *why, weir_error *err)
{
    if (s->body->failed || code == CURLE_OUT_OF_MEMORY) {
        return weir_fail_oom(err);
    }
    if (s->too_long) {
        return weir_fail(err, WEIR_E_HTTP_ANSWER, "%s: the answer is too long", r->url);
    }
    bool is_answer = code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
                     code == CURLE_URL_MALFORMAT;
    return weir_fail(err, is_answer ? WEIR_E_HTTP_ANSWER : WEIR_E_HTTP_UNREACHABLE, "%s: %s",
        r->url, *why ? why : curl_easy_strerror(code));
}

weir_status weir_http_get(
    const weir_http_request *request, unsigned *status, weir_buf *body, weir_error *err)
{
    sink s = {body, request->max_bytes, false};
    char why[CURL_ERROR_SIZE] = "";
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        return weir_fail_oom(err);
    }
    CURL *c = curl_easy_init();
    if (!c) {
        curl_global_cleanup();
        return weir_fail_oom(err);
    }
    curl_easy_setopt(c, CURLOPT_URL, request->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    if (request->far) {
        curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    } else {
        curl_easy_setopt(c, CURLOPT_PROXY, "");
    }
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &s);
    CURLcode code = curl_easy_perform(c);
    long answered = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answered);
    curl_easy_cleanup(c);
    curl_global_cleanup();
    *status = (unsigned)answered;
    return code ? fail_of(code, request, &s, why, err) : WEIR_OK;
}
