/* Questions to a registry. See registry_http.h. */
#include "registry/registry_http.h"
#include "base/ascii.h"

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

/* What a registry says of itself: {"error_code": …, "message": "…"}; Apicurio's own API: `status`
 * and `name`. A proxy, a login page or an ingress without a registry behind it says neither. */
typedef struct complaint {
    bool own;
    int64_t number;
    weir_view words;
} complaint;

static complaint complaint_of(const answer *a, weir_arena *arena)
{
    complaint c = {.words = {"", 0}};
    const weir_value *json;
    if (weir_json_read(weir_buf_view(a->body), arena, &json, NULL)) {
        return c;
    }
    const weir_value *message = weir_gets(json, "message");
    int64_t status;
    c.own = weir_to_int64(weir_gets(json, "error_code"), &c.number) ||
            (weir_to_int64(weir_gets(json, "status"), &status) &&
                weir_is(weir_gets(json, "name"), WEIR_STRING));
    c.words = weir_is(message, WEIR_STRING) ? weir_string(message, arena) : c.words;
    return c;
}

/* A registry's own 404 to what is posted says that it does not know the path, not the subject. */
static weir_code code_of(long status, const complaint *c, bool posted)
{
    switch (status) {
    case 404:
        return !c->own                      ? WEIR_E_REGISTRY_STRANGER
               : posted && c->number == 404 ? WEIR_E_REGISTRY_ANSWER
                                            : WEIR_E_REGISTRY_NO_SCHEMA;
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
        return status >= 500 ? WEIR_E_REGISTRY_UNREACHABLE
               : c->own      ? WEIR_E_REGISTRY_ANSWER
                             : WEIR_E_REGISTRY_STRANGER;
    }
}

/* With the registry's own words, where it has some; they are shown on terminals. */
static weir_status fail_by_status(const weir_registry_question *q, const answer *a, weir_error *err)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    complaint c = complaint_of(a, &arena);
    char words[200];
    size_t n = c.words.ptr && c.words.len < sizeof words ? c.words.len : sizeof words - 1;
    n = c.words.ptr ? n : 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)c.words.ptr[i];
        words[i] = byte < ' ' || byte == 0x7f ? ' ' : c.words.ptr[i];
    }
    weir_status s = weir_fail(err, code_of(a->status, &c, q->body.ptr), "%s: status %ld%s%.*s",
        q->url, a->status, n ? ": " : "", (int)n, words);
    weir_arena_fini(&arena);
    return s;
}

/* A page to read, which somebody else answers with. */
static bool is_page(CURL *c)
{
    char *type = NULL;
    return !curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type) && type &&
           weir_ascii_same_n(type, "text/html", 9);
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
    bool page = is_page(c);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    if (code) {
        return fail_of(code, q->url, &a, *why ? why : curl_easy_strerror(code), err);
    }
    if (a.status == 200 && page) {
        return weir_fail(err, WEIR_E_REGISTRY_STRANGER, "%s: a page of HTML", q->url);
    }
    return a.status == 200 ? WEIR_OK : fail_by_status(q, &a, err);
}
