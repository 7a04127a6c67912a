/* The book of parked keys: what notes come to, and how many there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "service/parked.h"

enum { PARTITIONS = 2 };

typedef struct world {
    weir_parked_book book;
    weir_arena arena;
    int32_t partition; /* that is written to */
    int64_t written[PARTITIONS];
    int64_t about; /* of decisions */
} world;

static void begin(world *w, uint32_t most_keys)
{
    *w = (world){.about = -1};
    weir_arena_init(&w->arena, 0);
    weir_parked_book_init(&w->book, most_keys);
}

static void end(world *w)
{
    weir_parked_book_fini(&w->book);
    weir_arena_fini(&w->arena);
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_outgoing *o = self;
    if (i >= o->n_headers) {
        return false;
    }
    *name = o->headers[i].name;
    *value = o->headers[i].value;
    return true;
}

static weir_outgoing *make(world *w, const char *key, weir_note what, int64_t offset)
{
    const weir_error why = {
        .status = WEIR_REJECT, .code = "BAD", .where = "/amount", .text = "it is none"};
    const weir_raw_record of = {
        .topic = weir_view_of("t"), .key = weir_view_of(key), .offset = offset};
    if (what >= WEIR_NOTE_RELEASE) {
        weir_view name = weir_arena_printf(&w->arena, "t/0/%s", key);
        return weir_parked_decision_make("parked", name, what, w->about, 0, &w->arena);
    }
    const weir_parked_writing writing = {
        .to = "parked", .what = what, .record = &of, .why = &why, .attempts = 1};
    return weir_parked_note_make(&writing, &w->arena);
}

/* NULL: the key is open. */
static weir_parked_key *take(world *w, const char *key, weir_note what, int64_t offset)
{
    const weir_outgoing *o = make(w, key, what, offset);
    assert_non_null(o);
    const weir_raw_record r = {.topic = weir_view_of("parked"),
        .partition = w->partition,
        .offset = w->written[w->partition]++,
        .key = o->key,
        .headers = {header_at, o}};
    weir_parked_note note;
    weir_parked_key *k = NULL;
    weir_error err;
    assert_true(weir_parked_note_read(&r, &note));
    assert_int_equal(weir_parked_book_take(&w->book, &r, &note, &k, &err), WEIR_OK);
    return k;
}

/* ---- What notes come to -------------------------------------------------------------------------
 */

static void a_key_is_parked_released_and_open(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    const weir_parked_key *k = take(&w, "k", WEIR_NOTE_PARKED, 1);
    assert_int_equal(k->log.state, WEIR_KEY_PARKED);
    assert_string_equal(k->why.text, "/amount: it is none");
    assert_int_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 5)->followers, 1);
    assert_int_equal(take(&w, "k", WEIR_NOTE_RELEASE, -1)->log.state, WEIR_KEY_RELEASED);
    assert_null(take(&w, "k", WEIR_NOTE_LAST, 5));
    assert_int_equal(w.book.keys.count, 0);
    end(&w);
}

/* The process that wrote `last` had lost the partition, and did not know of 6. */
static void a_copy_behind_the_last_note_is_released(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    (void)take(&w, "k", WEIR_NOTE_PARKED, 1);
    (void)take(&w, "k", WEIR_NOTE_FOLLOWER, 5);
    (void)take(&w, "k", WEIR_NOTE_RELEASE, -1);
    assert_null(take(&w, "k", WEIR_NOTE_LAST, 5));
    const weir_parked_key *k = take(&w, "k", WEIR_NOTE_FOLLOWER, 6);
    assert_non_null(k);
    assert_int_equal(k->log.state, WEIR_KEY_RELEASED);
    assert_int_equal(k->log.done, 5);
    assert_int_equal(k->log.copy, 6);
    assert_int_equal(k->log_first, 4);
    assert_int_equal(k->followers, 1);
    assert_int_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 7)->followers, 2);
    assert_int_equal(take(&w, "k", WEIR_NOTE_LAST, 6)->followers, 1); /* 7 is left */
    assert_null(take(&w, "k", WEIR_NOTE_LAST, 7));
    end(&w);
}

/* Its own copy of 6 is on its way: nothing behind it may be handled yet. */
static void a_key_whose_copy_is_under_way_is_kept(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    (void)take(&w, "k", WEIR_NOTE_PARKED, 1);
    (void)take(&w, "k", WEIR_NOTE_FOLLOWER, 5);
    weir_parked_key *k = take(&w, "k", WEIR_NOTE_RELEASE, -1);
    k->own = k->log;
    k->own_epoch = 7;
    k->own.copy = 6;
    assert_ptr_equal(take(&w, "k", WEIR_NOTE_LAST, 5), k);
    assert_int_equal(k->own.state, WEIR_KEY_RELEASED);
    assert_ptr_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 6), k);
    assert_int_equal(k->log.state, WEIR_KEY_RELEASED);
    assert_null(take(&w, "k", WEIR_NOTE_LAST, 6));
    end(&w);
}

/* The first record there is was rejected; its note is not written yet, and no word can be about it.
 */
static void a_word_before_the_first_note_says_nothing(void **state)
{
    static const weir_note words[] = {WEIR_NOTE_RELEASE, WEIR_NOTE_AGAIN, WEIR_NOTE_REJECT};
    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        world w;
        weir_parked_key *k;
        weir_error err;
        begin(&w, 10);
        assert_int_equal(weir_parked_book_add(
                             &w.book, weir_view_of("t/0/k"), weir_view_of("t"), 0, true, &k, &err),
            WEIR_OK);
        k->own_epoch = 7;
        assert_true(weir_parked_standing_park(&k->own, 0));
        (void)take(&w, "k", words[i], -1);
        k = weir_parked_book_find(&w.book, weir_view_of("t/0/k"));
        assert_non_null(k);
        assert_int_equal(k->own.state, WEIR_KEY_PARKED);
        end(&w);
    }
}

/* It was rejected in an episode before, and comes again: its key is not parked by it, since no
 * operator would be asked. */
static void what_is_done_with_parks_nothing(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    (void)take(&w, "k", WEIR_NOTE_PARKED, 30);
    weir_parked_key *k = take(&w, "k", WEIR_NOTE_RELEASE, -1);
    k->own = k->log;
    assert_false(weir_parked_standing_park(&k->own, 16));
    assert_int_equal(k->own.state, WEIR_KEY_RELEASED);
    assert_int_equal(take(&w, "k", WEIR_NOTE_PARKED, 16)->log.state, WEIR_KEY_RELEASED);
    assert_true(weir_parked_standing_park(&k->own, 31));
    assert_int_equal(k->own.state, WEIR_KEY_PARKED);
    end(&w);
}

/* Given about a record that was rejected before, as one is that lay in another partition, or that
 * two operators have given at once. */
static void a_word_is_about_one_record(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    (void)take(&w, "k", WEIR_NOTE_PARKED, 5);
    w.about = 3;
    assert_int_equal(take(&w, "k", WEIR_NOTE_RELEASE, -1)->log.state, WEIR_KEY_PARKED);
    w.about = 5;
    assert_int_equal(take(&w, "k", WEIR_NOTE_RELEASE, -1)->log.state, WEIR_KEY_RELEASED);
    assert_int_equal(take(&w, "k", WEIR_NOTE_AGAIN, -1)->log.state, WEIR_KEY_RELEASED);
    assert_int_equal(take(&w, "k", WEIR_NOTE_REJECT, -1)->log.state, WEIR_KEY_REJECTED);
    assert_int_equal(take(&w, "k", WEIR_NOTE_RELEASE, -1)->log.state, WEIR_KEY_REJECTED);
    end(&w);
}

/* Retention has taken the note that parks the key. */
static void what_waits_in_a_cut_topic_asks_the_operator(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    w.book.is_cut = true;
    w.about = 6;
    const weir_parked_key *k = take(&w, "k", WEIR_NOTE_FOLLOWER, 7);
    assert_int_equal(k->log.state, WEIR_KEY_PARKED);
    assert_string_equal(k->why.code, "PARKED_CUT");
    assert_int_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 9)->followers, 2);
    assert_int_equal(take(&w, "k", WEIR_NOTE_RELEASE, -1)->log.state, WEIR_KEY_RELEASED);
    assert_int_equal(take(&w, "k", WEIR_NOTE_DONE, 7)->followers, 1);
    assert_null(take(&w, "k", WEIR_NOTE_LAST, 9));
    end(&w);
}

/* ---- Where --------------------------------------------------------------------------------------
 */

/* A key was opened in one partition, and is parked anew in another one; whichever is read first. */
static void a_key_may_move_between_its_times(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        world w;
        const weir_parked_key *k = NULL;
        begin(&w, 10);
        w.about = 10;
        (void)take(&w, "k", WEIR_NOTE_PARKED, 10);
        (void)take(&w, "k", WEIR_NOTE_FOLLOWER, 11);
        for (int turn = 0; turn < 2; turn++) {
            w.partition = first == turn;
            if (w.partition) {
                (void)take(&w, "k", WEIR_NOTE_PARKED, 50);
                k = take(&w, "k", WEIR_NOTE_FOLLOWER, 51);
            } else {
                (void)take(&w, "k", WEIR_NOTE_RELEASE, -1);
                k = take(&w, "k", WEIR_NOTE_LAST, 11);
            }
        }
        k = weir_parked_book_find(&w.book, weir_view_of("t/0/k"));
        assert_non_null(k);
        assert_int_equal(k->log.state, WEIR_KEY_PARKED);
        assert_int_equal(k->log.parked, 50);
        assert_int_equal(k->log.copy, 51);
        assert_int_equal(k->log_partition, 1);
        assert_int_equal(k->log_first, 0);
        end(&w);
    }
}

/* A copy that lies elsewhere would not be found: it is none, and is copied again. */
static void a_copy_is_where_the_others_are(void **state)
{
    (void)state;
    world w;
    begin(&w, 10);
    (void)take(&w, "k", WEIR_NOTE_PARKED, 5);
    w.partition = 1;
    assert_int_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 6)->log.copy, 5);
    w.partition = 0;
    assert_int_equal(take(&w, "k", WEIR_NOTE_FOLLOWER, 6)->log.copy, 6);
    end(&w);
}

/* As librdkafka's default partitioner places it: CRC-32, whose check value this is. */
static void a_key_is_placed_as_producers_do(void **state)
{
    (void)state;
    weir_view check = weir_view_of("123456789");
    assert_int_equal(weir_parked_partition_of(check, 1), 0);
    assert_int_equal(weir_parked_partition_of(check, 1000), UINT32_C(0xcbf43926) % 1000);
}

/* ---- How large ----------------------------------------------------------------------------------
 */

static void what_is_too_large_goes_without_its_value(void **state)
{
    (void)state;
    static char value[100], key[8000];
    memset(value, 'v', sizeof value);
    memset(key, 'k', sizeof key);
    world w;
    weir_error err;
    begin(&w, 10);
    const weir_raw_record of = {.topic = weir_view_of("t"),
        .key = weir_view_make(key, sizeof key),
        .value = weir_view_make(value, sizeof value),
        .offset = 5};
    const weir_parked_writing writing = {
        .to = "parked", .what = WEIR_NOTE_FOLLOWER, .record = &of, .lacks = 3};
    weir_outgoing *o = weir_parked_note_make(&writing, &w.arena);
    assert_int_equal(weir_parked_note_strip(o, &w.arena, &err), WEIR_OK);
    assert_null(o->value.ptr);
    const weir_raw_record r = {.key = o->key, .headers = {header_at, o}};
    weir_parked_note note;
    assert_true(weir_parked_note_read(&r, &note));
    assert_int_equal(note.lacks, sizeof value + 3);
    assert_int_equal(note.offset, 5);
    assert_int_equal(note.key.len, sizeof key);
    assert_int_equal(weir_parked_note_strip(o, &w.arena, &err), WEIR_FATAL);
    assert_string_equal(err.code, "PARKED_REFUSED");
    end(&w);
}

/* ---- How many -----------------------------------------------------------------------------------
 */

/* What other instances have parked is so; only this one parks no more. */
static void what_is_noted_is_known_beyond_the_limit(void **state)
{
    (void)state;
    world w;
    weir_error err;
    weir_parked_key *k;
    begin(&w, 1);
    assert_non_null(take(&w, "k", WEIR_NOTE_PARKED, 1));
    assert_non_null(take(&w, "l", WEIR_NOTE_PARKED, 2));
    assert_int_equal(w.book.keys.count, 2);
    assert_int_equal(
        weir_parked_book_add(&w.book, weir_view_of("t/0/m"), weir_view_of("t"), 0, true, &k, &err),
        WEIR_HOLD);
    assert_string_equal(err.code, "PARKED_FULL");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_parked_released_and_open),
        cmocka_unit_test(a_copy_behind_the_last_note_is_released),
        cmocka_unit_test(a_key_whose_copy_is_under_way_is_kept),
        cmocka_unit_test(a_word_before_the_first_note_says_nothing),
        cmocka_unit_test(what_is_done_with_parks_nothing),
        cmocka_unit_test(a_word_is_about_one_record),
        cmocka_unit_test(what_waits_in_a_cut_topic_asks_the_operator),
        cmocka_unit_test(a_key_may_move_between_its_times),
        cmocka_unit_test(a_copy_is_where_the_others_are),
        cmocka_unit_test(a_key_is_placed_as_producers_do),
        cmocka_unit_test(what_is_too_large_goes_without_its_value),
        cmocka_unit_test(what_is_noted_is_known_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
