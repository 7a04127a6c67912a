/* Keys as people write them. See key.h. */
#include "key.h"

#include "cache.h"
#include "cdc/decoder.h"
#include "cdc/key_like.h"
#include "value/json.h"

/* ---- What a stored key looks like ------------------------------------------------------------ */

typedef struct sample {
    weir_arena arena;
    const weir_value *key; /* an object; NULL: none met */
} sample;

/* Until the first one that is an object: others are bare values, or longer than a store tells. */
static weir_status take_sample(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    sample *p = ctx;
    const weir_value *root;
    (void)value, (void)remove, (void)err;
    weir_view copy = weir_arena_copy(&p->arena, key);
    if (!copy.ptr || weir_json_read(copy, &p->arena, &root, NULL) || root->type != WEIR_OBJECT) {
        return WEIR_OK;
    }
    p->key = root;
    return WEIR_DEFERRED; /* enough */
}

static weir_status look_at_keys(weir_store store, sample *p, weir_error *err)
{
    weir_status s = store.ops->each(
        store.self, WEIR_CLI_CACHE, WEIR_SPACE_STATE, (weir_view){"", 0}, take_sample, p, err);
    return s == WEIR_DEFERRED ? WEIR_OK : s;
}

/* ---- What a written key may be ----------------------------------------------------------------
 */

static bool is_number(const weir_value *v)
{
    return v->type == WEIR_INT || v->type == WEIR_NUMBER;
}

/* key: one that is stored, NULL: none is. */
static weir_status wrong_key(
    const char *written, const char *why, const weir_value *key, weir_error *err)
{
    weir_buf b = {0};
    if (key) {
        weir_buf_puts(&b, "; the key is ");
        weir_key_put_like(&b, key);
    }
    weir_status s =
        weir_fail(err, WEIR_E_KEY_COLUMNS, "%.80s %s%.150s", written, why, weir_buf_str(&b));
    weir_buf_fini(&b);
    return s;
}

static weir_status check_object(
    const char *written, const weir_value *value, const weir_value *key, weir_error *err)
{
    const char *why = weir_key_unlike(key, value);
    return why ? wrong_key(written, why, key, err) : WEIR_OK;
}

/* A bare value, for a key of one column. value NULL: it is no JSON, so a text without quotes. */
static weir_status check_bare(
    const char *written, const weir_value *value, const weir_value *key, weir_error *err)
{
    if (key && key->len != 1) {
        return wrong_key(written, "is one value", key, err);
    }
    if (key && is_number(weir_next(weir_child(key))) && !(value && is_number(value))) {
        return wrong_key(written, "is no number", key, err);
    }
    return WEIR_OK;
}

static weir_status check_written(
    const char *written, const weir_value *value, const weir_value *key, weir_error *err)
{
    bool looks_like_json = *written == '{' || *written == '[' || *written == '"';
    if (!*written || (!value && looks_like_json) || weir_is(value, WEIR_ARRAY)) {
        return wrong_key(written, "is no JSON object and no single value", key, err);
    }
    return weir_is(value, WEIR_OBJECT) ? check_object(written, value, key, err)
                                       : check_bare(written, value, key, err);
}

/* ---- Forms ----------------------------------------------------------------------------------- */

static weir_buf *next_form(weir_cli_keys *k)
{
    return &k->forms[k->n++];
}

/* {"name":value}, or the bare value; as text: whatever was written is a string. */
static void add_form(
    weir_cli_keys *k, const weir_value *name, const weir_value *value, const char *written)
{
    weir_buf *b = next_form(k);
    if (name) {
        weir_buf_putc(b, '{');
        weir_buf_putv(b, weir_source(name));
        weir_buf_putc(b, ':');
    }
    if (value) {
        weir_json_put(b, value);
    } else {
        weir_json_put_string(b, weir_view_of(written));
    }
    weir_buf_puts(b, name ? "}" : "");
}

static weir_status forms_of(const char *written, const weir_value *value, weir_store store,
    sample *p, weir_cli_keys *out, weir_error *err)
{
    weir_status s = look_at_keys(store, p, err);
    s = s ? s : check_written(written, value, p->key, err);
    if (!s && weir_is(value, WEIR_OBJECT)) {
        weir_key_put(next_form(out), value);
        return WEIR_OK;
    }
    const weir_value *name = p->key ? weir_child(p->key) : NULL;
    for (int bare = !name; bare < 2 && !s; bare++) {
        if (value) {
            add_form(out, bare ? NULL : name, value, written);
        }
        add_form(out, bare ? NULL : name, NULL, written);
    }
    return s;
}

weir_status weir_cli_keys_of(
    const char *written, weir_store store, weir_cli_keys *out, weir_error *err)
{
    sample p = {.key = NULL};
    const weir_value *value = NULL;
    *out = (weir_cli_keys){.n = 0};
    weir_arena_init(&p.arena, 0);
    weir_status s = weir_json_read(weir_view_of(written), &p.arena, &value, NULL);
    if (s == WEIR_REJECT) {
        value = NULL; /* no JSON: a text without quotes */
    }
    s = s && s != WEIR_REJECT ? weir_fail_oom(err) : forms_of(written, value, store, &p, out, err);
    for (size_t i = 0; i < out->n && !s; i++) {
        s = out->forms[i].failed ? weir_fail_oom(err) : WEIR_OK;
    }
    weir_arena_fini(&p.arena);
    return s;
}

void weir_cli_keys_fini(weir_cli_keys *k)
{
    for (size_t i = 0; i < k->n; i++) {
        weir_buf_fini(&k->forms[i]);
    }
}
