/* A case's run. See group_case.h.
 *
 *   steps --> everything written, handled, committed --> all members leave --> last look
 *
 * Whatever is waited for, the pump goes on: it writes records, takes reports and dead letters, and
 * now and then looks at what is committed. */
#include "group_case.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run.h"
#include "fault_broker.h"
#include "group_ledger.h"
#include "side_by_side.h"

enum {
    PIPE_BYTES = 1 << 20,
    PUMP_MS = 5,
    RECORDS_PER_S = 500,
    FEED_ON_MS = 1500, /* behind the last step, so that it does not come to a quiet group */
    LOOK_MS = 200,
    LEAVE_ERRORS_MS = 6000, /* to the members: the look would use them up */
    LEAVE_MS = 20000,
    LETTERS_MS = 10000,
    FINISH_MS = 60000,
    NOBODY = -1,
};

typedef struct slot {
    pid_t pid; /* 0: empty */
    int member;
    bool paused;
} slot;

typedef struct world {
    const group_case *c;
    const char *program;
    uint64_t random;
    uint32_t seed;
    int log, reports, report_end; /* report_end: what members write into */
    int64_t start_ms, look_ms;
    fault_broker broker;
    ledger ledger;
    slot slots[SLOTS];
    int n_members, written;
    bool brokers_down, fed;
} world;

extern char **environ;

static uint32_t random_below(world *w, uint32_t n)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)((w->random >> 16) % n);
}

static bool fine(const world *w)
{
    return !w->ledger.wrong[0];
}

/* ---- The pump -----------------------------------------------------------------------------------
 */

/* Writes what is due by now, until the script is over. */
static void feed(world *w)
{
    int64_t due = w->fed ? 0 : (weir_monotonic_ms() - w->start_ms) * RECORDS_PER_S / 1000;
    while (w->written < due) {
        char key[2] = {(char)('a' + random_below(w, KEYS)), '\0'};
        bool reject = w->c->reject_one_in && random_below(w, (uint32_t)w->c->reject_one_in) == 0;
        char value[2] = {(char)(reject ? VALUE_REJECT : VALUE_OK), '\0'};
        if (!fault_broker_put(&w->broker, (int)random_below(w, PARTITIONS), key, value)) {
            return;
        }
        w->written++;
    }
}

static void take_reports(world *w)
{
    report some[256];
    ssize_t n;
    while ((n = read(w->reports, some, sizeof some)) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof *some; i++) {
            ledger_take(&w->ledger, &some[i]);
        }
    }
}

static void take_letters(world *w)
{
    int partition;
    int64_t offset;
    while (fault_broker_letter(&w->broker, &partition, &offset)) {
        ledger_letter(&w->ledger, partition, offset);
    }
}

/* Asked first, then all that was handled before the answer is taken into account. */
static bool look_at_commits(world *w, int64_t *committed)
{
    if (w->brokers_down || !fault_broker_committed(&w->broker, committed)) {
        return false;
    }
    take_reports(w);
    for (int p = 0; p < PARTITIONS; p++) {
        ledger_committed(&w->ledger, p, committed[p]);
    }
    return true;
}

static void pump(world *w)
{
    struct pollfd reports = {.fd = w->reports, .events = POLLIN};
    int64_t committed[PARTITIONS];
    poll(&reports, 1, PUMP_MS);
    feed(w);
    take_reports(w);
    take_letters(w);
    (void)fault_broker_unwritten(&w->broker);
    if (weir_monotonic_ms() >= w->look_ms) {
        (void)look_at_commits(w, committed);
        w->look_ms = weir_monotonic_ms() + LOOK_MS;
    }
}

static void pump_for(world *w, int ms)
{
    for (int64_t until = weir_monotonic_ms() + ms; weir_monotonic_ms() < until && fine(w);) {
        pump(w);
    }
}

/* ---- Members ------------------------------------------------------------------------------------
 */

static void start_member(world *w, int who)
{
    char number[8], seed[16], instance[16];
    slot *s = &w->slots[who];
    if (w->n_members == MOST_MEMBERS || s->pid) {
        ledger_wrong(&w->ledger, "the script starts too many members");
        return;
    }
    s->member = w->n_members++;
    snprintf(number, sizeof number, "%d", s->member);
    snprintf(seed, sizeof seed, "%u", w->seed);
    snprintf(instance, sizeof instance, "slot-%d", who);
    const char *const args[] = {w->program, "member", number, fault_broker_address(&w->broker),
        seed, w->c->instances ? instance : NULL, NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, w->log, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, w->report_end, REPORT_FD);
    /* A connection of the brokers' that a member holds too is not closed when the broker goes. */
    posix_spawn_file_actions_addclosefrom_np(&files, REPORT_FD + 1);
    if (posix_spawn(&s->pid, w->program, &files, NULL, (char **)(uintptr_t)args, environ)) {
        ledger_wrong(&w->ledger, "%s cannot be started", w->program);
        s->pid = 0;
    }
    posix_spawn_file_actions_destroy(&files);
}

/* Waits for its end; -1: it was killed by a signal. */
static int await_end(world *w, int who, int ms)
{
    slot *s = &w->slots[who];
    int status;
    for (int64_t until = weir_monotonic_ms() + ms; weir_monotonic_ms() < until; pump(w)) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            take_reports(w);
            s->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
    }
    ledger_wrong(&w->ledger, "member %d does not end", s->member);
    kill(s->pid, SIGKILL);
    waitpid(s->pid, &status, 0);
    s->pid = 0;
    return -1;
}

static void expect_end(world *w, int who, int expected, int ms)
{
    int member = w->slots[who].member;
    int code = await_end(w, who, ms);
    if (code != expected) {
        ledger_wrong(&w->ledger, "member %d ends with %d, not %d", member, code, expected);
    }
    ledger_gone(&w->ledger, member, w->c->quiet && expected == 0);
}

/* Each rejected record below what is committed has its letter, now. */
static void expect_letters(world *w)
{
    int64_t committed[PARTITIONS];
    int64_t until = weir_monotonic_ms() + LETTERS_MS;
    bool all = false;
    while (!look_at_commits(w, committed) && weir_monotonic_ms() < until) {
        pump(w);
    }
    for (; !all && weir_monotonic_ms() < until; pump(w)) {
        all = true;
        for (int p = 0; p < PARTITIONS; p++) {
            all = all && ledger_has_letters(&w->ledger, p, committed[p]);
        }
    }
    if (!all && !w->brokers_down) {
        ledger_wrong(&w->ledger, "a rejected record is committed without its dead letter");
    }
}

static void kill_member(world *w, int who)
{
    slot *s = &w->slots[who];
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    take_reports(w);
    ledger_gone(&w->ledger, s->member, false);
    *s = (slot){.pid = 0};
    expect_letters(w);
}

static void pause_member(world *w, int who, bool pause)
{
    kill(w->slots[who].pid, pause ? SIGSTOP : SIGCONT);
    w->slots[who].paused = pause;
}

/* ---- Steps --------------------------------------------------------------------------------------
 */

static void take_step(world *w, const group_step *s)
{
    pump_for(w, s->after_ms + (int)random_below(w, (uint32_t)s->after_ms / 4 + 1));
    switch (s->action) {
    case START:
        start_member(w, s->who);
        break;
    case LEAVE:
        kill(w->slots[s->who].pid, SIGTERM);
        expect_end(w, s->who, 0, LEAVE_MS);
        break;
    case KILL:
        kill_member(w, s->who);
        break;
    case PAUSE:
    case RESUME:
        pause_member(w, s->who, s->action == PAUSE);
        break;
    case FAILS:
        expect_end(w, s->who, 1, s->n ? s->n : LEAVE_MS);
        break;
    case ERRORS:
        fault_broker_errors(&w->broker, s->who, s->request, s->errors, s->n);
        if (s->request == REQUEST_OFFSET_FETCH) {
            w->look_ms = weir_monotonic_ms() + LEAVE_ERRORS_MS;
        }
        break;
    case TOPIC_ERROR:
        fault_broker_topic_error(&w->broker, s->n ? s->errors[0] : RD_KAFKA_RESP_ERR_NO_ERROR);
        break;
    case WAIT:
        break;
    case DOWN:
    case UP:
        fault_broker_up(&w->broker, s->who, s->action == UP);
        w->brokers_down = s->action == DOWN;
        break;
    case SLOW:
        fault_broker_slow(&w->broker, s->who, s->n);
        break;
    }
}

/* Something that a slot can do now. */
static group_step by_chance(world *w)
{
    static const group_action alive[] = {LEAVE, LEAVE, KILL, PAUSE};
    group_step s = {
        .after_ms = 100 + (int)random_below(w, 3000), .who = (int)random_below(w, SLOTS)};
    const slot *who = &w->slots[s.who];
    s.action = !who->pid ? START : who->paused ? RESUME : alive[random_below(w, 4)];
    return s;
}

/* Whatever chance has left: two members that run. */
static void settle_down(world *w)
{
    for (int i = 0; i < SLOTS; i++) {
        if (w->slots[i].paused) {
            pause_member(w, i, false);
        }
    }
    for (int i = 0; i < 2 && w->c->churn; i++) {
        if (!w->slots[i].pid) {
            start_member(w, i);
        }
    }
}

static void take_steps(world *w)
{
    for (int i = 0; i < w->c->n_steps && fine(w); i++) {
        take_step(w, &w->c->steps[i]);
    }
    for (int i = 0; i < w->c->churn && fine(w); i++) {
        group_step s = by_chance(w);
        take_step(w, &s);
    }
    settle_down(w);
}

/* ---- The end ------------------------------------------------------------------------------------
 */

/* Everything is written, handled and committed, and has its letter where it was rejected. */
static bool finished(world *w)
{
    int64_t end[PARTITIONS], committed[PARTITIONS];
    if (fault_broker_unwritten(&w->broker) || !fault_broker_ends(&w->broker, end) ||
        !look_at_commits(w, committed)) {
        return false;
    }
    for (int p = 0; p < PARTITIONS; p++) {
        if (!ledger_is_handled(&w->ledger, p, end[p]) ||
            !ledger_has_letters(&w->ledger, p, end[p]) || committed[p] != end[p]) {
            return false;
        }
    }
    return true;
}

static void say_what_is_missing(world *w)
{
    int64_t end[PARTITIONS] = {0}, committed[PARTITIONS] = {0};
    (void)fault_broker_ends(&w->broker, end);
    (void)fault_broker_committed(&w->broker, committed);
    for (int p = 0; p < PARTITIONS; p++) {
        printf("    %d: %lld written, handled up to %lld, %lld committed%s\n", p, (long long)end[p],
            (long long)w->ledger.partitions[p].frontier, (long long)committed[p],
            ledger_has_letters(&w->ledger, p, end[p]) ? "" : ", dead letters missing");
    }
    ledger_wrong(&w->ledger, "stuck");
}

static void finish(world *w)
{
    bool done = false;
    pump_for(w, FEED_ON_MS);
    w->fed = true;
    for (int64_t until = weir_monotonic_ms() + FINISH_MS;
         !done && weir_monotonic_ms() < until && fine(w);) {
        pump_for(w, LOOK_MS);
        done = finished(w);
    }
    if (!done && fine(w)) {
        say_what_is_missing(w);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (w->slots[i].pid) {
            kill(w->slots[i].pid, SIGTERM);
        }
    }
    for (int i = 0; i < SLOTS; i++) {
        if (w->slots[i].pid) {
            expect_end(w, i, 0, LEAVE_MS);
        }
    }
    if (fine(w) && !finished(w)) {
        ledger_wrong(&w->ledger, "what was committed is not any more");
    }
    if (w->c->most_rewind_ms && w->ledger.longest_rewind_ms > w->c->most_rewind_ms) {
        ledger_wrong(&w->ledger, "an assignment goes back by %lld ms",
            (long long)w->ledger.longest_rewind_ms);
    }
}

static void look_at_log(world *w)
{
    int failed = side_by_side_logged(w->log, "a commit failed"),
        again = side_by_side_logged(w->log, "work again");
    if (w->c->most_failed_commits &&
        (failed < 1 || failed > w->c->most_failed_commits || again < 1)) {
        ledger_wrong(&w->ledger, "the log says %d times that a commit failed, %d that they work",
            failed, again);
    }
}

static bool begin(world *w)
{
    int ends[2];
    ledger_init(&w->ledger);
    if (pipe2(ends, O_CLOEXEC)) {
        return false;
    }
    w->reports = ends[0];
    w->report_end = ends[1];
    fcntl(w->reports, F_SETFL, O_NONBLOCK);
    fcntl(w->reports, F_SETPIPE_SZ, PIPE_BYTES);
    w->start_ms = weir_monotonic_ms();
    const char *dead = DEAD_TOPIC;
    return fault_broker_open(&w->broker, TOPIC, PARTITIONS, dead, GROUP);
}

bool group_case_run(const group_case *c, const char *program, uint32_t seed, int log)
{
    static world w; /* far too large for a stack; one case a process */
    w = (world){.c = c,
        .program = program,
        .seed = seed,
        .random = seed * 0x9e3779b97f4a7c15u | 1,
        .log = log};
    if (!begin(&w)) {
        printf("%-28s the mock cluster cannot be had\n", c->name);
        return false;
    }
    take_steps(&w);
    finish(&w);
    look_at_log(&w);
    const ledger *l = &w.ledger;
    printf("%-28s %5d records, %4llu again, %3u begun, %2u overtaken, %3llu dead, "
           "rewind %4lld ms, %4.1f s %s\n",
        c->name, w.written, (unsigned long long)l->again, l->assignments, l->overtaken,
        (unsigned long long)l->letters, (long long)l->longest_rewind_ms,
        (double)(weir_monotonic_ms() - w.start_ms) / 1000, fine(&w) ? "ok" : l->wrong);
    fflush(stdout);
    fault_broker_close(&w.broker);
    close(w.reports);
    close(w.report_end);
    return fine(&w);
}
