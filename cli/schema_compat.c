/* weir schema compat. See schema_compat.h. */
#include "schema_compat.h"

#include <stdio.h>
#include <string.h>

#include "schema/compat.h"

enum { MOST_FILES = 1000 };

/* A schema of one of the two kinds. */
typedef struct side {
    const weir_schema_file *file;
    weir_avro_schema *avro;
} side;

typedef struct comparison {
    weir_cli *cli;
    weir_schema_files *files;
    const weir_compat_request *request;
    side sides[MOST_FILES];
    size_t count;
    size_t findings;
    weir_buf out;
} comparison;

/* ---- options ------------------------------------------------------------------------------- */

static const struct mode {
    const char *name, *shown;
    bool backward, forward, transitive;
} modes[] = {
    {"backward", "BACKWARD", true, false, false},
    {"forward", "FORWARD", false, true, false},
    {"full", "FULL", true, true, false},
    {"backward-transitive", "BACKWARD_TRANSITIVE", true, false, true},
    {"forward-transitive", "FORWARD_TRANSITIVE", false, true, true},
    {"full-transitive", "FULL_TRANSITIVE", true, true, true},
};

int weir_compat_request_of(weir_cli *cli, weir_compat_request *out)
{
    const char *mode = weir_cli_option(cli, "--mode");
    *out = (weir_compat_request){.type = weir_cli_option(cli, "--type"),
        .lenient = weir_cli_option(cli, "--lenient") != NULL};
    mode = mode ? mode : "backward";
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(mode, modes[i].name) == 0) {
            out->mode = modes[i].shown;
            out->backward = modes[i].backward;
            out->forward = modes[i].forward;
            out->transitive = modes[i].transitive;
        }
    }
    if (!out->mode) {
        return weir_cli_usage(cli,
            "--mode: %s is none of backward, forward, full, backward-transitive, "
            "forward-transitive, full-transitive",
            mode);
    }
    if (out->type && strcmp(out->type, "avro") != 0 && strcmp(out->type, "json") != 0) {
        return weir_cli_usage(cli, "--type: %s is none of avro, json", out->type);
    }
    return EXIT_YES;
}

/* ---- schemas ------------------------------------------------------------------------------- */

static bool is_avro(const comparison *c, const side *s)
{
    return c->request->type ? strcmp(c->request->type, "avro") == 0
                            : weir_schema_file_is_avro(s->file);
}

/* What is no schema has no verdict; a reference that leads nowhere is a finding. */
static weir_status check_compiles(comparison *c, const side *s, weir_error *err)
{
    weir_schema *schema = NULL;
    weir_schema_options options = *c->request->options;
    options.base_uri = s->file->uri;
    weir_status st = weir_schema_compile(weir_buf_view(&s->file->text), &options, &schema, err);
    weir_schema_free(schema);
    if (st && strcmp(err->code, "SCHEMA_UNRESOLVED") == 0) {
        return WEIR_OK;
    }
    if (st) {
        weir_schema_files_where(c->files, s->file, err);
    }
    return st;
}

static weir_status load(comparison *c, const char *path, weir_error *err)
{
    side *s = &c->sides[c->count];
    weir_status st = weir_schema_files_load(c->files, path, &s->file, err);
    if (st) {
        return st;
    }
    c->count++;
    weir_view text = weir_buf_view(&s->file->text);
    if (!is_avro(c, s)) {
        return check_compiles(c, s, err);
    }
    st = weir_avro_schema_parse(&text, 1, &s->avro, err);
    if (st && err->where[0]) {
        char place[sizeof err->where];
        memcpy(place, err->where, sizeof place);
        snprintf(err->where, sizeof err->where, "%.60s:%.30s", path, place);
    }
    return st;
}

/* ---- findings ------------------------------------------------------------------------------ */

static void put_text(comparison *c, const side *r, const side *w, const weir_compat_report *report)
{
    weir_buf_printf(&c->out, "%s cannot read all that %s allows to be written:\n", r->file->path,
        w->file->path);
    for (const weir_compat_finding *f = report->first; f; f = f->next) {
        weir_buf_printf(&c->out, "  %.*s  %s%s%.*s\n      %s. %s\n",
            f->path.len ? (int)f->path.len : 1, f->path.len ? f->path.ptr : "/",
            weir_compat_rule_name(f->rule), f->text.len ? ": " : "", WEIR_ARG(f->text),
            weir_compat_meaning(f->rule), weir_compat_advice(f->rule));
    }
}

static void put_member(weir_buf *to, const char *name, weir_view text)
{
    weir_buf_printf(to, "\"%s\":", name);
    weir_json_put_string(to, text);
}

static void put_json(comparison *c, const side *r, const side *w, const weir_compat_report *report)
{
    for (const weir_compat_finding *f = report->first; f; f = f->next) {
        weir_buf_puts(&c->out, c->findings++ ? ",{" : "{");
        put_member(&c->out, "reader", weir_view_of(r->file->path));
        weir_buf_putc(&c->out, ',');
        put_member(&c->out, "writer", weir_view_of(w->file->path));
        weir_buf_putc(&c->out, ',');
        put_member(&c->out, "rule", weir_view_of(weir_compat_rule_name(f->rule)));
        weir_buf_putc(&c->out, ',');
        put_member(&c->out, "path", f->path);
        weir_buf_putc(&c->out, ',');
        put_member(&c->out, "text", f->text);
        weir_buf_putc(&c->out, ',');
        put_member(&c->out, "advice", weir_view_of(weir_compat_advice(f->rule)));
        weir_buf_putc(&c->out, '}');
    }
}

static weir_compat_json_schema json_of(const comparison *c, const side *s)
{
    return (weir_compat_json_schema){
        weir_buf_view(&s->file->text), s->file->uri, c->request->options};
}

static weir_status compare_json(
    comparison *c, const side *r, const side *w, weir_compat_report *report, weir_error *err)
{
    const weir_compat_json_schema reader = json_of(c, r), writer = json_of(c, w);
    return weir_compat_json(&reader, &writer, c->request->lenient, report, err);
}

static weir_status compare(comparison *c, const side *r, const side *w, weir_error *err)
{
    weir_compat_report report;
    weir_compat_report_init(&report);
    weir_status s = r->avro ? weir_compat_avro(r->avro, w->avro, &report, err)
                            : compare_json(c, r, w, &report, err);
    if (!s && report.count && c->request->json) {
        put_json(c, r, w, &report);
    } else if (!s && report.count) {
        put_text(c, r, w, &report);
        c->findings += report.count;
    }
    weir_compat_report_fini(&report);
    return s;
}

static weir_status compare_all(comparison *c, weir_error *err)
{
    const side *newest = &c->sides[c->count - 1];
    weir_status s = WEIR_OK;
    for (size_t i = 0; i + 1 < c->count && !s; i++) {
        const side *old = &c->sides[i];
        if (!old->avro != !newest->avro) {
            return weir_fail(err, WEIR_E_SCHEMA_INVALID,
                "%s and %s are not of one kind: --type says which", old->file->path,
                newest->file->path);
        }
        if (!c->request->transitive && i + 2 < c->count) {
            continue;
        }
        s = c->request->backward ? compare(c, newest, old, err) : s;
        s = s || !c->request->forward ? s : compare(c, old, newest, err);
    }
    return s;
}

/* ---- the command --------------------------------------------------------------------------- */

static weir_status load_all(comparison *c, weir_error *err)
{
    weir_status s = WEIR_OK;
    for (const char *path; !s && (path = weir_cli_argument(c->cli)) != NULL;) {
        s = c->count < MOST_FILES ? load(c, path, err)
                                  : weir_fail(err, WEIR_E_TOO_LARGE, "more than 1000 schemas");
    }
    return s;
}

static weir_status say(comparison *c, weir_error *err)
{
    if (c->request->json) {
        printf("{\"mode\":\"%s\",\"compatible\":%s,\"findings\":[%s]}\n", c->request->mode,
            c->findings ? "false" : "true", weir_buf_str(&c->out));
    } else {
        fputs(weir_buf_str(&c->out), stdout);
    }
    if (!c->request->json && !c->cli->quiet) {
        fprintf(
            stderr, "%s: %s\n", c->request->mode, c->findings ? "not compatible" : "compatible");
    }
    return c->out.failed    ? weir_fail_oom(err)
           : fflush(stdout) ? weir_fail(err, WEIR_E_FILE_UNWRITABLE, "stdout cannot be written")
                            : WEIR_OK;
}

static int run_with(comparison *c)
{
    weir_error err = {.status = WEIR_OK};
    weir_status s = load_all(c, &err);
    if (!s && c->count < 2) {
        return weir_cli_usage(c->cli, "an OLD and a NEW schema are needed");
    }
    s = s ? s : compare_all(c, &err);
    s = s ? s : say(c, &err);
    return s ? weir_cli_fail(c->cli, &err) : c->findings ? EXIT_NO : EXIT_YES;
}

int weir_schema_compat(weir_cli *cli, weir_schema_files *files, const weir_compat_request *request)
{
    static comparison c; /* a command is run once */
    c = (comparison){.cli = cli, .files = files, .request = request};
    int code = run_with(&c);
    for (size_t i = 0; i < c.count; i++) {
        weir_avro_schema_free(c.sides[i].avro);
    }
    weir_buf_fini(&c.out);
    return code;
}
