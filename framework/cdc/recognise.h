/* What a record is, where it is no row change: told by its topic, or by what its value looks like.
 * Thread: plain functions. */
#ifndef WEIR_CDC_RECOGNISE_H
#define WEIR_CDC_RECOGNISE_H

#include "cdc/decoder.h"

/* WEIR_EVENT_CHANGE: the topic does not tell. */
weir_event_kind weir_kind_of_topic(const weir_source_rules *rules, weir_view topic);

/* Of a value that is no envelope. WEIR_EVENT_OTHER: nothing of Debezium's. */
weir_event_kind weir_kind_of_value(const weir_value *payload, const weir_value *key);

/* Is this Avro in Confluent's framing? A magic byte, 0 or 1, and a schema's id stand first; no JSON
 * text begins so. */
bool weir_is_framed(weir_view text);
/* Does a header name a schema of a registry? */
bool weir_has_registry_header(const weir_header_list *headers);

/* The last header of this name that has a value; ptr NULL: none. */
weir_view weir_header_of(const weir_header_list *headers, const char *name);

/* The part of a topic's name that stands for the table: what follows "<prefix>."; "" if it does not
 * begin so. */
weir_view weir_topic_table(const weir_source_rules *rules, weir_view topic);

#endif
