/* Asking a running daemon. See ask.h. */
#include "ask.h"

#include <string.h>
#include <unistd.h>

#include "http/client.h"
#include "value/json.h"

#define DEFAULT_URL "http://127.0.0.1:8080"

enum { WATCH_SECONDS = 2, MOST_BYTES = 64 << 20 };

/* ---- Where --------------------------------------------------------------------------------------
 */

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

/* Who listens everywhere is asked here. */
static const char *near(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(host, "::") == 0 ? "::1" : host;
}

static int url_of_config(weir_cli *cli, const char *path, weir_buf *url)
{
    weir_config *config;
    int code = weir_cli_config(cli, path, NULL, false, &config);
    if (code) {
        return code;
    }
    const weir_config_address *at = &config->http.listen;
    if (!at->host || !at->port) {
        fprintf(stderr, "weir %s: %s %s\n", cli->command->name, path,
            at->host ? "has http.listen with port 0: give the URL that the daemon has logged"
                     : "has no http.listen: its daemon cannot be asked");
        code = EXIT_USAGE;
    } else {
        const char *host = near(at->host);
        weir_buf_printf(
            url, strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u", host, (unsigned)at->port);
    }
    weir_config_free(config);
    return code;
}

static int find_url(weir_cli *cli, weir_buf *url)
{
    const char *given = cli->config_path ? cli->config_path : weir_cli_argument(cli);
    int code = weir_cli_end(cli);
    if (!code && given && !is_url(given)) {
        code = url_of_config(cli, given, url);
    } else if (!code) {
        weir_buf_puts(url, given ? given : DEFAULT_URL);
        while (url->len && url->ptr[url->len - 1] == '/') {
            url->len--;
        }
    }
    weir_buf_puts(url, "/status");
    return code;
}

/* ---- Asking -------------------------------------------------------------------------------------
 */

static weir_status get(weir_cli *cli, const char *url, weir_answer *a, weir_error *err)
{
    weir_http_request request = {
        .url = url, .timeout_ms = cli->timeout_ms, .max_bytes = MOST_BYTES};
    unsigned status;
    weir_error why;
    weir_status s = weir_http_get(&request, &status, &a->text, err);
    if (s) {
        return s;
    }
    bool good = status == 200 &&
                weir_json_read(weir_buf_view(&a->text), &a->arena, &a->root, &why) == WEIR_OK &&
                weir_is(weir_gets(a->root, "stores"), WEIR_ARRAY);
    return good ? WEIR_OK
                : weir_fail(
                      err, WEIR_E_HTTP_ANSWER, "%s: HTTP %u, and no status of weir's", url, status);
}

static int ask_once(weir_cli *cli, const char *url, weir_answer_fn *show, void *ctx)
{
    weir_answer a = {.root = NULL};
    weir_error err = {.status = WEIR_OK};
    weir_arena_init(&a.arena, 0);
    int code = get(cli, url, &a, &err) ? weir_cli_fail(cli, &err) : show(cli, &a, ctx);
    if (a.arena.failed) {
        weir_fail_oom(&err);
        code = weir_cli_fail(cli, &err);
    }
    weir_arena_fini(&a.arena);
    weir_buf_fini(&a.text);
    return code;
}

static void keep_asking(weir_cli *cli, const char *url, weir_answer_fn *show, void *ctx)
{
    bool terminal = isatty(STDOUT_FILENO) && !cli->json;
    for (;;) {
        fputs(terminal ? "\033[H\033[2J" : "", stdout);
        ask_once(cli, url, show, ctx);
        fputs(terminal || cli->json ? "" : "\n", stdout);
        fflush(stdout);
        sleep(WATCH_SECONDS);
    }
}

int weir_ask(weir_cli *cli, bool watch, weir_answer_fn *show, void *ctx)
{
    weir_buf url = {0};
    int code = find_url(cli, &url);
    if (!code && watch) {
        keep_asking(cli, weir_buf_str(&url), show, ctx);
    } else if (!code) {
        code = ask_once(cli, weir_buf_str(&url), show, ctx);
    }
    weir_buf_fini(&url);
    return code;
}

/* ---- Reading an answer --------------------------------------------------------------------------
 */

weir_view weir_answer_text(weir_answer *a, const weir_value *object, const char *name)
{
    const weir_value *v = weir_gets(object, name);
    return weir_is(v, WEIR_STRING)       ? weir_string(v, &a->arena)
           : !v || weir_is(v, WEIR_NULL) ? weir_view_of("-")
                                         : weir_source(v);
}

int64_t weir_answer_number(const weir_value *object, const char *name)
{
    const weir_value *v = weir_gets(object, name);
    int64_t n;
    return v && weir_to_int64(v, &n) ? n : -1;
}

bool weir_answer_flag(const weir_value *object, const char *name)
{
    const weir_value *v = weir_gets(object, name);
    return weir_is(v, WEIR_BOOL) && v->flags & WEIR_TRUE;
}

weir_view weir_answer_error(weir_answer *a, const weir_value *error)
{
    weir_view code = weir_answer_text(a, error, "code"), text = weir_answer_text(a, error, "text");
    return weir_arena_printf(&a->arena, "%.*s: %.*s", WEIR_ARG(code), WEIR_ARG(text));
}
