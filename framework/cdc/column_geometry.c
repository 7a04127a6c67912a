/* Geometric columns: PostgreSQL's own shapes, and PostGIS's.
 *
 * point, line and circle arrive as their numbers. box, lseg, path and polygon arrive as
 * io.debezium.data.geometry.Geometry with the type's name in `extensions`, and are read back from
 * their WKB. Anything else is PostGIS's and is written as its text, hexadecimal EWKB. */
#include "cdc/column_kind.h"

/* ---- points ---------------------------------------------------------------------------------- */

/* A member that is a double: a number, or one of the quoted special values. */
static bool put_member(weir_buf *to, const weir_value *v, const char *name)
{
    const weir_value *number = weir_gets(v, name);
    if (weir_is(number, WEIR_STRING)) {
        const char *special = weir_special_number(weir_raw(number));
        weir_buf_puts(to, special ? special : "");
        return special;
    }
    return (weir_is(number, WEIR_INT) || weir_is(number, WEIR_NUMBER)) &&
           weir_float_put(to, weir_raw(number), false);
}

static bool put_xy(weir_buf *to, const weir_value *v)
{
    weir_buf_putc(to, '(');
    bool good = put_member(to, v, "x");
    weir_buf_putc(to, ',');
    good = good && put_member(to, v, "y");
    weir_buf_putc(to, ')');
    return good;
}

weir_status weir_render_point(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    weir_buf_putc(to, '"');
    bool good = put_xy(to, v);
    weir_buf_putc(to, '"');
    return good ? WEIR_OK : weir_column_refuse(c, v, "not {x, y}", err);
}

/* {"a":1.0,"b":2.0,"c":3.0} is "{1,2,3}". */
weir_status weir_render_line(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    weir_buf_puts(to, "\"{");
    bool good = put_member(to, v, "a");
    weir_buf_putc(to, ',');
    good = good && put_member(to, v, "b");
    weir_buf_putc(to, ',');
    good = good && put_member(to, v, "c");
    weir_buf_puts(to, "}\"");
    return good ? WEIR_OK : weir_column_refuse(c, v, "not {a, b, c}", err);
}

/* {"center":{"x":1.0,"y":2.0},"radius":3.0} is "<(1,2),3>". */
weir_status weir_render_circle(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    (void)scratch;
    weir_buf_puts(to, "\"<");
    bool good = put_xy(to, weir_gets(v, "center"));
    weir_buf_putc(to, ',');
    good = good && put_member(to, v, "radius");
    weir_buf_puts(to, ">\"");
    return good ? WEIR_OK : weir_column_refuse(c, v, "not {center, radius}", err);
}

/* ---- well-known binary ----------------------------------------------------------------------- */

enum { WKB_LINE = 2, WKB_POLYGON = 3, XY_BYTES = 16 };
static const uint32_t ewkb_has_srid = 0x20000000;

static uint64_t load(const char *bytes, size_t len, bool little)
{
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n = n << 8 | (unsigned char)bytes[little ? len - 1 - i : i];
    }
    return n;
}

static void put_double(weir_buf *to, const char *bytes, bool little)
{
    uint64_t bits = load(bytes, 8, little);
    double x;
    memcpy(&x, &bits, sizeof x);
    weir_float_put_double(to, x);
}

/* The points of a line string, or of a polygon's only ring. */
typedef struct points {
    const char *at;
    size_t count;
    bool little;
} points;

static bool read_points(weir_view wkb, points *out)
{
    if (wkb.len < 9) {
        return false;
    }
    out->little = wkb.ptr[0];
    uint64_t type = load(wkb.ptr + 1, 4, out->little);
    size_t head = type == WKB_POLYGON ? 13 : 9;
    if ((type != WKB_LINE && type != WKB_POLYGON) || wkb.len < head) {
        return false;
    }
    out->at = wkb.ptr + head;
    out->count = (size_t)load(out->at - 4, 4, out->little);
    bool one_ring = type == WKB_LINE || load(wkb.ptr + 5, 4, out->little) == 1;
    return one_ring && out->count > 0 && (wkb.len - head) / XY_BYTES == out->count &&
           (wkb.len - head) % XY_BYTES == 0;
}

static void put_point(weir_buf *to, const points *p, size_t i)
{
    const char *at = p->at + i * XY_BYTES;
    weir_buf_putc(to, '(');
    put_double(to, at, p->little);
    weir_buf_putc(to, ',');
    put_double(to, at + 8, p->little);
    weir_buf_putc(to, ')');
}

static void put_points(weir_buf *to, const points *p, const char *brackets)
{
    weir_buf_putc(to, '"');
    for (size_t i = 0; i < p->count; i++) {
        weir_buf_putc(to, i ? ',' : brackets[0]);
        put_point(to, p, i);
    }
    weir_buf_putc(to, brackets[1]);
    weir_buf_putc(to, '"');
}

/* A box is a ring of five points; its corners are the first and the third. */
static bool put_box(weir_buf *to, const points *p)
{
    if (p->count != 5) {
        return false;
    }
    weir_buf_putc(to, '"');
    put_point(to, p, 0);
    weir_buf_putc(to, ',');
    put_point(to, p, 2);
    weir_buf_putc(to, '"');
    return true;
}

/* A ring ends where it began; PostgreSQL's polygon does not say so twice. */
static void put_polygon(weir_buf *to, points p)
{
    size_t last = (p.count - 1) * XY_BYTES;
    p.count -= p.count > 1 && memcmp(p.at, p.at + last, XY_BYTES) == 0;
    put_points(to, &p, "()");
}

static bool is_shape(const weir_value *type)
{
    static const char *const names[] = {"box", "lseg", "path", "polygon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (weir_string_is(type, weir_view_of(names[i]))) {
            return true;
        }
    }
    return false;
}

/* One of PostgreSQL's own shapes; false when the bytes are not of it. */
static bool put_shape(
    weir_buf *to, weir_view wkb, const weir_value *type, const weir_value *extensions)
{
    points p;
    if (!read_points(wkb, &p)) {
        return false;
    }
    if (weir_string_is(type, weir_view_of("box"))) {
        return put_box(to, &p);
    }
    if (weir_string_is(type, weir_view_of("polygon"))) {
        put_polygon(to, p);
        return true;
    }
    bool closed = weir_string_is(weir_gets(extensions, "closed"), weir_view_of("true"));
    put_points(to, &p, closed ? "()" : "[]");
    return true;
}

static void put_hex(weir_buf *to, weir_view bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < bytes.len; i++) {
        weir_buf_putc(to, hex[(unsigned char)bytes.ptr[i] >> 4]);
        weir_buf_putc(to, hex[(unsigned char)bytes.ptr[i] & 15]);
    }
}

/* PostGIS's bytes carry their reference system; MySQL's have it beside them, and it is put in. */
static void put_ewkb(weir_buf *to, weir_view wkb, const weir_value *srid)
{
    int64_t system;
    bool little = wkb.ptr[0];
    uint32_t type = (uint32_t)load(wkb.ptr + 1, 4, little);
    bool add = !(type & ewkb_has_srid) && weir_to_int64(srid, &system) && system != 0;
    weir_buf_putc(to, '"');
    if (add) {
        char head[9] = {wkb.ptr[0]};
        for (size_t i = 0; i < 4; i++) {
            unsigned shift = (unsigned)(little ? i : 3 - i) * 8;
            head[1 + i] = (char)((type | ewkb_has_srid) >> shift);
            head[5 + i] = (char)((uint64_t)system >> shift);
        }
        put_hex(to, weir_view_make(head, sizeof head));
        wkb = weir_view_make(wkb.ptr + 5, wkb.len - 5);
    }
    put_hex(to, wkb);
    weir_buf_putc(to, '"');
}

weir_status weir_render_geometry(
    const weir_column *c, const weir_value *v, weir_arena *scratch, weir_buf *to, weir_error *err)
{
    const weir_value *bytes = weir_gets(v, "wkb"), *extensions = weir_gets(v, "extensions");
    if (!weir_is(bytes, WEIR_STRING) && !weir_is(bytes, WEIR_BYTES)) {
        return weir_column_refuse(c, v, "no wkb", err);
    }
    weir_view wkb;
    weir_status status = weir_column_bytes(c, bytes, scratch, &wkb, err);
    if (status != WEIR_OK) {
        return status;
    }
    const weir_value *type = weir_gets(extensions, "type");
    bool shape = is_shape(type);
    if (wkb.len < 5 || (shape && !put_shape(to, wkb, type, extensions))) {
        return weir_column_refuse(c, v, "not well-known binary", err);
    }
    if (!shape) {
        put_ewkb(to, wkb, weir_gets(v, "srid"));
    }
    return WEIR_OK;
}
