/* weir validate: events against their schema. */
#include <string.h>

#include "cache.h"
#include "registry_option.h"
#include "schema/judge.h"
#include "validate_input.h"
#include "validate_topic.h"
#include "words.h"

enum { MOST_DOCUMENT = 64 << 20 };

static const weir_option options[] = {
    {"--schema", "FILE",
        "the schema: JSON Schema (JSON or YAML) or Avro (.avsc); - is stdin. Without it Avro is "
        "judged by the schema that it names"},
    {"--input", "KIND",
        "json, jsonl, yaml, recording or avro; by default the file's name or first bytes tell"},
    {"--max-document", "SIZE",
        "a larger document has no verdict (64MiB; one takes up to 14 times its size in memory)"},
    WEIR_TOPIC_OPTIONS,
    WEIR_REGISTRY_OPTION,
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
    weir_any_schema schema;
    weir_judge *judge;
    unsigned containers; /* whose schemas the judge may know */
    weir_inputs in;
    weir_topic_options topics;
    const char *registry;
    weir_config *config;
    weir_arena arena; /* of the document at hand */
    weir_arena words;
    int worst; /* exit code of inputs that cannot be read */
} validation;

/* ---- one document --------------------------------------------------------------------------- */

static weir_status judge(validation *v, const weir_subject *s, weir_error *err)
{
    const weir_value *value;
    weir_schema_explanation why;
    bool valid = false;
    weir_subject shown = *s;
    weir_written document = {s->text, s->own};
    weir_arena_reset(&v->arena);
    weir_status status = weir_judge_read(v->judge, &document, &v->arena, &value, &valid, err);
    if (!status && valid) {
        weir_report_valid(&v->report, s);
        return WEIR_OK;
    }
    status = status ? status : weir_judge_explain(v->judge, 0, &shown.text, &why, err);
    if (!status) {
        weir_bar_clear(&v->in.bar);
        weir_report_invalid(&v->report, &shown, &why);
    }
    return status;
}

static weir_status take(void *ctx, const weir_subject *s, const weir_error *broken, weir_error *err)
{
    validation *v = ctx;
    weir_error why = {.status = WEIR_OK};
    bool judged = v->schema_path || s->own || broken;
    if (!judged && s->record && v->in.schemas) { /* among those of a registry */
        judged = true;
        broken = &why;
        weir_fail(&why, WEIR_E_CDC_AVRO, "it names no schema of the registry");
    }
    if (!judged) {
        return weir_fail(err, WEIR_E_SCHEMA_INVALID,
            "%.100s names no schema of its own: --schema FILE says which one it must fit", s->file);
    }
    if (v->containers != v->in.containers) {
        weir_judge_forget(v->judge);
        v->containers = v->in.containers;
    }
    weir_status status = broken ? broken->status : judge(v, s, &why);
    if (status) {
        const weir_error *told = broken ? broken : &why;
        weir_bar_clear(&v->in.bar);
        (weir_judge_misfit(told) ? weir_report_misfit : weir_report_broken)(&v->report, s, told);
    }
    return WEIR_OK;
}

/* ---- the command ---------------------------------------------------------------------------- */

static weir_status compile(validation *v, weir_error *err)
{
    const weir_schema_file *root;
    v->report.schemas = &v->files;
    if (!v->schema_path) {
        return weir_judge_new(NULL, &v->judge, err);
    }
    weir_status s = weir_schema_files_load(&v->files, v->schema_path, &root, err);
    if (s) {
        return s;
    }
    v->options.base_uri = root->uri;
    v->report.root = root;
    s = weir_any_schema_compile(
        weir_buf_view(&root->text), weir_schema_file_is_avro(root), &v->options, &v->schema, err);
    if (s) {
        weir_schema_files_where(&v->files, root, err);
        return s;
    }
    return weir_judge_new(&v->schema, &v->judge, err);
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
    int code = weir_registry_schemas(v->cli, v->registry, v->config, &v->in.schemas);
    if (code) {
        return code;
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
        bool needed = !v->topics.brokers || cli->config_path;
        return code || !needed ? code : weir_cli_config_option(cli, &v->config);
    }
    *first = weir_cli_argument(cli);
    *first = *first || !v->schema_path ? *first : "-";
    return cli->config_path ? weir_cli_config_option(cli, &v->config) : EXIT_YES;
}

static int parse(validation *v, const char **first)
{
    weir_cli *cli = v->cli;
    v->schema_path = weir_cli_option(cli, "--schema");
    const char *kind = weir_cli_option(cli, "--input");
    const char *most = weir_cli_option(cli, "--max-document");
    int64_t most_bytes = most ? weir_cli_size(most) : MOST_DOCUMENT;
    v->registry = weir_registry_option(cli);
    if (most_bytes <= 0 || most_bytes > INT32_MAX) {
        return weir_cli_usage(cli, "--max-document: %s is no size up to 2GiB: 500KiB, 64MiB", most);
    }
    v->in.most_bytes = (size_t)most_bytes;
    int code = weir_report_init(&v->report, cli);
    code = code ? code : weir_schema_options_of(cli, &v->files, &v->options);
    if (code) {
        return code;
    }
    if (kind && !weir_input_kind_of(kind, &v->in.kind)) {
        return weir_cli_usage(
            cli, "--input: %s is none of json, jsonl, yaml, recording, avro", kind);
    }
    code = parse_inputs(v, first);
    bool something = v->schema_path || v->topics.n_topics || *first;
    return code || something ? code : weir_cli_usage(cli, "which schema? (--schema FILE)");
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
    weir_judge_free(v.judge);
    weir_any_schema_free(&v.schema);
    weir_avro_schemas_free(v.in.schemas);
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
    .arguments = "[--schema FILE] [INPUT…]",
    .summary = "are events valid against a JSON Schema or an Avro schema, and if not, where?",
    .text =
        "INPUT is a file, a folder (all .json, .jsonl, .ndjson, .yaml, .yml and .avro below it), "
        "or - "
        "for stdin, which it is\n"
        "by default; .gz, .xz and .zst are read as they are. A .json file is one document; other "
        "files hold one\n"
        "document, or one a line; of a recording the values of the records are looked at, and "
        "those without one\n"
        "are passed over. The drafts 4, 6, 7, 2019-09 and 2020-12 are complete; numbers are exact "
        "at any size.\n\n"
        "Avro: a file (.avro), or a record that names a schema of --registry (or of the config's "
        "registry), is judged by\n"
        "its own schema; by --schema X.avsc as that reads it; by a JSON Schema as JSON. JSON is "
        "judged by X.avsc, too:\n"
        "can it be written?\n\n"
        "The first failure of each document is shown with its line; --all shows every one. Of "
        "anyOf and oneOf the\n"
        "alternative that came nearest is explained. Nothing is fetched without --fetch: "
        "references lead to local "
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
        "  weir validate orders.avro archive/*.avro.gz\n"
        "  weir validate --topic orders -c shop.yaml --registry https://registry:8081\n"
        "  weir validate --schema shop.json --resolve https://example.com/schemas/=schemas "
        "recording.jsonl.zst\n",
    .options = options,
    .run = run,
};
