/* The config as YAML again, every default filled in and every secret as ***. See config.h.
 *
 * Texts are written in double quotes, so that nothing in them is YAML; `$` is doubled, so that
 * nothing in them is interpolated. */
#include "config_load.h"
#include "config_value.h"
#include "value/utf8.h"

typedef struct printer {
    const weir_config *config;
    weir_buf *to;
} printer;

/* ---- texts ------------------------------------------------------------------------------- */

static uint32_t decode(const char *at, size_t length)
{
    uint32_t code = (unsigned char)*at;
    code = length == 1 ? code : code & (0x7FU >> length);
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | ((unsigned char)at[i] & 0x3F);
    }
    return code;
}

/* What YAML would fold, or refuse as not printable. */
static bool needs_escape(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
}

static void put_quoted(weir_buf *to, weir_view text, bool is_interpolated)
{
    const char *end = text.ptr + text.len;
    weir_buf_putc(to, '"');
    for (const char *at = text.ptr; at < end;) {
        size_t length = weir_utf8_length(at, end);
        length = length ? length : 1; /* texts are UTF-8, so this is always given */
        uint32_t code = decode(at, length);
        if (needs_escape(code)) {
            weir_buf_printf(to, "\\u%04X", code);
        } else {
            if (code == '"' || code == '\\' || (code == '$' && is_interpolated)) {
                weir_buf_putc(to, code == '$' ? '$' : '\\');
            }
            weir_buf_put(to, at, length);
        }
        at += length;
    }
    weir_buf_putc(to, '"');
}

static void put_text(const printer *p, const char *text)
{
    weir_buf shown = {0};
    if (weir_config_is_secret(p->config, text)) {
        weir_buf_puts(&shown, "***");
    } else {
        weir_config_redact(p->config, weir_view_of(text), &shown);
    }
    put_quoted(p->to, weir_buf_view(&shown), true);
    p->to->failed |= shown.failed;
    weir_buf_fini(&shown);
}

static void put_key(const printer *p, unsigned depth, const char *key)
{
    bool is_word = (*key >= 'a' && *key <= 'z') || *key == '_';
    for (const char *c = key; *c; c++) {
        is_word = is_word && ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                                 (*c >= '0' && *c <= '9') || strchr("_.-", *c));
    }
    for (unsigned i = 0; i < depth; i++) {
        weir_buf_puts(p->to, "  ");
    }
    if (is_word) {
        weir_buf_puts(p->to, key);
    } else {
        put_quoted(p->to, weir_view_of(key), false);
    }
    weir_buf_putc(p->to, ':');
}

/* A key whose value stands below it, or is {} when nothing does: between open_block and
 * close_block. */
static size_t open_block(const printer *p, unsigned depth, const char *key)
{
    put_key(p, depth, key);
    weir_buf_putc(p->to, '\n');
    return p->to->len;
}

/* The same of a list, where the value stands below a dash. */
static size_t open_item(const printer *p, unsigned depth)
{
    weir_buf_printf(p->to, "%*s-\n", (int)(2 * depth), "");
    return p->to->len;
}

static void close_block(const printer *p, size_t opened)
{
    if (p->to->len == opened && opened) {
        p->to->len--;
        weir_buf_puts(p->to, " {}\n");
    }
}

/* ---- lists ------------------------------------------------------------------------------- */

static void print_texts(
    const printer *p, unsigned depth, const char *key, const weir_config_texts *texts)
{
    if (!texts->count) {
        return;
    }
    put_key(p, depth, key);
    for (size_t i = 0; i < texts->count; i++) {
        weir_buf_puts(p->to, i ? ", " : " [");
        put_text(p, texts->items[i].text);
    }
    weir_buf_puts(p->to, "]\n");
}

static void print_members(const printer *p, unsigned depth, const weir_config_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        put_key(p, depth, pairs->items[i].name);
        weir_buf_putc(p->to, ' ');
        if (pairs->items[i].secret) {
            weir_buf_puts(p->to, "\"***\"");
        } else {
            put_text(p, pairs->items[i].value);
        }
        weir_buf_putc(p->to, '\n');
    }
}

static void print_pairs(
    const printer *p, unsigned depth, const char *key, const weir_config_pairs *pairs)
{
    if (pairs->count) {
        open_block(p, depth, key);
        print_members(p, depth + 1, pairs);
    }
}

static void print_types(
    const printer *p, unsigned depth, const char *key, const weir_config_column_types *types)
{
    const char *table = NULL;
    for (size_t i = 0; i < types->count; i++) {
        const weir_config_column_type *t = &types->items[i];
        if (!table) {
            open_block(p, depth, key);
        }
        if (!table || strcmp(t->table, table) != 0) {
            table = t->table;
            open_block(p, depth + 1, table);
        }
        put_key(p, depth + 2, t->column);
        weir_buf_putc(p->to, ' ');
        put_text(p, t->type);
        weir_buf_putc(p->to, '\n');
    }
}

static void print_conditions(
    const printer *p, unsigned depth, const char *key, const weir_config_conditions *conditions)
{
    static const char *const words[] = {
        [WEIR_CONFIG_NULL] = "null", [WEIR_CONFIG_TRUE] = "true", [WEIR_CONFIG_FALSE] = "false"};
    if (conditions->count) {
        open_block(p, depth, key);
    }
    for (size_t i = 0; i < conditions->count; i++) {
        const weir_config_condition *c = &conditions->items[i];
        put_key(p, depth + 1, c->column);
        weir_buf_putc(p->to, ' ');
        if (c->kind == WEIR_CONFIG_TEXT) {
            put_text(p, c->text);
        } else {
            weir_buf_puts(p->to, c->kind == WEIR_CONFIG_NUMBER ? c->text : words[c->kind]);
        }
        weir_buf_putc(p->to, '\n');
    }
}

/* ---- sections ---------------------------------------------------------------------------- */

static void print_section(
    const printer *p, unsigned depth, weir_config_section_id id, const void *section);

static void print_each(
    const printer *p, unsigned depth, const weir_config_key *key, const void *field)
{
    const weir_config_section *child = &weir_config_sections[key->child];
    weir_config_list list;
    memcpy(&list, field, sizeof list);
    if (list.count) {
        open_block(p, depth, key->name);
    }
    const char *item = list.items;
    for (size_t i = 0; i < list.count; i++, item += child->size) {
        const char *name = NULL;
        if (child->named) {
            memcpy(&name, item + child->name_offset, sizeof name);
        }
        size_t opened = child->named ? open_block(p, depth + 1, name) : open_item(p, depth + 1);
        print_section(p, depth + 2, key->child, item);
        close_block(p, opened);
    }
}

static void print_subsection(
    const printer *p, unsigned depth, const weir_config_key *key, const void *field)
{
    const weir_config_node *node;
    memcpy(&node, (const char *)field + weir_config_sections[key->child].node_offset, sizeof node);
    if (key->optional && !node) {
        return;
    }
    size_t opened = open_block(p, depth, key->name);
    print_section(p, depth + 1, key->child, field);
    close_block(p, opened);
}

static void print_scalar(
    const printer *p, unsigned depth, const weir_config_key *key, const void *field)
{
    bool is_text = key->kind <= WEIR_CONFIG_KIND_ROW_SOURCE;
    weir_buf value = {0};
    weir_config_value_put(key, field, &value);
    if (is_text ? *(const char *const *)field != NULL : value.len > 0) {
        put_key(p, depth, key->name);
        weir_buf_putc(p->to, ' ');
        if (is_text || key->kind == WEIR_CONFIG_KIND_ADDRESS) {
            put_text(p, weir_buf_str(&value));
        } else {
            weir_buf_putv(p->to, weir_buf_view(&value));
        }
        weir_buf_putc(p->to, '\n');
    }
    p->to->failed |= value.failed;
    weir_buf_fini(&value);
}

static void print_key(
    const printer *p, unsigned depth, const weir_config_key *key, const void *field)
{
    switch (key->kind) {
    case WEIR_CONFIG_KIND_LATER:
        break;
    case WEIR_CONFIG_KIND_SUBSECTION:
        print_subsection(p, depth, key, field);
        break;
    case WEIR_CONFIG_KIND_EACH:
    case WEIR_CONFIG_KIND_ITEMS:
        print_each(p, depth, key, field);
        break;
    case WEIR_CONFIG_KIND_TEXTS:
    case WEIR_CONFIG_KIND_TABLES:
        print_texts(p, depth, key->name, field);
        break;
    case WEIR_CONFIG_KIND_PAIRS:
    case WEIR_CONFIG_KIND_TABLE_TOPICS:
    case WEIR_CONFIG_KIND_PROPERTIES:
        print_pairs(p, depth, key->name, field);
        break;
    case WEIR_CONFIG_KIND_COLUMN_TYPES:
        print_types(p, depth, key->name, field);
        break;
    case WEIR_CONFIG_KIND_CONDITIONS:
        print_conditions(p, depth, key->name, field);
        break;
    default:
        print_scalar(p, depth, key, field);
    }
}

/* The word of the section's `type`, for the keys that belong to one type only. */
static void put_type(weir_config_section_id id, const void *section, weir_buf *to)
{
    const weir_config_key *key = weir_config_key_named(id, "type");
    if (key) {
        weir_config_value_put(key, (const char *)section + key->offset, to);
    }
}

static void print_section(
    const printer *p, unsigned depth, weir_config_section_id id, const void *section)
{
    const weir_config_key *key = NULL;
    weir_buf type = {0};
    put_type(id, section, &type);
    if (id == WEIR_CONFIG_KAFKA) {
        print_members(p, depth, &((const weir_config_kafka *)section)->properties);
    }
    while ((key = weir_config_next_key(id, key)) != NULL) {
        if (!key->only_for || weir_config_lists(key->only_for, weir_buf_str(&type))) {
            print_key(p, depth, key, (const char *)section + key->offset);
        }
    }
    p->to->failed |= type.failed;
    weir_buf_fini(&type);
}

void weir_config_print(const weir_config *config, weir_buf *to)
{
    printer p = {config, to};
    print_section(&p, 0, WEIR_CONFIG_ROOT, config);
}
