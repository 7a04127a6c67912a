/* The store that fails. See faulty_store.h. */
#include "sim/faulty_store.h"

static weir_status die(sim_faulty_store *f, weir_error *err)
{
    f->dead = true;
    return weir_fail(err, WEIR_E_STORE_BROKEN, "the process died here");
}

/* WEIR_OK: the call is made. */
static weir_status before(sim_faulty_store *f, weir_error *err)
{
    f->calls++;
    if (f->dead || (f->dies_in == 1 && !f->hits_after)) {
        return die(f, err);
    }
    if (f->down || sim_chance(f->rng, f->fails)) {
        f->failed++;
        return weir_fail(err, WEIR_E_STORE_IO, "it fails now and then");
    }
    return WEIR_OK;
}

static weir_status after(sim_faulty_store *f, weir_status s, weir_error *err)
{
    bool dies = f->dies_in == 1 && f->hits_after;
    f->dies_in -= f->dies_in > 0;
    return dies ? die(f, err) : s;
}

static weir_status faulty_open_cache(void *self, unsigned number, const char *name, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s : after(f, f->inner.ops->open_cache(f->inner.self, number, name, err), err);
}

static weir_status faulty_begin(void *self, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    if (s) {
        return s;
    }
    s = f->inner.ops->begin(f->inner.self, err);
    f->open = !s;
    return after(f, s, err);
}

static weir_status faulty_commit(void *self, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    if (s) {
        if (!f->dead) {
            f->inner.ops->abort(f->inner.self);
            f->open = false;
        }
        return s;
    }
    f->committing(f->ctx, f->inner);
    s = f->inner.ops->commit(f->inner.self, err);
    f->open = false;
    return after(f, s, err);
}

static void faulty_abort(void *self)
{
    sim_faulty_store *f = self;
    if (f->open && !f->dead) {
        f->inner.ops->abort(f->inner.self);
        f->open = false;
    }
}

static weir_status faulty_get(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s : after(f, f->inner.ops->get(f->inner.self, cache, space, key, value, err), err);
}

static weir_status faulty_put(
    void *self, unsigned cache, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s : after(f, f->inner.ops->put(f->inner.self, cache, space, key, value, err), err);
}

static weir_status faulty_del(
    void *self, unsigned cache, weir_space space, weir_view key, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s : after(f, f->inner.ops->del(f->inner.self, cache, space, key, err), err);
}

static weir_status faulty_each(void *self, unsigned cache, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s
             : after(f, f->inner.ops->each(f->inner.self, cache, space, from, fn, ctx, err), err);
}

static weir_status faulty_clear(void *self, unsigned cache, weir_space space, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = before(f, err);
    return s ? s : after(f, f->inner.ops->clear(f->inner.self, cache, space, err), err);
}

static weir_status faulty_read(void *self, unsigned cache, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    sim_faulty_store *f = self;
    return f->inner.ops->read(f->inner.self, cache, space, key, to, found, err);
}

static uint64_t faulty_bytes(void *self)
{
    sim_faulty_store *f = self;
    return f->inner.ops->bytes(f->inner.self);
}

static uint64_t faulty_count(void *self, unsigned cache, weir_space space)
{
    sim_faulty_store *f = self;
    return f->inner.ops->count(f->inner.self, cache, space);
}

/* Stores that want to be told nothing are not. */
static weir_status faulty_expect(
    void *self, unsigned cache, const weir_expected *keys, size_t n, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = f->inner.ops->expect ? before(f, err) : WEIR_OK;
    return s || !f->inner.ops->expect
               ? s
               : after(f, f->inner.ops->expect(f->inner.self, cache, keys, n, err), err);
}

static weir_status faulty_shape(
    void *self, unsigned cache, const struct weir_shape *shape, weir_error *err)
{
    sim_faulty_store *f = self;
    return f->inner.ops->shape ? f->inner.ops->shape(f->inner.self, cache, shape, err) : WEIR_OK;
}

static weir_status faulty_write_now(void *self, bool checked, weir_error *err)
{
    sim_faulty_store *f = self;
    weir_status s = f->inner.ops->write_now ? before(f, err) : WEIR_OK;
    return s || !f->inner.ops->write_now
               ? s
               : after(f, f->inner.ops->write_now(f->inner.self, checked, err), err);
}

static bool faulty_refused(void *self, size_t i, unsigned *cache, weir_view *key, weir_error *why)
{
    sim_faulty_store *f = self;
    return f->inner.ops->refused && f->inner.ops->refused(f->inner.self, i, cache, key, why);
}

static void faulty_close(void *self)
{
    (void)self; /* the store behind it outlives the process */
}

weir_store sim_faulty_store_of(sim_faulty_store *f)
{
    static weir_store_ops ops = {
        .type = "faulty",
        .durable = true,
        .open_cache = faulty_open_cache,
        .begin = faulty_begin,
        .commit = faulty_commit,
        .abort = faulty_abort,
        .get = faulty_get,
        .put = faulty_put,
        .del = faulty_del,
        .each = faulty_each,
        .clear = faulty_clear,
        .read = faulty_read,
        .bytes = faulty_bytes,
        .count = faulty_count,
        .close = faulty_close,
        .expect = faulty_expect,
        .shape = faulty_shape,
        .refused = faulty_refused,
        .write_now = faulty_write_now,
    };
    ops.shared = f->inner.ops->shared;
    ops.by_key = f->by_key;
    return (weir_store){&ops, f};
}

void sim_faulty_store_recover(sim_faulty_store *f)
{
    f->dead = false;
    faulty_abort(f);
    f->dies_in = 0;
}
