/* Validators over the value tree: what weir itself uses; <weir/schema.h> has the same for texts. */
#ifndef WEIR_SCHEMA_VALIDATE_H
#define WEIR_SCHEMA_VALIDATE_H

#include "schema/program.h"

/* As weir_validator_check. Borrows the value for the call. */
WEIR_MUST_USE weir_status weir_validator_check_value(
    weir_validator *v, const weir_value *value, bool *valid, weir_error *err);
/* As weir_validator_explain. text: what the value was read from, for lines and columns. What *out
 * borrows lives until the validator's next explanation; the value may go before. */
WEIR_MUST_USE weir_status weir_validator_explain_value(weir_validator *v, const weir_value *value,
    weir_view text, size_t most, weir_schema_explanation *out, weir_error *err);

#endif
