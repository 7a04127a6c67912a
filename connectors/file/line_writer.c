/* Lines into plain and compressed files. See line_writer.h. */
#include "file/line_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#define ZLIB_CONST /* zlib only reads what it compresses */
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"

enum { OUT_BYTES = 1 << 16, ZSTD_LEVEL = 3, GZIP_WINDOW = 15 + 16 };

typedef enum compression { PLAIN, GZIP, ZSTD_FRAME } compression;

struct weir_line_writer {
    char *path;
    int fd;
    compression how;
    z_stream gz;
    ZSTD_CStream *zstd;
    char out[OUT_BYTES];
};

static weir_status unwritable(const char *path, const char *why, weir_error *err)
{
    return weir_fail(err, WEIR_E_FILE_UNWRITABLE, "%s: %s", path, why);
}

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static compression kind_of(const char *path)
{
    return ends_with(path, ".gz") ? GZIP : ends_with(path, ".zst") ? ZSTD_FRAME : PLAIN;
}

static void free_writer(weir_line_writer *w)
{
    if (w->how == GZIP) {
        deflateEnd(&w->gz);
    }
    ZSTD_freeCStream(w->zstd);
    if (w->fd >= 0) {
        close(w->fd);
    }
    weir_free(w->path);
    weir_free(w);
}

static bool start_encoder(weir_line_writer *w)
{
    if (w->how == GZIP) {
        return deflateInit2(&w->gz, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                   Z_DEFAULT_STRATEGY) == Z_OK;
    }
    if (w->how == ZSTD_FRAME) {
        w->zstd = ZSTD_createCStream();
        return w->zstd && !ZSTD_isError(ZSTD_initCStream(w->zstd, ZSTD_LEVEL));
    }
    return true;
}

weir_status weir_line_writer_open(
    const char *path, bool replace, weir_line_writer **out, weir_error *err)
{
    *out = NULL;
    if (ends_with(path, ".xz") || ends_with(path, ".bz2") || ends_with(path, ".lz4")) {
        return unwritable(path, "name it .gz or .zst to have it compressed", err);
    }
    weir_line_writer *w = weir_calloc(1, sizeof *w);
    if (!w || !(w->path = weir_strdup(path))) {
        weir_free(w);
        return weir_fail_oom(err);
    }
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL);
    w->fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO) : open(path, flags, 0666);
    weir_status s = w->fd < 0 ? unwritable(path, strerror(errno), err) : WEIR_OK;
    if (!s) {
        w->how = kind_of(path);
        s = start_encoder(w) ? WEIR_OK : weir_fail_oom(err);
    }
    if (s) {
        free_writer(w);
        return s;
    }
    *out = w;
    return WEIR_OK;
}

static weir_status write_all(weir_line_writer *w, const char *at, size_t left, weir_error *err)
{
    while (left) {
        ssize_t n = write(w->fd, at, left);
        if (n < 0 && errno != EINTR) {
            return unwritable(w->path, strerror(errno), err);
        }
        at += n > 0 ? n : 0;
        left -= n > 0 ? (size_t)n : 0;
    }
    return WEIR_OK;
}

static weir_status gzip(weir_line_writer *w, weir_view v, bool end, weir_error *err)
{
    int rc = Z_OK;
    w->gz.next_in = (const Bytef *)v.ptr;
    w->gz.avail_in = (uInt)v.len;
    do {
        w->gz.next_out = (Bytef *)w->out;
        w->gz.avail_out = OUT_BYTES;
        rc = deflate(&w->gz, end ? Z_FINISH : Z_NO_FLUSH);
        weir_status s = write_all(w, w->out, OUT_BYTES - w->gz.avail_out, err);
        if (s) {
            return s;
        }
    } while (end ? rc != Z_STREAM_END : w->gz.avail_in > 0);
    return WEIR_OK;
}

static weir_status zstd(weir_line_writer *w, weir_view v, bool end, weir_error *err)
{
    ZSTD_inBuffer in = {v.ptr, v.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {w->out, OUT_BYTES, 0};
        left = ZSTD_compressStream2(w->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) {
            return unwritable(w->path, ZSTD_getErrorName(left), err);
        }
        weir_status s = write_all(w, w->out, out.pos, err);
        if (s) {
            return s;
        }
    } while (end ? left > 0 : in.pos < in.size);
    return WEIR_OK;
}

static weir_status encode(weir_line_writer *w, weir_view v, bool end, weir_error *err)
{
    switch (w->how) {
    case GZIP:
        return gzip(w, v, end, err);
    case ZSTD_FRAME:
        return zstd(w, v, end, err);
    case PLAIN:
        break;
    }
    return write_all(w, v.ptr, v.len, err);
}

weir_status weir_line_writer_put(weir_line_writer *w, weir_view lines, weir_error *err)
{
    return encode(w, lines, false, err);
}

weir_status weir_line_writer_finish(weir_line_writer *w, weir_error *err)
{
    weir_status s = encode(w, (weir_view){"", 0}, true, err);
    if (!s && close(w->fd)) {
        s = unwritable(w->path, strerror(errno), err);
    }
    w->fd = s ? w->fd : -1;
    free_writer(w);
    return s;
}
