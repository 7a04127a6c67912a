/* A whole file into memory, bounded. See config_file.h. */
#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int read_all(int fd, size_t most, weir_buf *to)
{
    enum { CHUNK = 4096 };
    for (size_t left = most + 1;;) {
        size_t wanted = left < CHUNK ? left : CHUNK;
        if (!weir_buf_reserve(to, wanted)) {
            return ENOMEM;
        }
        ssize_t got = read(fd, to->ptr + to->len, wanted);
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        if (got == 0) {
            return 0;
        }
        if (got > 0) {
            to->len += (size_t)got;
            left -= (size_t)got;
        }
        if (left == 0) {
            return EFBIG;
        }
    }
}

int weir_config_read_file(const char *path, size_t most, weir_buf *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno;
    }
    int error = read_all(fd, most, to);
    close(fd);
    return error;
}
