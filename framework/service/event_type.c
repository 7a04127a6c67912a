/* Where an event's type is found. See event_type.h. */
#include "service/event_type.h"

#include <string.h>

#include "value/json.h"

static const weir_type_place usual_places[] = {
    {WEIR_TYPE_HEADER, "ce_type"},
    {WEIR_TYPE_HEADER, "type"},
    {WEIR_TYPE_HEADER, "eventType"},
    {WEIR_TYPE_CLOUDEVENT, NULL},
};

/* ptr NULL: there is none. The last one counts. */
static weir_view header(const weir_raw_record *r, const char *wanted)
{
    weir_view name, value, found = {NULL, 0};
    for (size_t i = 0; r->headers.at && r->headers.at(r->headers.self, i, &name, &value); i++) {
        found = weir_view_is(name, wanted) ? value : found;
    }
    return found;
}

static bool is_structured(const weir_raw_record *r)
{
    static const char media[] = "application/cloudevents";
    weir_view v = header(r, "content-type");
    return v.len >= sizeof media - 1 && memcmp(v.ptr, media, sizeof media - 1) == 0;
}

static weir_status read_value(weir_typed_event *e, weir_error *err)
{
    weir_status s = e->parsed
                        ? WEIR_OK
                        : weir_event_read(e->events, e->record, false, e->arena, &e->value, err);
    e->parsed = e->parsed || !s;
    return s;
}

/* What its handler reads is the data; its type and id are the envelope's. */
static weir_status open_envelope(weir_typed_event *e, weir_error *err)
{
    if (e->envelope || !e->record->value.ptr || !is_structured(e->record)) {
        return WEIR_OK;
    }
    weir_status s = read_value(e, err);
    if (!s && weir_is(e->value, WEIR_OBJECT) && weir_gets(e->value, "specversion")) {
        e->envelope = e->value;
        e->value = weir_gets(e->envelope, "data");
    }
    return s;
}

static weir_view text_of(const weir_typed_event *e, const weir_value *v)
{
    return weir_is(v, WEIR_STRING) ? weir_string(v, e->arena) : (weir_view){NULL, 0};
}

static weir_status look_at(weir_typed_event *e, const weir_type_place *p, weir_error *err)
{
    weir_status s = WEIR_OK;
    switch (p->kind) {
    case WEIR_TYPE_HEADER:
        e->type = header(e->record, p->name);
        break;
    case WEIR_TYPE_CLOUDEVENT:
        s = open_envelope(e, err);
        e->type = s ? e->type : text_of(e, weir_gets(e->envelope, "type"));
        break;
    case WEIR_TYPE_FIELD:
        s = e->record->value.ptr ? read_value(e, err) : WEIR_OK;
        e->type = s || !e->value ? e->type
                                 : text_of(e, p->name[0] == '/' ? weir_pointer(e->value, p->name)
                                                                : weir_gets(e->value, p->name));
        break;
    case WEIR_TYPE_TOPIC:
        e->type = e->record->topic;
        break;
    }
    return s;
}

weir_status weir_event_find_type(
    weir_typed_event *e, const weir_type_place *places, size_t n, weir_error *err)
{
    weir_status s = WEIR_OK;
    if (!places) {
        places = usual_places;
        n = sizeof usual_places / sizeof *usual_places;
    }
    for (size_t i = 0; i < n && !e->type.ptr && !s; i++) {
        s = look_at(e, &places[i], err);
    }
    e->type = e->type.ptr ? e->type : e->record->topic;
    return s;
}

weir_status weir_event_take_data(
    weir_raw_record *record, const weir_value *data, weir_arena *arena, weir_error *err)
{
    if (weir_has_source(data) || data->type == WEIR_BYTES) {
        record->value = weir_source(data);
    } else {
        weir_buf text = {0};
        weir_json_put(&text, data);
        record->value =
            text.failed ? (weir_view){NULL, 0} : weir_arena_copy(arena, weir_buf_view(&text));
        weir_buf_fini(&text);
    }
    if (!weir_has_source(data)) {
        record->headers = (weir_header_list){NULL, NULL};
    }
    return record->value.ptr ? WEIR_OK : weir_fail_oom(err);
}
