/* weir sync: the daemon that keeps caches equal to their CDC topics. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "daemon.h"
#include "kafka_properties.h"
#include "lost_offsets.h"
#include "pages.h"
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

/* SIGHUP: the log's level is read again, and nothing else. */
static void reread_level(const weir_cli *cli, const char *path, weir_log *log)
{
    weir_config *config;
    weir_config_problems problems;
    weir_error err = {.status = WEIR_OK};
    weir_config_problems_init(&problems);
    if (weir_config_load(path, NULL, &config, &problems, &err)) {
        weir_log_error(log, WEIR_LOG_ERROR, "sync", &err, "SIGHUP: the log's level stays");
    } else {
        weir_log fresh;
        weir_log_of_config(config, cli->quiet, &fresh);
        int old = atomic_load(&log->level), level = atomic_load(&fresh.level);
        atomic_store(&log->level, level > old ? level : old); /* so that the next line is seen */
        weir_log_line(log, WEIR_LOG_INFO, "sync",
            "SIGHUP: the log's level is %s%s; nothing else of the config is read again",
            weir_config_word(log_level, config->log.level),
            cli->quiet ? ", but --quiet shows errors only" : "");
        atomic_store(&log->level, level);
        weir_config_free(config);
    }
    weir_config_problems_fini(&problems);
}

/* Runs until it ends by itself or is asked to. */
static void watch(
    weir_cli *cli, weir_daemon *d, const sigset_t *signals, const char *path, weir_log *log)
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
        if (signal == SIGHUP) {
            weir_progress_clear(&progress);
            reread_level(cli, path, log);
        }
        weir_progress_show(&progress, d);
    }
    weir_progress_clear(&progress);
}

/* The pages of http.listen; none without it. */
static weir_status open_admin(
    weir_daemon *d, const weir_log *log, weir_admin **out, weir_error *err)
{
    const weir_config_address *listen = &weir_daemon_config(d)->http.listen;
    *out = NULL;
    if (!listen->host) {
        return WEIR_OK;
    }
    weir_admin_options o = {listen->host, listen->port, weir_pages_of(d), log};
    return weir_admin_open(&o, out, err);
}

/* The pages are there before anything else runs, and until everything has ended. */
/* From start to end. */
static weir_status run_once(weir_cli *cli, const weir_config *config, const char *path,
    const char *recording, const sigset_t *signals, weir_log *log, weir_error *err)
{
    weir_daemon *d;
    weir_admin *admin = NULL;
    weir_progress_start start = weir_progress_now();
    weir_status s = weir_daemon_open(config, recording, log, &d, err);
    if (s) {
        return s;
    }
    s = open_admin(d, log, &admin, err);
    s = s ? s : weir_daemon_start(d, err);
    if (!s) {
        watch(cli, d, signals, path, log);
        s = weir_daemon_wait(d, err);
        if (!s && recording) {
            weir_progress_summary(cli, d, start);
        }
    }
    weir_admin_close(admin);
    weir_daemon_close(d);
    return s;
}

static int run_daemon(weir_cli *cli, const weir_config *config, const char *path,
    const char *recording, weir_log *log)
{
    weir_error err = {.status = WEIR_OK};
    sigset_t signals;
    block_signals(&signals);
    weir_status s = run_once(cli, config, path, recording, &signals, log, &err);
    while (s && weir_may_rebuild(config, &err)) {
        weir_log_error(log, WEIR_LOG_WARN, "sync", &err, "rebuilding every cache");
        s = weir_rebuild_all(config, &err);
        s = s ? s : run_once(cli, config, path, recording, &signals, log, &err);
    }
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
    code = run_daemon(cli, config, path, recording, &log);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_sync = {
    .name = "sync",
    .arguments = "CONFIG",
    .summary = "keep caches equal to their CDC topics",
    .text =
        "Reads the topics of every cache in CONFIG and keeps the caches equal to their source "
        "tables. Ends\n"
        "on SIGTERM or SIGINT after draining; what was applied is stored with its offsets. SIGHUP "
        "reads\n"
        "the log's level again. With http.listen in CONFIG it serves /live, /ready, /metrics and "
        "/status;\n"
        "weir status, weir lag and weir stuck ask for them.\n\n"
        "Examples\n"
        "  weir sync shop.yaml\n"
        "  weir sync --from recording.jsonl.xz shop.yaml    over a recording, to its end\n",
    .options = options,
    .run = run,
};
