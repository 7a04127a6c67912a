/* How fast the JSON reader is beside jansson's DOM.
 *
 *   parse FILE.jsonl...      one record a line; bench/data/ has real Debezium records
 *
 * Both read every record of a file into a tree and let it go, on one thread, in the same run.
 * Rounds alternate between the two, so that a machine that slows down slows both; the best round of
 * each counts, because whatever else runs on the machine only ever adds time. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "value/json.h"

enum {
    ROUNDS = 10,
    ROUND_MS = 200,
    READS_PER_CLOCK = 1000,
    LARGEST_FILE = 1 << 20,
    MOST_RECORDS = 4096
};

typedef struct records {
    char text[LARGEST_FILE];
    weir_view line[MOST_RECORDS];
    size_t count, bytes;
} records;

/* Reads a tree of one record and frees it. */
typedef bool read_one(weir_view record, weir_arena *arena);

static bool read_weir(weir_view record, weir_arena *arena)
{
    const weir_value *root;
    weir_arena_reset(arena);
    return weir_json_read(record, arena, &root, NULL) == WEIR_OK;
}

static bool read_jansson(weir_view record, weir_arena *arena)
{
    (void)arena;
    json_error_t error;
    json_t *root = json_loadb(record.ptr, record.len, 0, &error);
    json_decref(root);
    return root != NULL;
}

static bool load(const char *path, records *r)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    size_t len = fread(r->text, 1, sizeof r->text, file);
    bool whole = len < sizeof r->text && !ferror(file);
    fclose(file);
    r->count = r->bytes = 0;
    for (const char *at = r->text, *end = at + len; at < end && r->count < MOST_RECORDS;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        r->line[r->count++] = weir_view_make(at, (size_t)(stop - at));
        r->bytes += (size_t)(stop - at);
        at = stop + 1;
    }
    if (!whole || !r->count) {
        fprintf(stderr, "%s: empty, or too large for this bench\n", path);
    }
    return whole && r->count;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Records a second over one round; 0 when one is refused. */
static double one_round(read_one *read, const records *r, weir_arena *arena)
{
    double start = seconds_now(), seconds;
    size_t done = 0, next = 0;
    do {
        for (int i = 0; i < READS_PER_CLOCK; i++) {
            if (!read(r->line[next], arena)) {
                return 0;
            }
            next = next + 1 < r->count ? next + 1 : 0;
        }
        done += READS_PER_CLOCK;
        seconds = seconds_now() - start;
    } while (seconds * 1000 < ROUND_MS);
    return (double)done / seconds;
}

static void print_row(const char *name, double per_second, double record_bytes)
{
    printf(
        "  %-8s %10.0f records/s %8.1f MB/s\n", name, per_second, per_second * record_bytes / 1e6);
}

static bool compare(const char *path, records *r)
{
    if (!load(path, r)) {
        return false;
    }
    weir_arena arena;
    weir_arena_init(&arena, 0);
    double ours = 0, theirs = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double a = one_round(read_weir, r, &arena), b = one_round(read_jansson, r, &arena);
        ours = a > ours ? a : ours;
        theirs = b > theirs ? b : theirs;
    }
    weir_arena_fini(&arena);
    if (ours <= 0 || theirs <= 0) {
        fprintf(stderr, "%s: a record is refused\n", path);
        return false;
    }
    double record_bytes = (double)r->bytes / (double)r->count;
    printf("%s: %zu records of %.0f bytes\n", path, r->count, record_bytes);
    print_row("weir", ours, record_bytes);
    print_row("jansson", theirs, record_bytes);
    printf("  ratio    %10.1f\n", ours / theirs);
    return true;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE.jsonl...\n", argv[0]);
        return EXIT_FAILURE;
    }
    records *r = malloc(sizeof *r);
    bool ok = r != NULL;
    for (int i = 1; ok && i < argc; i++) {
        ok = compare(argv[i], r);
    }
    free(r);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
