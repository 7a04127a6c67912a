/* The test kit: what a test expects, and what there is. See <weir/test.h>. */
#include <string.h>

#include "test_kit_inside.h"
#include "value/json.h"

static bool matches(const weir_value *is, const weir_value *wanted, weir_arena *arena);

static bool object_matches(const weir_value *is, const weir_value *wanted, weir_arena *arena)
{
    if (wanted->len) {
        WEIR_EACH_MEMBER(wanted, name, value)
        {
            const weir_value *v = weir_get(is, weir_string(name, arena));
            if (!v || !matches(v, value, arena)) {
                return false;
            }
        }
    }
    return true;
}

static bool array_matches(const weir_value *is, const weir_value *wanted, weir_arena *arena)
{
    if (is->len != wanted->len) {
        return false;
    }
    const weir_value *v = weir_child(is), *w = weir_child(wanted);
    for (uint32_t i = 0; i < wanted->len; i++, v = weir_next(v), w = weir_next(w)) {
        if (!matches(v, w, arena)) {
            return false;
        }
    }
    return true;
}

/* Numbers by their digits: 1.0 is not 1 here, since money is text. */
static bool matches(const weir_value *is, const weir_value *wanted, weir_arena *arena)
{
    if (is->type != wanted->type) {
        return false;
    }
    switch (wanted->type) {
    case WEIR_OBJECT:
        return object_matches(is, wanted, arena);
    case WEIR_ARRAY:
        return array_matches(is, wanted, arena);
    case WEIR_STRING:
        return weir_view_eq(weir_string(is, arena), weir_string(wanted, arena));
    default:
        return weir_view_eq(weir_raw(is), weir_raw(wanted));
    }
}

bool weir_test_text_matches(weir_view is, const char *wanted)
{
    weir_arena arena;
    const weir_value *a, *b;
    weir_arena_init(&arena, 0);
    bool same = !wanted || (!weir_json_read(is, &arena, &a, NULL) &&
                               !weir_json_read(weir_view_of(wanted), &arena, &b, NULL) &&
                               matches(a, b, &arena));
    weir_arena_fini(&arena);
    return same;
}

static weir_view type_of(const weir_memory_emit *e)
{
    weir_view type = weir_memory_emit_header(e, "type");
    return type.ptr ? type : weir_memory_emit_header(e, "ce_type");
}

void weir_expect_emit_at(
    weir_test *t, const char *file, int line, const char *type, const char *json)
{
    if (weir_test_is_over(t)) {
        return;
    }
    const weir_memory_emit *e = weir_test_unseen_emit(t);
    if (!e) {
        weir_test_fail_at(t, file, line, "expected an emit of %s, and there is no further one",
            type ? type : "any type");
        return;
    }
    t->emits_seen++;
    if ((type && !weir_view_is(type_of(e), type)) || !weir_test_text_matches(e->value, json)) {
        weir_test_fail_at(t, file, line, "expected an emit of %s %s, and there is one of %.*s %.*s",
            type ? type : "any type", json ? json : "", WEIR_ARG(type_of(e)), WEIR_ARG(e->value));
    }
}

void weir_expect_dead_at(weir_test *t, const char *file, int line, const char *code)
{
    if (weir_test_is_over(t)) {
        return;
    }
    if (t->letters_seen == t->n_letters) {
        weir_test_fail_at(t, file, line,
            "expected a dead letter with %s, and there is no further one",
            code ? code : "any code");
        return;
    }
    const weir_test_kept_letter *l = &t->letters[t->letters_seen++];
    if (code && strcmp(l->error.code, code) != 0) {
        weir_test_fail_at(t, file, line,
            "expected a dead letter with %s, and there is %s: %s%s%s [%s]", code, l->place,
            l->error.where, l->error.where[0] ? ": " : "", l->error.text, l->error.code);
    }
}

void weir_expect_row_at(
    weir_test *t, const char *file, int line, const char *cache, const char *key, const char *json)
{
    weir_buf row = {0};
    bool found;
    weir_error err;
    if (weir_test_is_over(t)) {
        return;
    }
    weir_view is;
    if (weir_test_caches_lookup(t->caches, cache, weir_view_of(key), &row, &found, &err)) {
        weir_test_fail_at(
            t, file, line, "%s%s%s [%s]", err.where, err.where[0] ? ": " : "", err.text, err.code);
    } else if (found != (json != NULL)) {
        weir_test_fail_at(t, file, line, "expected %s row %s in %s, and there is %s",
            json ? "the" : "no", key, cache, found ? weir_buf_str(&row) : "none");
    } else if (is = weir_buf_view(&row), found && !weir_test_text_matches(is, json)) {
        weir_test_fail_at(t, file, line, "expected row %s of %s to be %s, and it is %.*s", key,
            cache, json, WEIR_ARG(is));
    }
    weir_buf_fini(&row);
}

static unsigned waiting(const weir_test *t)
{
    weir_engine *e = weir_app_engine(t->app);
    return e ? (unsigned)weir_engine_get_counts(e).open : 0;
}

void weir_expect_waiting_at(weir_test *t, const char *file, int line, unsigned n)
{
    if (!weir_test_is_over(t) && waiting(t) != n) {
        weir_test_fail_at(t, file, line, "expected %u records to wait, and %u do", n, waiting(t));
    }
}

void weir_expect_quiet_at(weir_test *t, const char *file, int line)
{
    if (weir_test_is_over(t)) {
        return;
    }
    weir_expect_waiting_at(t, file, line, 0);
    weir_test_expect_relayed(t, file, line);
    weir_test_tell_what_is_left(t, file, line);
    for (size_t i = 0; !waiting(t) && weir_memory_source_name(t->source, i); i++) {
        const char *topic = weir_memory_source_name(t->source, i);
        int64_t end = weir_memory_source_end(t->source, topic);
        if (end && weir_memory_source_committed(t->source, topic) != end) {
            weir_test_fail_at(t, file, line,
                "expected %s to be committed up to %lld, and it is to %lld", topic, (long long)end,
                (long long)weir_memory_source_committed(t->source, topic));
        }
    }
}
