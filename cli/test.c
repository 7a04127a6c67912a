/* weir test: a config tested with records in and rows out, without a broker. */
#include "case.h"
#include "cli.h"

enum { MOST_DIRS = 256 };

/* ---- The command --------------------------------------------------------------------------------
 */

static const weir_option options[] = {
    {"--update", NULL, "write what comes out as what is expected"},
    {NULL, NULL, NULL},
};

static int fail(void *ctx, const weir_error *err)
{
    return weir_cli_fail(ctx, err);
}

static int load(void *ctx, const char *path, weir_config **out)
{
    return weir_cli_config(ctx, path, &weir_config_of_test, false, out);
}

static int run(weir_cli *cli)
{
    const char *dirs[MOST_DIRS], *dir;
    size_t n = 0;
    weir_case_options o = {.json = cli->json,
        .quiet = cli->quiet,
        .update = weir_cli_option(cli, "--update") != NULL,
        .config_path = cli->config_path,
        .fail = fail,
        .load = load,
        .ctx = cli};
    while (n < MOST_DIRS && (dir = weir_cli_argument(cli))) {
        dirs[n++] = dir;
    }
    int code = n ? weir_cli_end(cli) : weir_cli_usage(cli, "which folder?");
    return code ? code : weir_case_run_folders(&o, dirs, n);
}

const weir_command weir_command_test = {
    .name = "test",
    .arguments = "DIR…",
    .summary = "a config tested: records in, rows and dead letters out, no broker",
    .text =
        "A case is a folder with records, and with what the config is to make of them:\n"
        "  weir.yaml                  the config; or that of the folder above; or -c FILE\n"
        "  records*.jsonl             what comes, by the files' names\n"
        "  expected/rows/NAME.jsonl   the rows of a cache or table, {\"key\":…,\"row\":…}; no "
        "file: none\n"
        "  expected/dead.jsonl        records that cannot be used, in their order; no file: none\n"
        "A file in expected/ that is none of these, or of no cache or table, is an error.\n"
        "DIR is a case, or has cases in it, or both. The records go through decoding, validation, "
        "the\n"
        "columns, conditions and the merge rule of the config, into memory: no broker is asked, "
        "no\n"
        "store of the config opened or written, and a ${NAME} under `kafka`, `registry` and "
        "`stores`\n"
        "need not be set. Paths in the config are as for weir sync: seen "
        "from\n"
        "where weir is run.\n\n"
        "A line of records is one of\n"
        "  "
        "{\"table\":\"public.users\",\"op\":\"c\",\"key\":{\"id\":7},\"row\":{\"id\":7,\"name\":"
        "\"Ada\"}}\n"
        "  "
        "{\"topic\":\"shop.public.users\",\"key\":{\"id\":7},\"value\":{\"before\":null,\"after\":"
        "…}}\n"
        "  {\"topic\":…,\"key\":\"eyJpZCI6N30=\",\"value\":\"…\"}   as weir record writes it; "
        "those that\n"
        "                                                  nothing reads are left out\n"
        "  {\"event\":\"order.placed\",\"key\":\"o1\",\"value\":{…}}   of the config's events; "
        "both may have headers\n"
        "The first is what Debezium would write of a change (c, u, d, r, or t, which has neither "
        "key "
        "nor\n"
        "row), newer than all before. Values are as Debezium writes them by the source's `modes`: "
        "a "
        "numeric\n"
        "is a JSON number (1.20; a text is base64 unless modes have `decimal: string`), a bytea "
        "base64, and\n"
        "dates and times may be texts as PostgreSQL writes them.\n"
        "Empty lines, and those that begin with #, are left out.\n\n"
        "A service made with weir_main runs such cases with its handlers, by --test DIR, and "
        "compares\n"
        "expected/emits.jsonl and expected/parked.jsonl, too (docs/services.md).\n\n"
        "A difference is a line with -, which is expected, or +, which has come. --update writes "
        "what\n"
        "comes as what is expected: look at it before you keep it. Exits 0 when all is as "
        "expected, 1\n"
        "when it is not, 2 or 3 when a case cannot be run.\n\n"
        "Examples\n"
        "  weir test tests/\n"
        "  weir test -c shop.yaml tests/moves --update\n"
        "  weir record tests/new/records.jsonl --topic shop.public.users -c shop.yaml\n",
    .options = options,
    .run = run,
};
