/* The ceilings for tables: a bare consumer of a topic, which looks at nothing, and rows that were
 * rendered beforehand. Into PostgreSQL: COPY into a temporary table, and one merge a batch. Into
 * SQLite: a prepared upsert a row. What weir does beyond it is reading the records.
 *
 *   tables BROKERS TOPIC RECORDS ROWS TARGET TABLE KEY
 *
 * ROWS: a file as COPY writes it, a row for each record; its last column says whether the row is to
 * go. TARGET: a conninfo, or sqlite:PATH. Goes on where the group's offsets are, and leaves them at
 * its end. Prints the seconds that it took. */
#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 16384, MOST_COLUMNS = 64 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(3);
}

/* The file's next line, without its end. */
static char *next_row(FILE *rows)
{
    static char *line;
    static size_t room;
    ssize_t len = getline(&line, &room, rows);
    if (len <= 0) {
        die("rows", "there are fewer than records");
    }
    return line;
}

typedef struct target {
    void (*batch)(struct target *t, FILE *rows, int n);
    PGconn *pg;
    char merge[8000], remove[1000];
    sqlite3 *db;
    sqlite3_stmt *upsert, *delete;
    int columns, key;
} target;

/* ---- PostgreSQL ---------------------------------------------------------------------------------
 */

static void pg_do(PGconn *c, const char *text, ExecStatusType wanted)
{
    PGresult *r = PQexec(c, text);
    if (PQresultStatus(r) != wanted) {
        die(text, PQerrorMessage(c));
    }
    PQclear(r);
}

static void pg_batch(target *t, FILE *rows, int n)
{
    pg_do(t->pg, "begin", PGRES_COMMAND_OK);
    pg_do(t->pg, "copy s from stdin", PGRES_COPY_IN);
    for (int i = 0; i < n; i++) {
        const char *line = next_row(rows);
        if (PQputCopyData(t->pg, line, (int)strlen(line)) != 1) {
            die("copy", PQerrorMessage(t->pg));
        }
    }
    PQputCopyEnd(t->pg, NULL);
    for (PGresult *r; (r = PQgetResult(t->pg)) != NULL;) {
        if (PQresultStatus(r) != PGRES_COMMAND_OK) {
            die("copy", PQerrorMessage(t->pg));
        }
        PQclear(r);
    }
    pg_do(t->pg, t->remove, PGRES_COMMAND_OK);
    pg_do(t->pg, t->merge, PGRES_COMMAND_OK);
    pg_do(t->pg, "commit", PGRES_COMMAND_OK);
}

/* The table's columns, each by this format, with commas between. */
static const char *pg_columns(PGconn *c, const char *table, const char *but, const char *format)
{
    static char ask[1000];
    snprintf(ask, sizeof ask,
        "select string_agg(format('%s', attname, attname), ',' order by attnum) from pg_attribute "
        "where attrelid = '%s'::regclass and attnum > 0 and attname <> '%s'",
        format, table, but);
    PGresult *r = PQexec(c, ask);
    return PQntuples(r) ? PQgetvalue(r, 0, 0) : "";
}

static void pg_open(target *t, const char *conninfo, const char *table, const char *key)
{
    char text[1000];
    t->batch = pg_batch;
    t->pg = PQconnectdb(conninfo);
    if (PQstatus(t->pg) != CONNECTION_OK) {
        die(conninfo, PQerrorMessage(t->pg));
    }
    snprintf(text, sizeof text,
        "create temp table s (like %s); alter table s add gone boolean; "
        "create temp table s2 (like s) on commit delete rows; drop table s; alter table s2 rename "
        "to s",
        table);
    pg_do(t->pg, text, PGRES_COMMAND_OK);
    const char *columns = pg_columns(t->pg, table, "", "%I");
    snprintf(t->remove, sizeof t->remove, "delete from %s t using s where s.gone and t.%s = s.%s",
        table, key, key);
    snprintf(t->merge, sizeof t->merge,
        "insert into %s select %s from s where not gone order by %s on conflict (%s) do update set "
        "%s",
        table, columns, key, key, pg_columns(t->pg, table, key, "%I=excluded.%I"));
}

/* ---- SQLite -------------------------------------------------------------------------------------
 */

static void lite_do(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL)) {
        die(text, sqlite3_errmsg(db));
    }
}

static void lite_row(target *t, char *line)
{
    char *column[MOST_COLUMNS + 1];
    int n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *p; n <= MOST_COLUMNS && (p = strsep(&line, "\t"));) {
        column[n++] = p;
    }
    if (n != t->columns + 1) {
        die("rows", "a row has not the table's columns and one more");
    }
    sqlite3_stmt *s = *column[n - 1] == 't' ? t->delete : t->upsert;
    if (s == t->delete) {
        sqlite3_bind_text(s, 1, column[t->key], -1, SQLITE_STATIC);
    }
    for (int i = 0; s == t->upsert && i < t->columns; i++) {
        sqlite3_bind_text(s, i + 1, column[i], -1, SQLITE_STATIC);
    }
    if (sqlite3_step(s) != SQLITE_DONE || sqlite3_reset(s)) {
        die("a row", sqlite3_errmsg(t->db));
    }
}

static void lite_batch(target *t, FILE *rows, int n)
{
    lite_do(t->db, "begin immediate");
    for (int i = 0; i < n; i++) {
        lite_row(t, next_row(rows));
    }
    lite_do(t->db, "commit");
}

static void lite_open(target *t, const char *path, const char *table, const char *key)
{
    char text[4000], names[1500] = "", marks[200] = "", sets[1500] = "";
    sqlite3_stmt *s;
    t->batch = lite_batch;
    if (sqlite3_open(path, &t->db)) {
        die(path, sqlite3_errmsg(t->db));
    }
    lite_do(t->db, "pragma journal_mode = wal; pragma synchronous = full");
    snprintf(text, sizeof text, "select name from pragma_table_info('%s')", table);
    if (sqlite3_prepare_v2(t->db, text, -1, &s, NULL)) {
        die(text, sqlite3_errmsg(t->db));
    }
    for (; sqlite3_step(s) == SQLITE_ROW; t->columns++) {
        const char *name = (const char *)sqlite3_column_text(s, 0), *comma = t->columns ? "," : "";
        if (strcmp(name, key) == 0) {
            t->key = t->columns;
        }
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", comma, name);
        snprintf(marks + strlen(marks), sizeof marks - strlen(marks), "%s?", comma);
        snprintf(
            sets + strlen(sets), sizeof sets - strlen(sets), "%s%s=excluded.%s", comma, name, name);
    }
    sqlite3_finalize(s);
    snprintf(text, sizeof text, "insert into %s (%s) values (%s) on conflict (%s) do update set %s",
        table, names, marks, key, sets);
    int failed = sqlite3_prepare_v3(t->db, text, -1, SQLITE_PREPARE_PERSISTENT, &t->upsert, NULL);
    snprintf(text, sizeof text, "delete from %s where %s = ?", table, key);
    failed |= sqlite3_prepare_v3(t->db, text, -1, SQLITE_PREPARE_PERSISTENT, &t->delete, NULL);
    if (failed) {
        die(text, sqlite3_errmsg(t->db));
    }
}

/* ---- Kafka --------------------------------------------------------------------------------------
 */

static rd_kafka_t *consumer(const char *brokers, const char *topic, const char *group)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
    rd_kafka_conf_set(conf, "group.id", group, why, sizeof why);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", why, sizeof why);
    rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", why, sizeof why);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        die("a consumer", why);
    }
    rd_kafka_poll_set_consumer(rk);
    const rd_kafka_metadata_t *m;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    if (rd_kafka_metadata(rk, 0, t, &m, 10000)) {
        die(topic, "no metadata");
    }
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (int i = 0; i < m->topics[0].partition_cnt; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_STORED;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(t);
    return rk;
}

int main(int argc, char **argv)
{
    target t = {0};
    if (argc != 8) {
        return 2;
    }
    bool lite = strncmp(argv[5], "sqlite:", 7) == 0;
    long records = atol(argv[3]), n = 0;
    FILE *rows = fopen(argv[4], "r");
    if (!rows) {
        die(argv[4], "cannot be read");
    }
    if (lite) {
        lite_open(&t, argv[5] + 7, argv[6], argv[7]);
    } else {
        pg_open(&t, argv[5], argv[6], argv[7]);
    }
    double start = now();
    rd_kafka_t *rk = consumer(argv[1], argv[2], lite ? "ceiling-sqlite" : "ceiling");
    for (int batch = 0; n < records;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 1000);
        if (m && !m->err && m->payload) {
            n++;
            batch++;
        }
        if (m) {
            rd_kafka_message_destroy(m);
        }
        if (batch == BATCH || (batch && n == records)) {
            t.batch(&t, rows, batch);
            batch = 0;
        }
    }
    printf("%.3f\n", now() - start);
    fflush(stdout);
    if (rd_kafka_commit(rk, NULL, 0)) {
        die("the group's offsets", "not committed");
    }
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}
