/* The table of config.def as data. See config_table.h. */
#include "config_table.h"

#include <stddef.h>
#include <string.h>

/* One array per set of choices, and the functions that spell a choice. */
#define CHOICES(set) static const weir_config_choice set##_choices[] = {
#define CHOICE(constant, spelling) {spelling, NULL},
#define CHOICE_LATER(constant, spelling, meanwhile) {spelling, meanwhile},
#define CHOICES_END(set)                                                      \
    }                                                                         \
    ;                                                                         \
    const char *weir_config_##set##_word(weir_config_##set choice)            \
    {                                                                         \
        size_t count = sizeof set##_choices / sizeof *set##_choices;          \
        return (size_t)choice < count ? set##_choices[choice].spelling : "?"; \
    }
#include "config.def"

/* The struct behind each section, so that a KEY's field can be named. */
#define SECTION(id, structure, path, help) typedef structure struct_of_##id;
#define NAMED_SECTION(id, structure, path, help) typedef structure struct_of_##id;
#include "config.def"

/* A field has the C type of its key's kind, or this does not compile. */
#define FIELD_IS(section, field, type)                                                 \
    _Static_assert(_Generic(((struct_of_##section *)0)->field, type : 1, default : 0), \
        #section "." #field " must be a " #type);
#define KIND(id, type, words) typedef type kind_##id;
#define KEY(section, name, kind, field, help, ...) FIELD_IS(section, field, kind_##kind)
#define CHOICE_KEY(section, name, set, field, help, ...) \
    FIELD_IS(section, field, weir_config_##set)          \
    _Static_assert(sizeof(weir_config_##set) == sizeof(int), #set " is stored as an int");
#define SUBSECTION(section, name, child, field, help, ...) \
    FIELD_IS(section, field, struct_of_##child)
#define EACH(section, name, child, field, help)         \
    FIELD_IS(section, field.items, struct_of_##child *) \
    _Static_assert(                                     \
        sizeof(((struct_of_##section *)0)->field) == sizeof(weir_config_list), "a list type");
#define ITEMS(section, name, child, field, help) EACH(section, name, child, field, help)
#include "config.def"

const weir_config_section weir_config_sections[WEIR_CONFIG_SECTIONS] = {
#define SECTION(id, structure, where, text) \
    [WEIR_CONFIG_##id] = {.path = where,    \
        .help = text,                       \
        .size = sizeof(structure),          \
        .node_offset = offsetof(structure, node)},
#define NAMED_SECTION(id, structure, where, text) \
    [WEIR_CONFIG_##id] = {.path = where,          \
        .help = text,                             \
        .size = sizeof(structure),                \
        .node_offset = offsetof(structure, node), \
        .named = true,                            \
        .name_offset = offsetof(structure, name)},
#include "config.def"
};

#define AT(section_, name_, kind_, field, help_)                                        \
    .section = WEIR_CONFIG_##section_, .name = name_, .kind = WEIR_CONFIG_KIND_##kind_, \
    .help = help_, .offset = offsetof(struct_of_##section_, field)

const weir_config_key weir_config_keys[] = {
#define KEY(section, name, kind, field, help, ...) \
    {AT(section, name, kind, field, help), __VA_ARGS__},
#define CHOICE_KEY(section, name, set, field, help, ...) \
    {AT(section, name, CHOICE, field, help),             \
        .choices = {set##_choices, sizeof set##_choices / sizeof *set##_choices}, __VA_ARGS__},
#define SUBSECTION(section, name, child_, field, help, ...) \
    {AT(section, name, SUBSECTION, field, help), .child = WEIR_CONFIG_##child_, __VA_ARGS__},
#define EACH(section, name, child_, field, help) \
    {AT(section, name, EACH, field, help), .child = WEIR_CONFIG_##child_},
#define ITEMS(section, name, child_, field, help) \
    {AT(section, name, ITEMS, field, help), .child = WEIR_CONFIG_##child_},
#define LATER(section_, name_, help_, meanwhile, ...) \
    {.section = WEIR_CONFIG_##section_,               \
        .name = name_,                                \
        .kind = WEIR_CONFIG_KIND_LATER,               \
        .help = help_,                                \
        .later = meanwhile,                           \
        __VA_ARGS__},
#include "config.def"
    {0},
};

const weir_config_property weir_config_kafka_properties[] = {
#define PROPERTY(name_, help_, ...) {.name = name_, .help = help_, __VA_ARGS__},
#include "config.def"
    {0},
};

const weir_config_planned weir_config_planned_keys[] = {
#define PLANNED(path, help) {path, help},
#include "config.def"
    {0},
};

const char *weir_config_kind_words(weir_config_kind kind)
{
    static const char *const words_of[] = {
#define KIND(id, type, words) [WEIR_CONFIG_KIND_##id] = words,
#include "config.def"
        [WEIR_CONFIG_KIND_CHOICE] = "one of the words",
        [WEIR_CONFIG_KIND_SUBSECTION] = "section",
        [WEIR_CONFIG_KIND_EACH] = "map of names to sections",
        [WEIR_CONFIG_KIND_ITEMS] = "list of sections",
        [WEIR_CONFIG_KIND_LATER] = "not in this version",
    };
    return words_of[kind];
}

const weir_config_key *weir_config_next_key(
    weir_config_section_id section, const weir_config_key *key)
{
    for (key = key ? key + 1 : weir_config_keys; key->name; key++) {
        if (key->section == section) {
            return key;
        }
    }
    return NULL;
}

const weir_config_key *weir_config_key_named(weir_config_section_id section, const char *name)
{
    const weir_config_key *key = NULL;
    while ((key = weir_config_next_key(section, key)) != NULL) {
        if (strcmp(key->name, name) == 0) {
            return key;
        }
    }
    return NULL;
}

const weir_config_property *weir_config_property_named(const char *name)
{
    const weir_config_property *p = weir_config_kafka_properties;
    while (p->name && strcmp(p->name, name) != 0) {
        p++;
    }
    return p->name ? p : NULL;
}

const char *weir_config_alternatives(const char *list, char *to, size_t room)
{
    static const char or_[] = "` or `";
    size_t n = 0;
    for (; *list && n + sizeof or_ < room; list++) {
        if (*list == ' ') {
            memcpy(to + n, or_, sizeof or_ - 1);
            n += sizeof or_ - 1;
        } else {
            to[n++] = *list;
        }
    }
    to[n] = '\0';
    return to;
}

bool weir_config_lists(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; *at;) {
        size_t here = strcspn(at, " ");
        if (here == len && memcmp(at, word, len) == 0) {
            return true;
        }
        at += here + (at[here] == ' ');
    }
    return false;
}

enum { LONGEST_WORD = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* SIZE_MAX for words that are too long to be misspelt words of ours. */
static size_t distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    if (rows > LONGEST_WORD || columns > LONGEST_WORD) {
        return SIZE_MAX;
    }
    /* Optimal string alignment; three rows of its matrix are alive at a time. */
    size_t before[LONGEST_WORD + 1] = {0}, above[LONGEST_WORD + 1], row[LONGEST_WORD + 1];
    for (size_t j = 0; j <= columns; j++) {
        above[j] = j;
    }
    for (size_t i = 1; i <= rows; i++) {
        row[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
        memcpy(before, above, sizeof before);
        memcpy(above, row, sizeof above);
    }
    return above[columns];
}

void weir_config_offer(weir_config_nearest *n, const char *candidate)
{
    size_t d = distance(n->word, candidate);
    if (!n->best || d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}

const char *weir_config_meant(const weir_config_nearest *n)
{
    size_t third = n->best ? strlen(n->best) / 3 : 0;
    return n->best && n->distance <= (third ? third : 1) ? n->best : NULL;
}
