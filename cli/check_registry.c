/* Asking the registry. See check_registry.h. */
#include "check_registry.h"

#include <stdio.h>
#include <string.h>

#include "registry.h"

static void find_wrong(weir_findings *found, const char *what, const weir_error *err)
{
    weir_find(found, WEIR_FOUND_WRONG, what, "%s [%s]", err->text, err->code);
}

/* Any schema's id will do: that there is none of it is an answer, too. */
static bool answers(weir_avro_schemas *schemas, weir_error *err)
{
    const weir_known_avro *known;
    weir_schema_ref ref = {.kind = WEIR_REF_ID, .number = 1};
    weir_status s = weir_avro_schemas_get(schemas, &ref, &known, err);
    return !s || (s == WEIR_REJECT && strcmp(err->code, "REGISTRY_ANSWER") != 0);
}

static void check_subject(const char *subject, weir_avro_schemas *schemas, weir_findings *found)
{
    weir_any_schema schema;
    weir_error err;
    char what[160];
    snprintf(what, sizeof what, "subject %.140s", subject);
    if (weir_avro_schemas_latest(schemas, subject, &schema, NULL, &err)) {
        find_wrong(found, what, &err);
    } else {
        weir_find(found, WEIR_FOUND_GOOD, what, "its latest schema is %s",
            schema.avro ? "Avro" : "JSON Schema");
    }
    weir_any_schema_free(&schema);
}

void weir_check_registry(const weir_config *config, weir_findings *found)
{
    weir_avro_schemas *schemas;
    weir_error err = {.status = WEIR_OK};
    char what[160];
    snprintf(what, sizeof what, "registry %.140s",
        config->registry.url         ? config->registry.url
        : config->registry.directory ? config->registry.directory
                                     : "");
    if (weir_registry_of(config, &schemas, &err) || (schemas && !answers(schemas, &err))) {
        find_wrong(found, what, &err);
    } else if (schemas) {
        weir_find(found, WEIR_FOUND_GOOD, what, "it answers");
        for (size_t i = 0; i < config->validations.count; i++) {
            const char *subject = config->validations.items[i].subject;
            if (subject) {
                check_subject(subject, schemas, found);
            }
        }
    }
    weir_avro_schemas_free(schemas);
}
