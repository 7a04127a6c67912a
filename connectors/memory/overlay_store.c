/* A store over another one. See overlay_store.h. The writes are in a memory store, each value with
 * one byte before it: whether the key has the value or was deleted. */
#include "memory/overlay_store.h"

#include "base/alloc.h"
#include "memory/memory_store.h"

static const char put_mark = '+', gone_mark = '-';

typedef struct overlay_store {
    weir_store base, top;
    weir_buf bytes; /* of a value that is being put */
} overlay_store;

static weir_status overlay_open_cache(
    void *self, unsigned number, const char *name, weir_error *err)
{
    overlay_store *s = self;
    weir_status st =
        s->base.ops ? s->base.ops->open_cache(s->base.self, number, name, err) : WEIR_OK;
    return st ? st : s->top.ops->open_cache(s->top.self, number, name, err);
}

/* ---- Transactions ---------------------------------------------------------------------------- */

static weir_status overlay_begin(void *self, weir_error *err)
{
    overlay_store *s = self;
    weir_status st = s->base.ops ? s->base.ops->begin(s->base.self, err) : WEIR_OK;
    if (st) {
        return st;
    }
    st = s->top.ops->begin(s->top.self, err);
    if (st && s->base.ops) {
        s->base.ops->abort(s->base.self);
    }
    return st;
}

static void leave_base(overlay_store *s)
{
    if (s->base.ops) {
        s->base.ops->abort(s->base.self);
    }
}

static weir_status overlay_commit(void *self, weir_error *err)
{
    overlay_store *s = self;
    leave_base(s);
    return s->top.ops->commit(s->top.self, err);
}

static void overlay_abort(void *self)
{
    overlay_store *s = self;
    leave_base(s);
    s->top.ops->abort(s->top.self);
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* What the overlay has: *hidden: it has the last word, and *value is that (ptr NULL: deleted). */
static weir_status get_top(overlay_store *s, unsigned number, weir_space space, weir_view key,
    weir_view *value, bool *hidden, weir_error *err)
{
    weir_view marked;
    weir_status st = s->top.ops->get(s->top.self, number, space, key, &marked, err);
    *value = (weir_view){NULL, 0};
    *hidden = !st && marked.ptr;
    if (*hidden && marked.ptr[0] == put_mark) {
        *value = (weir_view){marked.ptr + 1, marked.len - 1};
    }
    return st;
}

static weir_status overlay_get(
    void *self, unsigned number, weir_space space, weir_view key, weir_view *value, weir_error *err)
{
    overlay_store *s = self;
    bool hidden;
    weir_status st = get_top(s, number, space, key, value, &hidden, err);
    return st || hidden || !s->base.ops
               ? st
               : s->base.ops->get(s->base.self, number, space, key, value, err);
}

static weir_status overlay_put(
    void *self, unsigned number, weir_space space, weir_view key, weir_view value, weir_error *err)
{
    overlay_store *s = self;
    weir_buf_clear(&s->bytes);
    weir_buf_putc(&s->bytes, put_mark);
    weir_buf_putv(&s->bytes, value);
    return s->bytes.failed
               ? weir_fail_oom(err)
               : s->top.ops->put(s->top.self, number, space, key, weir_buf_view(&s->bytes), err);
}

static weir_status overlay_del(
    void *self, unsigned number, weir_space space, weir_view key, weir_error *err)
{
    overlay_store *s = self;
    return s->top.ops->put(s->top.self, number, space, key, (weir_view){&gone_mark, 1}, err);
}

/* ---- Walks: first what the base has, as the overlay has it; then what the overlay alone has -- */

typedef struct walk {
    overlay_store *store;
    unsigned number;
    weir_space space;
    weir_store_each_fn *fn;
    void *ctx;
} walk;

static weir_status walk_base(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    walk *w = ctx;
    weir_view own;
    bool hidden, gone = false;
    (void)remove;
    weir_status st = get_top(w->store, w->number, w->space, key, &own, &hidden, err);
    if (st || (hidden && !own.ptr)) {
        return st;
    }
    st = w->fn(w->ctx, key, hidden ? own : value, &gone, err);
    return st || !gone ? st : overlay_del(w->store, w->number, w->space, key, err);
}

static weir_status walk_top(
    void *ctx, weir_view key, weir_view marked, bool *remove, weir_error *err)
{
    walk *w = ctx;
    weir_store base = w->store->base;
    weir_view under = {NULL, 0};
    weir_status st = marked.ptr[0] == put_mark && base.ops
                         ? base.ops->get(base.self, w->number, w->space, key, &under, err)
                         : WEIR_OK;
    if (st || under.ptr || marked.ptr[0] != put_mark) {
        return st;
    }
    return w->fn(w->ctx, key, (weir_view){marked.ptr + 1, marked.len - 1}, remove, err);
}

/* `from` continues the walk of the base; what the overlay alone has is walked as a whole. */
static weir_status overlay_each(void *self, unsigned number, weir_space space, weir_view from,
    weir_store_each_fn *fn, void *ctx, weir_error *err)
{
    overlay_store *s = self;
    walk w = {s, number, space, fn, ctx};
    const weir_view start = {"", 0};
    weir_status st = s->base.ops
                         ? s->base.ops->each(s->base.self, number, space, from, walk_base, &w, err)
                         : WEIR_OK;
    return st ? st : s->top.ops->each(s->top.self, number, space, start, walk_top, &w, err);
}

static weir_status clear_one(
    void *ctx, weir_view key, weir_view value, bool *remove, weir_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    *remove = true;
    return WEIR_OK;
}

static weir_status overlay_clear(void *self, unsigned number, weir_space space, weir_error *err)
{
    return overlay_each(self, number, space, (weir_view){"", 0}, clear_one, NULL, err);
}

static weir_status overlay_read(void *self, unsigned number, weir_space space, weir_view key,
    weir_buf *to, bool *found, weir_error *err)
{
    overlay_store *s = self;
    weir_view value;
    weir_status st = overlay_begin(s, err);
    if (st) {
        return st;
    }
    st = overlay_get(s, number, space, key, &value, err);
    *found = !st && value.ptr;
    if (*found) {
        weir_buf_putv(to, value);
    }
    overlay_abort(s);
    return st ? st : to->failed ? weir_fail_oom(err) : WEIR_OK;
}

/* ---- Figures: of the base, which is what a dry run is about ---------------------------------- */

static uint64_t overlay_bytes(void *self)
{
    overlay_store *s = self;
    return s->base.ops ? s->base.ops->bytes(s->base.self) : 0;
}

static uint64_t overlay_count(void *self, unsigned number, weir_space space)
{
    overlay_store *s = self;
    return s->base.ops ? s->base.ops->count(s->base.self, number, space) : 0;
}

static void overlay_close(void *self)
{
    overlay_store *s = self;
    s->top.ops->close(s->top.self);
    weir_buf_fini(&s->bytes);
    weir_free(s);
}

static const weir_store_ops overlay_ops = {
    .type = "overlay",
    .durable = false,
    .open_cache = overlay_open_cache,
    .begin = overlay_begin,
    .commit = overlay_commit,
    .abort = overlay_abort,
    .get = overlay_get,
    .put = overlay_put,
    .del = overlay_del,
    .each = overlay_each,
    .clear = overlay_clear,
    .read = overlay_read,
    .bytes = overlay_bytes,
    .count = overlay_count,
    .close = overlay_close,
};

weir_status weir_overlay_store_open(weir_store base, weir_store *out, weir_error *err)
{
    overlay_store *s = weir_calloc(1, sizeof *s);
    if (!s) {
        return weir_fail_oom(err);
    }
    weir_status st = weir_memory_store_open(0, &s->top, err);
    if (st) {
        weir_free(s);
        return st;
    }
    s->base = base;
    *out = (weir_store){&overlay_ops, s};
    return WEIR_OK;
}
