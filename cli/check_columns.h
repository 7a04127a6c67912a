/* weir check --online: are the columns that the config names in the newest records of their topics?
 * Thread: the main thread. */
#ifndef WEIR_CLI_CHECK_COLUMNS_H
#define WEIR_CLI_CHECK_COLUMNS_H

#include "findings.h"
#include "kafka.h"
#include "kafka/kafka_admin.h"

/* Topics that are not there are passed over. Errors: OUT_OF_MEMORY, those of the questions. */
WEIR_MUST_USE weir_status weir_check_columns(const weir_cli *cli, const weir_config *config,
    const weir_cli_kafka *k, weir_kafka_admin *admin, weir_findings *to, weir_error *err);

#endif
