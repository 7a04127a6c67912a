/* How fast the Avro reader is beside avro-c's: `make bench-avro`.
 *
 * Both read the same records from memory into a tree, on one thread, in the same run: an order of
 * ten fields, and a Debezium envelope. What they read is compared first. Rounds alternate; the
 * best of each counts. Exits 1 where weir is the slower one.
 *
 * avro-c reads into a value that is made once and reset, which is its fastest way. */
#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schema/avro_read.h"
#include "value/json.h"

enum { ROUNDS = 12, READS = 100000 };

static const char order_schema[] =
    "{\"type\":\"record\",\"name\":\"Order\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"customer\",\"type\":\"string\"},"
    "{\"name\":\"amount\",\"type\":\"double\"},{\"name\":\"currency\",\"type\":\"string\"},"
    "{\"name\":\"paid\",\"type\":\"boolean\"},{\"name\":\"note\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"placed\",\"type\":\"long\"},{\"name\":\"items\",\"type\":\"int\"},"
    "{\"name\":\"status\",\"type\":{\"type\":\"enum\",\"name\":\"S\",\"symbols\":[\"NEW\","
    "\"DONE\"]}},{\"name\":\"token\",\"type\":\"bytes\"}]}";

static const char change_schema[] =
    "{\"type\":\"record\",\"name\":\"Envelope\",\"fields\":["
    "{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"long\"},{\"name\":\"owner\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"balance\",\"type\":\"bytes\"},{\"name\":\"at\",\"type\":\"long\"}]}]},"
    "{\"name\":\"after\",\"type\":[\"null\",\"Value\"]},"
    "{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":\"Source\",\"fields\":["
    "{\"name\":\"version\",\"type\":\"string\"},{\"name\":\"connector\",\"type\":\"string\"},"
    "{\"name\":\"ts_ms\",\"type\":\"long\"},{\"name\":\"snapshot\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"db\",\"type\":\"string\"},{\"name\":\"sequence\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"table\",\"type\":\"string\"},{\"name\":\"lsn\",\"type\":[\"null\",\"long\"]}]}},"
    "{\"name\":\"op\",\"type\":\"string\"},{\"name\":\"ts_ms\",\"type\":[\"null\",\"long\"]}]}";

typedef struct contest {
    const char *name, *schema;
    avro_schema_t avro;
    avro_value_iface_t *face;
    avro_value_t value;
    weir_avro_schema *weir;
    char bytes[4096];
    size_t len;
} contest;

/* ---- what is read -------------------------------------------------------------------------- */

static size_t put_long(char *to, int64_t n)
{
    uint64_t z = (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
    size_t len = 0;
    for (; z >= 0x80; z >>= 7) {
        to[len++] = (char)(z | 0x80);
    }
    to[len++] = (char)z;
    return len;
}

static void add_long(contest *c, int64_t n)
{
    c->len += put_long(c->bytes + c->len, n);
}

static void add(contest *c, const char *text)
{
    add_long(c, (int64_t)strlen(text));
    memcpy(c->bytes + c->len, text, strlen(text));
    c->len += strlen(text);
}

static void add_order(contest *c)
{
    double amount = 1234.56;
    add_long(c, 4711);
    add(c, "customer-000042");
    memcpy(c->bytes + c->len, &amount, sizeof amount);
    c->len += sizeof amount;
    add(c, "EUR");
    c->bytes[c->len++] = 1;
    add_long(c, 1);
    add(c, "leave at the door, please");
    add_long(c, 1795374529978);
    add_long(c, 3);
    add_long(c, 1);
    add(c, "0123456789abcdef");
}

static void add_row(contest *c)
{
    add_long(c, 1);
    add_long(c, 1042);
    add_long(c, 1);
    add(c, "somebody with a name");
    add(c, "\x01\x02\x03\x04");
    add_long(c, 1795374529978123);
}

static void add_change(contest *c)
{
    add_row(c);
    add_row(c);
    add(c, "3.6.3.Final");
    add(c, "postgresql");
    add_long(c, 1795374529978);
    add_long(c, 1);
    add(c, "false");
    add(c, "shop");
    add_long(c, 1);
    add(c, "[\"24023128\",\"24023184\"]");
    add(c, "accounts");
    add_long(c, 1);
    add_long(c, 24023184);
    add(c, "u");
    add_long(c, 1);
    add_long(c, 1795374530002);
}

/* ---- the two ------------------------------------------------------------------------------- */

static bool read_weir(contest *c, weir_arena *arena)
{
    const weir_value *v;
    weir_arena_reset(arena);
    return !weir_avro_read(
        weir_avro_root(c->weir), weir_view_make(c->bytes, c->len), arena, &v, NULL, NULL);
}

static bool read_avro_c(contest *c, weir_arena *arena)
{
    (void)arena;
    avro_reader_t r = avro_reader_memory(c->bytes, (int64_t)c->len);
    avro_value_reset(&c->value);
    int failed = avro_value_read(r, &c->value);
    avro_reader_free(r);
    return !failed;
}

static double ns_of(bool (*read)(contest *, weir_arena *), contest *c, weir_arena *arena)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < READS; i++) {
        if (!read(c, arena)) {
            fprintf(stderr, "%s: not read\n", c->name);
            exit(1);
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / READS;
}

static bool open_contest(contest *c)
{
    weir_view text = weir_view_of(c->schema);
    if (avro_schema_from_json_length(c->schema, text.len, &c->avro) ||
        weir_avro_schema_parse(&text, 1, &c->weir, NULL)) {
        fprintf(stderr, "%s: the schema cannot be read\n", c->name);
        return false;
    }
    c->face = avro_generic_class_from_schema(c->avro);
    avro_generic_value_new(c->face, &c->value);
    return true;
}

/* What avro-c has read, it writes again: the same bytes. What weir has read must say the number and
 * the text that were put in. */
static bool agrees(contest *c, weir_arena *arena)
{
    char again[sizeof c->bytes] = "";
    const weir_value *v;
    avro_writer_t w = avro_writer_memory(again, sizeof again);
    bool same = read_avro_c(c, arena) && !avro_value_write(w, &c->value) &&
                avro_writer_tell(w) == (int64_t)c->len && !memcmp(again, c->bytes, c->len);
    avro_writer_free(w);
    same = same && !weir_avro_read(weir_avro_root(c->weir), weir_view_make(c->bytes, c->len), arena,
                       &v, NULL, NULL);
    const weir_value *id = same ? weir_pointer(v, weir_gets(v, "id") ? "/id" : "/after/id") : NULL;
    int64_t n;
    return id && weir_to_int64(id, &n) && (n == 4711 || n == 1042);
}

static bool run(contest *c, weir_arena *arena)
{
    double weir = 1e9, avro_c = 1e9;
    if (!open_contest(c) || !agrees(c, arena)) {
        fprintf(stderr, "%s: the two do not agree\n", c->name);
        return false;
    }
    for (int i = 0; i < ROUNDS; i++) {
        double a = ns_of(read_weir, c, arena), b = ns_of(read_avro_c, c, arena);
        weir = a < weir ? a : weir;
        avro_c = b < avro_c ? b : avro_c;
    }
    printf("%-10s %4zu bytes   weir %6.0f ns   avro-c %6.0f ns   %.2f times as fast\n", c->name,
        c->len, weir, avro_c, avro_c / weir);
    avro_value_decref(&c->value);
    avro_value_iface_decref(c->face);
    avro_schema_decref(c->avro);
    weir_avro_schema_free(c->weir);
    return weir <= avro_c;
}

int main(void)
{
    static contest order = {.name = "order", .schema = order_schema};
    static contest change = {.name = "envelope", .schema = change_schema};
    weir_arena arena;
    weir_arena_init(&arena, 0);
    add_order(&order);
    add_change(&change);
    bool ok = run(&order, &arena);
    ok &= run(&change, &arena);
    weir_arena_fini(&arena);
    return ok ? 0 : 1;
}
