/* Documents of files. See validate_input.h. */
#include "validate_input.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cdc/named_schema.h"
#include "file/avro_container.h"
#include "file/lines.h"
#include "file/recording.h"
#include "yaml_json.h"

enum { MOST_DEPTH = 64 };

bool weir_input_kind_of(const char *word, weir_input_kind *out)
{
    static const char *const words[] = {"auto", "json", "jsonl", "yaml", "recording", "avro"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (weir_input_kind)i;
            return true;
        }
    }
    return false;
}

/* By the name, without what says how it is compressed; WEIR_INPUT_AUTO: it does not tell. */
static weir_input_kind kind_of_name(const char *path, bool *known)
{
    static const struct {
        const char *ending;
        weir_input_kind kind;
    } endings[] = {{".json", WEIR_INPUT_JSON}, {".jsonl", WEIR_INPUT_AUTO},
        {".ndjson", WEIR_INPUT_LINES}, {".yaml", WEIR_INPUT_YAML}, {".yml", WEIR_INPUT_YAML},
        {".avro", WEIR_INPUT_AVRO}};
    static const char *const packed[] = {".gz", ".xz", ".zst"};
    size_t len = strlen(path);
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(packed[i]);
        if (len > n && memcmp(path + len - n, packed[i], n) == 0) {
            len -= n;
            break;
        }
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i].ending);
        if (len > n && memcmp(path + len - n, endings[i].ending, n) == 0) {
            *known = true;
            return endings[i].kind;
        }
    }
    *known = false;
    return WEIR_INPUT_AUTO;
}

/* ---- documents ------------------------------------------------------------------------------ */

static weir_status give(
    weir_inputs *in, const weir_subject *s, const weir_error *broken, weir_error *err)
{
    weir_error why;
    in->documents++;
    if (!broken && s->text.len > in->most_bytes) {
        broken = &why;
        weir_fail(&why, WEIR_E_TOO_LARGE, "it is larger than %zu bytes: --max-document SIZE",
            in->most_bytes);
    }
    return in->take(in->ctx, s, broken, err);
}

/* A record's value by the schema that it names. What is the record's own fault is told of it. */
static weir_status give_named(
    weir_inputs *in, weir_subject *s, const weir_schema_ref *ref, size_t frame, weir_error *err)
{
    weir_error why;
    const weir_known_avro *known;
    weir_status status =
        in->schemas ? weir_avro_schemas_get(in->schemas, ref, &known, &why)
                    : weir_fail(&why, WEIR_E_CDC_AVRO,
                          "it names a schema of a registry: --registry says where that is");
    if (!status && known->kind == WEIR_REGISTERED_OTHER) {
        status = weir_fail(&why, WEIR_E_CDC_AVRO, "its schema is neither Avro nor JSON Schema");
    }
    if (status && status != WEIR_REJECT) {
        *err = why;
        return status;
    }
    s->text = weir_view_make(s->text.ptr + frame, s->text.len - frame);
    s->own = status ? NULL : &known->own;
    return give(in, s, status ? &why : NULL, err);
}

weir_status weir_inputs_record(
    weir_inputs *in, const char *file, uint32_t line, const weir_raw_record *raw, weir_error *err)
{
    char name[400];
    weir_schema_ref ref;
    size_t frame;
    if (!raw->value.ptr) {
        in->tombstones++;
        return WEIR_OK;
    }
    snprintf(name, sizeof name, "%.*s/%" PRId32 "@%" PRId64,
        (int)(raw->topic.len < 249 ? raw->topic.len : 249), raw->topic.ptr, raw->partition,
        raw->offset);
    weir_subject s = {
        .file = file, .record = name, .text = raw->value, .line = line, .is_line = line > 0};
    static const weir_header_list none = {NULL, NULL}; /* without a registry they say nothing */
    return weir_named_schema(in->schemas ? &raw->headers : &none, raw->value, false, &ref, &frame)
               ? give_named(in, &s, &ref, frame, err)
               : give(in, &s, NULL, err);
}

static weir_status take_recorded(
    weir_inputs *in, const char *path, weir_view line, uint32_t number, weir_error *err)
{
    weir_recorded *record;
    weir_error why;
    if (weir_recording_read(line, &in->scratch, &record, &why)) {
        weir_subject s = {.file = path, .text = line, .line = number, .is_line = true};
        return give(in, &s, &why, err);
    }
    weir_status status = weir_inputs_record(in, path, number, &record->raw, err);
    weir_free(record);
    return status;
}

static bool is_blank(weir_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        if (!strchr(" \t\r\n", v.ptr[i]) || !v.ptr[i]) {
            return false;
        }
    }
    return true;
}

static weir_status take_line(
    weir_inputs *in, const char *path, weir_view line, uint32_t number, weir_error *err)
{
    if (is_blank(line)) {
        return WEIR_OK;
    }
    if (in->kind == WEIR_INPUT_RECORDING) {
        return take_recorded(in, path, line, number, err);
    }
    weir_subject s = {.file = path, .text = line, .line = number, .is_line = true};
    return give(in, &s, NULL, err);
}

static weir_status take_yaml(weir_inputs *in, const char *path, weir_view text, weir_error *err)
{
    weir_yaml *y;
    weir_status status = weir_yaml_open(text, &y, err);
    weir_subject s = {.file = path, .line = 1, .source = text};
    if (status) {
        return status;
    }
    do {
        weir_error why;
        if (weir_yaml_next(y, &s.text, &s.marks, &s.n_marks, &why)) {
            s.text = text;
            s.marks = NULL;
            status = give(in, &s, &why, err);
            break;
        }
        if (s.text.ptr) {
            status = give(in, &s, NULL, err);
        }
    } while (!status && s.text.ptr);
    weir_yaml_close(y);
    return status;
}

static weir_status take_whole(weir_inputs *in, const char *path, weir_view text, weir_error *err)
{
    if (in->kind == WEIR_INPUT_AUTO) {
        return WEIR_OK; /* nothing but white space: as many lines, no document */
    }
    if (in->kind == WEIR_INPUT_YAML && text.len <= in->most_bytes + 1) {
        return take_yaml(in, path, text, err);
    }
    text.len -= text.len > 0; /* the end of the last line, which may have none */
    weir_subject s = {.file = path, .text = text, .line = 1};
    return give(in, &s, NULL, err);
}

/* ---- Avro ----------------------------------------------------------------------------------- */

static weir_status take_values(
    weir_inputs *in, const char *path, weir_avro_container *c, size_t size, weir_error *err)
{
    weir_any_schema own = {.avro = c->schema};
    weir_status status = WEIR_OK;
    for (bool more = true; more && !status;) {
        char name[300];
        const weir_value *value;
        weir_error why;
        weir_subject s = {.file = path, .record = name, .own = &own};
        weir_arena_reset(&in->scratch);
        weir_status read = weir_avro_container_next(c, &in->scratch, &s.text, &value, &more, &why);
        snprintf(name, sizeof name, "%.250s#%" PRIu64, path, c->number + (read && !more));
        if (read || more) {
            status = give(in, &s, read ? &why : NULL, err);
        }
        weir_bar_show(&in->bar, size - c->file.rest.len, size, in->documents);
    }
    return status;
}

static weir_status take_container(
    weir_inputs *in, const char *path, weir_view bytes, weir_error *err)
{
    weir_avro_container c;
    weir_error why;
    in->containers++;
    weir_status s = weir_avro_container_open(&c, bytes, &why);
    weir_subject file = {.file = path, .text = {"", 0}};
    s = s ? give(in, &file, &why, err) : take_values(in, path, &c, bytes.len, err);
    weir_avro_container_close(&c);
    return s;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* A file that is being read. */
typedef struct input_file {
    const char *path;
    weir_lines *lines;
    weir_buf whole; /* what was read of a document that is all of the file */
    bool by_line;
} input_file;

/* What the first line that is not blank says about the file. */
static void look_at_first(weir_inputs *in, input_file *f, weir_view line)
{
    const weir_value *root;
    weir_recorded *record;
    weir_arena_reset(&in->scratch);
    if (weir_json_read(line, &in->scratch, &root, NULL)) {
        in->kind = WEIR_INPUT_JSON;
        return;
    }
    f->by_line = true;
    in->kind = WEIR_INPUT_LINES;
    if (weir_gets(root, "topic") && weir_gets(root, "partition") && weir_gets(root, "value") &&
        weir_recording_read(line, &in->scratch, &record, NULL) == WEIR_OK) {
        in->kind = WEIR_INPUT_RECORDING;
        weir_free(record);
    }
}

static weir_status read_lines(weir_inputs *in, input_file *f, weir_error *err)
{
    weir_view line;
    weir_status s;
    while (!(s = weir_lines_next(f->lines, &line, err)) && line.ptr) {
        uint64_t read_bytes, all_bytes;
        if (in->kind == WEIR_INPUT_AUTO && !is_blank(line)) {
            look_at_first(in, f, line);
        }
        if (f->by_line) {
            s = take_line(in, f->path, line, (uint32_t)weir_lines_number(f->lines), err);
        } else {
            weir_buf_putv(&f->whole, line);
            weir_buf_putc(&f->whole, '\n');
        }
        if (s || f->whole.len > in->most_bytes + 1) {
            return s; /* what follows of it is not read: it has no verdict */
        }
        weir_lines_progress(f->lines, &read_bytes, &all_bytes);
        weir_bar_show(&in->bar, read_bytes, all_bytes, in->documents);
    }
    return s || !f->whole.failed ? s : weir_fail_oom(err);
}

static weir_status read_open(weir_inputs *in, input_file *f, weir_error *err)
{
    weir_view all;
    bool avro = in->kind == WEIR_INPUT_AVRO;
    weir_status s = in->kind == WEIR_INPUT_AUTO
                        ? weir_lines_begins(f->lines, weir_view_of("Obj\1"), &avro, err)
                        : WEIR_OK;
    if (!s && avro) {
        s = weir_lines_rest(f->lines, &all, err);
        return s ? s : take_container(in, f->path, all, err);
    }
    f->by_line = in->kind == WEIR_INPUT_LINES || in->kind == WEIR_INPUT_RECORDING;
    s = s ? s : read_lines(in, f, err);
    return s || f->by_line ? s : take_whole(in, f->path, weir_buf_view(&f->whole), err);
}

static weir_status read_file(weir_inputs *in, const char *path, weir_error *err)
{
    weir_input_kind wanted = in->kind;
    bool known;
    input_file f = {.path = strcmp(path, "-") == 0 ? "(stdin)" : path};
    if (wanted == WEIR_INPUT_AUTO) {
        in->kind = kind_of_name(path, &known);
    }
    weir_status s = weir_lines_open(path, &f.lines, err);
    if (!s) {
        s = read_open(in, &f, err);
        weir_lines_close(f.lines);
    }
    weir_buf_fini(&f.whole);
    in->kind = wanted;
    return s;
}

/* ---- folders -------------------------------------------------------------------------------- */

static weir_status read_path(weir_inputs *in, const char *path, unsigned depth, weir_error *err);

static weir_status read_entry(
    weir_inputs *in, const char *dir, const char *name, unsigned depth, weir_error *err)
{
    char path[PATH_MAX];
    struct stat st;
    bool known;
    size_t end = strlen(dir);
    const char *slash = end && dir[end - 1] == '/' ? "" : "/";
    int len = snprintf(path, sizeof path, "%s%s%s", dir, slash, name);
    if (len < 0 || len >= (int)sizeof path || lstat(path, &st)) {
        return weir_fail(
            err, WEIR_E_FILE_UNREADABLE, "%.100s/%.100s cannot be looked at", dir, name);
    }
    kind_of_name(path, &known);
    bool folder = S_ISDIR(st.st_mode), file = S_ISREG(st.st_mode) && known;
    in->files += file;
    return folder || file ? read_path(in, path, depth, err) : WEIR_OK;
}

static int no_dots(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static weir_status read_folder(weir_inputs *in, const char *path, unsigned depth, weir_error *err)
{
    struct dirent **names;
    int n = depth < MOST_DEPTH ? scandir(path, &names, no_dots, alphasort) : -1;
    weir_status s = WEIR_OK;
    if (n < 0) {
        weir_fail(err, WEIR_E_FILE_UNREADABLE, "the folder cannot be read");
        return weir_at(err, "%.90s", path);
    }
    for (int i = 0; i < n; i++) {
        if (!s) {
            s = read_entry(in, path, names[i]->d_name, depth + 1, err);
        }
        free(names[i]);
    }
    free(names);
    return s;
}

static weir_status read_path(weir_inputs *in, const char *path, unsigned depth, weir_error *err)
{
    struct stat st;
    bool folder = strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return folder ? read_folder(in, path, depth, err) : read_file(in, path, err);
}

weir_status weir_inputs_read(weir_inputs *in, const char *path, weir_error *err)
{
    struct stat st;
    uint64_t before = in->files;
    bool folder = strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    weir_status s = read_path(in, path, 0, err);
    if (s || !folder || in->files > before) {
        return s;
    }
    weir_fail(err, WEIR_E_FILE_UNREADABLE,
        "the folder has no file with the name of JSON, lines of JSON, YAML or Avro");
    return weir_at(err, "%.90s", path);
}
