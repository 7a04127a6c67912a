/* The last word of a service whose handler takes the process down by a fault (SIGSEGV, SIGABRT, …):
 * which record it had in hand. A record that does so comes again at the next start, and who looks
 * for it knows where. */
#ifndef WEIR_APP_LAST_WORD_H
#define WEIR_APP_LAST_WORD_H

/* From now on; signals that the program handles itself are left alone. Thread: before any other is
 * started. */
void weir_last_word(void);

#endif
