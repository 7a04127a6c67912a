/* The outbox and its relay, and what is purged: the cases that every database must pass. */
#ifndef WEIR_TESTS_TX_RELAY_CASES_H
#define WEIR_TESTS_TX_RELAY_CASES_H

#include "support/tx_service.h"

/* ---- The relay ----------------------------------------------------------------------------------
 */

static void test_a_broker_that_is_away_holds_the_outbox(void **state)
{
    (void)state;
    service s;
    weir_error why;
    weir_fail(&why, WEIR_E_KAFKA_PRODUCE, "scripted");
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    weir_memory_emitter_fail(s.memory, 3, &why);
    tx_relay(&s);
    assert_int_equal(app_committed(&s.a), 2); /* records do not wait for it */
    assert_string_equal(weir_relay_look(s.relay).trouble.code, "KAFKA_PRODUCE");
    for (int i = 0; i < 20; i++) {
        s.a.now_ms += 1000;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_expect_emit(&s, 0, "a/1");
    tx_expect_emit(&s, 1, "b/1");
    assert_int_equal(weir_relay_look(s.relay).trouble.status, WEIR_OK);
    assert_int_equal(weir_relay_look(s.relay).pending, 0);
    tx_end(&s);
}

static weir_status tx_tell_both(app *a, weir_message *m)
{
    weir_status s = tx_pay(a, m);
    return s ? s : weir_emit(m, .type = "told", .fields = W_OBJECT(W_INT("n", 1)));
}

static weir_status tx_names_no_topic(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(m, .type = "told", .topic = "all of them!", .fields = W_OBJECT(W_INT("n", 1)));
}

static weir_status tx_has_no_header(app *a, weir_message *m)
{
    (void)a;
    return weir_emit(m, .type = "told", .fields = W_OBJECT(W_INT("n", 1)),
        .headers = W_OBJECT(W_STR("caf\xe9", "1")));
}

/* What no broker would ever take must not get into the outbox, where it would be in the way. */
static void test_what_cannot_leave_is_not_put_into_the_outbox(void **state)
{
    weir_status (*const handlers[])(app *, weir_message *) = {tx_names_no_topic, tx_has_no_header};
    (void)state;
    for (int i = 0; i < 2; i++) {
        service s;
        tx_begin(&s, handlers[i]);
        tx_deliver(&s, 0, "k", "a");
        tx_run(&s);
        assert_int_equal(tx_ask(&s, "select count(*) from weir_outbox"), 0);
        assert_int_equal(s.a.n_letters, 1);
        assert_string_equal(s.a.letters[0].error.code, "EMIT_INVALID");
        s.a.handle = tx_pay;
        tx_deliver(&s, 1, "k", "b");
        tx_run(&s);
        tx_relay(&s);
        assert_int_equal(weir_memory_emitter_count(s.memory), 1);
        tx_end(&s);
    }
}

static weir_status tx_has_many_headers(app *a, weir_message *m)
{
    (void)a;
    weir_field headers[61] = {W_STR("h", "1")};
    for (int i = 0; i < 60; i++) {
        headers[i] = (weir_field)W_STR("h", "1");
    }
    headers[60] = (weir_field){.kind = WEIR_FIELD_END};
    return weir_emit(m, .type = "told", .fields = W_OBJECT(W_INT("n", 1)), .headers = headers);
}

/* It is small, but for what Kafka writes around its headers. */
static void test_headers_count_with_what_is_around_them(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_has_many_headers);
    s.a.handlers->options.emit_bytes = 300;
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    assert_int_equal(s.a.n_letters, 1);
    assert_string_equal(s.a.letters[0].error.code, "EMIT_TOO_LARGE");
    tx_end(&s);
}

static size_t tx_count(service *s, const char *topic)
{
    size_t n = 0;
    for (size_t i = 0; i < weir_memory_emitter_count(s->memory); i++) {
        n += strcmp(weir_memory_emitter_at(s->memory, i)->topic, topic) == 0;
    }
    return n;
}

static void test_a_topic_that_refuses_holds_its_own(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_tell_both);
    s.refused = "news";
    for (int i = 0; i < 10; i++) {
        tx_deliver(&s, i, "k", NULL);
        tx_run(&s);
        tx_relay(&s);
    }
    s.a.now_ms += 200;
    tx_relay(&s);
    assert_int_equal(tx_count(&s, "payments"), 10); /* none twice */
    assert_int_equal(tx_count(&s, "news"), 0);
    assert_true(s.refusals > 2 && s.refusals < 20); /* and it is not asked without end */
    assert_string_equal(weir_relay_look(s.relay).trouble.code, "EMIT_TOO_LARGE");
    s.refused = NULL;
    s.a.now_ms += 10000;
    tx_relay(&s);
    assert_int_equal(tx_count(&s, "payments"), 10);
    assert_int_equal(tx_count(&s, "news"), 10);
    assert_int_equal(weir_relay_look(s.relay).trouble.status, WEIR_OK);
    int64_t last = -1;
    for (size_t i = 0; i < 20; i++) {
        const weir_memory_emit *e = weir_memory_emitter_at(s.memory, i);
        int64_t offset = weir_memory_emit_header(e, "id").ptr[9] - '0'; /* orders/0/N/1 */
        if (strcmp(e->topic, "news") == 0) {
            assert_int_equal(offset, last + 1);
            last = offset;
        }
    }
    tx_end(&s);
}

/* The clock goes on while rows are read. */
static inline faulty_way tx_reads_slowly(void *ctx, faulty_call call, const char *sql)
{
    service *s = ctx;
    s->a.now_ms += call == FAULTY_EXEC && strstr(sql, "as ahead") ? 5 : 0;
    return FAULTY_NOT;
}

static void test_a_topic_that_is_due_amid_a_reading_keeps_its_order(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    s.refused = "payments";
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    (void)weir_relay_step(s.relay);
    (void)weir_relay_step(s.relay); /* refused: it is asked again 100 ms later */
    assert_int_equal(s.refusals, 1);
    s.refused = NULL;
    tx_deliver(&s, 1, "k", "b");
    (void)app_run(&s.a);
    s.a.now_ms += 98;
    s.faulty.decide = tx_reads_slowly;
    for (int i = 0; i < 5; i++) {
        tx_relay(&s);
        s.a.now_ms += 200;
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 2);
    tx_expect_emit(&s, 0, "a/1");
    tx_expect_emit(&s, 1, "b/1");
    tx_end(&s);
}

/* Whoever knows better may take out a row that nobody takes. */
/* Those that come again left aside. */
static size_t tx_in_order(service *s, const char *const *ids, size_t n)
{
    size_t next = 0;
    for (size_t i = 0; i < weir_memory_emitter_count(s->memory); i++) {
        weir_view id = weir_memory_emit_header(weir_memory_emitter_at(s->memory, i), "id");
        size_t k = 0;
        while (k < n && !weir_view_is(id, ids[k])) {
            k++;
        }
        assert_true(k <= next); /* none was overtaken */
        next += k == next;
    }
    return next;
}

/* Whatever finds none: no event of the key leaves before the one before it. */
static void test_order_outlives_want_of_memory(void **state)
{
    static const char *const ids[] = {"a/1", "b/1", "c/1"};
    (void)state;
    for (long n = 1; n < 60; n += tx_allocation_step) {
        service s;
        tx_begin(&s, tx_pay);
        tx_deliver(&s, 0, "k", "a");
        tx_deliver(&s, 1, "k", "b");
        tx_deliver(&s, 2, "k", "c");
        tx_run(&s);
        weir_alloc_fail_at(n, 0);
        tx_relay(&s);
        weir_alloc_fail_at(0, 0);
        for (int i = 0; i < 10; i++) {
            s.a.now_ms += 1000;
            tx_relay(&s);
        }
        assert_int_equal(tx_in_order(&s, ids, 3), 3);
        tx_end(&s);
    }
}

static void test_a_row_that_is_taken_out_is_not_waited_for(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    s.refused = "payments";
    tx_deliver(&s, 0, "k", "a");
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    tx_relay(&s);
    (void)tx_ask(&s, "delete from weir_outbox where id = 'a/1' returning seq");
    s.refused = NULL;
    for (int i = 0; i < 4; i++) {
        s.a.now_ms += 10000;
        tx_relay(&s);
    }
    assert_int_equal(weir_memory_emitter_count(s.memory), 1);
    tx_expect_emit(&s, 0, "b/1");
    assert_int_equal(weir_relay_look(s.relay).pending, 0);
    tx_end(&s);
}

static void test_one_relays_at_a_time(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    tx_relay(&s);
    assert_true(weir_relay_look(s.relay).leads);
    tx_end(&s);
}

/* What failed on the way is done again, and the others' numbers are not lost on it. */
static void test_the_relay_survives_its_database(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    static const faulty_call calls[] = {FAULTY_OTHER, FAULTY_EXEC};
    for (int i = 0; i < 24; i++) {
        s.fail_call = calls[i % 2];
        s.fail_way = FAULTY_BEFORE;
        s.fail_in = i / 2;
        for (int k = 0; k < 10; k++) {
            s.a.now_ms += 500;
            tx_relay(&s);
        }
        s.fail_in = -1;
        tx_deliver(&s, i + 1, "k", NULL);
        tx_run(&s);
    }
    s.a.now_ms += 10000;
    tx_relay(&s);
    int64_t last = -1;
    size_t distinct = 0;
    for (size_t i = 0; i < weir_memory_emitter_count(s.memory); i++) {
        const weir_memory_emit *e = weir_memory_emitter_at(s.memory, i);
        weir_view id = weir_memory_emit_header(e, "id");
        char text[64];
        long long offset = 0;
        snprintf(text, sizeof text, "%.*s", WEIR_ARG(id));
        if (sscanf(text, "orders/0/%lld/1", &offset) == 1 && offset > last) {
            assert_int_equal(offset, last < 0 ? 1 : last + 1);
            last = offset;
            distinct++;
        }
    }
    assert_int_equal(distinct, 24);
    assert_int_equal(weir_relay_look(s.relay).trouble.status, WEIR_OK);
    tx_end(&s);
}

static void test_what_is_old_is_purged(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    s.a.now_ms += 50000;
    tx_deliver(&s, 1, "k", "b");
    tx_run(&s);
    tx_relay(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox"), 2);
    s.a.now_ms += 20000;
    tx_relay(&s);
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox"), 1);
    tx_end(&s);
}

/* More than one statement takes at once: nobody waits for the next second. */
static void test_what_is_old_is_purged_as_fast_as_it_comes(void **state)
{
    (void)state;
    service s;
    tx_begin(&s, tx_pay);
    tx_deliver(&s, 0, "k", "a");
    tx_run(&s);
    weir_sql_session session;
    weir_error err;
    weir_sql_database db = s.faulty.inner;
    assert_int_equal(db.ops->session(db.self, &session, &err), WEIR_OK);
    assert_int_equal(session.ops->exec(session.self,
                         "with recursive n(i) as (select 1 union all select i + 1 from n where i < "
                         "12000) insert into weir_inbox (handler, id, done, attempts, at_ms) "
                         "select 'h', cast(i as text), 1, 0, 0 from n",
                         NULL, NULL, &err),
        WEIR_OK);
    session.ops->close(session.self);
    tx_relay(&s); /* the clock stands */
    assert_int_equal(tx_ask(&s, "select count(*) from weir_inbox"), 1);
    tx_end(&s);
}

#define TX_RELAY_CASES                                                             \
    cmocka_unit_test(test_a_broker_that_is_away_holds_the_outbox),                 \
        cmocka_unit_test(test_what_cannot_leave_is_not_put_into_the_outbox),       \
        cmocka_unit_test(test_headers_count_with_what_is_around_them),             \
        cmocka_unit_test(test_a_topic_that_refuses_holds_its_own),                 \
        cmocka_unit_test(test_a_topic_that_is_due_amid_a_reading_keeps_its_order), \
        cmocka_unit_test(test_order_outlives_want_of_memory),                      \
        cmocka_unit_test(test_a_row_that_is_taken_out_is_not_waited_for),          \
        cmocka_unit_test(test_one_relays_at_a_time),                               \
        cmocka_unit_test(test_the_relay_survives_its_database),                    \
        cmocka_unit_test(test_what_is_old_is_purged),                              \
        cmocka_unit_test(test_what_is_old_is_purged_as_fast_as_it_comes)

#endif
