/* weir diff: a cache or table against its source database.
 *
 * The source is read in one snapshot, whose LSN the cache is to have passed. A cache goes on
 * meanwhile, so a row that differs is looked at again, on both sides, until it is the same or the
 * time is over: what then still differs, differs. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "freshness.h"
#include "postgres/postgres_rows.h"
#include "rules.h"
#include "sync/view.h"
#include "value/json.h"
#include "words.h"

static const weir_option options[] = {
    {"--against", "CONNINFO",
        "the source database, as libpq wants it; ${VARIABLE} of the shell keeps a "
        "password out of sight"},
    {"--wait", "TIME", "how long what differs may take to become equal; 10s by default"},
    {"--ignore", "A,B", "columns that are not compared"},
    {NULL, NULL, NULL},
};

enum { CHUNK = 1000, WAIT_MS = 10000, AGAIN_MS = 500, MOST_TOLD = 100, MOST_DOUBTS = 100000 };

/* A row that is not the same on both sides, so far. */
typedef struct doubt {
    weir_view key;       /* as the source's to_json has it */
    weir_view cache_key; /* ptr NULL: the cache has no such row */
} doubt;

typedef struct diff {
    weir_cli *cli;
    const weir_config_cache *cache;
    weir_store store;
    weir_pg_rows *source;
    const char *const *key;
    size_t n_key;
    const char *ignore;
    weir_arena chunk; /* rows of the cache that are not compared yet */
    struct pair {
        weir_view key, cache_key, row;
        bool met;
    } * pairs;
    size_t n_pairs;
    weir_map keys;   /* of the chunk: to its pair */
    weir_map known;  /* every key of the cache */
    weir_arena kept; /* doubts */
    doubt *doubts;
    size_t n_doubts, room;
    uint64_t compared;
    weir_buf why;  /* of the row that was compared last */
    bool json;     /* it is told as JSON */
    bool *ignored; /* of each name in ignore: is there such a column? */
} diff;

/* ---- One row -----------------------------------------------------------------------------------
 */

/* The next name of --ignore; false: there is none. */
static bool next_ignored(const char **at, weir_view *name)
{
    if (!*at || !**at) {
        return false;
    }
    *name = weir_view_make(*at, strcspn(*at, ","));
    *at += name->len + ((*at)[name->len] == ',');
    return true;
}

static bool is_ignored(const diff *d, weir_view column)
{
    weir_view name;
    const char *at = d->ignore;
    for (size_t i = 0; next_ignored(&at, &name); i++) {
        if (weir_view_eq(column, name)) {
            d->ignored[i] = true;
            return true;
        }
    }
    return false;
}

/* The source's name of a column that the cache shows under another one. */
static weir_view source_name(const diff *d, weir_view shown)
{
    const weir_config_pairs *r = &d->cache->columns.rename;
    for (size_t i = 0; i < r->count; i++) {
        if (weir_view_is(shown, r->items[i].value)) {
            return weir_view_of(r->items[i].name);
        }
    }
    return shown;
}

static bool listed(const weir_config_texts *t, weir_view name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (weir_view_is(name, t->items[i].text)) {
            return true;
        }
    }
    return false;
}

static bool is_followed(const diff *d, weir_view column)
{
    const weir_config_columns *c = &d->cache->columns;
    return (!c->keep.count || listed(&c->keep, column)) && !listed(&c->drop, column) &&
           !is_ignored(d, column);
}

static void tell_column_json(diff *d, weir_view name, weir_view has, weir_view should)
{
    weir_buf_puts(&d->why, d->why.len ? ",{\"column\":" : "{\"column\":");
    weir_json_put_string(&d->why, name);
    if (has.ptr) {
        weir_buf_printf(&d->why, ",\"has\":%.*s", WEIR_ARG(has));
    }
    weir_buf_printf(&d->why, ",\"source\":%.*s}", WEIR_ARG(should));
}

/* has.ptr NULL: it is not there. */
static void tell_column(diff *d, weir_view name, weir_view has, weir_view should)
{
    if (d->json) {
        tell_column_json(d, name, has, should);
        return;
    }
    has = has.ptr ? has : weir_view_of("not there");
    weir_buf_printf(&d->why, "%s\"%.*s\": %.*s, the source has %.*s", d->why.len ? "; " : "",
        WEIR_ARG(name), (int)(has.len > 200 ? 200 : has.len), has.ptr,
        (int)(should.len > 200 ? 200 : should.len), should.ptr);
}

/* Column by column, byte by byte. A column that only the source has is one that it got since the
 * row was written: its default is not in the stream, unless it is null. */
static bool same_row(
    diff *d, weir_view row, weir_view source, weir_arena *scratch, weir_status *st, weir_error *err)
{
    const weir_value *have, *want;
    weir_buf_clear(&d->why);
    *st = weir_json_read(row, scratch, &have, err);
    *st = *st ? *st : weir_json_read(source, scratch, &want, err);
    if (*st) {
        return false;
    }
    size_t matched = 0;
    WEIR_EACH_MEMBER(have, name, value)
    {
        weir_view column = source_name(d, weir_string(name, scratch));
        const weir_value *other = weir_get(want, column);
        matched += other != NULL;
        if (other && is_followed(d, column) &&
            !weir_view_eq(weir_source(value), weir_source(other))) {
            tell_column(d, column, weir_source(value), weir_source(other));
        }
    }
    if (matched < want->len) {
        WEIR_EACH_MEMBER(want, name, value)
        {
            weir_view column = weir_string(name, scratch);
            bool found = false;
            WEIR_EACH_MEMBER(have, own, ignored)
            {
                (void)ignored;
                found |= weir_view_eq(source_name(d, weir_string(own, scratch)), column);
            }
            if (!found && is_followed(d, column) && value->type != WEIR_NULL) {
                tell_column(d, column, weir_view_make(NULL, 0), weir_source(value));
            }
        }
    }
    return !d->why.len;
}

/* Would the cache show it? */
static bool matches(const diff *d, weir_view row, weir_arena *scratch)
{
    const weir_config_conditions *w = &d->cache->where;
    const weir_value *root;
    weir_error err;
    bool ok = !w->count || !weir_json_read(row, scratch, &root, &err);
    for (size_t i = 0; ok && i < w->count; i++) {
        const weir_value *v = weir_get(root, weir_view_of(w->items[i].column));
        weir_row_condition c = {.value = weir_condition_json(&w->items[i], scratch)};
        ok = v && c.value.ptr && weir_row_condition_holds(&c, v, scratch);
    }
    return ok;
}

/* The source's key of a cache's row: {"id":1}, in the order of the source's key. */
static weir_status key_of_row(
    diff *d, weir_view row, weir_arena *arena, weir_view *key, weir_error *err)
{
    const weir_value *root;
    weir_buf b = {0};
    weir_status st = weir_json_read(row, arena, &root, err);
    for (size_t i = 0; i < d->n_key && !st; i++) {
        weir_view column = weir_view_of(d->key[i]);
        const weir_value *found = NULL;
        WEIR_EACH_MEMBER(root, name, value)
        {
            found = weir_view_eq(source_name(d, weir_string(name, arena)), column) ? value : found;
        }
        if (!found) {
            st = weir_fail(err, WEIR_E_TABLE_KEY,
                "rows of %s do not have \"%s\", which is of the source's key", d->cache->name,
                d->key[i]);
            break;
        }
        weir_buf_putc(&b, i ? ',' : '{');
        weir_json_put_string(&b, column);
        weir_buf_putc(&b, ':');
        weir_buf_putv(&b, weir_source(found));
    }
    weir_buf_putc(&b, '}');
    *key = st || b.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return st ? st : key->ptr ? WEIR_OK : weir_fail_oom(err);
}

/* ---- Doubts ------------------------------------------------------------------------------------
 */

static weir_status doubt_row(diff *d, weir_view key, weir_view cache_key, weir_error *err)
{
    if (d->n_doubts == d->room) {
        size_t room = d->room ? d->room * 2 : 64;
        doubt *grown = weir_realloc(d->doubts, room * sizeof *grown);
        if (!grown) {
            return weir_fail_oom(err);
        }
        d->doubts = grown;
        d->room = room;
    }
    if (d->n_doubts == MOST_DOUBTS) {
        return weir_fail(err, WEIR_E_TOO_LARGE, "more than %d rows differ", MOST_DOUBTS);
    }
    doubt *x = &d->doubts[d->n_doubts++];
    x->key = weir_arena_copy(&d->kept, key);
    x->cache_key = cache_key.ptr ? weir_arena_copy(&d->kept, cache_key) : cache_key;
    return d->kept.failed ? weir_fail_oom(err) : WEIR_OK;
}

/* ---- The cache's rows, by chunks ---------------------------------------------------------------
 */

static weir_status meet_source_row(void *ctx, weir_view key, weir_view row, weir_error *err)
{
    diff *d = ctx;
    struct pair *p = weir_map_get(&d->keys, key);
    if (!p) {
        return WEIR_OK; /* two texts of one value */
    }
    weir_status st = WEIR_OK;
    bool shown = matches(d, row, &d->chunk); /* else it should have gone */
    p->met = shown && same_row(d, p->row, row, &d->chunk, &st, err);
    return st;
}

static weir_status compare_chunk(diff *d, weir_error *err)
{
    weir_buf keys = {0};
    weir_buf_putc(&keys, '[');
    for (size_t i = 0; i < d->n_pairs; i++) {
        weir_buf_puts(&keys, i ? "," : "");
        weir_buf_putv(&keys, d->pairs[i].key);
    }
    weir_buf_putc(&keys, ']');
    const char *text = weir_buf_str(&keys);
    weir_status st = keys.failed ? weir_fail_oom(err)
                                 : weir_pg_rows_of(d->source, text, meet_source_row, d, err);
    for (size_t i = 0; i < d->n_pairs && !st; i++) {
        if (!d->pairs[i].met) {
            st = doubt_row(d, d->pairs[i].key, d->pairs[i].cache_key, err);
        }
    }
    d->compared += d->n_pairs;
    d->n_pairs = 0;
    weir_map_fini(&d->keys, NULL);
    weir_map_init(&d->keys);
    weir_arena_reset(&d->chunk);
    weir_buf_fini(&keys);
    return st;
}

static weir_status take_row(void *ctx, weir_view key, weir_view row, bool *remove, weir_error *err)
{
    diff *d = ctx;
    (void)remove;
    struct pair *p = &d->pairs[d->n_pairs];
    *p = (struct pair){
        .cache_key = weir_arena_copy(&d->chunk, key), .row = weir_arena_copy(&d->chunk, row)};
    if (d->chunk.failed) {
        return weir_fail_oom(err);
    }
    weir_status st = key_of_row(d, p->row, &d->chunk, &p->key, err);
    if (st) {
        return st;
    }
    weir_map_entry *e = weir_map_add(&d->keys, p->key), *k = weir_map_add(&d->known, p->key);
    if (!e || !k) {
        return weir_fail_oom(err);
    }
    e->value = p;
    d->n_pairs++;
    return d->n_pairs == CHUNK ? compare_chunk(d, err) : WEIR_OK;
}

/* A row comes with its key only where it decides whether the cache would show it. */
static weir_status meet_source_key(void *ctx, weir_view key, weir_view row, weir_error *err)
{
    diff *d = ctx;
    weir_arena_reset(&d->chunk);
    bool judged = weir_map_find(&d->known, key) || (row.ptr && !matches(d, row, &d->chunk));
    return judged ? WEIR_OK : doubt_row(d, key, (weir_view){NULL, 0}, err);
}

static weir_status compare_all(diff *d, weir_error *err)
{
    const weir_store_ops *ops = d->store.ops;
    weir_status st = ops->begin(d->store.self, err);
    if (st) {
        return st;
    }
    st = ops->each(
        d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW, (weir_view){"", 0}, take_row, d, err);
    st = st || !d->n_pairs ? st : compare_chunk(d, err);
    ops->abort(d->store.self);
    return st ? st
              : weir_pg_rows_keys(d->source, d->cache->where.count > 0, meet_source_key, d, err);
}

/* ---- Looking again -----------------------------------------------------------------------------
 */

static weir_status keep_row(void *ctx, weir_view key, weir_view row, weir_error *err)
{
    weir_buf *to = ctx;
    (void)key;
    weir_buf_putv(to, row);
    return to->failed ? weir_fail_oom(err) : WEIR_OK;
}

typedef enum judgement { SAME, DIFFERS, MISSING, EXTRA } judgement;

/* In the store's transaction, and the source's snapshot. */
static weir_status judge(diff *d, const doubt *x, judgement *is, weir_error *err)
{
    weir_buf keys = {0}, row = {0};
    weir_arena scratch;
    weir_view have = {NULL, 0};
    weir_arena_init(&scratch, 0);
    weir_buf_putc(&keys, '[');
    weir_buf_putv(&keys, x->key);
    weir_buf_putc(&keys, ']');
    weir_view cache_key = x->cache_key.ptr ? x->cache_key : x->key;
    weir_status st = keys.failed
                         ? weir_fail_oom(err)
                         : weir_pg_rows_of(d->source, weir_buf_str(&keys), keep_row, &row, err);
    st = st ? st
            : d->store.ops->get(
                  d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW, cache_key, &have, err);
    bool source_has = !st && row.len && matches(d, weir_buf_view(&row), &scratch);
    if (!st && have.ptr && source_has) {
        *is = same_row(d, have, weir_buf_view(&row), &scratch, &st, err) ? SAME : DIFFERS;
    } else if (!st) {
        *is = have.ptr ? EXTRA : source_has ? MISSING : SAME;
    }
    weir_arena_fini(&scratch);
    weir_buf_fini(&keys);
    weir_buf_fini(&row);
    return st;
}

static void tell_row(diff *d, weir_view key, judgement is)
{
    static const char *const words[] = {
        [DIFFERS] = "differs", [MISSING] = "is missing", [EXTRA] = "is too many"};
    static const char *const json[] = {
        [DIFFERS] = "differs", [MISSING] = "missing", [EXTRA] = "too_many"};
    const char *why = is == DIFFERS ? weir_buf_str(&d->why) : "";
    if (!d->json) {
        printf("%.*s %s%s%s\n", WEIR_ARG(key), words[is], is == DIFFERS ? ": " : "", why);
        return;
    }
    printf("{\"key\":%.*s,\"result\":\"%s\",\"columns\":[%s]}\n", WEIR_ARG(key), json[is], why);
}

/* Keeps the doubts that stand; says them when it is the last time. */
static weir_status look_again(diff *d, bool last, weir_error *err)
{
    const weir_store_ops *ops = d->store.ops;
    uint64_t lsn;
    size_t left = 0;
    weir_status st = weir_pg_rows_refresh(d->source, &lsn, err);
    st = st ? st : ops->begin(d->store.self, err);
    if (st) {
        return st;
    }
    for (size_t i = 0; i < d->n_doubts && !st; i++) {
        judgement is = SAME;
        st = judge(d, &d->doubts[i], &is, err);
        if (!st && is != SAME) {
            if (last && left < MOST_TOLD) {
                tell_row(d, d->doubts[i].key, is);
            }
            d->doubts[left++] = d->doubts[i];
        }
    }
    ops->abort(d->store.self);
    d->n_doubts = st ? d->n_doubts : left;
    return st;
}

static weir_status settle_doubts(diff *d, int64_t wait_ms, weir_error *err)
{
    weir_status st = WEIR_OK;
    for (int64_t waited = 0; !st && d->n_doubts && waited < wait_ms; waited += AGAIN_MS) {
        st = look_again(d, false, err);
        if (!st && d->n_doubts) {
            usleep(AGAIN_MS * 1000);
        }
    }
    return st || !d->n_doubts ? st : look_again(d, true, err);
}

/* ---- The command -------------------------------------------------------------------------------
 */

/* That a cache is past a place cannot always be told (no broker; a shared store keeps no offsets):
 * then what differs is looked at again for as long. */
static void await_snapshot(diff *d, const weir_config *config, uint64_t lsn, int64_t wait_ms)
{
    weir_cli_fresh fresh = {.passed = false};
    weir_error err;
    weir_cli asking = *d->cli;
    asking.timeout_ms = wait_ms < asking.timeout_ms ? (int)wait_ms : asking.timeout_ms;
    if (wait_ms && !d->cli->quiet &&
        (weir_cli_await(&asking, config, d->cache, d->store, lsn, wait_ms, &fresh, &err) ||
            !fresh.passed)) {
        fprintf(stderr,
            "weir diff: whether %s is past the snapshot cannot be told; what differs is looked at "
            "again\n",
            d->cache->name);
    }
}

static weir_status compare(diff *d, const weir_config *config, const char *against, int64_t wait_ms,
    uint64_t *lsn, weir_error *err)
{
    weir_status st = weir_pg_rows_open(against, d->cache->schema, d->cache->table, &d->source, err);
    st = st ? st : weir_cli_open_cache(d->cache, &d->store, err);
    st = st ? st : weir_pg_rows_refresh(d->source, lsn, err);
    if (st) {
        return st;
    }
    d->n_key = weir_pg_rows_key(d->source, &d->key);
    d->pairs = weir_calloc(CHUNK, sizeof *d->pairs);
    d->ignored = weir_calloc(d->ignore ? strlen(d->ignore) + 1 : 1, sizeof *d->ignored);
    if (!d->pairs || !d->ignored) {
        return weir_fail_oom(err);
    }
    await_snapshot(d, config, *lsn, wait_ms);
    st = compare_all(d, err);
    return st ? st : settle_doubts(d, wait_ms, err);
}

/* A name that no row has is a slip of the pen: what was meant is compared. */
static void tell_unknown(const diff *d)
{
    weir_view name;
    const char *at = d->ignore;
    for (size_t i = 0; d->compared && next_ignored(&at, &name); i++) {
        if (!d->ignored[i]) {
            fprintf(stderr, "weir diff: --ignore: no row has a column %.*s: is the name right?\n",
                WEIR_ARG(name));
        }
    }
}

static void finish(diff *d)
{
    weir_free(d->ignored);
    weir_cli_close_store(&d->store);
    weir_pg_rows_close(d->source);
    weir_map_fini(&d->keys, NULL);
    weir_map_fini(&d->known, NULL);
    weir_arena_fini(&d->chunk);
    weir_arena_fini(&d->kept);
    weir_buf_fini(&d->why);
    weir_free(d->pairs);
    weir_free(d->doubts);
}

static int run_with(weir_cli *cli, weir_config *config, const char *name, const char *against,
    const char *ignore, int64_t wait_ms)
{
    diff d = {.cli = cli, .ignore = ignore, .json = cli->json};
    weir_error err = {.status = WEIR_OK};
    uint64_t lsn = 0;
    int code = weir_cli_find_cache(cli, config, name, &d.cache);
    if (code) {
        return code;
    }
    weir_arena_init(&d.chunk, 0);
    weir_arena_init(&d.kept, 0);
    weir_status st = compare(&d, config, against, wait_ms, &lsn, &err);
    if (!st && !cli->quiet) {
        tell_unknown(&d);
        weir_buf at = {0};
        weir_cli_put_lsn(&at, lsn);
        fprintf(stderr, "%s: %" PRIu64 " rows compared with the source at %s, %zu differ\n", name,
            d.compared, weir_buf_str(&at), d.n_doubts);
        weir_buf_fini(&at);
    }
    code = st ? weir_cli_fail(cli, &err) : d.n_doubts ? EXIT_NO : EXIT_YES;
    finish(&d);
    return code;
}

static int run(weir_cli *cli)
{
    const char *against = weir_cli_option(cli, "--against"), *wait = weir_cli_option(cli, "--wait");
    const char *ignore = weir_cli_option(cli, "--ignore");
    const char *name = weir_cli_argument(cli);
    int64_t wait_ms = wait ? weir_cli_duration(wait) : WAIT_MS;
    weir_config *config;
    int code = weir_cli_end(cli);
    if (!code && !against) {
        code = weir_cli_usage(cli, "which database? (--against CONNINFO)");
    }
    if (!code && wait_ms < 0) {
        code = weir_cli_usage(cli, "--wait takes a time such as 10s, not %s", wait);
    }
    code = code ? code : weir_cli_config_option(cli, &config);
    if (code) {
        return code;
    }
    code = run_with(cli, config, name, against, ignore, wait_ms);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_diff = {
    .name = "diff",
    .arguments = "CACHE --against CONNINFO -c CONFIG",
    .summary = "a cache or table against its source database, row by row",
    .text =
        "Reads the source (PostgreSQL) in one snapshot, waits until the cache or table is past "
        "its LSN, as\n"
        "far as that can be told, and compares every row, column by column, byte by byte, by "
        "chunks of\n"
        "keys. The source may go on: a row that differs is looked at again on both sides until "
        "it is the\n"
        "same, or --wait is over. What then differs is printed, at most 100 rows, with --json "
        "as\n"
        "{\"key\":…,\"result\":\"differs|missing|too_many\",\"columns\":[{\"column\":…,\"has\":…,"
        "\"source\":…}]};\n"
        "the exit code is 1 if anything does. weir reads, and writes to neither.\n\n"
        "What Debezium's encoding loses differs (docs/row-contract.md names it): leave such "
        "columns out by\n"
        "--ignore.\n\n"
        "Examples\n"
        "  weir diff orders --against 'host=shop dbname=shop user=reader' -c shop.yaml\n"
        "  weir diff orders --against \"$SOURCE\" --ignore valid_during,clock --wait 1m -c "
        "shop.yaml\n",
    .options = options,
    .run = run,
};
