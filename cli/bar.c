/* A progress bar. See bar.h. */
#include "bar.h"

#include <inttypes.h>

#include "engine/run.h"

enum { BAR = 24, SHOW_EVERY_MS = 200 };

void weir_bar_init(weir_bar *b, const weir_cli *cli)
{
    int64_t now = weir_monotonic_ms();
    *b = (weir_bar){
        .terminal = weir_cli_terminal(cli), .start_ms = now, .next_ms = now + SHOW_EVERY_MS};
}

double weir_bar_seconds(const weir_bar *b)
{
    int64_t ms = weir_monotonic_ms() - b->start_ms;
    return (double)(ms > 0 ? ms : 1) / 1000.0;
}

void weir_bar_show(weir_bar *b, uint64_t done, uint64_t all, uint64_t records)
{
    int64_t now = weir_monotonic_ms();
    if (!b->terminal || now < b->next_ms) {
        return;
    }
    b->next_ms = now + SHOW_EVERY_MS;
    b->shown = true;
    fputs("\r\033[K", stderr);
    for (uint64_t i = 0; all && i < BAR; i++) {
        fputs(i < (done < all ? done : all) * BAR / all ? "█" : "░", stderr);
    }
    fprintf(stderr, "%s%" PRIu64 " records   %.0f/s", all ? "  " : "", records,
        (double)records / weir_bar_seconds(b));
    fflush(stderr);
}

void weir_bar_clear(weir_bar *b)
{
    if (b->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        b->shown = false;
    }
}
