/* The daemon of `weir sync` against librdkafka's mock cluster while answers fail, topics are not
 * told of and brokers are away: in each case its cache ends equal to what was written, and it ends
 * in order.
 *
 *   check_sync_faults WEIR [CASE...]     exit 1: a case failed
 *
 * Cases run side by side; what the mock cannot do is told in fault_broker.h. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run.h"
#include "fault_broker.h"
#include "side_by_side.h"

#define TOPIC "shop.public.items"

enum {
    PARTITIONS = 4,
    ROWS = 200,
    RECORDS = 3000,
    FEED_MS = 4000,
    MOST_PAD = 3000,
    FINISH_MS = 30000,
    LEAVE_MS = 15000,
    LOOK_MS = 200,
    PUMP_MS = 5,
    MOST_LINE = 200,
};

typedef enum sync_action {
    DAEMON,      /* is started */
    LEAVE,       /* … told to go (SIGTERM), and has to go with 0 */
    ENDS,        /* … it has to end by itself, with exit code `n` */
    WRITTEN,     /* all records are, before anything else */
    ERRORS,      /* the next answers to `request` by all brokers are `errors` */
    TOPIC_ERROR, /* what Metadata says of the topic: the only one of `errors`, or nothing */
    DOWN,        /* broker `n` */
    UP,
    SLOW, /* all brokers answer after `n` ms */
} sync_action;

typedef struct sync_step {
    int after_ms; /* behind the step before */
    sync_action action;
    int request;
    const rd_kafka_resp_err_t *errors;
    int n;
} sync_step;

typedef struct sync_case {
    const char *name;
    const sync_step *steps;
    int n_steps;
    int partitions, records, pad; /* 0: as usual. pad: each record has so many bytes more */
    const char *limits;           /* the config's, or NULL */
    int most_ms;      /* from the daemon's start until its cache is right; 0: as usual */
    const char *says; /* the daemon, or NULL */
} sync_case;

/* ---- Scripts ---- */

#define ERROR(name) RD_KAFKA_RESP_ERR_##name
#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))
#define ANSWERS(after, request_, list)                   \
    {                                                    \
        (after), ERRORS, (request_), (list), COUNT(list) \
    }
#define STEP(after, what, number)                            \
    {                                                        \
        .after_ms = (after), .action = (what), .n = (number) \
    }

static const rd_kafka_resp_err_t fetch_errors[] = {ERROR(NOT_LEADER_FOR_PARTITION),
    ERROR(REQUEST_TIMED_OUT), ERROR(_TRANSPORT), ERROR(UNKNOWN), ERROR(KAFKA_STORAGE_ERROR),
    ERROR(REPLICA_NOT_AVAILABLE), ERROR(LEADER_NOT_AVAILABLE), ERROR(NOT_LEADER_FOR_PARTITION)};
static const rd_kafka_resp_err_t offset_errors[] = {ERROR(NOT_LEADER_FOR_PARTITION),
    ERROR(LEADER_NOT_AVAILABLE), ERROR(_TRANSPORT), ERROR(REQUEST_TIMED_OUT),
    ERROR(NOT_LEADER_FOR_PARTITION), ERROR(KAFKA_STORAGE_ERROR)};
/* For good, as librdkafka has it: it reads the partition no more. */
static const rd_kafka_resp_err_t refusals[] = {
    ERROR(UNKNOWN), ERROR(UNKNOWN), ERROR(UNKNOWN), ERROR(UNKNOWN), ERROR(UNKNOWN), ERROR(UNKNOWN)};
static const rd_kafka_resp_err_t out_of_range[] = {
    ERROR(OFFSET_OUT_OF_RANGE), ERROR(OFFSET_OUT_OF_RANGE), ERROR(OFFSET_OUT_OF_RANGE)};
static const rd_kafka_resp_err_t no_leader[] = {ERROR(LEADER_NOT_AVAILABLE)};
static const rd_kafka_resp_err_t unknown_topic[] = {ERROR(UNKNOWN_TOPIC_OR_PART)};
static const rd_kafka_resp_err_t nothing[] = {ERROR(NO_ERROR)};

static const sync_step nothing_fails[] = {STEP(0, DAEMON, 0)};
static const sync_step fetches_fail[] = {STEP(500, DAEMON, 0),
    ANSWERS(500, REQUEST_FETCH, fetch_errors), ANSWERS(1000, REQUEST_FETCH, fetch_errors),
    ANSWERS(200, REQUEST_FETCH, fetch_errors)};
/* At the first start, and at one that goes on from stored offsets. */
static const sync_step ends_are_not_told[] = {ANSWERS(500, REQUEST_LIST_OFFSETS, offset_errors),
    STEP(0, DAEMON, 0), STEP(3000, LEAVE, 0), ANSWERS(0, REQUEST_LIST_OFFSETS, offset_errors),
    STEP(0, DAEMON, 0)};
/* Nothing is lost: reading goes on where it was. */
static const sync_step ends_are_refused[] = {
    ANSWERS(500, REQUEST_LIST_OFFSETS, refusals), STEP(0, DAEMON, 0)};
static const sync_step offsets_are_refused[] = {STEP(0, DAEMON, 0),
    ANSWERS(1000, REQUEST_FETCH, out_of_range), ANSWERS(1500, REQUEST_FETCH, out_of_range)};
/* The mock keeps 5 MiB of a partition. */
static const sync_step offsets_are_lost[] = {STEP(0, DAEMON, 0), STEP(1000, LEAVE, 0),
    STEP(0, WRITTEN, 0), STEP(0, DAEMON, 0), STEP(0, ENDS, 5)};
/* All of the queues are full again and again (kafka_fetch.h): by far too late without nudges. */
static const sync_step queues_are_small[] = {STEP(0, WRITTEN, 0), STEP(0, DAEMON, 0)};
static const sync_step the_topic_has_no_leader[] = {
    STEP(300, DAEMON, 0), {1500, TOPIC_ERROR, 0, no_leader, 1}, {2500, TOPIC_ERROR, 0, nothing, 1}};
static const sync_step the_topic_is_unknown[] = {STEP(300, DAEMON, 0),
    {1500, TOPIC_ERROR, 0, unknown_topic, 1}, STEP(100, DOWN, 2), STEP(500, UP, 2),
    {1500, TOPIC_ERROR, 0, nothing, 1}};
static const sync_step no_broker_at_the_start[] = {
    STEP(500, DOWN, ALL_BROKERS), STEP(0, DAEMON, 0), STEP(3000, UP, ALL_BROKERS)};
static const sync_step a_leader_is_away_at_the_start[] = {
    STEP(500, DOWN, 2), STEP(0, DAEMON, 0), STEP(3000, UP, 2)};
static const sync_step brokers_come_and_go[] = {STEP(0, DAEMON, 0), STEP(1500, DOWN, 1),
    STEP(800, UP, 1), STEP(300, DOWN, ALL_BROKERS), STEP(1500, UP, ALL_BROKERS)};
static const sync_step it_leaves_without_a_broker[] = {STEP(0, DAEMON, 0),
    STEP(1500, DOWN, ALL_BROKERS), STEP(500, LEAVE, 0), STEP(0, DAEMON, 0), STEP(1500, LEAVE, 0),
    STEP(0, UP, ALL_BROKERS), STEP(0, DAEMON, 0)};
static const sync_step brokers_are_slow[] = {
    STEP(0, DAEMON, 0), STEP(500, SLOW, 300), STEP(2500, SLOW, 0)};

#define SCRIPT(name_) .name = #name_, .steps = name_, .n_steps = COUNT(name_)

#define TROUBLE_AT(code) "\"code\":\"" code "\",\"where\":\"" TOPIC "/"

static const sync_case cases[] = {
    {SCRIPT(nothing_fails)},
    {SCRIPT(fetches_fail)},
    {SCRIPT(ends_are_not_told)},
    {SCRIPT(ends_are_refused), .says = TROUBLE_AT("KAFKA_UNREACHABLE")},
    {SCRIPT(offsets_are_refused), .says = TROUBLE_AT("KAFKA_UNREACHABLE")},
    {SCRIPT(offsets_are_lost), .records = 14000, .pad = MOST_PAD,
        .says = TROUBLE_AT("KAFKA_OFFSETS_LOST")},
    {SCRIPT(queues_are_small), .partitions = 8, .records = 14000, .pad = 2000,
        .limits = "in_flight: 1MiB", .most_ms = 10000},
    {SCRIPT(the_topic_has_no_leader)},
    {SCRIPT(the_topic_is_unknown)},
    {SCRIPT(no_broker_at_the_start)},
    {SCRIPT(a_leader_is_away_at_the_start)},
    {SCRIPT(brokers_come_and_go)},
    {SCRIPT(it_leaves_without_a_broker)},
    {SCRIPT(brokers_are_slow)},
};

/* ---- The world ---- */

typedef struct sync_world {
    const sync_case *c;
    fault_broker broker;
    char folder[64], config[96];
    int log, written;
    int partitions, records; /* as the case has them */
    int64_t start_ms, daemon_ms;
    pid_t daemon; /* 0: none */
    int last[ROWS];
    char wrong[120]; /* empty: nothing is */
} sync_world;

extern char **environ;
static const char *weir;

static bool put_change(sync_world *w, int i)
{
    char key[32], value[512 + MOST_PAD];
    int id = i % ROWS, lsn = 1000 + i;
    snprintf(key, sizeof key, "{\"id\":%d}", id);
    snprintf(value, sizeof value,
        "{\"before\":null,\"after\":{\"id\":%d,\"n\":%d,\"pad\":\"%0*d\"},\"source\":{\"version\":"
        "\"3.6.3.Final\","
        "\"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":1,\"snapshot\":\"false\","
        "\"db\":\"d\",\"sequence\":\"[\\\"%d\\\",\\\"%d\\\"]\",\"schema\":\"public\",\"table\":"
        "\"items\",\"txId\":%d,\"lsn\":%d},\"op\":\"%c\",\"ts_ms\":1}",
        id, i, w->c->pad + 1, 0, lsn - 1, lsn, i, lsn, i < ROWS ? 'c' : 'u');
    return fault_broker_put(&w->broker, id % w->partitions, key, value);
}

/* Writes what is due by now. */
static void pump(sync_world *w)
{
    const struct timespec rest = {.tv_nsec = PUMP_MS * 1000000};
    int64_t ms = weir_monotonic_ms() - w->start_ms;
    int64_t due = ms >= FEED_MS ? w->records : w->records * ms / FEED_MS;
    while (w->written < due && put_change(w, w->written)) {
        w->last[w->written % ROWS] = w->written;
        w->written++;
    }
    (void)fault_broker_unwritten(&w->broker);
    nanosleep(&rest, NULL);
}

static void pump_for(sync_world *w, int ms)
{
    for (int64_t until = weir_monotonic_ms() + ms; weir_monotonic_ms() < until;) {
        pump(w);
    }
}

static bool all_written(sync_world *w)
{
    return w->written == w->records && fault_broker_unwritten(&w->broker) == 0;
}

/* ---- The daemon ---- */

static void start_daemon(sync_world *w)
{
    const char *const args[] = {weir, "sync", w->config, NULL};
    posix_spawn_file_actions_t files;
    w->daemon_ms = weir_monotonic_ms();
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, w->log, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, w->log, STDERR_FILENO);
    /* A connection of the brokers' that it holds too is not closed when the broker goes. */
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    if (posix_spawn(&w->daemon, weir, &files, NULL, (char **)(uintptr_t)args, environ)) {
        snprintf(w->wrong, sizeof w->wrong, "%s cannot be started", weir);
        w->daemon = 0;
    }
    posix_spawn_file_actions_destroy(&files);
}

/* Waits for its end, which should be with this exit code. */
static void await_daemon(sync_world *w, int code)
{
    int status = 0;
    pid_t ended = 0;
    for (int64_t until = weir_monotonic_ms() + LEAVE_MS; !ended && weir_monotonic_ms() < until;
         pump(w)) {
        ended = waitpid(w->daemon, &status, WNOHANG);
    }
    if (!ended) {
        kill(w->daemon, SIGKILL);
        waitpid(w->daemon, &status, 0);
    }
    w->daemon = 0;
    if (!w->wrong[0] && (!ended || !WIFEXITED(status) || WEXITSTATUS(status) != code)) {
        snprintf(w->wrong, sizeof w->wrong,
            ended ? "the daemon ended with status %d" : "the daemon does not end", status);
    }
}

static void stop_daemon(sync_world *w)
{
    kill(w->daemon, SIGTERM);
    await_daemon(w, 0);
}

/* How many rows of the cache are as they were written last. */
static int right_rows(const sync_world *w)
{
    char command[256], line[MOST_LINE];
    int right = 0, id, n;
    snprintf(command, sizeof command, "%s dump items -c %s 2>/dev/null", weir, w->config);
    FILE *rows = popen(command, "r");
    while (rows && fgets(line, sizeof line, rows)) {
        bool known = sscanf(line, "{\"id\":%d,\"n\":%d}", &id, &n) == 2 && id >= 0 && id < ROWS;
        right += known && n == w->last[id];
    }
    if (rows) {
        pclose(rows);
    }
    return right;
}

static bool write_config(sync_world *w)
{
    snprintf(w->folder, sizeof w->folder, "/tmp/weir-sync-faults-XXXXXX");
    if (!mkdtemp(w->folder)) {
        return false;
    }
    snprintf(w->config, sizeof w->config, "%s/sync.yaml", w->folder);
    FILE *f = fopen(w->config, "w");
    if (!f) {
        return false;
    }
    fprintf(f,
        "weir: 1\nname: faults\n"
        "kafka: { bootstrap.servers: \"%s\", reconnect.backoff.max.ms: 500 }\n"
        "sources:\n  shop: { connector: postgresql, types: { public.items: "
        "{ id: integer, n: integer } } }\n"
        "stores:\n  local: { type: lmdb, path: \"%s/store\" }\n"
        "caches:\n  items: { from: shop.public.items, store: local }\n"
        "http: { listen: \"127.0.0.1:0\" }\nlimits: { %s }\n",
        fault_broker_address(&w->broker), w->folder, w->c->limits ? w->c->limits : "");
    return fclose(f) == 0;
}

/* ---- A case ---- */

static void take_step(sync_world *w, const sync_step *s)
{
    pump_for(w, s->after_ms);
    switch (s->action) {
    case DAEMON:
        start_daemon(w);
        break;
    case LEAVE:
        stop_daemon(w);
        break;
    case ENDS:
        await_daemon(w, s->n);
        break;
    case WRITTEN:
        for (int64_t until = weir_monotonic_ms() + FINISH_MS;
             !all_written(w) && weir_monotonic_ms() < until;) {
            pump(w);
        }
        break;
    case ERRORS:
        fault_broker_errors(&w->broker, ALL_BROKERS, s->request, s->errors, s->n);
        break;
    case TOPIC_ERROR:
        fault_broker_topic_error(&w->broker, s->errors[0]);
        break;
    case DOWN:
    case UP:
        fault_broker_up(&w->broker, s->n, s->action == UP);
        break;
    case SLOW:
        fault_broker_slow(&w->broker, ALL_BROKERS, s->n);
        break;
    }
}

static void finish(sync_world *w)
{
    int right = 0;
    int64_t until = w->c->most_ms ? w->daemon_ms + w->c->most_ms : weir_monotonic_ms() + FINISH_MS;
    while (right < ROWS && weir_monotonic_ms() < until) {
        pump_for(w, LOOK_MS);
        right = all_written(w) ? right_rows(w) : 0;
        if (waitpid(w->daemon, NULL, WNOHANG) == w->daemon) {
            snprintf(w->wrong, sizeof w->wrong, "the daemon has ended by itself");
            return;
        }
    }
    if (right < ROWS) {
        snprintf(w->wrong, sizeof w->wrong, "%d of %d records written, %d of %d rows are right",
            w->written - fault_broker_unwritten(&w->broker), w->records, right, ROWS);
    }
    stop_daemon(w);
}

static bool run_case(const void *the_case, uint32_t seed, int log)
{
    static sync_world w;
    char command[96];
    w = (sync_world){.c = the_case, .log = log, .start_ms = weir_monotonic_ms()};
    w.partitions = w.c->partitions ? w.c->partitions : PARTITIONS;
    w.records = w.c->records ? w.c->records : RECORDS;
    (void)seed;
    if (!fault_broker_open(&w.broker, TOPIC, w.partitions, NULL, NULL) || !write_config(&w)) {
        printf("%-32s the mock cluster cannot be had\n", w.c->name);
        return false;
    }
    for (int i = 0; i < w.c->n_steps && !w.wrong[0]; i++) {
        take_step(&w, &w.c->steps[i]);
    }
    if (!w.wrong[0] && w.daemon) {
        finish(&w);
    }
    if (!w.wrong[0] && w.c->says && side_by_side_logged(log, w.c->says) < 1) {
        snprintf(w.wrong, sizeof w.wrong, "the daemon does not say \"%s\"", w.c->says);
    }
    printf("%-32s %4.1f s %s\n", w.c->name, (double)(weir_monotonic_ms() - w.start_ms) / 1000,
        w.wrong[0] ? w.wrong : "ok");
    fflush(stdout);
    snprintf(command, sizeof command, "rm -rf %s", w.folder);
    bool removed = system(command) == 0;
    fault_broker_close(&w.broker);
    return removed && !w.wrong[0];
}

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return argc == 2;
}

int main(int argc, char **argv)
{
    side_by_side side = {.seed = 0};
    if (argc < 2) {
        fprintf(stderr, "check_sync_faults WEIR [CASE...]\n");
        return 2;
    }
    weir = argv[1];
    for (int i = 0; i < COUNT(cases); i++) {
        if (wanted(cases[i].name, argc, argv)) {
            side_by_side_start(&side, cases[i].name, run_case, &cases[i], 0);
        }
    }
    return side_by_side_end(&side);
}
