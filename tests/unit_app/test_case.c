/* Cases of a service: folders of records, and what its handlers make of them. The cases of a config
 * alone are in tests/cli/test_test.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#include "case.h"
#include "exit_code.h"

/* ---- A service ----------------------------------------------------------------------------------
 */

static weir_status on_order(weir_message *m, void *ctx)
{
    (void)ctx;
    weir_reader r = weir_read(m);
    int64_t amount = weir_int(&r, "amount");
    if (weir_read_end(&r)) {
        return r.status;
    }
    if (amount > 100 && weir_attempt(m) < 3) {
        return weir_retry(m, 0, "it is a lot");
    }
    if (amount < 0) {
        return weir_reject(m, "NEGATIVE", "less than nothing");
    }
    return weir_emit(m, .type = "paid", .fields = W_OBJECT(W_INT("amount", amount)));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order", .fn = on_order);
}

static const char config[] = "weir: 1\nname: pay\nkafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"
                             "sources: { shop: { connector: postgresql } }\n"
                             "stores: { local: { type: memory } }\n"
                             "caches: { users: { from: shop.public.users, store: local } }\n"
                             "events: { order: { topic: orders }, paid: { topic: payments } }\n"
                             "log: { level: error }\n";

/* ---- A folder -----------------------------------------------------------------------------------
 */

typedef struct folder {
    char dir[64];
    weir_error failure; /* the last one */
} folder;

static void put(const folder *f, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    fclose(to);
}

static void expect_file(const folder *f, const char *name, const char *text)
{
    char path[200], is[1000];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *from = fopen(path, "r");
    assert_non_null(from);
    is[fread(is, 1, sizeof is - 1, from)] = '\0';
    fclose(from);
    assert_string_equal(is, text);
}

static int fail_with(void *ctx, const weir_error *err)
{
    ((folder *)ctx)->failure = *err;
    return weir_exit_of(err);
}

static int load(void *ctx, const char *path, weir_config **out)
{
    weir_config_problems problems;
    weir_error err;
    weir_config_problems_init(&problems);
    weir_status s = weir_config_load(path, NULL, out, &problems, &err);
    weir_config_problems_fini(&problems);
    return s ? fail_with(ctx, &err) : EXIT_YES;
}

static int run(folder *f, bool update)
{
    const char *dir = f->dir;
    const weir_case_options o = {
        .quiet = true, .update = update, .setup = setup, .fail = fail_with, .load = load, .ctx = f};
    return weir_case_run_folders(&o, &dir, 1);
}

static int begin(void **state)
{
    folder *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/weir-case-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    put(f, "weir.yaml", config);
    *state = f;
    return 0;
}

static int end(void **state)
{
    folder *f = *state;
    char command[100];
    snprintf(command, sizeof command, "rm -r '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

/* ---- Tests --------------------------------------------------------------------------------------
 */

static const char orders[] =
    "{\"event\":\"order\",\"key\":\"a\",\"value\":{\"amount\":1}}\n"
    "# tried again twice, and handled in the end\n"
    "{\"topic\":\"orders\",\"headers\":{\"type\":\"order\"},\"key\":{\"k\":1},\"value\":{"
    "\"amount\":500}}\n"
    "{\"event\":\"order\",\"key\":\"c\",\"value\":{\"amount\":-1}}\n"
    "{\"table\":\"public.users\",\"op\":\"c\",\"key\":{\"id\":7},\"row\":{\"id\":7}}\n"
    "{\"event\":\"order\",\"key\":\"d\",\"value\":{\"amount\":2}}\n";
static const char emits[] =
    "{\"topic\":\"payments\",\"type\":\"paid\",\"key\":\"a\",\"value\":{\"amount\":1}}\n"
    "{\"topic\":\"payments\",\"type\":\"paid\",\"key\":\"d\",\"value\":{\"amount\":2}}\n"
    "{\"topic\":\"payments\",\"type\":\"paid\",\"key\":\"{\\\"k\\\":1}\",\"value\":{\"amount\":500}"
    "}\n";

static void what_comes_out_is_written_and_then_expected(void **state)
{
    folder *f = *state;
    put(f, "records.jsonl", orders);
    assert_int_equal(run(f, true), EXIT_YES);
    expect_file(f, "expected/emits.jsonl", emits);
    expect_file(f, "expected/dead.jsonl",
        "{\"topic\":\"orders\",\"record\":3,\"key\":\"c\",\"code\":\"NEGATIVE\"}\n");
    expect_file(f, "expected/rows/users.jsonl", "{\"key\":{\"id\":7},\"row\":{\"id\":7}}\n");
    assert_int_equal(run(f, false), EXIT_YES);
}

static void an_emit_less_or_another_one_is_a_difference(void **state)
{
    folder *f = *state;
    put(f, "records.jsonl", orders);
    assert_int_equal(run(f, false), EXIT_NO);
    assert_int_equal(run(f, true), EXIT_YES);
    put(f, "records.jsonl", "{\"event\":\"order\",\"key\":\"a\",\"value\":{\"amount\":2}}\n");
    assert_int_equal(run(f, false), EXIT_NO);
}

static void what_nothing_reads_is_told(void **state)
{
    folder *f = *state;
    put(f, "records.jsonl", "{\"topic\":\"others\",\"key\":{},\"value\":{}}\n");
    assert_int_equal(run(f, true), EXIT_NO);
    put(f, "records.jsonl", "{\"event\":\"ordr\",\"key\":\"a\",\"value\":{}}\n");
    assert_int_equal(run(f, false), EXIT_UNREACHABLE);
    assert_string_equal(f->failure.code, "CASE_LINE");
    assert_string_equal(f->failure.text, "the config's events have no ordr; is order meant?");
    assert_non_null(strstr(f->failure.where, "/records.jsonl:1"));
    assert_memory_equal(f->failure.where, f->dir, strlen(f->dir));
}

static void what_is_expected_under_no_known_name_is_told(void **state)
{
    folder *f = *state;
    put(f, "records.jsonl", orders);
    assert_int_equal(run(f, true), EXIT_YES);
    put(f, "expected/emit.jsonl", "{}\n");
    assert_int_equal(run(f, false), EXIT_UNREACHABLE);
    assert_string_equal(f->failure.code, "CASE_STRAY");
    assert_non_null(strstr(f->failure.text, "emits.jsonl meant"));
    assert_non_null(strstr(f->failure.where, "/expected/emit.jsonl"));
}

static void what_is_parked_is_told(void **state)
{
    folder *f = *state;
    char text[1000];
    snprintf(text, sizeof text, "%serrors: { followers: park }\n", config);
    put(f, "weir.yaml", text);
    put(f, "records.jsonl",
        "{\"event\":\"order\",\"key\":\"c\",\"value\":{\"amount\":-1}}\n"
        "{\"event\":\"order\",\"key\":\"c\",\"value\":{\"amount\":1}}\n");
    assert_int_equal(run(f, true), EXIT_YES);
    expect_file(
        f, "expected/parked.jsonl", "{\"topic\":\"orders\",\"key\":\"c\",\"followers\":1}\n");
    assert_int_equal(run(f, false), EXIT_YES);
    put(f, "expected/parked.jsonl", "");
    assert_int_equal(run(f, false), EXIT_NO);
}

static void setup_nothing(weir_app *app, void *ctx)
{
    (void)app, (void)ctx;
}

static int run_without_handlers(folder *f)
{
    const char *dir = f->dir;
    const weir_case_options o = {
        .quiet = true, .setup = setup_nothing, .fail = fail_with, .load = load, .ctx = f};
    return weir_case_run_folders(&o, &dir, 1);
}

static void a_service_may_have_caches_alone(void **state)
{
    folder *f = *state;
    put(f, "records.jsonl",
        "{\"table\":\"public.users\",\"op\":\"c\",\"key\":{\"id\":7},\"row\":{\"id\":7}}\n");
    assert_int_equal(run_without_handlers(f), EXIT_NO); /* a row that nobody expects */
    put(f, "records.jsonl", "# nothing\n");
    assert_int_equal(run_without_handlers(f), EXIT_YES);
}

/* ---- Deferred messages --------------------------------------------------------------------------
 */

static pthread_t settler;
static unsigned deferred;

static void *settle_later(void *message)
{
    nanosleep(&(struct timespec){0, 20 * 1000000L}, NULL);
    weir_settle(message, WEIR_OK);
    return NULL;
}

static weir_status on_deferred(weir_message *m, void *ctx)
{
    (void)ctx;
    if (deferred++) {
        pthread_join(settler, NULL);
    }
    return pthread_create(&settler, NULL, settle_later, m) ? WEIR_FATAL : weir_defer(m, 5000);
}

static void setup_deferred(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .event = "order", .fn = on_deferred);
}

static void what_another_thread_completes_is_given_the_time(void **state)
{
    folder *f = *state;
    const char *dir = f->dir;
    const weir_case_options o = {
        .quiet = true, .setup = setup_deferred, .fail = fail_with, .load = load, .ctx = f};
    put(f, "records.jsonl",
        "{\"event\":\"order\",\"key\":\"a\",\"value\":{\"amount\":1}}\n"
        "{\"event\":\"order\",\"key\":\"a\",\"value\":{\"amount\":2}}\n"
        "{\"event\":\"order\",\"key\":\"b\",\"value\":{\"amount\":3}}\n");
    deferred = 0;
    assert_int_equal(weir_case_run_folders(&o, &dir, 1), EXIT_YES);
    assert_int_equal(deferred, 3);
    pthread_join(settler, NULL);
}

static void a_case_needs_a_config_and_records(void **state)
{
    folder *f = *state;
    assert_int_equal(run(f, false), EXIT_UNREACHABLE);
    put(f, "records.jsonl", orders);
    put(f, "weir.yaml", "weir: 1\n");
    assert_int_equal(run(f, false), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_out_is_written_and_then_expected, begin, end),
        cmocka_unit_test_setup_teardown(an_emit_less_or_another_one_is_a_difference, begin, end),
        cmocka_unit_test_setup_teardown(what_nothing_reads_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_is_parked_is_told, begin, end),
        cmocka_unit_test_setup_teardown(what_is_expected_under_no_known_name_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_service_may_have_caches_alone, begin, end),
        cmocka_unit_test_setup_teardown(
            what_another_thread_completes_is_given_the_time, begin, end),
        cmocka_unit_test_setup_teardown(a_case_needs_a_config_and_records, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
