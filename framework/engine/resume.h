/* Progress: what a commit says beyond its offset, in the commit's metadata: which records above the
 * frontier are settled already, and how many attempts the others have failed. So whoever is
 * assigned the partition next, behind a crash or a rebalance, neither handles the settled ones
 * again nor begins to count anew.
 *
 *   weir1;BITMAP;OFFSET:ATTEMPTS,OFFSET:ATTEMPTS;STAMP
 *
 * BITMAP is base64, bit 0 of its first byte the frontier's own offset; offsets are relative to the
 * frontier. STAMP is a number by which a commit is known that settles nothing: that of recalled
 * records, which are in no frontier; without one it is left out, with its semicolon. Nothing to
 * say: no text at all. A text that is not this one says nothing.
 *
 * Invariants
 *  1. The text never has more than WEIR_RESUME_MOST bytes, which is what brokers take
 *     (offset.metadata.max.bytes).
 *  2. A record is in the bitmap if it is settled and less than WEIR_RESUME_AHEAD offsets above the
 *     frontier. So what was in it once stays in it, until the frontier has passed it: a frontier
 *     only grows.
 *
 * No I/O, no clock, no lock: its owner guards it (the engine's lock). */
#ifndef WEIR_ENGINE_RESUME_H
#define WEIR_ENGINE_RESUME_H

#include "base/buf.h"
#include "engine/frontier.h"

enum {
    WEIR_RESUME_MOST = 4096,
    WEIR_RESUME_AHEAD = 16384, /* 2,732 bytes of base64 */
    WEIR_RESUME_FAILED = 100,  /* records; each has at most 13 bytes */
    WEIR_RESUME_ATTEMPTS = 99999,
    WEIR_RESUME_STAMPS = 99999,
};

/* A record's attempts that have failed. */
typedef struct weir_failed {
    int64_t offset;
    uint32_t attempts;
} weir_failed;

typedef struct weir_failures {
    weir_failed items[WEIR_RESUME_FAILED];
    size_t count;
} weir_failures;

/* What is known of a partition beside its frontier: what the commit said that it was assigned with,
 * of which not everything need be delivered again yet, and the attempts that failed since. */
typedef struct weir_resume {
    int64_t base;        /* the offset of … */
    unsigned char *bits; /* … the first bit; owned; NULL: none */
    size_t n_bytes;
    weir_failures *failures; /* owned; NULL: none */
    uint32_t stamp;          /* 0: none */
} weir_resume;

/* Reads the text of a commit at offset `base`. False: out of memory; *r is empty then. */
bool weir_resume_get(weir_resume *r, int64_t base, weir_view text);
void weir_resume_fini(weir_resume *r);
/* Appends the text of a partition. */
void weir_resume_put(weir_buf *to, const weir_frontier *f, const weir_resume *r);

/* The next text differs from all that were put lately. */
void weir_resume_stamp(weir_resume *r);

/* Had the commit that was read settled this record? */
bool weir_resume_is_settled(const weir_resume *r, int64_t offset);
/* How many of its attempts have failed. */
uint32_t weir_resume_attempts(const weir_resume *r, int64_t offset);
/* Notes that `attempts` of a record have failed; settled records make room. False: there is none,
 * or no memory. */
bool weir_resume_note(weir_resume *r, const weir_frontier *f, int64_t offset, uint32_t attempts);

#endif
