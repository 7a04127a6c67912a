/* SIGINT and SIGTERM as something that a loop asks for. Thread: the main thread. */
#ifndef WEIR_CLI_SIGNALS_H
#define WEIR_CLI_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

typedef struct weir_cli_signals {
    sigset_t set;
} weir_cli_signals;

/* To be called before any thread starts, so that all inherit what is blocked. */
void weir_cli_signals_block(weir_cli_signals *s);
/* Was the program asked to end? Waits up to wait_ms for it; -1: until it is. */
bool weir_cli_signalled(const weir_cli_signals *s, int wait_ms);

#endif
