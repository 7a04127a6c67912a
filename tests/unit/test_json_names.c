/* Names that are there twice: the filter that is asked first, and the check of large objects. What
 * the reader makes of them is in test_json_read.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "value/json_names.h"
#include "value/text.h"

enum { MOST_MEMBERS = 3000 };

/* An object of `count` members, its nodes made here; names[i] is member i's name. */
typedef struct object {
    char names[MOST_MEMBERS][24];
    weir_value nodes[1 + 2 * MOST_MEMBERS];
} object;

static void build(object *o, uint32_t count)
{
    o->nodes[0] = (weir_value){.len = count, .skip = 1 + 2 * count, .type = WEIR_OBJECT};
    for (uint32_t i = 0; i < count; i++) {
        weir_view name = weir_view_of(o->names[i]);
        o->nodes[1 + 2 * i] = (weir_value){.at = name.ptr,
            .len = (uint32_t)name.len,
            .skip = 1,
            .type = WEIR_STRING,
            .hash = weir_name_hash(name)};
        o->nodes[2 + 2 * i] = (weir_value){.skip = 1, .type = WEIR_NULL};
    }
}

static object shared;

static object *numbered(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        snprintf(shared.names[i], sizeof shared.names[i], "name-%u", i * 7919 % MOST_MEMBERS);
    }
    build(&shared, count);
    return &shared;
}

static void test_filter(void **state)
{
    (void)state;
    weir_name_filter filter = {{0}};
    unsigned known = 0;
    object *o = numbered(40);
    for (uint32_t i = 0; i < 40; i++) {
        known += weir_name_filter_has(&filter, o->nodes[1 + 2 * i].hash);
        weir_name_filter_add(&filter, o->nodes[1 + 2 * i].hash);
    }
    assert_true(known <= 4); /* of 40 new ones: each costs a walk over the names before it */
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(weir_name_filter_has(&filter, o->nodes[1 + 2 * i].hash));
    }
    weir_name_filter empty = {{0}};
    for (uint32_t hash = 0; hash <= UINT16_MAX; hash++) {
        weir_name_filter one = empty;
        assert_false(weir_name_filter_has(&one, (uint16_t)hash));
        weir_name_filter_add(&one, (uint16_t)hash);
        assert_true(weir_name_filter_has(&one, (uint16_t)hash));
    }
}

static void test_find(void **state)
{
    (void)state;
    object *o = numbered(10);
    strcpy(o->names[9], o->names[4]);
    build(o, 10);
    const weir_value *first = o->nodes + 1;
    assert_ptr_equal(weir_names_find(first, first + 18), first + 8);
    assert_null(weir_names_find(first, first + 16));
    assert_null(weir_names_find(first, first));
}

static void test_check(void **state)
{
    (void)state;
    static const uint32_t counts[] = {2, 3, 4, 5, 7, 8, 9, 100, 1023, 1024, 1025, MOST_MEMBERS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint32_t count = counts[i];
        assert_null(weir_names_check(numbered(count)->nodes).second);
        for (uint32_t at = 1; at < count; at += 1 + count / 7) {
            object *o = numbered(count);
            strcpy(o->names[at], o->names[at / 2]);
            build(o, count);
            weir_names_twice twice = weir_names_check(o->nodes);
            assert_ptr_equal(twice.first, &o->nodes[1 + 2 * (at / 2)]);
            assert_ptr_equal(twice.second, &o->nodes[1 + 2 * at]);
        }
    }
}

/* All names equal: the second of them is the one that is there twice. */
static void test_check_all_equal(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MOST_MEMBERS; i++) {
        strcpy(shared.names[i], "x");
    }
    build(&shared, MOST_MEMBERS);
    weir_names_twice twice = weir_names_check(shared.nodes);
    assert_ptr_equal(twice.first, &shared.nodes[1]);
    assert_ptr_equal(twice.second, &shared.nodes[3]);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    long live = weir_alloc_live();
    for (int lasting = 0; lasting < 2; lasting++) {
        weir_alloc_fail_at(1, lasting);
        weir_names_twice twice = weir_names_check(numbered(200)->nodes);
        weir_alloc_fail_at(0, 0);
        assert_true(twice.out_of_memory);
        assert_null(twice.second);
    }
    assert_false(weir_names_check(numbered(200)->nodes).out_of_memory);
    assert_int_equal(weir_alloc_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_check_all_equal),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
