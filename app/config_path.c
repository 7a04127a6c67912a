/* Do two paths of a config lead to one place? What they name may not be there yet. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_load.h"

enum { MOST = 4096 };

/* Appends the path's parts to `to`, which is absolute, without empty ones, `.` and `..`. */
static void append_parts(char to[MOST], const char *path)
{
    size_t at = strlen(to);
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len == 2 && memcmp(path, "..", 2) == 0) {
            while (at > 0 && to[--at] != '/') {
            }
            to[at] = '\0';
        } else if (len && !(len == 1 && *path == '.') && at + len + 2 < MOST) {
            at += (size_t)snprintf(to + at, MOST - at, "/%.*s", (int)len, path);
        }
        path += len;
        path += *path == '/';
    }
}

static void normal(const char *path, char to[MOST])
{
    char folder[MOST];
    to[0] = '\0';
    if (path[0] != '/' && getcwd(folder, sizeof folder)) {
        append_parts(to, folder);
    }
    append_parts(to, path);
}

bool weir_config_same_place(const char *a, const char *b)
{
    struct stat is, other;
    char first[MOST], second[MOST];
    if (stat(a, &is) == 0 && stat(b, &other) == 0) {
        return is.st_dev == other.st_dev && is.st_ino == other.st_ino;
    }
    normal(a, first);
    normal(b, second);
    return strcmp(first, second) == 0;
}
