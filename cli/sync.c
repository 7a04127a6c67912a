/* weir sync: the daemon that keeps caches equal to their CDC topics. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advice.h"
#include "cli.h"
#include "daemon.h"
#include "kafka_properties.h"
#include "lost_offsets.h"
#include "milestones.h"
#include "pages.h"
#include "patterns.h"
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

/* What a run is given, and what the log says of it. */
typedef struct sync_run {
    weir_cli *cli;
    weir_config *config;
    const char *path, *recording; /* recording NULL: Kafka */
    sigset_t signals;
    weir_log *log;
    weir_milestones milestones;
    uint64_t records;       /* settled, of all runs so far */
    uint64_t rejected;      /* of them */
    const char *stopped_by; /* a signal's name; NULL: it ended by itself */
    bool news;              /* it was stopped, to go on with tables that are new under a pattern */
} sync_run;

static void look(sync_run *run, weir_daemon *d, weir_progress *progress)
{
    bool ready = weir_daemon_ready(d);
    if (ready && !run->milestones.ready) {
        weir_progress_clear(progress);
        weir_milestones_look(&run->milestones, ready, run->records + weir_daemon_count(d).settled);
        weir_daemon_tell_columns(d);
    }
}

/* Runs until it ends by itself or is asked to. */
static void watch(sync_run *run, weir_daemon *d)
{
    weir_progress progress;
    weir_patterns_watch patterns = {run->config, 0};
    weir_progress_init(&progress, run->cli);
    while (!weir_daemon_ended(d)) {
        struct timespec tick = {0, TICK_MS * 1000000L};
        int signal = sigtimedwait(&run->signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT) {
            const char *name = signal == SIGTERM ? "SIGTERM" : "SIGINT";
            run->stopped_by = weir_daemon_ended(d) ? NULL : name;
            weir_progress_clear(&progress);
            weir_log_line(run->log, WEIR_LOG_INFO, "sync", "%s: draining", name);
            break;
        }
        if (signal == SIGHUP) {
            weir_progress_clear(&progress);
            reread_level(run->cli, run->path, run->log);
        }
        look(run, d, &progress);
        if (!run->recording && weir_patterns_news(&patterns, weir_monotonic_ms())) {
            weir_progress_clear(&progress);
            weir_log_line(run->log, WEIR_LOG_INFO, "sync", "new tables: beginning anew with them");
            run->news = true;
            break;
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

/* What has come of it, counted after its end. */
static void conclude(sync_run *run, weir_daemon *d)
{
    weir_daemon_counts n = weir_daemon_count(d);
    weir_daemon_tell_columns(d);
    run->records += n.settled;
    run->rejected += n.rejected;
}

/* From start to end. The pages are there before anything else runs, and until everything has
 * ended. */
static weir_status run_once(sync_run *run, weir_error *err)
{
    weir_daemon *d;
    weir_admin *admin = NULL;
    weir_progress_start start = weir_progress_now();
    run->news = false;
    weir_status s =
        weir_patterns_take(run->config, run->recording, WEIR_PATTERNS_TRIES, run->log, err);
    s = s ? s : weir_daemon_open(run->config, run->recording, run->log, &d, err);
    if (s) {
        return s;
    }
    s = open_admin(d, run->log, &admin, err);
    s = s ? s : weir_daemon_start(d, err);
    if (!s) {
        watch(run, d);
        s = weir_daemon_wait(d, err);
        conclude(run, d);
        if (!s && run->recording) {
            weir_progress_summary(run->cli, d, start, run->stopped_by);
        }
    }
    weir_admin_close(admin);
    weir_daemon_close(d);
    return s;
}

/* A recording is wanted whole, and every record of it; a daemon is asked to stop sooner or later,
 * and its dead letters are kept. */
static int verdict(const sync_run *run)
{
    bool lost = run->rejected && run->config->errors.reject == WEIR_CONFIG_REJECT_DEAD_LETTER;
    return run->recording && (run->stopped_by || lost) ? EXIT_NO : EXIT_YES;
}

/* A misspelt prefix looks like this. */
static void tell_nothing(const sync_run *run)
{
    const weir_config *c = run->config;
    weir_log_line(run->log, WEIR_LOG_WARN, "sync",
        "no record of %s was taken: it has none of the topics, as %s (topic_prefix of the source, "
        "and the name "
        "of the table), or all of them were taken before",
        run->recording, c->followed.count ? c->followed.items[0]->topic : "the config's topics");
}

/* The log has the failure, and is to be lines of JSON alone: what to do is one of them. */
static int advise(const sync_run *run, const weir_error *err)
{
    const char *advice = weir_cli_advice("sync", err);
    if (*advice) {
        weir_log_line(run->log, WEIR_LOG_WARN, "sync", "%s", advice);
    }
    return weir_exit_of(err);
}

static int run_daemon(sync_run *run)
{
    weir_error err = {.status = WEIR_OK};
    block_signals(&run->signals);
    weir_milestones_start(&run->milestones, run->config, run->recording, run->log);
    weir_status s = run_once(run, &err);
    while (s ? weir_may_rebuild(run->config, &err) : run->news) {
        if (s) {
            weir_log_error(run->log, WEIR_LOG_WARN, "sync", &err, "rebuilding every cache");
            s = weir_rebuild_all(run->config, &err);
        }
        s = s ? s : run_once(run, &err);
    }
    err.status = s;
    weir_milestones_end(&run->milestones,
        run->stopped_by  ? run->stopped_by
        : run->recording ? "the recording's end"
                         : "itself",
        &err, run->records);
    if (!s && run->recording && !run->records && !run->stopped_by) {
        tell_nothing(run);
    }
    if (s && !run->cli->json && run->config->log.format == WEIR_CONFIG_LOG_FORMAT_JSON) {
        return advise(run, &err);
    }
    return s ? weir_cli_fail(run->cli, &err) : verdict(run);
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
    code = weir_cli_config(cli, path, recording ? &weir_config_without_kafka : NULL, true, &config);
    if (code) {
        return code;
    }
    if (!config->followed.count && !config->moulds.count) {
        weir_error err;
        weir_fail(&err, WEIR_E_CONFIG_NOTHING, "no caches and no tables: there is nothing to sync");
        (void)weir_at(&err, "%s", path);
        weir_config_free(config);
        return weir_cli_fail(cli, &err);
    }
    weir_log log;
    weir_log_of_config(config, cli->quiet, &log);
    sync_run whole = {
        .cli = cli, .config = config, .path = path, .recording = recording, .log = &log};
    code = run_daemon(&whole);
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
        "Over a recording records that cannot be used are skipped, and told: no broker is asked, "
        "so "
        "there\n"
        "is no dead-letter topic. Exit code 1: there were some (0 with errors.reject: skip), or a "
        "signal\n"
        "came before the recording's end.\n\n"
        "Examples\n"
        "  weir sync shop.yaml\n"
        "  weir sync --from recording.jsonl.xz shop.yaml    over a recording, to its end\n",
    .options = options,
    .run = run,
};
