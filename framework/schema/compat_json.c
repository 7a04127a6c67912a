/* Compatibility of JSON Schemas: pairs of a schema and of what is known. See compat.h.
 *
 * Whether one schema allows all that another allows cannot be decided in general. What these rules
 * accept is right: each value that the writer's schema allows is allowed by the reader's, but for
 * what is documented (defaults, the lenient rules). Where they cannot tell it is a finding. */
#include "schema/compat_json.h"

#include <stdio.h>

#include "base/alloc.h"
#include "schema/equal.h"

enum { DEPTH = 200, STEPS = 2000000, MOST_REFUSED = 50000 };

typedef weir_compat_json_checker checker;
typedef weir_compat_view view;
typedef weir_compat_facts facts;

/* ---- findings ------------------------------------------------------------------------------- */

/* Branches of what was written that are looked at one by one find the same. */
static bool is_there(const checker *c, weir_compat_rule rule, weir_view text)
{
    for (const weir_compat_finding *f = c->to->first; f; f = f->next) {
        if (f->rule == rule && weir_view_eq(f->path, weir_buf_view(&c->path)) &&
            weir_view_eq(f->text, text)) {
            return true;
        }
    }
    return false;
}

void weir_compat_json_add(
    checker *c, weir_compat_rule rule, const char *keyword, const char *text, weir_view what)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    char met[256];
    snprintf(met, sizeof met, "%s%.*s", text, (int)(what.len < 150 ? what.len : 150),
        what.ptr ? what.ptr : "");
    if (c->quiet ? !c->to->count : !is_there(c, rule, weir_view_of(met))) {
        weir_compat_add(c->to, rule, &c->path, "%s", met);
    }
    weir_compat_leave(&c->path, up);
}

void weir_compat_json_add_named(
    checker *c, weir_compat_rule rule, const char *keyword, weir_view name)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    (void)weir_compat_enter_name(&c->path, name);
    weir_compat_json_add(c, rule, "", "", name);
    weir_compat_leave(&c->path, up);
}

/* ---- one pair ------------------------------------------------------------------------------- */

static void compare_keywords(checker *c, const view *r, const facts *w)
{
    weir_compat_json_scalar(c, r, w);
    weir_compat_json_object(c, r, w);
    weir_compat_json_array(c, r, w);
    weir_compat_json_combined(c, r, w);
}

/* What is to be known without a word: its findings go nowhere. */
typedef struct silence {
    weir_compat_report quiet, *to;
    bool was_quiet;
} silence;

static void fall_silent(checker *c, silence *s)
{
    weir_compat_report_init(&s->quiet);
    s->to = c->to;
    s->was_quiet = c->quiet;
    c->to = &s->quiet;
    c->quiet = true;
}

/* Was there nothing to be said? */
static bool speak_again(checker *c, silence *s)
{
    bool none = s->quiet.count == 0 && c->steps >= 0;
    s->to->arena.failed |= s->quiet.arena.failed;
    c->to = s->to;
    c->quiet = s->was_quiet;
    weir_compat_report_fini(&s->quiet);
    return none;
}

static bool accepts_keywords(checker *c, const view *r, const facts *w)
{
    silence s;
    fall_silent(c, &s);
    compare_keywords(c, r, w);
    return speak_again(c, &s);
}

/* Where what is known does not do, each branch of a union that was written is looked at. */
static void compare_branches(checker *c, const view *r, const facts *w)
{
    const weir_value *list = weir_compat_next_union(w);
    if (!list) {
        compare_keywords(c, r, w);
        return;
    }
    if (accepts_keywords(c, r, w)) {
        return;
    }
    for (size_t i = 0; i < list->len && (!c->quiet || !c->to->count) && c->steps >= 0; i++) {
        facts chosen;
        weir_compat_choose(c, w, list, i, &chosen);
        if (!weir_compat_contradiction(c, &chosen)) {
            compare_branches(c, r, &chosen);
        }
    }
}

static bool same_facts(const facts *a, const facts *b)
{
    return a->types == b->types && a->value == b->value && a->n == b->n && a->n_nots == b->n_nots &&
           a->n_has == b->n_has && memcmp(a->at, b->at, a->n * sizeof *a->at) == 0 &&
           memcmp(a->nots, b->nots, a->n_nots * sizeof *a->nots) == 0 &&
           memcmp(a->has, b->has, a->n_has * sizeof *a->has) == 0;
}

static bool is_open(const checker *c, const view *r, const facts *w)
{
    for (const weir_compat_pair *p = c->open; p; p = p->up) {
        if (p->level < c->level && p->r == r && same_facts(p->w, w)) {
            return true;
        }
    }
    return false;
}

static bool is_known(checker *c, const view *r, const facts *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (weir_compat_same(c, r, w->at[i])) {
            return true;
        }
    }
    return false;
}

void weir_compat_json_compare(checker *c, const weir_value *schema, const facts *w)
{
    const view *r = weir_compat_view_of(c, schema);
    if (r->any || !w->types || (c->quiet && c->to->count)) {
        return;
    }
    if (c->depth == DEPTH || --c->steps < 0) {
        c->steps = -1;
        return;
    }
    if (r->none) {
        weir_compat_json_add(c, WEIR_COMPAT_SCHEMA_IS_FALSE, "", "", weir_view_of(""));
        return;
    }
    if (is_known(c, r, w) || is_open(c, r, w)) {
        return;
    }
    weir_compat_pair pair = {r, w, c->level, c->open};
    c->open = &pair;
    c->depth++;
    compare_branches(c, r, w);
    c->depth--;
    c->open = pair.up;
}

void weir_compat_json_compare_at(
    checker *c, const char *keyword, const weir_value *r, const facts *w)
{
    size_t up = weir_compat_enter(&c->path, keyword);
    weir_compat_json_compare(c, r, w);
    weir_compat_leave(&c->path, up);
}

/* What decides whether a schema accepts facts; how deep it is looked at is a part of it. */
static void put_question(const checker *c, const weir_value *r, const facts *w, weir_buf *to)
{
    uint64_t numbers[] = {
        w->types, w->n, w->n_nots, w->n_has, w->n_splits, c->contradictions, c->exact};
    weir_buf_put(to, &r, sizeof r);
    weir_buf_put(to, &w->value, sizeof w->value);
    weir_buf_put(to, numbers, sizeof numbers);
    weir_buf_put(to, w->at, w->n * sizeof *w->at);
    weir_buf_put(to, w->nots, w->n_nots * sizeof *w->nots);
    weir_buf_put(to, w->has, w->n_has * sizeof *w->has);
    weir_buf_put(to, w->splits, w->n_splits * sizeof *w->splits);
}

static bool accepts(checker *c, const weir_value *r, const facts *w)
{
    silence s;
    fall_silent(c, &s);
    weir_compat_json_compare(c, r, w);
    return speak_again(c, &s);
}

/* A refusal is kept: unions within unions ask the same again and again. Not so an acceptance, which
 * may stand on pairs that are still open. */
bool weir_compat_json_accepts(checker *c, const weir_value *r, const facts *w)
{
    weir_buf question = {0};
    put_question(c, r, w, &question);
    bool asked = weir_map_find(&c->refused, weir_buf_view(&question)) != NULL;
    bool accepted = !asked && accepts(c, r, w);
    if (!asked && !accepted && c->steps >= 0 && c->refused.count < MOST_REFUSED) {
        c->arena.failed |= question.failed || !weir_map_add(&c->refused, weir_buf_view(&question));
    }
    weir_buf_fini(&question);
    return accepted;
}

/* Of keywords that stand for themselves. */
bool weir_compat_some_says(checker *c, const view *r, const facts *w, weir_keyword k)
{
    for (uint32_t i = 0; i < w->n; i++) {
        if (w->at[i]->keywords[k] && weir_compat_same_keyword(c, r, w->at[i], k)) {
            return true;
        }
    }
    return false;
}

/* ---- everything ----------------------------------------------------------------------------- */

static weir_status open_side(
    checker *c, size_t i, const weir_compat_json_schema *schema, weir_error *err)
{
    uint32_t document;
    weir_compiler *side = &c->sides[i];
    weir_compiler_init(side, &c->schemas[i], schema->options, err);
    weir_view base = weir_view_of(schema->base_uri ? schema->base_uri : "");
    weir_status s = weir_compiler_add(side, base, schema->text, &document);
    side->err = NULL;
    c->roots[i] = s ? NULL : c->schemas[i].documents[0].root;
    return s;
}

static void close_side(checker *c, size_t i)
{
    weir_schema *s = &c->schemas[i];
    weir_compiler_fini(&c->sides[i]);
    weir_free(s->documents);
    weir_free(s->resources);
    weir_arena_fini(&s->arena);
}

static void free_regex(void *regex)
{
    weir_regex_free(regex);
}

static void close(checker *c)
{
    weir_map_fini(&c->views, NULL);
    weir_map_fini(&c->known, NULL);
    weir_map_fini(&c->refused, NULL);
    weir_map_fini(&c->regexes, free_regex);
    weir_regex_scratch_free(c->scratch);
    weir_buf_fini(&c->path);
    weir_arena_fini(&c->arena);
    close_side(c, 0);
    close_side(c, 1);
}

static weir_status compare_roots(checker *c, weir_error *err)
{
    facts written;
    c->scratch = weir_regex_scratch_new();
    if (!c->scratch) {
        return weir_fail_oom(err);
    }
    weir_compat_facts_init(&written);
    weir_compat_add_fact(c, &written, c->roots[1]);
    weir_compat_json_compare(c, c->roots[0], &written);
    if (c->to->arena.failed || c->path.failed || c->arena.failed) {
        return weir_fail_oom(err);
    }
    return c->steps >= 0
               ? WEIR_OK
               : weir_fail(err, WEIR_E_SCHEMA_LIMIT, "comparing the schemas takes too long");
}

weir_status weir_compat_json(const weir_compat_json_schema *reader,
    const weir_compat_json_schema *writer, bool lenient, weir_compat_report *to, weir_error *err)
{
    weir_error unwanted;
    checker c = {.lenient = lenient, .to = to, .steps = STEPS};
    err = err ? err : &unwanted;
    weir_arena_init(&c.arena, 0);
    weir_arena_init(&c.schemas[0].arena, 0);
    weir_arena_init(&c.schemas[1].arena, 0);
    weir_status s = open_side(&c, 0, reader, err);
    s = s ? s : open_side(&c, 1, writer, err);
    s = s ? s : compare_roots(&c, err);
    close(&c);
    return s;
}
