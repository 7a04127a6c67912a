/* Parked keys, in the test kit: what waits behind a rejected record, and what an operator's word
 * makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <weir/test.h>
#include <weir/weir.h>

#define CONFIG(errors)                                      \
    "weir: 1\n"                                             \
    "name: shop\n"                                          \
    "kafka: { bootstrap.servers: \"127.0.0.1:1\" }\n"       \
    "stores: { books: { type: sqlite, path: /nowhere } }\n" \
    "events: { told: { topic: told } }\n" errors

static const char parks[] = CONFIG("errors: { followers: park }\n");
static const char goes_on[] = CONFIG("");

/* ---- A service ----------------------------------------------------------------------------------
 */

/* What was handled, in order: "a1 a2 …". */
static char handled[400];
static const char *poison; /* rejected */
static const char *flaky;  /* needs a second attempt */
static char held;          /* orders that begin so are */
static enum weir_followers policy;
static const char *store;

/* Is it one of the words? */
static bool is_among(weir_view n, const char *words)
{
    for (const char *at = words; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL) {
        if (weir_view_eq(n, weir_view_make(at, strcspn(at, " ")))) {
            return true;
        }
    }
    return false;
}

static weir_status on_order(weir_message *m, void *ctx)
{
    (void)ctx;
    weir_reader r = weir_read(m);
    weir_view n = weir_text(&r, "n");
    if (weir_read_end(&r)) {
        return r.status;
    }
    if (poison && strstr(poison, "all")) {
        return weir_reject(m, "BAD", "all are");
    }
    if (poison && is_among(n, poison)) {
        return weir_reject(m, "BAD", "it is %s", poison);
    }
    if (held && *n.ptr == held) {
        return weir_hold(m, "its dependency is away");
    }
    if (flaky && weir_view_is(n, flaky) && weir_attempt(m) == 1) {
        return weir_retry(m, 0, "not at once");
    }
    size_t len = strlen(handled);
    snprintf(handled + len, sizeof handled - len, "%s%.*s", len ? " " : "", WEIR_ARG(n));
    return weir_emit(m, .type = "told", .fields = W_OBJECT(W_TEXT("n", n)));
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .fn = on_order, .followers = policy, .tx = store);
}

static weir_test *begin_with(const char *config, enum weir_followers of_handler, const char *tx)
{
    handled[0] = '\0';
    poison = flaky = NULL;
    held = 0;
    store = tx;
    policy = of_handler;
    return weir_test_new(config, setup, NULL);
}

static weir_test *begin(const char *config)
{
    return begin_with(config, WEIR_FOLLOWERS_AS_CONFIGURED, NULL);
}

static void order(weir_test *t, const char *key, const char *n)
{
    char value[40], id[40];
    snprintf(value, sizeof value, "{\"n\":\"%s\"}", n);
    snprintf(id, sizeof id, "id-%s", n);
    weir_test_record(t, "orders", key, value, W_OBJECT(W_STR("id", id), W_STR("trace", "x")));
}

static void told(weir_test *t, const char *all)
{
    char copy[400], json[40];
    snprintf(copy, sizeof copy, "%s", all);
    assert_string_equal(handled, all);
    for (const char *n = strtok(copy, " "); n; n = strtok(NULL, " ")) {
        snprintf(json, sizeof json, "{\"n\":\"%s\"}", n);
        weir_expect_emit(t, "told", json);
    }
}

/* ---- What waits ---------------------------------------------------------------------------------
 */

static void followers_go_on_unless_told_otherwise(void **state)
{
    (void)state;
    weir_test *t = begin(goes_on);
    poison = "a1";
    order(t, "a", "a1");
    order(t, "a", "a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    told(t, "a2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void followers_are_parked_and_other_keys_go_on(void **state)
{
    (void)state;
    weir_test *t = begin(parks);
    poison = "a1";
    order(t, "a", "a0");
    order(t, "a", "a1");
    order(t, "b", "b1");
    order(t, "a", "a2");
    order(t, NULL, "n1");
    order(t, "a", "a3");
    order(t, "", "e1");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    told(t, "a0 b1 n1 e1");
    weir_expect_parked(t, "orders", "a", 2);
    weir_expect_parked(t, "orders", "b", -1);
    weir_expect_quiet(t); /* all of it is committed */
    assert_int_equal(weir_test_free(t), 0);
}

static void records_without_a_key_are_one_key(void **state)
{
    (void)state;
    weir_test *t = begin(parks);
    poison = "n1";
    order(t, NULL, "n1");
    order(t, NULL, "n2");
    order(t, "", "e1");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", NULL, 1);
    poison = NULL;
    weir_test_release(t, "orders", NULL);
    weir_test_run(t);
    told(t, "e1 n2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_handler_says_for_itself(void **state)
{
    (void)state;
    weir_test *t = begin_with(goes_on, WEIR_FOLLOWERS_PARK, NULL);
    poison = "a1";
    order(t, "a", "a1");
    order(t, "a", "a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "a", 1);
    assert_int_equal(weir_test_free(t), 0);
    t = begin_with(parks, WEIR_FOLLOWERS_GO_ON, NULL);
    poison = "a1";
    order(t, "a", "a1");
    order(t, "a", "a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    told(t, "a2");
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- The operator's word ------------------------------------------------------------------------
 */

static weir_test *begin_parked(void)
{
    weir_test *t = begin(parks);
    poison = "a1";
    order(t, "a", "a1");
    order(t, "a", "a2");
    order(t, "a", "a3");
    order(t, "b", "b1");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    told(t, "b1");
    handled[0] = '\0';
    poison = NULL;
    weir_expect_parked(t, "orders", "a", 2);
    return t;
}

static void what_is_released_is_handled_in_order_before_what_comes(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    flaky = "a2";
    weir_test_release(t, "orders", "a");
    order(t, "a", "a4");
    order(t, "a", "a5");
    weir_test_run(t);
    weir_test_advance(t, 1000);
    told(t, "a2 a3 a4 a5");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    order(t, "a", "a6");
    weir_test_run(t);
    handled[0] = '\0';
    weir_expect_emit(t, "told", "{\"n\":\"a6\"}");
    assert_int_equal(weir_test_free(t), 0);
}

static void the_rejected_record_may_come_again_first(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    weir_test_release_again(t, "orders", "a");
    weir_test_run(t);
    told(t, "a1 a2 a3");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void what_is_rejected_goes_to_the_dead_letters(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    weir_test_reject_parked(t, "orders", "a");
    weir_test_run(t);
    weir_expect_dead(t, "KEY_REJECTED");
    weir_expect_dead(t, "KEY_REJECTED");
    weir_expect_parked(t, "orders", "a", -1);
    order(t, "a", "a4");
    weir_test_run(t);
    told(t, "a4");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void one_that_is_rejected_on_the_way_parks_the_rest_again(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    poison = "a2";
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "a", 1);
    order(t, "a", "a4");
    weir_test_run(t);
    weir_expect_parked(t, "orders", "a", 2);
    assert_string_equal(handled, "");
    poison = NULL;
    weir_test_release_again(t, "orders", "a");
    weir_test_run(t);
    told(t, "a2 a3 a4");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_key_without_followers_is_opened_as_well(void **state)
{
    (void)state;
    weir_test *t = begin(parks);
    poison = "a1";
    order(t, "a", "a1");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "a", 0);
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    weir_expect_parked(t, "orders", "a", -1);
    order(t, "a", "a2");
    weir_test_run(t);
    told(t, "a2");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_word_for_a_key_that_is_not_parked_says_nothing(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    weir_test_release(t, "orders", "b");
    weir_test_release(t, "nothing", "a");
    weir_test_run(t);
    weir_expect_parked(t, "orders", "a", 2);
    weir_test_release(t, "orders", "a");
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    told(t, "a2 a3");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

/* ---- Trouble ------------------------------------------------------------------------------------
 */

static void what_is_parked_waits_for_the_broker(void **state)
{
    (void)state;
    weir_test *t = begin(parks);
    poison = "a1";
    weir_test_fail_emits(t, 3);
    order(t, "a", "a1");
    order(t, "a", "a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_waiting(t, 2);
    weir_test_advance(t, 10000);
    weir_expect_parked(t, "orders", "a", 1);
    weir_expect_quiet(t);
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    told(t, "a2");
    assert_int_equal(weir_test_free(t), 0);
}

static void a_note_that_is_refused_calls_no_handler_again(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    weir_test_release(t, "orders", "a");
    weir_test_fail_emits(t, 1); /* the emit of a2 */
    weir_test_run(t);
    assert_string_equal(handled, "a2");
    weir_test_advance(t, 10000);
    assert_string_equal(handled, "a2 a2 a3");
    weir_expect_emit(t, "told", "{\"n\":\"a2\"}");
    weir_expect_emit(t, "told", "{\"n\":\"a3\"}");
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_note_behind_a_dead_letter_writes_no_second_one(void **state)
{
    (void)state;
    weir_test *t = begin(parks);
    poison = "a1";
    order(t, "a", "a1");
    order(t, "a", "a2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_test_reject_parked(t, "orders", "a");
    weir_test_fail_emits(t, 1); /* the note that a2 is done with */
    weir_test_run(t);
    weir_test_advance(t, 60000);
    weir_expect_dead(t, "KEY_REJECTED");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_partition_that_comes_back_knows_its_parked_keys(void **state)
{
    (void)state;
    weir_test *t = begin_parked();
    order(t, "a", "a4");
    weir_test_run(t);
    weir_expect_parked(t, "orders", "a", 3);
    weir_test_redeliver(t); /* a4, in a new assignment */
    weir_test_run(t);
    weir_expect_parked(t, "orders", "a", 3);
    weir_test_redeliver(t); /* and once more, while it is released */
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    told(t, "a2 a3 a4");
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void handlers_with_a_transaction_park_as_well(void **state)
{
    (void)state;
    weir_test *t = begin_with(parks, WEIR_FOLLOWERS_AS_CONFIGURED, "books");
    poison = "a1";
    order(t, "a", "a0");
    order(t, "a", "a1");
    order(t, "b", "b1");
    order(t, "a", "a2");
    order(t, "b", "b2");
    order(t, "a", "a3");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "a", 2);
    weir_test_release(t, "orders", "a");
    order(t, "a", "a4");
    order(t, "b", "b3");
    weir_test_run(t);
    weir_test_advance(t, 1000);
    assert_non_null(strstr(handled, "a2"));
    assert_true(strstr(handled, "a2") < strstr(handled, "a3"));
    assert_true(strstr(handled, "a3") < strstr(handled, "a4"));
    char all[400];
    snprintf(all, sizeof all, "%s", handled);
    told(t, all);
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void what_finds_no_room_is_held(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG("errors: { followers: park }\nlimits: { parked_keys: 1 }\n"));
    poison = "all";
    order(t, "a", "a1");
    order(t, "b", "b1");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_waiting(t, 1); /* no room for b */
    weir_test_release(t, "orders", "a");
    weir_test_advance(t, 60000);
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "b", 0);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

static void a_config_that_cannot_park_is_refused(void **state)
{
    (void)state;
    weir_test *t = begin(CONFIG("errors: { followers: park, reject: skip }\n"));
    assert_int_not_equal(weir_test_free(t), 0);
    t = begin(CONFIG("errors: { followers: park, parked: shop.dead }\n"));
    assert_int_not_equal(weir_test_free(t), 0);
    t = begin_with(CONFIG("errors: { reject: skip }\n"), WEIR_FOLLOWERS_PARK, NULL);
    assert_int_not_equal(weir_test_free(t), 0);
}

/* ---- Records that the topic does not take -------------------------------------------------------
 */

#define EXACTLY_ONCE "delivery: exactly_once\n"
static const char parks_once[] = CONFIG("errors: { followers: park }\n" EXACTLY_ONCE);

/* One that has as many bytes more. */
static void large_order(weir_test *t, const char *key, const char *n)
{
    enum { BYTES = 2000 };
    char value[BYTES + 60], id[40];
    snprintf(value, sizeof value, "{\"n\":\"%s\",\"pad\":\"%0*d\"}", n, BYTES, 0);
    snprintf(id, sizeof id, "id-%s", n);
    weir_test_record(t, "orders", key, value, W_OBJECT(W_STR("id", id), W_STR("trace", "x")));
}

static weir_test *begin_with_large(const char *config)
{
    weir_test *t = begin(config);
    weir_test_limit(t, "shop.parked", 1000);
    poison = "a1";
    large_order(t, "a", "a1");
    large_order(t, "a", "a2");
    order(t, "a", "a3");
    order(t, "b", "b1");
    weir_test_run(t);
    weir_test_advance(t, 1000);
    weir_expect_dead(t, "BAD");
    told(t, "b1");
    handled[0] = '\0';
    poison = NULL;
    weir_expect_parked(t, "orders", "a", 2);
    weir_expect_quiet(t); /* all of it is committed */
    return t;
}

static void what_is_too_large_to_be_copied_is_read_again(void **state)
{
    (void)state;
    for (int once = 0; once < 2; once++) {
        weir_test *t = begin_with_large(once ? parks_once : parks);
        weir_test_release_again(t, "orders", "a");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        told(t, "a1 a2 a3");
        weir_expect_parked(t, "orders", "a", -1);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

/* Nothing can be noted of such a key, so nothing of it can wait; other keys go on. */
static void a_key_that_is_too_large_for_the_topic_parks_nothing(void **state)
{
    enum { KEY = 2000 };
    char key[KEY + 1];
    (void)state;
    memset(key, 'k', KEY);
    key[KEY] = '\0';
    for (int once = 0; once < 2; once++) {
        weir_test *t = begin(once ? parks_once : parks);
        weir_test_limit(t, "shop.parked", 1000);
        poison = "a1 b1";
        order(t, key, "a1");
        order(t, key, "a2");
        order(t, "b", "b1");
        order(t, "b", "b2");
        order(t, "c", "c1");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        weir_expect_dead(t, NULL); /* a1 and b1, a2 somewhere among them */
        weir_expect_dead(t, NULL);
        weir_expect_dead(t, NULL);
        order(t, key, "a3");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        weir_expect_dead(t, "PARKED_KEY_TOO_LARGE");
        weir_expect_parked(t, "orders", "b", 1);
        told(t, "c1");
        weir_expect_quiet(t);
        handled[0] = '\0';
        weir_test_redeliver(t); /* a new assignment knows nothing of it */
        order(t, key, "a4");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        told(t, once ? "a4" : "a3 a4");
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

static void what_was_not_copied_and_is_gone_is_a_dead_letter(void **state)
{
    (void)state;
    for (int once = 0; once < 2; once++) {
        weir_test *t = begin_with_large(once ? parks_once : parks);
        weir_test_forget(t, "orders");
        weir_test_release(t, "orders", "a");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        weir_expect_dead(t, "PARKED_GONE");
        weir_expect_parked(t, "orders", "a", 1);
        assert_string_equal(handled, "");
        weir_test_release(t, "orders", "a");
        weir_test_run(t);
        weir_test_advance(t, 1000);
        told(t, "a3");
        weir_expect_parked(t, "orders", "a", -1);
        weir_expect_quiet(t);
        assert_int_equal(weir_test_free(t), 0);
    }
}

static void a_key_that_is_held_keeps_no_other_waiting(void **state)
{
    (void)state;
    enum { MANY = 400 };
    weir_test *t = begin(parks);
    char n[20];
    poison = "a1 b1";
    order(t, "a", "a1");
    order(t, "b", "b1");
    for (int i = 2; i < MANY; i++) {
        snprintf(n, sizeof n, "a%d", i);
        order(t, "a", n);
    }
    order(t, "b", "b2");
    weir_test_run(t);
    weir_expect_dead(t, "BAD");
    weir_expect_dead(t, "BAD");
    weir_expect_parked(t, "orders", "a", MANY - 2);
    poison = NULL;
    held = 'a';
    weir_test_release(t, "orders", "a");
    weir_test_run(t);
    weir_test_release(t, "orders", "b");
    weir_test_run(t);
    weir_test_advance(t, 1000);
    told(t, "b2");
    weir_expect_parked(t, "orders", "b", -1);
    weir_expect_parked(t, "orders", "a", MANY - 2);
    weir_test_reject_parked(t, "orders", "a"); /* it was released, but does not go on */
    weir_test_advance(t, 60000);
    for (int i = 2; i < MANY; i++) {
        weir_expect_dead(t, "KEY_REJECTED");
    }
    weir_expect_parked(t, "orders", "a", -1);
    weir_expect_quiet(t);
    assert_int_equal(weir_test_free(t), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(followers_go_on_unless_told_otherwise),
        cmocka_unit_test(followers_are_parked_and_other_keys_go_on),
        cmocka_unit_test(records_without_a_key_are_one_key),
        cmocka_unit_test(a_handler_says_for_itself),
        cmocka_unit_test(what_is_released_is_handled_in_order_before_what_comes),
        cmocka_unit_test(the_rejected_record_may_come_again_first),
        cmocka_unit_test(what_is_rejected_goes_to_the_dead_letters),
        cmocka_unit_test(one_that_is_rejected_on_the_way_parks_the_rest_again),
        cmocka_unit_test(a_key_without_followers_is_opened_as_well),
        cmocka_unit_test(a_word_for_a_key_that_is_not_parked_says_nothing),
        cmocka_unit_test(what_is_parked_waits_for_the_broker),
        cmocka_unit_test(a_note_that_is_refused_calls_no_handler_again),
        cmocka_unit_test(a_note_behind_a_dead_letter_writes_no_second_one),
        cmocka_unit_test(a_partition_that_comes_back_knows_its_parked_keys),
        cmocka_unit_test(handlers_with_a_transaction_park_as_well),
        cmocka_unit_test(what_finds_no_room_is_held),
        cmocka_unit_test(a_config_that_cannot_park_is_refused),
        cmocka_unit_test(what_is_too_large_to_be_copied_is_read_again),
        cmocka_unit_test(a_key_that_is_too_large_for_the_topic_parks_nothing),
        cmocka_unit_test(what_was_not_copied_and_is_gone_is_a_dead_letter),
        cmocka_unit_test(a_key_that_is_held_keeps_no_other_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
