/* The schema that a record names. See named_schema.h. */
#include "cdc/named_schema.h"

bool weir_named_schema(const weir_header_list *headers, weir_view bytes, bool of_key,
    weir_schema_ref *ref, size_t *frame)
{
    weir_view name, value;
    *frame = 0;
    for (size_t i = 0; headers->at && headers->at(headers->self, i, &name, &value); i++) {
        if (weir_wire_header(name, value, of_key, ref)) {
            return true;
        }
    }
    *frame = weir_wire_frame(bytes, ref);
    return *frame > 0;
}
