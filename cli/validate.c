/* weir validate: events against their schema. */
#include <string.h>

#include "cache.h"
#include "schema/validate.h"
#include "validate_input.h"
#include "validate_topic.h"

static const weir_option options[] = {
    {"--schema", "FILE", "the schema, JSON or YAML (- is stdin)"},
    {"--input", "KIND",
        "json, jsonl, yaml or recording; by default the file's name or first line tells"},
    WEIR_TOPIC_OPTIONS,
    WEIR_REPORT_OPTIONS,
    WEIR_SCHEMA_OPTIONS,
    {NULL, NULL, NULL},
};

typedef struct validation {
    weir_cli *cli;
    const char *schema_path;
    weir_schema_files files;
    weir_schema_options options;
    weir_report report;
    weir_schema *schema;
    weir_validator *validator;
    weir_inputs in;
    weir_topic_options topics;
    weir_config *config;
    weir_arena arena; /* of the document at hand */
    weir_arena words;
    int worst; /* exit code of inputs that cannot be read */
} validation;

/* ---- one document --------------------------------------------------------------------------- */

static weir_status judge(validation *v, const weir_subject *s, weir_error *err)
{
    const weir_value *root;
    weir_schema_explanation why;
    bool valid = false;
    weir_arena_reset(&v->arena);
    weir_status status = weir_json_read(s->text, &v->arena, &root, err);
    status = status ? status : weir_validator_check_value(v->validator, root, &valid, err);
    if (!status && valid) {
        weir_report_valid(&v->report, s);
        return WEIR_OK;
    }
    status =
        status ? status : weir_validator_explain_value(v->validator, root, s->text, 0, &why, err);
    if (!status) {
        weir_bar_clear(&v->in.bar);
        weir_report_invalid(&v->report, s, &why);
    }
    return status;
}

static weir_status take(void *ctx, const weir_subject *s, const weir_error *broken)
{
    validation *v = ctx;
    weir_error err = {.status = WEIR_OK};
    weir_status status = broken ? broken->status : judge(v, s, &err);
    if (status) {
        weir_bar_clear(&v->in.bar);
        weir_report_broken(&v->report, s, broken ? broken : &err);
    }
    return WEIR_OK;
}

/* ---- the command ---------------------------------------------------------------------------- */

static weir_status compile(validation *v, weir_error *err)
{
    const weir_schema_file *root;
    weir_status s = weir_schema_files_load(&v->files, v->schema_path, &root, err);
    if (s) {
        return s;
    }
    v->options.base_uri = root->uri;
    v->report.schemas = &v->files;
    v->report.root = root;
    s = weir_schema_compile(weir_buf_view(&root->text), &v->options, &v->schema, err);
    if (s) {
        weir_schema_files_where(&v->files, root, err);
        return s;
    }
    return weir_validator_new(v->schema, &v->validator, err);
}

/* One input that cannot be read does not keep the others from being looked at. */
static void read_inputs(validation *v, const char *first)
{
    for (const char *path = first; path; path = weir_cli_argument(v->cli)) {
        weir_error err = {.status = WEIR_OK};
        if (weir_inputs_read(&v->in, path, &err)) {
            weir_bar_clear(&v->in.bar);
            int code = weir_cli_fail(v->cli, &err);
            v->worst = code > v->worst ? code : v->worst;
        }
    }
    weir_bar_clear(&v->in.bar);
}

static void read_topics(validation *v)
{
    weir_error err = {.status = WEIR_OK};
    v->report.what = "records";
    if (weir_topics_read(&v->in, &v->topics, v->config, &err)) {
        weir_bar_clear(&v->in.bar);
        v->worst = weir_cli_fail(v->cli, &err);
    }
    weir_bar_clear(&v->in.bar);
}

static int finish(validation *v)
{
    bool written = weir_report_end(&v->report);
    const weir_report *r = &v->report;
    return v->worst                  ? v->worst
           : !written                ? EXIT_UNREACHABLE
           : r->invalid || r->broken ? EXIT_NO
                                     : EXIT_YES;
}

static int run_with(validation *v, const char *first)
{
    weir_error err = {.status = WEIR_OK};
    if (compile(v, &err)) {
        int code = weir_cli_fail(v->cli, &err);
        return strncmp(err.code, "JSON_", 5) == 0 || strcmp(err.code, "YAML_SYNTAX") == 0
                   ? EXIT_USAGE
                   : code;
    }
    weir_bar_init(&v->in.bar, v->cli);
    weir_report_begin(&v->report);
    if (v->topics.n_topics) {
        read_topics(v);
    } else {
        read_inputs(v, first);
    }
    return finish(v);
}

/* What is left over begins with a dash: no option of this command. */
static int refuse_options(weir_cli *cli)
{
    for (int i = 0; i < cli->argc && strcmp(cli->argv[i], "--") != 0; i++) {
        if (cli->argv[i][0] == '-' && cli->argv[i][1]) {
            return weir_cli_usage(cli, "%s is not understood", cli->argv[i]);
        }
    }
    return EXIT_YES;
}

/* Files, or topics of a config. */
static int parse_inputs(validation *v, const char **first)
{
    weir_cli *cli = v->cli;
    int code = weir_topic_options_of(cli, &v->topics);
    code = code ? code : refuse_options(cli);
    if (code) {
        return code;
    }
    if (v->topics.n_topics) {
        code = weir_cli_end(cli);
        return code || v->topics.brokers ? code : weir_cli_config_option(cli, &v->config);
    }
    *first = weir_cli_argument(cli);
    *first = *first ? *first : "-";
    return EXIT_YES;
}

static int parse(validation *v, const char **first)
{
    weir_cli *cli = v->cli;
    v->schema_path = weir_cli_option(cli, "--schema");
    const char *kind = weir_cli_option(cli, "--input");
    int code = weir_report_init(&v->report, cli);
    code = code ? code : weir_schema_options_of(cli, &v->files, &v->options);
    if (code) {
        return code;
    }
    if (kind && !weir_input_kind_of(kind, &v->in.kind)) {
        return weir_cli_usage(cli, "--input: %s is none of json, jsonl, yaml, recording", kind);
    }
    code = parse_inputs(v, first);
    return code || v->schema_path ? code : weir_cli_usage(cli, "which schema? (--schema FILE)");
}

static int run_all(validation *v)
{
    const char *first = NULL;
    v->topics.topics =
        weir_arena_alloc(&v->words, (size_t)(v->cli->argc + 1) * sizeof *v->topics.topics);
    if (!v->topics.topics) {
        weir_error err;
        weir_fail_oom(&err);
        return weir_cli_fail(v->cli, &err);
    }
    int code = parse(v, &first);
    return code ? code : run_with(v, first);
}

static int run(weir_cli *cli)
{
    validation v = {.cli = cli};
    v.in = (weir_inputs){.cli = cli, .take = take, .ctx = &v};
    weir_arena_init(&v.arena, 0);
    weir_arena_init(&v.words, 0);
    weir_arena_init(&v.in.scratch, 0);
    int code = run_all(&v);
    weir_validator_free(v.validator);
    weir_schema_free(v.schema);
    weir_schema_files_fini(&v.files);
    weir_report_fini(&v.report);
    weir_config_free(v.config);
    weir_arena_fini(&v.in.scratch);
    weir_arena_fini(&v.words);
    weir_arena_fini(&v.arena);
    return code;
}

const weir_command weir_command_validate = {
    .name = "validate",
    .arguments = "--schema FILE [INPUT…]",
    .summary = "are events valid against a JSON Schema, and if not, where?",
    .text =
        "INPUT is a file, a folder (all .json, .jsonl, .ndjson, .yaml and .yml below it), or - for "
        "stdin, which it is\n"
        "by default; .gz, .xz and .zst are read as they are. A .json file is one document; other "
        "files hold one\n"
        "document, or one a line; of a recording the values of the records are looked at, and "
        "those without one\n"
        "are passed over. The drafts 4, 6, 7, 2019-09 and 2020-12 are complete; numbers are exact "
        "at any size.\n\n"
        "The first failure of each document is shown with its line; --all shows every one. Of "
        "anyOf and oneOf the\n"
        "alternative that came nearest is explained. Nothing is fetched: references lead to local "
        "files, to the\n"
        "standard's own meta-schemas, and to where --resolve says. More: docs/schemas.md.\n\n"
        "--topic: the records of a live topic, up to its end as of now; nothing is committed, "
        "SIGINT ends it with\n"
        "what was seen until then. From a time on: what is before it is read and passed over.\n\n"
        "Exit code 0: all are valid. 1: one is not, or is no JSON. 2: the schema is wrong. 3: an "
        "input cannot be read.\n\n"
        "Examples\n"
        "  weir validate --schema order.schema.json orders.jsonl.gz\n"
        "  weir validate --schema order.yaml events/ --all --format junit > report.xml\n"
        "  kcat -C -t orders | weir validate --schema order.json --input jsonl\n"
        "  weir validate --schema order.json --topic orders --sample 100 -c shop.yaml\n"
        "  weir validate --schema shop.json --resolve https://example.com/schemas/=schemas "
        "recording.jsonl.zst\n",
    .options = options,
    .run = run,
};
