/* `weir schema compat` of JSON Schemas against weir's own validator: where it says that one schema
 * reads what another one allows, no document that the other allows may be refused.
 *
 *   compat-json SEEDS [--seed N] [--verbose]
 *
 * Each seed is a random schema and what some random changes made of it. Also counted: how often the
 * verdict is "compatible", that documents were there to contradict it, and how many verdicts of
 * "not compatible" a document bears out; below a floor the test fails, since it would show nothing.
 */
#include <weir/schema.h>

#include "base/alloc.h"
#include "compat/documents.h"
#include "schema/compat.h"
#include "sim/campaign.h"

enum { TRIES = 120 };

typedef struct tally {
    uint64_t verdicts, compatible, allowed, borne_out, refused, unread;
} tally;

/* One of the two schemas of a seed. */
typedef struct side {
    const tree *tree;
    weir_buf text;
    weir_schema *schema;
    weir_validator *validator;
} side;

typedef struct pair {
    side old, new;
    weir_schema_options options;
    maker maker;
    weir_arena *scratch;
    tally *tally;
} pair;

static bool open_side(side *s, const tree *t, const weir_schema_options *options)
{
    s->tree = t;
    tree_put(&s->text, t);
    return !weir_schema_compile(weir_buf_view(&s->text), options, &s->schema, NULL) &&
           !weir_validator_new(s->schema, &s->validator, NULL);
}

static void close_side(side *s)
{
    weir_validator_free(s->validator);
    weir_schema_free(s->schema);
    weir_buf_fini(&s->text);
}

static bool is_valid(const side *s, weir_view document, bool *known)
{
    bool valid = false;
    *known = !weir_validator_check(s->validator, document, &valid, NULL);
    return valid;
}

/* A document that the writer allows and the reader refuses, in *to. */
static bool find_witness(pair *p, const side *reader, const side *writer, weir_buf *to)
{
    maker m = p->maker;
    m.arena = p->scratch;
    for (int i = 0; i < TRIES; i++) {
        bool known, known_too;
        weir_arena_reset(p->scratch);
        weir_buf_clear(to);
        make_document(&m, writer->tree, reader->tree, to);
        bool allowed = is_valid(writer, weir_buf_view(to), &known) && known;
        p->tally->allowed += allowed;
        if (allowed && !is_valid(reader, weir_buf_view(to), &known_too) && known_too) {
            return true;
        }
    }
    return false;
}

static bool says_compatible(
    const pair *p, const side *reader, const side *writer, weir_status *status, weir_error *err)
{
    weir_compat_report report;
    const weir_compat_json_schema r = {weir_buf_view(&reader->text), NULL, &p->options};
    const weir_compat_json_schema w = {weir_buf_view(&writer->text), NULL, &p->options};
    weir_compat_report_init(&report);
    *status = weir_compat_json(&r, &w, false, &report, err);
    bool compatible = !*status && !report.count;
    weir_compat_report_fini(&report);
    return compatible;
}

/* False: the verdict was wrong, and that was said. */
static bool judge(pair *p, const char *way, const side *reader, const side *writer, bool loud)
{
    weir_status status;
    weir_error err;
    weir_buf document = {0};
    bool right = true;
    bool compatible = says_compatible(p, reader, writer, &status, &err);
    p->tally->verdicts++;
    p->tally->compatible += compatible;
    if (status) {
        p->tally->unread++;
    } else if (find_witness(p, reader, writer, &document)) {
        p->tally->borne_out += !compatible;
        right = !compatible;
    }
    p->tally->refused += !compatible;
    if (loud || !right) {
        printf("  %s: %s%s\n", way,
            status       ? err.text
            : compatible ? "compatible"
                         : "not compatible",
            right ? "" : ", but this is allowed before and refused behind:");
        printf("  writer   %s\n  reader   %s\n", weir_buf_str((weir_buf *)(uintptr_t)&writer->text),
            weir_buf_str((weir_buf *)(uintptr_t)&reader->text));
        printf("  document %s\n", document.len && !right ? weir_buf_str(&document) : "-");
    }
    weir_buf_fini(&document);
    return right;
}

static bool run_seed(uint64_t seed, bool loud, tally *t)
{
    weir_arena arena, scratch;
    sim_rng rng = sim_rng_of(seed, 0);
    weir_arena_init(&arena, 0);
    weir_arena_init(&scratch, 0);
    pair p = {.tally = t, .scratch = &scratch};
    p.maker = (maker){
        &rng, &arena, SIM_PICK(&rng, 4, 6, 7, 7, 19, 19, 20, 20, 20, 20), sim_below(&rng, 20)};
    p.options.formats = sim_chance(&rng, 0.5) ? WEIR_FORMATS_ASSERTED : WEIR_FORMATS_AS_SAID;
    p.options.content = sim_chance(&rng, 0.5);
    tree *old = make_schema(&p.maker), *new = tree_copy(&arena, old);
    for (size_t n = 1 + sim_below(&rng, 5); n > 0; n--) {
        mutate(&p.maker, new);
    }
    bool right = true;
    if (open_side(&p.old, old, &p.options) && open_side(&p.new, new, &p.options)) {
        bool backward = judge(&p, "backward", &p.new, &p.old, loud);
        bool forward = judge(&p, "forward", &p.old, &p.new, loud);
        right = backward && forward;
    }
    close_side(&p.old);
    close_side(&p.new);
    weir_arena_fini(&arena);
    weir_arena_fini(&scratch);
    return right;
}

/* That the campaign has shown something. */
static bool is_telling(const tally *t, uint64_t seeds)
{
    printf("%" PRIu64 " verdicts, %" PRIu64 " compatible, %" PRIu64 " of the other %" PRIu64
           " borne out by a document, %" PRIu64 " documents allowed, %" PRIu64
           " comparisons without an end\n",
        t->verdicts, t->compatible, t->borne_out, t->refused, t->allowed, t->unread);
    return seeds < 100 || (t->verdicts > seeds && t->compatible * 5 > t->verdicts &&
                              t->allowed > t->verdicts * 20 && t->borne_out * 2 > t->refused &&
                              t->unread * 100 < t->verdicts);
}

int main(int argc, char **argv)
{
    sim_campaign k;
    tally t = {0};
    if (!sim_campaign_parse(&k, argc, argv, "compat-json SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.seeds; i++) {
        uint64_t seed = k.first + i;
        bool right = run_seed(seed, k.verbose, &t);
        if (sim_campaign_count(&k, !right)) {
            printf("seed %" PRIu64 ": a verdict is wrong\n", seed);
        }
    }
    bool telling = is_telling(&t, k.seeds);
    sim_campaign_count(&k, !telling);
    if (!telling) {
        printf("the campaign shows too little\n");
    }
    return sim_campaign_end(&k);
}
