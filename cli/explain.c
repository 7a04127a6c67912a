/* weir explain: one record, run dry. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "explanation.h"
#include "file/lines.h"
#include "file/recording.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_reader.h"
#include "words.h"

enum { POLL_MS = 100 };

/* Its table may be one that a pattern of the config follows. */
static weir_status take_topic(weir_config *config, weir_view topic, weir_error *err)
{
    const char *name = weir_arena_copy(&config->arena, topic).ptr;
    size_t added;
    return name ? weir_config_take_topics(config, &name, 1, &added, err) : weir_fail_oom(err);
}

static int explain(const weir_cli *cli, weir_config *config, const weir_raw_record *record)
{
    weir_explanation e;
    weir_error err = {.status = WEIR_OK};
    weir_buf text = {0};
    if (take_topic(config, record->topic, &err) || weir_explain(config, record, &e, &err)) {
        return weir_cli_fail(cli, &err);
    }
    if (cli->json) {
        weir_cli_explain_json(&e, &text);
    } else {
        weir_cli_explain_text(&e, &text);
    }
    fwrite(weir_buf_view(&text).ptr, 1, text.len, stdout);
    weir_buf_fini(&text);
    bool good = !e.decoding.status;
    for (size_t i = 0; i < e.n_caches; i++) {
        good = good && !e.caches[i].rendering.status;
    }
    weir_explanation_fini(&e);
    return good ? EXIT_YES : EXIT_NO;
}

/* ---- A record of a recording ----------------------------------------------------------------- */

/* line 0: the first one that is not empty. *line NULL: there are not so many. */
static weir_status find_line(
    weir_lines *lines, unsigned long number, weir_view *line, weir_error *err)
{
    weir_status s;
    do {
        s = weir_lines_next(lines, line, err);
    } while (!s && line->ptr && (number ? weir_lines_number(lines) < number : !line->len));
    return s;
}

static int explain_line(
    const weir_cli *cli, weir_config *config, const char *path, unsigned long number)
{
    weir_lines *lines;
    weir_view line = {NULL, 0};
    weir_arena scratch;
    weir_recorded *recorded = NULL;
    weir_error err = {.status = WEIR_OK};
    int code = EXIT_YES;
    weir_arena_init(&scratch, 0);
    weir_status s = weir_lines_open(path, &lines, &err);
    s = s ? s : find_line(lines, number, &line, &err);
    if (!s && !line.ptr) {
        s = weir_fail(&err, WEIR_E_RECORDING_LINE, "%s has no line %lu", path, number);
    }
    s = s ? s : weir_recording_read(line, &scratch, &recorded, &err);
    code = s ? weir_cli_fail(cli, &err) : explain(cli, config, &recorded->raw);
    weir_free(recorded);
    weir_lines_close(lines);
    weir_arena_fini(&scratch);
    return code;
}

/* ---- A record in Kafka ----------------------------------------------------------------------- */

/* Is the offset within the partition? */
static weir_status check_place(
    const weir_cli *cli, const weir_cli_kafka *k, const weir_kafka_place *place, weir_error *err)
{
    weir_kafka_admin *a;
    int64_t first, end;
    int32_t n;
    weir_kafka_admin_options o = {k->reader, k->n_reader, cli->timeout_ms, NULL};
    weir_status s = weir_kafka_admin_open(&o, &a, err);
    if (s) {
        return s;
    }
    s = weir_kafka_admin_look(a, err);
    s = s ? s : weir_kafka_admin_partitions(a, place->topic, &n, err);
    if (!s && place->partition >= n) {
        s = weir_fail(err, WEIR_E_KAFKA_NO_RECORD, "%s has %d partitions, counted from 0",
            place->topic, (int)n);
    }
    s = s ? s : weir_kafka_admin_ends(a, place->topic, place->partition, &first, &end, err);
    if (!s && (place->offset < first || place->offset >= end)) {
        s = weir_fail(err, WEIR_E_KAFKA_NO_RECORD, "%s/%d has the offsets from %lld to below %lld",
            place->topic, (int)place->partition, (long long)first, (long long)end);
    }
    weir_kafka_admin_close(a);
    return s;
}

/* Until the record, or what there is instead of it. */
static weir_status await_record(weir_kafka_reader *r, const weir_kafka_place *place, int timeout_ms,
    weir_raw_record *record, weir_error *err)
{
    int64_t until = weir_monotonic_ms() + timeout_ms;
    for (;;) {
        weir_kafka_read what;
        weir_status s = weir_kafka_reader_next(r, POLL_MS, &what, record, err);
        if (s || (what == WEIR_KAFKA_RECORD && record->offset == place->offset)) {
            return s;
        }
        if (what != WEIR_KAFKA_NOTHING) {
            return weir_fail(err, WEIR_E_KAFKA_NO_RECORD,
                "there is none (compacted, or a transaction's mark); the next one is at %lld or "
                "later",
                (long long)record->offset);
        }
        if (weir_monotonic_ms() >= until) {
            return weir_kafka_reader_silent(r, err);
        }
    }
}

static int explain_place(const weir_cli *cli, weir_config *config, const weir_kafka_place *place)
{
    weir_cli_kafka k;
    weir_kafka_reader *reader = NULL;
    weir_raw_record record;
    weir_error err = {.status = WEIR_OK};
    weir_status s = weir_cli_kafka_init(&k, config, NULL, &err);
    weir_kafka_reader_options o = {k.reader, k.n_reader, place, 1, NULL};
    s = s ? s : check_place(cli, &k, place, &err);
    s = s ? s : weir_kafka_reader_open(&o, &reader, &err);
    s = s ? s : await_record(reader, place, cli->timeout_ms, &record, &err);
    int code = s ? weir_cli_fail(cli, &err) : explain(cli, config, &record);
    weir_kafka_reader_close(reader);
    weir_cli_kafka_fini(&k);
    return code;
}

/* ---- The command ----------------------------------------------------------------------------- */

/* "FILE:LINE"; *path is cut off in place. */
static bool is_line(char *text, unsigned long *number)
{
    char *colon = strrchr(text, ':');
    int64_t n = colon ? weir_cli_count(colon + 1, INT32_MAX) : -1;
    if (n < 0) {
        return false;
    }
    *colon = '\0';
    *number = (unsigned long)n;
    return true;
}

/* "TOPIC/PARTITION@OFFSET": of Kafka. */
static bool is_place(const char *word, weir_cli_place *place)
{
    return weir_cli_place_of(weir_view_of(word), place) && place->topic.len && place->offset >= 0;
}

static int explain_word(const weir_cli *cli, weir_config *config, const char *word)
{
    weir_cli_place place;
    unsigned long number;
    if (strcmp(word, "-") == 0) {
        return explain_line(cli, config, "-", 0);
    }
    char *copy = weir_strdup(word);
    weir_error err = {.status = WEIR_OK};
    int code;
    if (!copy) {
        weir_fail_oom(&err);
        code = weir_cli_fail(cli, &err);
    } else if (is_place(word, &place)) {
        copy[place.topic.len] = '\0';
        code = explain_place(cli, config, &(weir_kafka_place){copy, place.partition, place.offset});
    } else if (is_line(copy, &number)) {
        code = explain_line(cli, config, copy, number);
    } else {
        code = weir_cli_usage(cli, "%s is no TOPIC/PARTITION@OFFSET, no FILE:LINE and no -", word);
    }
    weir_free(copy);
    return code;
}

static int run(weir_cli *cli)
{
    const char *path = cli->config_path ? cli->config_path : weir_cli_argument(cli);
    const char *word = weir_cli_argument(cli);
    weir_config *config;
    if (!path || !word) {
        return weir_cli_usage(cli, "which %s?", path ? "record" : "config");
    }
    weir_cli_place place;
    const weir_config_options *options = is_place(word, &place) ? NULL : &weir_config_without_kafka;
    int code = weir_cli_end(cli);
    code = code ? code : weir_cli_config(cli, path, options, false, &config);
    if (code) {
        return code;
    }
    code = explain_word(cli, config, word);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_explain = {
    .name = "explain",
    .arguments = "CONFIG RECORD",
    .summary = "one record run dry: what it says, and what would become of it",
    .text =
        "RECORD is TOPIC/PARTITION@OFFSET in Kafka, FILE:LINE of a recording, or - for a line of "
        "one on stdin.\n"
        "Shown are its sizes and headers, the event, its key and position, the row as each cache "
        "of the topic\n"
        "would have it, the columns that came as placeholders, what the store has for the key now, "
        "and what the\n"
        "merge rule would do: over the store as it is, in memory, so that nothing is changed and a "
        "daemon may be\n"
        "running. Where offsets were missing, the topic is taken to be compacted. Exit code 1: the "
        "record cannot\n"
        "be used.\n\n"
        "Positions: l is the change's LSN, H the larger of the last commit's LSN and l; a key's "
        "changes are\n"
        "ordered by (H, l).\n\n"
        "Examples\n"
        "  weir explain shop.yaml shop.public.orders/3@4711\n"
        "  weir explain shop.yaml incident.jsonl.gz:17 --json | jq .caches[0].merge\n"
        "  zcat incident.jsonl.gz | grep -m1 b3JkZXI= | weir explain shop.yaml -\n",
    .options = NULL,
    .run = run,
};
