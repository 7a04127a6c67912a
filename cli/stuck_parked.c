/* weir stuck ls|release|reject. See stuck_parked.h. */
#include "stuck_parked.h"

#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "cache.h"
#include "consent.h"
#include "kafka/kafka_writer.h"
#include "service/parked.h"
#include "stretch.h"
#include "table.h"
#include "value/json.h"
#include "value/utf8.h"
#include "words.h"

enum {
    MOST_KEYS = 1000000,
    TIMEOUT_MS = 30000,
    SHOWN_KEY = 60,
    SHOWN_TEXT = 200,
    PATIENCE_MS = 3000
};

typedef struct parked {
    weir_cli *cli;
    weir_config *config;
    const char *verb, *key, *of;
    bool again, keyless, all;
    weir_parked_book book;
    weir_stretch stretch;
    weir_bar bar;
    weir_arena arena;
    uint64_t seen;
    size_t n; /* that fit */
} parked;

static const char *const verbs[] = {"ls", "release", "reject", NULL};

bool weir_stuck_is_verb(const weir_cli *cli)
{
    for (size_t i = 0; verbs[i] && cli->argc; i++) {
        if (strcmp(cli->argv[0], verbs[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- The topic ----------------------------------------------------------------------------------
 */

static weir_status take(void *ctx, const char *topic, const weir_raw_record *r, weir_error *err)
{
    parked *k = ctx;
    weir_parked_note note;
    weir_parked_key *key;
    (void)topic;
    k->seen++;
    return weir_parked_note_read(r, &note) ? weir_parked_book_take(&k->book, r, &note, &key, err)
                                           : WEIR_OK;
}

/* Behind a transaction that stays open nobody can read what is committed. */
static void tell_unseen(const parked *k)
{
    for (size_t i = 0; i < k->stretch.n_parts; i++) {
        const weir_stretch_part *p = &k->stretch.parts[i];
        if (p->is_short) {
            fprintf(stderr,
                "not seen: %s/%d from %" PRId64
                " on, since a transaction there is still open: what was parked or decided since is "
                "missing here; ask again, it ends by itself (limits.transaction)\n",
                p->topic, (int)p->number, p->next);
        }
    }
}

static weir_status read_topic(parked *k, weir_error *err)
{
    weir_stretch *t = &k->stretch;
    const char *topic = k->config->errors.parked;
    *t = (weir_stretch){.cli = k->cli,
        .topics = &topic,
        .n_topics = 1,
        .until_ms = -1,
        .patience_ms = PATIENCE_MS,
        .take = take,
        .ctx = k,
        .bar = &k->bar,
        .taken = &k->seen};
    weir_bar_init(&k->bar, k->cli);
    weir_status s = weir_stretch_open(t, k->config, NULL, err);
    for (size_t i = 0; i < t->n_parts; i++) {
        k->book.is_cut |= t->parts[i].start > 0;
    }
    s = s ? s : weir_stretch_read(t, err);
    weir_bar_clear(&k->bar);
    if (!s) {
        tell_unseen(k);
    }
    weir_stretch_close(t);
    return s;
}

static bool fits(const parked *k, const weir_parked_key *key)
{
    bool named =
        k->keyless ? !key->key.ptr : !k->key || (key->key.ptr && weir_view_is(key->key, k->key));
    return named && (!k->of || strcmp(key->topic, k->of) == 0);
}

/* Those that fit, one by one; *at is 0 at first. */
static const weir_parked_key *next(const parked *k, size_t *at)
{
    for (weir_map_entry *e; (e = weir_map_next(&k->book.keys, at));) {
        if (fits(k, e->value)) {
            return e->value;
        }
    }
    return NULL;
}

/* ---- Showing ------------------------------------------------------------------------------------
 */

static weir_view clean(parked *k, weir_view text, size_t most)
{
    weir_buf b = {0};
    weir_cli_put_short(&b, text, most);
    weir_view v = weir_arena_copy(&k->arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return v.ptr ? v : weir_view_of("");
}

static weir_view time_of(parked *k, int64_t ms)
{
    weir_buf b = {0};
    weir_cli_put_time(&b, ms);
    weir_view v = weir_arena_copy(&k->arena, weir_buf_view(&b));
    weir_buf_fini(&b);
    return v.ptr ? v : weir_view_of("");
}

/* Some of those that wait were too large to be copied: their own topic must still have them. */
static bool is_lacking(const weir_parked_key *key)
{
    return key->lacking > key->log.done;
}

static void show_table(parked *k)
{
    static const weir_table_heading columns[] = {{"WHERE", false}, {"KEY", false}, {"STATE", false},
        {"BEHIND", true}, {"SINCE", false}, {"WHY", false}, {NULL, false}};
    weir_table t;
    size_t at = 0;
    weir_table_init(&t, columns);
    for (const weir_parked_key *key; (key = next(k, &at));) {
        weir_view text = clean(k, weir_view_of(key->why.text), SHOWN_TEXT);
        weir_table_add(&t, weir_arena_printf(&k->arena, "%s/%d@%" PRId64, key->topic,
                               (int)key->partition, key->log.parked));
        weir_table_add(&t, key->key.ptr ? clean(k, key->key, SHOWN_KEY) : weir_view_of("(none)"));
        weir_table_add(&t, weir_view_of(weir_key_state_name(key->log.state)));
        weir_table_add(&t, weir_arena_printf(&k->arena, "%" PRIu64 "%s", key->followers,
                               is_lacking(key) ? " (not all copied)" : ""));
        weir_table_add(&t, time_of(k, key->since_ms));
        weir_table_add(&t, weir_arena_printf(&k->arena, "%s: %.*s", key->why.code, WEIR_ARG(text)));
    }
    weir_table_print(&t, stdout);
    weir_table_fini(&t);
}

/* ,"key":… null where it is no UTF-8: then its bytes are in key_base64. */
static void put_key(weir_buf *to, weir_view key)
{
    bool text = key.ptr && weir_utf8_valid(key.ptr, key.len);
    weir_buf_puts(to, ",\"key\":");
    if (text) {
        weir_json_put_string(to, key);
        return;
    }
    weir_buf_puts(to, "null");
    if (key.ptr) {
        weir_buf_puts(to, ",\"key_base64\":\"");
        weir_base64_put(to, key);
        weir_buf_putc(to, '"');
    }
}

static void put_json(weir_buf *to, const weir_parked_key *key)
{
    weir_buf_printf(to, "{\"topic\":\"%s\",\"partition\":%d", key->topic, (int)key->partition);
    put_key(to, key->key);
    weir_buf_printf(to,
        ",\"state\":\"%s\",\"offset\":%" PRId64 ",\"followers\":%" PRIu64
        ",\"not_copied\":%s,\"since_ms\":%" PRId64 ",\"attempts\":%u,\"code\":",
        weir_key_state_name(key->log.state), key->log.parked, key->followers,
        is_lacking(key) ? "true" : "false", key->since_ms, key->attempts);
    weir_json_put_string(to, weir_view_of(key->why.code));
    weir_buf_puts(to, ",\"text\":");
    weir_json_put_string(to, weir_view_of(key->why.text));
    weir_buf_puts(to, "}\n");
}

static int list(parked *k)
{
    weir_buf out = {0};
    size_t at = 0;
    for (const weir_parked_key *key; k->cli->json && (key = next(k, &at));) {
        put_json(&out, key);
    }
    fwrite(out.ptr, 1, out.len, stdout);
    weir_buf_fini(&out);
    if (k->n && !k->cli->json) {
        show_table(k);
    } else if (!k->n && !k->cli->quiet && !k->cli->json) {
        fputs("no key is parked\n", stderr);
    }
    return k->n ? EXIT_NO : EXIT_YES;
}

/* ---- Deciding -----------------------------------------------------------------------------------
 */

static bool header_at(const void *self, size_t i, weir_view *name, weir_view *value)
{
    const weir_outgoing *o = self;
    if (i >= o->n_headers) {
        return false;
    }
    *name = o->headers[i].name;
    *value = o->headers[i].value;
    return true;
}

static weir_note word_of(const parked *k)
{
    return strcmp(k->verb, "reject") == 0 ? WEIR_NOTE_REJECT
           : k->again                     ? WEIR_NOTE_AGAIN
                                          : WEIR_NOTE_RELEASE;
}

/* What was released may be rejected still. */
static bool is_decidable(const parked *k, const weir_parked_key *key)
{
    bool reject = word_of(k) == WEIR_NOTE_REJECT;
    return key->log.state == WEIR_KEY_PARKED || (reject && key->log.state == WEIR_KEY_RELEASED);
}

/* Into the partition that the key's notes are in. */
static weir_status write_one(
    parked *k, weir_kafka_writer *w, const weir_parked_key *key, weir_error *err)
{
    const char *to = k->config->errors.parked;
    weir_outgoing *o = weir_parked_decision_make(
        to, key->name, word_of(k), key->log.parked, weir_cli_now(), &k->arena);
    if (!o) {
        return weir_fail_oom(err);
    }
    const weir_raw_record r = {.partition = key->log_partition,
        .key = o->key,
        .timestamp_ms = weir_cli_now(),
        .headers = {header_at, o}};
    return weir_kafka_writer_put(w, to, &r, err);
}

static weir_status write_all(parked *k, weir_error *err)
{
    weir_cli_kafka kafka;
    weir_kafka_writer *w = NULL;
    size_t at = 0;
    weir_status s = weir_cli_kafka_init(&kafka, k->config, NULL, err);
    weir_kafka_writer_options o = {
        .properties = kafka.writer, .n_properties = kafka.n_writer, .timeout_ms = TIMEOUT_MS};
    s = s ? s : weir_kafka_writer_open(&o, &w, err);
    for (const weir_parked_key *key; !s && (key = next(k, &at));) {
        s = is_decidable(k, key) ? write_one(k, w, key, err) : WEIR_OK;
    }
    s = s ? s : weir_kafka_writer_flush(w, err);
    weir_kafka_writer_close(w);
    weir_cli_kafka_fini(&kafka);
    return s;
}

/* A line a key: what was decided, for whoever asks later who did it. */
static void tell(const parked *k)
{
    weir_buf out = {0};
    size_t at = 0;
    for (const weir_parked_key *key; (key = next(k, &at));) {
        if (!is_decidable(k, key)) {
            continue;
        }
        weir_buf_printf(&out, "{\"decision\":\"%s\",\"again\":%s,\"topic\":\"%s\",\"partition\":%d",
            k->verb, k->again ? "true" : "false", key->topic, (int)key->partition);
        put_key(&out, key->key);
        weir_buf_printf(&out, ",\"followers\":%" PRIu64 "}\n", key->followers);
    }
    fwrite(out.ptr, 1, out.len, stdout);
    weir_buf_fini(&out);
}

static size_t count_parked(const parked *k, uint64_t *followers)
{
    size_t n = 0, at = 0;
    *followers = 0;
    for (const weir_parked_key *key; (key = next(k, &at));) {
        n += is_decidable(k, key);
        *followers += is_decidable(k, key) ? key->followers : 0;
    }
    return n;
}

static int decide(parked *k)
{
    uint64_t followers;
    char plan[400];
    weir_error err;
    int code;
    size_t n = count_parked(k, &followers);
    bool reject = strcmp(k->verb, "reject") == 0;
    if (!n) {
        fputs(k->n ? "it was decided before\n" : "no such key is parked\n", stderr);
        return EXIT_NO;
    }
    snprintf(plan, sizeof plan,
        reject ? "%" PRIu64 " records that wait behind a rejected one of %zu keys go to the dead "
                 "letters%s\n"
               : "%" PRIu64 " records that wait behind a rejected one of %zu keys are handled%s\n",
        followers, n, k->again ? ", and the rejected one before them" : "");
    if (!weir_cli_consented(k->cli, plan, &code)) {
        return code;
    }
    if (write_all(k, &err)) {
        return weir_cli_fail(k->cli, &err);
    }
    if (k->cli->json) {
        tell(k);
    } else if (!k->cli->quiet) {
        fprintf(stderr, "%s: %zu keys, %" PRIu64 " records; the application does it from here\n",
            reject ? "rejected" : "released", n, followers);
    }
    return EXIT_YES;
}

/* ---- The command --------------------------------------------------------------------------------
 */

static int parse(parked *k)
{
    weir_cli *cli = k->cli;
    k->verb = weir_cli_argument(cli);
    k->of = weir_cli_option(cli, "--of");
    k->again = weir_cli_option(cli, "--again") != NULL;
    k->keyless = weir_cli_option(cli, "--no-key") != NULL;
    k->all = weir_cli_option(cli, "--all") != NULL;
    bool lists = strcmp(k->verb, "ls") == 0;
    k->key = weir_cli_argument(cli);
    if (!lists && (k->key != NULL) + k->keyless + k->all != 1) {
        return weir_cli_usage(cli, "which key? KEY, --no-key or --all");
    }
    if (k->again && strcmp(k->verb, "release") != 0) {
        return weir_cli_usage(cli, "--again is for release");
    }
    return weir_cli_end(cli);
}

/* A config that parks nothing need not have the topic; a handler may park all the same. */
static bool never_parked(const parked *k, const weir_error *err)
{
    bool absent = strcmp(err->code, weir_code_get(WEIR_E_KAFKA_NO_TOPIC)->name) == 0;
    bool parks = k->config->errors.followers == WEIR_CONFIG_FOLLOWERS_PARK;
    if (!absent || parks || strcmp(k->verb, "ls") != 0) {
        return false;
    }
    if (!k->cli->quiet) {
        fprintf(stderr,
            "no key is parked: there is no topic %s, and this config parks nothing "
            "(errors.followers)\n",
            k->config->errors.parked);
    }
    return true;
}

static int work(parked *k)
{
    weir_error err;
    size_t at = 0;
    if (read_topic(k, &err)) {
        if (never_parked(k, &err)) {
            return EXIT_YES;
        }
        return weir_cli_fail(k->cli, &err);
    }
    while (next(k, &at)) {
        k->n++;
    }
    return strcmp(k->verb, "ls") == 0 ? list(k) : decide(k);
}

int weir_stuck_parked(weir_cli *cli)
{
    parked k = {.cli = cli};
    int code = parse(&k);
    code = code ? code : weir_cli_config_option(cli, &k.config);
    if (code) {
        return code;
    }
    weir_arena_init(&k.arena, 0);
    weir_parked_book_init(&k.book, MOST_KEYS);
    code = work(&k);
    weir_parked_book_fini(&k.book);
    weir_arena_fini(&k.arena);
    weir_config_free(k.config);
    return code;
}
