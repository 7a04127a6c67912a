/* weir get: one row of a cache, by its key. */
#include <inttypes.h>
#include <string.h>

#include "cdc/state.h"
#include "freshness.h"
#include "key.h"
#include "lookup.h"
#include "value/json.h"
#include "words.h"

static const weir_option options[] = {
    {"--min-lsn", "LSN", "only when the cache is past this position (0/16B3748, or decimal)"},
    {"--wait", "TIME", "how long to wait for it; 2s by default"},
    {"--verbose", NULL, "say on stderr how far the cache has come"},
    {NULL, NULL, NULL},
};

enum { WAIT_MS = 2000 };

typedef struct answer {
    weir_buf key, row; /* row: as it is shown; empty when none is */
    weir_buf state_bytes;
    weir_state state;
    bool known, found; /* known: the store has a state for the key, of a deleted row too */
    weir_cli_fresh fresh;
} answer;

/* ---- Reading --------------------------------------------------------------------------------- */

static weir_status read_key(weir_store store, weir_view key, answer *a, weir_error *err)
{
    weir_view bytes, row;
    weir_status s = store.ops->get(store.self, WEIR_CLI_CACHE, WEIR_SPACE_STATE, key, &bytes, err);
    s = s ? s : store.ops->get(store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW, key, &row, err);
    if (s || !(bytes.ptr || row.ptr)) {
        return s;
    }
    a->known = true;
    a->found = row.ptr != NULL;
    weir_buf_putv(&a->key, key);
    if (bytes.ptr) {
        weir_buf_putv(&a->state_bytes, bytes);
    }
    if (row.ptr) {
        weir_cli_put_row(&a->row, row);
    }
    if (a->key.failed || a->state_bytes.failed || a->row.failed) {
        return weir_fail_oom(err);
    }
    return bytes.ptr ? weir_state_get(weir_buf_view(&a->state_bytes), &a->state, err) : WEIR_OK;
}

/* In one read transaction. The first form of the key that the store knows is the key. */
static weir_status look_up(weir_store store, const char *written, answer *a, weir_error *err)
{
    weir_cli_keys keys;
    weir_status s = store.ops->begin(store.self, err);
    if (s) {
        return s;
    }
    s = weir_cli_keys_of(written, store, &keys, err);
    for (size_t i = 0; i < keys.n && !s && !a->known; i++) {
        s = read_key(store, weir_buf_view(&keys.forms[i]), a, err);
    }
    weir_cli_keys_fini(&keys);
    store.ops->abort(store.self);
    return s;
}

/* ---- Saying ---------------------------------------------------------------------------------- */

static const char *why_not(const answer *a)
{
    const weir_state *st = &a->state;
    return !a->known         ? "there is no such row"
           : !st->alive      ? "the row was deleted"
           : st->quarantined ? "the row is hidden: a record of this key could not be used"
           : st->missing.len ? "the row is hidden: nobody ever sent a value for some of its columns"
                             : "the row does not match the cache's `where`";
}

static void put_position(weir_buf *b, const weir_cli_fresh *f, int64_t now_ms)
{
    weir_buf_puts(b, "\"applied\":{\"lsn\":\"");
    weir_cli_put_lsn(b, f->position.high_H);
    weir_buf_putc(b, '"');
    if (f->position.high_ms) {
        weir_buf_puts(b, ",\"time\":\"");
        weir_cli_put_time(b, f->position.high_ms);
        weir_buf_printf(b, "\",\"age_ms\":%" PRId64, now_ms - f->position.high_ms);
    }
    weir_buf_puts(b, "}");
}

static void put_json(weir_buf *b, const answer *a)
{
    const weir_state *st = &a->state;
    weir_buf_printf(b, "{\"found\":%s", a->found ? "true" : "false");
    if (a->known) {
        weir_buf_puts(b, ",\"key\":");
        weir_buf_putv(b, weir_buf_view(&a->key));
        weir_buf_puts(b, ",\"lsn\":\"");
        weir_cli_put_lsn(b, st->stamp.l ? st->stamp.l : st->mark.at.l);
        weir_buf_putc(b, '"');
    }
    if (!a->found) {
        weir_buf_puts(b, ",\"reason\":");
        weir_json_put_string(b, weir_view_of(why_not(a)));
    }
    if (st->missing.len) {
        weir_buf_puts(b, ",\"incomplete\":");
        weir_buf_putv(b, st->missing);
    }
    weir_buf_puts(b, st->quarantined ? ",\"quarantined\":true" : "");
    weir_buf_putc(b, ',');
    put_position(b, &a->fresh, weir_cli_now());
    weir_buf_puts(b, ",\"row\":");
    weir_buf_puts(b, a->found ? "" : "null");
    weir_buf_putv(b, weir_buf_view(&a->row));
    weir_buf_puts(b, "}\n");
}

/* What is to be known about the row, for people. */
static void put_talk(weir_buf *b, const weir_cli *cli, const answer *a, bool verbose)
{
    const char *name = cli->command->name;
    const weir_stored_position *p = &a->fresh.position;
    if (!a->found) {
        weir_buf_printf(b, "weir %s: %s\n", name, why_not(a));
    }
    if (a->found && a->state.missing.len) {
        weir_buf_printf(b, "weir %s: the row is incomplete: nobody ever sent a value for %.*s\n",
            name, WEIR_ARG(a->state.missing));
    }
    if (a->found && a->state.quarantined) {
        weir_buf_printf(b, "weir %s: a later record of this key could not be used\n", name);
    }
    if (verbose) {
        weir_buf_puts(b, "newest change applied: ");
        weir_cli_put_lsn(b, p->high_H);
        if (p->high_ms) {
            weir_buf_puts(b, "; made at ");
            weir_cli_put_time(b, p->high_ms);
            weir_buf_printf(b, ", %.1f s ago", (double)(weir_cli_now() - p->high_ms) / 1000.0);
        }
        weir_buf_putc(b, '\n');
    }
}

static int say(const weir_cli *cli, const answer *a, bool verbose)
{
    weir_buf talk = {0}, out = {0};
    put_talk(&talk, cli, a, verbose);
    if (cli->json) {
        put_json(&out, a);
    } else if (a->found) {
        weir_buf_putv(&out, weir_buf_view(&a->row));
        weir_buf_putc(&out, '\n');
    }
    fputs(cli->quiet ? "" : weir_buf_str(&talk), stderr);
    fwrite(weir_buf_view(&out).ptr, 1, out.len, stdout);
    weir_buf_fini(&talk);
    weir_buf_fini(&out);
    return a->found ? EXIT_YES : EXIT_NO;
}

static int say_stale(const weir_cli *cli, const weir_cli_fresh *f, uint64_t lsn)
{
    weir_buf wanted = {0}, at = {0};
    weir_error err;
    weir_cli_put_lsn(&wanted, lsn);
    weir_cli_put_lsn(&at, f->position.high_H);
    weir_fail(&err, WEIR_E_CACHE_NOT_FRESH,
        f->seen ? "the cache has not read its topic up to %s yet; its newest change is at %s"
                : "no table of this source in the store is known to be past %s; the newest change "
                  "of this one is at %s",
        weir_buf_str(&wanted), weir_buf_str(&at));
    weir_buf_fini(&wanted);
    weir_buf_fini(&at);
    return weir_cli_fail(cli, &err);
}

/* ---- The command ----------------------------------------------------------------------------- */

typedef struct request {
    const char *cache, *key, *min_lsn, *wait;
    uint64_t lsn;
    int64_t wait_ms;
    bool verbose;
} request;

static int get(const weir_cli *cli, weir_config *config, const request *r)
{
    const weir_config_cache *cache;
    weir_store store = {NULL, NULL};
    weir_error err = {.status = WEIR_OK};
    answer a = {.known = false};
    int code = weir_cli_find_cache(cli, config, r->cache, &cache);
    if (code) {
        return code;
    }
    weir_status s = weir_cli_open_cache(cache, &store, &err);
    s = s ? s : weir_cli_await(cli, config, cache, store, r->lsn, r->wait_ms, &a.fresh, &err);
    if (!s && !a.fresh.passed) {
        code = say_stale(cli, &a.fresh, r->lsn);
    } else if (!s) {
        s = look_up(store, r->key, &a, &err);
        code = s ? code : say(cli, &a, r->verbose);
    }
    weir_cli_close_store(&store);
    weir_buf_fini(&a.key);
    weir_buf_fini(&a.row);
    weir_buf_fini(&a.state_bytes);
    return s ? weir_cli_fail(cli, &err) : code;
}

static int parse(weir_cli *cli, request *r)
{
    r->min_lsn = weir_cli_option(cli, "--min-lsn");
    r->wait = weir_cli_option(cli, "--wait");
    r->verbose = weir_cli_option(cli, "--verbose") != NULL;
    r->cache = weir_cli_argument(cli);
    r->key = weir_cli_argument(cli);
    r->wait_ms = r->wait ? weir_cli_duration(r->wait) : WAIT_MS;
    if (r->min_lsn && !weir_lsn_of(r->min_lsn, &r->lsn)) {
        return weir_cli_usage(cli, "%s is no LSN (0/16B3748, or decimal)", r->min_lsn);
    }
    if (r->wait_ms < 0) {
        return weir_cli_usage(cli, "%s is no time (2s)", r->wait);
    }
    return r->cache && !r->key ? weir_cli_usage(cli, "which key?") : weir_cli_end(cli);
}

static int run(weir_cli *cli)
{
    request r = {.lsn = 0};
    weir_config *config;
    int code = parse(cli, &r);
    code = code ? code : weir_cli_config_of_stores(cli, &config);
    if (code) {
        return code;
    }
    code = get(cli, config, &r);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_get = {
    .name = "get",
    .arguments = "CACHE KEY -c CONFIG",
    .summary = "one row of a cache, by its key",
    .text =
        "KEY is the row's key as a JSON object, or only its value where the key has one column. "
        "Exit code 1:\n"
        "there is no such row, or the cache does not show it; stderr says which. 2: KEY is no key "
        "of this cache,\n"
        "or CONFIG has no such cache. 3: no weir sync has made the cache yet (NO_CACHE, "
        "STORE_IO).\n\n"
        "--min-lsn asks for a row that is at least as new as a position of the source: what was "
        "committed\n"
        "up to that LSN is in it (take pg_current_wal_lsn() after your commit). First a table of "
        "the same source\n"
        "in the same store must have had a change at or past the LSN; then Kafka is asked where "
        "the cache's\n"
        "topic ends, and the cache must have read so far. When that has not happened within "
        "--wait, the exit\n"
        "code is 1. Where no table of the source changes any more, nothing can tell: let "
        "Debezium's heartbeat\n"
        "write to a table (heartbeat.action.query) and keep a cache of it.\n\n"
        "Examples\n"
        "  weir get orders 10 -c shop.yaml\n"
        "  weir get lines '{\"order_id\":1,\"line_no\":2}' -c shop.yaml\n"
        "  weir get orders 10 --min-lsn 0/16B3748 --wait 2s --verbose -c shop.yaml\n"
        "  weir get orders 10 --json -c shop.yaml | jq .applied.age_ms\n",
    .options = options,
    .run = run,
};
