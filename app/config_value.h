/* Single values: from the text of the config to the typed field of a key, and back.
 * Thread: any. */
#ifndef WEIR_APP_CONFIG_VALUE_H
#define WEIR_APP_CONFIG_VALUE_H

#include <string.h>

#include "base/arena.h"
#include "config_table.h"

/* Why a text is not a value of its key. */
typedef struct weir_config_refusal {
    weir_code code;
    char text[256];
} weir_config_refusal;

/* Writes what `text` means for this key (of a kind from TEXT to ADDRESS, or CHOICE) into its field;
 * `text` must live as long as the field. A choice that this version refuses is written too, and is
 * an error. False: *why says so, showing `shown` for the text. */
bool weir_config_value_read(const weir_config_key *key, const char *text, const char *shown,
    weir_arena *arena, void *field, weir_config_refusal *why);

/* Appends the field as one would write it: the inverse. An address or a text that is not given is
 * nothing. */
void weir_config_value_put(const weir_config_key *key, const void *field, weir_buf *to);

/* What texts have to be, also as items of lists and keys of maps. *must_be is set when false. */
bool weir_config_is_event(const char *text, const char **must_be); /* the type of an event */
bool weir_config_is_name(const char *text, const char **must_be);  /* of a source, store, cache */
bool weir_config_is_topic(const char *text, const char **must_be); /* Kafka's rule */
bool weir_config_is_table(const char *text, const char **must_be); /* schema.table */

/* Two texts of the config: both given and equal; … or neither given. */
static inline bool weir_config_same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

static inline bool weir_config_same_or_none(const char *a, const char *b)
{
    return a == b || weir_config_same(a, b);
}

/* With units, the largest that gives a whole number: "7d", "64GiB". */
void weir_config_put_duration(uint64_t ms, weir_buf *to);
void weir_config_put_size(uint64_t bytes, weir_buf *to);

/* The units as a list: "ms, s, m, h, d". */
const char *weir_config_duration_units(void);
const char *weir_config_size_units(void);

#endif
