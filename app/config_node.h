/* The YAML document as a tree, each node with its place. Aliases share the node that they stand
 * for: the tree is a graph without cycles, whose expanded size is bounded. Thread: immutable once
 * read; any. */
#ifndef WEIR_APP_CONFIG_NODE_H
#define WEIR_APP_CONFIG_NODE_H

#include "config.h"

typedef enum weir_config_node_kind {
    WEIR_CONFIG_SCALAR,
    WEIR_CONFIG_MAP,
    WEIR_CONFIG_LIST,
} weir_config_node_kind;

typedef struct weir_config_entry {
    struct weir_config_entry *next;
    const char *key; /* maps only */
    weir_config_place key_place;
    const weir_config_node *value;
    weir_config_place place; /* of the value; an alias's own, not of what it stands for */
} weir_config_entry;

struct weir_config_node {
    weir_config_node_kind kind;
    weir_config_place place;
    const char *text; /* scalars */
    bool plain;       /* scalars: without quotes and not a block */
    bool open;        /* while it is being read */
    size_t count;     /* maps, lists: entries */
    weir_config_entry *first;
    size_t expanded; /* nodes below it and itself, aliases counted each time */
};

/* The entry of a map, or NULL; node may be NULL. */
const weir_config_entry *weir_config_node_get(const weir_config_node *node, const char *key);

/* Is the entry's value YAML's null: a plain "", ~ or null? */
bool weir_config_is_null(const weir_config_entry *entry);

#endif
