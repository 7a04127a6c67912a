/* Which message a thread's handler has now, for the last word of a process that it takes down
 * (app/last_word.h). */
#ifndef WEIR_SERVICE_IN_HAND_H
#define WEIR_SERVICE_IN_HAND_H

struct weir_message;

/* NULL: the thread is in no handler. Of a batch the first. */
extern _Thread_local const struct weir_message *weir_in_hand;

#endif
