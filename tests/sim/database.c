/* The synthetic PostgreSQL. See database.h. */
#include "sim/database.h"

#include "sim/grow.h"

enum { MOST_ACTIVE = 4 };

void sim_database_init(sim_database *db, sim_rng *rng, int n_keys)
{
    *db = (sim_database){
        .rng = rng,
        .n_keys = n_keys,
        .move_chance = .2,
        .truncate_chance = .01,
        .delete_chance = .12,
        .lsn = 1000,
        .next_tx = 1,
    };
    for (int k = 0; k < SIM_KEYS; k++) {
        db->now.versions[k] = SIM_NO_VERSION;
    }
}

static void free_tx(sim_tx *tx)
{
    free(tx->ops.items);
    free(tx);
}

void sim_database_fini(sim_database *db)
{
    for (size_t i = 0; i < db->active.count; i++) {
        free_tx(db->active.items[i]);
    }
    for (size_t i = 0; i < db->log.count; i++) {
        free_tx(db->log.items[i]);
    }
    for (int k = 0; k < SIM_KEYS; k++) {
        free(db->versions[k].items);
    }
    free(db->active.items);
    free(db->log.items);
}

uint64_t sim_tick(sim_database *db)
{
    return db->lsn += 2 * (uint64_t)sim_between(db->rng, 1, 24);
}

static uint32_t bit(int key)
{
    return 1u << key;
}

/* ---- What a transaction sees and holds --------------------------------------------------------
 */

static sim_row look(const sim_database *db, const sim_tx *tx, int key)
{
    if (tx->touched & bit(key)) {
        return tx->view[key];
    }
    return tx->truncates ? (sim_row){0} : db->now.rows[key];
}

static void see(sim_tx *tx, int key, sim_row row)
{
    tx->touched |= bit(key);
    tx->view[key] = row;
}

/* The other transaction that holds the key's lock, or NULL. */
static sim_tx *holder(const sim_database *db, const sim_tx *tx, int key)
{
    for (size_t i = 0; i < db->active.count; i++) {
        sim_tx *t = db->active.items[i];
        if (t != tx && t->locks & bit(key)) {
            return t;
        }
    }
    return NULL;
}

static bool others_truncate(const sim_database *db, const sim_tx *tx)
{
    for (size_t i = 0; i < db->active.count; i++) {
        if (db->active.items[i] != tx && db->active.items[i]->truncates) {
            return true;
        }
    }
    return false;
}

static bool others_lock(const sim_database *db, const sim_tx *tx)
{
    for (size_t i = 0; i < db->active.count; i++) {
        if (db->active.items[i] != tx && db->active.items[i]->locks) {
            return true;
        }
    }
    return false;
}

bool sim_truncate_pending(const sim_database *db)
{
    return others_truncate(db, NULL);
}

uint64_t sim_lowest_active(const sim_database *db)
{
    uint64_t lowest = db->next_tx;
    for (size_t i = 0; i < db->active.count; i++) {
        lowest = db->active.items[i]->id < lowest ? db->active.items[i]->id : lowest;
    }
    return lowest;
}

/* ---- Begin and end ----------------------------------------------------------------------------
 */

static sim_tx *begin(sim_database *db)
{
    sim_tx *tx = calloc(1, sizeof *tx);
    if (!tx) {
        exit(2);
    }
    tx->id = db->next_tx++;
    *SIM_APPEND(&db->active) = tx;
    return tx;
}

static void leave(sim_database *db, const sim_tx *tx)
{
    size_t i = 0;
    while (db->active.items[i] != tx) {
        i++;
    }
    for (db->active.count--; i < db->active.count; i++) {
        db->active.items[i] = db->active.items[i + 1];
    }
}

static int add_version(sim_database *db, int key, uint64_t l, sim_row row)
{
    sim_versions *v = &db->versions[key];
    *SIM_APPEND(v) = (sim_version){l, row};
    db->now.rows[key] = row;
    return db->now.versions[key] = (int)v->count - 1;
}

static void make_last(sim_database *db, sim_op *op)
{
    const sim_row none = {0};
    switch (op->kind) {
    case SIM_TRUNCATE:
        for (int k = 0; k < db->n_keys; k++) {
            if (db->now.rows[k].there) {
                add_version(db, k, op->l, none);
            }
        }
        break;
    case SIM_DELETE:
        op->version = add_version(db, op->key, op->l, none);
        break;
    case SIM_MOVE:
        op->version = add_version(db, op->key, op->l, none);
        op->to_version = add_version(db, op->to_key, op->l, op->row);
        break;
    case SIM_CREATE:
    case SIM_UPDATE:
        op->version = add_version(db, op->key, op->l, op->row);
        break;
    case SIM_WINDOW_OPENS:
    case SIM_WINDOW_CLOSES:
        break;
    }
}

void sim_commit(sim_database *db, sim_tx *tx)
{
    leave(db, tx);
    if (!tx->ops.count) {
        free_tx(tx);
        return;
    }
    for (size_t i = 0; i < tx->ops.count; i++) {
        make_last(db, &tx->ops.items[i]);
    }
    tx->commit = sim_tick(db);
    *SIM_APPEND(&db->log) = tx;
    sim_tick(db);
}

void sim_commit_all(sim_database *db)
{
    while (db->active.count) {
        sim_commit(db, db->active.items[0]);
    }
}

bool sim_wait_for_truncates(sim_database *db)
{
    bool any = false;
    for (size_t i = 0; i < db->active.count;) {
        sim_tx *tx = db->active.items[i];
        if (tx->truncates) {
            sim_commit(db, tx);
            any = true;
        } else {
            i++;
        }
    }
    return any;
}

/* ---- Changes ----------------------------------------------------------------------------------
 */

static unsigned new_text(sim_database *db)
{
    return ++db->next_text;
}

static unsigned new_text_or_null(sim_database *db)
{
    return sim_chance(db->rng, .5) ? 0 : new_text(db);
}

static unsigned placeholders(const sim_database *db, sim_row old, sim_row new)
{
    if (db->full_images) {
        return 0;
    }
    return (new.b1 &&new.b1 == old.b1 ? SIM_HOLD_B1 : 0u) |
           (new.b2 &&new.b2 == old.b2 ? SIM_HOLD_B2 : 0u);
}

static void truncate(sim_database *db, sim_tx *tx)
{
    tx->truncates = true;
    tx->touched = 0;
    *SIM_APPEND(&tx->ops) = (sim_op){SIM_TRUNCATE, .l = sim_tick(db), .key = SIM_NO_KEY};
}

/* One statement inserts up to three rows, which share their LSN. */
static void insert(sim_database *db, sim_tx *tx, int key)
{
    int rows = SIM_PICK(db->rng, 1, 1, 1, 3);
    uint64_t l = sim_tick(db);
    for (int i = 0; i < rows; i++) {
        int k = i ? (int)sim_below(db->rng, (size_t)db->n_keys) : key;
        if (i && (holder(db, tx, k) || look(db, tx, k).there)) {
            continue;
        }
        tx->locks |= bit(k);
        sim_row row = {true, k, sim_between(db->rng, 0, 999), 0, 0};
        row.b1 = new_text_or_null(db);
        row.b2 = new_text(db);
        see(tx, k, row);
        *SIM_APPEND(&tx->ops) = (sim_op){SIM_CREATE, .l = l, .key = k, .row = row};
    }
}

static void move(sim_database *db, sim_tx *tx, uint64_t l, sim_row old, sim_row new, int to_key)
{
    int key = old.id;
    new.id = to_key;
    tx->locks |= bit(key) | bit(to_key);
    see(tx, key, (sim_row){0});
    see(tx, to_key, new);
    *SIM_APPEND(&tx->ops) = (sim_op){SIM_MOVE, .l = l, .key = key, .to_key = to_key, .row = new,
        .placeholders = placeholders(db, old, new)};
}

static void change(sim_database *db, sim_tx *tx, sim_row old)
{
    double x = sim_unit(db->rng);
    int key = old.id;
    if (x < db->delete_chance && !db->quiet) {
        see(tx, key, (sim_row){0});
        *SIM_APPEND(&tx->ops) = (sim_op){SIM_DELETE, .l = sim_tick(db), .key = key};
        return;
    }
    sim_row new = old;
    new.v = sim_between(db->rng, 0, 999);
    new.b1 = sim_chance(db->rng, .15) ? new_text_or_null(db) : old.b1;
    new.b2 = sim_chance(db->rng, .15) ? new_text_or_null(db) : old.b2;
    if (x < db->delete_chance + db->move_chance && !db->quiet) {
        int to = (int)sim_below(db->rng, (size_t)db->n_keys);
        if (to != key && !holder(db, tx, to) && !look(db, tx, to).there) {
            move(db, tx, sim_tick(db), old, new, to);
        }
        return;
    }
    see(tx, key, new);
    *SIM_APPEND(&tx->ops) = (sim_op){SIM_UPDATE, .l = sim_tick(db), .key = key, .row = new,
        .placeholders = placeholders(db, old, new)};
}

/* A row that tx could move; not there if it has none. */
static sim_row movable(const sim_database *db, const sim_tx *tx)
{
    sim_row found[SIM_KEYS];
    size_t n = 0;
    for (int k = 0; k < db->n_keys; k++) {
        sim_row row = look(db, tx, k);
        if (row.there && !holder(db, tx, k)) {
            found[n++] = row;
        }
    }
    return n && sim_chance(db->rng, .5) && !db->quiet ? found[sim_below(db->rng, n)] : (sim_row){0};
}

/* tx writes an insert of the key, or a move onto it, to the heap; the unique index then makes it
 * wait for the transaction that deletes this key and, a moment later in the log, has done so: tx
 * has the lower LSN but commits later. */
static void race(sim_database *db, sim_tx *tx, sim_tx *deleter, int key)
{
    if (!deleter->ops.count || deleter->truncates || sim_chance(db->rng, .5)) {
        return;
    }
    const sim_op *last = &deleter->ops.items[deleter->ops.count - 1];
    bool frees_key = (last->kind == SIM_DELETE || last->kind == SIM_MOVE) && last->key == key;
    uint64_t l = last->l - 1;
    bool in_order = !tx->ops.count || tx->ops.items[tx->ops.count - 1].l < l;
    if (!frees_key || !in_order || last->l != db->lsn) {
        return;
    }
    sim_row mine = movable(db, tx);
    sim_commit(db, deleter);
    if (mine.there) {
        move(db, tx, l, mine, mine, key);
        return;
    }
    sim_row row = {true, key, sim_between(db->rng, 0, 999), 0, new_text(db)};
    tx->locks |= bit(key);
    see(tx, key, row);
    *SIM_APPEND(&tx->ops) = (sim_op){SIM_CREATE, .l = l, .key = key, .row = row};
}

static void write_something(sim_database *db, sim_tx *tx)
{
    if (others_truncate(db, tx)) {
        return;
    }
    if (sim_chance(db->rng, db->truncate_chance) && !db->quiet && !others_lock(db, tx)) {
        truncate(db, tx);
        return;
    }
    int key = (int)sim_below(db->rng, (size_t)db->n_keys);
    sim_tx *other = holder(db, tx, key);
    if (other) {
        race(db, tx, other, key);
        return;
    }
    sim_row row = look(db, tx, key);
    tx->locks |= bit(key);
    if (row.there) {
        change(db, tx, row);
    } else {
        insert(db, tx, key);
    }
}

static sim_tx *any_active(sim_database *db)
{
    return db->active.items[sim_below(db->rng, db->active.count)];
}

static void one_step(sim_database *db)
{
    if (db->active.count && sim_chance(db->rng, .25)) {
        sim_tx *tx = any_active(db);
        if (sim_chance(db->rng, .1) && !tx->must_commit) {
            leave(db, tx);
            free_tx(tx);
        } else {
            sim_commit(db, tx);
        }
    } else if (!db->active.count || (db->active.count < MOST_ACTIVE && sim_chance(db->rng, .3))) {
        begin(db);
    } else {
        write_something(db, any_active(db));
    }
}

void sim_step(sim_database *db, size_t n)
{
    while (n-- && !db->frozen) {
        one_step(db);
    }
}

void sim_signal(sim_database *db, sim_op_kind kind, uint64_t chunk, size_t between)
{
    sim_tx *tx = begin(db);
    uint64_t id = tx->id;
    tx->must_commit = true;
    *SIM_APPEND(&tx->ops) = (sim_op){kind, .l = sim_tick(db), .key = SIM_NO_KEY, .chunk = chunk};
    sim_step(db, between);
    for (size_t i = 0; i < db->active.count; i++) {
        if (db->active.items[i]->id == id) {
            sim_commit(db, db->active.items[i]);
            return;
        }
    }
}
