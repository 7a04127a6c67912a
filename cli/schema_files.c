/* Schemas in files. See schema_files.h. */
#include "schema_files.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "file/lines.h"
#include "http/client.h"
#include "schema/any_schema.h"
#include "yaml_json.h"

static void free_file(weir_schema_file *file)
{
    if (file) {
        weir_free(file->uri);
        weir_free(file->path);
        weir_buf_fini(&file->text);
        weir_buf_fini(&file->marks);
        weir_free(file);
    }
}

void weir_schema_files_fini(weir_schema_files *f)
{
    while (f->first) {
        weir_schema_file *next = f->first->next;
        free_file(f->first);
        f->first = next;
    }
}

bool weir_schema_files_map(weir_schema_files *f, const char *text)
{
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || !equals[1] || f->n_prefixes == WEIR_SCHEMA_PREFIXES) {
        return false;
    }
    f->prefixes[f->n_prefixes++] = (weir_schema_prefix){text, equals + 1, (size_t)(equals - text)};
    return true;
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static weir_status read_text(const char *path, weir_buf *to, weir_error *err)
{
    weir_lines *lines;
    weir_view line = {NULL, 0};
    weir_status s = weir_lines_open(path, &lines, err);
    if (s) {
        return s;
    }
    do {
        s = weir_lines_next(lines, &line, err);
        if (!s && line.ptr) {
            weir_buf_putv(to, line);
            weir_buf_putc(to, '\n');
        }
    } while (!s && line.ptr);
    weir_lines_close(lines);
    return s || !to->failed ? s : weir_fail_oom(err);
}

static weir_status convert(weir_schema_file *file, weir_error *err)
{
    weir_yaml *y;
    weir_view json = {NULL, 0};
    const weir_place *marks;
    size_t n = 0;
    weir_status s = weir_yaml_open(weir_buf_view(&file->text), &y, err);
    if (s) {
        return s;
    }
    s = weir_yaml_next(y, &json, &marks, &n, err);
    weir_buf text = {0};
    if (!s) {
        weir_buf_putv(&text, json.ptr ? json : weir_view_of("null"));
        weir_buf_put(&file->marks, n ? marks : (const void *)"", n * sizeof *marks);
        weir_buf_fini(&file->text);
        file->text = text;
        s = text.failed || file->marks.failed ? weir_fail_oom(err) : WEIR_OK;
    }
    weir_yaml_close(y);
    return s;
}

/* "file:///…" of a path, percent-encoded. */
static char *uri_of(const char *path)
{
    char full[PATH_MAX];
    weir_buf b = {0};
    const char *from = realpath(path, full) ? full : path;
    weir_buf_puts(&b, "file://");
    for (; *from; from++) {
        unsigned char c = (unsigned char)*from;
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     strchr("/-._~", c);
        weir_buf_printf(&b, plain ? "%c" : "%%%02X", c);
    }
    char *uri = b.failed ? NULL : weir_strdup(weir_buf_str(&b));
    weir_buf_fini(&b);
    return uri;
}

static bool is_remote(const char *path)
{
    return strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
}

static weir_status download(
    const weir_schema_files *f, const char *url, weir_buf *to, weir_error *err)
{
    enum { LARGEST = 16 << 20, OK = 200 };
    unsigned status = 0;
    weir_http_request r = {
        .url = url, .timeout_ms = f->timeout_ms, .max_bytes = LARGEST, .far = true};
    weir_status s = weir_http_get(&r, &status, to, err);
    return s || status == OK ? s
                             : weir_fail(err, WEIR_E_HTTP_ANSWER, "%.180s: status %u", url, status);
}

/* The file gets `uri` too, or its own when that is NULL. path: of a file, or a URL. */
static weir_status load_as(weir_schema_files *f, const char *path, const char *uri,
    const weir_schema_file **out, weir_error *err)
{
    weir_schema_file *file = weir_calloc(1, sizeof *file);
    if (!file) {
        return weir_fail_oom(err);
    }
    file->path = weir_strdup(path);
    file->uri = uri ? weir_strdup(uri) : uri_of(path);
    weir_status s = !file->path || !file->uri ? weir_fail_oom(err)
                    : uri && is_remote(path)  ? download(f, path, &file->text, err)
                                              : read_text(path, &file->text, err);
    if (!s && (ends_with(path, ".yaml") || ends_with(path, ".yml"))) {
        s = convert(file, err);
        if (s) {
            weir_error why = *err;
            snprintf(err->where, sizeof err->where, "%.60s:%.30s", path, why.where);
        }
    }
    if (s) {
        free_file(file);
        return s;
    }
    file->next = f->first;
    f->first = file;
    *out = file;
    return WEIR_OK;
}

weir_status weir_schema_files_load(
    weir_schema_files *f, const char *path, const weir_schema_file **out, weir_error *err)
{
    return load_as(f, path, NULL, out, err);
}

bool weir_schema_file_is_avro(const weir_schema_file *file)
{
    const weir_value *root;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    bool readable = !weir_json_read(weir_buf_view(&file->text), &arena, &root, NULL);
    bool yes = ends_with(file->path, ".avsc") || (readable && weir_is_avro_schema(root));
    weir_arena_fini(&arena);
    return yes;
}

/* ---- resolving ------------------------------------------------------------------------------ */

static bool is_file(const char *path)
{
    FILE *f = fopen(path, "r");
    bool there = f && fgetc(f) != EOF; /* a folder gives nothing */
    if (f) {
        fclose(f);
    }
    return there;
}

static void put_decoded(weir_buf *to, const char *text)
{
    for (unsigned byte; *text; text++) {
        if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1) {
            weir_buf_putc(to, (char)byte);
            text += 2;
        } else {
            weir_buf_putc(to, *text);
        }
    }
}

/* The path that may hold a URI's document, or an empty one. */
static void find_path(const weir_schema_files *f, const char *uri, weir_buf *path)
{
    static const char *const endings[] = {"", ".json", ".yaml", ".yml"};
    for (size_t i = 0; i < f->n_prefixes; i++) {
        const weir_schema_prefix *p = &f->prefixes[i];
        if (strncmp(uri, p->prefix, p->prefix_len) != 0) {
            continue;
        }
        for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
            const char *rest = uri + p->prefix_len;
            weir_buf_clear(path);
            weir_buf_printf(path, "%s/", p->dir);
            put_decoded(path, *rest == '/' ? rest + 1 : rest);
            weir_buf_puts(path, endings[k]);
            if (is_file(weir_buf_str(path))) {
                return;
            }
        }
    }
    weir_buf_clear(path);
    if (strncmp(uri, "file:///", 8) == 0) {
        put_decoded(path, uri + 7);
        if (!is_file(weir_buf_str(path))) {
            weir_buf_clear(path);
        }
    }
}

weir_status weir_schema_files_resolve(void *ctx, const char *uri, weir_view *out, weir_error *err)
{
    weir_schema_files *f = ctx;
    const weir_schema_file *file;
    weir_buf path = {0};
    *out = (weir_view){NULL, 0};
    find_path(f, uri, &path);
    if (!path.len && f->fetch && is_remote(uri)) {
        weir_buf_puts(&path, uri);
    }
    weir_status s = path.failed ? weir_fail_oom(err) : WEIR_OK;
    if (!s && path.len) {
        s = load_as(f, weir_buf_str(&path), uri, &file, err);
        if (!s) {
            *out = weir_buf_view(&file->text);
        }
    }
    weir_buf_fini(&path);
    return s;
}

/* ---- places --------------------------------------------------------------------------------- */

static const weir_schema_file *file_of(const weir_schema_files *f, weir_view uri)
{
    const weir_schema_file *file = f->first;
    while (file && !weir_view_is(uri, file->uri)) {
        file = file->next;
    }
    return file;
}

static weir_place place_in(const weir_schema_file *file, uint32_t line, uint32_t column)
{
    weir_place place = {line, column};
    if (line && line * sizeof place <= file->marks.len) {
        memcpy(&place, file->marks.ptr + (line - 1) * sizeof place, sizeof place);
    }
    return place;
}

void weir_schema_files_place(const weir_schema_files *f, const weir_schema_file *root,
    weir_view uri, uint32_t line, uint32_t column, weir_buf *to)
{
    const weir_schema_file *file = uri.len ? file_of(f, uri) : root;
    if (!file) {
        weir_buf_putv(to, uri);
        return;
    }
    weir_place place = place_in(file, line, column);
    weir_buf_printf(to, "%s:%u:%u", file->path, place.line, place.column);
}

void weir_schema_files_where(
    const weir_schema_files *f, const weir_schema_file *root, weir_error *err)
{
    unsigned line, column;
    weir_buf to = {0};
    char *text = err->where, *last = strrchr(text, ':'), *middle = NULL;
    if (last && strncmp(err->code, "FILE_", 5) != 0 && strcmp(err->code, "YAML_SYNTAX") != 0) {
        for (middle = last; middle > text && middle[-1] != ':'; middle--) {
        }
        if (sscanf(middle, "%u:%u", &line, &column) == 2) {
            size_t len = middle > text ? (size_t)(middle - text - 1) : 0;
            weir_schema_files_place(f, root, weir_view_make(text, len), line, column, &to);
            snprintf(err->where, sizeof err->where, "%.95s", weir_buf_str(&to));
        }
    }
    weir_buf_fini(&to);
}

/* ---- options -------------------------------------------------------------------------------- */

static bool draft_of(const char *name, weir_draft *out)
{
    static const struct {
        const char *name;
        weir_draft draft;
    } drafts[] = {{"draft4", WEIR_DRAFT_4}, {"draft6", WEIR_DRAFT_6}, {"draft7", WEIR_DRAFT_7},
        {"draft2019-09", WEIR_DRAFT_2019_09}, {"draft2020-12", WEIR_DRAFT_2020_12}};
    for (size_t i = 0; i < sizeof drafts / sizeof *drafts; i++) {
        if (strcmp(name, drafts[i].name) == 0) {
            *out = drafts[i].draft;
            return true;
        }
    }
    return false;
}

static bool formats_of(const char *how, weir_formats *out)
{
    static const char *const words[] = {"schema", "assert", "annotate"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(how, words[i]) == 0) {
            *out = (weir_formats)i;
            return true;
        }
    }
    return false;
}

int weir_schema_options_of(weir_cli *cli, weir_schema_files *files, weir_schema_options *out)
{
    const char *draft = weir_cli_option(cli, "--draft"),
               *formats = weir_cli_option(cli, "--formats");
    *out = (weir_schema_options){.resolve = weir_schema_files_resolve, .resolve_ctx = files};
    out->content = weir_cli_option(cli, "--content") != NULL;
    files->fetch = weir_cli_option(cli, "--fetch") != NULL;
    files->timeout_ms = cli->timeout_ms;
    if (draft && !draft_of(draft, &out->draft)) {
        return weir_cli_usage(cli,
            "--draft: %s is none of draft4, draft6, draft7, draft2019-09, "
            "draft2020-12",
            draft);
    }
    if (formats && !formats_of(formats, &out->formats)) {
        return weir_cli_usage(cli, "--formats: %s is none of schema, assert, annotate", formats);
    }
    for (const char *map; (map = weir_cli_option(cli, "--resolve"));) {
        if (!weir_schema_files_map(files, map)) {
            return weir_cli_usage(cli, "--resolve: %s is no PREFIX=DIR (64 at most)", map);
        }
    }
    return EXIT_YES;
}
