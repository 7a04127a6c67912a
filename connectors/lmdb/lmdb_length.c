/* The length of LMDB's data file. See lmdb_length.h.
 *
 * The newest meta page says which page is the last. A page that was taken at the end and freed in
 * the same transaction is never written, so a sound file may be shorter; then each missing page is
 * in the list of free pages. That list is a B+ tree whose values are counted arrays of page
 * numbers, and it is read from the file, not through the map: it may itself be what is missing.
 * The format is that of LMDB 0.9 (MDB_meta, MDB_page, MDB_node in its mdb.c) on little-endian
 * machines of 64 bits. */
#include "lmdb/lmdb_length.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
    PAGE_HEADER = 16,
    PAGE_FLAGS = 10, /* offsets in a page's header */
    PAGE_LOWER = 12,
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    META_FREE_ROOT = 80, /* offset in a meta page */
    NODE_HEADER = 8,
    NODE_BIG = 1, /* the value is in pages of its own */
    DEEPEST = 32,
    ROUNDS = 3,
    IDS = 512,
};

typedef struct data_file {
    int fd;
    size_t page_bytes;
    uint64_t pages; /* that are whole in the file */
    uint64_t free;  /* of those that are missing: in the list of free pages */
} data_file;

static bool read_at(const data_file *f, void *to, size_t n, uint64_t offset)
{
    return pread(f->fd, to, n, (off_t)offset) == (ssize_t)n;
}

static uint16_t u16_at(const unsigned char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* A counted array of page numbers. */
static bool count_list(data_file *f, uint64_t offset)
{
    uint64_t n, ids[IDS];
    if (!read_at(f, &n, sizeof n, offset)) {
        return false;
    }
    while (n) {
        size_t some = n < IDS ? (size_t)n : IDS;
        offset += sizeof n;
        if (!read_at(f, ids, some * sizeof *ids, offset)) {
            return false;
        }
        for (size_t i = 0; i < some; i++) {
            f->free += ids[i] >= f->pages;
        }
        offset += (some - 1) * sizeof *ids;
        n -= some;
    }
    return true;
}

/* The free pages of one entry. `page` is the leaf's, `at` the node's place in it. */
static bool count_entry(data_file *f, const unsigned char *page, uint64_t number, unsigned at)
{
    unsigned value = at + NODE_HEADER + u16_at(page + at + 6);
    uint64_t own;
    if (!(u16_at(page + at + 4) & NODE_BIG)) {
        return count_list(f, number * f->page_bytes + value);
    }
    if (value + sizeof own > f->page_bytes) {
        return false;
    }
    memcpy(&own, page + value, sizeof own);
    return count_list(f, own * f->page_bytes + PAGE_HEADER);
}

static uint64_t child_at(const unsigned char *node)
{
    return u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
}

/* A page of the tree and what is below it. False: it is not there, or no such page. */
static bool count_free(data_file *f, uint64_t number, unsigned depth)
{
    unsigned char *page = depth < DEEPEST ? weir_alloc(f->page_bytes) : NULL;
    bool ok = page && read_at(f, page, f->page_bytes, number * f->page_bytes);
    unsigned flags = ok ? u16_at(page + PAGE_FLAGS) : 0, lower = ok ? u16_at(page + PAGE_LOWER) : 0;
    ok = ok && (flags & (PAGE_BRANCH | PAGE_LEAF)) && lower >= PAGE_HEADER;
    for (unsigned p = PAGE_HEADER; ok && p + 2 <= lower && p + 2 <= f->page_bytes; p += 2) {
        unsigned at = u16_at(page + p);
        ok = at + NODE_HEADER <= f->page_bytes;
        ok = ok && (flags & PAGE_BRANCH ? count_free(f, child_at(page + at), depth + 1)
                                        : count_entry(f, page, number, at));
    }
    weir_free(page);
    return ok;
}

/* Is every missing page a free one? */
static bool misses_nothing(data_file *f, const MDB_envinfo *info)
{
    uint64_t root, meta = (info->me_last_txnid & 1) * f->page_bytes;
    f->free = 0;
    return read_at(f, &root, sizeof root, meta + META_FREE_ROOT) && root != UINT64_MAX &&
           count_free(f, root, 0) && f->free == info->me_last_pgno + 1 - f->pages;
}

weir_status weir_lmdb_check_length(MDB_env *env, weir_error *err)
{
    MDB_envinfo info = {0};
    MDB_stat stat = {0};
    struct stat st = {0};
    data_file f = {.fd = -1};
    for (int round = 0; round < ROUNDS; round++) { /* a writer may have gone on meanwhile */
        int rc = mdb_env_get_fd(env, &f.fd);
        rc = rc ? rc : mdb_env_stat(env, &stat);
        rc = rc ? rc : mdb_env_info(env, &info);
        if (rc || fstat(f.fd, &st)) {
            return weir_fail(err, WEIR_E_STORE_IO, "asking for the size of the store's file: %s",
                strerror(rc ? rc : errno));
        }
        f.page_bytes = stat.ms_psize;
        f.pages = (uint64_t)st.st_size / f.page_bytes;
        if (f.pages > info.me_last_pgno || misses_nothing(&f, &info)) {
            return WEIR_OK;
        }
    }
    return weir_fail(err, WEIR_E_STORE_BROKEN,
        "the store's file was cut short: it has %lld bytes, its pages need %llu",
        (long long)st.st_size, (unsigned long long)(info.me_last_pgno + 1) * f.page_bytes);
}
