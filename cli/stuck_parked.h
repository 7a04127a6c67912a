/* weir stuck ls|release|reject: keys that are parked, by the topic of parked records itself,
 * whether or not the application runs. Thread: the main thread. */
#ifndef WEIR_CLI_STUCK_PARKED_H
#define WEIR_CLI_STUCK_PARKED_H

#include "cli.h"

/* Is the command's first word one of these? */
bool weir_stuck_is_verb(const weir_cli *cli);
/* Takes the rest of the arguments. Exit code. */
int weir_stuck_parked(weir_cli *cli);

#endif
