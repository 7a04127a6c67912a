/* How fast the decoder is: bytes of a record to its change and its row.
 *
 *   decode FILE.tsv...      one record a line, key TAB value; bench/data/ has real Debezium records
 *
 * Each record is read and its row rendered, on one thread, with an arena that is reset in between,
 * as a lane does it. The best of ten rounds counts: whatever else runs on the machine only ever
 * adds time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cdc/decoder.h"

enum { ROUNDS = 10, ROUND_MS = 200, LARGEST_FILE = 1 << 20, MOST_RECORDS = 4096 };

typedef struct records {
    char text[LARGEST_FILE];
    weir_raw_record of[MOST_RECORDS];
    size_t count, bytes;
} records;

static bool add_record(records *r, const char *line, const char *end)
{
    const char *tab = memchr(line, '\t', (size_t)(end - line));
    if (!tab || r->count == MOST_RECORDS) {
        return false;
    }
    r->of[r->count] = (weir_raw_record){
        .topic = weir_view_of("bench.public.accounts"),
        .key = weir_view_make(line, (size_t)(tab - line)),
        .value = weir_view_make(tab + 1, (size_t)(end - tab - 1)),
        .offset = (int64_t)r->count,
    };
    r->bytes += r->of[r->count++].value.len;
    return true;
}

static bool load(const char *path, records *r)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return false;
    }
    size_t len = fread(r->text, 1, sizeof r->text, file);
    bool ok = len < sizeof r->text && !ferror(file);
    fclose(file);
    r->count = r->bytes = 0;
    for (const char *at = r->text, *end = at + len; ok && at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        ok = add_record(r, at, stop);
        at = stop + 1;
    }
    if (!ok || !r->count) {
        fprintf(stderr, "%s: not lines of key TAB value, or too large for this bench\n", path);
    }
    return ok && r->count;
}

static weir_status decode(
    weir_decoder *d, const weir_raw_record *record, weir_arena *arena, weir_error *err)
{
    weir_event event;
    weir_arena_reset(arena);
    weir_status s = weir_decoder_read(d, record, arena, &event, err);
    weir_change change = event.change;
    return s ? s : weir_decoder_row(d, &event, NULL, false, arena, &change, err);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Seconds a record; below 0 when one is refused. */
static double round_of(weir_decoder *d, const records *r, weir_arena *arena, weir_error *err)
{
    double start = seconds_now(), seconds;
    size_t done = 0;
    do {
        for (size_t i = 0; i < r->count; i++) {
            if (decode(d, &r->of[i], arena, err)) {
                return -1;
            }
        }
        done += r->count;
        seconds = seconds_now() - start;
    } while (seconds * 1000 < ROUND_MS);
    return seconds / (double)done;
}

static bool measure(const char *path, records *r)
{
    static const weir_typed_column columns[] = {
        {{"balance", 7}, {"numeric(14,2)", 13}}, {{"updated_at", 10}, {"timestamptz", 11}}};
    static const weir_table_types types = {{"public.accounts", 15}, columns, 2};
    static const weir_source_rules rules = {
        .topic_prefix = {"bench", 5}, .positions = true, .types = &types, .n_types = 1};
    weir_error err = {.status = WEIR_OK};
    weir_decoder *d = NULL;
    weir_arena arena;
    weir_arena_init(&arena, 0);
    bool ok = load(path, r) && weir_decoder_new(&rules, &d, &err) == WEIR_OK;
    double best = 0;
    for (int round = 0; ok && round < ROUNDS; round++) {
        double seconds = round_of(d, r, &arena, &err);
        ok = seconds > 0;
        best = round == 0 || seconds < best ? seconds : best;
    }
    if (ok) {
        double bytes = (double)r->bytes / (double)r->count;
        printf("%s: %zu records of %.0f bytes: %.0f ns each, %.0f records/s, %.0f MB/s\n", path,
            r->count, bytes, best * 1e9, 1 / best, bytes / best / 1e6);
    } else if (err.status) {
        fprintf(stderr, "%s: %s: %s\n", path, err.code, err.text);
    }
    weir_arena_fini(&arena);
    weir_decoder_free(d);
    return ok;
}

int main(int argc, char **argv)
{
    records *r = malloc(sizeof *r);
    bool ok = r && argc > 1;
    for (int i = 1; ok && i < argc; i++) {
        ok = measure(argv[i], r);
    }
    free(r);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
