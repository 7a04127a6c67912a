/* weir sync: the daemon that keeps caches equal to their CDC topics. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "daemon.h"
#include "kafka_properties.h"
#include "progress.h"

static const weir_option options[] = {
    {"--from", "FILE",
        "read a recording (.jsonl, .gz, .xz, .zst; - is stdin) to its end instead of Kafka"},
    {NULL, NULL, NULL},
};

enum { TICK_MS = 200 };

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL); /* before any thread starts, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);
}

/* Runs until it ends by itself or is asked to. */
static void watch(weir_cli *cli, weir_daemon *d, const sigset_t *signals, const weir_log *log)
{
    weir_progress progress;
    weir_progress_init(&progress, cli);
    while (!weir_daemon_ended(d)) {
        struct timespec tick = {0, TICK_MS * 1000000L};
        int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT) {
            weir_progress_clear(&progress);
            weir_log_line(log, WEIR_LOG_INFO, "sync", "%s: draining",
                signal == SIGTERM ? "SIGTERM" : "SIGINT");
            break;
        }
        weir_progress_show(&progress, d);
    }
    weir_progress_clear(&progress);
}

static int run_daemon(
    weir_cli *cli, const weir_config *config, const char *recording, const weir_log *log)
{
    weir_error err = {.status = WEIR_OK};
    sigset_t signals;
    weir_daemon *d;
    weir_progress_start start = weir_progress_now();
    block_signals(&signals);
    weir_status s = weir_daemon_open(config, recording, log, &d, &err);
    if (s) {
        return weir_cli_fail(cli, &err);
    }
    s = weir_daemon_start(d, &err);
    if (!s) {
        watch(cli, d, &signals, log);
        s = weir_daemon_wait(d, &err);
        if (!s && recording) {
            weir_progress_summary(cli, d, start);
        }
    }
    weir_daemon_close(d);
    return s ? weir_cli_fail(cli, &err) : EXIT_YES;
}

static int run(weir_cli *cli)
{
    const char *recording = weir_cli_option(cli, "--from");
    const char *path = cli->config_path ? cli->config_path : weir_cli_argument(cli);
    int code = weir_cli_end(cli);
    if (code) {
        return code;
    }
    if (!path) {
        return weir_cli_usage(cli, "which config?");
    }
    weir_config *config;
    code = weir_cli_config(cli, path, true, &config);
    if (code) {
        return code;
    }
    weir_log log;
    weir_log_of_config(config, cli->quiet, &log);
    code = run_daemon(cli, config, recording, &log);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_sync = {
    .name = "sync",
    .arguments = "CONFIG",
    .summary = "keep caches equal to their CDC topics",
    .text = "Reads the topics of every cache in CONFIG and keeps the caches equal to their source "
            "tables. Ends\n"
            "on SIGTERM or SIGINT after draining; what was applied is stored with its offsets.\n\n"
            "Examples\n"
            "  weir sync shop.yaml\n"
            "  weir sync --from recording.jsonl.xz shop.yaml    over a recording, to its end\n",
    .options = options,
    .run = run,
};
