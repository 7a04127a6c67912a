/* The table of config.def as data: sections, keys, choices and librdkafka's properties.
 * Thread: immutable; any. */
#ifndef WEIR_APP_CONFIG_TABLE_H
#define WEIR_APP_CONFIG_TABLE_H

#include "config.h"

typedef enum weir_config_kind {
#define KIND(id, type, words) WEIR_CONFIG_KIND_##id,
#include "config.def"
    WEIR_CONFIG_KIND_CHOICE,     /* a word of `choices` */
    WEIR_CONFIG_KIND_SUBSECTION, /* the mapping `child` */
    WEIR_CONFIG_KIND_EACH,       /* a mapping of names to mappings `child` */
    WEIR_CONFIG_KIND_ITEMS,      /* a list of mappings `child` */
    WEIR_CONFIG_KIND_LATER,      /* known, and refused */
} weir_config_kind;

typedef enum weir_config_section_id {
#define SECTION(id, structure, path, help) WEIR_CONFIG_##id,
#define NAMED_SECTION(id, structure, path, help) WEIR_CONFIG_##id,
#include "config.def"
    WEIR_CONFIG_SECTIONS
} weir_config_section_id;

typedef struct weir_config_choice {
    const char *spelling;
    const char *later; /* NULL, or what to do while this version refuses it */
} weir_config_choice;

typedef struct weir_config_choices {
    const weir_config_choice *items;
    size_t count;
} weir_config_choices;

typedef struct weir_config_key {
    weir_config_section_id section;
    weir_config_kind kind;
    const char *name, *help;
    size_t offset; /* of its field in the section's struct */
    weir_config_choices choices;
    weir_config_section_id child;
    bool required;
    bool optional;        /* a subsection whose absence means something */
    const char *fallback; /* the default, as one would write it */
    const char *computed; /* in words, where the default comes from */
    uint64_t min, max;    /* milliseconds, bytes, characters; max 0: none */
    const char *zero;     /* the word that stands for 0 */
    const char
        *only_for; /* values of the section's `type` that it belongs to, with spaces between */
    bool may_be_empty;
    bool secret;
    const char *later; /* what to do while this version refuses it */
} weir_config_key;

typedef struct weir_config_section {
    const char *path, *help;
    size_t size; /* of its struct */
    size_t node_offset;
    bool named;
    size_t name_offset; /* named ones only */
} weir_config_section;

typedef struct weir_config_property {
    const char *name, *help; /* of refused ones: the reason */
    bool required, secret, refused;
    const char *only; /* the one value that is allowed */
    bool risk;        /* another value is a warning */
} weir_config_property;

/* What every list type of config.h looks like. */
typedef struct weir_config_list {
    void *items;
    size_t count;
} weir_config_list;

typedef struct weir_config_planned {
    const char *path, *help;
} weir_config_planned;

/* Tables that end with an entry of all zeros. Keys are in the order of config.def. */
extern const weir_config_section weir_config_sections[WEIR_CONFIG_SECTIONS];
extern const weir_config_key weir_config_keys[];
extern const weir_config_property weir_config_kafka_properties[];
extern const weir_config_planned weir_config_planned_keys[];

/* The docs' word for a kind: "duration". */
const char *weir_config_kind_words(weir_config_kind kind);

/* NULL when there is none. */
const weir_config_key *weir_config_key_named(weir_config_section_id section, const char *name);
const weir_config_property *weir_config_property_named(const char *name);
/* The first key after `key` (NULL: the first of all) in this section; NULL at the end. */
const weir_config_key *weir_config_next_key(
    weir_config_section_id section, const weir_config_key *key);

/* The words of `list` with "` or `" between them, for messages in back quotes; cut where there is
 * no room. */
const char *weir_config_alternatives(const char *list, char *to, size_t room);
/* Is `word` one of the words in `list`, which have one space between them? */
bool weir_config_lists(const char *list, const char *word);

/* Finds what was likely meant by a word: offer each word that would be right, then ask. Words are
 * near when few letters have to be added, dropped, changed or swapped with their neighbour. */
typedef struct weir_config_nearest {
    const char *word;
    const char *best; /* NULL: none offered yet */
    size_t distance;
} weir_config_nearest;

void weir_config_offer(weir_config_nearest *n, const char *candidate);
/* NULL when nothing that was offered is near. */
const char *weir_config_meant(const weir_config_nearest *n);

#endif
