/* Patterns. See patterns.h. */
#include "patterns.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "file/lines.h"
#include "file/recording.h"
#include "kafka/kafka_admin.h"
#include "kafka_properties.h"
#include "process.h"

enum { ASK_MS = 5000, WATCH_MS = 2000, LOOK_MS = 30000 };

/* Names of topics, each once. */
typedef struct topics {
    weir_arena arena;
    weir_map known;
    const char **names; /* owned */
    size_t n, capacity;
} topics;

static weir_status add(topics *t, weir_view name, weir_error *err)
{
    if (weir_map_find(&t->known, name)) {
        return WEIR_OK;
    }
    weir_map_entry *m = weir_map_add(&t->known, name);
    const char *copy = weir_arena_copy(&t->arena, name).ptr;
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 64;
        const char **grown = weir_realloc((void *)t->names, capacity * sizeof(const char *));
        if (!grown) {
            return weir_fail_oom(err);
        }
        t->names = grown;
        t->capacity = capacity;
    }
    if (!m || !copy) {
        return weir_fail_oom(err);
    }
    t->names[t->n++] = copy;
    return WEIR_OK;
}

static weir_status of_recording(const char *path, topics *to, weir_error *err)
{
    weir_lines *lines = NULL;
    weir_view line;
    weir_arena scratch;
    if (strcmp(path, "-") == 0) {
        return weir_fail(err, WEIR_E_FILE_UNREADABLE,
            "a pattern needs a recording that can be read twice: name a file");
    }
    weir_arena_init(&scratch, 0);
    weir_status st = weir_lines_open(path, &lines, err);
    while (!st && !(st = weir_lines_next(lines, &line, err)) && line.ptr) {
        weir_recorded *r = NULL;
        st = line.len ? weir_recording_read(line, &scratch, &r, err) : WEIR_OK;
        st = st || !r ? st : add(to, r->raw.topic, err);
        weir_free(r);
    }
    weir_lines_close(lines);
    weir_arena_fini(&scratch);
    return st;
}

static weir_status of_kafka(
    const weir_config *c, int timeout_ms, const weir_log *log, topics *to, weir_error *err)
{
    weir_arena arena;
    weir_arena_init(&arena, 0);
    weir_kafka_admin *admin = NULL;
    weir_kafka_admin_options o = {.timeout_ms = timeout_ms, .log = log};
    o.properties = weir_kafka_properties(c, &c->kafka.consumer, &arena, &o.n_properties);
    weir_status st = o.properties ? weir_kafka_admin_open(&o, &admin, err) : weir_fail_oom(err);
    st = st ? st : weir_kafka_admin_look(admin, err);
    for (size_t i = 0; !st && weir_kafka_admin_topic(admin, i); i++) {
        st = add(to, weir_view_of(weir_kafka_admin_topic(admin, i)), err);
    }
    weir_kafka_admin_close(admin);
    weir_arena_fini(&arena);
    return st;
}

static void free_topics(topics *t)
{
    weir_free((void *)t->names);
    weir_map_fini(&t->known, NULL);
    weir_arena_fini(&t->arena);
}

static void init_topics(topics *t)
{
    *t = (topics){.n = 0};
    weir_arena_init(&t->arena, 0);
    weir_map_init(&t->known);
}

static weir_status look(weir_config *c, const char *recording, const weir_log *log, weir_error *err)
{
    topics t;
    size_t added;
    init_topics(&t);
    weir_status st =
        recording ? of_recording(recording, &t, err) : of_kafka(c, ASK_MS, log, &t, err);
    st = st ? st : weir_config_take_topics(c, t.names, t.n, &added, err);
    if (!st && !c->followed.count) {
        st = weir_fail(err, WEIR_E_KAFKA_NO_TOPIC, "no topic is of a table that fits `%s`",
            c->moulds.items[0]->from);
    }
    free_topics(&t);
    return st;
}

weir_status weir_patterns_take(
    weir_config *c, const char *recording, unsigned tries, const weir_log *log, weir_error *err)
{
    size_t before = c->followed.count;
    weir_status st = c->moulds.count ? look(c, recording, log, err) : WEIR_OK;
    for (unsigned i = 1;
         i < tries && st && strcmp(err->code, "KAFKA_UNREACHABLE") == 0 && !weir_told_to_end();
         i++) {
        weir_log_error(
            log, WEIR_LOG_WARN, c->name, err, "waiting for Kafka, half a minute at most");
        st = look(c, recording, log, err);
    }
    for (size_t i = before; !st && i < c->followed.count; i++) {
        weir_log_line(log, WEIR_LOG_INFO, c->name, "%s follows %s, topic %s",
            c->followed.items[i]->name, c->followed.items[i]->from, c->followed.items[i]->topic);
    }
    return st;
}

/* ---- While it runs -----------------------------------------------------------------------------
 */

static int64_t interval_ms(const weir_config *c)
{
    const weir_config_pairs *lists[] = {&c->kafka.properties, &c->kafka.consumer};
    int64_t ms = LOOK_MS;
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->count; i++) {
            const weir_config_pair *p = &lists[l]->items[i];
            bool it = strcmp(p->name, "topic.metadata.refresh.interval.ms") == 0;
            ms = it && atoll(p->value) > 0 ? atoll(p->value) : ms;
        }
    }
    return ms;
}

bool weir_patterns_news(weir_patterns_watch *w, int64_t now_ms)
{
    const weir_config *c = w->config;
    bool due = c->moulds.count && w->next_ms && now_ms >= w->next_ms;
    if (due || !w->next_ms) {
        w->next_ms = now_ms + interval_ms(c);
    }
    if (!due) {
        return false;
    }
    topics t;
    weir_error err;
    bool news = false;
    init_topics(&t);
    if (!of_kafka(c, WATCH_MS, NULL, &t, &err)) {
        for (size_t i = 0; i < t.n && !news; i++) {
            news = weir_config_has_news(c, t.names[i]);
        }
    }
    free_topics(&t);
    return news;
}
