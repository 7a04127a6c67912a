/* Questions to a registry. See registry_http.h. */
#include "registry/registry_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "value/json.h"

enum { LARGEST_ANSWER = 16 << 20 };

typedef struct answer {
    weir_buf *body;
    long status;
    bool too_long;
} answer;

static size_t on_body(char *bytes, size_t one, size_t n, void *ctx)
{
    answer *a = ctx;
    (void)one; /* always 1 */
    a->too_long = a->body->len + n > LARGEST_ANSWER;
    if (a->too_long) {
        return 0;
    }
    weir_buf_put(a->body, bytes, n);
    return a->body->failed ? 0 : n;
}

static void set_options(CURL *c, const weir_registry_client_options *o,
    const weir_registry_question *q, struct curl_slist *headers, answer *a)
{
    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
    if (o->username) {
        curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(c, CURLOPT_USERNAME, o->username);
        curl_easy_setopt(c, CURLOPT_PASSWORD, o->password ? o->password : "");
    }
    if (o->ca_file) { /* instead of the system's, in either form */
        curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
        curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    }
    if (q->body.ptr) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body.ptr);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    }
}

/* What waiting does not mend: whoever answers is not who he should be, or what we were given is
 * wrong. */
static bool is_refusal(CURLcode code)
{
    return code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM ||
           code == CURLE_SSL_ISSUER_ERROR;
}

static weir_status fail_of(
    CURLcode code, const char *url, const answer *a, const char *why, weir_error *err)
{
    if (a->body->failed || code == CURLE_OUT_OF_MEMORY) {
        return weir_fail_oom(err);
    }
    if (a->too_long) {
        return weir_fail(err, WEIR_E_REGISTRY_ANSWER, "%s: an answer of more than 16 MiB", url);
    }
    return weir_fail(err, is_refusal(code) ? WEIR_E_REGISTRY_REFUSED : WEIR_E_REGISTRY_UNREACHABLE,
        "%s: %s", url, why);
}

static weir_code code_of(long status)
{
    switch (status) {
    case 404:
        return WEIR_E_REGISTRY_NO_SCHEMA;
    case 401:
    case 403:
        return WEIR_E_REGISTRY_REFUSED;
    case 409:
        return WEIR_E_REGISTRY_INCOMPATIBLE;
    case 422:
        return WEIR_E_SCHEMA_INVALID;
    case 408:
    case 429:
        return WEIR_E_REGISTRY_UNREACHABLE;
    default:
        return status >= 500 ? WEIR_E_REGISTRY_UNREACHABLE : WEIR_E_REGISTRY_ANSWER;
    }
}

/* With the registry's own words, where it has some: {"error_code": …, "message": "…"}. */
static weir_status fail_by_status(const char *url, const answer *a, weir_error *err)
{
    weir_arena arena;
    const weir_value *json;
    weir_view words = {"", 0};
    weir_arena_init(&arena, 0);
    if (!weir_json_read(weir_buf_view(a->body), &arena, &json, NULL)) {
        const weir_value *message = weir_gets(json, "message");
        words = weir_is(message, WEIR_STRING) ? weir_string(message, &arena) : words;
    }
    weir_status s = weir_fail(err, code_of(a->status), "%s: status %ld%s%.*s", url, a->status,
        words.len ? ": " : "", (int)(words.len < 200 ? words.len : 200),
        words.ptr ? words.ptr : "");
    weir_arena_fini(&arena);
    return s;
}

weir_status weir_registry_ask_once(const weir_registry_client_options *options,
    const weir_registry_question *q, weir_buf *body, weir_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    CURL *c = curl_easy_init();
    struct curl_slist *headers =
        q->body.ptr
            ? curl_slist_append(NULL, "Content-Type: application/vnd.schemaregistry.v1+json")
            : NULL;
    if (!c || (q->body.ptr && !headers)) {
        curl_easy_cleanup(c);
        curl_slist_free_all(headers);
        return weir_fail_oom(err);
    }
    answer a = {.body = body};
    weir_buf_clear(body);
    set_options(c, options, q, headers, &a);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    CURLcode code = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a.status);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    return code              ? fail_of(code, q->url, &a, *why ? why : curl_easy_strerror(code), err)
           : a.status == 200 ? WEIR_OK
                             : fail_by_status(q->url, &a, err);
}
