/* The words for what a snapshot holds. See snapshot.h. */
#include "snapshot.h"

const char *weir_partition_state_name(weir_partition_state state)
{
    static const char *const names[] = {
        [WEIR_PARTITION_STOPPED] = "stopped",
        [WEIR_PARTITION_CURRENT] = "current",
        [WEIR_PARTITION_HELD] = "held",
        [WEIR_PARTITION_HANGING] = "hanging",
        [WEIR_PARTITION_STUCK] = "stuck",
        [WEIR_PARTITION_WAITING] = "waiting",
        [WEIR_PARTITION_STARTING] = "starting",
        [WEIR_PARTITION_BEHIND] = "behind",
    };
    return names[state];
}

void weir_silence_put(const weir_silence *s, weir_buf *to)
{
    if (s->thread == WEIR_THREAD_LANE) {
        weir_buf_printf(to, "lane %u", s->lane);
    } else {
        weir_buf_puts(to, s->thread == WEIR_THREAD_POLL ? "the poll thread" : "the writer");
    }
}
