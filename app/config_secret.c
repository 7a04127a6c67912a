/* What must not be shown: the secrets that loading met, found again in any text. See config.h. */
#include "config_load.h"

/* A shorter one would be found everywhere. */
enum { SHORTEST = 4 };

const char *weir_config_shown(const weir_config_value *value)
{
    return value->secret ? "***" : value->text;
}

bool weir_config_is_secret(const weir_config *config, const char *text)
{
    for (size_t i = 0; i < config->secrets.count; i++) {
        if (strcmp(config->secrets.items[i].text, text) == 0) {
            return true;
        }
    }
    return false;
}

void weir_config_warn_literal(const weir_config_loader *loader, const weir_config_scope *scope,
    const weir_config_value *value)
{
    if (value->literal) {
        weir_config_warn(loader, scope, value->place, WEIR_E_CONFIG_LITERAL_SECRET,
            "a secret in the file itself is read by all who read the file; write "
            "${file:/run/secrets/NAME} or ${VARIABLE}");
    }
}

void weir_config_remember_secret(const weir_config_loader *loader, const char *text)
{
    weir_config_texts *s = &loader->config->secrets;
    if (weir_config_is_secret(loader->config, text)) {
        return;
    }
    if ((s->count & (s->count - 1)) == 0) { /* full: room is a power of two */
        size_t room = s->count ? s->count * 2 : 1;
        weir_config_text *items = weir_arena_alloc(&loader->config->arena, room * sizeof *items);
        if (!items) {
            return;
        }
        if (s->count) {
            memcpy(items, s->items, s->count * sizeof *items);
        }
        s->items = items;
    }
    s->items[s->count++] = (weir_config_text){.text = text};
}

/* How many bytes at the start are a secret, the longest that is there. `is_cut`: the text may end
 * inside of one. */
static size_t secret_at(const weir_config *config, weir_view text, bool is_cut)
{
    size_t longest = 0;
    for (size_t i = 0; i < config->secrets.count; i++) {
        weir_view secret = weir_view_of(config->secrets.items[i].text);
        if (is_cut && secret.len > text.len) {
            secret.len = text.len;
        }
        if (secret.len >= SHORTEST && secret.len > longest && secret.len <= text.len &&
            memcmp(text.ptr, secret.ptr, secret.len) == 0) {
            longest = secret.len;
        }
    }
    return longest;
}

void weir_config_redact(const weir_config *config, weir_view text, weir_buf *to)
{
    while (text.len) {
        size_t hidden = secret_at(config, text, false);
        size_t step = hidden ? hidden : 1;
        weir_buf_put(to, hidden ? "***" : text.ptr, hidden ? 3 : 1);
        text = weir_view_make(text.ptr + step, text.len - step);
    }
}

void weir_config_hide_secrets(const weir_config *config, char *text)
{
    weir_view rest = weir_view_of(text);
    char *to = text;
    while (rest.len) {
        size_t hidden = secret_at(config, rest, true);
        size_t step = hidden ? hidden : 1, written = hidden ? 3 : 1; /* never more than it takes */
        memmove(to, hidden ? "***" : rest.ptr, written);
        to += written;
        rest = weir_view_make(rest.ptr + step, rest.len - step);
    }
    *to = '\0';
}
