/* The half of weir check that asks: the brokers, the topics, the stores' disks.
 * Thread: the main thread. */
#ifndef WEIR_CLI_CHECK_ONLINE_H
#define WEIR_CLI_CHECK_ONLINE_H

#include "findings.h"

/* Adds what it finds; what is wrong with the world is a finding. Errors: no broker answers, or it
 * refuses; OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_check_online(
    const weir_cli *cli, const weir_config *config, weir_findings *to, weir_error *err);

#endif
