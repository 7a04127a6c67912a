/* weir check --online: what the schema registry says. Thread: the main thread. */
#ifndef WEIR_CLI_CHECK_REGISTRY_H
#define WEIR_CLI_CHECK_REGISTRY_H

#include "config.h"
#include "findings.h"

/* Does it answer, with these credentials, and has it the subjects that the config names? Nothing is
 * found where the config has no registry. */
void weir_check_registry(const weir_config *config, weir_findings *found);

#endif
