/* Interpolation: ${NAME}, ${NAME:-default}, ${file:/path} and $$ in scalars of the config.
 *
 * It works on what YAML has already parsed, never on the text, so that no value can change the
 * config's structure. What comes out is not looked at again: a `$` in a variable is a `$`. A
 * variable that is set to nothing takes the default, as in a shell; without a default it is empty.
 * In tests nobody is reached: what only says whom to reach need not be there.
 */
#include <errno.h>
#include <stdlib.h>

#include "config_file.h"
#include "config_load.h"
#include "value/utf8.h"

enum { MOST_SECRET_BYTES = 1 << 16 };

typedef struct expansion {
    const weir_config_loader *loader;
    const weir_config_scope *scope;
    weir_config_value *value;
    weir_buf text;
} expansion;

/* Reports why the scalar has no value; false. */
#define FAIL(x, ...)   \
    weir_config_error( \
        (x)->loader, (x)->scope, (x)->value->place, WEIR_E_CONFIG_INTERPOLATION, __VA_ARGS__)

/* Does the value say only whom to reach, where nobody is reached? */
static bool needs_no_value(const expansion *x)
{
    const char *const *unreached = x->loader->options->unreached;
    const weir_config_scope *top = x->scope;
    while (top && top->up) {
        top = top->up;
    }
    for (; unreached && top && *unreached; unreached++) {
        if (strcmp(top->name, *unreached) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_utf8_text(weir_view v)
{
    const char *end = v.ptr + v.len;
    for (const char *at = v.ptr; at < end;) {
        size_t length = weir_utf8_length(at, end);
        if (length == 0 || *at == '\0') {
            return false;
        }
        at += length;
    }
    return true;
}

static bool expand_file(expansion *x, const char *path)
{
    const weir_config_options *o = x->loader->options;
    weir_buf content = {0};
    int error = o->read_file ? o->read_file(o->ctx, path, MOST_SECRET_BYTES, &content)
                             : weir_config_read_file(path, MOST_SECRET_BYTES, &content);
    weir_view v = weir_buf_view(&content);
    bool ok = false;
    if (error == ENOMEM) {
        x->text.failed = true;
    } else if (error && needs_no_value(x)) {
        weir_buf_puts(&x->text, path);
        ok = true;
    } else if (error) {
        char reason[100];
        FAIL(x, "`%s` cannot be read: %s", path, strerror_r(error, reason, sizeof reason));
    } else if (!is_utf8_text(v)) {
        FAIL(x, "`%s` is not UTF-8 text", path);
    } else {
        /* Editors end a file with a line end; a secret does not have one. */
        v.len -= v.len && v.ptr[v.len - 1] == '\n';
        v.len -= v.len && v.ptr[v.len - 1] == '\r';
        const char *secret = weir_arena_copy(&x->loader->config->arena, v).ptr;
        ok = secret != NULL;
        if (ok) {
            weir_config_remember_secret(x->loader, secret);
            weir_buf_putv(&x->text, v);
        }
        x->value->secret = true;
    }
    weir_buf_fini(&content);
    return ok;
}

static bool is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return len > 0;
}

static bool expand_variable(expansion *x, const char *name, const char *fallback)
{
    const weir_config_options *o = x->loader->options;
    const char *found = o->environment ? o->environment(o->ctx, name) : getenv(name);
    if (fallback && (!found || !*found)) {
        weir_buf_puts(&x->text, fallback);
        return true;
    }
    x->value->literal = false;
    if (!found && needs_no_value(x)) {
        weir_buf_puts(&x->text, name);
        return true;
    }
    if (!found) {
        return FAIL(x,
            "the environment has no `%.60s`: set it, or write a default as ${%.60s:-default}", name,
            name);
    }
    if (!is_utf8_text(weir_view_of(found))) {
        return FAIL(x, "the environment's `%.60s` is not UTF-8 text", name);
    }
    weir_buf_puts(&x->text, found);
    return true;
}

/* What stands between ${ and }, NUL-terminated and ours to cut up. */
static bool expand_braces(expansion *x, char *inside)
{
    if (strncmp(inside, "file:", 5) == 0) {
        x->value->literal = false;
        return inside[5] ? expand_file(x, inside + 5) : FAIL(x, "a path belongs in `${file:}`");
    }
    char *fallback = strstr(inside, ":-");
    size_t name_len = fallback ? (size_t)(fallback - inside) : strlen(inside);
    if (!is_name(inside, name_len)) {
        /* Not quoted: it may be a part of a password. */
        return FAIL(x, "`${…}` is one of ${NAME}, ${NAME:-default} and ${file:/path}; a `$` of its "
                       "own is written `$$`");
    }
    if (fallback) {
        *fallback = '\0';
        fallback += 2;
    }
    return expand_variable(x, inside, fallback);
}

static bool expand(expansion *x, const char *from)
{
    while (*from) {
        size_t run = strcspn(from, "$");
        weir_buf_put(&x->text, from, run);
        from += run;
        if (*from == '\0') {
            break;
        }
        if (from[1] == '$') {
            weir_buf_putc(&x->text, '$');
            from += 2;
            continue;
        }
        const char *close = from[1] == '{' ? strchr(from, '}') : NULL;
        if (!close) {
            return FAIL(x, from[1] == '{' ? "`${` without its `}`"
                                          : "a `$` is written `$$`, or begins ${NAME}");
        }
        weir_view inside = {from + 2, (size_t)(close - from - 2)};
        char *copy = (char *)weir_arena_copy(&x->loader->config->arena, inside).ptr;
        if (!copy || !expand_braces(x, copy)) {
            return false;
        }
        from = close + 1;
    }
    return true;
}

bool weir_config_value_of(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_entry *entry, weir_config_value *out)
{
    const weir_config_node *node = entry->value;
    if (node->kind != WEIR_CONFIG_SCALAR) {
        weir_config_error(loader, scope, entry->place, WEIR_E_CONFIG_BAD_VALUE,
            "takes one value, not a %s", node->kind == WEIR_CONFIG_MAP ? "mapping" : "list");
        return false;
    }
    *out = (weir_config_value){.text = node->text,
        .place = entry->place,
        .null = weir_config_is_null(entry),
        .plain = node->plain,
        .literal = true};
    if (!strchr(node->text, '$')) {
        return true;
    }
    out->plain = false;
    expansion x = {.loader = loader, .scope = scope, .value = out};
    bool ok = expand(&x, node->text);
    weir_arena *arena = &loader->config->arena;
    out->text = ok && !x.text.failed ? weir_arena_copy(arena, weir_buf_view(&x.text)).ptr : NULL;
    arena->failed = arena->failed || x.text.failed;
    if (out->text && out->secret) {
        weir_config_remember_secret(loader, out->text);
    }
    weir_buf_fini(&x.text);
    return out->text != NULL;
}
