/* Loading whole configs: each tests/cases/config/NAME.yaml must give the problems of NAME.problems
 * (none without that file), and, where NAME.effective is there, the config that it shows. */
#include "config_support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

#define CASES "tests/cases/config/"

/* ---- cases as data ----------------------------------------------------------------------- */

static weir_buf case_file(const char *name, const char *ending)
{
    char path[300];
    snprintf(path, sizeof path, CASES "%s%s", name, ending);
    return file_text(path);
}

static loaded load_case(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, CASES "%s.yaml", name);
    return load(path);
}

static void check_problems(const char *name, const loaded *l)
{
    char file[300];
    weir_buf expected = case_file(name, ".problems"), actual = {0};
    snprintf(file, sizeof file, "%s.yaml", name);
    for (size_t i = 0; i < l->problems.count; i++) {
        weir_config_problem_put(file, &l->problems.items[i], &actual);
    }
    assert_string_equal(weir_buf_str(&actual), weir_buf_str(&expected));
    weir_buf_fini(&expected);
    weir_buf_fini(&actual);
}

/* The error that the caller sees is the first one of the list. */
static void check_outcome(const char *name, const loaded *l)
{
    char where[300];
    const weir_config_problem *p = l->problems.items;
    if (!l->problems.errors) {
        assert_int_equal(l->status, WEIR_OK);
        assert_non_null(l->config);
        return;
    }
    while (p->warning) {
        p++;
    }
    snprintf(where, sizeof where, CASES "%s.yaml:%u:%u", name, p->place.line, p->place.column);
    assert_int_equal(l->status, WEIR_FATAL);
    assert_null(l->config);
    assert_string_equal(l->err.code, weir_code_get(p->code)->name);
    assert_string_equal(l->err.where, where);
}

/* What is printed is the expected text, and loading it gives the same once more. */
static void check_effective(const char *name, const loaded *l)
{
    weir_buf expected = case_file(name, ".effective"), actual = {0}, again = {0};
    if (expected.len && l->config) {
        weir_config_print(l->config, &actual);
        assert_string_equal(weir_buf_str(&actual), weir_buf_str(&expected));
        loaded second = parse(weir_buf_str(&actual));
        assert_int_equal(second.status, WEIR_OK);
        weir_config_print(second.config, &again);
        assert_string_equal(weir_buf_str(&again), weir_buf_str(&actual));
        unload(&second);
    }
    assert_true(expected.len == 0 || l->config != NULL);
    weir_buf_fini(&expected);
    weir_buf_fini(&actual);
    weir_buf_fini(&again);
}

static void test_case(void **state)
{
    const char *name = *state;
    long live = weir_alloc_live();
    loaded l = load_case(name);
    check_problems(name, &l);
    check_outcome(name, &l);
    check_effective(name, &l);
    unload(&l);
    assert_int_equal(weir_alloc_live(), live);
}

/* Fails each allocation of a load in turn: the load fails, says why, and leaks nothing. */
static void test_out_of_memory(void **state)
{
    const char *name = *state;
    loaded good = load_case(name);
    long live = weir_alloc_live();
    for (long n = 1;; n++) {
        weir_alloc_fail_at(n, 0);
        loaded l = load_case(name);
        bool was_hit = weir_alloc_fail_at(0, 0) >= n;
        if (!was_hit) {
            assert_int_equal(l.status, good.status);
            unload(&l);
            break;
        }
        assert_int_not_equal(l.status, WEIR_OK);
        assert_null(l.config);
        if (good.status == WEIR_OK) {
            assert_string_equal(l.err.code, "OUT_OF_MEMORY");
        }
        unload(&l);
        assert_int_equal(weir_alloc_live(), live);
    }
    unload(&good);
}

/* ---- typed values ------------------------------------------------------------------------ */

static void check_source(const weir_config_source *s)
{
    assert_int_equal(s->connector, WEIR_CONFIG_CONNECTOR_POSTGRESQL);
    assert_int_equal(s->format, WEIR_CONFIG_FORMAT_JSON);
    assert_non_null(s->unwrapped.node);
    assert_int_equal(s->unwrapped.delete_mode, WEIR_CONFIG_DELETE_REWRITE_WITH_TOMBSTONE);
    assert_string_equal(s->unwrapped.prefix, "_w_");
    assert_int_equal(s->modes.time, WEIR_CONFIG_TIME_ISOSTRING);
    assert_int_equal(s->types.count, 3);
    assert_string_equal(s->types.items[1].table, "public.orders");
    assert_string_equal(s->types.items[1].column, "created_at");
    assert_string_equal(s->types.items[1].type, "timestamptz");
    assert_int_equal(s->types.items[1].place.line, 25);
    assert_int_equal(s->full_images.count, 2);
    assert_string_equal(s->full_images.items[1].text, "public.customers");
}

static void check_customers(const weir_config *c)
{
    const weir_config_cache *customers = weir_config_cache_named(c, "customers");
    assert_ptr_equal(customers->source, weir_config_source_named(c, "shop"));
    assert_ptr_equal(customers->store, weir_config_store_named(c, "hot"));
    assert_string_equal(customers->schema, "public");
    assert_string_equal(customers->table, "customers");
    assert_string_equal(customers->table_name, "public.customers");
    assert_string_equal(customers->topic, "all-customers");
    static const weir_config_scalar kinds[] = {WEIR_CONFIG_NULL, WEIR_CONFIG_TRUE,
        WEIR_CONFIG_FALSE, WEIR_CONFIG_NUMBER, WEIR_CONFIG_NUMBER, WEIR_CONFIG_TEXT,
        WEIR_CONFIG_TEXT, WEIR_CONFIG_TEXT, WEIR_CONFIG_TEXT};
    assert_int_equal(customers->where.count, sizeof kinds / sizeof *kinds);
    for (size_t i = 0; i < customers->where.count; i++) {
        assert_int_equal(customers->where.items[i].kind, kinds[i]);
    }
    assert_string_equal(customers->where.items[8].text, "42");
}

static void test_typed_values(void **state)
{
    (void)state;
    loaded l = load_case("good-complete");
    const weir_config *c = l.config;
    assert_non_null(c);
    assert_string_equal(c->name, "shop-sync");
    assert_string_equal(c->instance, "shop-sync-0");
    assert_int_equal(c->kafka.properties.count, 4);
    assert_string_equal(c->kafka.properties.items[2].value, "correct horse");
    assert_true(c->kafka.properties.items[2].secret);
    assert_false(c->kafka.properties.items[1].secret);
    assert_int_equal(c->kafka.consumer.count, 2);
    assert_int_equal(c->kafka.producer.count, 2);
    check_source(&c->sources.items[0]);
    assert_null(c->sources.items[1].unwrapped.node);
    assert_int_equal(c->stores.items[0].map_size, UINT64_C(1) << 40);
    assert_int_equal(c->stores.items[1].max_bytes, 100000000);
    assert_int_equal(c->caches.items[0].delete_marks_ms, 36 * 3600 * 1000);
    assert_string_equal(c->caches.items[0].topic, "shop.prod.public.orders");
    assert_string_equal(c->caches.items[1].topic, "shop.prod.public.Sales_Ops");
    check_customers(c);
    assert_int_equal(c->errors.retry.max_backoff_ms, 60000);
    assert_string_equal(c->http.listen.host, "::1");
    assert_int_equal(c->http.listen.port, 0);
    assert_int_equal(c->limits.lanes, 8);
    assert_int_equal(c->limits.stuck_after_ms, 1500);
    assert_int_equal(c->log.format, WEIR_CONFIG_LOG_FORMAT_JSON);
    unload(&l);
}

static void test_defaults(void **state)
{
    (void)state;
    loaded l = load_case("good-minimal");
    const weir_config *c = l.config;
    assert_non_null(c);
    assert_string_equal(c->instance, "test-host");
    assert_string_equal(c->errors.dead_letter.topic, "shop-sync.dead");
    assert_null(c->http.listen.host);
    assert_int_equal(c->limits.lanes, 0);
    assert_int_equal(c->limits.in_flight_bytes, 256 << 20);
    assert_int_equal(c->errors.retry.backoff_ms, 100);
    assert_true(c->errors.quarantine_key);
    assert_null(c->limits.node);
    assert_null(weir_config_source_named(c, "shop"));
    unload(&l);
}

static void check_place(weir_config_place place, uint32_t line, uint32_t column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

static void test_places(void **state)
{
    (void)state;
    loaded l = parse("weir: 1\nname: a\nkafka:\n  bootstrap.servers: b\n"
                     "stores:\n  größe: \"x\"\n");
    assert_string_equal(l.err.where, "test.yaml:6:3");
    unload(&l);
    l = parse("weir: 1\nname: a\nkafka: {bootstrap.servers: b}\n"
              "stores:\n  one: {type: lmdb, path: /tmp}\n");
    const weir_config_node *store = l.config->stores.items[0].node;
    check_place(weir_config_place_of(store, "path"), 5, 27);
    check_place(weir_config_place_of(store, "map_size"), 5, 8);
    check_place(weir_config_place_of(l.config->limits.node, "lanes"), 0, 0);
    unload(&l);
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(weir_config_word(connector, WEIR_CONFIG_CONNECTOR_NONE), "none");
    assert_string_equal(
        weir_config_word(delete_mode, WEIR_CONFIG_DELETE_TO_TOMBSTONE), "delete-to-tombstone");
}

/* ---- files ------------------------------------------------------------------------------- */

static void test_unreadable_file(void **state)
{
    (void)state;
    loaded l = load(CASES "no-such-file.yaml");
    assert_int_equal(l.status, WEIR_FATAL);
    assert_string_equal(l.err.code, "CONFIG_UNREADABLE");
    assert_string_equal(l.err.where, CASES "no-such-file.yaml");
    assert_string_equal(l.err.text, "cannot be read: No such file or directory");
    assert_int_equal(l.problems.count, 0);
    unload(&l);
    l = load(CASES);
    assert_string_equal(l.err.text, "cannot be read: Is a directory");
    unload(&l);
}

static void test_large_file(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char spaces[4096];
    memset(spaces, ' ', sizeof spaces);
    for (int i = 0; i < 257; i++) {
        assert_int_equal(write(fd, spaces, sizeof spaces), sizeof spaces);
    }
    close(fd);
    loaded l = load(path);
    unlink(path);
    assert_string_equal(l.err.code, "CONFIG_TOO_LARGE");
    unload(&l);
}

/* Without options the process's own environment, files and host name are asked. */
static void test_own_environment(void **state)
{
    (void)state;
    static const char text[] =
        "{weir: 1, name: a, kafka: {bootstrap.servers: '${WEIR_TEST_BROKERS}'}}";
    weir_config *c = NULL;
    weir_config_problems problems = {0};
    weir_error err;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    setenv("WEIR_TEST_BROKERS", "b:1", 1);
    assert_int_equal(
        weir_config_parse(weir_view_of(text), "t", NULL, &c, &problems, &err), WEIR_OK);
    assert_string_equal(c->kafka.properties.items[0].value, "b:1");
    assert_string_equal(c->instance, host);
    weir_config_free(c);
    unsetenv("WEIR_TEST_BROKERS");
    assert_int_equal(
        weir_config_parse(weir_view_of(text), "t", NULL, &c, &problems, &err), WEIR_FATAL);
    assert_string_equal(err.code, "CONFIG_INTERPOLATION");
    weir_config_problems_fini(&problems);
}

/* ---- the group --------------------------------------------------------------------------- */

enum { MOST_CASES = 200 };

static int is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

int main(void)
{
    static struct CMUnitTest tests[2 * MOST_CASES + 10];
    static char names[2 * MOST_CASES][80];
    struct dirent **entries;
    size_t n = 0;
    int count = scandir(CASES, &entries, is_case, alphasort);
    if (count <= 0 || count > MOST_CASES) {
        fprintf(stderr, "no cases in " CASES ", or too many\n");
        return 1;
    }
    for (int i = 0; i < count; i++) {
        int len = (int)strlen(entries[i]->d_name) - 5;
        char *name = strndup(entries[i]->d_name, (size_t)len);
        free(entries[i]);
        snprintf(names[n], sizeof *names, "case %s", name);
        tests[n] = (struct CMUnitTest){names[n], test_case, NULL, NULL, name};
        n++;
        snprintf(names[n], sizeof *names, "out of memory in %s", name);
        tests[n] = (struct CMUnitTest){names[n], test_out_of_memory, NULL, NULL, name};
        n++;
    }
    free(entries);
    const struct CMUnitTest others[] = {cmocka_unit_test(test_typed_values),
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_places),
        cmocka_unit_test(test_words), cmocka_unit_test(test_unreadable_file),
        cmocka_unit_test(test_large_file), cmocka_unit_test(test_own_environment)};
    memcpy(tests + n, others, sizeof others);
    size_t total = n + sizeof others / sizeof *others;
    int failed = _cmocka_run_group_tests("config", tests, total, NULL, NULL);
    for (size_t i = 0; i < n; i += 2) {
        free(tests[i].initial_state);
    }
    return failed;
}
