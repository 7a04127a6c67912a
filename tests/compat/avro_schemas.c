/* Random Avro schemas, changes and values. See avro_schemas.h. */
#include "compat/avro_schemas.h"

#include <stdio.h>
#include <string.h>

#define PICK(rng, list) (list)[sim_below((rng), sizeof(list) / sizeof *(list))]

static const char *const primitives[] = {"\"null\"", "\"boolean\"", "\"int\"", "\"long\"",
    "\"float\"", "\"double\"", "\"bytes\"", "\"string\"", "\"int\"", "\"string\""};
static const char *const symbols[] = {"\"A\"", "\"B\"", "\"C\"", "\"D\""};

/* ---- schemas -------------------------------------------------------------------------------- */

static tree *scalar(avro_maker *m, const char *text)
{
    return tree_scalar(m->arena, "%s", text);
}

static tree *typed(avro_maker *m, const char *kind)
{
    tree *t = tree_new(m->arena, '{');
    tree_set(t, "type", scalar(m, kind));
    return t;
}

static tree *named(avro_maker *m, const char *kind)
{
    tree *t = typed(m, kind);
    tree_set(t, "name", tree_scalar(m->arena, "\"N%u\"", m->names++));
    return t;
}

static tree *make_field(avro_maker *m, const char *name, tree *type)
{
    tree *f = tree_new(m->arena, '{');
    tree_set(f, "name", tree_scalar(m->arena, "\"%s\"", name));
    tree_set(f, "type", type);
    return f;
}

static tree *make_record(avro_maker *m, int depth)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    tree *t = named(m, "\"record\""), *fields = tree_new(m->arena, '[');
    const char *outer = m->record;
    m->record = tree_get(t, "name")->text;
    tree_set(t, "fields", fields);
    for (size_t i = sim_below(m->rng, 4); i < 4; i++) {
        tree_push(fields, make_field(m, names[i], avro_make(m, depth - 1)));
    }
    m->record = outer;
    return t;
}

static bool has_kind(const tree *list, const char *kind)
{
    for (size_t i = 0; i < list->n; i++) {
        if (tree_is(list->items[i], kind) || tree_is(tree_get(list->items[i], "type"), kind)) {
            return true;
        }
    }
    return false;
}

static void add_branch(avro_maker *m, tree *list)
{
    const char *kind = PICK(m->rng, primitives);
    if (!has_kind(list, kind)) {
        tree_push(list, scalar(m, kind));
    }
}

static tree *make_union(avro_maker *m, int depth)
{
    tree *list = tree_new(m->arena, '[');
    add_branch(m, list);
    add_branch(m, list);
    if (m->record && has_kind(list, "\"null\"") && sim_chance(m->rng, 0.5)) {
        tree_push(list, scalar(m, m->record));
    } else if (depth > 0 && sim_chance(m->rng, 0.5)) {
        tree_push(list, make_record(m, depth - 1));
    }
    return list;
}

static tree *make_enum(avro_maker *m)
{
    tree *t = named(m, "\"enum\""), *list = tree_new(m->arena, '[');
    for (size_t i = sim_below(m->rng, 3); i < 4; i++) {
        tree_push(list, scalar(m, symbols[i]));
    }
    tree_set(t, "symbols", list);
    return t;
}

tree *avro_make(avro_maker *m, int depth)
{
    size_t kind = sim_below(m->rng, depth > 0 ? 10 : 4);
    tree *t;
    switch (kind) {
    case 4:
        return make_enum(m);
    case 5:
        t = named(m, "\"fixed\"");
        tree_set(t, "size", scalar(m, "3"));
        return t;
    case 6:
    case 7:
        t = typed(m, kind == 6 ? "\"array\"" : "\"map\"");
        tree_set(t, kind == 6 ? "items" : "values", avro_make(m, depth - 1));
        return t;
    case 8:
        return make_record(m, depth);
    case 9:
        return make_union(m, depth);
    default:
        return scalar(m, PICK(m->rng, primitives));
    }
}

/* ---- changes -------------------------------------------------------------------------------- */

static void rename_to(avro_maker *m, tree *named_tree, const char *name)
{
    tree *aliases = tree_new(m->arena, '[');
    tree_push(aliases, tree_get(named_tree, "name"));
    if (sim_chance(m->rng, 0.7)) {
        tree_set(named_tree, "aliases", aliases);
    }
    tree_set(named_tree, "name", scalar(m, name));
}

static tree *make_added(avro_maker *m)
{
    tree *list = tree_new(m->arena, '['), *f = make_field(m, "z", scalar(m, "\"int\""));
    if (sim_chance(m->rng, 0.4)) {
        tree_push(list, scalar(m, "\"null\""));
        tree_push(list, scalar(m, "\"string\""));
        tree_set(f, "type", list);
        tree_set(f, "default", scalar(m, "null"));
    } else if (sim_chance(m->rng, 0.6)) {
        tree_set(f, "default", scalar(m, "7"));
    }
    return f;
}

static void change_record(avro_maker *m, tree *t)
{
    tree *fields = tree_get(t, "fields");
    size_t i = fields->n ? sim_below(m->rng, fields->n) : 0;
    switch (sim_below(m->rng, 6)) {
    case 0:
        tree_push(fields, make_added(m));
        break;
    case 1:
        if (fields->n) {
            tree_drop(fields, i);
        }
        break;
    case 2:
        if (fields->n) {
            rename_to(m, fields->items[i], "\"y\"");
        }
        break;
    case 3:
        if (fields->n) {
            tree *first = fields->items[0];
            fields->items[0] = fields->items[i];
            fields->items[i] = first;
        }
        break;
    case 4:
        tree_set(t, "namespace", scalar(m, "\"other\""));
        break;
    default:
        rename_to(m, t, "\"Renamed\"");
    }
}

static void change_enum(avro_maker *m, tree *t)
{
    tree *list = tree_get(t, "symbols");
    if (sim_chance(m->rng, 0.3)) {
        tree_set(t, "default", list->items[0]);
    } else if (sim_chance(m->rng, 0.5) && list->n > 1) {
        tree_drop(list, sim_below(m->rng, list->n));
    } else if (!has_kind(list, "\"E\"")) {
        tree_push(list, scalar(m, "\"E\""));
    }
}

static tree *change_primitive(avro_maker *m, tree *t, bool in_union)
{
    static const char *const wider[] = {"\"int\"", "\"long\"", "\"float\"", "\"double\""};
    static const char *const texts[] = {"\"string\"", "\"bytes\""};
    tree *list = tree_new(m->arena, '[');
    if (!in_union && sim_chance(m->rng, 0.4)) {
        tree_push(list, scalar(m, tree_is(t, "\"null\"") ? "\"int\"" : "\"null\""));
        tree_push(list, t);
        return list;
    }
    for (size_t i = 0; i < 4; i++) {
        if (tree_is(t, wider[i])) {
            return scalar(m, PICK(m->rng, wider));
        }
    }
    bool is_text = tree_is(t, texts[0]) || tree_is(t, texts[1]);
    return is_text ? scalar(m, PICK(m->rng, texts)) : t;
}

/* null stays: it ends what refers to itself. */
static void change_union(avro_maker *m, tree *t)
{
    size_t i = sim_below(m->rng, t->n);
    if (sim_chance(m->rng, 0.5)) {
        add_branch(m, t);
    } else if (t->n > 1 && !tree_is(t->items[i], "\"null\"") && sim_chance(m->rng, 0.5)) {
        tree_drop(t, i);
    } else if (t->n > 1) {
        tree *first = t->items[0];
        t->items[0] = t->items[1];
        t->items[1] = first;
    }
}

static void change_below(avro_maker *m, tree *t, double rate)
{
    static const char *const below[] = {"items", "values"};
    tree *fields = tree_get(t, "fields");
    for (size_t i = 0; fields && i < fields->n; i++) {
        tree *type = tree_get(fields->items[i], "type");
        tree_set(fields->items[i], "type", avro_change(m, type, rate, false));
    }
    for (size_t i = 0; i < 2; i++) {
        if (tree_get(t, below[i])) {
            tree_set(t, below[i], avro_change(m, tree_get(t, below[i]), rate, false));
        }
    }
}

tree *avro_change(avro_maker *m, tree *t, double rate, bool in_union)
{
    bool now = sim_chance(m->rng, rate);
    if (t->kind == 's') {
        return now ? change_primitive(m, t, in_union) : t;
    }
    if (t->kind == '[') {
        for (size_t i = 0; i < t->n; i++) {
            t->items[i] = avro_change(m, t->items[i], rate, true);
        }
        if (now) {
            change_union(m, t);
        }
        return t;
    }
    change_below(m, t, rate);
    const tree *kind = tree_get(t, "type");
    if (now && tree_is(kind, "\"record\"")) {
        change_record(m, t);
    } else if (now && tree_is(kind, "\"enum\"")) {
        change_enum(m, t);
    } else if (now && tree_is(kind, "\"fixed\"") && sim_chance(m->rng, 0.3)) {
        tree_set(t, "size", scalar(m, "4"));
    }
    return t;
}

/* ---- values --------------------------------------------------------------------------------- */

static void put_long(weir_buf *to, int64_t n)
{
    uint64_t z = ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);
    for (; z >= 0x80; z >>= 7) {
        weir_buf_putc(to, (char)(z | 0x80));
    }
    weir_buf_putc(to, (char)z);
}

static void put_text(sim_rng *rng, weir_buf *to)
{
    static const char *const texts[] = {"", "a", "text", "longer than the others"};
    const char *text = PICK(rng, texts);
    put_long(to, (int64_t)strlen(text));
    weir_buf_puts(to, text);
}

static void put_number(sim_rng *rng, const tree *type, weir_buf *to)
{
    int64_t small = (int64_t)sim_below(rng, 100) - 50;
    double number = (double)small / 4;
    float single = (float)number;
    if (tree_is(type, "\"float\"")) {
        weir_buf_put(to, &single, sizeof single);
    } else if (tree_is(type, "\"double\"")) {
        weir_buf_put(to, &number, sizeof number);
    } else if (tree_is(type, "\"long\"") && sim_chance(rng, 0.3)) {
        put_long(to, (int64_t)(sim_next(rng) >> 8) - ((int64_t)1 << 55));
    } else {
        put_long(to, sim_chance(rng, 0.3) ? small * 40000000 : small);
    }
}

/* Where the name is defined. */
static const tree *defined(const tree *t, const char *name)
{
    if (t->kind == '{' && tree_is(tree_get(t, "name"), name) && tree_get(t, "type")->kind == 's' &&
        (tree_get(t, "fields") || tree_get(t, "symbols") || tree_get(t, "size"))) {
        return t;
    }
    for (size_t i = 0; i < t->n; i++) {
        const tree *found = t->items[i]->kind == 's' ? NULL : defined(t->items[i], name);
        if (found) {
            return found;
        }
    }
    return NULL;
}

static void put_primitive(sim_rng *rng, const tree *root, const tree *type, int depth, weir_buf *to)
{
    if (tree_is(type, "\"null\"")) {
        return;
    }
    if (tree_is(type, "\"boolean\"")) {
        weir_buf_putc(to, (char)sim_below(rng, 2));
    } else if (tree_is(type, "\"string\"") || tree_is(type, "\"bytes\"")) {
        put_text(rng, to);
    } else if (type->text[1] == 'N' || type->text[1] == 'R') {
        avro_put_value(rng, root, defined(root, type->text), depth - 1, to);
    } else {
        put_number(rng, type, to);
    }
}

/* Deep down it is null, so that there is an end. */
static void put_union(sim_rng *rng, const tree *root, const tree *type, int depth, weir_buf *to)
{
    size_t branch = sim_below(rng, type->n);
    for (size_t i = 0; i < type->n && depth <= 0; i++) {
        branch = tree_is(type->items[i], "\"null\"") ? i : branch;
    }
    put_long(to, (int64_t)branch);
    avro_put_value(rng, root, type->items[branch], depth - 1, to);
}

static void put_items(sim_rng *rng, const tree *root, const tree *type, int depth, weir_buf *to)
{
    const tree *values = tree_get(type, "values");
    size_t n = depth > 0 ? sim_below(rng, 4) : 0;
    if (n) {
        put_long(to, (int64_t)n);
    }
    for (size_t i = 0; i < n; i++) {
        if (values) {
            char key[3] = {2, (char)('a' + (char)i), 0};
            weir_buf_puts(to, key);
        }
        avro_put_value(rng, root, values ? values : tree_get(type, "items"), depth - 1, to);
    }
    put_long(to, 0);
}

void avro_put_value(sim_rng *rng, const tree *root, const tree *type, int depth, weir_buf *to)
{
    const tree *fields = tree_get(type, "fields"), *list = tree_get(type, "symbols");
    if (type->kind == 's') {
        put_primitive(rng, root, type, depth, to);
    } else if (type->kind == '[') {
        put_union(rng, root, type, depth, to);
    } else if (fields) {
        for (size_t i = 0; i < fields->n; i++) {
            avro_put_value(rng, root, tree_get(fields->items[i], "type"), depth, to);
        }
    } else if (list) {
        put_long(to, (int64_t)sim_below(rng, list->n));
    } else if (tree_get(type, "size")) {
        weir_buf_puts(to, tree_is(tree_get(type, "size"), "3") ? "abc" : "abcd");
    } else {
        put_items(rng, root, type, depth, to);
    }
}
