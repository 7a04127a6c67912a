/* What every subcommand shares. See cli.h. */
#include <string.h>
#include <unistd.h>

#include "advice.h"
#include "cli.h"
#include "kafka_properties.h"
#include "value/json.h"

int weir_cli_fail(const weir_cli *cli, const weir_error *err)
{
    const char *advice = weir_cli_advice(cli->command->name, err);
    if (cli->json) {
        weir_buf b = {0};
        const char *const fields[][2] = {
            {"code", err->code}, {"where", err->where}, {"text", err->text}, {"advice", advice}};
        weir_buf_puts(&b, "{\"error\":{");
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            weir_buf_printf(&b, "%s\"%s\":", i ? "," : "", fields[i][0]);
            weir_json_put_string(&b, weir_view_of(fields[i][1]));
        }
        weir_buf_puts(&b, "}}");
        puts(weir_buf_str(&b));
        weir_buf_fini(&b);
    } else {
        fprintf(stderr, "weir %s: %s%s%s [%s]\n", cli->command->name, err->where,
            err->where[0] ? ": " : "", err->text, err->code);
        if (*advice) {
            fprintf(stderr, "  %s\n", advice);
        }
    }
    return weir_exit_of(err);
}

/* Of a config that asks for lines of JSON: whoever reads the log reads no others. */
static void log_warnings(
    const weir_cli *cli, const weir_config *config, const weir_config_problems *problems)
{
    weir_log log;
    weir_log_of_config(config, cli->quiet, &log);
    for (size_t i = 0; i < problems->count; i++) {
        const weir_config_problem *p = &problems->items[i];
        weir_error err = {.status = WEIR_OK};
        weir_fail(&err, p->code, "%s%s%s", p->where, p->where[0] ? ": " : "", p->text);
        (void)weir_at(&err, "%s:%u:%u", config->file, p->place.line, p->place.column);
        weir_log_error(&log, WEIR_LOG_WARN, "config", &err, "a warning");
    }
}

int weir_cli_config(weir_cli *cli, const char *path, const weir_config_options *options, bool warn,
    weir_config **out)
{
    weir_config_problems problems;
    weir_error err = {.status = WEIR_OK};
    weir_buf text = {0};
    weir_config_problems_init(&problems);
    weir_status s = weir_config_load(path, options, out, &problems, &err);
    if (!s && warn && (*out)->log.format == WEIR_CONFIG_LOG_FORMAT_JSON) {
        log_warnings(cli, *out, &problems);
        problems.count = 0;
    }
    for (size_t i = 0; i < problems.count; i++) {
        if (warn || !problems.items[i].warning) {
            weir_config_problem_put(path, &problems.items[i], &text);
        }
    }
    fputs(weir_buf_str(&text), stderr);
    int code = EXIT_YES;
    if (s) {
        code = problems.errors ? EXIT_USAGE : weir_cli_fail(cli, &err);
    }
    weir_buf_fini(&text);
    weir_config_problems_fini(&problems);
    return code;
}

bool weir_cli_terminal(const weir_cli *cli)
{
    return !cli->quiet && isatty(STDERR_FILENO);
}
