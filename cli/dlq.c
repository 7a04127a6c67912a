/* weir dlq: the dead-letter topic. Letters are looked at, replayed and dropped; what was done is in
 * the audit topic (letter_audit.h), for none is ever removed. */
#include "dlq.h"

#include <inttypes.h>
#include <string.h>

#include "cache.h"

static const weir_option options[] = {
    {"--code", "CODE", "letters with this error's code alone (may end with *)"},
    {"--topic", "TOPIC", "the letters' topic, where a handler has one of its own"},
    {"--all", NULL, "also letters that were replayed or dropped before"},
    {"--key", "KEY", "letters of this key alone, as it stands in Kafka"},
    {"--group", "NAME",
        "letters of the application with this name; '*': of all (the config's own)"},
    {"--of", "TOPIC", "letters of records of this topic alone"},
    {"--since", "TIME", "letters written at this time or later (2026-11-22T10:00:00Z)"},
    {"--before", "TIME", "letters written before this time"},
    {"--from", "PLACES", "begin at TOPIC/PARTITION@OFFSET,… of the dead-letter topic"},
    {"--raw", NULL, "show: the value's bytes as they are, and nothing else"},
    {"--rate", "N", "replay: at most N records a second"},
    {"--reason", "TEXT", "drop: why; it is kept with the name of who says so"},
    {"--most", "N", "replay: leave letters that were replayed N times before (5)"},
    WEIR_DRY_RUN_OPTION,
    {NULL, NULL, NULL},
};

enum { MOST_REPLAYS = 5 };

/* ---- Letters ------------------------------------------------------------------------------------
 */

static bool code_fits(const char *wanted, weir_view is)
{
    size_t len = strlen(wanted);
    bool open = len && wanted[len - 1] == '*';
    if (!is.ptr) { /* there is no code */
        return open && len == 1;
    }
    return open ? is.len >= len - 1 && memcmp(is.ptr, wanted, len - 1) == 0
                : weir_view_is(is, wanted);
}

/* Several applications may share the topic: without --group another one's letters are not this
 * one's to replay or drop. One that names no application is everybody's. */
static bool is_of_group(const weir_dlq *d, const weir_raw_record *r)
{
    weir_view group = weir_letter_header(r, "weir.dead.group");
    return !group.len || strcmp(d->group, "*") == 0 || weir_view_is(group, d->group);
}

static bool is_letter(const weir_raw_record *r)
{
    return weir_letter_header(r, "weir.dead.topic").ptr;
}

static bool fits(const weir_dlq *d, const weir_raw_record *r)
{
    int64_t time_ms = weir_letter_number(r, "weir.dead.time", r->timestamp_ms);
    return (!d->code || code_fits(d->code, weir_letter_header(r, "weir.dead.code"))) &&
           (!d->key || weir_view_is(r->key, d->key)) &&
           (!d->of || weir_view_is(weir_letter_header(r, "weir.dead.topic"), d->of)) &&
           (d->since_ms < 0 || time_ms >= d->since_ms) &&
           (d->before_ms < 0 || time_ms < d->before_ms);
}

/* ---- Showing ------------------------------------------------------------------------------------
 */

/* All of one: the value's bytes alone, or what they say. */
static weir_status put_one(
    weir_dlq *d, const char *topic, const weir_raw_record *r, weir_error *err)
{
    weir_letter l;
    if (d->raw) {
        weir_buf_putv(&d->out, r->value);
        return WEIR_OK;
    }
    weir_status s = weir_letter_read(&d->letters, r, &d->arena, &l, err);
    if (s) {
        return s;
    }
    (d->cli->json ? weir_letter_put_json : weir_letter_put_text)(&d->out, topic, &l);
    return WEIR_OK;
}

static weir_status show(weir_dlq *d, const char *topic, const weir_raw_record *r, weir_error *err)
{
    weir_status s = WEIR_OK;
    weir_buf_clear(&d->out);
    if (d->place) {
        s = put_one(d, topic, r, err);
    } else {
        const char *state = weir_letter_state_name(weir_letter_audit_state(&d->audit, r));
        (d->cli->json ? weir_letter_put_json_line : weir_letter_put_line)(&d->out, topic, r, state);
    }
    if (s || d->out.failed) {
        return s ? s : weir_fail_oom(err);
    }
    weir_bar_clear(&d->bar);
    fwrite(d->out.ptr, 1, d->out.len, stdout);
    return WEIR_OK;
}

static weir_status take(void *ctx, const char *topic, const weir_raw_record *r, weir_error *err)
{
    weir_dlq *d = ctx;
    bool other = d->place && (r->partition != d->wanted.partition || r->offset != d->wanted.offset);
    d->seen++;
    if (other) {
        return WEIR_OK;
    }
    if (!d->any) {
        bool stranger = !is_letter(r), others = !stranger && !is_of_group(d, r);
        d->strangers += stranger;
        d->others += others;
        if (stranger || others) {
            return WEIR_OK;
        }
    }
    if (!fits(d, r)) {
        return WEIR_OK;
    }
    if (!d->all && weir_letter_audit_state(&d->audit, r) != WEIR_LETTER_OPEN) {
        d->done++;
        return WEIR_OK;
    }
    d->matched++;
    return d->each(d, topic, r, err);
}

/* ---- The command --------------------------------------------------------------------------------
 */

weir_status weir_dlq_read(weir_dlq *d, weir_error *err)
{
    weir_stretch *t = &d->stretch;
    const char *from = t->from, *until = t->until;
    d->seen = d->matched = d->left = d->done = d->gone = d->others = d->strangers = 0;
    *t = (weir_stretch){.cli = d->cli,
        .topics = &d->topic,
        .n_topics = 1,
        .from = from,
        .until = until,
        .until_ms = -1,
        .take = take,
        .ctx = d,
        .bar = &d->bar,
        .taken = &d->seen};
    weir_bar_init(&d->bar, d->cli);
    weir_status s = weir_stretch_open(t, d->config, NULL, err);
    s = s ? s : weir_stretch_read(t, err);
    weir_stretch_close(t);
    weir_bar_clear(&d->bar);
    return s;
}

/* The record of this place, and nothing behind it. */
int weir_dlq_bind_place(weir_dlq *d, char from[300], char until[300])
{
    weir_cli_place p = {.offset = -1};
    if (!d->place || !weir_cli_place_of(weir_view_of(d->place), &p) || p.offset < 0 ||
        (p.topic.len && !weir_view_is(p.topic, d->topic))) {
        return weir_cli_usage(d->cli, "which letter? PARTITION@OFFSET of %s", d->topic);
    }
    d->wanted = p;
    snprintf(from, 300, "%s/%d@%" PRId64, d->topic, (int)p.partition, p.offset);
    snprintf(until, 300, "%s/%d@%" PRId64, d->topic, (int)p.partition, p.offset + 1);
    d->stretch.from = from;
    d->stretch.until = until;
    return EXIT_YES;
}

void weir_dlq_say_passed(const weir_dlq *d)
{
    if (d->others) {
        fprintf(stderr, "; %" PRIu64 " are other applications' (--group)", d->others);
    }
    if (d->strangers) {
        fprintf(stderr, "; %" PRIu64 " records are no letters", d->strangers);
    }
    fputc('\n', stderr);
}

static int look(weir_dlq *d)
{
    weir_error err = {.status = WEIR_OK};
    if (weir_dlq_read(d, &err)) {
        return weir_cli_fail(d->cli, &err);
    }
    if (d->place && !d->matched) {
        fprintf(stderr, "no letter at %s\n", d->stretch.from);
    } else if (!d->place && !d->cli->quiet && !d->cli->json) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " letters", d->matched, d->seen);
        if (d->done) {
            fprintf(stderr, "; %" PRIu64 " were replayed or dropped (--all)", d->done);
        }
        weir_dlq_say_passed(d);
    }
    return d->matched ? EXIT_YES : EXIT_NO;
}

static int look_at_one(weir_dlq *d)
{
    weir_error err;
    char from[300], until[300];
    int code = weir_dlq_bind_place(d, from, until);
    if (code) {
        return code;
    }
    weir_arena_init(&d->arena, 0);
    code = weir_letter_reader_open(&d->letters, d->config, &err) ? weir_cli_fail(d->cli, &err)
                                                                 : look(d);
    weir_letter_reader_close(&d->letters);
    weir_arena_fini(&d->arena);
    return code;
}

static int show_audit(weir_dlq *d)
{
    fwrite(d->out.ptr ? d->out.ptr : "", 1, d->out.len, stdout);
    return d->out.len ? EXIT_YES : EXIT_NO;
}

static int time_option(weir_cli *cli, const char *name, int64_t *out)
{
    const char *text = weir_cli_option(cli, name);
    *out = text ? weir_cli_time(text, weir_cli_now()) : -1;
    return text && *out < 0 ? weir_cli_usage(cli, "%s: %s is no time", name, text) : EXIT_YES;
}

static const struct {
    const char *name;
    int (*run)(weir_dlq *d);
    bool one; /* takes a place */
} verbs[] = {
    {"ls", look, false},
    {"show", look_at_one, true},
    {"replay", weir_dlq_replay, true},
    {"drop", weir_dlq_drop, true},
    {"audit", show_audit, false},
};

static int parse_filters(weir_dlq *d)
{
    weir_cli *cli = d->cli;
    weir_view wrong;
    d->topic = weir_cli_option(cli, "--topic");
    d->all = weir_cli_option(cli, "--all") != NULL;
    d->code = weir_cli_option(cli, "--code");
    d->key = weir_cli_option(cli, "--key");
    d->of = weir_cli_option(cli, "--of");
    d->group = weir_cli_option(cli, "--group");
    d->stretch.from = weir_cli_option(cli, "--from");
    int code = time_option(cli, "--since", &d->since_ms);
    code = code ? code : time_option(cli, "--before", &d->before_ms);
    if (!code && d->stretch.from && !weir_stretch_is_places(d->stretch.from, &wrong)) {
        return weir_cli_usage(cli, "--from: %.*s is no TOPIC/PARTITION@OFFSET", WEIR_ARG(wrong));
    }
    return code;
}

/* *verb: its number among the verbs. */
static int parse(weir_dlq *d, size_t *verb)
{
    weir_cli *cli = d->cli;
    int code = parse_filters(d);
    code = code ? code : weir_cli_count_option(cli, "--rate", &d->rate);
    code = code ? code : weir_cli_count_option(cli, "--most", &d->most);
    d->most = d->most ? d->most : MOST_REPLAYS;
    d->raw = weir_cli_option(cli, "--raw") != NULL;
    d->reason = weir_cli_option(cli, "--reason");
    if (code) {
        return code;
    }
    d->verb = weir_cli_argument(cli);
    size_t n = sizeof verbs / sizeof *verbs;
    for (*verb = 0; d->verb && *verb < n && strcmp(d->verb, verbs[*verb].name) != 0;) {
        ++*verb;
    }
    if (!d->verb || *verb == n) {
        return weir_cli_usage(cli, "ls, show, replay, drop or audit?");
    }
    d->place = verbs[*verb].one ? weir_cli_argument(cli) : NULL;
    bool shows = verbs[*verb].run == look_at_one;
    d->all |= shows;
    d->any = shows;
    d->each = show;
    if (d->raw && (!shows || cli->json)) {
        return weir_cli_usage(cli, "--raw is for show, without --json");
    }
    return weir_cli_end(cli);
}

static int run(weir_cli *cli)
{
    weir_dlq d = {.cli = cli};
    weir_config *config = NULL;
    weir_error err;
    size_t verb;
    int code = parse(&d, &verb);
    code = code ? code : weir_cli_config_option(cli, &config);
    if (code) {
        return code;
    }
    d.config = config;
    d.topic = d.topic ? d.topic : config->errors.dead_letter.topic;
    d.group = d.group ? d.group : config->name;
    weir_buf *lines = verbs[verb].run == show_audit ? &d.out : NULL;
    code = weir_letter_audit_open(&d.audit, cli, config, d.topic, lines, &err)
               ? weir_cli_fail(cli, &err)
               : verbs[verb].run(&d);
    weir_letter_audit_close(&d.audit);
    weir_buf_fini(&d.out);
    weir_config_free(config);
    return code;
}

const weir_command weir_command_dlq = {
    .name = "dlq",
    .arguments = "ls|show PLACE|replay [PLACE]|drop [PLACE]|audit -c CONFIG",
    .summary = "look at dead letters, replay them, drop them",
    .text =
        "ls: a line a letter: its place, the record that it was, the error's code, key and text. "
        "Letters that were\n"
        "replayed or dropped are left out, but for --all. Where several applications share the "
        "topic, each verb but\n"
        "show sees those of this config's `name` alone, unless --group names another ('*': all). "
        "Exit code 1: there\n"
        "is none.\n\n"
        "show: all of one: the record that it was, why it is here, its key, headers and value. "
        "The value is read\n"
        "as JSON, or as Avro by the config's registry; what cannot be read is said, and shown as "
        "it is. Where\n"
        "`events` or `validation` of the config have a schema for it, it is judged by that as it "
        "is now: what was\n"
        "mended fits. --json: one object; --raw: the value's bytes, for a file.\n\n"
        "replay writes the letters that the options name to errors.dead_letter.replay of the "
        "config, a topic that\n"
        "only this application reads, where each is handled as the record that it was, with the "
        "same weir_id;\n"
        "never to the original topic, which all others read, too. How many there are is said "
        "first; --dry-run\n"
        "ends there, and off a terminal it needs --yes. Each carries how often it was replayed, "
        "and is left\n"
        "alone after --most times. The value of a letter that was too large to have it is taken "
        "from its record's\n"
        "place, as long as that is there. A letter is replayed once: a replay that was cut short, "
        "or another one\n"
        "later, goes on with those that are left. One that is too large for the topic is named and "
        "left, and the\n"
        "exit code is 1.\n\n"
        "drop: nobody is to do anything about these letters any more, for this --reason.\n\n"
        "Each letter that is replayed or dropped gets a line in the topic TOPIC.audit (TOPIC: "
        "that of the letters),\n"
        "which is made where it is missing, and kept for ever: when, which, why or where to, by "
        "whom. audit\n"
        "prints it. The letters themselves stay where they are, for as long as their topic keeps "
        "them.\n\n"
        "PLACE is PARTITION@OFFSET of the letter.\n\n"
        "Examples\n"
        "  weir dlq ls -c payment.yaml --code PROVIDER_* --since 2026-11-22\n"
        "  weir dlq show 0@17 -c payment.yaml\n"
        "  weir dlq show 0@17 -c payment.yaml --raw > letter.bin\n"
        "  weir dlq replay -c payment.yaml --code ORDER_UNKNOWN --rate 50 --yes\n"
        "  weir dlq drop 0@17 -c payment.yaml --reason 'a test order, see OPS-12'\n",
    .options = options,
    .run = run,
};
