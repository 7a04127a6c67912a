/* Keys of tables. See table_key.h. */
#include "table/table_key.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "table/table_text.h"
#include "value/json.h"

/* ---- Which columns -----------------------------------------------------------------------------
 */

/* The name by which records call a column of the table. */
static weir_view member_of(const weir_table_rule *rule, weir_view column)
{
    for (size_t i = 0; i < rule->n_rename; i++) {
        if (weir_view_eq(rule->rename[i][1], column)) {
            return rule->rename[i][0];
        }
    }
    return column;
}

static weir_view column_of(const weir_table_rule *rule, weir_view member)
{
    for (size_t i = 0; i < rule->n_rename; i++) {
        if (weir_view_eq(rule->rename[i][0], member)) {
            return rule->rename[i][1];
        }
    }
    return member;
}

static int by_member(const void *a, const void *b)
{
    weir_view x = ((const weir_table_key *)a)->member, y = ((const weir_table_key *)b)->member;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static bool begins(const char *type, const char *with)
{
    return strncmp(type, with, strlen(with)) == 0;
}

/* Types whose values look alike in a key and in a row. */
static bool is_plain(const char *type)
{
    static const char *const plain[] = {"smallint", "integer", "bigint", "text", "uuid", "boolean"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(type, plain[i]) == 0) {
            return true;
        }
    }
    return begins(type, "character varying");
}

/* A type that weir does not know (an enum) looks in a key as it does in a row. */
static weir_status learn_column(
    weir_table *t, weir_view column, weir_table_key *out, weir_error *err)
{
    if (!weir_table_column_named(t, column, &out->column)) {
        return weir_fail(err, WEIR_E_TABLE_KEY,
            "table %s has no column \"%.*s\", which is of its key", t->quoted, WEIR_ARG(column));
    }
    const weir_table_column *c = &t->columns[out->column];
    weir_error why;
    out->member = weir_arena_copy(&t->arena, member_of(t->rule, column));
    out->plain = is_plain(c->pg_type);
    if (!out->plain && weir_column_from_pg(weir_view_of(c->name), weir_view_of(c->pg_type),
                           &t->rule->modes, &t->arena, &out->raw, &why)) {
        out->plain = true;
    }
    return out->member.ptr && !t->arena.failed ? WEIR_OK : weir_fail_oom(err);
}

weir_status weir_table_learn_key(weir_table *t, const weir_view *columns, size_t n, weir_error *err)
{
    weir_table_key *key = weir_calloc(n, sizeof *key);
    weir_status s = key ? WEIR_OK : weir_fail_oom(err);
    for (size_t i = 0; i < n && !s; i++) {
        s = learn_column(t, columns[i], &key[i], err);
    }
    if (s) {
        weir_free(key);
        return s;
    }
    qsort(key, n, sizeof *key, by_member);
    weir_free(t->key);
    t->key = key;
    t->n_key = n;
    return WEIR_OK;
}

static weir_status read_key(
    weir_view key, weir_arena *arena, const weir_value **out, weir_error *err)
{
    weir_status s = weir_json_read(key, arena, out, err);
    return s == WEIR_REJECT && !arena->failed
               ? weir_fail(err, WEIR_E_TABLE_KEY, "a key that is no JSON: %.*s",
                     (int)(key.len > 80 ? 80 : key.len), key.ptr)
               : s;
}

weir_status weir_table_key_names(const weir_table *t, weir_view key, weir_arena *arena,
    weir_view **names, size_t *n, weir_error *err)
{
    const weir_value *root;
    *names = NULL;
    *n = 0;
    weir_status s = read_key(key, arena, &root, err);
    if (s || root->type != WEIR_OBJECT) {
        return s;
    }
    weir_view *to = weir_arena_alloc(arena, (root->len + 1) * sizeof *to);
    WEIR_EACH_MEMBER(root, name, value)
    {
        (void)value;
        if (to) {
            to[(*n)++] = column_of(t->rule, weir_string(name, arena));
        }
    }
    *names = to;
    return to && !arena->failed ? WEIR_OK : weir_fail_oom(err);
}

/* ---- Values ------------------------------------------------------------------------------------
 */

/* Renders a key's value as the row has it. */
static weir_status render(const weir_table_key *k, const weir_value *v, weir_arena *arena,
    const weir_value **out, weir_error *err)
{
    weir_buf b = {0};
    weir_status s = weir_column_render(&k->raw, v, arena, &b, err);
    weir_view text = {NULL, 0};
    if (!s) {
        text = b.failed ? text : weir_arena_copy(arena, weir_buf_view(&b));
        s = text.ptr ? weir_json_read(text, arena, out, err) : weir_fail_oom(err);
    }
    weir_buf_fini(&b);
    return s;
}

static weir_status value_of(const weir_table *t, size_t i, const weir_value *v, weir_arena *arena,
    weir_view *out, weir_error *err)
{
    const weir_table_key *k = &t->key[i];
    const weir_table_column *c = weir_table_key_column(t, i);
    weir_status s = k->plain ? WEIR_OK : render(k, v, arena, &v, err);
    s = s ? s : weir_table_text(c, v, arena, out, err);
    if (!s && !out->ptr) {
        return weir_fail(err, WEIR_E_TABLE_REFUSED,
            "column \"%s\" of table %s is of the key, and null in this one", c->name, t->quoted);
    }
    return s;
}

weir_status weir_table_key_values(const weir_table *t, weir_view key, weir_arena *arena,
    const weir_view **values, weir_error *err)
{
    const weir_value *root;
    weir_view *to = weir_arena_alloc(arena, t->n_key * sizeof *to);
    weir_status s = to ? read_key(key, arena, &root, err) : weir_fail_oom(err);
    if (s) {
        return s;
    }
    *values = to;
    if (root->type != WEIR_OBJECT) {
        return t->n_key == 1
                   ? value_of(t, 0, root, arena, &to[0], err)
                   : weir_fail(err, WEIR_E_TABLE_KEY,
                         "the records' keys are single values, the key of table %s has %zu "
                         "columns",
                         t->quoted, t->n_key);
    }
    for (size_t i = 0; i < t->n_key && !s; i++) {
        const weir_value *v = weir_get(root, t->key[i].member);
        s = v && root->len == t->n_key ? value_of(t, i, v, arena, &to[i], err)
                                       : weir_fail(err, WEIR_E_TABLE_KEY,
                                             "the records' keys (%.*s) are not those of table %s, "
                                             "which has \"%.*s\" in its "
                                             "key",
                                             (int)(key.len > 60 ? 60 : key.len), key.ptr, t->quoted,
                                             WEIR_ARG(t->key[i].member));
    }
    return s;
}

bool weir_table_key_is_plain(const weir_table *t)
{
    for (size_t i = 0; i < t->n_key; i++) {
        if (!t->key[i].plain) {
            return false;
        }
    }
    return true;
}

/* ---- The position column -----------------------------------------------------------------------
 */

enum { WITHOUT_KEY = 1, WITH_KEY = 2 };

weir_status weir_position_pack(const weir_table *t, weir_view key, weir_view state,
    weir_arena *arena, weir_view *position, weir_error *err)
{
    bool plain = key.len && key.ptr[0] == '{' && weir_table_key_is_plain(t);
    uint32_t len = plain ? 0 : (uint32_t)key.len;
    size_t head = plain ? 1 : 1 + sizeof len + len;
    char *to = weir_arena_bytes(arena, head + state.len);
    if (!to) {
        return weir_fail_oom(err);
    }
    to[0] = plain ? WITHOUT_KEY : WITH_KEY;
    if (!plain) {
        memcpy(to + 1, &len, sizeof len);
        memcpy(to + 1 + sizeof len, key.ptr, len);
    }
    memcpy(to + head, state.ptr, state.len);
    *position = weir_view_make(to, head + state.len);
    return WEIR_OK;
}

weir_status weir_position_unpack(
    weir_view position, weir_view *state, weir_view *key, weir_error *err)
{
    uint32_t len = 0;
    size_t head = 1;
    *key = (weir_view){NULL, 0};
    bool with_key = position.len && position.ptr[0] == WITH_KEY;
    bool ok = position.len && (with_key || position.ptr[0] == WITHOUT_KEY);
    if (with_key && position.len >= 1 + sizeof len) {
        memcpy(&len, position.ptr + 1, sizeof len);
        head = 1 + sizeof len + len;
        *key = weir_view_make(position.ptr + 1 + sizeof len, len);
    }
    if (!ok || position.len < head) {
        return weir_fail(
            err, WEIR_E_STORE_BROKEN, "a position column holds what weir did not write");
    }
    *state = weir_view_make(position.ptr + head, position.len - head);
    return WEIR_OK;
}
