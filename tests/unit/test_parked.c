/* The book of parked keys: what notes come to, and how many there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/parked.h"

typedef struct world {
    weir_parked_book book;
    weir_arena arena;
    int64_t written;
} world;

static void begin(world *w, uint32_t most_keys)
{
    *w = (world){.written = 0};
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
    const weir_error why = {.status = WEIR_REJECT, .code = "BAD"};
    const weir_raw_record of = {
        .topic = weir_view_of("t"), .key = weir_view_of(key), .offset = offset};
    if (what >= WEIR_NOTE_RELEASE) {
        weir_view name = weir_arena_printf(&w->arena, "t/0/%s", key);
        return weir_parked_decision_make("parked", name, what, 0, &w->arena);
    }
    const weir_parked_writing writing = {"parked", what, 0, &of, &why, 1};
    return weir_parked_note_make(&writing, &w->arena);
}

/* NULL: the key is open. */
static weir_parked_key *take(world *w, const char *key, weir_note what, int64_t offset)
{
    const weir_outgoing *o = make(w, key, what, offset);
    assert_non_null(o);
    const weir_raw_record r = {.topic = weir_view_of("parked"),
        .offset = w->written++,
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
    assert_int_equal(take(&w, "k", WEIR_NOTE_PARKED, 1)->log.state, WEIR_KEY_PARKED);
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
        cmocka_unit_test(what_is_done_with_parks_nothing),
        cmocka_unit_test(what_is_noted_is_known_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
