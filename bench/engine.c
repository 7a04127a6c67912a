/* What weir costs on top of librdkafka: raw consumption, a handler that reads two fields of each
 * decoded row, caches in memory and in LMDB, and a bare loop of LMDB with the same writes. All in
 * one run, in turns, each in a process of its own, over the same topics of a mock cluster in yet
 * another process.
 *
 *   bench-engine [ROUNDS [RECORDS [RUN [SHAPE]]]]     exit 1 when a floor is missed
 *
 * RUN, SHAPE: only the runs, and the shapes of records, whose name starts so, without bars: for a
 * profiler. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#include "cdc/state.h"
#include "config.h"
#include "daemon.h"
#include "kafka_properties.h"
#include "process.h"

enum { PLAIN_PARTITIONS = 64, SCHEMA_PARTITIONS = 64, BATCH = 1000, TIMEOUT_S = 30 };

typedef struct shape {
    const char *name, *table, *topic, *text_field, *number_field;
    int records, partitions;
    bool random_keys;
} shape;

static char schema_prefix[8192];
static char folder[] = "/tmp/weir-bench-XXXXXX";

/* What one process's run tells the others. */
static struct told {
    int commit_records; /* of weir's LMDB run, on average: the bare loop's are as large */
    long beside_map_kb; /* the most that it had resident, the map not counted */
    int ids[];          /* in the order in which their records are delivered */
} * told;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(70);
}

/* ---- The broker's process
 * -------------------------------------------------------------------------- */

static const char source[] =
    "\"source\":{\"version\":\"3.6.3.Final\",\"connector\":\"postgresql\",\"name\":\"bank\",\"ts_"
    "ms\":1795374786075,"
    "\"snapshot\":\"false\",\"db\":\"bank\",\"sequence\":\"[\\\"%d\\\",\\\"%d\\\"]\",\"ts_us\":"
    "1795374786075023,"
    "\"ts_ns\":1795374786075023000,\"schema\":\"public\",\"table\":\"%s\",\"txId\":%d,\"lsn\":%d,"
    "\"xmin\":null,"
    "\"origin\":null,\"origin_lsn\":null},\"transaction\":{\"id\":\"%d:%d\",\"total_order\":1,"
    "\"data_collection_order\":1},\"op\":\"c\",\"ts_ms\":1795374786298,\"ts_us\":1795374786298920,"
    "\"ts_ns\":1795374786298920525}";

static int make_value(const shape *s, int i, int id, char *to, size_t size)
{
    int n, l = 1222676400 + i * 8;
    bool schema = s->partitions && strcmp(s->table, "orders") == 0;
    if (schema) {
        n = snprintf(to, size,
            "%s{\"before\":null,\"after\":{\"id\":%d,\"user_id\":%d,\"total\":\"B88=\",\"status\":"
            "\"placed\","
            "\"placed_at\":1795341600123456,\"updated_at\":\"2026-11-22T08:00:00.123456Z\"},",
            schema_prefix, id, id % 1000);
    } else {
        n = snprintf(to, size,
            "{\"before\":null,\"after\":{\"id\":%d,\"owner\":\"own%d\",\"balance\":\"CAQM\","
            "\"note\":\"n\","
            "\"active\":false,\"updated_at\":\"2026-11-22T19:13:06.074959Z\"},",
            id, id);
    }
    n += snprintf(to + n, size - (size_t)n, source, l - 100, l, s->table, i, l, i, l);
    if (schema) {
        to[n++] = '}';
    }
    return n;
}

/* Spreads 0..n-1 over 0..n-1 in an order that looks random. */
static int scatter(int i, int n)
{
    unsigned long step = 2654435761u % (unsigned long)n;
    while (step == 0 || (unsigned long)n % step == 0) {
        step++;
    }
    return (int)((unsigned long)i * step % (unsigned long)n);
}

static int partition_of(const shape *s, int i)
{
    return (int)((long)i * s->partitions / s->records);
}

static void produce(rd_kafka_t *rk, const shape *s)
{
    char key[256], value[12000];
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, s->topic, NULL);
    for (int i = 0; i < s->records; i++) {
        int id = s->random_keys ? scatter(i, s->records) : i;
        int k = snprintf(key, sizeof key, "{\"id\":%d}", id);
        int v = make_value(s, i, id, value, sizeof value);
        /* In runs: the mock keeps 5 MiB a partition, so what would be one partition's is cut into
         * many. */
        while (rd_kafka_produce(
            t, partition_of(s, i), RD_KAFKA_MSG_F_COPY, value, (size_t)v, key, (size_t)k, NULL)) {
            rd_kafka_poll(rk, 50);
        }
    }
    if (rd_kafka_flush(rk, 60000)) {
        die("the mock cluster does not take the records");
    }
    rd_kafka_topic_destroy(t);
}

static pid_t start_broker(const shape *shapes, int n, char *address, size_t size)
{
    int out[2];
    if (pipe(out)) {
        die("no pipe");
    }
    pid_t pid = fork();
    if (pid) {
        close(out[1]);
        ssize_t got = read(out[0], address, size - 1);
        if (got <= 0) {
            die("the broker did not start");
        }
        address[got] = '\0';
        return pid;
    }
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "linger.ms", "50", why, sizeof why);
    rd_kafka_conf_set(conf, "batch.size", "65536", why, sizeof why);
    rd_kafka_conf_set(conf, "queue.buffering.max.messages", "1000000", why, sizeof why);
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    rd_kafka_mock_cluster_t *mock = rk ? rd_kafka_handle_mock_cluster(rk) : NULL;
    if (!mock) {
        die(why);
    }
    for (int i = 0; i < n; i++) {
        rd_kafka_mock_topic_create(mock, shapes[i].topic, shapes[i].partitions, 1);
        produce(rk, &shapes[i]);
    }
    const char *servers = rd_kafka_mock_cluster_bootstraps(mock);
    (void)!write(out[1], servers, strlen(servers));
    for (;;) {
        pause();
    }
}

/* ---- What is measured: each returns records a second
 * --------------------------------------------------- */

static double run_raw(const shape *s, const char *address)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", address, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "raw", why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(s->partitions);
    for (int p = 0; p < s->partitions; p++) {
        rd_kafka_topic_partition_list_add(list, s->topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_queue_t *q = rd_kafka_queue_get_consumer(rk);
    rd_kafka_message_t *m[BATCH];
    double start = 0;
    double until = seconds() + TIMEOUT_S;
    for (int got = 0; got < s->records;) {
        if (seconds() > until) {
            die("the raw run did not get all records: the mock cluster has dropped some");
        }
        ssize_t n = rd_kafka_consume_batch_queue(q, 1000, m, BATCH);
        if (n > 0 && start == 0) {
            start = seconds();
        }
        for (ssize_t i = 0; i < n; i++) {
            got += !m[i]->err;
            rd_kafka_message_destroy(m[i]);
        }
    }
    return s->records / (seconds() - start);
}

typedef struct reading {
    const shape *s;
    weir_handler_fn *handler;
    atomic_int handled;
    atomic_ulong bytes;
    double start;
} reading;

static weir_status read_two_fields(weir_message *m, void *ctx)
{
    reading *r = ctx;
    weir_reader row = weir_read(m);
    weir_view text = weir_text(&row, r->s->text_field),
              number = weir_number(&row, r->s->number_field);
    if (weir_read_end(&row)) {
        return weir_read_end(&row);
    }
    atomic_fetch_add_explicit(&r->bytes, text.len + number.len, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&r->handled, 1, memory_order_relaxed) == 0) {
        r->start = seconds();
    }
    return WEIR_OK;
}

/* With one lane, so that they are handled as they are delivered. */
static weir_status note_id(weir_message *m, void *ctx)
{
    reading *r = ctx;
    weir_reader row = weir_read(m);
    told->ids[r->handled] = (int)weir_int(&row, "id");
    r->start = r->handled++ ? r->start : seconds();
    return weir_read_end(&row);
}

static void set_up(weir_app *a, void *ctx)
{
    reading *r = ctx;
    weir_on(a, .change = strcmp(r->s->table, "orders") ? "public.accounts" : "public.orders",
        .fn = r->handler, .ctx = ctx);
}

static void write_config(const shape *s, const char *address, const char *store, const char *limits,
    char *path, size_t size)
{
    snprintf(path, size, "%s/%s.%d.yaml", folder, s->name, (int)getpid());
    FILE *f = fopen(path, "w");
    if (!f) {
        die("cannot write a config");
    }
    fprintf(f,
        "weir: 1\nname: bench-%s-%d\nkafka:\n  bootstrap.servers: \"%s\"\n"
        "sources:\n  bank:\n    connector: postgresql\n    topics: { public.%s: %s }\n",
        s->name, (int)getpid(), address, s->table, s->topic);
    if (strcmp(s->table, "accounts") == 0) {
        fputs("    types:\n      public.accounts: { id: bigint, owner: text, balance: "
              "\"numeric(12,2)\", note: text, "
              "active: boolean, updated_at: timestamptz }\n",
            f);
    }
    if (store) {
        fprintf(f, "stores:\n  s: %s\ncaches:\n  rows: { from: bank.public.%s, store: s }\n", store,
            s->table);
    }
    fprintf(f,
        "errors: { reject: stop }\nlimits: { in_flight: 16MiB%s }\nlog: { level: warning, format: "
        "text }\n",
        limits);
    fclose(f);
}

static double handle_all(
    const shape *s, const char *address, weir_handler_fn *handler, const char *limits)
{
    char path[256];
    weir_error err;
    reading r = {.s = s, .handler = handler};
    write_config(s, address, NULL, limits, path, sizeof path);
    weir_app *a = weir_app_new(path, set_up, &r, &err);
    if (!a || weir_app_start(a, &err)) {
        die(err.text);
    }
    for (double until = seconds() + TIMEOUT_S; atomic_load(&r.handled) < s->records;) {
        if (weir_app_ended(a) || seconds() > until) {
            die("the handler run did not get all records");
        }
        usleep(5000);
    }
    double took = seconds() - r.start;
    weir_app_stop(a);
    if (weir_app_wait(a, &err)) {
        die(err.text);
    }
    weir_app_free(a);
    return s->records / took;
}

static double run_handler(const shape *s, const char *address)
{
    return handle_all(s, address, read_two_fields, "");
}

/* The order of a snapshot's records, when they come from several partitions. */
static double run_order(const shape *s, const char *address)
{
    return handle_all(s, address, note_id, ", lanes: 1");
}

static weir_daemon *start_daemon(const char *path, weir_config **config, weir_log *log)
{
    weir_error err;
    weir_config_problems problems = {0};
    weir_daemon *d;
    if (weir_config_load(path, NULL, config, &problems, &err)) {
        die(err.text);
    }
    weir_log_of_config(*config, false, log);
    if (weir_daemon_open(*config, NULL, log, &d, &err) || weir_daemon_start(d, &err)) {
        die(err.text);
    }
    return d;
}

/* Resident memory that is no file's: an LMDB map is the disk's, and given back when it is needed.
 */
static void look_at_memory(void)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, "RssAnon:", 8) == 0) {
            kb = strtol(line + 8, NULL, 10);
        }
    }
    if (f) {
        fclose(f);
    }
    told->beside_map_kb = kb > told->beside_map_kb ? kb : told->beside_map_kb;
}

static double run_cache(const shape *s, const char *address, const char *store)
{
    char path[256];
    weir_error err;
    weir_config *config;
    weir_log log;
    write_config(s, address, store, "", path, sizeof path);
    weir_daemon *d = start_daemon(path, &config, &log);
    weir_engine *e = weir_replica_engine(weir_daemon_replica(d, 0));
    double start = 0;
    for (double until = seconds() + TIMEOUT_S;;) {
        look_at_memory();
        weir_engine_counts c = weir_engine_get_counts(e);
        start = start == 0 && c.delivered ? seconds() : start;
        if ((int)c.settled >= s->records && !c.open) {
            break;
        }
        if (weir_daemon_ended(d) || seconds() > until) {
            die("the cache did not get all records");
        }
        usleep(5000);
    }
    double took = seconds() - start;
    weir_sync_stats stats;
    weir_sync_get_stats(weir_replica_sync(weir_daemon_replica(d, 0)), 0, &stats);
    if ((int)stats.rows != s->records) {
        die("the cache has not all rows");
    }
    told->commit_records =
        s->records / (int)weir_sync_transactions(weir_replica_sync(weir_daemon_replica(d, 0)));
    if (weir_daemon_wait(d, &err)) {
        die(err.text);
    }
    weir_daemon_close(d);
    weir_config_free(config);
    return s->records / took;
}

static double run_memory(const shape *s, const char *address)
{
    return run_cache(s, address, "{ type: memory, max_bytes: 8GiB }");
}

static double run_lmdb(const shape *s, const char *address)
{
    char store[300];
    snprintf(store, sizeof store, "{ type: lmdb, path: %s/db.%d, map_size: 4GiB }", folder,
        (int)getpid());
    return run_cache(s, address, store);
}

/* LMDB alone: for each record what weir asks of it, at the commit sizes that weir reaches. */
static double run_bare(const shape *s, const char *address)
{
    char path[300], key[64], row[512], state[128];
    (void)address;
    MDB_env *env;
    MDB_txn *txn = NULL;
    MDB_dbi rows, states;
    snprintf(path, sizeof path, "%s/bare.%d", folder, (int)getpid());
    mkdir(path, 0700);
    mdb_env_create(&env);
    mdb_env_set_mapsize(env, (size_t)4 << 30);
    mdb_env_set_maxdbs(env, 4);
    if (mdb_env_open(env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600)) {
        die("the bare loop's environment does not open");
    }
    weir_state st = {.alive = true, .has_tx = true, .has_seen = true};
    weir_buf bytes = {0};
    weir_state_put(&bytes, &st);
    memcpy(state, bytes.ptr, bytes.len);
    double start = seconds();
    int uncommitted = 0;
    for (int i = 0; i < s->records; i++) {
        int id = told->ids[i];
        if (!txn) {
            mdb_txn_begin(env, NULL, 0, &txn);
            mdb_dbi_open(txn, "rows", MDB_CREATE, &rows);
            mdb_dbi_open(txn, "states", MDB_CREATE, &states);
        }
        int k = snprintf(key, sizeof key, "{\"id\":%d}", id);
        int r = snprintf(row, sizeof row,
            "{\"id\":%d,\"owner\":\"own%d\",\"balance\":5251.16,\"note\":\"n\",\"active\":false,"
            "\"updated_at\":\"2026-11-22T19:13:06.074959+00:00\"}",
            id, id);
        MDB_val mk = {(size_t)k, key}, mr = {(size_t)r, row}, ms = {bytes.len, state}, got;
        mdb_get(txn, states, &mk, &got);
        if (mdb_put(txn, rows, &mk, &mr, 0) || mdb_put(txn, states, &mk, &ms, 0)) {
            die("the bare loop cannot write");
        }
        if (++uncommitted >= told->commit_records || i == s->records - 1) {
            uncommitted = 0;
            mdb_txn_commit(txn);
            txn = NULL;
        }
    }
    return s->records / (seconds() - start);
}

/* ---- From exec to the first record, where no group is joined ------------------------------------
 */

/* In the process that was executed: says when its first record is in the cache. */
static int first_record(const char *path)
{
    weir_config *config;
    weir_log log;
    weir_daemon *d = start_daemon(path, &config, &log);
    weir_engine *e = weir_replica_engine(weir_daemon_replica(d, 0));
    while (!weir_engine_get_counts(e).settled) {
        usleep(200);
    }
    printf("%.6f\n", seconds());
    fflush(stdout);
    _exit(0);
}

/* Seconds; the least of some tries, since the machine does other things too. */
static double time_first_record(const shape *s, const char *address)
{
    char path[256], command[400];
    double least = 1e9;
    write_config(s, address, "{ type: memory }", "", path, sizeof path);
    snprintf(command, sizeof command, "exec /proc/%d/exe --first-record %s", (int)getpid(), path);
    for (int i = 0; i < 5; i++) {
        double start = seconds(), then = 0;
        FILE *f = popen(command, "r");
        if (!f || fscanf(f, "%lf", &then) != 1) {
            die("the process with the first record did not say when");
        }
        pclose(f);
        least = then - start < least ? then - start : least;
    }
    return least;
}

/* ---- Rounds -------------------------------------------------------------------------------------
 */

typedef double measured_fn(const shape *s, const char *address);

typedef struct result {
    double rate;
    double cpu_us; /* of its process, a record */
    long resident_kb, beside_map_kb;
} result;

static result in_process(measured_fn *fn, const shape *s, const char *address)
{
    int out[2];
    result r = {0};
    struct rusage used;
    if (pipe(out)) {
        die("no pipe");
    }
    told->beside_map_kb = 0;
    bool is_weirs = fn == run_handler || fn == run_order || fn == run_memory || fn == run_lmdb;
    pid_t pid = fork();
    if (!pid) {
        if (is_weirs) {
            weir_process_memory(); /* as `weir` and weir_main do */
        }
        double rate = fn(s, address);
        (void)!write(out[1], &rate, sizeof rate);
        _exit(0);
    }
    close(out[1]);
    if (read(out[0], &r.rate, sizeof r.rate) != (ssize_t)sizeof r.rate) {
        r.rate = 0;
    }
    close(out[0]);
    int status;
    wait4(pid, &status, 0, &used);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "bench: a run ended with signal %d\n", WTERMSIG(status));
    }
    r.resident_kb = used.ru_maxrss;
    r.beside_map_kb = told->beside_map_kb;
    r.cpu_us = ((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
                   (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec)) /
               s->records;
    return r;
}

static int by_rate(const void *a, const void *b)
{
    double x = ((const result *)a)->rate, y = ((const result *)b)->rate;
    return x < y ? -1 : x > y;
}

typedef struct line {
    const char *name;
    measured_fn *fn;
    result rounds[32], median;
} line;

static const char *only = "", *only_shape = "";

static bool wanted(const line *l)
{
    return strncmp(l->name, only, strlen(only)) == 0;
}

static void learn_order(const shape *s, const char *address)
{
    if (in_process(run_order, s, address).rate == 0) {
        die("the order of the records cannot be learnt");
    }
}

static void measure(const shape *s, line *lines, int n, int rounds, const char *address)
{
    if (strncmp(s->name, only_shape, strlen(only_shape)) != 0) {
        return;
    }
    learn_order(s, address);
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < n; i++) {
            if (!wanted(&lines[i])) {
                continue;
            }
            lines[i].rounds[r] = in_process(lines[i].fn, s, address);
            if (lines[i].rounds[r].rate == 0) {
                fprintf(stderr, "bench: %s\n", lines[i].name);
                die("a run failed");
            }
        }
    }
    printf("\n%s: %d records, %d partitions, median of %d rounds, %d records a commit\n", s->name,
        s->records, s->partitions, rounds, told->commit_records);
    for (int i = 0; i < n; i++) {
        if (!wanted(&lines[i])) {
            continue;
        }
        qsort(lines[i].rounds, (size_t)rounds, sizeof(result), by_rate);
        lines[i].median = lines[i].rounds[rounds / 2];
        printf("  %-28s %9.0f/s   %5.2f us of CPU each   peak %4ld MB (%3ld beside files)   of raw "
               "%.2f\n",
            lines[i].name, lines[i].median.rate, lines[i].median.cpu_us,
            lines[i].median.resident_kb / 1024, lines[i].median.beside_map_kb / 1024,
            lines[i].median.rate / lines[0].median.rate);
    }
}

static int missed;

static void bar(const char *what, double got, double floor, double aim)
{
    printf("  %-56s %6.2f   floor %.2f %s   aim %.2f %s\n", what, got, floor,
        got >= floor ? "ok" : "MISSED", aim, got >= aim ? "reached" : "not reached");
    missed += got < floor;
}

static void upper_bar(const char *what, double got, double bound)
{
    printf("  %-56s %6.2f   bound %.2f %s\n", what, got, bound, got <= bound ? "ok" : "MISSED");
    missed += got > bound;
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

static void read_schema(const char *path)
{
    FILE *f = fopen(path, "r");
    char *mark;
    if (!f || !fgets(schema_prefix, sizeof schema_prefix, f) ||
        !(mark = strstr(schema_prefix, "\"payload\":"))) {
        die("bench/data/envelope-schema.jsonl cannot be read");
    }
    mark[strlen("\"payload\":")] = '\0';
    fclose(f);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--first-record") == 0) {
        return first_record(argv[2]);
    }
    int rounds = argc > 1 ? atoi(argv[1]) : 5, records = argc > 2 ? atoi(argv[2]) : 250000;
    shape shapes[] = {
        {"plain-order", "accounts", "bank.plain", "owner", "balance", records, PLAIN_PARTITIONS,
            false},
        {"plain-random", "accounts", "bank.random", "owner", "balance", records, PLAIN_PARTITIONS,
            true},
        {"schema", "orders", "bank.schema", "status", "total", records / 5, SCHEMA_PARTITIONS,
            false},
    };
    char address[128];
    only = argc > 3 ? argv[3] : "";
    only_shape = argc > 4 ? argv[4] : "";
    rounds = rounds < 1 ? 1 : rounds > 31 ? 31 : rounds;
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_schema("bench/data/envelope-schema.jsonl");
    told = mmap(NULL, sizeof *told + (size_t)records * sizeof(int), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED || !mkdtemp(folder)) {
        die("no folder or no memory");
    }
    told->commit_records = 16384; /* until weir's run tells */
    pid_t broker = start_broker(shapes, 3, address, sizeof address);
    line plain[] = {{.name = "raw librdkafka", .fn = run_raw},
        {.name = "handler, two fields", .fn = run_handler},
        {.name = "memory cache", .fn = run_memory}, {.name = "LMDB cache, durable", .fn = run_lmdb},
        {.name = "bare LMDB loop", .fn = run_bare}};
    line random[] = {{.name = "raw librdkafka", .fn = run_raw},
        {.name = "handler, two fields", .fn = run_handler},
        {.name = "LMDB cache, durable", .fn = run_lmdb},
        {.name = "bare LMDB loop", .fn = run_bare}};
    line schema[] = {{.name = "raw librdkafka", .fn = run_raw},
        {.name = "handler, two fields", .fn = run_handler},
        {.name = "memory cache", .fn = run_memory}};
    measure(&shapes[0], plain, 5, rounds, address);
    measure(&shapes[1], random, 4, rounds, address);
    measure(&shapes[2], schema, 3, rounds, address);
    printf("\n");
    if (*only) {
        goto done;
    }
    bar("handler of raw, plain", plain[1].median.rate / plain[0].median.rate, 0.5, 0.6);
    bar("handler of raw, schema blocks", schema[1].median.rate / schema[0].median.rate, 0.7, 0.8);
    bar("memory cache of raw, plain", plain[2].median.rate / plain[0].median.rate, 0.4, 0.4);
    bar("LMDB of the slower of bare loop and handler, in order",
        plain[3].median.rate / lesser(plain[4].median.rate, plain[1].median.rate), 0.7, 0.7);
    bar("LMDB of the slower of bare loop and handler, random",
        random[2].median.rate / lesser(random[3].median.rate, random[1].median.rate), 0.7, 0.7);
    upper_bar("resident MB beside the map of the LMDB cache",
        (double)plain[3].median.beside_map_kb / 1024, 50);
    upper_bar("resident MB of the handler, plain", (double)plain[1].median.resident_kb / 1024, 50);
    upper_bar("resident MB of the handler, schema blocks",
        (double)schema[1].median.resident_kb / 1024, 50);
    upper_bar("seconds from exec to the first record in a cache",
        time_first_record(&shapes[0], address), 0.1);
done:
    kill(broker, SIGKILL);
    waitpid(broker, NULL, 0);
    char clean[300];
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    (void)!system(clean);
    return missed ? 1 : 0;
}
