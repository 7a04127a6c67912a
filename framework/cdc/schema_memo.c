/* The memo of schema blocks. See schema_memo.h. */
#include "cdc/schema_memo.h"

#include "base/alloc.h"

enum {
    LARGEST_SCHEMA = 1 << 20, /* bytes; a table of 1,600 columns takes half of it */
    MOST_BYTES = 32 << 20     /* of all topics together */
};

/* ---- one schema -------------------------------------------------------------------------- */

weir_known_schema *weir_known_schema_new(
    weir_view prefix, weir_view text, const weir_table_types *types)
{
    weir_known_schema *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    weir_arena_init(&s->arena, 0);
    s->prefix = weir_arena_copy(&s->arena, prefix.len ? prefix : weir_view_make("", 0));
    s->text = weir_arena_copy(&s->arena, text);
    s->types = types;
    if (!s->prefix.ptr || !s->text.ptr) {
        weir_known_schema_free(s);
        return NULL;
    }
    return s;
}

void weir_known_schema_free(weir_known_schema *s)
{
    if (s) {
        weir_arena_fini(&s->arena);
        weir_free(s);
    }
}

static size_t bytes_of(const weir_known_schema *s)
{
    return sizeof *s + weir_arena_footprint(&s->arena);
}

static weir_known_schema *move_to_front(weir_known_schemas *known, size_t i)
{
    weir_known_schema *s = known->of[i];
    for (; i > 0; i--) {
        known->of[i] = known->of[i - 1];
    }
    known->of[0] = s;
    return s;
}

weir_known_schema *weir_known_schema_match(weir_known_schemas *known, weir_view text)
{
    for (size_t i = 0; i < WEIR_KNOWN_SCHEMAS && known->of[i]; i++) {
        weir_view prefix = known->of[i]->prefix;
        if (prefix.len && text.len > prefix.len && memcmp(text.ptr, prefix.ptr, prefix.len) == 0) {
            return move_to_front(known, i);
        }
    }
    return NULL;
}

static bool is_schema(
    const weir_known_schema *s, weir_view prefix, weir_view text, const weir_table_types *types)
{
    return s->types == types && (!prefix.len || weir_view_eq(s->prefix, prefix)) &&
           weir_view_eq(s->text, text);
}

weir_known_schema *weir_known_schema_find(
    weir_known_schemas *known, weir_view prefix, weir_view text, const weir_table_types *types)
{
    for (size_t i = 0; i < WEIR_KNOWN_SCHEMAS && known->of[i]; i++) {
        if (is_schema(known->of[i], prefix, text, types)) {
            return move_to_front(known, i);
        }
    }
    return NULL;
}

/* ---- all of them ------------------------------------------------------------------------- */

static void forget(weir_schema_memo *m, weir_known_schema *s)
{
    s->next = m->forgotten;
    m->forgotten = s;
}

static void forget_known(weir_schema_memo *m, weir_known_schemas *known)
{
    for (size_t i = 0; i < WEIR_KNOWN_SCHEMAS && known->of[i]; i++) {
        forget(m, known->of[i]);
        known->of[i] = NULL;
    }
}

/* Starting anew costs each topic one parse; it happens to who reads thousands of wide tables. */
static void forget_all(weir_schema_memo *m)
{
    size_t at = 0;
    for (weir_map_entry *e; (e = weir_map_next(&m->topics, &at));) {
        weir_topic_schemas *topic = e->value;
        forget_known(m, &topic->keys);
        forget_known(m, &topic->values);
    }
    weir_map_fini(&m->topics, weir_free);
    m->bytes = 0;
}

void weir_schema_memo_release(weir_schema_memo *m)
{
    while (m->forgotten) {
        weir_known_schema *s = m->forgotten;
        m->forgotten = s->next;
        weir_known_schema_free(s);
    }
}

void weir_schema_memo_fini(weir_schema_memo *m)
{
    forget_all(m);
    weir_schema_memo_release(m);
}

static weir_topic_schemas *add_topic(weir_schema_memo *m, weir_view topic)
{
    weir_topic_schemas *t = weir_schema_memo_topic(m, topic);
    if (t) {
        return t;
    }
    t = weir_calloc(1, sizeof *t);
    weir_map_entry *e = t ? weir_map_add(&m->topics, topic) : NULL;
    if (!e) {
        weir_free(t);
        return NULL;
    }
    e->value = t;
    m->bytes += sizeof *t + topic.len + sizeof *e;
    return t;
}

weir_status weir_schema_memo_keep(
    weir_schema_memo *m, weir_view topic, bool of_key, weir_known_schema *s, weir_error *err)
{
    size_t bytes = bytes_of(s);
    if (bytes > LARGEST_SCHEMA) {
        forget(m, s);
        return WEIR_OK;
    }
    if (m->bytes + bytes > MOST_BYTES) {
        forget_all(m);
    }
    weir_topic_schemas *t = add_topic(m, topic);
    if (!t) {
        forget(m, s);
        return weir_fail_oom(err);
    }
    weir_known_schemas *known = of_key ? &t->keys : &t->values;
    weir_known_schema *oldest = known->of[WEIR_KNOWN_SCHEMAS - 1];
    if (oldest) {
        m->bytes -= bytes_of(oldest);
        forget(m, oldest);
    }
    known->of[WEIR_KNOWN_SCHEMAS - 1] = s;
    m->bytes += bytes;
    (void)move_to_front(known, WEIR_KNOWN_SCHEMAS - 1);
    return WEIR_OK;
}
