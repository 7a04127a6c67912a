/* A commit's metadata as the simulated broker keeps it, and a reading of it that shares no code
 * with the engine's (engine/resume.h). */
#ifndef SIM_SAID_H
#define SIM_SAID_H

#include <stdio.h>
#include <string.h>

#include "engine/resume.h"

typedef struct sim_said {
    int64_t base; /* the offset that it was committed with */
    char text[WEIR_RESUME_MOST + 1];
    size_t len;
} sim_said;

/* The byte at `i` of the bitmap. */
static inline unsigned sim_said_byte(const char *base64, size_t len, size_t i)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned group = 0;
    for (size_t k = i / 3 * 4; k < i / 3 * 4 + 4; k++) {
        const char *at = k < len ? strchr(alphabet, base64[k]) : NULL;
        group = group << 6 | (at ? (unsigned)(at - alphabet) : 0);
    }
    return group >> (16 - i % 3 * 8) & 0xff;
}

static inline bool sim_said_is_settled(const sim_said *s, int64_t offset)
{
    const char *bits = s->text + 6, *end = s->len > 6 ? strchr(bits, ';') : NULL;
    int64_t above = offset - s->base;
    return end && above >= 0 && above / 8 < (end - bits) / 4 * 3 &&
           sim_said_byte(bits, (size_t)(end - bits), (size_t)above / 8) >> above % 8 & 1;
}

static inline unsigned sim_said_attempts(const sim_said *s, int64_t offset)
{
    const char *at = s->len > 6 ? strchr(s->text + 6, ';') : NULL;
    long long above;
    unsigned attempts;
    while (at && sscanf(at + 1, "%lld:%u", &above, &attempts) == 2) {
        if (above == offset - s->base) {
            return attempts;
        }
        at = strchr(at + 1, ',');
    }
    return 0;
}

#endif
