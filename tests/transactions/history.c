/* The source. See history.h. */
#include "transactions/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "sim/grow.h"

enum { ROWS = 14, FIRST_LSN = 1000, GAP = 100, COLLECTIONS = 3 };

typedef struct person {
    bool there;
    int email, boss; /* boss 0: none */
} person;

typedef struct order {
    bool there;
    int person, code;
} order;

/* What was sent, in the order in which it was. */
typedef struct sent {
    int topic, partition;
    history_record record;
} sent;

typedef struct maker {
    history *h;
    sim_rng *rng;
    person people[ROWS + 1]; /* by id, from 1 */
    order orders[ROWS + 1];
    int next_value; /* of emails and codes */
    struct {
        sent *items;
        size_t count, capacity;
    } sent;
    size_t snapshot_rows;
    /* the transaction */
    uint64_t tx, lsn, last_commit;
    uint64_t total, of[COLLECTIONS];
} maker;

static const char *const tables[COLLECTIONS] = {"people", "orders", "other"};

#define TEXT(m, ...) weir_arena_printf(&(m)->h->arena, __VA_ARGS__).ptr

static int partition_of(const maker *m, const char *key)
{
    return (int)(weir_hash(weir_view_of(key)) >> 8) % m->h->n_partitions;
}

static void send(maker *m, int topic, int partition, history_record r)
{
    *SIM_APPEND(&m->sent) = (sent){topic, partition, r};
}

/* ---- Records -----------------------------------------------------------------------------------
 */

static const char *key_of(maker *m, int id)
{
    return TEXT(m, "{\"id\":%d}", id);
}

static const char *row_of(maker *m, int table, int id)
{
    if (table == ORDERS) {
        const order *o = &m->orders[id];
        return TEXT(m, "{\"id\":%d,\"person\":%d,\"code\":\"c%d\"}", id, o->person, o->code);
    }
    const person *p = &m->people[id];
    return p->boss ? TEXT(m, "{\"id\":%d,\"email\":\"e%d\",\"boss\":%d}", id, p->email, p->boss)
                   : TEXT(m, "{\"id\":%d,\"email\":\"e%d\",\"boss\":null}", id, p->email);
}

static const char *source_of(maker *m, int table, const char *snapshot)
{
    const char *commit = m->last_commit ? TEXT(m, "\\\"%" PRIu64 "\\\"", m->last_commit) : "null";
    return TEXT(m,
        "\"source\":{\"connector\":\"postgresql\",\"schema\":\"public\",\"table\":\"%s\","
        "\"snapshot\":\"%s\",\"sequence\":\"[%s,\\\"%" PRIu64 "\\\"]\",\"txId\":%" PRIu64
        ",\"lsn\":%" PRIu64 ",\"ts_ms\":%" PRIu64 ",\"db\":\"d\"}",
        tables[table], snapshot, commit, m->lsn, m->tx, m->lsn, m->lsn);
}

static const char *block_of(maker *m, int table)
{
    return TEXT(m,
        "\"transaction\":{\"id\":\"%" PRIu64 ":%" PRIu64 "\",\"total_order\":%" PRIu64
        ",\"data_collection_order\":%" PRIu64 "}",
        m->tx, m->lsn, ++m->total, ++m->of[table]);
}

/* One event of the transaction. id 0: a truncate. */
static void event(maker *m, int table, char op, int id, const char *header, int other)
{
    const char *key = id ? key_of(m, id) : NULL;
    const char *row = op == 'd' || op == 't' ? "null" : row_of(m, table, id);
    const char *value = TEXT(m, "{\"before\":null,\"after\":%s,%s,%s,\"op\":\"%c\"}", row,
        source_of(m, table, "false"), block_of(m, table), op);
    history_record r = {key, value, other ? header : NULL, other ? key_of(m, other) : NULL};
    int partition = key ? partition_of(m, key) : (int)sim_below(m->rng, (size_t)m->h->n_partitions);
    send(m, table, partition, r);
    if (op == 'd') {
        r.value = NULL;
        send(m, table, partition, r);
    }
}

static void change(maker *m, int table, char op, int id)
{
    m->lsn++;
    event(m, table, op, id, NULL, 0);
}

static void read_row(maker *m, int table, int id)
{
    const char *key = key_of(m, id);
    const char *value =
        TEXT(m, "{\"before\":null,\"after\":%s,%s,\"transaction\":null,\"op\":\"r\"}",
            row_of(m, table, id), source_of(m, table, "true"));
    send(m, table, partition_of(m, key), (history_record){key, value, NULL, NULL});
}

static void metadata(maker *m, const char *status, uint64_t lsn)
{
    weir_buf b = {0};
    for (int i = 0; i < COLLECTIONS; i++) {
        if (m->of[i]) {
            weir_buf_printf(&b, "%s{\"data_collection\":\"public.%s\",\"event_count\":%" PRIu64 "}",
                b.len ? "," : "", tables[i], m->of[i]);
        }
    }
    bool end = strcmp(status, "END") == 0;
    const char *id = TEXT(m, "%" PRIu64 ":%" PRIu64, m->tx, lsn);
    const char *value = end ? TEXT(m,
                                  "{\"status\":\"END\",\"id\":\"%s\",\"event_count\":%" PRIu64
                                  ",\"data_collections\":[%s],\"ts_ms\":1}",
                                  id, m->total, b.len ? weir_buf_str(&b) : "")
                            : TEXT(m,
                                  "{\"status\":\"BEGIN\",\"id\":\"%s\",\"event_count\":null,"
                                  "\"data_collections\":null,\"ts_ms\":1}",
                                  id);
    send(m, METADATA, 0, (history_record){TEXT(m, "{\"id\":\"%s\"}", id), value, NULL, NULL});
    weir_buf_fini(&b);
}

/* ---- Statements --------------------------------------------------------------------------------
 */

/* A row that is there, or is not; 0: none. */
static int pick_person(maker *m, bool there)
{
    for (int tries = 0; tries < 40; tries++) {
        int id = sim_between(m->rng, 1, ROWS);
        if (m->people[id].there == there) {
            return id;
        }
    }
    return 0;
}

static int pick_order(maker *m, bool there)
{
    for (int tries = 0; tries < 40; tries++) {
        int id = sim_between(m->rng, 1, ROWS);
        if (m->orders[id].there == there) {
            return id;
        }
    }
    return 0;
}

static int add_person(maker *m)
{
    int id = pick_person(m, false), boss = sim_chance(m->rng, .5) ? pick_person(m, true) : 0;
    if (id) {
        m->people[id] = (person){true, ++m->next_value, boss};
        change(m, PEOPLE, 'c', id);
    }
    return id;
}

static void add_order(maker *m, int of)
{
    int id = pick_order(m, false);
    if (id && of) {
        m->orders[id] = (order){true, of, ++m->next_value};
        change(m, ORDERS, 'c', id);
    }
}

static void remove_order(maker *m, int id)
{
    m->orders[id].there = false;
    change(m, ORDERS, 'd', id);
}

/* Its orders first, and whoever has it as boss. */
static void remove_person(maker *m, int id)
{
    for (int i = 1; i <= ROWS; i++) {
        if (m->orders[i].there && m->orders[i].person == id) {
            remove_order(m, i);
        }
    }
    for (int i = 1; i <= ROWS; i++) {
        if (m->people[i].there && m->people[i].boss == id) {
            m->people[i].boss = 0;
            change(m, PEOPLE, 'u', i);
        }
    }
    m->people[id].there = false;
    change(m, PEOPLE, 'd', id);
}

static void set_email(maker *m, int id, int email)
{
    m->people[id].email = email;
    change(m, PEOPLE, 'u', id);
}

/* Each statement keeps the unique index, as the source itself had to. */
static void rotate_emails(maker *m, int a, int b, int c)
{
    int of_a = m->people[a].email, of_b = m->people[b].email, of_c = m->people[c].email;
    set_email(m, a, ++m->next_value);
    if (c != a && c != b) {
        set_email(m, c, of_a);
        set_email(m, b, of_c);
    } else {
        set_email(m, b, of_a);
    }
    set_email(m, a, of_b);
}

static void swap_codes(maker *m, int a, int b)
{
    int of_a = m->orders[a].code;
    m->orders[a].code = ++m->next_value;
    change(m, ORDERS, 'u', a);
    int of_b = m->orders[b].code;
    m->orders[b].code = of_a;
    change(m, ORDERS, 'u', b);
    m->orders[a].code = of_b;
    change(m, ORDERS, 'u', a);
}

static bool is_referred_to(const maker *m, int id)
{
    for (int i = 1; i <= ROWS; i++) {
        if ((m->orders[i].there && m->orders[i].person == id) ||
            (m->people[i].there && m->people[i].boss == id)) {
            return true;
        }
    }
    return false;
}

static void move_person(maker *m)
{
    int from = pick_person(m, true), to = pick_person(m, false);
    if (!from || !to || is_referred_to(m, from)) {
        return;
    }
    m->lsn++; /* both halves have it */
    event(m, PEOPLE, 'd', from, "__debezium.newkey", to);
    m->people[to] = m->people[from];
    m->people[from].there = false;
    event(m, PEOPLE, 'c', to, "__debezium.oldkey", from);
}

/* A unique value moves to another row. */
static void replace_order(maker *m)
{
    int old = pick_order(m, true), id = pick_order(m, false);
    if (old && id) {
        order o = m->orders[old];
        remove_order(m, old);
        m->orders[id] = o;
        change(m, ORDERS, 'c', id);
    }
}

static void empty_orders(maker *m)
{
    memset(m->orders, 0, sizeof m->orders);
    change(m, ORDERS, 't', 0);
}

static void statement(maker *m)
{
    int a = pick_person(m, true), b = pick_person(m, true), c = pick_person(m, true);
    int x = pick_order(m, true), y = pick_order(m, true);
    switch (sim_below(m->rng, 12)) {
    case 0:
        add_person(m);
        break;
    case 1:
        add_order(m, a);
        break;
    case 2:
        add_order(m, add_person(m));
        break;
    case 3:
    case 4:
        if (a && b && a != b) {
            rotate_emails(m, a, b, c);
        }
        break;
    case 5:
        if (x && y && x != y) {
            swap_codes(m, x, y);
        }
        break;
    case 6:
        if (a && sim_chance(m->rng, .5)) {
            remove_person(m, a);
        }
        break;
    case 7:
        if (x) {
            remove_order(m, x);
        }
        break;
    case 8:
        move_person(m);
        break;
    case 9:
        replace_order(m);
        break;
    case 10:
        if (sim_chance(m->rng, .1)) {
            empty_orders(m);
        }
        break;
    default: /* of a table that is not followed: it counts, and is not sent */
        m->total++;
        m->of[2]++;
        break;
    }
}

/* ---- Transactions ------------------------------------------------------------------------------
 */

static void keep_state(maker *m, uint64_t commit)
{
    weir_buf b = {0};
    for (int i = 1; i <= ROWS; i++) {
        const person *p = &m->people[i];
        if (p->there && p->boss) {
            weir_buf_printf(&b, "person %d e%d %d\n", i, p->email, p->boss);
        } else if (p->there) {
            weir_buf_printf(&b, "person %d e%d -\n", i, p->email);
        }
    }
    for (int i = 1; i <= ROWS; i++) {
        const order *o = &m->orders[i];
        if (o->there) {
            weir_buf_printf(&b, "order %d %d c%d\n", i, o->person, o->code);
        }
    }
    m->h->states[m->h->n_states++] =
        (history_state){commit, TEXT(m, "%s", b.len ? weir_buf_str(&b) : "")};
    weir_buf_fini(&b);
}

/* Of one LSN with the record before it: a connector does not begin here. */
static bool is_second(const maker *m, size_t i)
{
    const history_record *r = &m->sent.items[i].record;
    return !r->value || (r->header_name && strcmp(r->header_name, "__debezium.oldkey") == 0);
}

/* The event with the next numbers of its table. */
static const char *numbered_anew(maker *m, int table, const char *value)
{
    const char *numbers = strstr(value, "\"total_order\":"), *rest = strchr(numbers, '}');
    return TEXT(m, "%.*s\"total_order\":%" PRIu64 ",\"data_collection_order\":%" PRIu64 "%s",
        (int)(numbers - value), value, ++m->total, ++m->of[table], rest);
}

/* A connector of before mid-2026 dies within the transaction whose events were sent from `first`
 * on: it begins again, sends a part of them again, and numbers these and the rest anew. */
static void restart_within(maker *m, size_t first)
{
    size_t n = m->sent.count - first;
    size_t sent_before = 1 + sim_below(m->rng, n), again = sim_below(m->rng, sent_before + 1);
    sent *events = weir_arena_alloc(&m->h->arena, n * sizeof *events);
    memcpy(events, m->sent.items + first, n * sizeof *events);
    m->sent.count = first + n;
    while (again && (again == n || is_second(m, first + again))) {
        again--;
    }
    m->sent.count = first + (sent_before > again ? sent_before : again);
    m->total = 0;
    memset(m->of, 0, sizeof m->of);
    metadata(m, "BEGIN", m->lsn + 1);
    for (size_t i = again; i < n; i++) {
        sent *s = &events[i];
        s->record.value =
            s->record.value ? numbered_anew(m, s->topic, s->record.value) : s->record.value;
        *SIM_APPEND(&m->sent) = *s;
    }
}

/* Some have written before the transaction in front of them has committed. */
static void transaction(maker *m)
{
    uint64_t end = (m->last_commit ? m->last_commit : FIRST_LSN) + GAP;
    m->tx++;
    m->total = 0;
    memset(m->of, 0, sizeof m->of);
    m->lsn = end - GAP;
    if (m->last_commit && sim_chance(m->rng, .2)) {
        m->lsn -= GAP / 2;
    }
    metadata(m, "BEGIN", m->lsn + 1);
    size_t first = m->sent.count;
    for (size_t n = 1 + sim_below(m->rng, 3); n > 0; n--) {
        statement(m);
    }
    if (m->sent.count > first && sim_chance(m->rng, .1)) {
        restart_within(m, first);
    }
    metadata(m, "END", end);
    m->last_commit = end;
    keep_state(m, end);
}

static void snapshot(maker *m)
{
    m->lsn = FIRST_LSN;
    for (int n = 0; n < 6; n++) { /* what it finds: made here without being sent */
        int id = pick_person(m, false), order_id = pick_order(m, false);
        m->people[id] = (person){true, ++m->next_value, n ? pick_person(m, true) : 0};
        m->orders[order_id] = (order){true, id, ++m->next_value};
    }
    keep_state(m, 0);
    for (int i = 1; i <= ROWS; i++) { /* children first: they wait for their parents */
        if (m->orders[i].there) {
            read_row(m, ORDERS, i);
        }
    }
    for (int i = 1; i <= ROWS; i++) {
        if (m->people[i].there) {
            read_row(m, PEOPLE, i);
        }
    }
    m->snapshot_rows = m->sent.count;
}

/* The connector dies, and goes on from an older place. */
static void send_again(maker *m)
{
    size_t streamed = m->sent.count - m->snapshot_rows;
    size_t n = sim_below(m->rng, 40);
    n = n < streamed ? n : streamed;
    while (n && n < streamed && is_second(m, m->sent.count - n)) {
        n++;
    }
    for (size_t i = m->sent.count - n, end = m->sent.count; i < end; i++) {
        sent s = m->sent.items[i];
        *SIM_APPEND(&m->sent) = s;
    }
}

void history_make(history *h, sim_rng *rng)
{
    maker m = {.h = h, .rng = rng, .tx = 500};
    memset(h, 0, sizeof *h);
    weir_arena_init(&h->arena, 0);
    h->n_partitions = sim_between(rng, 1, HISTORY_PARTITIONS);
    snapshot(&m);
    for (int n = 0; n < HISTORY_TRANSACTIONS; n++) {
        transaction(&m);
        if (sim_chance(rng, .1)) {
            send_again(&m);
        }
    }
    for (size_t i = 0; i < m.sent.count; i++) {
        const sent *s = &m.sent.items[i];
        history_log *log = &h->logs[s->topic][s->partition];
        log->snapshot += i < m.snapshot_rows;
        *SIM_APPEND(log) = s->record;
    }
    free(m.sent.items);
}

void history_free(history *h)
{
    for (int t = 0; t < TOPICS; t++) {
        for (int p = 0; p < HISTORY_PARTITIONS; p++) {
            free(h->logs[t][p].items);
        }
    }
    weir_arena_fini(&h->arena);
}

const char *history_lines(const history *h, uint64_t commit)
{
    const char *lines = NULL;
    for (size_t i = 0; i < h->n_states && h->states[i].commit <= commit; i++) {
        lines = h->states[i].lines;
    }
    return lines;
}
