/* Looking into a cache. See cache.h. */
#include "cache.h"

#include <string.h>
#include <time.h>

#include "replica.h"
#include "sync/stored.h"
#include "value/utf8.h"

static int config_option(weir_cli *cli, const weir_config_options *options, weir_config **out)
{
    *out = NULL;
    return cli->config_path ? weir_cli_config(cli, cli->config_path, options, false, out)
                            : weir_cli_usage(cli, "which config? (-c FILE)");
}

int weir_cli_config_option(weir_cli *cli, weir_config **out)
{
    return config_option(cli, NULL, out);
}

int weir_cli_config_of_stores(weir_cli *cli, weir_config **out)
{
    return config_option(cli, &weir_config_without_kafka, out);
}

int weir_cli_find_cache(
    const weir_cli *cli, weir_config *config, const char *name, const weir_config_cache **out)
{
    weir_error err;
    if (name && weir_config_take_name(config, name, &err)) {
        return weir_cli_fail(cli, &err);
    }
    *out = name ? weir_config_cache_named(config, name) : NULL;
    if (*out) {
        return EXIT_YES;
    }
    weir_buf names = {0};
    for (size_t i = 0; i < config->followed.count; i++) {
        weir_buf_printf(&names, "%s%s", i ? ", " : "", config->followed.items[i]->name);
    }
    for (size_t i = 0; i < config->moulds.count; i++) {
        weir_buf_printf(&names, "%s%s.schema.table of %s", names.len ? ", " : "",
            config->moulds.items[i]->name, config->moulds.items[i]->from);
    }
    int code = name ? weir_cli_usage(cli, "there is no cache or table %s; there are: %s", name,
                          weir_buf_str(&names))
                    : weir_cli_usage(cli, "which cache or table? %s", weir_buf_str(&names));
    weir_buf_fini(&names);
    return code;
}

weir_status weir_cli_open_store(const weir_config_store *config, weir_store *out, weir_error *err)
{
    *out = (weir_store){NULL, NULL};
    if (config->type == WEIR_CONFIG_STORE_MEMORY) {
        return weir_fail(err, WEIR_E_CACHE_IN_MEMORY,
            "store %s is in the memory of its daemon: another process cannot see it", config->name);
    }
    weir_status s = weir_open_store(config, true, NULL, out, err);
    s = s ? s : out->ops->open_cache(out->self, 0, ".weir", err);
    if (s) {
        weir_cli_close_store(out);
    }
    return s;
}

/* A store of tables may be there without this one, as when a pattern fits its name alone. */
static weir_status must_be_made(weir_store store, const char *cache, weir_error *err)
{
    bool has = false;
    weir_status s = store.ops->begin(store.self, err);
    if (s) {
        return s;
    }
    s = weir_stored_has(store, cache, &has, err);
    store.ops->abort(store.self);
    return s || has ? s : weir_fail(err, WEIR_E_NO_CACHE, "there is no %s in it yet", cache);
}

weir_status weir_cli_open_cache(const weir_config_cache *cache, weir_store *out, weir_error *err)
{
    weir_status s = weir_cli_open_store(cache->store, out, err);
    s = s ? s : out->ops->open_cache(out->self, WEIR_CLI_CACHE, cache->name, err);
    s = s ? s : must_be_made(*out, cache->name, err);
    if (s) {
        weir_cli_close_store(out);
    }
    return s;
}

void weir_cli_put_row(weir_buf *to, weir_view row)
{
    size_t start = to->len;
    weir_buf_putv(to, row);
    for (char *at = to->ptr ? to->ptr + start : NULL; at && !to->failed;) {
        at = memchr(at, '\n', (size_t)(to->ptr + to->len - at));
        if (at) {
            *at++ = ' ';
        }
    }
}

void weir_cli_put_lsn(weir_buf *to, uint64_t lsn)
{
    weir_buf_printf(to, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}

void weir_cli_put_time(weir_buf *to, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[40] = "";
    if (gmtime_r(&seconds, &tm)) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    }
    weir_buf_printf(to, "%s.%03dZ", text, (int)(ms % 1000));
}

/* Also those of U+0080 to U+009F, which some terminals heed. */
static bool is_control(const char *c, size_t len)
{
    unsigned char first = (unsigned char)c[0], second = len == 2 ? (unsigned char)c[1] : 0;
    return first < ' ' || first == 0x7F || (first == 0xC2 && second < 0xA0);
}

void weir_cli_put_short(weir_buf *to, weir_view text, size_t most)
{
    size_t len = text.len;
    if (len > most) { /* not within a character */
        for (len = most; len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80; len--) {
        }
    }
    weir_cli_put_clean(to, weir_view_make(text.ptr, len));
    weir_buf_puts(to, len < text.len ? "…" : "");
}

void weir_cli_put_clean(weir_buf *to, weir_view text)
{
    for (size_t at = 0; at < text.len;) {
        size_t n = weir_utf8_length(text.ptr + at, text.ptr + text.len);
        if (n && !is_control(text.ptr + at, n)) {
            weir_buf_put(to, text.ptr + at, n);
        } else {
            weir_buf_putc(to, '.');
        }
        at += n ? n : 1;
    }
}
