/* Lines of plain and compressed files. See lines.h. */
#include "file/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"

enum { IN_BYTES = 1 << 16, OUT_BYTES = 1 << 17, LONGEST_LINE = 512 << 20, MOST_REST = 1 << 30 };

typedef enum compression { PLAIN, GZIP, XZ, ZSTD_FRAMES } compression;

struct weir_lines {
    char *path;
    int fd;
    compression how;
    int wait_ms;
    bool started; /* how is known */
    bool dry;     /* nothing came in time */
    bool input_end, data_end;
    unsigned long number;
    uint64_t read_bytes, all_bytes;
    size_t in_at, in_len;
    char in[IN_BYTES];
    z_stream gz;
    lzma_stream xz;
    ZSTD_DStream *zstd;
    size_t zstd_left;  /* hint of the decoder: 0 between frames */
    bool gz_in_member; /* gzip: inside a member */
    weir_buf data;     /* decompressed: [at, len) is not given out yet */
    size_t at;
};

static weir_status unreadable(const weir_lines *l, const char *why, weir_error *err)
{
    return weir_fail(err, WEIR_E_FILE_UNREADABLE, "%s: %s", l->path, why);
}

static compression kind_of(const char *in, size_t len)
{
    if (len >= 2 && memcmp(in, "\x1f\x8b", 2) == 0) {
        return GZIP;
    }
    if (len >= 6 && memcmp(in,
                        "\xfd"
                        "7zXZ\0",
                        6) == 0) {
        return XZ;
    }
    if (len >= 4 && memcmp(in, "\x28\xb5\x2f\xfd", 4) == 0) {
        return ZSTD_FRAMES;
    }
    return PLAIN;
}

static weir_status read_input(weir_lines *l, weir_error *err)
{
    if (l->in_at < l->in_len || l->input_end) {
        return WEIR_OK;
    }
    struct pollfd readable = {.fd = l->fd, .events = POLLIN};
    l->dry = l->wait_ms >= 0 && poll(&readable, 1, l->wait_ms) == 0;
    if (l->dry) {
        return WEIR_OK;
    }
    ssize_t n;
    do {
        n = read(l->fd, l->in, IN_BYTES);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return unreadable(l, strerror(errno), err);
    }
    l->in_at = 0;
    l->in_len = (size_t)n;
    l->read_bytes += (uint64_t)n;
    l->input_end = n == 0;
    return WEIR_OK;
}

static bool start_decoder(weir_lines *l)
{
    switch (l->how) {
    case GZIP:
        return inflateInit2(&l->gz, 15 + 16) == Z_OK;
    case XZ:
        return lzma_stream_decoder(&l->xz, (uint64_t)256 << 20, LZMA_CONCATENATED) == LZMA_OK;
    case ZSTD_FRAMES:
        l->zstd = ZSTD_createDStream();
        return l->zstd != NULL;
    default:
        return true;
    }
}

/* Reads the first bytes, which tell how the rest is to be read. */
static weir_status start(weir_lines *l, weir_error *err)
{
    weir_status s = read_input(l, err);
    if (s || l->dry) {
        return s;
    }
    l->how = kind_of(l->in, l->in_len);
    l->started = start_decoder(l);
    return l->started ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_lines_open(const char *path, weir_lines **out, weir_error *err)
{
    weir_lines *l = weir_calloc(1, sizeof *l);
    *out = NULL;
    if (!l || !(l->path = weir_strdup(path))) {
        weir_free(l);
        return weir_fail_oom(err);
    }
    struct stat st;
    l->wait_ms = -1;
    l->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    bool known = l->fd >= 0 && fstat(l->fd, &st) == 0;
    bool is_stream = known && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
    weir_status s = l->fd < 0                               ? unreadable(l, strerror(errno), err)
                    : weir_buf_reserve(&l->data, OUT_BYTES) ? WEIR_OK
                                                            : weir_fail_oom(err);
    if (!s && !is_stream) { /* a stream may have nothing yet */
        l->all_bytes = known && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
        s = start(l, err);
    }
    if (s) {
        weir_lines_close(l);
        return s;
    }
    *out = l;
    return WEIR_OK;
}

void weir_lines_close(weir_lines *l)
{
    if (!l) {
        return;
    }
    if (l->how == GZIP) {
        inflateEnd(&l->gz);
    }
    lzma_end(&l->xz);
    ZSTD_freeDStream(l->zstd);
    if (l->fd >= 0) {
        close(l->fd);
    }
    weir_buf_fini(&l->data);
    weir_free(l->path);
    weir_free(l);
}

/* ---- Decoders: each takes from `in` and adds to `data`; false: the data is damaged
 * ------------------ */

static bool gunzip(weir_lines *l)
{
    l->gz.next_in = (Bytef *)l->in + l->in_at;
    l->gz.avail_in = (uInt)(l->in_len - l->in_at);
    l->gz.next_out = (Bytef *)l->data.ptr + l->data.len;
    l->gz.avail_out = OUT_BYTES;
    if (l->input_end) {
        l->data_end = true;
        return !l->gz_in_member;
    }
    int rc = inflate(&l->gz, Z_NO_FLUSH);
    l->gz_in_member = rc != Z_STREAM_END;
    l->in_at = l->in_len - l->gz.avail_in;
    l->data.len += OUT_BYTES - l->gz.avail_out;
    if (rc == Z_STREAM_END) {
        return inflateReset(&l->gz) == Z_OK; /* another member may follow */
    }
    return rc == Z_OK || rc == Z_BUF_ERROR;
}

static bool unxz(weir_lines *l)
{
    l->xz.next_in = (const uint8_t *)l->in + l->in_at;
    l->xz.avail_in = l->in_len - l->in_at;
    l->xz.next_out = (uint8_t *)l->data.ptr + l->data.len;
    l->xz.avail_out = OUT_BYTES;
    lzma_ret rc = lzma_code(&l->xz, l->input_end ? LZMA_FINISH : LZMA_RUN);
    l->in_at = l->in_len - l->xz.avail_in;
    l->data.len += OUT_BYTES - l->xz.avail_out;
    l->data_end = rc == LZMA_STREAM_END;
    return rc == LZMA_OK || rc == LZMA_STREAM_END;
}

static bool unzstd(weir_lines *l)
{
    ZSTD_inBuffer in = {l->in, l->in_len, l->in_at};
    ZSTD_outBuffer out = {l->data.ptr + l->data.len, OUT_BYTES, 0};
    if (l->input_end) {
        l->data_end = true;
        return l->zstd_left == 0;
    }
    l->zstd_left = ZSTD_decompressStream(l->zstd, &out, &in);
    l->in_at = in.pos;
    l->data.len += out.pos;
    return !ZSTD_isError(l->zstd_left);
}

static void take_plain(weir_lines *l)
{
    weir_buf_put(&l->data, l->in + l->in_at, l->in_len - l->in_at);
    l->in_at = l->in_len;
    l->data_end = l->input_end;
}

/* Adds to `data`. */
static weir_status decode_some(weir_lines *l, weir_error *err)
{
    weir_status s = l->started ? read_input(l, err) : start(l, err);
    if (s || l->dry) {
        return s;
    }
    if (!weir_buf_reserve(&l->data, OUT_BYTES)) {
        return weir_fail_oom(err);
    }
    bool good = true;
    switch (l->how) {
    case PLAIN:
        take_plain(l);
        break;
    case GZIP:
        good = gunzip(l);
        break;
    case XZ:
        good = unxz(l);
        break;
    case ZSTD_FRAMES:
        good = unzstd(l);
        break;
    }
    return good ? WEIR_OK : unreadable(l, "the compressed data is damaged or cut off", err);
}

weir_status weir_lines_next(weir_lines *l, weir_view *line, weir_error *err)
{
    size_t searched = l->at;
    *line = (weir_view){NULL, 0};
    for (;;) {
        const char *start = l->data.ptr + l->at;
        const char *end = l->data.len > searched
                              ? memchr(l->data.ptr + searched, '\n', l->data.len - searched)
                              : NULL;
        if (!end && l->data_end) {
            if (l->at == l->data.len) {
                return WEIR_OK;
            }
            end = l->data.ptr + l->data.len; /* the last line has no end */
        }
        if (end) {
            *line = (weir_view){start, (size_t)(end - start)};
            l->at += line->len + (l->at + line->len < l->data.len);
            l->number++;
            return WEIR_OK;
        }
        weir_buf_consume(&l->data, l->at);
        l->at = 0;
        searched = l->data.len;
        if (l->data.len > LONGEST_LINE) {
            return weir_fail(err, WEIR_E_TOO_LARGE, "%s: line %lu is longer than %d MiB", l->path,
                l->number + 1, LONGEST_LINE >> 20);
        }
        weir_status s = decode_some(l, err);
        if (s || l->dry) {
            l->dry = false;
            return s;
        }
    }
}

/* ---- Files that are no lines --------------------------------------------------------------------
 */

/* Decodes until there are so many bytes, or no more. */
static weir_status gather(weir_lines *l, size_t bytes, weir_error *err)
{
    weir_status s = WEIR_OK;
    while (!s && !l->data_end && l->data.len - l->at < bytes) {
        s = decode_some(l, err);
    }
    return s;
}

weir_status weir_lines_begins(weir_lines *l, weir_view with, bool *yes, weir_error *err)
{
    weir_status s = gather(l, with.len, err);
    *yes = !s && l->data.len - l->at >= with.len &&
           memcmp(l->data.ptr + l->at, with.ptr, with.len) == 0;
    return s;
}

weir_status weir_lines_rest(weir_lines *l, weir_view *out, weir_error *err)
{
    weir_status s = gather(l, (size_t)MOST_REST + 1, err);
    *out = weir_view_make(l->data.ptr + l->at, l->data.len - l->at);
    if (!s && out->len > MOST_REST) {
        return weir_fail(
            err, WEIR_E_TOO_LARGE, "%s: more than %d MiB in one", l->path, MOST_REST >> 20);
    }
    l->at = l->data.len;
    return s;
}

void weir_lines_patience(weir_lines *l, int wait_ms)
{
    l->wait_ms = wait_ms;
}

bool weir_lines_ended(const weir_lines *l)
{
    return l->data_end && l->at == l->data.len;
}

unsigned long weir_lines_number(const weir_lines *l)
{
    return l->number;
}

void weir_lines_progress(const weir_lines *l, uint64_t *read_bytes, uint64_t *all_bytes)
{
    *read_bytes = l->read_bytes - (l->in_len - l->in_at);
    *all_bytes = l->all_bytes;
}
