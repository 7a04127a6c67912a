/* Rows in the row contract: members of `after` as JSON text, placeholders set aside. See decoder.h.
 */
#include "cdc/decoding.h"
#include "cdc/projection.h"
#include "cdc/row_plan.h"
#include "value/json.h"

typedef struct rendering {
    weir_decoder *d;
    const weir_row_plan *plan;
    const weir_projection *projection; /* or NULL */
    const char *part;                  /* "/after", "/before" or "", for error places */
    bool flattened;                    /* added fields are no columns */
    bool placeholders;                 /* may there be some? */
    size_t next_column, next_kept;     /* where they are expected */
    weir_arena *arena;
    weir_error *err;
} rendering;

/* ---- members ----------------------------------------------------------------------------- */

/* The place of a column as a JSON Pointer. */
static weir_status at_column(const rendering *r, weir_view name, weir_status s)
{
    char pointer[2 * sizeof r->err->where]; /* weir_at cuts it between characters */
    size_t len = 0;
    for (size_t i = 0; i < name.len && len + 3 < sizeof pointer; i++) {
        char c = name.ptr[i];
        if (c == '~' || c == '/') {
            pointer[len++] = '~';
        }
        pointer[len++] = c == '~' ? '0' : c == '/' ? '1' : c;
    }
    pointer[len] = '\0';
    (void)weir_at(r->err, "%s/%s", r->part, pointer);
    return s;
}

static void add_missing(weir_buf *missing, weir_view name)
{
    weir_buf_putc(missing, missing->len ? ',' : '[');
    weir_json_put_string(missing, name);
}

static void put_name(weir_buf *row, const weir_value *node, weir_view shown)
{
    if (shown.ptr == node->at) {
        weir_json_put(row, node);
    } else {
        weir_json_put_string(row, shown);
    }
    weir_buf_putc(row, ':');
}

/* node: of the name, whose characters are `name`. */
static weir_status put_member(
    rendering *r, const weir_value *node, weir_view name, const weir_value *value)
{
    weir_buf *row = &r->d->row;
    weir_view shown = weir_projection_shows(r->projection, name);
    weir_buf_putc(row, row->len ? ',' : '{');
    put_name(row, node, shown);
    const weir_column *column = weir_row_plan_find(r->plan, name, &r->next_column);
    column = column ? column : &r->d->unknown_column;
    if (r->placeholders && weir_column_is_placeholder(column, value, r->d->placeholder)) {
        weir_buf_put(row, "null", 4);
        add_missing(&r->d->missing, shown);
        return WEIR_OK;
    }
    weir_status s = weir_column_render(column, value, r->arena, row, r->err);
    return s ? at_column(r, name, s) : WEIR_OK;
}

/* Leaves the row in d->row and the names of its placeholders in d->missing. */
static weir_status render(rendering *r, const weir_value *object)
{
    weir_buf_clear(&r->d->row);
    weir_buf_clear(&r->d->missing);
    WEIR_EACH_MEMBER(object, name, value)
    {
        weir_view text = weir_string(name, r->arena);
        if (!text.ptr) {
            return weir_fail_oom(r->err);
        }
        bool added = r->flattened && weir_is_added(text, r->d->added_prefix);
        bool kept = !added && weir_projection_keeps(r->projection, text, &r->next_kept);
        weir_status s = kept ? put_member(r, name, text, value) : WEIR_OK;
        if (s) {
            return s;
        }
    }
    weir_buf_puts(&r->d->row, r->d->row.len ? "}" : "{}");
    if (r->d->missing.len) {
        weir_buf_putc(&r->d->missing, ']');
    }
    return r->d->row.failed || r->d->missing.failed ? weir_fail_oom(r->err) : WEIR_OK;
}

static weir_status take(rendering *r, weir_buf *text, weir_view *out)
{
    *out = text->len ? weir_arena_copy(r->arena, weir_buf_view(text)) : weir_view_make("", 0);
    weir_decoding_trim(text);
    return out->ptr ? WEIR_OK : weir_fail_oom(r->err);
}

/* ---- before ------------------------------------------------------------------------------ */

static bool has_all_columns(const weir_row_plan *plan, const weir_value *object)
{
    size_t found = 0, next = 0;
    WEIR_EACH_MEMBER(object, name, value)
    {
        if (!(name->flags & WEIR_ESCAPED)) {
            found += weir_row_plan_find(plan, weir_raw(name), &next) != NULL;
        }
    }
    return found == plan->n_columns;
}

/* The old row, if it is there as a whole. */
static weir_status render_before(rendering *r, const weir_event *event, weir_change *c)
{
    if (!event->before || !has_all_columns(event->plan, event->before)) {
        return WEIR_OK;
    }
    r->part = c->unwrapped ? "" : "/before";
    weir_status s = render(r, event->before);
    if (s || r->d->missing.len) {
        return s;
    }
    return take(r, &r->d->row, &c->before);
}

/* ---- rows -------------------------------------------------------------------------------- */

weir_status weir_decoder_row(weir_decoder *d, const weir_event *event,
    const weir_projection *projection, bool deep_before, weir_arena *arena, weir_change *c,
    weir_error *err)
{
    c->row = c->before = (weir_view){NULL, 0};
    c->missing = (weir_view){"", 0};
    if (event->reading != d->reading) {
        return weir_fail(err, WEIR_E_INTERNAL, "the row of an event whose decoder has read on");
    }
    char op = event->change.op;
    rendering r = {.d = d,
        .plan = event->plan,
        .projection = projection,
        .part = c->unwrapped ? "" : "/after",
        .flattened = event->change.unwrapped,
        .placeholders = event->change.kind == WEIR_STREAMED,
        .arena = arena,
        .err = err};
    if (event->kind != WEIR_EVENT_CHANGE || !op || op == 't') {
        return WEIR_OK;
    }
    if (op == 'd') {
        return deep_before ? render_before(&r, event, c) : WEIR_OK;
    }
    if (!event->after) {
        weir_status status =
            weir_fail(err, WEIR_E_CDC_NO_ROW, "op %c without a row in `after`", op);
        (void)weir_at(err, "/after");
        return status;
    }
    weir_status s = render(&r, event->after);
    s = s ? s : take(&r, &d->row, &c->row);
    return s ? s : take(&r, &d->missing, &c->missing);
}
