/* YAML text to a tree of nodes with places. The only file that knows libyaml.
 *
 * A config needs little of YAML: one document of mappings with plain keys, lists and scalars,
 * anchors and aliases. Tags, merge keys and complex keys are refused rather than half understood.
 * What a hostile or mistaken text could do is bounded: its bytes, its depth, its anchors, and the
 * size that it would have with every alias written out. */
#include "config_load.h"

#include <yaml.h>

#include "value/utf8.h"

enum {
    MOST_BYTES = 1 << 20,
    MOST_DEPTH = 16,     /* the deepest key of a config is at 6 */
    MOST_NODES = 100000, /* aliases written out */
    MOST_ANCHORS = 100,
    MOST_KEY_BYTES = 300,
};

typedef struct anchor {
    const char *name;
    const weir_config_node *node;
} anchor;

typedef struct reader {
    const weir_config_loader *loader;
    weir_arena *arena;
    weir_view text;
    yaml_parser_t parser;
    anchor anchors[MOST_ANCHORS];
    size_t anchor_count;
    bool stopped; /* the text cannot be read further; that was reported */
} reader;

static weir_config_place place_of(const yaml_mark_t *mark)
{
    return (weir_config_place){(uint32_t)mark->line + 1, (uint32_t)mark->column + 1};
}

static void *stop(reader *r)
{
    r->stopped = true;
    return NULL;
}

static void *too_large(reader *r, weir_config_place place, const char *what)
{
    weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_TOO_LARGE, "%s", what);
    return stop(r);
}

/* Of the byte at an offset, where libyaml gives no mark: it is not a character. */
static weir_config_place place_at(weir_view text, size_t offset)
{
    weir_config_place place = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        place.column += !weir_utf8_tail(text.ptr[i]);
        if (text.ptr[i] == '\n') {
            place = (weir_config_place){place.line + 1, 1};
        }
    }
    return place;
}

/* The byte at a mark; 0 behind the end. */
static char byte_at(weir_view text, const yaml_mark_t *mark)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    for (size_t line = 0; line < mark->line && at < end; at++) {
        line += *at == '\n';
    }
    for (size_t column = 0; column < mark->column && at < end; column++) {
        do {
            at++;
        } while (at < end && weir_utf8_tail(*at));
    }
    return at < end ? *at : '\0';
}

/* What to do about the errors of libyaml that people meet most. */
static const char *syntax_hint(const reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (strncmp(p->problem, "found character that cannot start", 33) == 0) {
        return byte_at(r->text, &p->problem_mark) == '\t'
                   ? "; this is a tab, and YAML is indented by spaces"
                   : "; put the value in quotes";
    }
    if (strncmp(p->problem, "mapping values are not allowed", 30) == 0) {
        return "; put a value that holds `: ` in quotes, or mend the indentation";
    }
    return "";
}

static void syntax_error(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        r->arena->failed = true;
    } else if (p->error == YAML_READER_ERROR) {
        weir_config_error(r->loader, NULL, place_at(r->text, p->problem_offset),
            WEIR_E_CONFIG_SYNTAX, "%s; a config is UTF-8 text", p->problem);
    } else {
        weir_config_error(r->loader, NULL, place_of(&p->problem_mark), WEIR_E_CONFIG_SYNTAX,
            "%s%s%s%s", p->problem, p->context ? " " : "", p->context ? p->context : "",
            syntax_hint(r));
    }
    stop(r);
}

static bool next_event(reader *r, yaml_event_t *event)
{
    if (r->stopped) {
        return false;
    }
    if (!yaml_parser_parse(&r->parser, event)) {
        syntax_error(r);
        return false;
    }
    return true;
}

static const weir_config_node *read_node(reader *r, const yaml_event_t *event, unsigned depth);

/* Reads the event that comes next as a node. */
static const weir_config_node *read_next(reader *r, unsigned depth, weir_config_place *place)
{
    yaml_event_t event;
    if (!next_event(r, &event)) {
        return NULL;
    }
    *place = place_of(&event.start_mark);
    const weir_config_node *node = read_node(r, &event, depth);
    yaml_event_delete(&event);
    return node;
}

static weir_config_node *new_node(
    reader *r, weir_config_node_kind kind, const yaml_event_t *event, const yaml_char_t *tag)
{
    weir_config_place place = place_of(&event->start_mark);
    if (tag) {
        weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX,
            "the tag `%.40s` means nothing in a config; remove it", (const char *)tag);
    }
    weir_config_node *node = weir_arena_alloc(r->arena, sizeof *node);
    if (!node) {
        return stop(r);
    }
    *node = (weir_config_node){.kind = kind, .place = place, .expanded = 1};
    return node;
}

static void remember_anchor(reader *r, const yaml_char_t *name, const weir_config_node *node)
{
    if (!name) {
        return;
    }
    if (r->anchor_count == MOST_ANCHORS) {
        too_large(r, node->place, "more than 100 anchors; a config needs fewer");
        return;
    }
    const char *copy = weir_arena_copy(r->arena, weir_view_of((const char *)name)).ptr;
    if (!copy) {
        stop(r);
        return;
    }
    r->anchors[r->anchor_count++] = (anchor){copy, node};
}

static const weir_config_node *read_alias(reader *r, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    weir_config_place place = place_of(&event->start_mark);
    /* The latest of a name counts, as YAML has it. */
    for (size_t i = r->anchor_count; i-- > 0;) {
        const weir_config_node *node = r->anchors[i].node;
        if (strcmp(r->anchors[i].name, name) == 0) {
            if (!node->open) {
                return node;
            }
            weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX,
                "the alias `*%.40s` stands inside of what it stands for", name);
            return stop(r);
        }
    }
    weir_config_error(
        r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX, "no anchor `&%.40s` before this alias", name);
    return stop(r);
}

static const weir_config_node *read_scalar(reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    weir_config_node *node = new_node(r, WEIR_CONFIG_SCALAR, event, event->data.scalar.tag);
    if (!node) {
        return NULL;
    }
    if (memchr(text, '\0', len)) {
        weir_config_error(r->loader, NULL, node->place, WEIR_E_CONFIG_SYNTAX,
            "a text with a NUL character inside");
        len = strlen(text);
    }
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = weir_arena_copy(r->arena, weir_view_make(text, len)).ptr;
    if (!node->text) {
        return stop(r);
    }
    remember_anchor(r, event->data.scalar.anchor, node);
    return node;
}

/* ---- entries ----------------------------------------------------------------------------- */

typedef struct entry_list {
    weir_config_entry *first, **end;
    size_t count;
} entry_list;

static bool append(reader *r, weir_config_node *node, entry_list *list, weir_config_entry entry)
{
    node->expanded += entry.value->expanded;
    if (node->expanded > MOST_NODES) {
        too_large(r, entry.place,
            "more than 100,000 values once the aliases are written out; a config needs fewer");
        return false;
    }
    weir_config_entry *copy = weir_arena_alloc(r->arena, sizeof *copy);
    if (!copy) {
        stop(r);
        return false;
    }
    *copy = entry;
    *list->end = copy;
    list->end = &copy->next;
    list->count++;
    return true;
}

static void read_items(reader *r, weir_config_node *node, entry_list *list, unsigned depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        bool at_end = event.type == YAML_SEQUENCE_END_EVENT;
        weir_config_entry entry = {.place = place_of(&event.start_mark)};
        entry.value = at_end ? NULL : read_node(r, &event, depth + 1);
        yaml_event_delete(&event);
        if (!entry.value || !append(r, node, list, entry)) {
            return;
        }
    }
}

static bool has_control(const char *text)
{
    while ((unsigned char)*text >= 0x20 && *text != 0x7F) {
        text++;
    }
    return *text != '\0';
}

/* The key's text, or NULL when the key is none. Its value is still to be read. */
static const char *read_key(reader *r, const yaml_event_t *event, unsigned depth)
{
    weir_config_place place = place_of(&event->start_mark);
    const weir_config_node *key = read_node(r, event, depth + 1);
    if (!key) {
        return NULL;
    }
    if (key->kind != WEIR_CONFIG_SCALAR || event->type == YAML_ALIAS_EVENT) {
        weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX, "a key is a plain text");
        return NULL;
    }
    if (strlen(key->text) > MOST_KEY_BYTES || has_control(key->text)) {
        weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX,
            "a key is at most 300 bytes, without control characters");
        return NULL;
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        weir_config_error(r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX,
            "merge keys (`<<`) are not read here; write the keys out, or use an alias for the "
            "whole value");
        return NULL;
    }
    return key->text;
}

static void read_members(reader *r, weir_config_node *node, entry_list *list, unsigned depth)
{
    yaml_event_t event;
    while (next_event(r, &event)) {
        bool at_end = event.type == YAML_MAPPING_END_EVENT;
        weir_config_entry entry = {.key_place = place_of(&event.start_mark)};
        entry.key = at_end ? NULL : read_key(r, &event, depth);
        yaml_event_delete(&event);
        if (at_end) {
            return;
        }
        entry.value = read_next(r, depth + 1, &entry.place);
        if (!entry.value || (entry.key && !append(r, node, list, entry))) {
            return;
        }
    }
}

static int by_key_and_place(const void *left, const void *right)
{
    const weir_config_entry *a = *(weir_config_entry *const *)left;
    const weir_config_entry *b = *(weir_config_entry *const *)right;
    int order = strcmp(a->key, b->key);
    return order ? order : weir_config_is_before(a->key_place, b->key_place) ? -1 : 1;
}

/* Reports each key that was there before and takes it out; the first one stays. */
static void remove_duplicates(reader *r, weir_config_node *node)
{
    weir_config_entry **sorted =
        node->count > 1 ? weir_arena_alloc(r->arena, node->count * sizeof(void *)) : NULL;
    if (!sorted) {
        return;
    }
    size_t n = 0;
    for (weir_config_entry *e = node->first; e; e = e->next) {
        sorted[n++] = e;
    }
    qsort(sorted, n, sizeof *sorted, by_key_and_place);
    weir_config_entry *first = sorted[0];
    for (size_t i = 1; i < n; i++) {
        if (strcmp(first->key, sorted[i]->key) != 0) {
            first = sorted[i];
            continue;
        }
        weir_config_error(r->loader, NULL, sorted[i]->key_place, WEIR_E_CONFIG_DUPLICATE_KEY,
            "`%.60s` is there already, at %u:%u; remove one of them", first->key,
            first->key_place.line, first->key_place.column);
        sorted[i]->key = NULL;
    }
    for (weir_config_entry **at = &node->first; *at;) {
        if ((*at)->key) {
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
            node->count--;
        }
    }
}

static const weir_config_node *read_collection(reader *r, const yaml_event_t *event, unsigned depth)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    if (depth == MOST_DEPTH) {
        return too_large(
            r, place_of(&event->start_mark), "nested more than 16 deep; a config needs less");
    }
    weir_config_node *node = new_node(r, is_map ? WEIR_CONFIG_MAP : WEIR_CONFIG_LIST, event,
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
    if (!node) {
        return NULL;
    }
    remember_anchor(
        r, is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor, node);
    node->open = true;
    entry_list list = {.end = &node->first};
    (is_map ? read_members : read_items)(r, node, &list, depth);
    node->open = false;
    node->count = list.count;
    if (is_map) {
        remove_duplicates(r, node);
    }
    return r->stopped ? NULL : node;
}

static const weir_config_node *read_node(reader *r, const yaml_event_t *event, unsigned depth)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, event);
    case YAML_ALIAS_EVENT:
        return read_alias(r, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(r, event, depth);
    default: /* the parser gives nothing else where a node is due */
        return stop(r);
    }
}

/* ---- the document ------------------------------------------------------------------------ */

/* Reads the stream: its one document, and nothing behind it. */
static const weir_config_node *read_stream(reader *r)
{
    const weir_config_node *root = NULL;
    yaml_event_t event;
    bool at_end = false;
    while (!at_end && next_event(r, &event)) {
        weir_config_place place = place_of(&event.start_mark);
        at_end = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && root) {
            weir_config_error(
                r->loader, NULL, place, WEIR_E_CONFIG_SYNTAX, "a second document; a config is one");
            at_end = true;
        } else if (event.type == YAML_DOCUMENT_START_EVENT) {
            root = read_next(r, 0, &place);
        }
        yaml_event_delete(&event);
    }
    return r->stopped ? NULL : root;
}

const weir_config_node *weir_config_yaml_read(const weir_config_loader *loader, weir_view text)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    if (text.len >= 3 && memcmp(text.ptr, byte_order_mark, 3) == 0) {
        text = weir_view_make(text.ptr + 3, text.len - 3);
    }
    reader r = {.loader = loader, .arena = &loader->config->arena, .text = text};
    if (text.len > MOST_BYTES) {
        return too_large(&r, (weir_config_place){1, 1}, "more than 1 MiB; a config needs less");
    }
    if (!yaml_parser_initialize(&r.parser)) {
        r.arena->failed = true;
        return NULL;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    const char *start = text.len ? text.ptr : "";
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)start, text.len);
    const weir_config_node *root = read_stream(&r);
    yaml_parser_delete(&r.parser);
    if (!root && !r.stopped && !r.arena->failed) {
        weir_config_error(loader, NULL, (weir_config_place){1, 1}, WEIR_E_CONFIG_MISSING_KEY,
            "the file is empty; it begins with `weir: 1` and `name: NAME`");
    }
    return root;
}

/* ---- asking the tree --------------------------------------------------------------------- */

const weir_config_entry *weir_config_node_get(const weir_config_node *node, const char *key)
{
    const weir_config_entry *e = node && node->kind == WEIR_CONFIG_MAP ? node->first : NULL;
    while (e && strcmp(e->key, key) != 0) {
        e = e->next;
    }
    return e;
}

bool weir_config_is_null(const weir_config_entry *entry)
{
    const weir_config_node *v = entry->value;
    return v->kind == WEIR_CONFIG_SCALAR && v->plain &&
           weir_config_lists(" ~ null Null NULL", v->text);
}

weir_config_place weir_config_place_of(const weir_config_node *node, const char *key)
{
    const weir_config_entry *e = weir_config_node_get(node, key);
    return e ? e->place : node ? node->place : (weir_config_place){0, 0};
}
