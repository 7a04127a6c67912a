/* Recognising records. See recognise.h. */
#include "cdc/recognise.h"

#include "cdc/fields.h"

weir_view weir_topic_table(const weir_source_rules *rules, weir_view topic)
{
    size_t prefix = rules->topic_prefix.len;
    if (!prefix || !weir_begins(topic, rules->topic_prefix) || topic.len <= prefix + 1 ||
        topic.ptr[prefix] != '.') {
        return (weir_view){"", 0};
    }
    return weir_view_make(topic.ptr + prefix + 1, topic.len - prefix - 1);
}

static bool is_heartbeat(const weir_source_rules *rules, weir_view topic)
{
    return rules->heartbeat_topic.len ? weir_view_eq(topic, rules->heartbeat_topic)
                                      : weir_begins(topic, weir_view_of("__debezium-heartbeat."));
}

weir_event_kind weir_kind_of_topic(const weir_source_rules *rules, weir_view topic)
{
    if (is_heartbeat(rules, topic)) {
        return WEIR_EVENT_HEARTBEAT;
    }
    if (weir_begins(topic, weir_view_of("outbox.event."))) {
        return WEIR_EVENT_OUTBOX;
    }
    if (rules->topic_prefix.len && weir_view_eq(topic, rules->topic_prefix)) {
        return WEIR_EVENT_SCHEMA_CHANGE;
    }
    weir_view rest = weir_topic_table(rules, topic);
    return weir_view_is(rest, "transaction") ? WEIR_EVENT_TRANSACTION
           : weir_view_is(rest, "message")   ? WEIR_EVENT_MESSAGE
                                             : WEIR_EVENT_CHANGE;
}

static bool is_text(const weir_value *v, const char *text)
{
    return weir_string_is(v, weir_view_of(text));
}

weir_event_kind weir_kind_of_value(const weir_value *payload, const weir_value *key)
{
    const weir_value *status = weir_gets(payload, "status");
    if ((is_text(status, "BEGIN") || is_text(status, "END")) && weir_gets(payload, "id") &&
        weir_gets(payload, "event_count")) {
        return WEIR_EVENT_TRANSACTION;
    }
    if (weir_gets(payload, "databaseName") &&
        (weir_gets(payload, "ddl") || weir_gets(payload, "tableChanges"))) {
        return WEIR_EVENT_SCHEMA_CHANGE;
    }
    if (weir_gets(payload, "aggregate_type") && weir_gets(payload, "type") &&
        weir_gets(payload, "additional_data")) {
        return WEIR_EVENT_NOTIFICATION;
    }
    if (weir_is(payload, WEIR_OBJECT) && payload->len == 1 && weir_gets(payload, "ts_ms") &&
        weir_gets(key, "serverName")) {
        return WEIR_EVENT_HEARTBEAT;
    }
    return WEIR_EVENT_OTHER;
}

weir_view weir_header_of(const weir_header_list *headers, const char *name)
{
    weir_view found = {NULL, 0}, at, value;
    for (size_t i = 0; headers->at && headers->at(headers->self, i, &at, &value); i++) {
        if (value.ptr && weir_view_is(at, name)) {
            found = value;
        }
    }
    return found;
}

bool weir_is_framed(weir_view text)
{
    return text.len && (text.ptr[0] == 0 || text.ptr[0] == 1);
}

bool weir_has_registry_header(const weir_header_list *headers)
{
    static const char *const registries[] = {
        "__key_schema_id", "__value_schema_id", "apicurio.key.", "apicurio.value."};
    weir_view name, value;
    for (size_t i = 0; headers->at && headers->at(headers->self, i, &name, &value); i++) {
        for (size_t j = 0; j < sizeof registries / sizeof *registries; j++) {
            if (weir_begins(name, weir_view_of(registries[j]))) {
                return true;
            }
        }
    }
    return false;
}
