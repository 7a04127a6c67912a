/* The ceiling for tables: a bare consumer of a topic, which looks at nothing, and COPY of rows that
 * were rendered beforehand into a temporary table, with one merge a batch. What weir does beyond it
 * is reading the records.
 *
 *   tables BROKERS TOPIC RECORDS ROWS CONNINFO TABLE KEY
 *
 * ROWS: a file as COPY writes it, a row for each record. Prints the seconds that it took. */
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 16384 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void sql(PGconn *c, const char *text, ExecStatusType wanted)
{
    PGresult *r = PQexec(c, text);
    if (PQresultStatus(r) != wanted) {
        fprintf(stderr, "%s: %s", text, PQerrorMessage(c));
        exit(3);
    }
    PQclear(r);
}

/* One row a record: the file's next n lines, as one transaction. */
static void merge(PGconn *c, FILE *rows, int n, const char *merge_sql)
{
    static char *line;
    static size_t room;
    sql(c, "begin", PGRES_COMMAND_OK);
    sql(c, "copy s from stdin", PGRES_COPY_IN);
    for (int i = 0; i < n; i++) {
        ssize_t len = getline(&line, &room, rows);
        if (len <= 0 || PQputCopyData(c, line, (int)len) != 1) {
            exit(3);
        }
    }
    PQputCopyEnd(c, NULL);
    for (PGresult *r; (r = PQgetResult(c)) != NULL;) {
        PQclear(r);
    }
    sql(c, merge_sql, PGRES_COMMAND_OK);
    sql(c, "commit", PGRES_COMMAND_OK);
}

/* insert … on conflict with every column of the table but the key. */
static char *merge_sql(PGconn *c, const char *table, const char *key)
{
    static char text[8000];
    char ask[500];
    int n = snprintf(text, sizeof text,
        "insert into %s select * from s order by %s on conflict (%s) do update set ", table, key,
        key);
    snprintf(ask, sizeof ask,
        "select string_agg(format('%%I=excluded.%%I', attname, attname), ',') from pg_attribute "
        "where attrelid = "
        "'%s'::regclass and attnum > 0 and attname <> '%s'",
        table, key);
    PGresult *r = PQexec(c, ask);
    snprintf(text + n, sizeof text - (size_t)n, "%s", PQgetvalue(r, 0, 0));
    PQclear(r);
    return text;
}

static rd_kafka_t *consumer(const char *brokers, const char *topic)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", "ceiling", why, sizeof why);
    rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    rd_kafka_poll_set_consumer(rk);
    const rd_kafka_metadata_t *m;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    if (rd_kafka_metadata(rk, 0, t, &m, 10000)) {
        exit(3);
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (int i = 0; i < m->topics[0].partition_cnt; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(t);
    return rk;
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        return 2;
    }
    long records = atol(argv[3]), n = 0;
    FILE *rows = fopen(argv[4], "r");
    PGconn *c = PQconnectdb(argv[5]);
    char text[500];
    snprintf(text, sizeof text, "create temp table s (like %s) on commit delete rows", argv[6]);
    if (!rows || PQstatus(c) != CONNECTION_OK) {
        return 3;
    }
    sql(c, text, PGRES_COMMAND_OK);
    const char *merging = merge_sql(c, argv[6], argv[7]);
    double start = now();
    rd_kafka_t *rk = consumer(argv[1], argv[2]);
    for (int batch = 0; n < records;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);
        if (m && !m->err && m->payload) {
            n++;
            batch++;
        }
        if (m) {
            rd_kafka_message_destroy(m);
        }
        if (batch == BATCH || n == records) {
            merge(c, rows, batch, merging);
            batch = 0;
        }
    }
    printf("%.3f\n", now() - start);
    return 0;
}
