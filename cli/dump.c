/* weir dump: the rows of a cache, one a line. */
#include <string.h>

#include "cache.h"
#include "cdc/state.h"

static const weir_option options[] = {
    {"--keys", NULL, "a line is {\"key\":…,\"row\":…}"},
    {"--states", NULL, "the same, with the row's position and what is wrong with it"},
    {NULL, NULL, NULL},
};

enum { FLUSH_BYTES = 1 << 16 };

typedef struct dump {
    weir_store store;
    bool keys, states;
    weir_buf out;
} dump;

static weir_status flush(dump *d, weir_error *err)
{
    weir_view text = weir_buf_view(&d->out); /* an empty dump has written nothing */
    bool good = !d->out.failed && fwrite(text.ptr, 1, text.len, stdout) == text.len;
    bool oom = d->out.failed;
    weir_buf_clear(&d->out);
    return good  ? WEIR_OK
           : oom ? weir_fail_oom(err)
                 : weir_fail(err, WEIR_E_FILE_UNWRITABLE, "standard output cannot be written");
}

static void put_members(dump *d, const weir_state *st)
{
    weir_buf_puts(&d->out, ",\"lsn\":\"");
    weir_cli_put_lsn(&d->out, st->stamp.l ? st->stamp.l : st->mark.at.l);
    weir_buf_putc(&d->out, '"');
    if (st->missing.len) {
        weir_buf_puts(&d->out, ",\"incomplete\":");
        weir_buf_putv(&d->out, st->missing);
    }
    weir_buf_puts(&d->out, st->quarantined ? ",\"quarantined\":true" : "");
}

static weir_status put_state(dump *d, weir_view key, weir_error *err)
{
    weir_view bytes;
    weir_state st;
    weir_status s =
        d->store.ops->get(d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_STATE, key, &bytes, err);
    s = s || !bytes.ptr ? s : weir_state_get(bytes, &st, err);
    if (!s && bytes.ptr) {
        put_members(d, &st);
    }
    return s;
}

/* A key whose row is hidden because of what is wrong with it (on_incomplete: hide). */
static weir_status put_hidden(
    void *ctx, weir_view key, weir_view bytes, bool *remove, weir_error *err)
{
    dump *d = ctx;
    weir_state st;
    weir_view row = {NULL, 0};
    (void)remove;
    weir_status s = weir_state_get(bytes, &st, err);
    if (s || !st.alive || !(st.quarantined || st.missing.len)) {
        return s;
    }
    s = d->store.ops->get(d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW, key, &row, err);
    if (s || row.ptr) {
        return s;
    }
    weir_buf_puts(&d->out, "{\"key\":");
    weir_buf_putv(&d->out, key);
    put_members(d, &st);
    weir_buf_puts(&d->out, ",\"row\":null}\n");
    return d->out.len < FLUSH_BYTES ? s : flush(d, err);
}

static weir_status put_row(void *ctx, weir_view key, weir_view row, bool *remove, weir_error *err)
{
    dump *d = ctx;
    weir_status s = WEIR_OK;
    bool wrapped = d->keys || d->states;
    (void)remove;
    if (wrapped) {
        weir_buf_puts(&d->out, "{\"key\":");
        weir_buf_putv(&d->out, key);
        s = d->states ? put_state(d, key, err) : WEIR_OK;
        weir_buf_puts(&d->out, ",\"row\":");
    }
    weir_cli_put_row(&d->out, row);
    weir_buf_puts(&d->out, wrapped ? "}\n" : "\n");
    return s || d->out.len < FLUSH_BYTES ? s : flush(d, err);
}

/* In one read transaction: the rows are those of one moment. */
static weir_status dump_rows(dump *d, weir_error *err)
{
    const weir_store_ops *ops = d->store.ops;
    weir_status s = ops->begin(d->store.self, err);
    if (s) {
        return s;
    }
    s = ops->each(
        d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_ROW, (weir_view){"", 0}, put_row, d, err);
    if (!s && d->states) {
        s = ops->each(d->store.self, WEIR_CLI_CACHE, WEIR_SPACE_STATE, (weir_view){"", 0},
            put_hidden, d, err);
    }
    ops->abort(d->store.self);
    s = s ? s : flush(d, err);
    return s || fflush(stdout) == 0
               ? s
               : weir_fail(err, WEIR_E_FILE_UNWRITABLE, "standard output cannot be written");
}

static int run_with(weir_cli *cli, weir_config *config, const char *name, dump *d)
{
    const weir_config_cache *cache;
    weir_error err = {.status = WEIR_OK};
    int code = weir_cli_find_cache(cli, config, name, &cache);
    if (code) {
        return code;
    }
    cli->json = false; /* stdout is for rows, which are JSON anyway; errors go to stderr */
    weir_status s = weir_cli_open_cache(cache, &d->store, &err);
    s = s ? s : dump_rows(d, &err);
    weir_cli_close_store(&d->store);
    weir_buf_fini(&d->out);
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}

static int run(weir_cli *cli)
{
    dump d = {.keys = weir_cli_option(cli, "--keys") != NULL,
        .states = weir_cli_option(cli, "--states") != NULL};
    const char *name = weir_cli_argument(cli);
    weir_config *config;
    int code = weir_cli_end(cli);
    code = code ? code : weir_cli_config_of_stores(cli, &config);
    if (code) {
        return code;
    }
    code = run_with(cli, config, name, &d);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_dump = {
    .name = "dump",
    .arguments = "CACHE -c CONFIG",
    .summary = "the rows of a cache, one a line",
    .text =
        "Prints each row that the cache shows as one line of JSON, in the order of the "
        "store's keys (the bytes\n"
        "of a key's JSON), as it was at one moment. A daemon may be running; for as long as "
        "the dump takes,\n"
        "its store cannot use space again that it frees. A row is what PostgreSQL's to_json "
        "gives for it; a\n"
        "newline between two tokens of a json column becomes a space.\n\n"
        "--states adds the row's LSN and, where they apply, \"incomplete\" (columns whose "
        "value nobody ever\n"
        "sent, null in the row) and \"quarantined\" (a record of this key could not be "
        "used). Rows with one of\n"
        "them are there at all with on_incomplete: serve; with hide, their keys come last, with "
        "the row null.\n\n"
        "Examples\n"
        "  weir dump orders -c shop.yaml\n"
        "  weir dump orders -c shop.yaml | jq -r 'select(.total > 100) | .id'\n"
        "  weir dump orders -c shop.yaml --states | grep quarantined\n",
    .options = options,
    .run = run,
};
