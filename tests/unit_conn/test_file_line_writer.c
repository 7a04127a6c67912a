/* Lines into files: what was written is read back, whatever the compression; what cannot be written
 * is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "file/line_writer.h"
#include "file/lines.h"

enum { LINES = 5000 };

static char folder[] = "/tmp/weir-line-writer-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a.jsonl", "a.gz", "a.zst", "old"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void path_of(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", folder, name);
}

/* The i-th line: of growing length, so that buffers end at every place of one. */
static void line_of(weir_buf *b, int i)
{
    weir_buf_clear(b);
    for (int k = 0; k <= i % 97; k++) {
        weir_buf_printf(b, "%d,", i * 7919 + k);
    }
}

static void write_lines(const char *path)
{
    weir_line_writer *w;
    weir_buf b = {0};
    assert_int_equal(weir_line_writer_open(path, false, &w, NULL), WEIR_OK);
    for (int i = 0; i < LINES; i++) {
        line_of(&b, i);
        weir_buf_putc(&b, '\n');
        assert_int_equal(weir_line_writer_put(w, weir_buf_view(&b), NULL), WEIR_OK);
    }
    assert_int_equal(weir_line_writer_finish(w, NULL), WEIR_OK);
    weir_buf_fini(&b);
}

static void read_lines(const char *path)
{
    weir_lines *l;
    weir_view line;
    weir_buf b = {0};
    assert_int_equal(weir_lines_open(path, &l, NULL), WEIR_OK);
    for (int i = 0; i < LINES; i++) {
        line_of(&b, i);
        assert_int_equal(weir_lines_next(l, &line, NULL), WEIR_OK);
        assert_true(line.ptr && weir_view_eq(line, weir_buf_view(&b)));
    }
    assert_int_equal(weir_lines_next(l, &line, NULL), WEIR_OK);
    assert_null(line.ptr);
    weir_lines_close(l);
    weir_buf_fini(&b);
}

static void test_is_read_back(void **state)
{
    static const struct {
        const char *name, *begins;
    } cases[] = {{"a.jsonl", "0,"}, {"a.gz", "\x1f\x8b"}, {"a.zst", "\x28\xb5\x2f\xfd"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128], start[8] = "";
        path_of(path, cases[i].name);
        write_lines(path);
        read_lines(path);
        FILE *f = fopen(path, "rb");
        size_t n = strlen(cases[i].begins);
        assert_int_equal(fread(start, 1, n, f), n);
        assert_memory_equal(start, cases[i].begins, n);
        fclose(f);
    }
}

static void test_what_cannot_be_written(void **state)
{
    static const char *const names[] = {"a.xz", "a.bz2", "a.lz4", "none/a.gz"};
    weir_line_writer *w;
    weir_error err;
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(path, names[i]);
        assert_int_equal(weir_line_writer_open(path, true, &w, &err), WEIR_FATAL);
        assert_string_equal(err.code, "FILE_UNWRITABLE");
        assert_null(w);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void test_replaces_only_when_told(void **state)
{
    weir_line_writer *w;
    weir_error err;
    struct stat st;
    char path[128];
    (void)state;
    path_of(path, "old");
    for (int replace = 0; replace < 2; replace++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs("old and long\n", f);
        fclose(f);
        weir_status s = weir_line_writer_open(path, replace, &w, &err);
        assert_int_equal(s, replace ? WEIR_OK : WEIR_FATAL);
        if (!s) {
            assert_int_equal(weir_line_writer_put(w, weir_view_of("new\n"), NULL), WEIR_OK);
            assert_int_equal(weir_line_writer_finish(w, NULL), WEIR_OK);
        }
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, replace ? 4 : 13);
    }
}

static void test_a_full_disk(void **state)
{
    weir_line_writer *w;
    weir_error err;
    (void)state;
    assert_int_equal(weir_line_writer_open("/dev/full", true, &w, &err), WEIR_OK);
    assert_int_equal(weir_line_writer_put(w, weir_view_of("x\n"), &err), WEIR_FATAL);
    assert_string_equal(err.code, "FILE_UNWRITABLE");
    assert_int_equal(weir_line_writer_finish(w, NULL), WEIR_OK);
}

static void test_out_of_memory(void **state)
{
    long live = weir_alloc_live(), n = 0;
    weir_status s = WEIR_RETRY;
    char path[128];
    (void)state;
    path_of(path, "old");
    while (s) {
        weir_line_writer *w;
        weir_alloc_fail_at(++n, 0);
        s = weir_line_writer_open(path, true, &w, NULL);
        weir_alloc_fail_at(0, 0);
        assert_true(s == WEIR_OK || s == WEIR_RETRY);
        if (!s) {
            assert_int_equal(weir_line_writer_finish(w, NULL), WEIR_OK);
        }
        assert_int_equal(weir_alloc_live(), live);
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_read_back),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_replaces_only_when_told),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
