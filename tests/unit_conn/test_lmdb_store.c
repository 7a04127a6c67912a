/* The store in LMDB: what a transaction is worth, keys of every length, readers beside the writer,
 * crashes. */
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lmdb/lmdb_store.h"

typedef struct folder {
    char path[64];
} folder;

static int make_folder(void **state)
{
    folder *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/weir-lmdb-XXXXXX");
    *state = f;
    return f && mkdtemp(f->path) ? 0 : -1;
}

static int remove_folder(void **state)
{
    folder *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->path);
    int rc = system(command);
    free(f);
    return rc;
}

static weir_store open_store(const folder *f, uint64_t map_bytes)
{
    weir_lmdb_options o = {.path = f->path, .map_bytes = map_bytes, .sync_each_commit = true};
    weir_store store;
    weir_error err;
    assert_int_equal(weir_lmdb_store_open(&o, &store, &err), WEIR_OK);
    assert_int_equal(store.ops->open_cache(store.self, 0, ".weir", &err), WEIR_OK);
    assert_int_equal(store.ops->open_cache(store.self, 1, "rows", &err), WEIR_OK);
    return store;
}

static void put(weir_store s, weir_space space, weir_view key, const char *value)
{
    assert_int_equal(s.ops->put(s.self, 1, space, key, weir_view_of(value), NULL), WEIR_OK);
}

/* What a reader sees; NULL: nothing. */
static void assert_read(weir_store s, weir_view key, const char *value)
{
    weir_buf b = {0};
    bool found;
    assert_int_equal(s.ops->read(s.self, 1, WEIR_SPACE_ROW, key, &b, &found, NULL), WEIR_OK);
    assert_int_equal(found, value != NULL);
    if (value) {
        assert_true(weir_view_is(weir_buf_view(&b), value));
    }
    weir_buf_fini(&b);
}

static void test_transactions(void **state)
{
    weir_store s = open_store(*state, 1 << 24);
    weir_view k = weir_view_of("{\"id\":1}");
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    put(s, WEIR_SPACE_ROW, k, "one");
    assert_read(s, k, NULL); /* not committed */
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    assert_read(s, k, "one");
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    put(s, WEIR_SPACE_ROW, k, "two");
    s.ops->abort(s.self);
    assert_read(s, k, "one");
    assert_int_equal(s.ops->count(s.self, 1, WEIR_SPACE_ROW), 1);
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    assert_int_equal(s.ops->del(s.self, 1, WEIR_SPACE_ROW, k, NULL), WEIR_OK);
    assert_int_equal(s.ops->del(s.self, 1, WEIR_SPACE_ROW, k, NULL), WEIR_OK); /* again: no error */
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    assert_read(s, k, NULL);
    s.ops->close(s.self);
}

/* Keys beyond LMDB's own bound, equal in all that fits it. */
static void test_long_keys(void **state)
{
    enum { LONG = 3000 };
    weir_store s = open_store(*state, 1 << 24);
    char a[LONG], b[LONG];
    memset(a, 'x', LONG);
    memset(b, 'x', LONG);
    b[LONG - 1] = 'y';
    size_t lengths[] = {510, 511, 512, 513, LONG};
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char value[16];
        snprintf(value, sizeof value, "%zu", lengths[i]);
        put(s, WEIR_SPACE_STATE, weir_view_make(a, lengths[i]), value);
        put(s, WEIR_SPACE_ROW, weir_view_make(a, lengths[i]), value);
    }
    put(s, WEIR_SPACE_ROW, weir_view_make(b, LONG), "other");
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char value[16];
        snprintf(value, sizeof value, "%zu", lengths[i]);
        assert_read(s, weir_view_make(a, lengths[i]), value);
    }
    assert_read(s, weir_view_make(b, LONG), "other");
    s.ops->close(s.self);
}

static weir_status remove_odd(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)err, (void)value;
    ++*(int *)ctx;
    *remove = (key.ptr[key.len - 1] - '0') % 2;
    return WEIR_OK;
}

static void test_walk_and_clear(void **state)
{
    weir_store s = open_store(*state, 1 << 24);
    int met = 0;
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    for (int i = 0; i < 10; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        put(s, WEIR_SPACE_STATE, weir_view_of(key), "v");
    }
    weir_view start = {"", 0};
    assert_int_equal(
        s.ops->each(s.self, 1, WEIR_SPACE_STATE, start, remove_odd, &met, NULL), WEIR_OK);
    assert_int_equal(met, 10);
    met = 0;
    assert_int_equal(
        s.ops->each(s.self, 1, WEIR_SPACE_STATE, weir_view_of("k4"), remove_odd, &met, NULL),
        WEIR_OK);
    assert_int_equal(met, 3); /* k4, k6, k8 */
    assert_int_equal(s.ops->clear(s.self, 1, WEIR_SPACE_STATE, NULL), WEIR_OK);
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    assert_int_equal(s.ops->count(s.self, 1, WEIR_SPACE_STATE), 0);
    s.ops->close(s.self);
}

/* A process that dies in the middle of a transaction leaves what was committed before. */
static void test_crash_in_a_transaction(void **state)
{
    const folder *f = *state;
    weir_view k = weir_view_of("k");
    for (int round = 0; round < 5; round++) {
        pid_t pid = fork();
        if (!pid) {
            weir_store s = open_store(f, 1 << 24);
            char value[16];
            snprintf(value, sizeof value, "%d", round);
            s.ops->begin(s.self, NULL);
            put(s, WEIR_SPACE_ROW, k, value);
            s.ops->commit(s.self, NULL);
            s.ops->begin(s.self, NULL);
            put(s, WEIR_SPACE_ROW, k, "never");
            _exit(0); /* no commit, no close */
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        weir_store s = open_store(f, 1 << 24);
        char value[16];
        snprintf(value, sizeof value, "%d", round);
        assert_read(s, k, value);
        s.ops->close(s.self);
    }
}

static void test_full_map(void **state)
{
    weir_store s = open_store(*state, 1 << 20);
    weir_error err = {.status = WEIR_OK};
    char big[4000];
    memset(big, 'v', sizeof big);
    weir_status st = WEIR_OK;
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    for (int i = 0; i < 1000 && !st; i++) {
        char key[16];
        snprintf(key, sizeof key, "%d", i);
        st = s.ops->put(
            s.self, 1, WEIR_SPACE_ROW, weir_view_of(key), weir_view_make(big, sizeof big), &err);
    }
    assert_int_equal(st, WEIR_HOLD);
    assert_string_equal(err.code, "STORE_FULL");
    assert_memory_equal(err.text, (const char *)*state, strlen(*state)); /* it names its place */
    s.ops->abort(s.self);
    s.ops->close(s.self);
    s = open_store(*state, 1 << 24); /* with more room it goes on */
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    put(s, WEIR_SPACE_ROW, weir_view_of("k"), "v");
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    s.ops->close(s.self);
}

static weir_status wait_in_it(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)key, (void)value, (void)remove, (void)err;
    (void)!write(*(int *)ctx, "", 1);
    pause();
    return WEIR_OK;
}

/* Killed while it reads in a transaction: a slot of the environment stays behind. */
static void kill_a_reader(const folder *f)
{
    int told[2], status;
    char byte;
    assert_int_equal(pipe(told), 0);
    pid_t reader = fork();
    if (!reader) {
        weir_lmdb_options o = {.path = f->path, .read_only = true};
        weir_store s;
        weir_error err;
        (void)!(
            weir_lmdb_store_open(&o, &s, &err) || s.ops->open_cache(s.self, 1, "rows", &err) ||
            s.ops->begin(s.self, &err) ||
            s.ops->each(s.self, 1, WEIR_SPACE_ROW, weir_view_of(""), wait_in_it, &told[1], &err));
        _exit(1);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    kill(reader, SIGKILL);
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_true(WIFSIGNALED(status));
    close(told[0]);
    close(told[1]);
}

static void write_often(weir_store s, int times)
{
    char value[2001];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < times; i++) {
        assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
        for (int k = 0; k < 20; k++) {
            char key[16];
            snprintf(key, sizeof key, "%d", (i * 7 + k) % 100);
            put(s, WEIR_SPACE_ROW, weir_view_of(key), value);
        }
        assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    }
}

static void test_a_reader_that_was_killed_keeps_nothing(void **state)
{
    weir_store s = open_store(*state, 1 << 20);
    write_often(s, 20);
    kill_a_reader(*state);
    usleep(1100000); /* it is looked for once a second */
    write_often(s, 60);
    s.ops->close(s.self);
}

static void test_one_writer(void **state)
{
    const folder *f = *state;
    weir_store s = open_store(f, 1 << 24), second;
    weir_lmdb_options o = {.path = f->path, .map_bytes = 1 << 24};
    weir_error err;
    assert_int_equal(weir_lmdb_store_open(&o, &second, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_LOCKED");
    s.ops->close(s.self);
    assert_int_equal(weir_lmdb_store_open(&o, &second, &err), WEIR_OK);
    second.ops->close(second.self);
}

/* Bytes that are no LMDB environment are refused, not mended. */
static void test_damaged_file(void **state)
{
    const folder *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", f->path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 4096; i++) {
        fputs("no!", file);
    }
    fclose(file);
    weir_lmdb_options o = {.path = f->path, .map_bytes = 1 << 24};
    weir_store store;
    weir_error err;
    assert_int_equal(weir_lmdb_store_open(&o, &store, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
}

static void data_file_of(const folder *f, char *path, size_t size)
{
    snprintf(path, size, "%s/data.mdb", f->path);
}

/* How long the data file is, and would be with all pages in it. */
static void sizes_of(const folder *f, weir_store s, uint64_t *is, uint64_t *needed)
{
    char path[128];
    struct stat st;
    data_file_of(f, path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    *is = (uint64_t)st.st_size;
    *needed = s.ops->bytes(s.self);
}

static void assert_broken(const folder *f, bool read_only)
{
    weir_lmdb_options o = {.path = f->path, .map_bytes = 1 << 24, .read_only = read_only};
    weir_store store;
    weir_error err;
    assert_int_equal(weir_lmdb_store_open(&o, &store, &err), WEIR_FATAL);
    assert_string_equal(err.code, "STORE_BROKEN");
    assert_non_null(strstr(err.text, "cut short"));
}

/* A file that was cut short is refused before its map is read, which would be a SIGBUS. */
static void test_cut_file(void **state)
{
    const folder *f = *state;
    char path[128], value[2000];
    uint64_t is, needed;
    weir_store s = open_store(f, 1 << 24);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
        put(s, WEIR_SPACE_ROW, weir_view_of(key), value);
        assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    }
    sizes_of(f, s, &is, &needed);
    s.ops->close(s.self);
    assert_true(is >= needed);
    data_file_of(f, path, sizeof path);
    const uint64_t cuts[] = {needed - 1, needed - 4096, needed / 2, 3 * 4096, 2 * 4096};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        assert_int_equal(truncate(path, (off_t)cuts[i]), 0);
        assert_broken(f, true);
        assert_broken(f, false);
    }
}

/* Pages that a transaction took at the end and freed again are not written: the file is sound. */
static void test_short_file(void **state)
{
    enum { LARGE = 600000, KEPT = 2000 };
    const folder *f = *state;
    uint64_t is, needed;
    weir_store s = open_store(f, 1 << 24);
    char *large = calloc(1, LARGE);
    memset(large, 'v', LARGE - 1);
    for (int i = 0; i < 4; i++) { /* so that there are free pages to look through */
        assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
        put(s, WEIR_SPACE_ROW, weir_view_of("some"), "value");
        assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    }
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    put(s, WEIR_SPACE_ROW, weir_view_of("gone"), large);
    assert_int_equal(s.ops->del(s.self, 1, WEIR_SPACE_ROW, weir_view_of("gone"), NULL), WEIR_OK);
    large[KEPT] = '\0';
    put(s, WEIR_SPACE_ROW, weir_view_of("kept"), large);
    assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
    sizes_of(f, s, &is, &needed);
    s.ops->close(s.self);
    assert_true(is < needed);
    s = open_store(f, 1 << 24);
    assert_read(s, weir_view_of("kept"), large);
    s.ops->close(s.self);
    free(large);
}

static weir_status remove_all(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    *remove = true;
    return WEIR_OK;
}

/* What a long key stands for goes with its state, one by one or in a walk. */
static void test_long_keys_are_forgotten(void **state)
{
    enum { LONG = 2000, KEYS = 400 };
    weir_store s = open_store(*state, 1 << 24);
    char key[LONG];
    memset(key, 'x', LONG);
    assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    uint64_t empty = 0, most = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < KEYS; i++) {
            snprintf(key + LONG - 16, 16, "%07d%07d", round, i);
            put(s, WEIR_SPACE_STATE, weir_view_make(key, LONG), "s");
            if (i % 2) {
                assert_int_equal(
                    s.ops->del(s.self, 1, WEIR_SPACE_STATE, weir_view_make(key, LONG), NULL),
                    WEIR_OK);
            }
        }
        assert_int_equal(
            s.ops->each(s.self, 1, WEIR_SPACE_STATE, weir_view_of(""), remove_all, NULL, NULL),
            WEIR_OK);
        assert_int_equal(s.ops->commit(s.self, NULL), WEIR_OK);
        most = s.ops->bytes(s.self);
        empty = round == 3 ? most : empty;
        assert_int_equal(s.ops->begin(s.self, NULL), WEIR_OK);
    }
    s.ops->abort(s.self);
    s.ops->close(s.self);
    assert_true(most < empty + empty / 2); /* kept, they would take five times that */
}

/* In a mount of its own, so that the disk can be full: 0 as hoped, 77 not allowed, else a line. */
static int fill_a_disk(const folder *f)
{
    weir_lmdb_options o = {.path = f->path, .map_bytes = 1 << 24, .sync_each_commit = true};
    weir_store s;
    weir_error err = {.status = WEIR_OK};
    weir_view big = {calloc(1, 900000), 900000};
    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", f->path, "tmpfs", 0, "size=512k")) {
        return 77;
    }
    if (!big.ptr || weir_lmdb_store_open(&o, &s, &err) ||
        s.ops->open_cache(s.self, 1, "rows", &err) || s.ops->begin(s.self, &err) ||
        s.ops->put(s.self, 1, WEIR_SPACE_ROW, weir_view_of("k"), big, &err)) {
        return 1;
    }
    if (s.ops->commit(s.self, &err) != WEIR_HOLD || strcmp(err.code, "STORE_FULL") != 0) {
        return 2;
    }
    if (mount("tmpfs", f->path, "tmpfs", MS_REMOUNT, "size=4m") || s.ops->begin(s.self, &err) ||
        s.ops->put(s.self, 1, WEIR_SPACE_ROW, weir_view_of("k"), big, &err) ||
        s.ops->commit(s.self, &err)) {
        return 3;
    }
    s.ops->close(s.self);
    free((void *)(uintptr_t)big.ptr);
    return 0;
}

/* LMDB reports a write that was cut short for want of space as an I/O error. */
static void test_full_disk(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(fill_a_disk(*state));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip(); /* no mounts here */
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static weir_status count_names(void *ctx, const char *name)
{
    assert_string_equal(name, "rows");
    ++*(int *)ctx;
    return WEIR_OK;
}

static void test_names(void **state)
{
    weir_store s = open_store(*state, 1 << 24);
    int n = 0;
    assert_int_equal(weir_lmdb_each_cache(s, count_names, &n, NULL), WEIR_OK);
    assert_int_equal(n, 1);
    s.ops->close(s.self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transactions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_long_keys, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_walk_and_clear, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_crash_in_a_transaction, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_full_map, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(
            test_a_reader_that_was_killed_keeps_nothing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_one_writer, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damaged_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_cut_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_short_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_long_keys_are_forgotten, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_full_disk, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_names, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
