/* `weir schema compat` of Avro against weir's own resolution: where it says that one schema reads
 * what another one wrote, every value that the other can write is read.
 *
 *   compat-avro SEEDS [--seed N] [--verbose]
 *
 * Each seed is a random schema and what random changes made of it: fields that come, go and get
 * other names, promotions, branches, symbols, types that refer to themselves. As in compat_json.c
 * it is counted whether the campaign shows anything. */
#include <string.h>

#include "compat/avro_schemas.h"
#include "schema/avro_write.h"
#include "schema/compat.h"
#include "sim/campaign.h"

enum { TRIES = 40 };

typedef struct tally {
    uint64_t verdicts, compatible, read, borne_out;
} tally;

typedef struct side {
    const tree *tree;
    weir_buf text;
    weir_avro_schema *schema;
} side;

static bool open_side(side *s, const tree *t)
{
    s->tree = t;
    tree_put(&s->text, t);
    weir_view text = weir_buf_view(&s->text);
    return !weir_avro_schema_parse(&text, 1, &s->schema, NULL);
}

static void close_side(side *s)
{
    weir_avro_schema_free(s->schema);
    weir_buf_fini(&s->text);
}

static bool says_compatible(const side *reader, const side *writer, weir_status *status)
{
    weir_compat_report report;
    weir_compat_report_init(&report);
    *status = weir_compat_avro(reader->schema, writer->schema, &report, NULL);
    bool compatible = !*status && !report.count;
    weir_compat_report_fini(&report);
    return compatible;
}

/* Values that the writer writes, until the reader cannot read one. */
static bool finds_unreadable(
    const side *reader, const side *writer, sim_rng *rng, tally *t, weir_error *err)
{
    weir_avro_resolver *resolver;
    weir_arena arena;
    weir_buf bytes = {0};
    weir_status s = weir_avro_resolver_new(
        weir_avro_root(reader->schema), weir_avro_root(writer->schema), &resolver, err);
    weir_arena_init(&arena, 0);
    for (int i = 0; i < TRIES && !s; i++) {
        const weir_value *value;
        weir_arena_reset(&arena);
        weir_buf_clear(&bytes);
        avro_put_value(rng, writer->tree, writer->tree, 5, &bytes);
        s = weir_avro_resolver_read(resolver, weir_buf_view(&bytes), &arena, &value, err);
        t->read += !s;
    }
    weir_avro_resolver_free(resolver);
    weir_arena_fini(&arena);
    weir_buf_fini(&bytes);
    return s != WEIR_OK;
}

/* False: the verdict was wrong, and that was said. */
static bool judge(side *reader, side *writer, sim_rng *rng, tally *t, bool loud)
{
    weir_status status;
    weir_error err = {.status = WEIR_OK};
    bool compatible = says_compatible(reader, writer, &status);
    bool unreadable = finds_unreadable(reader, writer, rng, t, &err);
    bool right = !status && !(compatible && unreadable);
    t->verdicts++;
    t->compatible += compatible;
    t->borne_out += !compatible && unreadable;
    if (loud || !right) {
        printf("  %s, %s\n  writer %s\n  reader %s\n", compatible ? "compatible" : "not compatible",
            unreadable ? err.text : "all is read", weir_buf_str(&writer->text),
            weir_buf_str(&reader->text));
    }
    return right;
}

static bool run_seed(uint64_t seed, bool loud, tally *t)
{
    weir_arena arena;
    sim_rng rng = sim_rng_of(seed, 1);
    side old = {.tree = NULL}, new = {.tree = NULL};
    weir_arena_init(&arena, 0);
    avro_maker m = {.rng = &rng, .arena = &arena};
    tree *first = avro_make(&m, 3), *second = tree_copy(&arena, first);
    second = avro_change(&m, second, 0.4, false);
    bool right = true;
    if (open_side(&old, first) && open_side(&new, second)) {
        bool backward = judge(&new, &old, &rng, t, loud);
        bool forward = judge(&old, &new, &rng, t, loud);
        right = backward && forward;
    }
    close_side(&old);
    close_side(&new);
    weir_arena_fini(&arena);
    return right;
}

static bool is_telling(const tally *t, uint64_t seeds)
{
    uint64_t others = t->verdicts - t->compatible;
    printf("%" PRIu64 " verdicts, %" PRIu64 " compatible, %" PRIu64 " of the other %" PRIu64
           " borne out by a value, %" PRIu64 " values read\n",
        t->verdicts, t->compatible, t->borne_out, others, t->read);
    return seeds < 100 || (t->verdicts > seeds && t->compatible * 5 > t->verdicts &&
                              t->read > t->verdicts * 10 && t->borne_out * 2 > others);
}

int main(int argc, char **argv)
{
    sim_campaign k;
    tally t = {0};
    if (!sim_campaign_parse(&k, argc, argv, "compat-avro SEEDS [--seed N] [--verbose]")) {
        return 2;
    }
    for (uint64_t i = 0; i < k.seeds; i++) {
        bool right = run_seed(k.first + i, k.verbose, &t);
        if (sim_campaign_count(&k, !right)) {
            printf("seed %" PRIu64 ": a verdict is wrong\n", k.first + i);
        }
    }
    bool telling = is_telling(&t, k.seeds);
    sim_campaign_count(&k, !telling);
    if (!telling) {
        printf("the campaign shows too little\n");
    }
    return sim_campaign_end(&k);
}
