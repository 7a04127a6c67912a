/* Signals that are asked for. See signals.h. */
#include "signals.h"

#include <errno.h>
#include <time.h>

void weir_cli_signals_block(weir_cli_signals *s)
{
    sigemptyset(&s->set);
    sigaddset(&s->set, SIGTERM);
    sigaddset(&s->set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &s->set, NULL);
}

bool weir_cli_signalled(const weir_cli_signals *s, int wait_ms)
{
    struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000L};
    int got;
    do {
        got = wait_ms < 0 ? sigwaitinfo(&s->set, NULL) : sigtimedwait(&s->set, NULL, &wait);
    } while (got < 0 && errno == EINTR);
    return got > 0;
}
