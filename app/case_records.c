/* The records of a case of `weir test`: recorded ones, or such as people write. See case.h. */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "app_inside.h"
#include "base/alloc.h"
#include "file/lines.h"
#include "file/recording.h"
#include "case.h"
#include "config_table.h"
#include "test_change.h"
#include "value/json.h"

typedef struct case_line {
    weir_view text;
    const char *where;
} case_line;

struct weir_case_records {
    const char *dir; /* borrowed */
    weir_arena arena, scratch;
    case_line *lines;
    size_t n, capacity;
    weir_recorded *recorded; /* of the last call */
    weir_buf value;
    uint64_t lsn;
};

/* ---- Reading ------------------------------------------------------------------------------------
 */

static weir_status keep(
    weir_case_records *r, const char *file, unsigned long number, weir_view line, weir_error *err)
{
    if (r->n == r->capacity) {
        size_t more = r->capacity ? r->capacity * 2 : 64;
        case_line *lines = weir_realloc(r->lines, more * sizeof *lines);
        if (!lines) {
            return weir_fail_oom(err);
        }
        r->lines = lines;
        r->capacity = more;
    }
    r->lines[r->n] = (case_line){
        weir_arena_copy(&r->arena, line), weir_arena_printf(&r->arena, "%s:%lu", file, number).ptr};
    if (r->arena.failed) {
        return weir_fail_oom(err);
    }
    r->n++;
    return WEIR_OK;
}

static weir_status read_file(
    weir_case_records *r, const char *dir, const char *file, weir_error *err)
{
    weir_lines *lines;
    weir_view line = {"", 0};
    weir_buf path = {0};
    weir_buf_printf(&path, "%s/%s", dir, file);
    weir_status s =
        path.failed ? weir_fail_oom(err) : weir_lines_open(weir_buf_str(&path), &lines, err);
    weir_buf_fini(&path);
    if (s) {
        return s;
    }
    for (s = weir_lines_next(lines, &line, err); !s && line.ptr;
         s = weir_lines_next(lines, &line, err)) {
        bool empty = !line.len || line.ptr[0] == '#';
        s = empty ? WEIR_OK : keep(r, file, weir_lines_number(lines), line, err);
        if (s) {
            break;
        }
    }
    weir_lines_close(lines);
    return s;
}

static int is_records(const struct dirent *e)
{
    return fnmatch("records*.jsonl*", e->d_name, 0) == 0;
}

weir_status weir_case_records_open(const char *dir, weir_case_records **out, weir_error *err)
{
    struct dirent **files = NULL;
    weir_case_records *r = *out = weir_calloc(1, sizeof *r);
    if (!r) {
        return weir_fail_oom(err);
    }
    r->dir = dir;
    weir_arena_init(&r->arena, 0);
    weir_arena_init(&r->scratch, 0);
    int n = scandir(dir, &files, is_records, alphasort);
    weir_status s =
        n < 0 ? weir_fail(err, WEIR_E_FILE_UNREADABLE, "%.200s cannot be read", dir) : WEIR_OK;
    for (int i = 0; i < n; i++) {
        s = s ? s : read_file(r, dir, files[i]->d_name, err);
        free(files[i]);
    }
    free(files);
    return s;
}

void weir_case_records_close(weir_case_records *r)
{
    if (r) {
        weir_free(r->recorded);
        weir_free(r->lines);
        weir_buf_fini(&r->value);
        weir_arena_fini(&r->scratch);
        weir_arena_fini(&r->arena);
        weir_free(r);
    }
}

size_t weir_case_records_count(const weir_case_records *r)
{
    return r->n;
}

/* ---- A line -------------------------------------------------------------------------------------
 */

/* A case is one of many: its folder belongs to the place. */
static weir_status at(const weir_case_records *r, const case_line *l, weir_error *err)
{
    return weir_at(err, "%s/%s", r->dir, l->where);
}

static weir_status wrong(
    const weir_case_records *r, const case_line *l, const char *what, weir_error *err)
{
    weir_fail(err, WEIR_E_CASE_LINE, "%s", what);
    return at(r, l, err);
}

/* JSON as it stands; null: none. */
static weir_view text_of(const weir_value *v)
{
    return !v || weir_is(v, WEIR_NULL) ? (weir_view){NULL, 0} : weir_source(v);
}

static weir_status change(weir_case_records *r, const case_line *l, const weir_value *line,
    const weir_config *config, weir_raw_record *out, weir_error *err)
{
    const char *table,
        *name =
            weir_arena_copy(&r->scratch, weir_string(weir_gets(line, "table"), &r->scratch)).ptr;
    const weir_value *op = weir_gets(line, "op");
    weir_view key = text_of(weir_gets(line, "key")), row = text_of(weir_gets(line, "row"));
    char what = weir_is(op, WEIR_STRING) && op->len == 1 ? op->at[0] : '\0';
    const weir_config_source *s = name ? weir_app_source_of(config, name, &table) : NULL;
    if (!s) {
        weir_app_no_source(config, name ? name : "", WEIR_E_CASE_LINE, err);
        return at(r, l, err);
    }
    if (!weir_test_change_fits(what, row.ptr) || !key.ptr != (what == 't')) {
        return wrong(r, l, weir_test_change_form, err);
    }
    const char *text = weir_arena_copy(&r->scratch, row).ptr;
    const char *topic = weir_topic_of_table(&r->scratch, s, table);
    weir_buf_clear(&r->value);
    weir_test_change_put(&r->value, table, what, text, r->lsn += 100);
    *out = (weir_raw_record){
        .topic = weir_view_of(topic), .key = key, .value = weir_buf_view(&r->value)};
    return r->scratch.failed || r->value.failed ? weir_fail_oom(err) : WEIR_OK;
}

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_field *f = self;
    for (size_t k = 0; k < i; k++) {
        if (!f[k].kind) {
            return false;
        }
    }
    *name = weir_view_of(f[i].kind ? f[i].name : "");
    *value = f[i].text;
    return f[i].kind;
}

/* {"name":"text"} */
static bool take_headers(weir_case_records *r, const weir_value *headers, weir_field *own,
    size_t n_own, weir_raw_record *out)
{
    size_t n = weir_is(headers, WEIR_OBJECT) ? headers->len : 0;
    weir_field *f = weir_arena_alloc(&r->scratch, (n + n_own + 1) * sizeof *f);
    if (!f) {
        return false;
    }
    size_t at = 0;
    for (; at < n_own; at++) {
        f[at] = own[at];
    }
    if (n) {
        WEIR_EACH_MEMBER(headers, name, value)
        {
            f[at++] = (weir_field){
                .name = weir_arena_copy(&r->scratch, weir_string(name, &r->scratch)).ptr,
                .kind = WEIR_FIELD_TEXT,
                .text = weir_is(value, WEIR_STRING) ? weir_string(value, &r->scratch)
                                                    : weir_source(value)};
        }
    }
    f[at] = (weir_field){.kind = WEIR_FIELD_END};
    out->headers = (weir_header_list){header_at, f};
    return !r->scratch.failed;
}

static weir_status no_such_event(weir_case_records *r, const case_line *l, const char *type,
    const weir_config *config, weir_error *err)
{
    weir_config_nearest n = {.word = type};
    for (size_t i = 0; i < config->events.count; i++) {
        weir_config_offer(&n, config->events.items[i].name);
    }
    const char *meant = weir_config_meant(&n);
    weir_fail(err, WEIR_E_CASE_LINE, "the config's events have no %s%s%s%s", type,
        meant ? "; is " : "", meant ? meant : "", meant ? " meant?" : "");
    return at(r, l, err);
}

/* Of the config's events, with the headers that say so. */
static weir_status event(weir_case_records *r, const case_line *l, const weir_value *line,
    const weir_config *config, weir_raw_record *out, weir_error *err)
{
    const char *type =
        weir_arena_copy(&r->scratch, weir_string(weir_gets(line, "event"), &r->scratch)).ptr;
    const weir_config_event *e = type ? weir_config_event_named(config, type) : NULL;
    const weir_value *key = weir_gets(line, "key");
    if (!e) {
        return no_such_event(r, l, type ? type : "", config, err);
    }
    weir_field own[] = {{.name = "id", .kind = WEIR_FIELD_TEXT, .text = weir_view_of(l->where)},
        {.name = "type", .kind = WEIR_FIELD_TEXT, .text = weir_view_of(type)}};
    *out = (weir_raw_record){.topic = weir_view_of(e->topic),
        .key = weir_is(key, WEIR_STRING) ? weir_string(key, &r->scratch) : text_of(key),
        .value = text_of(weir_gets(line, "value"))};
    return take_headers(r, weir_gets(line, "headers"), own, 2, out) ? WEIR_OK : weir_fail_oom(err);
}

static bool is_text(const weir_value *v)
{
    return !v || weir_is(v, WEIR_NULL) || weir_is(v, WEIR_STRING);
}

static weir_status recorded(
    weir_case_records *r, const case_line *l, weir_raw_record *out, weir_error *err)
{
    weir_status s = weir_recording_read(l->text, &r->scratch, &r->recorded, err);
    if (s) {
        return s == WEIR_REJECT || s == WEIR_FATAL ? at(r, l, err) : s;
    }
    *out = r->recorded->raw;
    return WEIR_OK;
}

weir_status weir_case_record(weir_case_records *r, size_t i, const weir_config *config,
    weir_raw_record *out, const char **where, weir_error *err)
{
    const case_line *l = &r->lines[i];
    const weir_value *line;
    *where = l->where;
    weir_free(r->recorded);
    r->recorded = NULL;
    weir_arena_reset(&r->scratch);
    weir_status s = weir_json_read(l->text, &r->scratch, &line, err);
    if (s) {
        weir_error why = *err;
        return s == WEIR_REJECT ? wrong(r, l, why.text, err) : s;
    }
    if (weir_is(weir_gets(line, "table"), WEIR_STRING)) {
        return change(r, l, line, config, out, err);
    }
    if (weir_is(weir_gets(line, "event"), WEIR_STRING)) {
        return event(r, l, line, config, out, err);
    }
    const weir_value *topic = weir_gets(line, "topic"), *key = weir_gets(line, "key"),
                     *value = weir_gets(line, "value");
    if (!weir_is(topic, WEIR_STRING)) {
        return wrong(
            r, l, "it has none of `topic`, `table` and `event`, which say what it is", err);
    }
    if (is_text(key) && is_text(value)) {
        return recorded(r, l, out, err);
    }
    *out = (weir_raw_record){
        .topic = weir_string(topic, &r->scratch), .key = text_of(key), .value = text_of(value)};
    bool good = take_headers(r, weir_gets(line, "headers"), NULL, 0, out) && out->topic.ptr;
    return good ? WEIR_OK : weir_fail_oom(err);
}

bool weir_case_record_is_recorded(const weir_case_records *r)
{
    return r->recorded;
}

weir_status weir_case_records_take_topics(
    weir_case_records *r, weir_config *config, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (size_t i = 0; i < r->n && !s; i++) {
        weir_raw_record record = {.offset = -1};
        const char *where;
        size_t added;
        s = weir_case_record(r, i, config, &record, &where, err);
        const char *topic = s ? NULL : weir_arena_copy(&config->arena, record.topic).ptr;
        s = s       ? s
            : topic ? weir_config_take_topics(config, &topic, 1, &added, err)
                    : weir_fail_oom(err);
    }
    r->lsn = 0;
    return s;
}
