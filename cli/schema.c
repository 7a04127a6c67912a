/* weir schema: is a schema right, one file of many, and may one follow another. */
#include <string.h>

#include "schema/validate.h"
#include "schema_bundle.h"
#include "schema_compat.h"
#include "schema_registry.h"
#include "validate_report.h"

static const weir_option options[] = {
    WEIR_REPORT_OPTIONS,
    WEIR_SCHEMA_OPTIONS,
    WEIR_COMPAT_OPTIONS,
    WEIR_SUBJECT_OPTIONS,
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

typedef struct checking {
    weir_cli *cli;
    weir_report report;
    weir_schema_options options;
    weir_compat_request compat;
    weir_subject_request subject;
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

/* Avro's schemas have no meta-schema: the parser is as strict as one. */
static weir_status check_avro(checking *c, const weir_schema_file *file)
{
    weir_avro_schema *schema = NULL;
    weir_error err;
    weir_subject s = subject_of(file);
    if (weir_avro_schema_parse(&s.text, 1, &schema, &err)) {
        weir_report_broken(&c->report, &s, &err);
    } else {
        weir_report_valid(&c->report, &s);
    }
    weir_avro_schema_free(schema);
    return WEIR_OK;
}

static bool is_avro(const checking *c, const weir_schema_file *file)
{
    const char *type = c->compat.type;
    return type ? strcmp(type, "avro") == 0 : weir_schema_file_is_avro(file);
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
        s = s ? s : is_avro(c, file) ? check_avro(c, file) : check_file(c, file, &err);
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
    code = code ? code : weir_subject_request_of(cli, &c->subject);
    if (code) {
        return code;
    }
    const char *what = weir_cli_argument(cli);
    code = weir_cli_no_more_options(cli);
    if (code) {
        return code;
    }
    if (what && strcmp(what, "check") == 0) {
        return check_all(c);
    }
    if (what && strcmp(what, "bundle") == 0) {
        return bundle(c);
    }
    c->subject.type = c->compat.type;
    c->compat.options = &c->options;
    c->subject.json = c->compat.json = c->report.form == WEIR_REPORT_LIST;
    if (what && strcmp(what, "compat") == 0) {
        return weir_subject_is_named(&c->subject)
                   ? weir_schema_may_follow(cli, &c->files, &c->subject)
                   : weir_schema_compat(cli, &c->files, &c->compat);
    }
    if (what && strcmp(what, "register") == 0) {
        return weir_schema_register(cli, &c->files, &c->subject);
    }
    return what ? weir_cli_usage(cli, "%s is none of check, bundle, compat, register", what)
           : weir_cli_end(cli) ? EXIT_USAGE
                               : weir_cli_usage(cli, "check, bundle, compat or register?");
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
    .arguments = "check|bundle|compat|register FILE…",
    .summary = "is a schema itself right? one file out of many; may it follow another; a registry",
    .text =
        "check: each JSON Schema (JSON or YAML) against its meta-schema, then all that a "
        "meta-schema "
        "cannot say: references\n"
        "that lead nowhere or in a circle, regular expressions that are none, vocabularies that "
        "are "
        "not known. Avro's schemas by the rules of the specification.\n\n"
        "bundle: writes FILE with every schema that it refers to inside of it, under $defs, so "
        "that nothing else is\n"
        "needed to use it. References stay as they are.\n\n"
        "compat OLD… NEW: may NEW follow OLD, in Avro or JSON Schema? backward: NEW reads what OLD "
        "wrote; forward: OLD\n"
        "reads what NEW writes; full: both. Each finding has its path, its rule and what to do "
        "(--format text or json).\n\n"
        "compat FILE --subject NAME: the registry says whether FILE may follow what the subject "
        "has, "
        "by the level that is\n"
        "set there. register FILE --subject NAME: writes the schema's id; one that is there keeps "
        "it; with --dry-run it\n"
        "only asks. The registry is --registry URL, or the config's (-c), which has the password "
        "and the CA.\n\n"
        "Exit code 0: right, or compatible. 1: not compatible. 2: a schema is wrong. 3: a file "
        "cannot be read, or the\n"
        "registry does not answer. 4: it refuses.\n\n"
        "Examples\n"
        "  weir schema check schemas/*.json orders.avsc --all\n"
        "  weir schema check order.yaml --draft draft7 --format github\n"
        "  weir schema bundle order.json --resolve https://example.com/schemas/=schemas > "
        "order.bundle.json\n"
        "  weir schema compat order-1.avsc order-2.avsc order-3.avsc --mode full-transitive\n"
        "  weir schema register order.avsc --topic orders --registry https://registry:8081\n"
        "  weir schema compat order.avsc --topic orders --naming topic-record -c shop.yaml\n",
    .options = options,
    .run = run,
};
