/* Schemas from a directory: bare and as a registry answers, references, and what must not be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "registry/registry_directory.h"

static char folder[] = "/tmp/weir-registry-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static weir_status fetch(
    weir_registry r, uint64_t id, weir_arena *arena, weir_registered *out, weir_error *err)
{
    weir_schema_ref ref = {.kind = WEIR_REF_ID, .number = id};
    *out = (weir_registered){.count = 0};
    return r.ops->fetch(r.self, &ref, arena, out, err);
}

static void test_directory(void **state)
{
    (void)state;
    char path[128];
    weir_registry c;
    weir_arena arena;
    weir_registered r;
    weir_error err;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_file("1.json", "\"int\"");
    write_file("2.json", "{\"schema\":\"\\\"E\\\"\",\"references\":[{\"subject\":\"s\",\"version\":"
                         "1}]}");
    write_file("s/1.json", "{\"type\":\"fixed\",\"name\":\"E\",\"size\":1}");
    write_file(
        "3.json", "{\"schema\":\"1\",\"references\":[{\"subject\":\"../s\",\"version\":1}]}");
    weir_arena_init(&arena, 0);
    assert_int_equal(weir_registry_directory_open(folder, &c, NULL), WEIR_OK);
    assert_int_equal(fetch(c, 1, &arena, &r, NULL), WEIR_OK);
    assert_true(r.count == 1 && weir_view_is(r.texts[0], "\"int\""));
    assert_int_equal(fetch(c, 2, &arena, &r, NULL), WEIR_OK);
    assert_true(r.count == 2 && weir_view_is(r.texts[1], "\"E\""));
    assert_int_equal(
        c.ops->latest(c.self, weir_view_of("s"), &arena, &r, &err), WEIR_OK); /* bare: no id */
    assert_int_equal(r.id, 0);
    write_file("s/2.json", "{\"id\":9,\"schema\":\"\\\"E\\\"\",\"references\":[{\"subject\":\"s\","
                           "\"version\":1}]}");
    assert_int_equal(c.ops->latest(c.self, weir_view_of("s"), &arena, &r, &err), WEIR_OK);
    assert_true(r.count == 2 && r.id == 9);
    assert_int_equal(fetch(c, 3, &arena, &r, &err), WEIR_REJECT);
    assert_string_equal(err.code, "REGISTRY_ANSWER");
    assert_int_equal(fetch(c, 4, &arena, &r, &err), WEIR_REJECT);
    assert_string_equal(err.code, "REGISTRY_NO_SCHEMA");
    write_file("4.json", "\"long\"");
    assert_int_equal(fetch(c, 4, &arena, &r, &err), WEIR_OK); /* found when it is there */
    c.ops->close(c.self);
    weir_arena_fini(&arena);
    assert_int_equal(weir_registry_directory_open("/nowhere/at/all", &c, &err), WEIR_FATAL);
    assert_string_equal(err.code, "FILE_UNREADABLE");
    snprintf(path, sizeof path, "rm -r %s", folder);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
