/* Shapes of rows, and PostgreSQL's names of columns' types. See shape.h. */
#include "cdc/shape.h"

#include "cdc/column_kind.h"
#include "cdc/projection.h"

/* ---- types ------------------------------------------------------------------------------------
 */

/* What a config writes and CREATE TABLE does not take, or takes for something else. */
static const char *const written_otherwise[][2] = {
    {"enum", "text"},
    {"serial", "integer"},
    {"bigserial", "bigint"},
    {"smallserial", "smallint"},
};

static void put_given(weir_buf *to, weir_view type)
{
    size_t end = type.len;
    while (end && (type.ptr[end - 1] == ']' || type.ptr[end - 1] == '[')) {
        end--;
    }
    weir_view base = {type.ptr, end};
    for (size_t i = 0; i < sizeof written_otherwise / sizeof *written_otherwise; i++) {
        if (weir_view_is(base, written_otherwise[i][0])) {
            base = weir_view_of(written_otherwise[i][1]);
        }
    }
    weir_buf_putv(to, base);
    weir_buf_putv(to, weir_view_make(type.ptr + end, type.len - end));
}

static void put_integer(weir_buf *to, int32_t bytes)
{
    weir_buf_puts(to, bytes == 2 ? "smallint" : bytes == 4 ? "integer" : "bigint");
}

/* length: the precision, where it is known. A scale that is unknown may be any. */
static void put_numeric(weir_buf *to, const weir_column *c)
{
    weir_buf_puts(to, "numeric");
    if (c->length > 0 && c->scale != WEIR_SCALE_UNKNOWN && c->scale >= 0) {
        weir_buf_printf(to, "(%d,%d)", (int)c->length, (int)c->scale);
    }
}

/* What counts milliseconds has no more digits; all else may have PostgreSQL's six. */
static void put_time(weir_buf *to, const char *name, const char *behind, int32_t scale)
{
    weir_buf_puts(to, name);
    weir_buf_puts(to, scale == 3 ? "(3)" : "");
    weir_buf_puts(to, behind);
}

static void put_bits(weir_buf *to, const char *name, const char *unbounded, int32_t length)
{
    if (length > 0) {
        weir_buf_printf(to, "%s(%d)", name, (int)length);
    } else {
        weir_buf_puts(to, unbounded);
    }
}

/* Arrays of several dimensions are of the same type; what is no type's item is JSON. */
static void put_array(weir_buf *to, const weir_column *item)
{
    size_t at = to->len;
    while (item->kind->id == WEIR_KIND_ARRAY) {
        item = item->item;
    }
    weir_column_type_put(to, item);
    weir_buf_puts(to, to->len == at ? "json" : "[]");
}

static const char *plain_name(weir_kind kind)
{
    static const char *const names[WEIR_KIND_COUNT] = {
        [WEIR_KIND_BOOLEAN] = "boolean",
        [WEIR_KIND_OID] = "oid",
        [WEIR_KIND_FLOAT4] = "real",
        [WEIR_KIND_FLOAT8] = "double precision",
        [WEIR_KIND_MONEY] = "money",
        [WEIR_KIND_MONEY_TEXT] = "money",
        [WEIR_KIND_TEXT] = "text",
        [WEIR_KIND_UUID] = "uuid",
        [WEIR_KIND_BYTEA] = "bytea",
        [WEIR_KIND_BYTEA_HEX] = "bytea",
        [WEIR_KIND_DATE] = "date",
        [WEIR_KIND_INTERVAL] = "interval",
        [WEIR_KIND_JSON] = "json", /* json and jsonb look alike; json keeps the text of both */
        [WEIR_KIND_HSTORE] = "hstore",
        [WEIR_KIND_MAP] = "json",
        [WEIR_KIND_STRUCT] = "json",
        [WEIR_KIND_VECTOR] = "vector",
        [WEIR_KIND_SPARSEVEC] = "sparsevec",
        [WEIR_KIND_POINT] = "point",
        [WEIR_KIND_LINE] = "line",
        [WEIR_KIND_CIRCLE] = "circle",
        [WEIR_KIND_GEOMETRY] = "text",
    };
    return names[kind] ? names[kind] : "";
}

void weir_column_type_put(weir_buf *to, const weir_column *c)
{
    if (c->type.len) {
        put_given(to, c->type);
        return;
    }
    switch (c->kind->id) {
    case WEIR_KIND_INTEGER:
        put_integer(to, c->length);
        break;
    case WEIR_KIND_NUMERIC:
    case WEIR_KIND_NUMERIC_TEXT:
        put_numeric(to, c);
        break;
    case WEIR_KIND_TIME:
        put_time(to, "time", "", c->scale);
        break;
    case WEIR_KIND_TIMETZ:
        put_time(to, "time", " with time zone", c->scale);
        break;
    case WEIR_KIND_TIMESTAMP:
        put_time(to, "timestamp", "", c->scale);
        break;
    case WEIR_KIND_TIMESTAMPTZ:
        put_time(to, "timestamp", " with time zone", c->scale);
        break;
    case WEIR_KIND_BIT:
        put_bits(to, "bit", "bit varying", c->length);
        break;
    case WEIR_KIND_VARBIT:
        put_bits(to, "bit varying", "bit varying", c->length);
        break;
    case WEIR_KIND_ARRAY:
        put_array(to, c->item);
        break;
    default:
        weir_buf_puts(to, plain_name(c->kind->id));
        break;
    }
}

/* ---- shapes -----------------------------------------------------------------------------------
 */

const weir_shape *weir_shape_of(
    const weir_row_plan *plan, const weir_projection *projection, weir_arena *arena)
{
    weir_shape *s = weir_arena_alloc(arena, sizeof *s);
    weir_shape_column *columns = weir_arena_alloc(arena, plan->n_columns * sizeof *columns);
    if (!s || !columns) {
        return NULL;
    }
    *s = (weir_shape){columns, 0};
    weir_buf type = {0};
    size_t next = 0;
    for (size_t i = 0; i < plan->n_columns; i++) {
        const weir_column *c = &plan->columns[i];
        if (weir_projection_keeps(projection, c->name, &next)) {
            weir_buf_clear(&type);
            weir_column_type_put(&type, c);
            columns[s->n_columns++] = (weir_shape_column){
                weir_arena_copy(arena, weir_projection_shows(projection, c->name)),
                weir_arena_copy(arena, weir_buf_view(&type))};
        }
    }
    bool failed = type.failed || arena->failed;
    weir_buf_fini(&type);
    return failed ? NULL : s;
}
