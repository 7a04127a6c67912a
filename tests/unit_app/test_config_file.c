/* Reading a file: its bound, and what goes wrong. */
#include "config_support.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

static void test_bound(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-file-XXXXXX", bytes[10000];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    close(fd);
    static const struct {
        size_t most;
        int error;
    } bounds[] = {{0, EFBIG}, {9999, EFBIG}, {10000, 0}, {10001, 0}, {1 << 20, 0}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        weir_buf text = {0};
        assert_int_equal(weir_config_read_file(path, bounds[i].most, &text), bounds[i].error);
        assert_int_equal(text.len, bounds[i].error ? bounds[i].most + 1 : sizeof bytes);
        assert_memory_equal(text.ptr, bytes, text.len);
        weir_buf_fini(&text);
    }
    unlink(path);
}

static void test_errors(void **state)
{
    (void)state;
    weir_buf text = {0};
    assert_int_equal(weir_config_read_file("/no/such/file", 10, &text), ENOENT);
    assert_int_equal(weir_config_read_file("/", 10, &text), EISDIR);
    assert_int_equal(weir_config_read_file("/dev/null", 10, &text), 0);
    assert_int_equal(text.len, 0);
    weir_buf_fini(&text);
    weir_alloc_fail_at(1, 0);
    assert_int_equal(weir_config_read_file("/dev/zero", 10, &text), ENOMEM);
    weir_alloc_fail_at(0, 0);
    weir_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
