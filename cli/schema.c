/* weir schema: is a schema right, one file of many, and may one follow another. */
#include <string.h>

#include "schema/validate.h"
#include "schema_bundle.h"
#include "schema_compat.h"
#include "validate_report.h"

static const weir_option options[] = {
    WEIR_REPORT_OPTIONS,
    WEIR_SCHEMA_OPTIONS,
    WEIR_COMPAT_OPTIONS,
    {NULL, NULL, NULL},
};

typedef struct checking {
    weir_cli *cli;
    weir_report report;
    weir_schema_options options;
    weir_compat_request compat;
    weir_schema_files files;
    weir_arena arena;
    int worst;
} checking;

/* ---- check ---------------------------------------------------------------------------------- */

/* A schema that is its own meta-schema's instance: {"$ref": its $schema}. */
static weir_status compile_meta(
    checking *c, const weir_value *root, weir_schema **out, weir_error *err)
{
    weir_buf text = {0};
    const weir_value *named = weir_gets(root, "$schema");
    weir_buf_puts(&text, "{\"$ref\":");
    if (weir_is(named, WEIR_STRING)) {
        weir_json_put(&text, named);
    } else {
        weir_json_put_string(&text, weir_view_of(weir_meta_schema_uri(c->options.draft)));
    }
    weir_buf_putc(&text, '}');
    weir_schema_options o = c->options;
    o.draft = WEIR_DRAFT_2020_12;
    weir_status s =
        text.failed ? weir_fail_oom(err) : weir_schema_compile(weir_buf_view(&text), &o, out, err);
    weir_buf_fini(&text);
    return s;
}

/* Against its meta-schema. *valid says what came of it; nothing was said when it is. */
static weir_status check_against_meta(
    checking *c, const weir_subject *s, const weir_value *root, bool *valid, weir_error *err)
{
    weir_schema *meta = NULL;
    weir_validator *v = NULL;
    weir_schema_explanation why;
    weir_status status = compile_meta(c, root, &meta, err);
    status = status ? status : weir_validator_new(meta, &v, err);
    status = status ? status : weir_validator_explain_value(v, root, s->text, 0, &why, err);
    *valid = !status && !why.root;
    if (!status && why.root) {
        weir_report_invalid(&c->report, s, &why);
    }
    weir_validator_free(v);
    weir_schema_free(meta);
    return status;
}

/* What a meta-schema cannot say: references, regular expressions, loops. */
static weir_status check_compiles(checking *c, const weir_schema_file *file, weir_error *err)
{
    weir_schema *schema;
    weir_schema_options o = c->options;
    o.base_uri = file->uri;
    o.everything = true;
    weir_status s = weir_schema_compile(weir_buf_view(&file->text), &o, &schema, err);
    if (!s) {
        weir_schema_free(schema);
    }
    return s;
}

static weir_subject subject_of(const weir_schema_file *file)
{
    return (weir_subject){.file = file->path,
        .text = weir_buf_view(&file->text),
        .line = 1,
        .marks = (const weir_place *)(const void *)file->marks.ptr,
        .n_marks = file->marks.len / sizeof(weir_place)};
}

static weir_status check_file(checking *c, const weir_schema_file *file, weir_error *err)
{
    const weir_value *root;
    bool valid = false;
    weir_subject s = subject_of(file);
    weir_arena_reset(&c->arena);
    weir_status status = weir_json_read(s.text, &c->arena, &root, err);
    status = status ? status : check_against_meta(c, &s, root, &valid, err);
    if (!status && valid) {
        status = check_compiles(c, file, err);
    }
    if (status) {
        weir_report_broken(&c->report, &s, err);
    } else if (valid) {
        weir_report_valid(&c->report, &s);
    }
    return WEIR_OK;
}

static int check_all(checking *c)
{
    const char *path = weir_cli_argument(c->cli);
    if (!path) {
        return weir_cli_usage(c->cli, "which schema?");
    }
    c->report.what = "schemas";
    c->report.schemas = &c->files;
    weir_report_begin(&c->report);
    for (; path; path = weir_cli_argument(c->cli)) {
        const weir_schema_file *file;
        weir_error err = {.status = WEIR_OK};
        weir_status s = weir_schema_files_load(&c->files, path, &file, &err);
        s = s ? s : check_file(c, file, &err);
        if (s) {
            int code = weir_cli_fail(c->cli, &err);
            c->worst = code > c->worst ? code : c->worst;
        }
    }
    bool written = weir_report_end(&c->report);
    return c->report.invalid || c->report.broken ? EXIT_USAGE
           : c->worst                            ? c->worst
           : written                             ? EXIT_YES
                                                 : EXIT_UNREACHABLE;
}

/* ---- bundle --------------------------------------------------------------------------------- */

static int bundle(checking *c)
{
    const char *path = weir_cli_argument(c->cli);
    int code = path ? weir_cli_end(c->cli) : weir_cli_usage(c->cli, "which schema?");
    if (code) {
        return code;
    }
    const weir_schema_file *file;
    weir_error err = {.status = WEIR_OK};
    weir_buf out = {0};
    weir_status s = weir_schema_files_load(&c->files, path, &file, &err);
    s = s ? s : weir_schema_bundle(file, &c->options, &out, &err);
    if (!s) {
        fwrite(out.ptr, 1, out.len, stdout);
        s = fflush(stdout) ? weir_fail(&err, WEIR_E_FILE_UNWRITABLE, "stdout cannot be written")
                           : s;
    } else {
        weir_schema_files_where(&c->files, file, &err);
    }
    weir_buf_fini(&out);
    return s ? weir_cli_fail(c->cli, &err) : EXIT_YES;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int run_with(checking *c)
{
    weir_cli *cli = c->cli;
    int code = weir_report_init(&c->report, cli);
    code = code ? code : weir_schema_options_of(cli, &c->files, &c->options);
    code = code ? code : weir_compat_request_of(cli, &c->compat);
    if (code) {
        return code;
    }
    const char *what = weir_cli_argument(cli);
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (cli->argv[i][0] == '-' && cli->argv[i][1]) {
            return weir_cli_usage(cli, "%s is not understood", cli->argv[i]);
        }
    }
    if (what && strcmp(what, "check") == 0) {
        return check_all(c);
    }
    if (what && strcmp(what, "bundle") == 0) {
        return bundle(c);
    }
    if (what && strcmp(what, "compat") == 0) {
        c->compat.json = c->report.form == WEIR_REPORT_LIST;
        return weir_schema_compat(cli, &c->files, &c->compat);
    }
    return what                ? weir_cli_usage(cli, "%s is none of check, bundle, compat", what)
           : weir_cli_end(cli) ? EXIT_USAGE
                               : weir_cli_usage(cli, "check, bundle or compat?");
}

static int run(weir_cli *cli)
{
    checking c = {.cli = cli};
    weir_arena_init(&c.arena, 0);
    int code = run_with(&c);
    weir_schema_files_fini(&c.files);
    weir_report_fini(&c.report);
    weir_arena_fini(&c.arena);
    return code;
}

const weir_command weir_command_schema = {
    .name = "schema",
    .arguments = "check|bundle|compat FILE…",
    .summary = "is a JSON Schema itself right? one file out of many; may a schema follow another",
    .text =
        "check: each schema (JSON or YAML) against its meta-schema, then all that a meta-schema "
        "cannot say: references\n"
        "that lead nowhere or in a circle, regular expressions that are none, vocabularies that "
        "are "
        "not known.\n\n"
        "bundle: writes FILE with every schema that it refers to inside of it, under $defs, so "
        "that nothing else is\n"
        "needed to use it. References stay as they are.\n\n"
        "compat OLD… NEW: may NEW follow OLD, in Avro or JSON Schema? backward: NEW reads what OLD "
        "wrote; forward: OLD\n"
        "reads what NEW writes; full: both. Each finding has its path, its rule and what to do "
        "(--format text or json).\n\n"
        "Exit code 0: right, or compatible. 1: not compatible. 2: a schema is wrong. 3: a file "
        "cannot be read.\n\n"
        "Examples\n"
        "  weir schema check schemas/*.json --all\n"
        "  weir schema check order.yaml --draft draft7 --format github\n"
        "  weir schema bundle order.json --resolve https://example.com/schemas/=schemas > "
        "order.bundle.json\n"
        "  weir schema compat order-1.avsc order-2.avsc order-3.avsc --mode full-transitive\n",
    .options = options,
    .run = run,
};
