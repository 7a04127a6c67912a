/* How fast schemas are checked, beside other validators.
 *
 *   validate PEERS DATA...      PEERS: a folder of programs; DATA: folders with schema.json and
 *                               instances.jsonl; bench/validate-peers makes them all
 *
 * A peer is started as `PEER schema.json instances.jsonl`, one for each data set. It reads all
 * documents and writes its verdicts in one line, a 0 or 1 for each. Then it takes lines "MODE MS",
 * measures for that long at least, and answers with nanoseconds a document, or "-":
 *   alone   documents that are parsed already, all of them in turn
 *   bytes   from a document's text to its verdict
 *   again   as alone, each document many times before the next, which helps the processor to guess
 *           its branches: one peer measures itself so, and is compared with weir measured so
 * All verdicts must be the same before anything is measured. Rounds alternate between all; the
 * median counts. Time is the processor's for the process, so that others on the machine matter
 * less. Exit 1: verdicts differ, or a floor is missed. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "schema/validate.h"
#include "value/json.h"

enum { MOST_PEERS = 8, ROUNDS = 5, ROUND_MS = 40, AGAIN = 100 };
static const double FLOOR_ALONE = 1 / 1.2, FLOOR_BYTES = 3;

typedef enum mode { ALONE, BYTES, AGAIN_ALONE, MODES } mode;
static const char *const mode_names[] = {"alone", "bytes", "again"};

typedef struct documents {
    char *text;
    weir_view *line;
    const weir_value **root;
    size_t count, bytes;
    weir_arena arena;
} documents;

typedef struct weir_side {
    weir_schema *schema;
    weir_validator *validator;
    documents docs;
} weir_side;

typedef struct peer {
    const char *name;
    pid_t pid;
    FILE *to, *from;
    bool out; /* it does not take this schema */
} peer;

typedef struct bench {
    const char *folder;
    char *peers[MOST_PEERS];
    size_t n_peers, n_sets;
    double log_sum[MOST_PEERS][MODES];  /* of how many times weir is faster */
    size_t measured[MOST_PEERS][MODES]; /* data sets */
    double log_ours[MODES];
} bench;

/* ---- data ----------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;
    *len = 0;
    if (!file) {
        perror(path);
        return NULL;
    }
    do {
        room = room ? 2 * room : 1 << 16;
        char *more = realloc(text, room);
        if (!more) {
            break;
        }
        text = more;
        *len += fread(text + *len, 1, room - *len, file);
    } while (*len == room);
    fclose(file);
    return text;
}

static bool load_documents(const char *path, documents *d)
{
    size_t len;
    d->text = read_file(path, &len);
    d->line = calloc(len + 1, sizeof *d->line);
    d->root = calloc(len + 1, sizeof *d->root);
    weir_arena_init(&d->arena, 0);
    if (!d->text || !d->line || !d->root) {
        return false;
    }
    for (char *at = d->text, *end = at + len; at < end;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline ? newline : end;
        weir_error err;
        weir_view line = weir_view_make(at, (size_t)(stop - at));
        if (line.len) {
            if (weir_json_read(line, &d->arena, &d->root[d->count], &err)) {
                fprintf(stderr, "%s:%zu: %s\n", path, d->count + 1, err.text);
                return false;
            }
            d->line[d->count++] = line;
            d->bytes += line.len;
        }
        at = stop + 1;
    }
    return d->count > 0;
}

static bool load_set(const char *dir, weir_side *w)
{
    char path[4096];
    size_t len;
    weir_error err;
    snprintf(path, sizeof path, "%s/schema.json", dir);
    char *text = read_file(path, &len);
    if (!text || weir_schema_compile(weir_view_make(text, len), NULL, &w->schema, &err) ||
        weir_validator_new(w->schema, &w->validator, &err)) {
        fprintf(stderr, "%s: %s\n", path, text ? err.text : "cannot be read");
        free(text);
        return false;
    }
    free(text);
    snprintf(path, sizeof path, "%s/instances.jsonl", dir);
    return load_documents(path, &w->docs);
}

static void free_set(weir_side *w)
{
    weir_validator_free(w->validator);
    weir_schema_free(w->schema);
    weir_arena_fini(&w->docs.arena);
    free(w->docs.text);
    free(w->docs.line);
    free(w->docs.root);
}

/* ---- weir ----------------------------------------------------------------------------------- */

static bool check_text(weir_side *w, size_t i)
{
    bool valid;
    return !weir_validator_check(w->validator, w->docs.line[i], &valid, NULL) && valid;
}

static bool check_value(weir_side *w, size_t i)
{
    bool valid;
    return !weir_validator_check_value(w->validator, w->docs.root[i], &valid, NULL) && valid;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t go_through(weir_side *w, mode m)
{
    size_t valid = 0, times = m == AGAIN_ALONE ? AGAIN : 1;
    for (size_t i = 0; i < w->docs.count; i++) {
        for (size_t k = 0; k < times; k++) {
            valid += m == BYTES ? check_text(w, i) : check_value(w, i);
        }
    }
    return valid;
}

static double measure_weir(weir_side *w, mode m)
{
    static volatile size_t seen;
    double start = seconds_now(), seconds;
    size_t runs = 0;
    do {
        seen += go_through(w, m);
        runs += m == AGAIN_ALONE ? AGAIN : 1;
        seconds = seconds_now() - start;
    } while (seconds * 1000 < ROUND_MS);
    return seconds * 1e9 / (double)(runs * w->docs.count);
}

/* ---- peers ---------------------------------------------------------------------------------- */

static bool start_peer(const bench *b, const char *name, const char *dir, peer *p)
{
    char program[4096], schema[4096], instances[4096];
    int to[2], from[2];
    snprintf(program, sizeof program, "%s/%s", b->folder, name);
    snprintf(schema, sizeof schema, "%s/schema.json", dir);
    snprintf(instances, sizeof instances, "%s/instances.jsonl", dir);
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) {
        return false;
    }
    p->name = name;
    p->pid = fork();
    if (p->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl(program, program, schema, instances, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    p->to = fdopen(to[1], "w");
    p->from = fdopen(from[0], "r");
    return p->pid > 0 && p->to && p->from;
}

static void end_peer(peer *p)
{
    fclose(p->to);
    fclose(p->from);
    waitpid(p->pid, NULL, 0);
}

static double measure_peer(peer *p, mode m)
{
    char answer[64];
    if (p->out) {
        return 0;
    }
    fprintf(p->to, "%s %d\n", mode_names[m], ROUND_MS);
    fflush(p->to);
    return fgets(answer, sizeof answer, p->from) ? strtod(answer, NULL) : 0; /* "-" is 0 */
}

/* How many verdicts differ from weir's. */
static size_t compare_verdicts(weir_side *w, peer *p, const char *dir)
{
    char *line = NULL;
    size_t room = 0, differ = 0;
    ssize_t len = getline(&line, &room, p->from);
    size_t count = len > 0 ? (size_t)len - 1 : 0;
    p->out = count != w->docs.count;
    if (p->out) {
        fprintf(stderr, "%s: %s does not take this schema, and is left out\n", dir, p->name);
    }
    for (size_t i = 0; i < w->docs.count && !p->out; i++) {
        if ((line[i] == '1') != check_value(w, i) || check_value(w, i) != check_text(w, i)) {
            fprintf(stderr, "%s: %s differs on document %zu: %c\n", dir, p->name, i + 1, line[i]);
            differ++;
        }
    }
    free(line);
    return differ;
}

/* ---- a data set ----------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *of)
{
    qsort(of, ROUNDS, sizeof *of, by_size);
    return of[ROUNDS / 2];
}

typedef double samples[MODES][ROUNDS];

static void print_mode(bench *b, samples *all, mode m)
{
    double best = 0, ours = median(all[b->n_peers][m]);
    b->log_ours[m] += log(ours);
    printf(" | %7.0f", ours);
    for (size_t i = 0; i < b->n_peers; i++) {
        double theirs = median(all[i][m]);
        if (theirs > 0) {
            b->log_sum[i][m] += log(theirs / ours);
            b->measured[i][m]++;
            best = best > 0 && best < theirs ? best : theirs;
        }
        printf(" %7.0f", theirs);
    }
    if (best > 0) {
        printf(" %5.2f", best / ours);
    } else {
        printf("     -");
    }
}

static void measure_set(bench *b, weir_side *w, peer *peers)
{
    static samples all[MOST_PEERS + 1];             /* the last: weir */
    for (int round = -1; round < ROUNDS; round++) { /* the first warms up */
        int r = round < 0 ? 0 : round;
        for (mode m = ALONE; m < MODES; m++) {
            all[b->n_peers][m][r] = measure_weir(w, m);
            for (size_t i = 0; i < b->n_peers; i++) {
                all[i][m][r] = measure_peer(&peers[i], m);
            }
        }
    }
    for (mode m = ALONE; m < MODES; m++) {
        print_mode(b, all, m);
    }
    printf("\n");
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static bool run_set(bench *b, const char *dir)
{
    weir_side w = {0};
    peer peers[MOST_PEERS];
    size_t started = 0, differ = 0;
    bool ok = load_set(dir, &w);
    while (ok && started < b->n_peers) {
        ok = start_peer(b, b->peers[started], dir, &peers[started]);
        if (ok) {
            differ += compare_verdicts(&w, &peers[started++], dir);
        }
    }
    ok = ok && !differ;
    if (ok) {
        printf("%-22.22s %5zu %6zu", base_name(dir), w.docs.count, w.docs.bytes / w.docs.count);
        measure_set(b, &w, peers);
        fflush(stdout);
        b->n_sets++;
    }
    while (started) {
        end_peer(&peers[--started]);
    }
    free_set(&w);
    return ok;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int no_dots(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool find_peers(bench *b)
{
    struct dirent **names;
    int n = scandir(b->folder, &names, no_dots, alphasort);
    for (int i = 0; i < n; i++) {
        if (b->n_peers < MOST_PEERS) {
            b->peers[b->n_peers++] = strdup(names[i]->d_name);
        }
        free(names[i]);
    }
    if (n > 0) {
        free(names);
    }
    return b->n_peers > 0;
}

static void print_head(const bench *b)
{
    printf("nanoseconds a document, weir first, then in turn:");
    for (size_t i = 0; i < b->n_peers; i++) {
        printf(" %s", b->peers[i]);
    }
    printf(" (as far as they measure it);\nlast, how many times weir is faster than the best of "
           "these\n%-22s %5s %6s | alone | bytes to verdict | alone, again and again\n",
        "", "docs", "bytes");
}

/* The geometric means; false: a floor is missed. */
static bool print_means(const bench *b, mode m, double floor)
{
    double best = 0;
    printf("%-6s weir %.0f ns; times as fast as", mode_names[m],
        exp(b->log_ours[m] / (double)b->n_sets));
    for (size_t i = 0; i < b->n_peers; i++) {
        size_t n = b->measured[i][m];
        double ratio = n ? exp(b->log_sum[i][m] / (double)n) : 0;
        if (n) {
            printf(" %s %.2f (%zu),", b->peers[i], ratio, n);
            best = best > 0 && best < ratio ? best : ratio;
        }
    }
    bool held = best <= 0 || best >= floor;
    printf(" floor %.2f%s\n", floor, held ? "" : ": MISSED");
    return held;
}

int main(int argc, char **argv)
{
    static bench b;
    bool ok = true;
    if (argc < 3) {
        fprintf(stderr, "usage: %s PEERS DATA...\n", argv[0]);
        return EXIT_FAILURE;
    }
    signal(SIGPIPE, SIG_IGN);
    b.folder = argv[1];
    if (!find_peers(&b)) {
        fprintf(stderr, "%s: no peers\n", b.folder);
        return EXIT_FAILURE;
    }
    print_head(&b);
    for (int i = 2; i < argc; i++) {
        ok = run_set(&b, argv[i]) && ok;
    }
    if (b.n_sets) {
        printf("geometric means of %zu data sets (in brackets: of how many of them)\n", b.n_sets);
        ok = print_means(&b, ALONE, FLOOR_ALONE) && ok;
        ok = print_means(&b, AGAIN_ALONE, FLOOR_ALONE) && ok;
        ok = print_means(&b, BYTES, FLOOR_BYTES) && ok;
    }
    for (size_t i = 0; i < b.n_peers; i++) {
        free(b.peers[i]);
    }
    return ok && b.n_sets ? EXIT_SUCCESS : EXIT_FAILURE;
}
