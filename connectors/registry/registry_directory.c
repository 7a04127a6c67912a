/* Schemas from a directory. See registry_directory.h. */
#include "registry/registry_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "registry/registry_answer.h"
#include "value/value.h"

enum { LARGEST_FILE = 16 << 20 };

typedef struct directory {
    char *path;
} directory;

static weir_status read_open(
    FILE *file, const char *path, weir_arena *arena, weir_view *out, weir_error *err)
{
    struct stat st;
    if (fstat(fileno(file), &st) || !S_ISREG(st.st_mode)) {
        return weir_fail(err, WEIR_E_FILE_UNREADABLE, "%s is not a file", path);
    }
    if (st.st_size > LARGEST_FILE) {
        return weir_fail(err, WEIR_E_REGISTRY_ANSWER, "%s is larger than 16 MiB", path);
    }
    char *text = weir_arena_bytes(arena, (size_t)st.st_size);
    if (!text) {
        return weir_fail_oom(err);
    }
    *out = weir_view_make(text, fread(text, 1, (size_t)st.st_size, file));
    return ferror(file) ? weir_fail(err, WEIR_E_FILE_UNREADABLE, "%s: %s", path, strerror(errno))
                        : WEIR_OK;
}

/* A file that is not there is a schema that is not there; any other trouble is the directory's. */
static weir_status read_file(const char *path, weir_arena *arena, weir_view *out, weir_error *err)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return weir_fail(err, errno == ENOENT ? WEIR_E_REGISTRY_NO_SCHEMA : WEIR_E_FILE_UNREADABLE,
            "%s: %s", path, strerror(errno));
    }
    weir_status s = read_open(file, path, arena, out, err);
    fclose(file);
    return s;
}

/* Never out of the directory, whatever a file calls its references. */
static bool is_plain(weir_view subject)
{
    return subject.len && subject.ptr[0] != '.' && !memchr(subject.ptr, '/', subject.len) &&
           !memchr(subject.ptr, '\0', subject.len);
}

static weir_status ask(void *ctx, weir_view subject, int64_t version, weir_arena *arena,
    weir_view *answer, weir_error *err)
{
    const directory *d = ctx;
    if (!is_plain(subject)) {
        return weir_fail(err, WEIR_E_REGISTRY_ANSWER, "a subject that is no file's name");
    }
    weir_view path = weir_arena_printf(
        arena, "%s/%.*s/%lld.json", d->path, WEIR_ARG(subject), (long long)version);
    return path.ptr ? read_file(path.ptr, arena, answer, err) : weir_fail_oom(err);
}

static weir_status fetch(void *self, const weir_schema_ref *ref, weir_arena *arena,
    weir_registered *out, weir_error *err)
{
    const directory *d = self;
    char name[WEIR_REF_TEXT];
    weir_view answer;
    weir_schema_ref_text(ref, name);
    weir_view path = weir_arena_printf(arena, "%s/%s.json", d->path, name);
    weir_status s = path.ptr ? read_file(path.ptr, arena, &answer, err) : weir_fail_oom(err);
    s = s ? s : weir_registry_answer_read(answer, ask, self, arena, out, err);
    if (s && path.ptr) {
        (void)weir_at(err, "%s", path.ptr);
    }
    return s;
}

/* The highest N of SUBJECT/N.json; 0: there is none. */
static int64_t latest_version(const char *folder)
{
    int64_t highest = 0;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        int64_t n;
        size_t len = strlen(e->d_name);
        bool json = len > 5 && strcmp(e->d_name + len - 5, ".json") == 0;
        if (json && weir_text_to_int64(weir_view_make(e->d_name, len - 5), &n) && n > highest) {
            highest = n;
        }
    }
    if (d) {
        closedir(d);
    }
    return highest;
}

static weir_status latest(
    void *self, weir_view subject, weir_arena *arena, weir_registered *out, weir_error *err)
{
    const directory *d = self;
    weir_view answer, folder = weir_arena_printf(arena, "%s/%.*s", d->path, WEIR_ARG(subject));
    if (!folder.ptr) {
        return weir_fail_oom(err);
    }
    int64_t version = is_plain(subject) ? latest_version(folder.ptr) : 0;
    if (!version) {
        return weir_fail(
            err, WEIR_E_REGISTRY_NO_SCHEMA, "%s: no VERSION.json is there", folder.ptr);
    }
    weir_status s = ask(self, subject, version, arena, &answer, err);
    return s ? s : weir_registry_answer_read(answer, ask, self, arena, out, err);
}

static void close_directory(void *self)
{
    directory *d = self;
    weir_free(d->path);
    weir_free(d);
}

static const weir_registry_ops ops = {.fetch = fetch, .latest = latest, .close = close_directory};

weir_status weir_registry_directory_open(const char *path, weir_registry *out, weir_error *err)
{
    struct stat st;
    if (stat(path, &st) || !S_ISDIR(st.st_mode)) {
        return weir_fail(err, WEIR_E_FILE_UNREADABLE, "%s: no directory of schemas", path);
    }
    directory *d = weir_calloc(1, sizeof *d);
    if (!d || !(d->path = weir_strdup(path))) {
        weir_free(d);
        return weir_fail_oom(err);
    }
    *out = (weir_registry){&ops, d};
    return WEIR_OK;
}
