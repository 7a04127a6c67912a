/* Bytes of the states and moves that a store keeps. See state.h, and docs/lmdb-layout.md for
 * readers in other languages.
 *
 * A state: u8 format, u16 flags, then fields in the order of put(), optional ones by flag. Texts
 * are a u32 length and the bytes; the last one runs to the end. */
#include "cdc/state.h"

#include <endian.h>

enum {
    FORMAT = 1,
    F_ALIVE = 1 << 0,
    F_KEPT = 1 << 1,
    F_QUARANTINED = 1 << 2,
    F_TX = 1 << 3,
    F_MARK = 1 << 4,
    F_MARK_FIRST = 1 << 5,
    F_MARK_EDGE = 1 << 6,
    F_SEEN = 1 << 7,
    F_SEEN_DELETE = 1 << 8,
    F_MOVED_IN = 1 << 9,
    F_AHEAD = 1 << 10,
    F_REF = 1 << 11,
    F_MISSING = 1 << 12,
    F_DEAD = 1 << 13,
    F_BARE = 1 << 14,

    M_GIVEN = 1 << 0,
    M_ROW = 1 << 1,
    M_REF = 1 << 2,
    M_WAITER_MOVE = 1 << 3,
};

static void put_u16(weir_buf *to, unsigned n)
{
    uint16_t le = htole16((uint16_t)n);
    weir_buf_put(to, &le, sizeof le);
}

static void put_u32(weir_buf *to, uint32_t n)
{
    uint32_t le = htole32(n);
    weir_buf_put(to, &le, sizeof le);
}

static void put_u64(weir_buf *to, uint64_t n)
{
    uint64_t le = htole64(n);
    weir_buf_put(to, &le, sizeof le);
}

static void put_text(weir_buf *to, weir_view v)
{
    put_u32(to, (uint32_t)v.len);
    weir_buf_putv(to, v);
}

static void put_ref(weir_buf *to, weir_move_ref ref)
{
    put_u64(to, ref.l);
    put_text(to, ref.old_key);
}

/* A cursor over stored bytes; reading past the end sticks. */
typedef struct cursor {
    const unsigned char *at;
    size_t left;
    bool bad;
} cursor;

static const unsigned char *take(cursor *c, size_t n)
{
    static const unsigned char zero[8] = {0};
    if (c->bad || c->left < n) {
        c->bad = true;
        return zero;
    }
    const unsigned char *p = c->at;
    c->at += n;
    c->left -= n;
    return p;
}

static uint64_t get_uint(cursor *c, unsigned bytes)
{
    uint64_t le = 0;
    memcpy(&le, take(c, bytes), bytes);
    return le64toh(le);
}

static weir_view get_text(cursor *c)
{
    size_t len = get_uint(c, 4);
    if (c->left < len) {
        c->bad = true;
        return (weir_view){"", 0};
    }
    return (weir_view){(const char *)take(c, len), len};
}

static weir_move_ref get_ref(cursor *c)
{
    uint64_t l = get_uint(c, 8);
    return (weir_move_ref){get_text(c), l};
}

static weir_view get_rest(cursor *c)
{
    size_t len = c->left;
    return (weir_view){(const char *)take(c, len), len};
}

static unsigned state_flags(const weir_state *s)
{
    unsigned mark = s->has_mark ? F_MARK | (s->mark.first ? F_MARK_FIRST : 0u) |
                                      (s->mark.edge ? F_MARK_EDGE : 0u)
                                : 0u;
    unsigned seen = s->has_seen ? F_SEEN | (s->seen_delete ? F_SEEN_DELETE : 0u) : 0u;
    return (s->alive ? F_ALIVE : 0u) | (s->kept ? F_KEPT : 0u) |
           (s->quarantined ? F_QUARANTINED : 0u) | (s->has_tx ? F_TX : 0u) | mark | seen |
           (s->moved_in ? F_MOVED_IN : 0u) | (s->ahead_ms ? F_AHEAD : 0u) |
           (s->ref.old_key.ptr ? F_REF : 0u) | (s->missing.len ? F_MISSING : 0u) |
           (s->dead_ms ? F_DEAD : 0u) | (s->bare ? F_BARE : 0u);
}

void weir_state_put(weir_buf *to, const weir_state *s)
{
    unsigned f = state_flags(s);
    weir_buf_putc(to, FORMAT);
    put_u16(to, f);
    put_u64(to, s->stamp.H);
    put_u64(to, s->stamp.l);
    put_u32(to, (uint32_t)s->partition);
    put_u64(to, (uint64_t)s->offset);
    if (f & F_TX) {
        put_u64(to, s->tx);
    }
    if (f & F_SEEN) {
        put_u32(to, (uint32_t)s->seen_partition);
        put_u64(to, (uint64_t)s->seen_offset);
    }
    if (f & F_MARK) {
        put_u64(to, s->mark.at.H);
        put_u64(to, s->mark.at.l);
        put_u32(to, (uint32_t)s->mark.partition);
        put_u64(to, (uint64_t)s->mark.offset);
    }
    if (f & F_AHEAD) {
        put_u64(to, (uint64_t)s->ahead_ms);
    }
    if (f & F_DEAD) {
        put_u64(to, (uint64_t)s->dead_ms);
    }
    if (f & F_REF) {
        put_ref(to, s->ref);
    }
    if (f & F_MISSING) {
        put_text(to, s->missing);
    }
    if (f & F_KEPT) {
        weir_buf_putv(to, s->kept_row);
    }
}

static weir_status broken(const char *what, weir_error *err)
{
    return weir_fail(err, WEIR_E_STORE_BROKEN,
        "a stored %s is damaged or of a format that this version does not know", what);
}

static void get_mark(cursor *c, unsigned f, weir_mark *m)
{
    m->at.H = get_uint(c, 8);
    m->at.l = get_uint(c, 8);
    m->partition = (int32_t)get_uint(c, 4);
    m->offset = (int64_t)get_uint(c, 8);
    m->first = f & F_MARK_FIRST;
    m->edge = f & F_MARK_EDGE;
}

weir_status weir_state_get(weir_view bytes, weir_state *out, weir_error *err)
{
    cursor c = {(const unsigned char *)bytes.ptr, bytes.len, false};
    *out = (weir_state){0};
    if (get_uint(&c, 1) != FORMAT) {
        return broken("state", err);
    }
    unsigned f = (unsigned)get_uint(&c, 2);
    out->alive = f & F_ALIVE;
    out->kept = f & F_KEPT;
    out->quarantined = f & F_QUARANTINED;
    out->moved_in = f & F_MOVED_IN;
    out->bare = f & F_BARE;
    out->stamp.H = get_uint(&c, 8);
    out->stamp.l = get_uint(&c, 8);
    out->partition = (int32_t)get_uint(&c, 4);
    out->offset = (int64_t)get_uint(&c, 8);
    if ((out->has_tx = f & F_TX)) {
        out->tx = get_uint(&c, 8);
    }
    if ((out->has_seen = f & F_SEEN)) {
        out->seen_delete = f & F_SEEN_DELETE;
        out->seen_partition = (int32_t)get_uint(&c, 4);
        out->seen_offset = (int64_t)get_uint(&c, 8);
    }
    if ((out->has_mark = f & F_MARK)) {
        get_mark(&c, f, &out->mark);
    }
    out->ahead_ms = f & F_AHEAD ? (int64_t)get_uint(&c, 8) : 0;
    out->dead_ms = f & F_DEAD ? (int64_t)get_uint(&c, 8) : 0;
    if (f & F_REF) {
        out->ref = get_ref(&c);
    }
    if (f & F_MISSING) {
        out->missing = get_text(&c);
    }
    if (f & F_KEPT) {
        out->kept_row = get_rest(&c);
    }
    return c.bad || c.left ? broken("state", err) : WEIR_OK;
}

void weir_move_put(weir_buf *to, const weir_move *m)
{
    unsigned f = (m->given ? M_GIVEN : 0u) | (m->row.ptr ? M_ROW : 0u) |
                 (m->ref.old_key.ptr ? M_REF : 0u) | (m->waiter_is_move ? M_WAITER_MOVE : 0u);
    weir_buf_putc(to, FORMAT);
    put_u16(to, f);
    put_u64(to, m->H);
    put_u64(to, (uint64_t)m->at_ms);
    if (f & M_REF) {
        put_ref(to, m->ref);
    }
    put_text(to, m->given ? m->missing : m->waiter_key);
    weir_buf_putv(to, m->row);
}

weir_status weir_move_get(weir_view bytes, weir_move *out, weir_error *err)
{
    cursor c = {(const unsigned char *)bytes.ptr, bytes.len, false};
    *out = (weir_move){0};
    if (get_uint(&c, 1) != FORMAT) {
        return broken("move", err);
    }
    unsigned f = (unsigned)get_uint(&c, 2);
    out->given = f & M_GIVEN;
    out->waiter_is_move = f & M_WAITER_MOVE;
    out->H = get_uint(&c, 8);
    out->at_ms = (int64_t)get_uint(&c, 8);
    if (f & M_REF) {
        out->ref = get_ref(&c);
    }
    *(out->given ? &out->missing : &out->waiter_key) = get_text(&c);
    if (f & M_ROW) {
        out->row = get_rest(&c);
    }
    return c.bad || c.left ? broken("move", err) : WEIR_OK;
}

void weir_move_key_put(weir_buf *to, weir_move_ref ref)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        weir_buf_putc(to, (char)(ref.l >> shift));
    }
    weir_buf_putv(to, ref.old_key);
}

uint64_t weir_move_key_position(weir_view key)
{
    uint64_t l = 0;
    for (size_t i = 0; i < 8 && i < key.len; i++) {
        l = l << 8 | (unsigned char)key.ptr[i];
    }
    return l;
}
