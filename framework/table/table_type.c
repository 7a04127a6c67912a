/* Wider types. See table_type.h. */
#include "table/table_type.h"
#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "timestamp(3) without time zone" is "timestamp without time zone" with one modifier, 3. */
typedef struct parsed {
    char base[48];
    int n_modifiers;
    long modifiers[2];
} parsed;

static const char *const aliases[][2] = {
    {"int2", "smallint"},
    {"int4", "integer"},
    {"int", "integer"},
    {"int8", "bigint"},
    {"float4", "real"},
    {"float8", "double precision"},
    {"decimal", "numeric"},
    {"varchar", "character varying"},
    {"varbit", "bit varying"},
    {"timestamp", "timestamp without time zone"},
    {"time", "time without time zone"},
    {"timestamptz", "timestamp with time zone"},
    {"timetz", "time with time zone"},
};

static bool parse(weir_view type, parsed *out)
{
    char text[80];
    *out = (parsed){.n_modifiers = 0};
    if (type.len == 0 || type.len >= sizeof text || memchr(type.ptr, '[', type.len)) {
        return false;
    }
    snprintf(text, sizeof text, "%.*s", (int)type.len, type.ptr);
    char *open = strchr(text, '('), *close = open ? strchr(open, ')') : NULL;
    if (open && close) {
        *close = '\0';
        for (char *at = open + 1; at && out->n_modifiers < 2;) {
            out->modifiers[out->n_modifiers++] = strtol(at, &at, 10);
            at = *at == ',' ? at + 1 : NULL;
        }
        *open = '\0';
    }
    int len = snprintf(out->base, sizeof out->base, "%s%s", text, close ? close + 1 : "");
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcmp(out->base, aliases[i][0]) == 0) {
            len = snprintf(out->base, sizeof out->base, "%s", aliases[i][1]);
        }
    }
    return len > 0 && (size_t)len < sizeof out->base;
}

/* Decimal digits that any value of it has at most; 0: it is no integer. */
static int digits_of(const char *base)
{
    return strcmp(base, "smallint") == 0  ? 5
           : strcmp(base, "integer") == 0 ? 10
           : strcmp(base, "bigint") == 0  ? 19
                                          : 0;
}

static bool is(const parsed *p, const char *base)
{
    return strcmp(p->base, base) == 0;
}

static bool numeric_widens(const parsed *from, const parsed *to)
{
    int digits = digits_of(from->base);
    long whole = digits ? digits : from->modifiers[0] - from->modifiers[1];
    long scale = digits ? 0 : from->modifiers[1];
    if (!digits && !from->n_modifiers) {
        return false; /* it holds everything */
    }
    return !to->n_modifiers ||
           (to->modifiers[1] >= scale && to->modifiers[0] - to->modifiers[1] >= whole &&
               (digits || to->modifiers[0] != from->modifiers[0] ||
                   to->modifiers[1] != from->modifiers[1]));
}

/* Types whose one modifier is a bound, and that have none without it. */
static bool bound_widens(const parsed *from, const parsed *to)
{
    static const char *const bounded[] = {"character varying", "bit varying",
        "timestamp without time zone", "timestamp with time zone", "time without time zone",
        "time with time zone"};
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        if (is(from, bounded[i]) && is(to, bounded[i])) {
            return from->n_modifiers && (!to->n_modifiers || to->modifiers[0] > from->modifiers[0]);
        }
    }
    return false;
}

bool weir_type_widens(weir_view from, weir_view to)
{
    parsed a, b;
    if (!parse(from, &a) || !parse(to, &b)) {
        return false;
    }
    int narrow = digits_of(a.base), wide = digits_of(b.base);
    if (narrow && wide) {
        return wide > narrow;
    }
    if (is(&b, "numeric") && (narrow || is(&a, "numeric"))) {
        return numeric_widens(&a, &b);
    }
    return (is(&a, "real") && is(&b, "double precision")) ||
           (is(&a, "character varying") && is(&b, "text")) || bound_widens(&a, &b);
}

bool weir_type_known(weir_view type)
{
    static const char *const names[] = {"smallint", "integer", "bigint", "boolean", "bool", "real",
        "double precision", "numeric", "text", "character varying", "character", "char", "bpchar",
        "name", "citext", "xml", "json", "jsonb", "hstore", "public.hstore", "bytea", "uuid",
        "date", "timestamp without time zone", "timestamp with time zone", "time without time zone",
        "time with time zone", "interval", "bit", "bit varying", "inet", "cidr", "macaddr",
        "macaddr8", "money", "oid", "point", "line", "lseg", "box", "path", "polygon", "circle",
        "tsvector", "tsquery", "int4range", "int8range", "numrange", "daterange", "tsrange",
        "tstzrange"};
    parsed p;
    while (type.len > 2 && memcmp(type.ptr + type.len - 2, "[]", 2) == 0) {
        type.len -= 2;
    }
    bool known = false;
    if (parse(type, &p)) {
        for (size_t i = 0; i < sizeof names / sizeof *names && !known; i++) {
            known = weir_ascii_same(p.base, names[i]);
        }
    }
    return known;
}
