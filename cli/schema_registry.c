/* Schemas and their subjects in a registry. See schema_registry.h. */
#include "schema_registry.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "value/json.h"

/* ---- options ------------------------------------------------------------------------------- */

static bool naming_of(const char *word, weir_subject_naming *out)
{
    static const char *const words[] = {[WEIR_SUBJECT_TOPIC] = "topic",
        [WEIR_SUBJECT_RECORD] = "record",
        [WEIR_SUBJECT_TOPIC_RECORD] = "topic-record"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = (weir_subject_naming)i;
            return true;
        }
    }
    return false;
}

/* NAME=SUBJECT@VERSION; a name may have `=` and `@`, a subject no `=`. */
static bool add_reference(weir_subject_request *r, const char *text)
{
    const char *equals = strrchr(text, '='), *at = strrchr(text, '@');
    int64_t version;
    if (!equals || !at || at < equals || equals == text || at == equals + 1 ||
        !weir_text_to_int64(weir_view_of(at + 1), &version) || version < 1 ||
        r->n_references == WEIR_MOST_REFERENCES) {
        return false;
    }
    r->references[r->n_references++] =
        (weir_registry_reference){weir_view_make(text, (size_t)(equals - text)),
            weir_view_make(equals + 1, (size_t)(at - equals - 1)), version};
    return true;
}

int weir_subject_request_of(weir_cli *cli, weir_subject_request *out)
{
    *out = (weir_subject_request){.registry = weir_registry_option(cli),
        .subject = weir_cli_option(cli, "--subject"),
        .topic = weir_cli_option(cli, "--topic"),
        .of_key = weir_cli_option(cli, "--key") != NULL};
    const char *naming = weir_cli_option(cli, "--naming");
    out->naming = WEIR_SUBJECT_TOPIC;
    if (naming && !naming_of(naming, &out->naming)) {
        return weir_cli_usage(cli, "--naming: %s is none of topic, record, topic-record", naming);
    }
    for (const char *text; (text = weir_cli_option(cli, "--reference"));) {
        if (!add_reference(out, text)) {
            return weir_cli_usage(
                cli, "--reference: %s is no NAME=SUBJECT@VERSION (100 at most)", text);
        }
    }
    if (out->subject && (out->topic || naming)) {
        return weir_cli_usage(cli, "--subject says it all: no --topic and no --naming beside it");
    }
    if (!out->subject && !out->topic && naming && out->naming != WEIR_SUBJECT_RECORD) {
        return weir_cli_usage(cli, "--naming %s needs --topic", naming);
    }
    return EXIT_YES;
}

bool weir_subject_is_named(const weir_subject_request *r)
{
    return r->subject || r->topic || r->naming == WEIR_SUBJECT_RECORD;
}

/* ---- the schema ---------------------------------------------------------------------------- */

typedef struct subject_work {
    weir_cli *cli;
    const weir_subject_request *request;
    weir_arena arena;
    weir_buf subject;
    weir_config *config;
    weir_registry registry;
    weir_registry_entry entry;
} subject_work;

static weir_status name_subject(subject_work *w, bool is_avro, weir_error *err)
{
    const weir_subject_request *r = w->request;
    weir_view record = {"", 0};
    weir_status s = WEIR_OK;
    if (r->subject) {
        weir_buf_puts(&w->subject, r->subject);
    } else {
        bool needed = r->naming != WEIR_SUBJECT_TOPIC;
        s = needed ? weir_schema_record_name(w->entry.text, is_avro, &w->arena, &record, err) : s;
        if (!s && needed && !record.len) {
            return weir_fail(err, WEIR_E_SCHEMA_INVALID,
                "the schema has no name (Avro's `name`, JSON Schema's `title`): --subject gives "
                "one");
        }
        weir_subject_put(
            &w->subject, r->naming, weir_view_of(r->topic ? r->topic : ""), record, r->of_key);
    }
    w->entry.subject = weir_buf_view(&w->subject);
    return s || !w->subject.failed ? s : weir_fail_oom(err);
}

/* What is wrong with a schema is said here, with its place, not by the registry. */
static weir_status check_schema(
    weir_schema_files *files, const weir_schema_file *file, bool is_avro, weir_error *err)
{
    weir_any_schema s;
    weir_schema_options o = {.base_uri = file->uri,
        .resolve = weir_schema_files_resolve,
        .resolve_ctx = files,
        .everything = true};
    weir_status st = weir_any_schema_compile(weir_buf_view(&file->text), is_avro, &o, &s, err);
    if (st) {
        weir_schema_files_where(files, file, err);
    }
    weir_any_schema_free(&s);
    return st;
}

static weir_status load(
    subject_work *w, weir_schema_files *files, const char *path, weir_error *err)
{
    const weir_subject_request *r = w->request;
    const weir_schema_file *file;
    weir_status s = weir_schema_files_load(files, path, &file, err);
    if (s) {
        return s;
    }
    bool is_avro = r->type ? strcmp(r->type, "avro") == 0 : weir_schema_file_is_avro(file);
    w->entry = (weir_registry_entry){.kind = is_avro ? WEIR_REGISTERED_AVRO : WEIR_REGISTERED_JSON,
        .text = weir_buf_view(&file->text),
        .references = r->references,
        .n_references = r->n_references};
    /* What it refers to is the registry's to know. */
    s = r->n_references ? s : check_schema(files, file, is_avro, err);
    return s ? s : name_subject(w, is_avro, err);
}

static int open_registry(subject_work *w)
{
    weir_error err = {.status = WEIR_OK};
    const char *url = w->request->registry;
    int code = url ? EXIT_YES
               : w->cli->config_path
                   ? weir_cli_config_option(w->cli, &w->config)
                   : weir_cli_usage(w->cli, "which registry? (--registry URL, or -c CONFIG)");
    if (code) {
        return code;
    }
    weir_status s = url ? weir_registry_server_at(url, w->cli->timeout_ms, &w->registry, &err)
                        : weir_registry_server_of(w->config, &w->registry, &err);
    if (!s) {
        return EXIT_YES;
    }
    (void)weir_cli_fail(w->cli, &err);
    return EXIT_USAGE;
}

/* ---- the questions ------------------------------------------------------------------------- */

static void say_place(subject_work *w, int64_t id, int64_t version)
{
    weir_buf out = {0};
    if (w->request->json) {
        weir_buf_puts(&out, "{\"subject\":");
        weir_json_put_string(&out, w->entry.subject);
        weir_buf_printf(
            &out, ",\"id\":%lld,\"version\":%lld}\n", (long long)id, (long long)version);
    } else {
        weir_buf_printf(&out, "%lld\n", (long long)id);
    }
    fputs(weir_buf_str(&out), stdout);
    weir_buf_fini(&out);
    if (!w->request->json && !w->cli->quiet) {
        fprintf(stderr, "%.*s: registered as id %lld, version %lld\n", WEIR_ARG(w->entry.subject),
            (long long)id, (long long)version);
    }
}

static weir_status enter(subject_work *w, weir_error *err)
{
    int64_t id, version;
    weir_status s = weir_registry_register(w->registry, &w->entry, &id, err);
    s = s ? s : weir_registry_lookup(w->registry, &w->entry, &id, &version, err);
    if (!s) {
        say_place(w, id, version);
    }
    return s;
}

static void say_verdict(subject_work *w, bool yes, bool first, weir_view messages)
{
    weir_buf out = {0};
    if (w->request->json) {
        weir_buf_puts(&out, "{\"subject\":");
        weir_json_put_string(&out, w->entry.subject);
        weir_buf_printf(&out, ",\"compatible\":%s,\"messages\":[", yes ? "true" : "false");
        for (const char *at = messages.ptr, *end = at + messages.len, *stop; at < end;
             at = stop + 1) {
            stop = memchr(at, '\n', (size_t)(end - at));
            weir_buf_puts(&out, at == messages.ptr ? "" : ",");
            weir_json_put_string(&out, weir_view_make(at, (size_t)(stop - at)));
        }
        weir_buf_puts(&out, "]}\n");
    } else {
        weir_buf_putv(&out, messages);
    }
    fputs(weir_buf_str(&out), stdout);
    weir_buf_fini(&out);
    if (!w->request->json && !w->cli->quiet) {
        fprintf(stderr, "%.*s: %s\n", WEIR_ARG(w->entry.subject),
            first ? "compatible, it has no schema yet"
            : yes ? "compatible"
                  : "not compatible");
    }
}

static weir_status ask(subject_work *w, bool *yes, weir_error *err)
{
    weir_buf messages = {0};
    weir_status s = weir_registry_may_follow(w->registry, &w->entry, yes, &messages, err);
    bool first = s && strcmp(err->code, "REGISTRY_NO_SCHEMA") == 0;
    *yes |= first;
    if (!s || first) {
        weir_view none = {"", 0};
        say_verdict(w, *yes, first, messages.len ? weir_buf_view(&messages) : none);
    }
    weir_buf_fini(&messages);
    return first ? WEIR_OK : s;
}

/* ---- the commands -------------------------------------------------------------------------- */

static int run(subject_work *w, weir_schema_files *files, bool enters)
{
    const char *path = weir_cli_argument(w->cli);
    int code = !path ? weir_cli_usage(w->cli, "which schema?") : weir_cli_end(w->cli);
    if (!code && !weir_subject_is_named(w->request)) {
        code = weir_cli_usage(w->cli, "under which subject? (--subject NAME, or --topic TOPIC)");
    }
    code = code ? code : open_registry(w);
    if (code) {
        return code;
    }
    bool yes = true;
    weir_error err = {.status = WEIR_OK};
    weir_status s = load(w, files, path, &err);
    if (s) {
        code = weir_cli_fail(w->cli, &err);
        return strncmp(err.code, "JSON_", 5) == 0 ? EXIT_USAGE : code;
    }
    s = enters && !w->cli->dry_run ? enter(w, &err) : ask(w, &yes, &err);
    return s ? weir_cli_fail(w->cli, &err) : yes ? EXIT_YES : EXIT_NO;
}

static int begin(weir_cli *cli, weir_schema_files *files, weir_subject_request *r, bool enters)
{
    subject_work w = {.cli = cli, .request = r};
    weir_arena_init(&w.arena, 0);
    int code = run(&w, files, enters);
    if (w.registry.ops) {
        w.registry.ops->close(w.registry.self);
    }
    weir_buf_fini(&w.subject);
    weir_config_free(w.config);
    weir_arena_fini(&w.arena);
    return code;
}

int weir_schema_register(weir_cli *cli, weir_schema_files *files, weir_subject_request *r)
{
    return begin(cli, files, r, true);
}

int weir_schema_may_follow(weir_cli *cli, weir_schema_files *files, weir_subject_request *r)
{
    return begin(cli, files, r, false);
}
