/* The registry's client against a stub that answers as it is told: what is asked, how often, with
 * which password, and what is believed without asking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "base/alloc.h"
#include "registry/registry_client.h"

typedef struct stub {
    struct MHD_Daemon *daemon;
    char url[64];
    unsigned asked, fail_first, status;
    char last[256], user[64];
    const char *page; /* of HTML, which somebody else answers with */
} stub;

static const struct page {
    const char *path, *body;
} pages[] = {
    {"/schemas/ids/1", "{\"schema\":\"\\\"int\\\"\"}"},
    {"/schemas/ids/2", "{\"schemaType\":\"JSON\",\"schema\":\"{}\"}"},
    {"/schemas/ids/3", "{\"schemaType\":\"AVRO\",\"schema\":\"\\\"a.E\\\"\",\"references\":[{"
                       "\"name\":\"a.E\",\"subject\":\"s/e\",\"version\":2}]}"},
    {"/subjects/s%2Fe/versions/2", "{\"subject\":\"s/e\",\"version\":2,\"schema\":\"{\\\"type\\\":"
                                   "\\\"fixed\\\",\\\"name\\\":\\\"a.E\\\",\\\"size\\\":1}\"}"},
    {"/schemas/ids/4", "<html>"},
    {"/schemas/ids/7", "{\"message\":\"log in first\"}"},
    {"/schemas/guids/00000000-0000-0000-0000-000000000000", "{\"schema\":\"\\\"long\\\"\"}"},
    {"/schemas/ids/5", "{\"schema\":\"\\\"x\\\"\",\"references\":[{\"subject\":\"loop\","
                       "\"version\":1}]}"},
    {"/subjects/loop/versions/1", "{\"schema\":\"\\\"x\\\"\",\"references\":[{\"subject\":\"loop\","
                                  "\"version\":1}]}"},
};

static const char *page_of(const char *url)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(pages[i].path, url) == 0) {
            return pages[i].body;
        }
    }
    return NULL;
}

/* Encoded paths are compared as they were sent. */
static void *raw_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
    stub *s = ctx;
    (void)c;
    snprintf(s->last, sizeof s->last, "%s", uri);
    return NULL;
}

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **own)
{
    stub *s = ctx;
    (void)url, (void)method, (void)version, (void)data, (void)len, (void)own;
    char *password = NULL, *user = MHD_basic_auth_get_username_password(c, &password);
    snprintf(s->user, sizeof s->user, "%s:%s", user ? user : "", password ? password : "");
    MHD_free(user);
    MHD_free(password);
    s->asked++;
    const char *body = page_of(s->last);
    unsigned status = s->asked <= s->fail_first ? 503 : s->status ? s->status : body ? 200 : 404;
    body = body ? body : s->page ? s->page : "{\"error_code\":40403}";
    struct MHD_Response *r = MHD_create_response_from_buffer(
        strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (s->page) {
        MHD_add_response_header(r, "Content-Type", "text/html; charset=utf-8");
    }
    enum MHD_Result done = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return done;
}

static void begin(stub *s)
{
    memset(s, 0, sizeof *s);
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, s,
        MHD_OPTION_URI_LOG_CALLBACK, raw_uri, s, MHD_OPTION_END);
    assert_non_null(s->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/", info->port);
}

static weir_registry open_client(const char *url, const char *user, const char *password)
{
    weir_registry_client_options o = {
        .url = url, .username = user, .password = password, .timeout_ms = 2000};
    weir_registry r;
    assert_int_equal(weir_registry_client_open(&o, &r, NULL), WEIR_OK);
    return r;
}

static weir_status fetch(
    weir_registry r, weir_schema_ref ref, weir_arena *arena, weir_registered *out, weir_error *err)
{
    *out = (weir_registered){.count = 0};
    return r.ops->fetch(r.self, &ref, arena, out, err);
}

static weir_schema_ref id(uint64_t number)
{
    return (weir_schema_ref){.kind = WEIR_REF_ID, .number = number};
}

static void test_answers(void **state)
{
    (void)state;
    stub s;
    weir_arena arena;
    weir_registered r;
    weir_error err;
    begin(&s);
    weir_arena_init(&arena, 0);
    weir_registry c = open_client(s.url, "weir", "secret");
    assert_int_equal(fetch(c, id(1), &arena, &r, &err), WEIR_OK);
    assert_int_equal(r.kind, WEIR_REGISTERED_AVRO);
    assert_true(r.count == 1 && weir_view_is(r.texts[0], "\"int\""));
    assert_string_equal(s.user, "weir:secret");
    assert_int_equal(fetch(c, id(2), &arena, &r, &err), WEIR_OK);
    assert_int_equal(r.kind, WEIR_REGISTERED_JSON);
    assert_int_equal(fetch(c, id(3), &arena, &r, &err), WEIR_OK);
    assert_true(r.count == 2 && weir_view_is(r.texts[1], "\"a.E\""));
    assert_int_equal(fetch(c, (weir_schema_ref){.kind = WEIR_REF_GUID}, &arena, &r, &err), WEIR_OK);
    assert_true(weir_view_is(r.texts[0], "\"long\""));
    for (unsigned n = 4; n < 8; n += 3) { /* no registry's: no record is at fault */
        assert_int_equal(fetch(c, id(n), &arena, &r, &err), WEIR_HOLD);
        assert_string_equal(err.code, "REGISTRY_STRANGER");
    }
    assert_int_equal(fetch(c, id(5), &arena, &r, &err), WEIR_OK); /* in a circle: each once */
    assert_int_equal(r.count, 2);
    assert_int_equal(
        fetch(c, (weir_schema_ref){.kind = WEIR_REF_FINGERPRINT}, &arena, &r, &err), WEIR_REJECT);
    c.ops->close(c.self);
    weir_arena_fini(&arena);
    MHD_stop_daemon(s.daemon);
}

/* What is not there is not asked for again; the password is in no message. */
static void test_missing(void **state)
{
    (void)state;
    stub s;
    weir_arena arena;
    weir_registered r;
    weir_error err;
    begin(&s);
    weir_arena_init(&arena, 0);
    weir_registry c = open_client(s.url, "weir", "secret");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fetch(c, id(9), &arena, &r, &err), WEIR_REJECT);
        assert_string_equal(err.code, "REGISTRY_NO_SCHEMA");
        assert_null(strstr(err.text, "secret"));
    }
    assert_int_equal(s.asked, 1);
    s.status = 401;
    assert_int_equal(fetch(c, id(1), &arena, &r, &err), WEIR_FATAL);
    assert_string_equal(err.code, "REGISTRY_REFUSED");
    c.ops->close(c.self);
    weir_arena_fini(&arena);
    MHD_stop_daemon(s.daemon);
}

static void test_retries(void **state)
{
    (void)state;
    stub s;
    weir_arena arena;
    weir_registered r;
    weir_error err;
    begin(&s);
    weir_arena_init(&arena, 0);
    weir_registry c = open_client(s.url, NULL, NULL);
    s.fail_first = 2;
    assert_int_equal(fetch(c, id(1), &arena, &r, &err), WEIR_OK);
    assert_int_equal(s.asked, 3);
    assert_string_equal(s.user, ":");
    s.fail_first = 100;
    assert_int_equal(fetch(c, id(2), &arena, &r, &err), WEIR_HOLD);
    assert_string_equal(err.code, "REGISTRY_UNREACHABLE");
    assert_int_equal(s.asked, 6);
    assert_int_equal(fetch(c, id(2), &arena, &r, &err), WEIR_HOLD); /* at once */
    assert_int_equal(s.asked, 6);
    c.ops->close(c.self);
    weir_arena_fini(&arena);
    MHD_stop_daemon(s.daemon);
}

/* What stands in the registry's place is waited out: its records are not at fault. */
static void test_stranger(void **state)
{
    (void)state;
    static const unsigned statuses[] = {200, 302, 400, 404};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        stub s;
        weir_arena arena;
        weir_registered r;
        weir_error err;
        begin(&s);
        s.page = "<html>404 - default backend</html>";
        s.status = statuses[i];
        weir_arena_init(&arena, 0);
        weir_registry c = open_client(s.url, NULL, NULL);
        assert_int_equal(fetch(c, id(9), &arena, &r, &err), WEIR_HOLD);
        assert_string_equal(err.code, "REGISTRY_STRANGER");
        c.ops->close(c.self);
        weir_arena_fini(&arena);
        MHD_stop_daemon(s.daemon);
    }
}

/* Nobody listens. */
static void test_unreachable(void **state)
{
    (void)state;
    stub s;
    weir_arena arena;
    weir_registered r;
    weir_error err;
    begin(&s);
    MHD_stop_daemon(s.daemon);
    weir_arena_init(&arena, 0);
    weir_registry c = open_client(s.url, NULL, NULL);
    assert_int_equal(fetch(c, id(1), &arena, &r, &err), WEIR_HOLD);
    assert_string_equal(err.code, "REGISTRY_UNREACHABLE");
    c.ops->close(c.self);
    weir_arena_fini(&arena);
}

static void test_apicurio(void **state)
{
    (void)state;
    stub s;
    char url[96];
    weir_arena arena;
    weir_registered r;
    begin(&s);
    snprintf(url, sizeof url, "%sapis/ccompat/v7", s.url);
    weir_arena_init(&arena, 0);
    weir_registry c = open_client(url, NULL, NULL);
    weir_schema_ref ref = {.kind = WEIR_REF_CONTENT_ID, .number = 7};
    assert_int_equal(fetch(c, ref, &arena, &r, NULL), WEIR_REJECT);
    assert_string_equal(s.last, "/apis/registry/v2/ids/contentIds/7");
    assert_int_equal(fetch(c, id(7), &arena, &r, NULL), WEIR_REJECT);
    assert_string_equal(s.last, "/apis/ccompat/v7/schemas/ids/7");
    c.ops->close(c.self);
    weir_arena_fini(&arena);
    MHD_stop_daemon(s.daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_stranger),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_apicurio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
