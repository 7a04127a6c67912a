/* check-attempts: attempts that survive crashes, against librdkafka's mock cluster.
 *
 * A service is killed (SIGKILL) behind each attempt of a record that never succeeds, as soon as its
 * commit says so. The next one goes on counting, so that the record is a dead letter after as many
 * attempts as there may be; what was settled beyond it is not handled again. */
#include <weir/weir.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kafka/kafka_reader.h"
#include "kafka/kafka_writer.h"

enum { RECORDS = 20, POISON = 3, ATTEMPTS = 4, WAIT_MS = 30000, STEP_MS = 20 };

static weir_kafka_property brokers = {"bootstrap.servers", NULL, NULL};
static rd_kafka_t *observer;
static int failures;

static void expect(bool ok, const char *what)
{
    printf("%s  %s\n", ok ? "ok    " : "FAILED", what);
    failures += !ok;
}

static void need(bool ok, const char *what)
{
    if (!ok) {
        printf("FAILED  %s\n", what);
        exit(1);
    }
}

/* ---- The service, in a process of its own: it tells each call on stdout ------------------------
 */

static weir_status on_record(weir_message *m, void *ctx)
{
    (void)ctx;
    char line[32];
    int n = snprintf(line, sizeof line, "%d %u\n", (int)weir_record_offset(m), weir_attempt(m));
    if (write(STDOUT_FILENO, line, (size_t)n) != n) {
        _exit(1);
    }
    return weir_record_offset(m) == POISON ? weir_retry(m, 0, "never") : WEIR_OK;
}

static void setup(weir_app *app, void *ctx)
{
    (void)ctx;
    weir_on(app, .topic = "orders", .fn = on_record, .backoff_ms = 60000, .max_backoff_ms = 60000);
}

/* ---- What it told -------------------------------------------------------------------------------
 */

typedef struct told {
    int times[RECORDS];      /* each record was handled */
    unsigned poison_attempt; /* the last one */
} told;

static void read_told(told *t, const char *path)
{
    FILE *f = fopen(path, "r");
    int offset;
    unsigned attempt;
    memset(t, 0, sizeof *t);
    while (f && fscanf(f, "%d %u", &offset, &attempt) == 2) {
        t->times[offset]++;
        t->poison_attempt = offset == POISON ? attempt : t->poison_attempt;
    }
    if (f) {
        fclose(f);
    }
}

/* The metadata of the group's commit, and its offset; -1: there is none. */
static int64_t committed(char *said, size_t size)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(list, "orders", 0);
    int64_t offset = rd_kafka_committed(observer, list, 2000) ? -1 : tp->offset;
    snprintf(
        said, size, "%.*s", (int)tp->metadata_size, tp->metadata ? (const char *)tp->metadata : "");
    rd_kafka_topic_partition_list_destroy(list);
    return offset;
}

static void nap(void)
{
    nanosleep(&(struct timespec){0, STEP_MS * 1000000L}, NULL);
}

/* Until the commit stands at the poison, and says that so many of its attempts have failed, and
 * that all records behind it are settled (engine/resume.h). */
static bool await_failed(unsigned attempts)
{
    char said[4200], wanted[32];
    snprintf(wanted, sizeof wanted, ";/v8B;0:%u", attempts); /* bits 1 to 16 */
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS, nap()) {
        if (committed(said, sizeof said) == POISON && strstr(said, wanted)) {
            return true;
        }
    }
    return false;
}

static bool await_committed(int64_t offset)
{
    char said[4200];
    for (int waited = 0; waited < WAIT_MS; waited += STEP_MS, nap()) {
        if (committed(said, sizeof said) == offset) {
            return true;
        }
    }
    return false;
}

/* ---- The test -----------------------------------------------------------------------------------
 */

static char config[] = "/tmp/weir-attempts-XXXXXX", out[sizeof config + 8];

static void write_config(void)
{
    int fd = mkstemp(config);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    need(f, "the config");
    fprintf(f,
        "weir: 1\nname: counted\n"
        "kafka: { bootstrap.servers: \"%s\", consumer: { session.timeout.ms: 4000, "
        "heartbeat.interval.ms: 200 } }\n"
        "errors: { retry: { max_attempts: %d } }\nlog: { level: error }\n",
        brokers.value, ATTEMPTS);
    fclose(f);
    snprintf(out, sizeof out, "%s.out", config);
}

static void put_records(void)
{
    weir_error err;
    weir_kafka_writer *w;
    weir_kafka_writer_options o = {&brokers, 1, 30000, NULL, false};
    need(!weir_kafka_writer_open(&o, &w, &err), "a writer");
    for (int n = 0; n < RECORDS; n++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", n);
        weir_raw_record r = {
            .topic = weir_view_of("orders"), .key = weir_view_of(key), .value = weir_view_of("{}")};
        need(!weir_kafka_writer_put(w, "orders", &r, &err), "a record");
    }
    need(!weir_kafka_writer_flush(w, &err), "the records");
    weir_kafka_writer_close(w);
}

static pid_t start(const char *program)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        freopen(out, "a", stdout);
        execl(program, program, "--config", config, (char *)NULL);
        _exit(1);
    }
    need(pid > 0, "a process");
    return pid;
}

static void end(pid_t pid, int how)
{
    int status;
    kill(pid, how);
    waitpid(pid, &status, 0);
}

static bool has_letter(void)
{
    static const weir_kafka_place places[] = {{"counted.dead", 0, 0}};
    weir_kafka_reader_options o = {&brokers, 1, places, 1, NULL};
    weir_kafka_reader *r;
    weir_error err;
    bool found = false;
    need(!weir_kafka_reader_open(&o, &r, &err), "a reader");
    for (int i = 0; i < 100 && !found; i++) {
        weir_kafka_read what;
        weir_raw_record record;
        need(!weir_kafka_reader_next(r, 100, &what, &record, &err), "letters");
        found = what == WEIR_KAFKA_RECORD && weir_view_is(record.key, "k3");
    }
    weir_kafka_reader_close(r);
    return found;
}

static void run(const char *program)
{
    told t;
    put_records();
    bool counted = true;
    for (unsigned attempt = 1; attempt < ATTEMPTS; attempt++) {
        pid_t pid = start(program);
        counted = await_failed(attempt) && counted;
        end(pid, SIGKILL);
        read_told(&t, out);
        counted = counted && t.poison_attempt == attempt;
    }
    expect(counted, "each process goes on counting where the one before was killed");
    pid_t pid = start(program);
    expect(await_committed(RECORDS), "behind the last attempt all is committed");
    end(pid, SIGTERM);
    read_told(&t, out);
    expect(t.times[POISON] == ATTEMPTS && t.poison_attempt == ATTEMPTS,
        "there were as many attempts as there may be");
    expect(has_letter(), "and then a dead letter");
    bool once = true;
    for (int i = 0; i < RECORDS; i++) {
        once = once && (i == POISON || t.times[i] == 1);
    }
    expect(once, "what was settled beyond it was handled once");
}

static rd_kafka_t *observe(void)
{
    char why[200];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers.value, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "counted", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    need(rk, "an observer");
    return rk;
}

int main(int argc, char **argv)
{
    char why[200];
    if (argc > 1) {
        return weir_main(argc, argv, setup, NULL);
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
    rd_kafka_mock_topic_create(mock, "orders", 1, 1);
    rd_kafka_mock_topic_create(mock, "counted.dead", 1, 1);
    brokers.value = rd_kafka_mock_cluster_bootstraps(mock);
    write_config();
    observer = observe();
    run(argv[0]);
    unlink(config);
    unlink(out);
    rd_kafka_destroy(observer);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    int total = 5;
    printf("%d passed, %d failed, 0 skipped\n", total - failures, failures);
    const char *tally = getenv("TALLY");
    FILE *f = tally ? fopen(tally, "a") : NULL;
    if (f) {
        fprintf(f, "%d %d 0\n", total - failures, failures);
        fclose(f);
    }
    return failures > 0;
}
