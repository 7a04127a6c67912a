/* Reports: as text and as annotations; what all forms share. See validate_report.h. */
#include "validate_report.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "report_forms.h"
#include "value/utf8.h"

#define RED "\033[31m"
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

int weir_report_init(weir_report *r, weir_cli *cli)
{
    static const struct {
        const char *name;
        weir_report_form form;
    } forms[] = {{"text", WEIR_REPORT_TEXT}, {"json", WEIR_REPORT_LIST},
        {"json-list", WEIR_REPORT_LIST}, {"json-flag", WEIR_REPORT_FLAG},
        {"json-hierarchical", WEIR_REPORT_HIERARCHICAL}, {"junit", WEIR_REPORT_JUNIT},
        {"sarif", WEIR_REPORT_SARIF}, {"github", WEIR_REPORT_GITHUB}};
    const char *form = weir_cli_option(cli, "--format");
    *r = (weir_report){.cli = cli, .what = "documents"};
    r->all = weir_cli_option(cli, "--all") != NULL;
    r->form = cli->json ? WEIR_REPORT_LIST : WEIR_REPORT_TEXT;
    r->color = !cli->no_color && isatty(STDOUT_FILENO);
    for (size_t i = 0; form && i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(form, forms[i].name) == 0) {
            r->form = forms[i].form;
            return EXIT_YES;
        }
    }
    return form ? weir_cli_usage(cli,
                      "--format: %s is none of text, json, json-flag, json-hierarchical, junit, "
                      "sarif, github",
                      form)
                : EXIT_YES;
}

void weir_report_fini(weir_report *r)
{
    weir_buf_fini(&r->out);
}

/* ---- places --------------------------------------------------------------------------------- */

weir_place weir_subject_place(const weir_subject *s, uint32_t line, uint32_t column)
{
    if (s->marks && line && line <= s->n_marks) {
        return s->marks[line - 1];
    }
    return (weir_place){s->line ? line + s->line - 1 : 0, column};
}

void weir_report_flush(weir_report *r)
{
    weir_view v = weir_buf_view(&r->out);
    fwrite(v.ptr, 1, v.len, stdout);
    weir_buf_clear(&r->out);
}

static const char *paint(const weir_report *r, const char *color)
{
    return r->color ? color : "";
}

static void put_place(weir_buf *b, const weir_subject *s, weir_place p)
{
    if (s->record) {
        weir_cli_put_clean(b, weir_view_of(s->record));
    } else if (p.line) {
        weir_buf_printf(b, "%s:%u:%u", s->file, p.line, p.column);
    } else {
        weir_buf_puts(b, s->file);
    }
}

/* ---- the line at fault ---------------------------------------------------------------------- */

enum { BEFORE = 60, WIDTH = 100 };

static weir_view line_of(weir_view text, uint32_t number)
{
    const char *at = text.ptr, *end = at + text.len;
    for (uint32_t n = 1; n < number && at < end; n++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return weir_view_make(at, (size_t)((stop ? stop : end) - at));
}

/* The line with a mark below the column. */
static void put_excerpt(weir_report *r, const weir_subject *s, uint32_t line, uint32_t column)
{
    weir_view source = s->source.ptr ? s->source : s->text;
    weir_place p = s->marks ? weir_subject_place(s, line, column) : (weir_place){line, column};
    weir_view v = line_of(source, p.line);
    size_t at = 0;
    for (uint32_t c = 1; c < p.column && at < v.len; c++) {
        do {
            at++;
        } while (at < v.len && weir_utf8_tail(v.ptr[at]));
    }
    size_t from = at > BEFORE ? at - BEFORE : 0, to = from + WIDTH < v.len ? from + WIDTH : v.len;
    while (from < at && weir_utf8_tail(v.ptr[from])) {
        from++;
    }
    while (to < v.len && to > at && weir_utf8_tail(v.ptr[to])) {
        to--;
    }
    weir_buf_printf(&r->out, "    %s%s", paint(r, DIM), from ? "…" : "");
    weir_cli_put_clean(&r->out, weir_view_make(v.ptr + from, to - from));
    weir_buf_printf(
        &r->out, "%s%s\n    %s", to < v.len ? "…" : "", paint(r, PLAIN), from ? " " : "");
    for (size_t i = from; i < at; i++) {
        weir_buf_puts(&r->out, weir_utf8_tail(v.ptr[i]) ? "" : " ");
    }
    weir_buf_printf(&r->out, "%s^%s\n", paint(r, RED), paint(r, PLAIN));
}

/* ---- text ----------------------------------------------------------------------------------- */

void weir_report_put_message(weir_buf *b, const weir_schema_unit *u, const weir_schema_failure *f)
{
    if (u->instance.len) {
        weir_cli_put_clean(b, u->instance);
        weir_buf_putc(b, ' ');
    }
    weir_cli_put_clean(b, f->text);
}

/* Where the keyword is. */
static void put_schema_place(weir_report *r, const weir_schema_unit *u)
{
    const char *hash = u->schema.len ? memchr(u->schema.ptr, '#', u->schema.len) : NULL;
    weir_view uri = {u->schema.ptr, hash ? (size_t)(hash - u->schema.ptr) : u->schema.len};
    if (r->schemas) {
        weir_schema_files_place(
            r->schemas, r->root, uri, u->schema_line, u->schema_column, &r->out);
        weir_buf_putc(&r->out, ' ');
    }
    weir_buf_putv(&r->out, hash ? weir_view_make(hash, u->schema.len - uri.len) : u->schema);
}

static void put_branch(weir_report *r, const weir_schema_unit *u, int indent)
{
    for (const weir_schema_failure *f = u->failures; f; f = f->next) {
        weir_buf_printf(&r->out, "%*s", indent, "");
        weir_report_put_message(&r->out, u, f);
        weir_buf_printf(&r->out, " [%s]\n", f->keyword);
    }
    for (const weir_schema_unit *c = u->children; c; c = c->next) {
        if (!c->branch || c->nearest) {
            put_branch(r, c, indent + (c->branch ? 2 : 0));
        }
    }
}

static void put_failure(
    weir_report *r, const weir_subject *s, const weir_schema_unit *u, const weir_schema_failure *f)
{
    weir_place place = weir_subject_place(s, u->line, u->column);
    weir_buf_puts(&r->out, paint(r, BOLD));
    put_place(&r->out, s, place);
    weir_buf_printf(&r->out, ":%s %serror:%s ", paint(r, PLAIN), paint(r, RED), paint(r, PLAIN));
    weir_report_put_message(&r->out, u, f);
    weir_buf_printf(&r->out, " [%s]\n", f->keyword);
    if (!r->cli->quiet) {
        put_excerpt(r, s, u->line, u->column);
        weir_buf_printf(&r->out, "    %sschema: ", paint(r, DIM));
        put_schema_place(r, u);
        weir_buf_printf(&r->out, "%s\n", paint(r, PLAIN));
    }
    for (const weir_schema_unit *c = u->children; c; c = c->next) {
        if (c->nearest) {
            weir_buf_puts(&r->out, "    nearest alternative: ");
            put_schema_place(r, c);
            weir_buf_putc(&r->out, '\n');
            put_branch(r, c, 6);
        }
    }
}

static void put_github(
    weir_report *r, const weir_subject *s, const weir_schema_unit *u, const weir_schema_failure *f)
{
    weir_place p = weir_subject_place(s, u->line, u->column);
    weir_buf text = {0};
    weir_report_put_message(&text, u, f);
    weir_report_annotate(r, s, p, f->keyword, weir_buf_view(&text));
    weir_buf_fini(&text);
}

/* Each failure that counts; branches go with theirs. Returns how many there are. */
size_t weir_report_each(weir_report *r, const weir_subject *s, const weir_schema_unit *u,
    size_t before, weir_report_put *put)
{
    size_t n = before;
    for (const weir_schema_failure *f = u->failures; f; f = f->next) {
        if (r->all || n == 0) {
            put(r, s, u, f);
        }
        n++;
    }
    for (const weir_schema_unit *c = u->children; c; c = c->next) {
        n = c->branch ? n : weir_report_each(r, s, c, n, put);
    }
    return n;
}

static void report_text(weir_report *r, const weir_subject *s, const weir_schema_explanation *why)
{
    size_t n = weir_report_each(r, s, why->root, 0, put_failure);
    if (n > 1 && !r->all) {
        weir_buf_printf(&r->out, "    %zu more: --all shows them\n", n - 1);
    } else if (why->cut_off) {
        weir_buf_puts(&r->out, "    and more\n");
    }
}

/* ---- the calls ------------------------------------------------------------------------------ */

void weir_report_begin(weir_report *r)
{
    if (r->form == WEIR_REPORT_SARIF) {
        weir_report_sarif_begin(r);
    }
}

void weir_report_valid(weir_report *r, const weir_subject *s)
{
    r->valid++;
    if (r->form >= WEIR_REPORT_LIST && r->form <= WEIR_REPORT_HIERARCHICAL) {
        weir_report_json(r, s, NULL, NULL);
        weir_report_flush(r);
    } else if (r->form == WEIR_REPORT_JUNIT) {
        weir_report_junit(r, s, NULL, NULL);
    }
}

void weir_report_invalid(weir_report *r, const weir_subject *s, const weir_schema_explanation *why)
{
    r->invalid++;
    if (r->form == WEIR_REPORT_TEXT) {
        report_text(r, s, why);
    } else if (r->form == WEIR_REPORT_JUNIT) {
        weir_report_junit(r, s, why, NULL);
        return;
    } else if (r->form == WEIR_REPORT_SARIF) {
        weir_report_each(r, s, why->root, 0, weir_report_sarif);
    } else if (r->form == WEIR_REPORT_GITHUB) {
        weir_report_each(r, s, why->root, 0, put_github);
    } else {
        weir_report_json(r, s, why, NULL);
    }
    weir_report_flush(r);
}

/* Where the value is that a pointer leads to ("/price"); line 0: it is not JSON's text. */
static weir_place place_of_value(const weir_subject *s, const char *pointer)
{
    weir_arena arena;
    const weir_value *root;
    weir_arena_init(&arena, 0);
    const weir_value *v =
        weir_json_read(s->text, &arena, &root, NULL) ? NULL : weir_pointer(root, pointer);
    weir_place p = v ? weir_json_place(s->text, weir_source(v).ptr) : (weir_place){0, 0};
    weir_arena_fini(&arena);
    return p;
}

/* "line:column" of an error in the document's text, or its pointer, as a place of the file. */
static weir_place place_of(const weir_subject *s, const weir_error *err)
{
    unsigned line = 0, column = 0;
    if (err->where[0] == '/' && !s->record) {
        weir_place p = place_of_value(s, err->where);
        return p.line ? weir_subject_place(s, p.line, p.column)
                      : (weir_place){s->line, s->line > 0};
    }
    if (sscanf(err->where, "%u:%u", &line, &column) != 2) {
        return (weir_place){s->line, s->line > 0};
    }
    if (strcmp(err->code, "YAML_SYNTAX") == 0) {
        return (weir_place){line, column};
    }
    return weir_subject_place(s, line, column);
}

/* Of YAML, a second place that an error's text names is one of the JSON made of it: left out. A
 * place that is no line and column ("byte 12", "/price") is told in the text. */
static weir_error told_of(const weir_subject *s, const weir_error *err, weir_place p)
{
    weir_error told = *err;
    char *second = s->marks ? strstr(told.text, "; first at ") : NULL;
    unsigned line, column;
    if (second) {
        *second = '\0';
    }
    if (*err->where && sscanf(err->where, "%u:%u", &line, &column) != 2) {
        snprintf(told.text, sizeof told.text, "%.90s: %.160s", err->where, err->text);
    } else if (*err->where && p.line && !s->record) { /* of the file, and not of a line in it */
        snprintf(told.where, sizeof told.where, "%u:%u", p.line, p.column);
    }
    return told;
}

static void report_error(weir_report *r, const weir_subject *s, const weir_error *error)
{
    weir_place p = place_of(s, error);
    const weir_error told = told_of(s, error, p), *err = &told;
    if (r->form == WEIR_REPORT_TEXT) {
        weir_buf_puts(&r->out, paint(r, BOLD));
        put_place(&r->out, s, p);
        weir_buf_printf(
            &r->out, ":%s %serror:%s ", paint(r, PLAIN), paint(r, RED), paint(r, PLAIN));
        weir_cli_put_clean(&r->out, weir_view_of(err->text));
        weir_buf_printf(&r->out, " [%s]\n", err->code);
    } else if (r->form == WEIR_REPORT_JUNIT) {
        weir_report_junit(r, s, NULL, err);
        return;
    } else if (r->form == WEIR_REPORT_SARIF) {
        weir_report_sarif_error(r, s, p, err);
    } else if (r->form == WEIR_REPORT_GITHUB) {
        weir_report_annotate(r, s, p, err->code, weir_view_of(err->text));
    } else {
        weir_error json = *error; /* the form has a member for the place */
        memcpy(json.where, told.where, sizeof json.where);
        weir_report_json(r, s, NULL, &json);
    }
    weir_report_flush(r);
}

void weir_report_misfit(weir_report *r, const weir_subject *s, const weir_error *err)
{
    r->invalid++;
    report_error(r, s, err);
}

void weir_report_broken(weir_report *r, const weir_subject *s, const weir_error *err)
{
    r->broken++;
    report_error(r, s, err);
}

bool weir_report_end(weir_report *r)
{
    if (r->form == WEIR_REPORT_JUNIT) {
        weir_report_junit_end(r);
    } else if (r->form == WEIR_REPORT_SARIF) {
        weir_report_sarif_end(r);
    }
    bool whole = !r->out.failed;
    weir_report_flush(r);
    if (!r->cli->quiet && r->form == WEIR_REPORT_TEXT) {
        uint64_t all = r->valid + r->invalid + r->broken;
        fprintf(stderr, "%" PRIu64 " %s: %" PRIu64 " valid, %" PRIu64 " invalid", all, r->what,
            r->valid, r->invalid);
        fprintf(stderr, r->broken ? ", %" PRIu64 " without a verdict\n" : "\n", r->broken);
    }
    return whole;
}
