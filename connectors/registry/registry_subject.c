/* Subjects of a registry. See registry_subject.h. */
#include "registry/registry_subject.h"

#include <string.h>

#include "registry/registry_client.h"
#include "value/json.h"

/* ---- Names --------------------------------------------------------------------------------------
 */

static weir_status avro_name(weir_view text, weir_arena *arena, weir_view *out, weir_error *err)
{
    weir_avro_schema *s;
    weir_status st = weir_avro_schema_parse(&text, 1, &s, err);
    if (st) {
        return st;
    }
    const weir_avro_type *root = weir_avro_root(s);
    weir_view name = weir_avro_is_named(root) ? root->name : (weir_view){"", 0};
    *out = weir_arena_copy(arena, name);
    weir_avro_schema_free(s);
    return out->ptr ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_schema_record_name(
    weir_view text, bool is_avro, weir_arena *arena, weir_view *out, weir_error *err)
{
    const weir_value *root;
    *out = (weir_view){"", 0};
    if (is_avro) {
        return avro_name(text, arena, out, err);
    }
    weir_status s = weir_json_read(text, arena, &root, err);
    const weir_value *title = s ? NULL : weir_gets(root, "title");
    if (weir_is(title, WEIR_STRING)) {
        *out = weir_string(title, arena);
        s = out->ptr ? WEIR_OK : weir_fail_oom(err);
    }
    return s;
}

void weir_subject_put(
    weir_buf *to, weir_subject_naming naming, weir_view topic, weir_view record, bool of_key)
{
    if (naming != WEIR_SUBJECT_RECORD) {
        weir_buf_putv(to, topic);
        weir_buf_puts(to, "-");
    }
    if (naming == WEIR_SUBJECT_TOPIC) {
        weir_buf_puts(to, of_key ? "key" : "value");
    } else {
        weir_buf_putv(to, record);
    }
}

/* ---- Questions ----------------------------------------------------------------------------------
 */

static void put_member(weir_buf *to, const char *before, weir_view text)
{
    weir_buf_puts(to, before);
    weir_json_put_string(to, text);
}

static void put_entry(weir_buf *to, const weir_registry_entry *e)
{
    put_member(to, "{\"schema\":", e->text);
    weir_buf_puts(to, e->kind == WEIR_REGISTERED_JSON ? ",\"schemaType\":\"JSON\"" : "");
    for (size_t i = 0; i < e->n_references; i++) {
        const weir_registry_reference *r = &e->references[i];
        put_member(to, i ? ",{\"name\":" : ",\"references\":[{\"name\":", r->name);
        put_member(to, ",\"subject\":", r->subject);
        weir_buf_printf(to, ",\"version\":%lld}", (long long)r->version);
    }
    weir_buf_puts(to, e->n_references ? "]}" : "}");
}

/* The answer as JSON, in the arena. */
static weir_status ask(weir_registry r, const weir_registry_entry *e, const char *before,
    const char *behind, weir_arena *arena, const weir_value **out, weir_error *err)
{
    weir_buf body = {0}, answer = {0};
    put_entry(&body, e);
    weir_status s = body.failed ? weir_fail_oom(err)
                                : weir_registry_client_post(r, before, e->subject, behind,
                                      weir_buf_view(&body), &answer, err);
    if (!s) {
        weir_view text = weir_arena_copy(arena, weir_buf_view(&answer));
        s = text.ptr ? weir_json_read(text, arena, out, err) : weir_fail_oom(err);
        s = s == WEIR_REJECT ? weir_fail(err, WEIR_E_REGISTRY_ANSWER, "an answer that is no JSON")
                             : s;
    }
    weir_buf_fini(&body);
    weir_buf_fini(&answer);
    return s;
}

static weir_status number_of(
    const weir_value *answer, const char *member, int64_t *out, weir_error *err)
{
    return weir_to_int64(weir_gets(answer, member), out)
               ? WEIR_OK
               : weir_fail(err, WEIR_E_REGISTRY_ANSWER, "an answer without a number `%s`", member);
}

weir_status weir_registry_register(
    weir_registry r, const weir_registry_entry *e, int64_t *id, weir_error *err)
{
    weir_arena arena;
    const weir_value *answer;
    weir_arena_init(&arena, 0);
    weir_status s = ask(r, e, "/subjects/", "/versions", &arena, &answer, err);
    s = s ? s : number_of(answer, "id", id, err);
    weir_arena_fini(&arena);
    return s;
}

weir_status weir_registry_lookup(
    weir_registry r, const weir_registry_entry *e, int64_t *id, int64_t *version, weir_error *err)
{
    weir_arena arena;
    const weir_value *answer;
    weir_arena_init(&arena, 0);
    weir_status s = ask(r, e, "/subjects/", "", &arena, &answer, err);
    s = s ? s : number_of(answer, "id", id, err);
    s = s ? s : number_of(answer, "version", version, err);
    weir_arena_fini(&arena);
    return s;
}

static bool is_code(const weir_error *err, weir_code code)
{
    return strcmp(err->code, weir_code_get(code)->name) == 0;
}

/* Older registries compare with the latest version alone. */
static weir_status ask_compatibility(weir_registry r, const weir_registry_entry *e,
    weir_arena *arena, const weir_value **out, weir_error *err)
{
    weir_error why = {.status = WEIR_OK};
    static const char before[] = "/compatibility/subjects/";
    weir_status s = ask(r, e, before, "/versions?verbose=true", arena, out, &why);
    if (s && (is_code(&why, WEIR_E_REGISTRY_NO_SCHEMA) || is_code(&why, WEIR_E_REGISTRY_ANSWER))) {
        s = ask(r, e, before, "/versions/latest?verbose=true", arena, out, &why);
    }
    if (s && err) {
        *err = why;
    }
    return s;
}

weir_status weir_registry_may_follow(
    weir_registry r, const weir_registry_entry *e, bool *yes, weir_buf *messages, weir_error *err)
{
    weir_arena arena;
    const weir_value *answer;
    weir_arena_init(&arena, 0);
    *yes = false;
    weir_status s = ask_compatibility(r, e, &arena, &answer, err);
    const weir_value *verdict = s ? NULL : weir_gets(answer, "is_compatible");
    const weir_value *why = s ? NULL : weir_gets(answer, "messages");
    if (!s && !weir_is(verdict, WEIR_BOOL)) {
        s = weir_fail(err, WEIR_E_REGISTRY_ANSWER, "an answer without `is_compatible`");
    }
    *yes = !s && verdict->flags & WEIR_TRUE;
    if (!s && weir_is(why, WEIR_ARRAY)) {
        WEIR_EACH_ITEM(why, message)
        {
            if (weir_is(message, WEIR_STRING)) {
                weir_string_put(messages, message);
                weir_buf_putc(messages, '\n');
            }
        }
    }
    weir_arena_fini(&arena);
    return s || !messages->failed ? s : weir_fail_oom(err);
}
