/* How fast JSON Schema is:  validate DIR…     each with schema.json and instances.jsonl (a document
 * a line)
 *
 * A line a folder, separated by tabs: its name; the verdicts, a digit a document; nanoseconds a
 * document from its bytes to the verdict; and for the validation alone. The best of several rounds
 * counts, because whatever else runs on the machine only ever adds time. bench/validate-peers
 * compares with others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schema/validate.h"
#include "value/json.h"

enum { ROUNDS = 7, MOST_BYTES = 64 << 20, MOST_DOCUMENTS = 100000 };
static const double ROUND_NS = 1e8;

typedef struct documents {
    weir_view *lines;
    const weir_value **values;
    size_t count;
    weir_arena arena, again;
    weir_validator *validator;
    size_t valid; /* so that no verdict is for nothing */
} documents;

static weir_view read_file(const char *dir, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    char *text = malloc(MOST_BYTES);
    size_t len = f && text ? fread(text, 1, MOST_BYTES, f) : 0;
    if (f) {
        fclose(f);
    }
    return weir_view_make(text, len);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void from_bytes(documents *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const weir_value *root;
        bool valid = false;
        weir_arena_reset(&d->again);
        if (weir_json_read(d->lines[i], &d->again, &root, NULL) ||
            weir_validator_check_value(d->validator, root, &valid, NULL)) {
            continue;
        }
        d->valid += valid;
    }
}

static void alone(documents *d)
{
    for (size_t i = 0; i < d->count; i++) {
        bool valid = false;
        weir_status s = weir_validator_check_value(d->validator, d->values[i], &valid, NULL);
        d->valid += valid && !s;
    }
}

static double best_of(documents *d, void (*all)(documents *))
{
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns(), ns;
        size_t done = 0;
        do {
            all(d);
            done += d->count;
            ns = now_ns() - start;
        } while (ns < ROUND_NS);
        best = ns / (double)done < best ? ns / (double)done : best;
    }
    return best;
}

static bool split(documents *d, weir_view text)
{
    d->lines = calloc(MOST_DOCUMENTS, sizeof *d->lines);
    d->values = calloc(MOST_DOCUMENTS, sizeof *d->values);
    for (const char *at = text.ptr, *end = at + text.len; at < end && d->count < MOST_DOCUMENTS;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *stop = newline ? newline : end;
        d->lines[d->count] = weir_view_make(at, (size_t)(stop - at));
        if (weir_json_read(d->lines[d->count], &d->arena, &d->values[d->count], NULL)) {
            return false;
        }
        d->count++;
        at = stop + 1;
    }
    return d->count > 0;
}

static void report(documents *d, const char *dir)
{
    printf("%s\t", dir);
    for (size_t i = 0; i < d->count; i++) {
        bool valid = false;
        weir_status s = weir_validator_check_value(d->validator, d->values[i], &valid, NULL);
        putchar(s ? '?' : valid ? '1' : '0');
    }
    double whole = best_of(d, from_bytes);
    printf("\t%.0f\t%.0f\n", whole, best_of(d, alone));
    fflush(stdout);
}

static bool run(const char *dir)
{
    weir_schema *schema;
    weir_error err = {.status = WEIR_OK};
    documents d = {.count = 0};
    weir_view text = read_file(dir, "schema.json"), instances = read_file(dir, "instances.jsonl");
    weir_arena_init(&d.arena, 0);
    weir_arena_init(&d.again, 0);
    bool good = weir_schema_compile(text, NULL, &schema, &err) == WEIR_OK;
    if (good) {
        good = split(&d, instances) && weir_validator_new(schema, &d.validator, &err) == WEIR_OK;
        if (good) {
            report(&d, dir);
        }
        weir_validator_free(d.validator);
        weir_schema_free(schema);
    }
    if (!good) {
        fprintf(stderr, "%s: %s %s %s\n", dir, err.code, err.where, err.text);
    }
    weir_arena_fini(&d.arena);
    weir_arena_fini(&d.again);
    free(d.lines);
    free(d.values);
    free((char *)(uintptr_t)text.ptr);
    free((char *)(uintptr_t)instances.ptr);
    return good;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;
    for (int i = 1; i < argc; i++) {
        good &= run(argv[i]);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
