/* Subjects in a registry: how they are named, what is posted, and what answers come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "base/alloc.h"
#include "registry/registry_client.h"
#include "registry/registry_subject.h"

/* ---- Names --------------------------------------------------------------------------------------
 */

static const struct {
    weir_subject_naming naming;
    const char *topic, *record;
    bool of_key;
    const char *subject;
} names[] = {
    {WEIR_SUBJECT_TOPIC, "orders", "shop.Order", false, "orders-value"},
    {WEIR_SUBJECT_TOPIC, "orders", "", true, "orders-key"},
    {WEIR_SUBJECT_RECORD, "orders", "shop.Order", true, "shop.Order"},
    {WEIR_SUBJECT_TOPIC_RECORD, "orders", "shop.Order", false, "orders-shop.Order"},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_buf b = {0};
        weir_subject_put(&b, names[i].naming, weir_view_of(names[i].topic),
            weir_view_of(names[i].record), names[i].of_key);
        assert_string_equal(weir_buf_str(&b), names[i].subject);
        weir_buf_fini(&b);
    }
}

static const struct {
    const char *schema;
    bool is_avro;
    const char *name; /* NULL: it is no schema */
} records[] = {
    {"{\"type\":\"record\",\"namespace\":\"shop\",\"name\":\"Order\",\"fields\":[]}", true,
        "shop.Order"},
    {"\"int\"", true, ""},
    {"\"integer\"", true, NULL},
    {"{\"title\":\"Ord\\u0065r\"}", false, "Order"},
    {"{\"title\":1}", false, ""},
    {"true", false, ""},
    {"{", false, NULL},
};

static void test_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        weir_arena arena;
        weir_view name;
        weir_arena_init(&arena, 0);
        weir_status s = weir_schema_record_name(
            weir_view_of(records[i].schema), records[i].is_avro, &arena, &name, NULL);
        assert_int_equal(s, records[i].name ? WEIR_OK : WEIR_REJECT);
        assert_true(s || weir_view_is(name, records[i].name));
        weir_arena_fini(&arena);
    }
}

/* ---- Questions ----------------------------------------------------------------------------------
 */

/* Answers as it is told, in turn. */
typedef struct stub {
    struct MHD_Daemon *daemon;
    weir_registry registry;
    struct {
        unsigned status;
        const char *body;
    } answers[4];
    unsigned asked;
    char url[256], body[1024]; /* of the question that came last */
} stub;

static void *raw_uri(void *ctx, const char *uri, struct MHD_Connection *c)
{
    stub *s = ctx;
    (void)c;
    snprintf(s->url, sizeof s->url, "%s", uri);
    s->body[0] = '\0';
    return NULL;
}

static enum MHD_Result on_question(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version, const char *data, size_t *len, void **own)
{
    static int begun;
    stub *s = ctx;
    (void)url, (void)version;
    if (!*own) {
        *own = &begun;
        return MHD_YES;
    }
    if (*len) {
        snprintf(
            s->body + strlen(s->body), sizeof s->body - strlen(s->body), "%.*s", (int)*len, data);
        *len = 0;
        return MHD_YES;
    }
    assert_string_equal(method, "POST");
    const char *body = s->answers[s->asked].body;
    struct MHD_Response *r = MHD_create_response_from_buffer(
        strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result done = MHD_queue_response(c, s->answers[s->asked].status, r);
    s->asked++;
    MHD_destroy_response(r);
    return done;
}

static void begin(stub *s)
{
    char url[64];
    s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_question, s,
        MHD_OPTION_URI_LOG_CALLBACK, raw_uri, s, MHD_OPTION_END);
    assert_non_null(s->daemon);
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", info->port);
    weir_registry_client_options o = {.url = url, .timeout_ms = 2000};
    assert_int_equal(weir_registry_client_open(&o, &s->registry, NULL), WEIR_OK);
}

static void end(stub *s)
{
    s->registry.ops->close(s->registry.self);
    MHD_stop_daemon(s->daemon);
}

static weir_registry_entry entry(void)
{
    static const weir_registry_reference references[] = {
        {{"a.E", 3}, {"e", 1}, 2}, {{"b", 1}, {"f", 1}, 1}};
    return (weir_registry_entry){.subject = {"a/b", 3},
        .kind = WEIR_REGISTERED_JSON,
        .text = {"{\"title\":\"x\"}", 13},
        .references = references,
        .n_references = 2};
}

static void test_posted(void **state)
{
    (void)state;
    stub s = {.answers = {{200, "{\"id\":7}"}, {200, "{\"id\":7,\"version\":3}"}}};
    weir_registry_entry e = entry();
    int64_t id = 0, version = 0;
    begin(&s);
    assert_int_equal(weir_registry_register(s.registry, &e, &id, NULL), WEIR_OK);
    assert_int_equal(id, 7);
    assert_string_equal(s.url, "/subjects/a%2Fb/versions");
    assert_string_equal(s.body,
        "{\"schema\":\"{\\\"title\\\":\\\"x\\\"}\",\"schemaType\":\"JSON\",\"references\":[{"
        "\"name\":\"a.E\","
        "\"subject\":\"e\",\"version\":2},{\"name\":\"b\",\"subject\":\"f\",\"version\":1}]}");
    e.kind = WEIR_REGISTERED_AVRO;
    e.n_references = 0;
    assert_int_equal(weir_registry_lookup(s.registry, &e, &id, &version, NULL), WEIR_OK);
    assert_int_equal(version, 3);
    assert_string_equal(s.url, "/subjects/a%2Fb");
    assert_string_equal(s.body, "{\"schema\":\"{\\\"title\\\":\\\"x\\\"}\"}");
    end(&s);
}

static const struct {
    unsigned status;
    const char *answer, *code; /* code NULL: it is well */
} answers[] = {
    {200, "{\"id\":1}", NULL},
    {200, "{\"id\":\"1\"}", "REGISTRY_ANSWER"},
    {200, "[]", "REGISTRY_ANSWER"},
    {200, "<html>", "REGISTRY_ANSWER"},
    {404, "{\"error_code\":40401}", "REGISTRY_NO_SCHEMA"},
    {404, "{\"status\":404,\"name\":\"ArtifactNotFoundException\"}", "REGISTRY_NO_SCHEMA"},
    {404, "{\"error_code\":404}", "REGISTRY_ANSWER"}, /* the path, not the subject */
    {404, "{\"message\":\"no Route matched\"}", "REGISTRY_STRANGER"},
    {404, "default backend - 404", "REGISTRY_STRANGER"},
    {400, "<html>", "REGISTRY_STRANGER"},
    {400, "{\"error_code\":400}", "REGISTRY_ANSWER"},
    {401, "", "REGISTRY_REFUSED"},
    {409, "{\"message\":\"older than\\u001b\\nthe hills\"}", "REGISTRY_INCOMPATIBLE"},
    {422, "{\"message\":1}", "SCHEMA_INVALID"},
    {302, "", "REGISTRY_STRANGER"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        stub s = {
            .answers = {{answers[i].status, answers[i].answer},
                {answers[i].status, answers[i].answer}, {answers[i].status, answers[i].answer}}};
        weir_registry_entry e = entry();
        weir_error err = {.status = WEIR_OK};
        int64_t id;
        begin(&s);
        weir_status st = weir_registry_register(s.registry, &e, &id, &err);
        assert_string_equal(st ? err.code : "", answers[i].code ? answers[i].code : "");
        assert_int_equal(s.asked, st == WEIR_HOLD ? 3 : 1);
        assert_true(answers[i].status != 409 || strstr(err.text, "older than  the hills"));
        end(&s);
    }
}

static void test_may_follow(void **state)
{
    (void)state;
    stub s = {.answers = {{200, "{\"is_compatible\":true}"},
                  {200, "{\"is_compatible\":false,\"messages\":[\"one\",2,\"two\"]}"},
                  {404, "{\"error_code\":404}"}, {200, "{\"is_compatible\":1}"}}};
    weir_registry_entry e = entry();
    weir_buf why = {0};
    weir_error err;
    bool yes = false;
    begin(&s);
    assert_int_equal(weir_registry_may_follow(s.registry, &e, &yes, &why, &err), WEIR_OK);
    assert_true(yes && !why.len);
    assert_int_equal(weir_registry_may_follow(s.registry, &e, &yes, &why, &err), WEIR_OK);
    assert_false(yes);
    assert_string_equal(weir_buf_str(&why), "one\ntwo\n");
    assert_int_equal(weir_registry_may_follow(s.registry, &e, &yes, &why, &err), WEIR_REJECT);
    assert_string_equal(err.code, "REGISTRY_ANSWER");
    assert_string_equal(s.url, "/compatibility/subjects/a%2Fb/versions/latest?verbose=true");
    weir_buf_fini(&why);
    end(&s);
}

static void test_no_memory(void **state)
{
    (void)state;
    stub s = {.answers = {{200, "{\"id\":7}"}}};
    weir_registry_entry e = entry();
    begin(&s);
    long live = weir_alloc_live();
    weir_status st = WEIR_RETRY;
    for (long n = 1; st; n++) {
        int64_t id;
        s.asked = 0;
        (void)weir_alloc_fail_at(n, 0);
        st = weir_registry_register(s.registry, &e, &id, NULL);
        (void)weir_alloc_fail_at(0, 0);
        assert_true(st == WEIR_OK || st == WEIR_RETRY);
        assert_int_equal(weir_alloc_live(), live);
        assert_true(n < 200);
    }
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_posted),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_may_follow),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
