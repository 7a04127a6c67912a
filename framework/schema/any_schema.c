/* JSON Schema or Avro. See any_schema.h. */
#include "schema/any_schema.h"

bool weir_is_avro_schema(const weir_value *json)
{
    static const char *const types[] = {"record", "enum", "fixed", "map", "error"};
    if (weir_is(json, WEIR_STRING) || weir_is(json, WEIR_ARRAY)) {
        return true;
    }
    const weir_value *type = weir_gets(json, "type");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (weir_string_is(type, weir_view_of(types[i]))) {
            return true;
        }
    }
    return false;
}

weir_status weir_any_schema_compile(weir_view text, bool is_avro,
    const weir_schema_options *options, weir_any_schema *out, weir_error *err)
{
    *out = (weir_any_schema){.json = NULL};
    return is_avro ? weir_avro_schema_parse(&text, 1, &out->avro, err)
                   : weir_schema_compile(text, options, &out->json, err);
}

void weir_any_schema_free(weir_any_schema *s)
{
    weir_schema_free(s->json);
    weir_avro_schema_free(s->avro);
    *s = (weir_any_schema){.json = NULL};
}
