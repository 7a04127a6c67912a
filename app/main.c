/* weir_main: a whole service's main(). See <weir/app.h>. */
#include <weir/weir.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "case.h"
#include "exit_code.h"
#include "last_word.h"
#include "milestones.h"
#include "process.h"
#include "watchdog.h"

enum { TICK_MS = 200 };

static int usage(const char *program, FILE *to)
{
    fprintf(to,
        "usage: %s --config FILE\n       %s --test DIR [--update] [--config FILE]\n\n"
        "  --config FILE  the config (docs/config.md)\n"
        "  --test DIR     run the cases in this folder instead, without a broker: records in, "
        "emits,\n"
        "                 rows and dead letters out (docs/services.md); --update writes what is "
        "expected\n"
        "  --version      print weir's version\n  --help         this\n",
        program, program);
    return to == stderr ? EXIT_USAGE : EXIT_YES;
}

static int complain(const char *program, const weir_error *err)
{
    fprintf(stderr, "%s: %s%s%s [%s]\n", program, err->where, err->where[0] ? ": " : "", err->text,
        err->code);
    return weir_exit_of(err);
}

static void look(weir_app *app, weir_watchdog *watchdog, weir_milestones *milestones)
{
    weir_daemon *d = weir_app_daemon(app);
    weir_watchdog_look(watchdog);
    if (d && !milestones->ready && weir_app_ready(app)) { /* without caches it is so at once */
        weir_milestones_look(milestones, true, weir_app_records(app));
        weir_daemon_tell_columns(d);
    }
}

/* What has ended it. */
static const char *watch(
    weir_app *app, weir_watchdog *watchdog, weir_milestones *milestones, const sigset_t *signals)
{
    while (!weir_app_ended(app)) {
        struct timespec tick = {0, TICK_MS * 1000000L};
        int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT) {
            return signal == SIGTERM ? "SIGTERM" : "SIGINT";
        }
        look(app, watchdog, milestones);
    }
    return "itself";
}

/* What was in hand comes again, as after a kill. */
static void end_at_once(const char *program)
{
    fprintf(stderr, "%s: ended by a second signal; what was in hand comes again\n", program);
    fflush(NULL);
    _exit(EXIT_HALTED);
}

/* Until what is in hand is done, or limits.drain has passed; who cannot wait asks a second time. */
static void drain(const char *program, weir_app *app, const sigset_t *signals)
{
    weir_app_stop(app);
    while (!weir_app_drained(app)) {
        struct timespec tick = {0, TICK_MS * 1000000L};
        int signal = sigtimedwait(signals, NULL, &tick);
        if (signal == SIGTERM || signal == SIGINT) {
            end_at_once(program);
        }
    }
}

static int run(const char *program, weir_app *app, const sigset_t *signals)
{
    weir_error err = {.status = WEIR_OK};
    const char *why = "itself";
    weir_watchdog watchdog;
    weir_milestones milestones;
    weir_milestones_start(&milestones, weir_app_config(app), NULL, weir_app_log(app));
    weir_status s = weir_watchdog_open(&watchdog, app, &err);
    s = s ? s : weir_app_start(app, &err);
    if (!s) {
        why = watch(app, &watchdog, &milestones, signals);
    }
    drain(program, app, signals);
    weir_error end;
    weir_status ended = weir_app_wait(app, &end);
    err = s || !ended ? err : end;
    weir_milestones_end(&milestones, why, &err, weir_app_records(app));
    weir_watchdog_close(&watchdog);
    bool is_told = weir_app_config(app)->log.format == WEIR_CONFIG_LOG_FORMAT_JSON;
    return !err.status ? EXIT_YES : is_told ? weir_exit_of(&err) : complain(program, &err);
}

/* ---- Tests --------------------------------------------------------------------------------------
 */

static int fail_case(void *program, const weir_error *err)
{
    return complain(program, err);
}

static int load_case(void *program, const char *path, weir_config **out)
{
    weir_config_problems problems;
    weir_error err = {.status = WEIR_OK};
    weir_config_problems_init(&problems);
    weir_status s = weir_config_load(path, &weir_config_of_test, out, &problems, &err);
    weir_config_problems_fini(&problems);
    return s ? complain(program, &err) : EXIT_YES;
}

static int run_cases(const char *program, const char *dir, bool update, const char *config,
    weir_setup_fn *setup, void *ctx)
{
    const weir_case_options o = {.update = update,
        .config_path = config,
        .setup = setup,
        .setup_ctx = ctx,
        .fail = fail_case,
        .load = load_case,
        .ctx = (void *)(uintptr_t)program};
    return weir_case_run_folders(&o, &dir, 1);
}

/* ---- The program --------------------------------------------------------------------------------
 */

static int run_program(int argc, char **argv, weir_setup_fn *setup, void *ctx)
{
    const char *config = NULL, *cases = NULL;
    bool update = false;
    weir_process_files();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return usage(argv[0], stdout);
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("weir " WEIR_VERSION);
            return EXIT_YES;
        }
        if ((strcmp(argv[i], "--config") == 0 || strcmp(argv[i], "-c") == 0) && i + 1 < argc) {
            config = argv[++i];
        } else if (strcmp(argv[i], "--test") == 0 && i + 1 < argc) {
            cases = argv[++i];
        } else if (strcmp(argv[i], "--update") == 0) {
            update = true;
        } else {
            fprintf(stderr, "%s: unexpected argument %s\n", argv[0], argv[i]);
            return usage(argv[0], stderr);
        }
    }
    if (cases) {
        return run_cases(argv[0], cases, update, config, setup, ctx);
    }
    if (!config || update) {
        fprintf(stderr, "%s: %s is missing\n", argv[0], config ? "--test" : "--config");
        return usage(argv[0], stderr);
    }
    weir_process_memory();
    weir_last_word();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts: all inherit it */
    signal(SIGPIPE, SIG_IGN);
    weir_error err = {.status = WEIR_OK};
    weir_app *app = weir_app_new(config, setup, ctx, &err);
    if (!app) {
        return complain(argv[0], &err);
    }
    int code = run(argv[0], app, &signals);
    if (weir_app_hangs(app)) { /* its thread would run on while the process is taken down */
        fflush(NULL);
        _exit(code);
    }
    weir_app_free(app);
    return code;
}

/* What was said must have been heard: a full disk would else pass for success. */
int weir_main(int argc, char **argv, weir_setup_fn *setup, void *ctx)
{
    int code = run_program(argc, argv, setup, ctx);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || code > EXIT_NO) {
        return code;
    }
    weir_error err;
    weir_fail(&err, WEIR_E_FILE_UNWRITABLE, "standard output cannot be written");
    return complain(argv[0], &err);
}
