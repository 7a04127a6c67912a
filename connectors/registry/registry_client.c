/* Asking a schema registry. See registry_client.h. */
#include "registry/registry_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/map.h"
#include "registry/registry_answer.h"
#include "registry/registry_http.h"
#include "value/json.h"

enum {
    ATTEMPTS = 3,
    FIRST_PAUSE_MS = 100,
    UNREACHABLE_MS = 1000,
    MISSING_MS = 30000,
    MOST_MISSING = 10000,
};

typedef struct missing {
    int64_t until_ms;
} missing;

typedef struct client {
    weir_registry_client_options options; /* owned copies */
    pthread_mutex_t lock;
    weir_map missing; /* by URL: told not to be there */
    int64_t silent_until_ms;
    weir_error silent; /* why nothing is asked until then */
} client;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ---- what is known without asking ---------------------------------------------------------- */

static weir_status known_failure(client *k, const char *url, weir_error *err)
{
    weir_status s = WEIR_OK;
    pthread_mutex_lock(&k->lock);
    const missing *m = weir_map_get(&k->missing, weir_view_of(url));
    if (m && now_ms() < m->until_ms) {
        s = weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA, "%s: status 404, lately", url);
    } else if (now_ms() < k->silent_until_ms) {
        s = k->silent.status;
        if (err) {
            *err = k->silent;
        }
    }
    pthread_mutex_unlock(&k->lock);
    return s;
}

/* Where there is no memory for it, it is asked again. */
static void remember_missing(client *k, const char *url)
{
    if (k->missing.count >= MOST_MISSING) {
        weir_map_fini(&k->missing, weir_free);
        weir_map_init(&k->missing);
    }
    weir_map_entry *e = weir_map_add(&k->missing, weir_view_of(url));
    if (e && !e->value) {
        e->value = weir_calloc(1, sizeof(missing));
    }
    if (e && e->value) {
        ((missing *)e->value)->until_ms = now_ms() + MISSING_MS;
    } else if (e) {
        weir_map_remove(&k->missing, e);
    }
}

static void remember(client *k, const char *url, weir_status s, const weir_error *why)
{
    pthread_mutex_lock(&k->lock);
    if (s == WEIR_HOLD) {
        k->silent_until_ms = now_ms() + UNREACHABLE_MS;
        k->silent = *why;
    } else if (s && strcmp(why->code, "REGISTRY_NO_SCHEMA") == 0) {
        remember_missing(k, url);
    }
    pthread_mutex_unlock(&k->lock);
}

/* Asks up to three times. */
static weir_status ask_patiently(
    const client *k, const weir_registry_question *q, weir_buf *answer, weir_error *err)
{
    weir_status s = WEIR_OK;
    long pause = FIRST_PAUSE_MS;
    for (int i = 0; i < ATTEMPTS; i++, pause *= 4) {
        s = weir_registry_ask_once(&k->options, q, answer, err);
        if (s != WEIR_HOLD) {
            break;
        }
        if (i + 1 < ATTEMPTS) {
            pause_ms(pause);
        }
    }
    return s;
}

/* The answer's body in the arena. */
static weir_status ask(
    client *k, const char *url, weir_arena *arena, weir_view *out, weir_error *err)
{
    weir_error why = {.status = WEIR_OK};
    weir_status s = known_failure(k, url, err);
    if (s) {
        return s;
    }
    weir_buf body = {0};
    weir_registry_question q = {.url = url};
    s = ask_patiently(k, &q, &body, &why);
    remember(k, url, s, &why);
    if (!s) {
        *out = weir_arena_copy(arena, weir_buf_view(&body));
        s = out->ptr ? WEIR_OK : weir_fail_oom(&why);
    }
    weir_buf_fini(&body);
    if (s && err) {
        *err = why;
    }
    return s;
}

/* Of Confluent's API: an answer has its schema as a text. What has not is no registry's, and would
 * else be taken for a schema that is wrong, and be kept. */
static weir_status ask_schema(
    client *k, const char *url, weir_arena *arena, weir_view *out, weir_error *err)
{
    const weir_value *json = NULL;
    weir_status s = ask(k, url, arena, out, err);
    weir_status read = s ? s : weir_json_read(*out, arena, &json, err);
    if (s || read == WEIR_RETRY) {
        return read;
    }
    return !read && weir_is(weir_gets(json, "schema"), WEIR_STRING)
               ? WEIR_OK
               : weir_fail(err, WEIR_E_REGISTRY_STRANGER, "%s: an answer without a schema", url);
}

/* ---- the port ------------------------------------------------------------------------------ */

static bool is_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* What follows the registry's address: BEFORE, a subject, BEHIND. */
static void put_url(
    const client *k, const char *before, weir_view subject, const char *behind, weir_buf *url)
{
    weir_buf_printf(url, "%s%s", k->options.url, before);
    for (size_t i = 0; i < subject.len; i++) {
        if (is_safe(subject.ptr[i])) {
            weir_buf_putc(url, subject.ptr[i]);
        } else {
            weir_buf_printf(url, "%%%02X", (unsigned char)subject.ptr[i]);
        }
    }
    weir_buf_puts(url, behind);
}

static weir_status ask_version(client *k, weir_view subject, const char *version, weir_arena *arena,
    weir_view *body, weir_error *err)
{
    weir_buf url = {0};
    put_url(k, "/subjects/", subject, "/versions/", &url);
    weir_buf_puts(&url, version);
    weir_status s =
        url.failed ? weir_fail_oom(err) : ask_schema(k, weir_buf_str(&url), arena, body, err);
    weir_buf_fini(&url);
    return s;
}

static weir_status ask_subject(void *ctx, weir_view subject, int64_t version, weir_arena *arena,
    weir_view *body, weir_error *err)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)version);
    return ask_version(ctx, subject, number, arena, body, err);
}

/* Apicurio's ids are not those of the API that it shares with Confluent's; its own one answers with
 * the bare schema. */
static weir_view url_of(
    const client *k, const weir_schema_ref *ref, weir_arena *arena, bool *is_bare)
{
    char id[WEIR_REF_TEXT];
    const char *url = k->options.url, *apis = strstr(url, "/apis/ccompat/");
    weir_schema_ref_text(ref, id);
    bool own = *is_bare =
        apis && (ref->kind == WEIR_REF_GLOBAL_ID || ref->kind == WEIR_REF_CONTENT_ID);
    if (own) {
        return weir_arena_printf(arena, "%.*s/apis/registry/v2/ids/%s/%s", (int)(apis - url), url,
            ref->kind == WEIR_REF_GLOBAL_ID ? "globalIds" : "contentIds", id);
    }
    return weir_arena_printf(
        arena, "%s/schemas/%s/%s", url, ref->kind == WEIR_REF_GUID ? "guids" : "ids", id);
}

static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    client *k = self;
    weir_view body;
    if (ref->kind == WEIR_REF_FINGERPRINT) {
        return weir_fail(err, WEIR_E_REGISTRY_NO_SCHEMA,
            "a registry cannot be asked by fingerprint; a directory of schemas can");
    }
    bool is_bare;
    weir_view url = url_of(k, ref, arena, &is_bare);
    weir_status s = !url.ptr  ? weir_fail_oom(err)
                    : is_bare ? ask(k, url.ptr, arena, &body, err)
                              : ask_schema(k, url.ptr, arena, &body, err);
    return s ? s : weir_registry_answer_read(body, ask_subject, k, arena, out, err);
}

static weir_status latest(
    void *self, weir_view subject, weir_arena *arena, weir_registered *out, weir_error *err)
{
    weir_view body;
    weir_status s = ask_version(self, subject, "latest", arena, &body, err);
    return s ? s : weir_registry_answer_read(body, ask_subject, self, arena, out, err);
}

weir_status weir_registry_client_post(weir_registry r, const char *before, weir_view subject,
    const char *behind, weir_view body, weir_buf *answer, weir_error *err)
{
    weir_buf url = {0};
    put_url(r.self, before, subject, behind, &url);
    weir_registry_question q = {.url = weir_buf_str(&url), .body = body};
    weir_status s = url.failed ? weir_fail_oom(err) : ask_patiently(r.self, &q, answer, err);
    weir_buf_fini(&url);
    return s;
}

static void free_text(const char *text)
{
    weir_free((char *)(uintptr_t)text);
}

static void close_client(void *self)
{
    client *k = self;
    free_text(k->options.url);
    free_text(k->options.username);
    free_text(k->options.password);
    free_text(k->options.ca_file);
    weir_map_fini(&k->missing, weir_free);
    pthread_mutex_destroy(&k->lock);
    weir_free(k);
    curl_global_cleanup();
}

static const weir_registry_ops ops = {.fetch = fetch, .latest = latest, .close = close_client};

/* Without slashes at its end. */
static char *copy_url(const char *url)
{
    size_t len = strlen(url);
    while (len && url[len - 1] == '/') {
        len--;
    }
    return weir_strndup(url, len);
}

static bool copy_text(const char *text, const char **out)
{
    *out = text ? weir_strdup(text) : NULL;
    return !text || *out;
}

weir_status weir_registry_client_open(
    const weir_registry_client_options *options, weir_registry *out, weir_error *err)
{
    client *k = weir_calloc(1, sizeof *k);
    if (!k || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        weir_free(k);
        return weir_fail_oom(err);
    }
    pthread_mutex_init(&k->lock, NULL);
    k->options.timeout_ms = options->timeout_ms;
    k->options.url = copy_url(options->url);
    bool ok = k->options.url && copy_text(options->username, &k->options.username) &&
              copy_text(options->password, &k->options.password) &&
              copy_text(options->ca_file, &k->options.ca_file);
    if (!ok) {
        close_client(k);
        return weir_fail_oom(err);
    }
    *out = (weir_registry){&ops, k};
    return WEIR_OK;
}
