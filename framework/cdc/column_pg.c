/* Columns from PostgreSQL's names of types: what format_type() prints, and the short names people
 * write ("timestamptz", "int8", "varchar(20)"). */
#include "cdc/column_kind.h"

enum { LONGEST_NAME = 48, MOST_BITS = 83886080 /* of bit(n) */ };

static const struct {
    const char *name;
    weir_kind kind;
} types[] = {
    {"\"char\"", WEIR_KIND_TEXT},
    {"aclitem", WEIR_KIND_TEXT},
    {"bigint", WEIR_KIND_INTEGER},
    {"bigserial", WEIR_KIND_INTEGER},
    {"bit varying", WEIR_KIND_VARBIT},
    {"bit", WEIR_KIND_BIT},
    {"bool", WEIR_KIND_BOOLEAN},
    {"boolean", WEIR_KIND_BOOLEAN},
    {"box", WEIR_KIND_GEOMETRY},
    {"bpchar", WEIR_KIND_TEXT},
    {"bytea", WEIR_KIND_BYTEA},
    {"char", WEIR_KIND_TEXT},
    {"character varying", WEIR_KIND_TEXT},
    {"character", WEIR_KIND_TEXT},
    {"cid", WEIR_KIND_OID},
    {"cidr", WEIR_KIND_TEXT},
    {"circle", WEIR_KIND_CIRCLE},
    {"citext", WEIR_KIND_TEXT},
    {"cube", WEIR_KIND_TEXT},
    {"date", WEIR_KIND_DATE},
    {"datemultirange", WEIR_KIND_TEXT},
    {"daterange", WEIR_KIND_TEXT},
    {"dec", WEIR_KIND_NUMERIC},
    {"decimal", WEIR_KIND_NUMERIC},
    {"double precision", WEIR_KIND_FLOAT8},
    {"ean13", WEIR_KIND_TEXT},
    {"enum", WEIR_KIND_TEXT},
    {"float4", WEIR_KIND_FLOAT4},
    {"float8", WEIR_KIND_FLOAT8},
    {"geography", WEIR_KIND_GEOMETRY},
    {"geometry", WEIR_KIND_GEOMETRY},
    {"halfvec", WEIR_KIND_VECTOR},
    {"hstore", WEIR_KIND_HSTORE},
    {"inet", WEIR_KIND_TEXT},
    {"int", WEIR_KIND_INTEGER},
    {"int2", WEIR_KIND_INTEGER},
    {"int4", WEIR_KIND_INTEGER},
    {"int4multirange", WEIR_KIND_TEXT},
    {"int4range", WEIR_KIND_TEXT},
    {"int8", WEIR_KIND_INTEGER},
    {"int8multirange", WEIR_KIND_TEXT},
    {"int8range", WEIR_KIND_TEXT},
    {"integer", WEIR_KIND_INTEGER},
    {"interval", WEIR_KIND_INTERVAL},
    {"isbn", WEIR_KIND_TEXT},
    {"isbn13", WEIR_KIND_TEXT},
    {"ismn", WEIR_KIND_TEXT},
    {"ismn13", WEIR_KIND_TEXT},
    {"issn", WEIR_KIND_TEXT},
    {"issn13", WEIR_KIND_TEXT},
    {"json", WEIR_KIND_JSON},
    {"jsonb", WEIR_KIND_JSON},
    {"jsonpath", WEIR_KIND_TEXT},
    {"line", WEIR_KIND_LINE},
    {"lquery", WEIR_KIND_TEXT},
    {"lseg", WEIR_KIND_GEOMETRY},
    {"ltree", WEIR_KIND_TEXT},
    {"ltxtquery", WEIR_KIND_TEXT},
    {"macaddr", WEIR_KIND_TEXT},
    {"macaddr8", WEIR_KIND_TEXT},
    {"money", WEIR_KIND_MONEY},
    {"name", WEIR_KIND_TEXT},
    {"numeric", WEIR_KIND_NUMERIC},
    {"nummultirange", WEIR_KIND_TEXT},
    {"numrange", WEIR_KIND_TEXT},
    {"oid", WEIR_KIND_OID},
    {"path", WEIR_KIND_GEOMETRY},
    {"pg_lsn", WEIR_KIND_TEXT},
    {"pg_snapshot", WEIR_KIND_TEXT},
    {"point", WEIR_KIND_POINT},
    {"polygon", WEIR_KIND_GEOMETRY},
    {"real", WEIR_KIND_FLOAT4},
    {"refcursor", WEIR_KIND_TEXT},
    {"regclass", WEIR_KIND_TEXT},
    {"regcollation", WEIR_KIND_TEXT},
    {"regconfig", WEIR_KIND_TEXT},
    {"regdictionary", WEIR_KIND_TEXT},
    {"regnamespace", WEIR_KIND_TEXT},
    {"regoper", WEIR_KIND_TEXT},
    {"regoperator", WEIR_KIND_TEXT},
    {"regproc", WEIR_KIND_TEXT},
    {"regprocedure", WEIR_KIND_TEXT},
    {"regrole", WEIR_KIND_TEXT},
    {"regtype", WEIR_KIND_TEXT},
    {"seg", WEIR_KIND_TEXT},
    {"serial", WEIR_KIND_INTEGER},
    {"smallint", WEIR_KIND_INTEGER},
    {"smallserial", WEIR_KIND_INTEGER},
    {"sparsevec", WEIR_KIND_SPARSEVEC},
    {"text", WEIR_KIND_TEXT},
    {"tid", WEIR_KIND_TEXT},
    {"time with time zone", WEIR_KIND_TIMETZ},
    {"time without time zone", WEIR_KIND_TIME},
    {"time", WEIR_KIND_TIME},
    {"timestamp with time zone", WEIR_KIND_TIMESTAMPTZ},
    {"timestamp without time zone", WEIR_KIND_TIMESTAMP},
    {"timestamp", WEIR_KIND_TIMESTAMP},
    {"timestamptz", WEIR_KIND_TIMESTAMPTZ},
    {"timetz", WEIR_KIND_TIMETZ},
    {"tsmultirange", WEIR_KIND_TEXT},
    {"tsquery", WEIR_KIND_TEXT},
    {"tsrange", WEIR_KIND_TEXT},
    {"tstzmultirange", WEIR_KIND_TEXT},
    {"tstzrange", WEIR_KIND_TEXT},
    {"tsvector", WEIR_KIND_TEXT},
    {"txid_snapshot", WEIR_KIND_TEXT},
    {"upc", WEIR_KIND_TEXT},
    {"uuid", WEIR_KIND_UUID},
    {"varbit", WEIR_KIND_VARBIT},
    {"varchar", WEIR_KIND_TEXT},
    {"vector", WEIR_KIND_VECTOR},
    {"xid", WEIR_KIND_OID},
    {"xid8", WEIR_KIND_OID},
    {"xml", WEIR_KIND_TEXT},
};

/* A type's name taken apart: "timestamp(3) without time zone[]". */
typedef struct type_name {
    char base[LONGEST_NAME]; /* lower case, single blanks: "timestamp without time zone" */
    size_t base_len;
    int n_modifiers;
    int64_t modifiers[2]; /* (12,2) */
    bool odd_modifiers;   /* one of them is no number */
    bool array;
} type_name;

/* ---- the name -------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static weir_view trim(weir_view v)
{
    while (v.len && is_blank(v.ptr[0])) {
        v = weir_view_make(v.ptr + 1, v.len - 1);
    }
    while (v.len && is_blank(v.ptr[v.len - 1])) {
        v.len--;
    }
    return v;
}

/* "[]" or "[3]", any number of times, at the end. */
static weir_view cut_brackets(weir_view text, bool *any)
{
    *any = false;
    while (text.len && text.ptr[text.len - 1] == ']') {
        size_t len = text.len - 1;
        while (len && text.ptr[len - 1] >= '0' && text.ptr[len - 1] <= '9') {
            len--;
        }
        if (len == 0 || text.ptr[len - 1] != '[') {
            break;
        }
        text.len = len - 1;
        *any = true;
    }
    return text;
}

/* "12", "12,2", "3, -2". Modifiers that are no numbers (geometry(Point,4326)) say nothing here. */
static void read_modifiers(weir_view text, type_name *t)
{
    t->n_modifiers = 0;
    while (t->n_modifiers < 2) {
        const char *comma = memchr(text.ptr, ',', text.len);
        weir_view part = trim((weir_view){text.ptr, comma ? (size_t)(comma - text.ptr) : text.len});
        if (!weir_text_to_int64(part, &t->modifiers[t->n_modifiers])) {
            t->odd_modifiers = true;
            return;
        }
        t->n_modifiers++;
        if (!comma) {
            return;
        }
        text = weir_view_make(comma + 1, (size_t)(text.ptr + text.len - comma - 1));
    }
}

static bool put_base(type_name *t, weir_view part)
{
    for (size_t i = 0; i < part.len; i++) {
        bool blank = is_blank(part.ptr[i]);
        if (blank && (t->base_len == 0 || t->base[t->base_len - 1] == ' ')) {
            continue;
        }
        if (t->base_len == LONGEST_NAME) {
            return false;
        }
        t->base[t->base_len++] = blank ? ' ' : lower(part.ptr[i]);
    }
    return true;
}

/* False when it cannot be any type's name. */
static bool read_name(weir_view text, type_name *t)
{
    *t = (type_name){0};
    text = cut_brackets(trim(text), &t->array);
    const char *open = memchr(text.ptr, '(', text.len);
    const char *close = open ? memchr(open, ')', (size_t)(text.ptr + text.len - open)) : NULL;
    if (open && !close) {
        return false;
    }
    weir_view head = {text.ptr, open ? (size_t)(open - text.ptr) : text.len};
    if (open) {
        read_modifiers(weir_view_make(open + 1, (size_t)(close - open - 1)), t);
        weir_view tail = {close + 1, (size_t)(text.ptr + text.len - close - 1)};
        if (!put_base(t, head) || !put_base(t, tail)) {
            return false;
        }
    } else if (!put_base(t, head)) {
        return false;
    }
    while (t->base_len && t->base[t->base_len - 1] == ' ') {
        t->base_len--;
    }
    return t->base_len > 0;
}

static bool find_type(weir_view name, weir_kind *kind)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (weir_view_is(name, types[i].name)) {
            *kind = types[i].kind;
            return true;
        }
    }
    return false;
}

/* Also "public.citext", as extensions' types are printed, and "interval day to second". */
static bool find_kind(const type_name *t, weir_kind *kind)
{
    weir_view name = {t->base, t->base_len};
    if (find_type(name, kind)) { /* numeric(,2) would have no scale, in silence */
        return !(*kind == WEIR_KIND_NUMERIC && t->odd_modifiers);
    }
    if (name.len > 9 && memcmp(name.ptr, "interval ", 9) == 0) {
        *kind = WEIR_KIND_INTERVAL;
        return true;
    }
    if (weir_view_is(name, "float")) { /* float(1) to float(24) are reals */
        *kind = t->n_modifiers && t->modifiers[0] < 25 ? WEIR_KIND_FLOAT4 : WEIR_KIND_FLOAT8;
        return true;
    }
    const char *dot = memchr(name.ptr, '.', name.len);
    return dot && find_type(weir_view_make(dot + 1, (size_t)(name.ptr + name.len - dot - 1)), kind);
}

/* ---- what the name and the modes say --------------------------------------------------------- */

/* The unit of an integer by the type's precision: without one it is 6. */
static int32_t time_scale(const type_name *t, weir_time_mode mode, bool time_of_day)
{
    bool coarse = t->n_modifiers > 0 && t->modifiers[0] <= 3;
    switch (mode) {
    case WEIR_TIME_CONNECT:
        return 3;
    case WEIR_TIME_MICROSECONDS:
        return 6;
    case WEIR_TIME_NANOSECONDS:
        return 9;
    case WEIR_TIME_ADAPTIVE_TIME_MICROSECONDS:
        return coarse && !time_of_day ? 3 : 6;
    case WEIR_TIME_ADAPTIVE:
    case WEIR_TIME_ISOSTRING:
    case WEIR_TIME_STRUCTURED:
    default:
        return coarse ? 3 : 6;
    }
}

/* numeric(12) is numeric(12,0). A scale below 0 is not on the wire. */
static int32_t decimal_scale(const type_name *t)
{
    int64_t scale = t->n_modifiers == 2 ? t->modifiers[1] : 0;
    return t->n_modifiers && scale >= 0 && scale <= 1000 ? (int32_t)scale : WEIR_SCALE_UNKNOWN;
}

/* bit is bit(1); a bit varying without a length has none. */
static int32_t bit_length(const type_name *t, int32_t otherwise)
{
    bool given = t->n_modifiers && t->modifiers[0] > 0 && t->modifiers[0] <= MOST_BITS;
    return given ? (int32_t)t->modifiers[0] : otherwise;
}

static void set_details(weir_column *c, const type_name *t, const weir_column_modes *modes)
{
    bool text = modes->decimal != WEIR_DECIMAL_PRECISE;
    switch (c->kind->id) {
    case WEIR_KIND_NUMERIC:
        c->kind = weir_column_kind_of(text ? WEIR_KIND_NUMERIC_TEXT : WEIR_KIND_NUMERIC);
        c->scale = decimal_scale(t);
        break;
    case WEIR_KIND_MONEY:
        c->kind = weir_column_kind_of(text ? WEIR_KIND_MONEY_TEXT : WEIR_KIND_MONEY);
        c->scale = 2;
        break;
    case WEIR_KIND_BYTEA:
        c->kind = weir_column_kind_of(
            modes->binary == WEIR_BINARY_HEX ? WEIR_KIND_BYTEA_HEX : WEIR_KIND_BYTEA);
        break;
    case WEIR_KIND_TIME:
    case WEIR_KIND_TIMETZ:
        c->scale = time_scale(t, modes->time, true);
        break;
    case WEIR_KIND_TIMESTAMP:
    case WEIR_KIND_TIMESTAMPTZ:
        c->scale = time_scale(t, modes->time, false);
        break;
    case WEIR_KIND_INTERVAL:
        c->scale = 6;
        break;
    case WEIR_KIND_BIT:
        c->length = bit_length(t, 1);
        break;
    case WEIR_KIND_VARBIT:
        c->length = bit_length(t, 0);
        break;
    default:
        break;
    }
}

/* Puts a copy of `item` behind the column. */
static weir_status set_item(weir_column *c, weir_column item, weir_arena *arena, weir_error *err)
{
    weir_column *copy = weir_arena_alloc(arena, sizeof *copy);
    if (!copy) {
        return weir_fail_oom(err);
    }
    *copy = item;
    c->item = copy;
    return WEIR_OK;
}

weir_status weir_column_from_pg(weir_view name, weir_view type, const weir_column_modes *modes,
    weir_arena *arena, weir_column *out, weir_error *err)
{
    static const weir_column_modes defaults = {0};
    weir_view copy = weir_arena_copy(arena, name);
    if (!copy.ptr) {
        return weir_fail_oom(err);
    }
    *out = weir_column_make(copy, WEIR_KIND_RAW);
    if (type.len == 0) {
        return WEIR_OK;
    }
    type_name t;
    weir_kind kind;
    if (!read_name(type, &t) || !find_kind(&t, &kind)) {
        return weir_fail(err, WEIR_E_CDC_UNKNOWN_TYPE,
            "column \"%.*s\": type \"%.*s\" is not known; an enum or another type that arrives as "
            "text is \"enum\"",
            WEIR_ARG(name), WEIR_ARG(type));
    }
    out->kind = weir_column_kind_of(kind);
    set_details(out, &t, modes ? modes : &defaults);
    weir_status status = WEIR_OK;
    weir_view given = weir_arena_copy(arena, type);
    if (!given.ptr) {
        return weir_fail_oom(err);
    }
    if (kind == WEIR_KIND_HSTORE) {
        status = set_item(out, weir_column_make(copy, WEIR_KIND_TEXT), arena, err);
    }
    if (status == WEIR_OK && t.array) {
        weir_column item = *out;
        *out = weir_column_make(copy, WEIR_KIND_ARRAY);
        status = set_item(out, item, arena, err);
    }
    out->type = given;
    return status;
}
