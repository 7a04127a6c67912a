/* What a program that is weir's own sets for its whole process; an embedding application decides
 * for itself. Thread: before any other is started. */
#ifndef WEIR_APP_PROCESS_H
#define WEIR_APP_PROCESS_H

#include <stdbool.h>

/* malloc's habits, for a process through which megabytes of fetched records pass: glibc gives freed
 * memory back to the system above 128 KiB, and pages that are new each time cost a fifth of the
 * processor (make bench-engine); left to itself it keeps ever more. */
void weir_process_memory(void);

/* Whatever of stdin, stdout and stderr is closed becomes /dev/null: the next files that are opened
 * would take their places, and a log line would be written into a store. To be called first. */
void weir_process_files(void);

/* Is there a signal to end that whoever runs the process has blocked, and will take later? Thread:
 * any. */
bool weir_told_to_end(void);

#endif
