/* What was done about dead letters. See letter_audit.h. */
#include "letter_audit.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "kafka/kafka_admin.h"
#include "letter.h"
#include "stretch.h"
#include "value/json.h"
#include "value/utf8.h"
#include "value/value.h"
#include "words.h"

enum { PLACE = 80, MAKE_MS = 5000 };

static const char *const names[] = {[WEIR_LETTER_OPEN] = "open",
    [WEIR_LETTER_REPLAYED] = "replayed",
    [WEIR_LETTER_DROPPED] = "dropped"};
static const weir_letter_state states[] = {
    WEIR_LETTER_OPEN, WEIR_LETTER_REPLAYED, WEIR_LETTER_DROPPED};

const char *weir_letter_state_name(weir_letter_state s)
{
    return names[s];
}

static weir_view place_of(char to[PLACE], int64_t partition, int64_t offset, int64_t timestamp_ms)
{
    int n =
        snprintf(to, PLACE, "%" PRId64 "@%" PRId64 "@%" PRId64, partition, offset, timestamp_ms);
    return weir_view_make(to, (size_t)n);
}

/* ---- Reading ------------------------------------------------------------------------------------
 */

typedef struct reading {
    weir_letter_audit *audit;
    weir_arena arena;
    weir_buf *lines;
    bool json;
    uint64_t n;
} reading;

static int64_t number(const weir_value *line, const char *name)
{
    int64_t n;
    const weir_value *v = weir_gets(line, name);
    return v && weir_to_int64(v, &n) ? n : -1;
}

static weir_view text(const weir_value *line, const char *name, weir_arena *arena)
{
    const weir_value *v = weir_gets(line, name);
    return weir_is(v, WEIR_STRING) ? weir_string(v, arena) : weir_view_of("");
}

static void put_line(reading *r, const weir_raw_record *record, const weir_value *line)
{
    static const char *const rest[] = {"action", "letter", "record", "code", "by", "to", "reason"};
    if (r->json) {
        weir_buf_putv(r->lines, record->value);
        weir_buf_putc(r->lines, '\n');
        return;
    }
    weir_cli_put_time(r->lines, number(line, "at_ms"));
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
        weir_view v = text(line, rest[i], &r->arena);
        if (v.len) {
            weir_buf_puts(r->lines, i >= 4 ? "  " : " ");
            weir_buf_puts(r->lines, i >= 4 ? rest[i] : "");
            weir_buf_puts(r->lines, i >= 4 ? " " : "");
            weir_cli_put_clean(r->lines, v);
        }
    }
    weir_buf_putc(r->lines, '\n');
}

/* Lines that are not ours are left alone. */
static weir_status take(
    void *ctx, const char *topic, const weir_raw_record *record, weir_error *err)
{
    reading *r = ctx;
    const weir_value *line;
    weir_error no_json;
    char at[PLACE];
    (void)topic;
    r->n++;
    weir_arena_reset(&r->arena);
    if (weir_json_read(record->value, &r->arena, &line, &no_json) || !weir_is(line, WEIR_OBJECT)) {
        return WEIR_OK;
    }
    weir_view action = text(line, "action", &r->arena);
    size_t s = WEIR_LETTER_REPLAYED;
    while (s <= WEIR_LETTER_DROPPED && !weir_view_is(action, names[s])) {
        s++;
    }
    if (s > WEIR_LETTER_DROPPED) {
        return WEIR_OK;
    }
    weir_map_entry *e =
        weir_map_add(&r->audit->states, place_of(at, number(line, "partition"),
                                            number(line, "offset"), number(line, "timestamp_ms")));
    if (!e) {
        return weir_fail_oom(err);
    }
    e->value = (void *)(uintptr_t)&states[s];
    if (r->lines) {
        put_line(r, record, line);
    }
    return WEIR_OK;
}

static void name_user(weir_letter_audit *a)
{
    char host[64] = "";
    const struct passwd *user = getpwuid(geteuid());
    (void)gethostname(host, sizeof host - 1);
    snprintf(a->by, sizeof a->by, "%.60s@%.60s", user ? user->pw_name : "?", host);
}

weir_status weir_letter_audit_open(weir_letter_audit *a, const weir_cli *cli,
    const weir_config *config, const char *letters, weir_buf *lines, weir_error *err)
{
    weir_bar bar;
    reading r = {.audit = a, .lines = lines, .json = cli->json};
    *a = (weir_letter_audit){.letters = letters};
    weir_map_init(&a->states);
    name_user(a);
    weir_buf_printf(&a->topic, "%s.audit", letters);
    const char *topic = weir_buf_str(&a->topic);
    if (a->topic.failed) {
        return weir_fail_oom(err);
    }
    weir_arena_init(&r.arena, 0);
    weir_bar_init(&bar, cli);
    weir_stretch t = {.cli = cli,
        .topics = &topic,
        .n_topics = 1,
        .until_ms = -1,
        .take = take,
        .ctx = &r,
        .bar = &bar,
        .taken = &r.n};
    weir_status s = weir_stretch_open(&t, config, NULL, err);
    bool none = s && strcmp(err->code, weir_code_get(WEIR_E_KAFKA_NO_TOPIC)->name) == 0;
    s = none ? WEIR_OK : s ? s : weir_stretch_read(&t, err);
    weir_stretch_close(&t);
    weir_bar_clear(&bar);
    weir_arena_fini(&r.arena);
    return s;
}

void weir_letter_audit_close(weir_letter_audit *a)
{
    weir_map_fini(&a->states, NULL);
    weir_buf_fini(&a->topic);
    weir_buf_fini(&a->waiting);
}

weir_letter_state weir_letter_audit_state(const weir_letter_audit *a, const weir_raw_record *letter)
{
    char at[PLACE];
    const weir_letter_state *s = weir_map_get(
        &a->states, place_of(at, letter->partition, letter->offset, letter->timestamp_ms));
    return s ? *s : WEIR_LETTER_OPEN;
}

/* ---- Writing ------------------------------------------------------------------------------------
 */

/* What is done with must stay so for as long as the letters are there: its lines are kept. */
weir_status weir_letter_audit_make(
    const weir_letter_audit *a, const weir_cli *cli, const weir_config *config, weir_error *err)
{
    static const char *const kept[][2] = {
        {"retention.ms", "-1"}, {"cleanup.policy", "delete"}, {NULL, NULL}};
    weir_cli_kafka k;
    weir_kafka_admin *admin = NULL;
    weir_error missing;
    int32_t n;
    weir_status s = weir_cli_kafka_init(&k, config, NULL, err);
    weir_kafka_admin_options o = {
        k.reader, k.n_reader, (int)(cli->timeout_ms < MAKE_MS ? cli->timeout_ms : MAKE_MS), NULL};
    s = s ? s : weir_kafka_admin_open(&o, &admin, err);
    s = s ? s : weir_kafka_admin_look(admin, err);
    if (!s && weir_kafka_admin_partitions(admin, a->topic.ptr, &n, &missing)) {
        s = weir_kafka_admin_create_topic(admin, a->topic.ptr, 1, kept, err);
        s = s == WEIR_FATAL && strcmp(err->code, weir_code_get(WEIR_E_KAFKA_REFUSED)->name) == 0
                ? s
                : WEIR_OK;
    }
    weir_kafka_admin_close(admin);
    weir_cli_kafka_fini(&k);
    return s;
}

static void put_member(weir_buf *to, const char *name, weir_view v)
{
    weir_buf_printf(to, ",\"%s\":", name);
    if (v.ptr && weir_utf8_valid(v.ptr, v.len)) {
        weir_json_put_string(to, v);
    } else {
        weir_buf_puts(to, "null");
    }
}

weir_status weir_letter_audit_note(weir_letter_audit *a, weir_letter_state what,
    const weir_raw_record *letter, const char *how, const char *because, weir_error *err)
{
    weir_buf *to = &a->waiting;
    weir_buf record = {0};
    weir_raw_record o = weir_letter_original(letter);
    weir_cli_put_clean(&record, o.topic);
    weir_buf_printf(&record, "/%d@%" PRId64, (int)o.partition, o.offset);
    weir_buf_printf(to, "%s/%d@%" PRId64, a->letters, (int)letter->partition, letter->offset);
    weir_buf_putc(to, '\0');
    weir_buf_printf(to, "{\"at_ms\":%" PRId64 ",\"action\":\"%s\",\"letter\":\"%s/%d@%" PRId64 "\"",
        weir_cli_now(), names[what], a->letters, (int)letter->partition, letter->offset);
    weir_buf_printf(to, ",\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp_ms\":%" PRId64,
        (int)letter->partition, letter->offset, letter->timestamp_ms);
    put_member(to, "record", weir_buf_view(&record));
    put_member(to, "code", weir_letter_header(letter, "weir.dead.code"));
    put_member(to, how, weir_view_of(because));
    put_member(to, "by", weir_view_of(a->by));
    weir_buf_putc(to, '}');
    weir_buf_putc(to, '\0');
    a->n_waiting++;
    bool failed = to->failed || record.failed;
    weir_buf_fini(&record);
    return failed ? weir_fail_oom(err) : WEIR_OK;
}

weir_status weir_letter_audit_settle(weir_letter_audit *a, weir_kafka_writer *w, weir_error *err)
{
    weir_status s = weir_kafka_writer_flush(w, err);
    const char *at = a->waiting.ptr;
    for (; a->n_waiting && !s; a->n_waiting--) {
        weir_raw_record line = {
            .partition = -1, .offset = -1, .timestamp_ms = weir_cli_now(), .key = weir_view_of(at)};
        line.value = weir_view_of(at + line.key.len + 1);
        s = weir_kafka_writer_put(w, a->topic.ptr, &line, err);
        at += line.key.len + line.value.len + 2;
    }
    weir_buf_clear(&a->waiting);
    return s;
}
