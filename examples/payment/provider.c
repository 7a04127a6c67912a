/* The provider, over HTTP: POST {key, orderId, amount} to its URL. 200: paid. 402: declined. All
 * else, and no answer within two seconds: nobody knows. */
#include "payment.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>

enum { TIMEOUT_MS = 2000 };

static size_t swallow(char *bytes, size_t size, size_t n, void *ctx)
{
    (void)bytes, (void)ctx;
    return size * n;
}

static long post(const char *url, const char *body)
{
    long code = 0;
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "content-type: application/json");
    if (c && headers) {
        curl_easy_setopt(c, CURLOPT_URL, url);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* other threads run, too */
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
        if (curl_easy_perform(c) == CURLE_OK) {
            curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
        }
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return code;
}

verdict provider_charge(void *url, weir_view key, weir_view order, weir_view amount)
{
    json_t *charge = json_pack("{s:s%, s:s%, s:s%}", "key", key.ptr, key.len, "orderId", order.ptr,
        order.len, "amount", amount.ptr, amount.len);
    char *body = charge ? json_dumps(charge, JSON_COMPACT) : NULL;
    long code = body ? post(url, body) : 0;
    free(body);
    json_decref(charge);
    return code == 200 ? PAID : code == 402 ? DECLINED : UNREACHABLE;
}
