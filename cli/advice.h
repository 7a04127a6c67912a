/* What to do about an error, said to whoever runs a command: errors.def speaks to the operator of a
 * daemon, which waits and is told so by its config. Thread: plain function. */
#ifndef WEIR_CLI_ADVICE_H
#define WEIR_CLI_ADVICE_H

#include "base/err.h"

/* "" when there is nothing to say. command: "record". */
const char *weir_cli_advice(const char *command, const weir_error *err);

#endif
